"""Power at a rate of tokens, from its parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurosim import api
from neurosim.errors import OptionError
from neurosim.explore import duty
from tests.cli.program import save_tiny


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("duty")
    network, data = save_tiny(folder)
    path = folder / "run.h5"
    api.run(network, "generic-mesh", f"{data}:inputs", trace=path, detail="analytic", workers=1)
    return path


def test_power_is_the_sum_of_its_parts(trace: Path) -> None:
    summary = api.summarise(trace)
    token_s, bill = summary.simulated_s / summary.tokens, summary.energy
    static_w = bill.static_j / summary.simulated_s
    found = duty(trace, 1000.0)
    busy = 1000.0 * token_s
    assert found.keeps_up and found.busy_share == pytest.approx(busy)
    assert found.active_w == pytest.approx(1000.0 * bill.dynamic_j / summary.tokens + busy * static_w)
    assert found.idle_w == pytest.approx((1 - busy) * static_w)
    assert found.power_w == pytest.approx(found.active_w + found.idle_w)
    assert found.energy_per_token_j == pytest.approx(found.power_w / 1000.0)
    assert found.power_low_w <= found.power_w <= found.power_high_w
    assert found.active_w < found.power_cores_off_w < found.power_w
    assert found.highest_rate_hz == pytest.approx(1 / token_s)


def test_at_its_highest_rate_a_chip_never_waits(trace: Path) -> None:
    summary = api.summarise(trace)
    found = duty(trace, duty(trace, 1.0).highest_rate_hz)
    assert found.idle_w == pytest.approx(0, abs=1e-12 * found.power_w)
    assert found.power_w == pytest.approx(summary.energy.total_j / summary.simulated_s)
    beyond = duty(trace, 1e9)
    assert not beyond.keeps_up and beyond.busy_share == 1.0
    assert beyond.power_w == pytest.approx(found.power_w)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_rates_are_checked(trace: Path, rate: float) -> None:
    with pytest.raises(OptionError, match="tokens per second"):
        duty(trace, rate)
