"""`mapping.sigma_delta`: changes on the wire, sums at the receivers, the same network at threshold 0."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim import api
from neurosim.engine.batch import BatchPass
from neurosim.errors import NetworkError, OptionError
from neurosim.export import to_nir
from neurosim.formats import Coding, Format
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.graph_io import load_network, save_network
from neurosim.machine import Float64Array
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.rewrites.sigma_delta import code_changes, why_not
from neurosim.resolve import mapping_options
from neurosim.traces.schema import SampleResult
from tests.engine.cases import fixed_case, machine_of
from tests.engine.cases import make_chip as make_engine_chip
from tests.engine.results import check_laws, differences, results
from tests.mapping.chips import make_chip

ENGINES = pytest.mark.parametrize("engine", ["compiled", "reference"])
# Eighths: their sums and products are exact, so that plain Python and both engines agree to the last bit.
GIVEN = np.array([[1.0, 0.0], [1.125, 0.0], [1.25, 2.0], [1.25, 2.0], [0.0, -1.0], [0.125, -1.0], [0.25, 0.0]])
WEIGHTS = np.array([[0.5, -1.0, 2.0], [0.25, 1.0, 0.0]])


def stream(delay_steps: int = 0, threshold: float | None = None) -> Network:
    """Return x -> a (sends changes) -> b, with a second way from x to b that sends values."""
    return Network("stream", (Population("x", "input", 2),
                              Population("a", "linear", 2, {"bias": [0.0, 0.5]}, change_threshold=threshold),
                              Population("b", "relu", 3)),
                   (Projection("x", "a", OneToOneWeights(np.array([1.0, 2.0]))),
                    Projection("a", "b", DenseWeights(WEIGHTS), delay_steps=delay_steps),
                    Projection("x", "b", DenseWeights(WEIGHTS[::-1].copy()))), ("b",))


def expected(delay_steps: int, threshold: float) -> tuple[list[list[float]], list[tuple[int, int, float]]]:
    """Return b at every token, and what `a` sends as (token, neuron, change): plain Python, receivers adding up."""
    known, sums = [0.0, 0.0], [0.0, 0.0, 0.0]
    on_the_way: dict[int, list[tuple[int, float]]] = {}
    answers, packets = [], []
    for token, given in enumerate(GIVEN):
        values = [given[0] * 1.0, given[1] * 2.0 + 0.5]
        for neuron in range(2):
            change = values[neuron] - known[neuron]
            if change != 0 and abs(change) >= threshold:
                known[neuron] += change
                packets.append((token, neuron, change))
                on_the_way.setdefault(token + delay_steps, []).append((neuron, change))
        for neuron, change in on_the_way.get(token, []):
            for post in range(3):
                sums[post] += WEIGHTS[neuron][post] * change
        plain = [given[0] * WEIGHTS[1][post] + given[1] * WEIGHTS[0][post] for post in range(3)]
        answers.append([max(0.0, sums[post] + plain[post]) for post in range(3)])
    return answers, packets


def run(network: Network, inputs: Float64Array, options: MappingOptions | None = None,
        **chosen: Any) -> tuple[Any, SampleResult]:
    machine = map_network(network, make_chip(), options or MappingOptions())
    found = results(machine, inputs[None], readout_tokens=True, **chosen)[0]
    if chosen.get("detail", "event") == "event":
        check_laws(machine, found)
    return machine, found


def sent_by(machine: Any, found: SampleResult, name: str) -> list[tuple[int, int, float]]:
    number = machine.population_names.index(name)
    kept = machine.output_population[found.spikes.output] == number
    token = found.spikes.step[kept] - machine.populations.stage[number]
    return sorted(zip(token.tolist(), found.spikes.neuron[kept].tolist(), found.spikes.value[kept].tolist(),
                      strict=True))


@ENGINES
@pytest.mark.parametrize("threshold", [0.0, 0.125, 0.2, 1.0])
@pytest.mark.parametrize("delay_steps", [0, 2])
def test_receivers_add_up_what_is_sent(delay_steps: int, threshold: float, engine: str) -> None:
    answers, packets = expected(delay_steps, threshold)
    machine, found = run(stream(delay_steps), GIVEN, MappingOptions(sigma_delta=threshold), engine=engine)
    np.testing.assert_array_equal(found.readout_tokens, answers)
    assert sent_by(machine, found, "a") == packets
    batch = BatchPass(lower_neurons(stream(delay_steps, threshold)), GIVEN[None], readout_tokens=True).run()
    assert batch.readout_tokens is not None
    np.testing.assert_array_equal(batch.readout_tokens[0], answers)


def test_a_threshold_keeps_small_changes_back() -> None:
    """The change of 0.125 at token 1 waits until another makes it 0.25."""
    _, packets = expected(0, 0.2)
    assert (1, 0, 0.125) not in packets and (2, 0, 0.25) in packets


@ENGINES
def test_nothing_is_kept_from_one_sample_to_the_next(engine: str) -> None:
    machine = map_network(stream(), make_chip(), MappingOptions(sigma_delta=0))
    found = results(machine, np.stack([GIVEN, GIVEN]), engine=engine, readout_tokens=True)
    np.testing.assert_array_equal(found[0].readout_tokens, found[1].readout_tokens)


def test_what_stands_still_is_not_sent() -> None:
    still = np.tile([[1.0, 2.0]], (10, 1))
    counts = []
    for choice in ("off", 0):
        machine, found = run(stream(), still, MappingOptions(sigma_delta=choice))   # type: ignore[arg-type]
        counts.append(len(sent_by(machine, found, "a")))
    assert counts == [20, 2]


def coded(bits: int) -> Network:
    """Return the stream in fixed point: payloads of `a` have `bits` bits in eighths."""
    wide, narrow = Coding(Format(24, 3)), Coding(Format(bits, 3))
    network = stream()
    codings = ({"graded": Coding(Format(12, 3))}, {"input": wide, "bias": Coding(Format(16, 3)), "graded": narrow},
               {"input": Coding(Format(24, 5)), "bias": Coding(Format(16, 5)), "graded": Coding(Format(16, 5))})
    return replace(network, populations=tuple(replace(item, codings=each) for item, each in
                                              zip(network.populations, codings, strict=True)),
                   projections=tuple(replace(item, coding=Coding(Format(8, 2))) for item in network.projections))


@ENGINES
@pytest.mark.parametrize("threshold", [0.0, 0.2])
def test_fixed_point_is_the_same_bit_for_bit(threshold: float, engine: str) -> None:
    """All numbers are whole eighths, so that integers compute what plain Python does."""
    answers, packets = expected(0, threshold)
    machine, found = run(coded(8), GIVEN, MappingOptions(sigma_delta=threshold), engine=engine, numbers="fixed")
    np.testing.assert_array_equal(found.readout_tokens, answers)
    assert sent_by(machine, found, "a") == packets
    assert found.overflows is not None and not found.overflows.any()
    batch = BatchPass(lower_neurons(code_changes(coded(8), threshold, make_chip())), GIVEN[None], "fixed",
                      readout_tokens=True).run()
    assert batch.readout_tokens is not None
    np.testing.assert_array_equal(batch.readout_tokens[0], answers)


@ENGINES
def test_a_change_that_a_packet_cannot_hold_comes_in_two(engine: str) -> None:
    """6 bits in eighths reach from -4 to 3.875; a change from 3.5 to -3.5 is -7: 3.875 now, 3.125 next."""
    given = np.zeros((4, 2))
    given[:, 0] = [3.5, -3.5, -3.5, -3.5]
    machine, found = run(coded(6), given, MappingOptions(sigma_delta=0), engine=engine, numbers="fixed")
    assert [item for item in sent_by(machine, found, "a") if item[1] == 0] == [
        (0, 0, 3.5), (1, 0, -3.875), (2, 0, -3.125)]
    assert found.overflows is not None and found.overflows.sum() == 1
    plain = run(coded(6), given, engine=engine, numbers="fixed")[1]
    assert found.readout_tokens is not None and plain.readout_tokens is not None
    np.testing.assert_array_equal(found.readout_tokens[2:], plain.readout_tokens[2:])
    assert (found.readout_tokens[1] != plain.readout_tokens[1]).any()
    batch = BatchPass(lower_neurons(code_changes(coded(6), 0, make_chip())), given[None], "fixed").run()
    assert batch.overflows.sum() == 1


@pytest.mark.parametrize("form", ["fused", "expanded"])
def test_trained_network_at_threshold_0_and_above(form: str) -> None:
    runs = {choice: api.run("digits", samples=4, detail="functional",
                            overrides=[f"mapping.ssm={form}", f"mapping.sigma_delta={choice}"])
            for choice in ("off", "0", "0.1")}
    np.testing.assert_array_equal(runs["0"].readout, runs["off"].readout)
    packets = {choice: run.summary.to_json()["packets"] for choice, run in runs.items()}
    assert packets["0.1"] < packets["0"] <= packets["off"]
    assert not np.array_equal(runs["0.1"].readout, runs["off"].readout)


def test_both_engines_agree_to_the_picosecond_on_random_networks() -> None:
    n_coded = 0
    for seed in range(40):
        case = fixed_case(seed)
        network = code_changes(case.network, 0.3, make_engine_chip(case.chip))
        if all(item.change_threshold is None for item in network.populations):
            continue
        n_coded += 1
        machine = machine_of(network, make_engine_chip(case.chip), case.mapping)
        found = [results(machine, case.inputs, engine=engine, numbers=case.numbers) for engine in
                 ("compiled", "reference")]
        assert not differences(*found), seed
    assert n_coded > 5


# --- who can, and who cannot -----------------------------------------------------------------------------------------

def test_reasons() -> None:
    network = Network("n", (Population("x", "input", 2), Population("a", "linear", 2), Population("m", "reduce", 1),
                            Population("slow", "linear", 2, period=2), Population("b", "linear", 2),
                            Population("s", "lif", 2, {"leak": 0.5}), Population("back", "linear", 2,
                                                                                 direction="reversed"),
                            Population("c", "linear", 2), Population("d", "linear", 2), Population("end", "linear", 2)),
                      (Projection("x", "a", OneToOneWeights(np.ones(2))),
                       Projection("a", "m", DenseWeights(np.ones((2, 1))), "max_abs"),
                       Projection("b", "slow", OneToOneWeights(np.ones(2))),
                       Projection("b", "s", OneToOneWeights(np.ones(2))),
                       Projection("c", "back", OneToOneWeights(np.ones(2))),
                       Projection("d", "end", OneToOneWeights(np.ones(2)))), ("end",))
    reasons = {item.name: why_not(network, item) for item in network.populations}
    assert reasons == {
        "x": "its values come from outside", "a": "m: port 'max_abs' takes the max_abs", "m": "it feeds nothing",
        "slow": "it feeds nothing", "b": "slow: they take different tokens", "s": "it sends spikes",
        "back": "it feeds nothing", "c": "back: they take the tokens in different order", "d": "",
        "end": "its values are read out"}
    with pytest.raises(OptionError, match=r"sigma_delta.a: it cannot send changes: m: port(.|\n)*allowed: d"):
        code_changes(network, {"a": 0.0}, make_chip())
    with pytest.raises(OptionError, match=r"sigma_delta.e: no such population"):
        code_changes(network, {"e": 0.0}, make_chip())
    changed = code_changes(network, 0.5, make_chip())
    assert [item.name for item in changed.populations if item.change_threshold is not None] == ["d"]
    with pytest.raises(NetworkError, match=r"a sends changes, and m cannot add them up: port 'max_abs' takes the max"):
        replace(network, populations=tuple(replace(item, change_threshold=0.0) if item.name == "a" else item
                                           for item in network.populations))


@pytest.mark.parametrize(("model", "threshold"), [("input", 0.0), ("lif", 0.0), ("linear", -1.0), ("linear", True),
                                                  ("linear", float("nan")), ("linear", float("inf"))])
def test_thresholds_that_a_population_refuses(model: str, threshold: float) -> None:
    with pytest.raises(NetworkError, match="change_threshold = "):
        Population("a", model, 2, {"leak": 0.5} if model == "lif" else {}, change_threshold=threshold)


@pytest.mark.parametrize("choice", [-0.5, "on", True, float("nan"), {"a": "off"}, {"a": -1}])
def test_choices_that_are_refused(choice: Any) -> None:
    with pytest.raises(OptionError, match=r"sigma_delta(.a)? = (.|\n)*allowed: a number from 0"):
        MappingOptions(sigma_delta=choice)


def test_one_population_by_name() -> None:
    assert mapping_options({"sigma_delta.layer0.glu": 0.25}).sigma_delta == {"layer0.glu": 0.25}
    assert mapping_options({"sigma_delta": 0.25}).sigma_delta == 0.25
    with pytest.raises(OptionError, match="give one of them"):
        mapping_options({"sigma_delta": 0.25, "sigma_delta.layer0.glu": 0.25})


# --- what it costs, and where it is kept -----------------------------------------------------------------------------

def test_memory_for_what_was_sent_and_what_was_summed() -> None:
    """The chip's words: a word of state for each neuron that sends, an accumulator for each that adds up."""
    used = [map_network(stream(), make_chip(), MappingOptions(sigma_delta=choice)).utilisation[0]
            for choice in ("off", 0)]
    name = next(key for key in used[0] if "state" in key)
    assert used[1][name][0] - used[0][name][0] == 2 * 24 + 3 * 24


def test_network_files_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    save_network(stream(threshold=0.25), path)
    assert load_network(path).population("a").change_threshold == 0.25
    assert load_network(path).population("b").change_threshold is None


def test_formats_that_cannot_say_it_say_so(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="sends changes"):
        to_nir(stream(threshold=0.25), tmp_path / "net.nir")
