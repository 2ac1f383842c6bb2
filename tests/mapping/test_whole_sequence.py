"""Networks that look into the future: phases, buffers, refusals, and the sum over both directions by hand."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim import api
from neurosim.engine.batch import BatchPass
from neurosim.errors import CapacityError, DataError, NetworkError, OptionError
from neurosim.graph import Network, OneToOneWeights, Population, Projection
from neurosim.mapping import MappingOptions, describe, map_network, map_with_details, render
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.schedule import stage_network
from tests.engine.results import results
from tests.mapping.chips import make_chip

ONE = OneToOneWeights(np.ones(1))
WHOLE = MappingOptions(schedule="whole_sequence", sequence_length=8)


def both_ways(delay: int = 1) -> Network:
    """y[t] = sum over s <= t of a^(t-s) u[s] + sum over s > t of b^(s-t-1) u[s] (with delay 1), and + u[t]."""
    return Network("both", (
        Population("u", "input", 1), Population("ahead", "integrator", 1, {"leak": 0.5}),
        Population("back", "integrator", 1, {"leak": 0.25}, direction="reversed"), Population("y", "linear", 1)),
        (Projection("u", "ahead", ONE), Projection("u", "back", ONE), Projection("ahead", "y", ONE),
         Projection("back", "y", ONE, delay_steps=delay), Projection("u", "y", ONE)), ("y",))


def by_hand(values: np.ndarray, delay: int) -> list[float]:
    n = len(values)
    return [sum(0.5 ** (t - s) * values[s] for s in range(t + 1))
            + sum(0.25 ** (s - t - delay) * values[s] for s in range(t + delay, n)) + values[t] for t in range(n)]


@pytest.mark.parametrize("delay", [0, 1, 2])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_both_directions_by_hand(delay: int, engine: str) -> None:
    values = np.array([1.0, 0.0, -2.0, 0.5, 3.0])
    machine = map_network(both_ways(delay), make_chip(), WHOLE)
    [result] = results(machine, values[None, :, None], engine=engine, readout_tokens=True)
    assert result.readout_tokens is not None
    np.testing.assert_allclose(result.readout_tokens[:, 0], by_hand(values, delay), rtol=1e-15)


def test_the_batch_pass_reads_backward_too() -> None:
    values = np.random.default_rng(0).normal(size=(3, 6, 1))
    seen = np.zeros((3, 6))

    def watch(update):
        if update.population == 3:
            seen[update.samples, update.token] = update.output[0, :, 0]

    BatchPass(lower_neurons(both_ways()), values).run(watch)
    np.testing.assert_allclose(seen, [by_hand(sample[:, 0], 1) for sample in values], rtol=1e-14)


def test_phases_follow_the_changes_of_direction() -> None:
    staging = stage_network(both_ways(), "whole_sequence", 4)
    assert staging.phase.tolist() == [0, 0, 1, 2]
    assert staging.schedule.n_phases == 3
    assert staging.schedule.n_steps(4) == 3 * 4 - 1 + staging.schedule.depth


def test_buffers_count_as_memory() -> None:
    def state_bits(length: int) -> int:
        options = MappingOptions(schedule="whole_sequence", sequence_length=length)
        machine = map_with_details(both_ways(), make_chip(), options).machine
        return machine.utilisation[0]["state_bits"][0]

    # A charge per token on the input of `back` and on that of `y`.
    assert state_bits(9) - state_bits(8) == 2 * make_chip().core.accumulator_bits
    with pytest.raises(CapacityError, match="state_memory_bits"):
        state_bits(10**6)


@pytest.mark.parametrize("schedule", ["pipelined", "fall_through"])
def test_a_stream_cannot_be_read_backward(schedule: str) -> None:
    with pytest.raises(OptionError, match=r"back take the tokens from the last(.|\n)*whole_sequence"):
        map_network(both_ways(), make_chip(), MappingOptions(schedule=schedule))  # type: ignore[arg-type]


def test_the_length_of_the_buffers_must_be_known() -> None:
    with pytest.raises(OptionError, match=r"mapping\.sequence_length is missing"):
        map_network(both_ways(), make_chip(), MappingOptions(schedule="whole_sequence"))
    machine = map_network(both_ways(), make_chip(), WHOLE)
    with pytest.raises(DataError, match=r"9 tokens(.|\n)*sequence_length=9"):
        results(machine, np.zeros((1, 9, 1)))


def test_a_run_takes_the_length_from_its_data() -> None:
    run = api.run(both_ways(), "generic-mesh", np.ones((2, 5, 1)), schedule="whole_sequence")
    assert run.readout[:, 0].tolist() == pytest.approx([by_hand(np.ones(5), 1)[-1]] * 2)
    assert run.summary.latency.per_token is not None and run.summary.latency.per_token.n == 2 * 4


def test_the_mapping_says_what_is_buffered() -> None:
    text = render(describe(map_network(both_ways(), make_chip(), WHOLE)))
    assert "stages, 3 phases, buffers for 8 tokens" in text


def test_recurrence_between_directions_is_refused() -> None:
    network = both_ways()
    loop = Projection("y", "back", ONE, delay_steps=1)
    with pytest.raises(NetworkError, match="both directions: back, y"):
        stage_network(Network("loop", network.populations, (*network.projections, loop), ("y",)), "whole_sequence", 4)


def test_inputs_and_readouts_go_forward() -> None:
    with pytest.raises(NetworkError, match="direction"):
        Population("u", "input", 1, direction="reversed")
    with pytest.raises(NetworkError, match="readout back"):
        network = both_ways()
        Network("both", network.populations, network.projections, ("back",))
