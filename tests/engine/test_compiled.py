"""What the compiled engine alone has: ticks, a wheel with a horizon, scratch that grows, workers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from neurosim.engine import RunOptions
from neurosim.engine.compiled import Worker, prepare, tick_of
from neurosim.errors import MappingError, SimulationError
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.mapping import MappingOptions, map_network
from tests.engine.cases import make_chip
from tests.engine.diagrams import Send, diagram, seen
from tests.engine.results import differences, results


def layered(*sizes: int, **chip: object):
    """Return linear populations, densely joined, one neuron per core, on 8 x 8 tiles."""
    populations = [Population("p0", "input", sizes[0])]
    populations += [Population(f"p{index}", "linear", size) for index, size in enumerate(sizes[1:], 1)]
    projections = [Projection(pre.name, post.name, DenseWeights(np.full((pre.size, post.size), 0.1)))
                   for pre, post in zip(populations, populations[1:], strict=False)]
    network = Network("layered", tuple(populations), tuple(projections), (populations[-1].name,))
    return map_network(network, make_chip(chip), MappingOptions(max_neurons_per_core=1, placement="random"))


def test_tick_is_the_greatest_common_divisor_of_all_durations() -> None:
    machine = diagram(2, 1, [Send(0, 100, (1,))])
    assert tick_of(machine) == 1                           # hop 30, ejection 15, flit 4, …
    times = {"noc.link_cycle_ns": 0.005, "noc.credit_latency_ns": 0.010}
    assert tick_of(diagram(2, 1, [Send(0, 100, (1,))], **times)) == 5
    assert tick_of(diagram(2, 1, [Send(0, 101, (1,))], **times)) == 1
    assert tick_of(diagram(2, 1, [Send(0, 100, (1,))], service_ps=7, **times)) == 1


def test_tick_divides_every_duration_and_changes_no_time() -> None:
    """The same machine in ticks of 5 ps and, with one odd duration that nobody uses, in ticks of 1 ps."""
    times = {"noc.link_cycle_ns": 0.005, "noc.credit_latency_ns": 0.010}
    coarse = diagram(3, 2, [Send(0, 100, (2, 4), 3), Send(1, 105, (2, 4), 3)], buffer_packets=1, **times)
    fine = replace(coarse, nominal_step_ps=coarse.nominal_step_ps + 1)
    assert (tick_of(coarse), tick_of(fine)) == (5, 1)
    assert differences(seen(coarse, "compiled").result, seen(fine, "compiled").result) == []


@pytest.mark.parametrize("buffer_packets", [2, "unlimited"])
def test_events_far_beyond_the_horizon_of_the_wheel(buffer_packets: int | str) -> None:
    """Ticks of 1 ps, injections from 0 to 10 s: the heap takes what the wheel cannot hold."""
    times = [0, 1, 65_535, 65_536, 65_637, 10**6 + 1, 10**9 + 7, 10**13]
    sends = [Send(index % 2, time, (2,), 1 + index % 3) for index, time in enumerate(times)]
    machine = diagram(3, 1, sends, buffer_packets=buffer_packets)
    assert tick_of(machine) == 1 and prepare(machine, RunOptions()).n_wheel_slots < 10**6
    for engine in ("compiled", "reference"):
        found = seen(machine, engine)
        # Far enough apart not to meet.
        expected = [time + (2 - index % 2) * 30 + 15 + index % 3 * 4 for index, time in enumerate(times)]
        # The packet of 1 ps (3 links' worth nearer) holds no one up; that of 65 537 is close behind that of 65 535.
        assert found.arrival == expected


def test_wheel_holds_the_longest_hop() -> None:
    machine = diagram(2, 1, [Send(0, 100, (1,))], **{"noc.link_latency_ew_ns": 1.0})
    compiled = prepare(machine, RunOptions())
    assert compiled.n_wheel_slots * compiled.tick >= 1010
    assert math.log2(compiled.n_wheel_slots).is_integer()


@pytest.mark.parametrize("chip", [{}, {"noc.multicast": "none", "noc.buffer_packets": 1},
                                  {"noc.buffer_packets": "unlimited"}])
def test_scratch_grows_with_the_packets_of_a_step(chip: dict[str, object]) -> None:
    """At most 256 packets, destinations or spikes at first: 20 x 20 unicast packets, and 300 spikes, need more."""
    machine = layered(4, 20, 20, 3, **chip)
    inputs = np.ones((1, 2, 4))
    found = results(machine, inputs)
    packets = found[0].packets
    assert packets is not None and np.bincount(packets.step).max() >= 400
    assert differences(found, results(machine, inputs, engine="reference")) == []


def test_a_sample_of_many_packets_leaves_nothing_to_the_next() -> None:
    machine = layered(4, 20, 20, 3)
    full, empty = np.ones((1, 2, 4)), np.zeros((1, 2, 4))
    worker = Worker(prepare(machine, RunOptions(record_packets=True)))
    first, second, third = (worker.run(0, inputs[0]) for inputs in (full, empty, full))
    assert differences(first, third) == []
    assert second.packets is not None and len(second.packets.step) == 0


def test_finite_core_inputs_need_finite_router_buffers() -> None:
    machine = diagram(2, 1, [Send(0, 100, (1,))], buffer_packets=4, **{"core.core_in_packets": 1})
    with pytest.raises(MappingError, match="finite core_in_packets with unlimited router buffers"):
        prepare(replace(machine, noc=machine.noc._replace(buffer_packets=-1)), RunOptions())


def test_a_packet_that_holds_a_link_for_too_long_is_refused() -> None:
    machine = diagram(2, 1, [Send(0, 100, (1,))], buffer_packets=4)
    with pytest.raises(MappingError, match="a packet holds a link for"):
        prepare(replace(machine, noc=machine.noc._replace(cycle_ps=np.full(4, 2**33 + 1))), RunOptions())


def test_a_stopped_worker_says_so() -> None:
    worker = Worker(prepare(layered(4, 2), RunOptions()))
    worker.stop()
    with pytest.raises(SimulationError, match="sample 3 was stopped after step"):
        worker.run(3, np.ones((2, 4)))
