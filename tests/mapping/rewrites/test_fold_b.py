"""`fold_b`: the same function, another range of the state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import neurosim
from neurosim.engine.batch import BatchPass
from neurosim.errors import OptionError
from neurosim.formats import Coding, Format
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.mapping import MappingOptions
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.rewrite import rewritten
from tests.mapping.chips import make_chip


def small_b() -> Network:
    random = np.random.default_rng(0)
    shape = (5, 3)
    angle = random.uniform(0, 1, shape)
    modes = {"a_real": 0.97 * np.cos(angle), "a_imag": 0.97 * np.sin(angle),
             "b_real": random.uniform(0.002, 0.01, shape), "b_imag": random.normal(0, 0.003, shape),
             "c_real": random.normal(size=shape), "c_imag": random.normal(size=shape)}
    return Network("s4d", (Population("x", "input", 2), Population("y", "ssm", 5, modes, n_modes=3)),
                   (Projection("x", "y", DenseWeights(random.normal(size=(2, 5)))),), ("y",))


def test_folding_changes_the_state_and_not_the_output() -> None:
    inputs = np.random.default_rng(1).normal(size=(4, 40, 2))
    kept, folded = small_b(), rewritten(small_b(), MappingOptions(fold_b=True), make_chip())
    largest, readouts = [], []
    for network in (kept, folded):
        reach = [0.0]
        found = BatchPass(lower_neurons(network), inputs).run(
            lambda update, reach=reach: reach.append(np.abs(update.state).max(initial=0)))
        largest.append(max(reach))
        readouts.append(found.readout)
    np.testing.assert_allclose(readouts[1], readouts[0], rtol=1e-12, atol=1e-13)
    assert largest[1] > 50 * largest[0]
    assert np.all(folded.populations[1].parameters["b_real"] == 1)


def test_without_the_option_nothing_changes() -> None:
    network = small_b()
    assert rewritten(network, MappingOptions(), make_chip()) is network


def test_formats_of_the_unfolded_network_are_refused() -> None:
    network = small_b()
    population = replace(network.populations[1], codings={"h": Coding(Format(24, 12))})
    quantised = replace(network, populations=(network.populations[0], population))
    with pytest.raises(OptionError, match="fold_b.*has formats already"):
        rewritten(quantised, MappingOptions(fold_b=True), make_chip())


def test_expanded_channels_fold_before_formats_are_chosen() -> None:
    """Folded, expanded, quantised, and rewritten again by the mapping: the second time there is nothing to fold."""
    options = ["mapping.ssm=expanded", "mapping.fold_b=true"]
    plain = neurosim.run("digits", samples=2, numbers="fixed", detail="functional", overrides=options[:1])
    folded = neurosim.run("digits", samples=2, numbers="fixed", detail="functional", overrides=options)
    assert np.abs(folded.readout - plain.readout).max() < 0.1 * np.abs(plain.readout).max()
    assert not np.array_equal(folded.readout, plain.readout)
