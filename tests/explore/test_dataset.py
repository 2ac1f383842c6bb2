"""A data set in batches is one run of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurosim import api
from neurosim.errors import OptionError
from neurosim.explore import evaluate
from tests.cli.program import save_tiny


def test_batches_add_up_to_one_run(tmp_path: Path) -> None:
    network, data = save_tiny(tmp_path)
    whole = api.run(network, "generic-mesh", f"{data}:inputs", detail="analytic", workers=1)
    seen: list[tuple[int, int]] = []
    found = evaluate(network, "generic-mesh", f"{data}:inputs", batch=3, workers=2,
                     progress=lambda *at: seen.append(at))
    assert np.array_equal(found.readout, whole.readout)
    assert found.accuracy == whole.summary.accuracy
    assert found.energy == whole.summary.energy
    assert found.latency == whole.summary.latency.per_sample
    assert found.counts["spike_out"] == whole.trace.core_event_totals()["spike_out"]
    assert sorted(seen) in ([(1, 4), (4, 4)], [(3, 4), (4, 4)])


def test_a_batch_has_samples(tmp_path: Path) -> None:
    network, data = save_tiny(tmp_path)
    with pytest.raises(OptionError, match="batch = 0"):
        evaluate(network, "generic-mesh", f"{data}:inputs", batch=0)
