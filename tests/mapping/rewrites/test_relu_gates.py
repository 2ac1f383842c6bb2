"""`mapping.glu=relu`: relu(value) + skip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurosim.errors import CapabilityError, OptionError
from neurosim.formats import Coding, Format
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.rewrites.relu_gates import rectify_gates
from tests.engine.results import results
from tests.mapping.chips import make_chip

VALUE, GATE = np.array([[1.0, -2.0], [0.5, 1.0]]), np.array([[5.0, 1.0], [2.0, 3.0]])


def unit() -> Network:
    return Network("g", (Population("x", "input", 2), Population("g", "glu", 2, {"value_bias": [0.25, -0.5],
                                                                                   "gate_bias": 1.0})),
                   (Projection("x", "g", DenseWeights(VALUE), "value"),
                    Projection("x", "g", DenseWeights(GATE), "gate"),
                    Projection("x", "g", OneToOneWeights(np.array([2.0, 3.0])), "skip", delay_steps=1)), ("g",))


def test_what_it_computes() -> None:
    inputs = np.array([[1.0, 2.0], [-3.0, 0.5], [0.25, -1.0]])
    machine = map_network(unit(), make_chip(), MappingOptions(glu="relu"))
    found = results(machine, inputs[None], readout_tokens=True)[0].readout_tokens
    expected = []
    for token, x in enumerate(inputs):
        skip = inputs[token - 1] * [2.0, 3.0] if token else [0.0, 0.0]
        expected.append([max(0.0, x[0] * VALUE[0][post] + x[1] * VALUE[1][post] + bias) + skip[post]
                         for post, bias in enumerate((0.25, -0.5))])
    np.testing.assert_array_equal(found, expected)


def test_what_is_left_of_the_network() -> None:
    network = rectify_gates(unit())
    assert [(item.name, item.model) for item in network.populations] == [
        ("x", "input"), ("g.value", "relu"), ("g", "linear")]
    assert network.n_synapses == 4 + 2 + 2


def test_a_chip_that_cannot_multiply_names_the_rewrite() -> None:
    chip = make_chip(core__capabilities__multiply=False, core__capabilities__lookup_table=False)
    with pytest.raises(CapabilityError, match=r"lacks lookup_table, multiply\n  mend: .*; mapping.glu=relu"):
        map_network(unit(), chip)
    assert map_network(unit(), chip, MappingOptions(glu="relu")).n_cores == 1


def test_other_models_do_not_name_it() -> None:
    chip = make_chip(core__capabilities__multiply=False)
    network = Network("m", (Population("m", "mode", 1, {"a_real": 0.5, "a_imag": 0.1}),), ())
    with pytest.raises(CapabilityError) as caught:
        map_network(network, chip)
    assert "mapping.glu" not in str(caught.value)


def test_formats_are_refused() -> None:
    coded = replace(unit(), populations=(unit().populations[0], replace(
        unit().populations[1], codings={"graded": Coding(Format(8, 4))})))
    with pytest.raises(OptionError, match="mapping.glu=relu with population 'g', which has formats already"):
        rectify_gates(coded)
