"""Chips without published figures: networks fit or do not fit, and are never run."""

from __future__ import annotations

import numpy as np
import pytest

from hw_models import ConfigError, load_chip
from neurosim import api
from neurosim.errors import CapabilityError, CapacityError
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.mapping import describe, map_network
from neurosim.mapping.capacity import describe_capacity, render_capacity, with_blanks


def spiking(n_inputs: int = 20, n_neurons: int = 300, leak: float = 0.9) -> Network:
    weights = np.full((n_inputs, n_neurons), 0.5)
    return Network("spiking", (Population("pixels", "input", n_inputs, attributes={"payload": "spike"}),
                               Population("neurons", "lif", n_neurons, {"leak": leak})),
                   (Projection("pixels", "neurons", DenseWeights(weights)),), readouts=("neurons",))


def rectified(n_inputs: int, n_neurons: int) -> Network:
    return Network("rectified", (Population("pixels", "input", n_inputs), Population("units", "relu", n_neurons)),
                   (Projection("pixels", "units", DenseWeights(np.full((n_inputs, n_neurons), 0.5))),),
                   readouts=("units",))


def test_what_fits_is_described_with_the_reason_and_the_power() -> None:
    found = describe_capacity(spiking(), load_chip("brainscales2"))
    assert found["cores_used"] == 2         # 300 neurons on cores of 256
    assert [core["resources"]["neurons"]["limit"] for core in found["cores"]] == [256, 256]
    assert found["power_mw"] == {"value": 200, "low": 150, "high": 1000}
    text = render_capacity(found)
    assert "does not run" in text and "200 mW (150 to 1000)" in text and "analog circuits" in text


def test_memory_decides_how_many_cores_a_layer_takes() -> None:
    """1024 x 512 weights of 4 bits: 2 Mibit, and a processor has 838 848 bits for them and the state."""
    found = describe_capacity(rectified(1024, 512), load_chip("akida"))
    assert found["cores_used"] >= 3
    used = sum(core["resources"]["synapse_words"]["used"] for core in found["cores"])
    assert used * 32 >= 1024 * 512 * 4


def test_what_does_not_fit_names_the_limit() -> None:
    with pytest.raises(CapacityError, match="need 3 cores, have 2"):
        describe_capacity(spiking(n_neurons=600), load_chip("brainscales2"))
    with pytest.raises(CapabilityError, match=r"akida lacks models \(lif is not among linear, relu\)"):
        describe_capacity(spiking(), load_chip("akida"))


@pytest.mark.parametrize("name", ["akida", "brainscales2"])
def test_nothing_is_run(name: str) -> None:
    network = rectified(4, 4) if name == "akida" else spiking(4, 4)
    for refused in (lambda: map_network(network, load_chip(name)),
                    lambda: api.run(network, name, np.ones((1, 2, 4)))):
        with pytest.raises(ConfigError) as caught:
            refused()
        assert load_chip(name).unpublished in str(caught.value)
        assert "neurosim map" in str(caught.value) and "power x duration" in str(caught.value)


def test_blanks_change_no_count() -> None:
    """On a chip with figures, the placement with blank ones is the same."""
    chip = load_chip("generic-mesh")
    network = spiking(40, 3000)
    with_figures, blank = describe(map_network(network, chip)), describe(map_network(network, with_blanks(chip)))
    assert with_figures == blank


@pytest.mark.parametrize(("name", "model"), [("tianjic", "relu"), ("akida", "relu")])
def test_a_listed_model_is_wired_in_and_needs_no_program(name: str, model: str) -> None:
    from neurosim.mapping.capabilities import missing_capabilities

    chip, network = load_chip(name), rectified(4, 4)
    assert missing_capabilities(network, network.populations[1], chip) == {}
    gelu = Network("g", (network.populations[0], Population("units", "gelu", 4)), network.projections,
                   readouts=("units",))
    assert {"models", "programmable"} <= set(missing_capabilities(gelu, gelu.populations[1], chip))
