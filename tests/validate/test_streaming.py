"""Networks that stream: their shapes, time and energy per token by hand, and drawn figures."""

from __future__ import annotations

import numpy as np
import pytest

from hw_models.load import load_chip
from hw_models.schema import Chip
from neurosim.graph import Network, OneToOneWeights, Population, Projection
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.rewrites.expand import expand_channels
from neurosim.validate import Row, run_targets, s4d, s5
from neurosim.validate.corners import at_end, drawn
from neurosim.validate.runs import one_sample
from neurosim.validate.streams import stream, token_uj, token_us


@pytest.mark.parametrize("shape", [s4d.SMALL, s4d.LARGE])
def test_s4d_has_the_published_states(shape: s4d.Shape) -> None:
    """Four layers of channels x modes neurons, one complex mode each, and one more per channel for d."""
    network = expand_channels(s4d.network_of(shape))
    modes = [item for item in network.populations if item.name.endswith(".modes")]
    assert [item.size for item in modes] == [shape.width * (shape.n_modes + 1)] * 4
    assert {item.n_modes for item in modes} == {1}
    assert 4 * shape.width * shape.n_modes == {64: 8192, 128: 32768}[shape.width]
    assert all((np.hypot(item.parameters["a_real"], item.parameters["a_imag"]) < 1).all() for item in modes)


def test_s5_is_pruned() -> None:
    network = s5.network_of(0.5)
    sizes = {item.name: item.size for item in network.populations}
    assert (sizes["layer0.modes"], sizes["layer2.stream"], sizes["decoder"]) == (64, 96, 257)
    pruned = [item for item in network.projections if not isinstance(item.weights, OneToOneWeights)]
    full = sum(item.weights.shape[0] * item.weights.shape[1] for item in pruned)
    assert sum(item.weights.n_synapses for item in pruned) / full == pytest.approx(0.1, abs=0.005)
    assert s5.network_of(1.0).population("layer0.modes").size == 128


def one_core_chip() -> Chip:
    """Two programmed updates of 10 and 6 ns and 4 pJ, a barrier of 100 ns, 1 mW; all else is free."""
    chip = load_chip("generic-mesh")
    free = [f"core.costs.{name}.{what}=0" for name, cost in chip.core.costs or () if cost is not None
            for what in ("energy_pj", "latency_ns")]
    noc = [f"noc.{name}=0.001" for name in ("router_latency_ns", "link_latency_ew_ns", "link_latency_ns_ns",
                                        "eject_latency_ns")]
    hops = [f"noc.costs.{name}=0" for name, _ in chip.noc.costs or ()]
    given = ["core.costs.program_active.latency_ns=10", "core.costs.program_inactive.latency_ns=6",
             "core.costs.program_active.energy_pj=4", "barrier_pj=0", "power.chip_idle_mw=1",
             "power.core_active_mw=0", "noc.link_cycle_ns=0.001", "noc.credit_latency_ns=0.001",
             "input_port.packet_latency_ns=0", "input_port.packet_pj=0", "output_port.packet_latency_ns=0",
             "output_port.packet_pj=0", *[f"barrier.{index}.latency_ns=100" for index in range(len(chip.barrier))]]
    return load_chip("generic-mesh", [*free, *noc, *hops, *given])


def chain() -> Network:
    one = OneToOneWeights(np.ones(1))
    return Network("chain", (Population("u", "input", 1, attributes={"payload": "graded"}),
                             Population("a", "linear", 1), Population("b", "linear", 1)),
                   (Projection("u", "a", one), Projection("a", "b", one)), ("b",))


@pytest.mark.parametrize(("schedule", "expected_ns"), [("pipelined", 120.0), ("fall_through", 320.0)])
def test_time_and_energy_per_token_by_hand(schedule: str, expected_ns: float) -> None:
    """Pipelined: both neurons and a barrier; fall-through: three steps, in two of which one neuron works."""
    chip = one_core_chip()
    machine = map_network(chain(), chip, MappingOptions(schedule=schedule))    # type: ignore[arg-type]
    result = one_sample(machine, np.ones((12, 1)), "event", "float64")
    assert token_us(machine, result) * 1e3 == pytest.approx(expected_ns, abs=0.05)
    assert token_uj(machine, result, chip) == pytest.approx((2 * 4 + expected_ns) * 1e-6, rel=1e-3)


def test_intervals_hold_the_nominal_value_and_follow_the_figures() -> None:
    options, tokens = MappingOptions(), np.ones((12, 1))
    point = stream(chain(), one_core_chip(), options, tokens, 0)
    assert point.time_us.low == point.time_us.value == point.time_us.high
    spread = stream(chain(), load_chip("generic-mesh"), options, tokens, 12)
    for span in (spread.time_us, spread.energy_uj):
        assert span.low < span.value < span.high
    ends = [stream(chain(), at_end(load_chip("generic-mesh"), end), options, tokens, 0).time_us.value
            for end in ("low", "high")]     # type: ignore[arg-type]
    assert ends[0] <= spread.time_us.low and spread.time_us.high <= ends[1]


def test_drawn_figures_lie_in_their_intervals() -> None:
    chip = load_chip("loihi2")
    chips = list(drawn(chip, 50, 0))
    again = drawn(chip, 50, 0)
    assert [one.power.chip_idle_mw for one in chips] == [one.power.chip_idle_mw for one in again]
    for pick in (lambda one: one.core.costs.mode_update.latency_ns, lambda one: one.power.chip_idle_mw,
                 lambda one: one.noc.costs.hop_ew_pj, lambda one: one.barrier[0].latency_ns):
        values = np.array([pick(one).value for one in chips])
        figure = pick(chip)
        assert (values >= figure.low).all() and (values <= figure.high).all() and values.std() > 0
        assert (values < figure.value).any() and (values > figure.value).any()
    assert chips[0].core.max_neurons == chip.core.max_neurons


def test_the_rows_of_s5() -> None:
    [outcome] = run_targets(["s5-half"], None)
    time, energy = outcome.rows
    assert (time.measured, energy.measured) == (76.0, 13.0)
    assert time.low is not None and time.high is not None and time.low < time.predicted < time.high
    assert energy.predicted > 0.23 * time.predicted, "static power alone is 0.23 W"
    assert isinstance(time, Row) and time.kind == "predicted"
