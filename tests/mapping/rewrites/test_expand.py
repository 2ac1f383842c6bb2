"""`mapping.ssm=expanded`: a neuron per mode computes what the fused soma computes, bit for bit in float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurosim import api
from neurosim.engine.batch import BatchPass
from neurosim.errors import CapabilityError, OptionError
from neurosim.formats import Coding, Format
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
    Weights,
)
from neurosim.machine import Float64Array
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.rewrite import rewritten
from neurosim.mapping.rewrites.expand import expand_channels
from neurosim.traces.schema import SampleResult
from tests.engine.results import results
from tests.mapping.chips import make_chip

KINDS = {"ssm": {"activation": ("none", "gelu", "relu")}, "ssm_heaviside": {"comparator": (">=", ">")},
         "ssm_lif": {"comparator": (">=", ">")}}
VARIANTS = [(model, {name: choice}) for model, attributes in KINDS.items()
            for name, choices in attributes.items() for choice in choices]
N_TOKENS = 12


def weights_of(kind: str, n_pre: int, size: int, random: np.random.Generator) -> Weights:
    if kind == "dense":
        return DenseWeights(random.normal(size=(n_pre, size)))
    if kind == "sparse":
        return SparseWeights(np.arange(n_pre + 1) * 2, np.sort(random.permuted(np.tile(np.arange(size), (n_pre, 1)),
                                                                               axis=1)[:, :2]).reshape(-1),
                             random.normal(size=2 * n_pre), size)
    if kind == "convolution":
        return ConvolutionWeights(random.normal(size=(1, 1, 1, 3)), (1, 1, size), (1, 1, size), padding=(0, 1))
    return OneToOneWeights(random.normal(size=size))


def channels(model: str, attributes: dict[str, str], kind: str, seed: int, **changes: Any) -> Network:
    """Return channels between an input and a readout, with a loop from what they send back to them."""
    random = np.random.default_rng(seed)
    size, n_modes = 5, int(random.integers(2, 5))
    shape, angle = (size, n_modes), random.uniform(0, 3, (size, n_modes))
    values: dict[str, Any] = {
        "a_real": 0.95 * np.cos(angle), "a_imag": 0.95 * np.sin(angle),
        "b_real": random.normal(size=shape), "b_imag": random.normal(size=shape),
        "c_real": random.normal(size=shape), "c_imag": random.normal(size=shape),
        "d": random.normal(size=size), "bias": random.choice([0.0, 0.3], size)}
    if model != "ssm":
        values["threshold"] = random.uniform(0.3, 3, size)
    n_pre = 3 if kind == "dense" else size
    delay_steps = int(random.integers(0, 3))
    populations = (Population("x", "input", n_pre), Population("y", model, size, values | changes, attributes, n_modes),
                   Population("z", "linear", 2))
    projections = (Projection("x", "y", weights_of(kind, n_pre, size, random), delay_steps=delay_steps),
                   Projection("y", "y", OneToOneWeights(random.normal(0, 0.2, size)), delay_steps=1),
                   Projection("y", "z", DenseWeights(random.normal(size=(size, 2)))))
    return Network("channels", populations, projections, ("z",))


def without_loop(network: Network) -> Network:
    return replace(network, projections=(network.projections[0], network.projections[2]))


def answers(network: Network, inputs: Float64Array, **options: Any) -> tuple[list[Any], list[Any]]:
    """Return the read-outs of every token, and what the population `y` sent: (token, neuron, value)."""
    machine = map_network(network, make_chip(), MappingOptions(ssm="fused", readout_every_token=True))
    found = results(machine, inputs, detail="functional", readout_tokens=True, **options)
    return [item.readout_tokens for item in found], [sent_by(machine, item) for item in found]


def sent_by(machine: Any, result: SampleResult) -> list[tuple[float, ...]]:
    number = machine.population_names.index("y")
    kept = machine.output_population[result.spikes.output] == number
    token = (result.spikes.step[kept] - machine.populations.stage[number]) // machine.schedule.interval
    columns = (token, result.spikes.neuron[kept], result.spikes.value[kept])
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def inputs_of(network: Network, seed: int) -> Float64Array:
    random = np.random.default_rng(seed)
    values = random.normal(size=(2, N_TOKENS, network.populations[0].size))
    return np.where(random.random(values.shape) < 0.3, 0.0, values)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("kind", ["dense", "sparse", "one_to_one", "convolution"])
@pytest.mark.parametrize(("model", "attributes"), VARIANTS)
def test_expanded_equals_fused_to_the_last_bit(model: str, attributes: dict[str, str], kind: str, engine: str) -> None:
    for seed in range(3):
        fused = channels(model, attributes, kind, seed)
        fused = without_loop(fused) if seed == 0 else fused
        expanded, inputs = expand_channels(fused), inputs_of(fused, seed)
        ours, theirs = (answers(network, inputs, engine=engine) for network in (expanded, fused))
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1] == theirs[1]
        assert theirs[1][0], "the channels never sent"


@pytest.mark.parametrize("network", ["lif", "binary", "gsu"])
def test_trained_networks_to_the_last_bit(network: str) -> None:
    runs = [api.run("digits", network=network, samples=3, detail="functional", overrides=[f"mapping.ssm={form}"])
            for form in ("fused", "expanded")]
    np.testing.assert_array_equal(runs[1].readout, runs[0].readout)
    groups = [group for group in runs[0].trace.spike_groups if runs[0].trace.group_kind(group) != "graded"]
    assert groups
    for group in groups:
        fused, expanded = (run.trace.spikes(group) for run in runs)
        for column in ("sample", "neuron"):
            np.testing.assert_array_equal(getattr(expanded, column), getattr(fused, column))


@pytest.mark.parametrize("network", ["lif", "binary", "gsu"])
def test_fixed_point_keeps_the_accuracy_and_both_engines_agree(network: str) -> None:
    found = api.quantize("digits", network=network, samples=20, overrides=["mapping.ssm=expanded"])
    modes = found.network.population("layer0.ssm.modes")
    assert modes.n_modes == 1 and {"h", "c", "graded"} <= modes.codings.keys()
    assert found.report.accuracy_fixed is not None and found.report.accuracy_float is not None
    assert found.report.accuracy_fixed >= found.report.accuracy_float - 0.05
    machine = map_network(found.network, api.load_chip("loihi2"))
    inputs = api.find_source("digits").scenario.inputs(1)[:1, :10]     # type: ignore[union-attr]
    ours, theirs = (results(machine, inputs, detail="functional", numbers="fixed", engine=engine)[0]
                    for engine in ("compiled", "reference"))
    np.testing.assert_array_equal(ours.readout, theirs.readout)
    np.testing.assert_array_equal(BatchPass(lower_neurons(found.network), inputs, "fixed").run().readout[0],
                                  ours.readout)


def test_structure() -> None:
    fused = channels("ssm_lif", {}, "one_to_one", 0)
    expanded = expand_channels(without_loop(fused))
    n_modes = fused.population("y").n_modes
    assert [(item.name, item.model, item.size) for item in expanded.populations] == [
        ("x", "input", 5), ("y.modes", "ssm", 5 * (n_modes + 1)), ("y", "scaled_lif", 5), ("z", "linear", 2)]
    modes = expanded.population("y.modes")
    np.testing.assert_array_equal(modes.parameters["c_real"].reshape(5, -1)[:, :-1],
                                  fused.population("y").parameters["c_real"])
    np.testing.assert_array_equal(modes.parameters["d"].reshape(5, -1)[:, -1], fused.population("y").parameters["d"])
    assert expanded.readouts == fused.readouts


def test_without_d_there_is_no_neuron_for_it() -> None:
    expanded = expand_channels(without_loop(channels("ssm", {}, "one_to_one", 0, d=0.0)))
    assert expanded.population("y.modes").size == 5 * channels("ssm", {}, "one_to_one", 0).population("y").n_modes


def test_where_many_synapses_meet_they_are_summed_once() -> None:
    fused = channels("ssm", {}, "dense", 0)
    expanded = expand_channels(without_loop(fused))
    assert expanded.population("y.input").model == "linear"
    assert expanded.n_synapses == without_loop(fused).n_synapses + 2 * expanded.population("y.modes").size


def test_a_second_pass_changes_nothing() -> None:
    expanded = expand_channels(channels("ssm_lif", {}, "one_to_one", 0))
    assert rewritten(expanded, MappingOptions(ssm="expanded"), make_chip()) is expanded


def test_direction_and_period_are_kept() -> None:
    fused = channels("ssm", {}, "one_to_one", 1)
    turned = replace(fused, populations=(fused.populations[0], replace(fused.population("y"), direction="reversed"),
                                         fused.populations[2]), projections=fused.projections[::2])
    inputs = inputs_of(fused, 0)
    found = [BatchPass(lower_neurons(network), inputs).run().readout for network in (turned, expand_channels(turned))]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    slow = replace(fused, populations=(fused.populations[0], replace(fused.population("y"), period=3),
                                       replace(fused.populations[2], period=3)),
                   projections=(fused.projections[0], fused.projections[2]))
    assert expand_channels(slow).population("y.modes").period == 3


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_states_are_emptied_together(engine: str) -> None:
    fused = without_loop(channels("ssm_lif", {}, "one_to_one", 2))
    emptied = replace(fused, populations=(fused.populations[0], replace(fused.population("y"), reset_period=4,
                                                                        reset_offset=1), fused.populations[2]))
    inputs = inputs_of(fused, 2)
    ours, theirs, never = (answers(network, inputs, engine=engine)
                           for network in (expand_channels(emptied), emptied, fused))
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1] != never[1]


def test_the_chip_decides_unless_told() -> None:
    network, fused, expanded = channels("ssm", {}, "one_to_one", 0), make_chip(), make_chip(
        core__state_space="expanded")
    assert rewritten(network, MappingOptions(), fused) is network
    assert rewritten(network, MappingOptions(ssm="fused"), expanded) is network
    assert "y.modes" in [item.name for item in rewritten(network, MappingOptions(), expanded).populations]
    assert "y.modes" in [item.name for item in rewritten(network, MappingOptions(ssm="expanded"), fused).populations]


def with_formats(network: Network) -> Network:
    coded = replace(network.population("y"), codings={"h": Coding(Format(24, 12))})
    return replace(network, populations=(network.populations[0], coded, network.populations[2]))


def test_formats_of_fused_channels_are_refused() -> None:
    network = with_formats(channels("ssm", {}, "one_to_one", 0))
    with pytest.raises(OptionError, match=r"mapping.ssm=expanded with population 'y', which has formats.*\n.*\n"
                                          r"  mend: quantise the network expanded"):
        rewritten(network, MappingOptions(ssm="expanded"), make_chip())
    with pytest.warns(UserWarning, match="prefers expanded state-space channels; y have formats of fused ones"):
        assert rewritten(network, MappingOptions(), make_chip(core__state_space="expanded")) is network


def test_a_chip_without_complex_state_runs_them_expanded_and_says_so() -> None:
    network, chip = channels("ssm", {}, "one_to_one", 0), make_chip(core__capabilities__complex_state=False)
    with pytest.raises(CapabilityError, match=r"lacks complex_state(.|\n)*mend: mapping.ssm=expanded"):
        map_network(network, chip)
    assert map_network(network, chip, MappingOptions(ssm="expanded")).n_cores


def test_wrong_choice() -> None:
    with pytest.raises(OptionError, match=r"ssm = 'both'\n  allowed: auto, fused, expanded"):
        MappingOptions(ssm="both")      # type: ignore[arg-type]
