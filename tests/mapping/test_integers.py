from __future__ import annotations

import numpy as np
import pytest

from hw_models.load import load_chip
from neurosim.calibrate import quantized
from neurosim.mapping import integers as module
from neurosim.mapping import map_network
from neurosim.mapping.integers import IntegerWeights
from neurosim.scales import integer_weights
from tests.mapping.networks import spiking_ssm


def test_a_mapping_quantises_each_projection_once(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = load_chip("loihi2")
    network = quantized(spiking_ssm(8, 2, 1, 3), chip, np.random.default_rng(0).random((1, 4, 1)))
    plain = map_network(network, chip)
    asked: list[str] = []

    def counted(weights: object, coding: object, name: str) -> object:
        asked.append(name)
        return integer_weights(weights, coding, name)       # type: ignore[arg-type]

    monkeypatch.setattr(module, "integer_weights", counted)
    fixed = map_network(network, chip).fixed
    assert len(asked) == len(set(asked)) > 4
    assert fixed is not None and plain.fixed is not None
    assert np.array_equal(fixed.weights, plain.fixed.weights)


def test_only_what_was_looked_at_is_taken() -> None:
    chip = load_chip("loihi2")
    network = quantized(spiking_ssm(8, 2, 1, 3), chip, np.random.default_rng(0).random((1, 4, 1)))
    first, other = (item for item in network.projections[:2])
    kept = IntegerWeights()
    assert first.coding is not None and other.coding is not None
    looked = kept.look(first.weights, first.coding, first.name)
    assert kept.take(first.weights, first.coding, first.name) is looked
    assert kept.take(first.weights, first.coding, first.name) is not looked
    kept.look(first.weights, first.coding, first.name)
    found = kept.take(other.weights, other.coding, first.name)      # another projection of that name
    assert np.array_equal(found, integer_weights(other.weights, other.coding, first.name))
