"""Both engines in fixed point: the same integers, overflows, packets and times."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from neurosim.engine.contract import DETAILS
from neurosim.errors import OptionError, SimulationError
from neurosim.formats import Coding, Format
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.machine import Machine
from neurosim.mapping import map_network
from tests.engine.cases import fixed_case, machine_of, make_chip
from tests.engine.coded import coded, with_other_models
from tests.engine.results import check_laws, differences, function_of, results

N_CASES = 150
WIDE = {"core.state_bits": 24, "core.accumulator_bits": 24, "core.parameter_bits": 16, "core.weight_bits": 8,
        "noc.payload_bits": 24}


def machine_and_inputs(seed: int) -> tuple[Machine, np.ndarray]:
    case, random = fixed_case(seed), np.random.default_rng(seed)
    network = coded(with_other_models(case.network, random), random)
    mapping = case.mapping if seed % 3 else {**case.mapping, "max_neurons_per_core": None}
    return machine_of(network, make_chip({**case.chip, **WIDE, "noc.columns": 4, "noc.rows": 4}), mapping), case.inputs


@pytest.mark.parametrize("first", range(0, N_CASES, 50))
def test_engines_agree(first: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, first + 50):
        machine, inputs = machine_and_inputs(seed)
        detail = DETAILS[seed % 3]
        chosen = {"detail": detail, "numbers": "fixed", "readout_tokens": bool(seed % 2), "seed": seed}
        compiled = results(machine, inputs, engine="compiled", **chosen)
        reference = results(machine, inputs, engine="reference", **chosen)
        assert not differences(compiled, reference), f"case {seed}"
        if detail == "event":
            for result in compiled:
                check_laws(machine, result)
        seen["overflow"] += any(result.overflows is not None and result.overflows.any() for result in compiled)
        seen["graded"] += any((np.abs(result.spikes.value) % 1 > 0).any() for result in compiled)
    assert min(seen["overflow"], seen["graded"]) > 5, seen


def test_integers_are_the_same_on_every_chip_schedule_and_detail() -> None:
    for seed in range(40):
        case, random = fixed_case(seed), np.random.default_rng(seed)
        network = coded(case.network, random)
        found = []
        streaming = () if network.needs_whole_sequence else (("pipelined", {}), ("fall_through", {"noc.columns": 3}))
        for schedule, chip in (*streaming, ("whole_sequence", {"core.capabilities.convolution": False})):
            machine = machine_of(network, make_chip({**chip, **WIDE}), {"schedule": schedule, "sequence_length": 6})
            for detail in ("functional", "event"):
                found.append([function_of(machine, result) for result in results(
                    machine, case.inputs, detail=detail, numbers="fixed")])
        assert all(item == found[0] for item in found[1:]), f"case {seed}"


def two_neurons(**formats: str) -> Network:
    codings = {"input": "s24.8", "bias": "s16.8", "graded": "s16.8"} | formats
    return Network("two", (Population("x", "input", 1, codings={"graded": Coding(Format.parse("s16.8"))}),
                           Population("y", "linear", 2, codings={
                               name: Coding(Format.parse(text)) for name, text in codings.items()})),
                   (Projection("x", "y", DenseWeights(np.array([[1.0, -1.0]])), coding=Coding(Format(8, 6))),), ("y",))


def test_overflows_are_counted_where_and_when_they_happen() -> None:
    machine = map_network(two_neurons(graded="s8.4"), make_chip())     # holds -8 to 7.94
    [result] = results(machine, np.array([[[1.0], [9.0], [200.0], [-0.5]]]), numbers="fixed")
    stages = machine.populations.stage
    expected = np.zeros_like(result.overflows)
    expected[stages[0] + 2, 0] = 1              # 200 does not fit s16.8
    expected[stages[1] + 1, 1] = 2              # 9 and -9
    expected[stages[1] + 2, 1] = 2
    assert np.array_equal(result.overflows, expected)


def test_an_overflow_may_end_the_run() -> None:
    machine = map_network(two_neurons(graded="s8.4/floor/error"), make_chip())
    for engine in ("compiled", "reference"):
        with pytest.raises(SimulationError, match="step 2: 2 values of population 'y' do not fit"):
            results(machine, np.array([[[1.0], [9.0]]]), numbers="fixed", engine=engine)


def test_stochastic_rounding_follows_the_seed() -> None:
    machine = map_network(two_neurons(graded="s16.0/stochastic"), make_chip())
    inputs = np.full((2, 50, 1), 0.5)
    runs = [[result.readout_tokens for result in results(machine, inputs, numbers="fixed", seed=seed,
                                                         readout_tokens=True)] for seed in (0, 0, 1)]
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0][0], runs[0][1]), "two samples drew the same"
    assert 0.3 < np.mean(np.array(runs)[..., 0]) < 0.7


def test_a_network_without_formats_is_refused() -> None:
    machine = fixed_case(0).machine
    with pytest.raises(OptionError, match="without formats.*\n.*\n.*neurosim quantize"):
        results(machine, fixed_case(0).inputs, numbers="fixed")
