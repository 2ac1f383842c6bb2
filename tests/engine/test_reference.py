"""Timing diagrams, worked out by hand, of both engines; and what only the reference engine can: attached processes.

Times of `tests.engine.diagrams`: hop 30 ps (east-west) or 50 (north-south), ejection 15, flit 4, credit 7.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import neurosim
from neurosim.engine import RunOptions
from neurosim.engine.reference import Chip, run_sample
from neurosim.engine.reference_network import ARRIVAL, phase
from neurosim.errors import OptionError, SimulationError
from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX
from tests.engine.diagrams import Send, diagram, seen
from tests.engine.results import differences, results

both_engines = pytest.mark.parametrize("engine", ["reference", "compiled"])

# -- one packet ----------------------------------------------------------------------------------------------------


@both_engines
@pytest.mark.parametrize("buffer_packets", [1, 4, "unlimited"])
@pytest.mark.parametrize("flits", [1, 5])
def test_a_packet_alone(engine: str, buffer_packets: int | str, flits: int) -> None:
    """From tile 0 to tile 5 of 3 x 2: two hops east, one south, ejection, and the flits behind the first."""
    machine = diagram(3, 2, [Send(0, 100, (5,), flits)], buffer_packets=buffer_packets)
    found = seen(machine, engine)
    assert found.inject == [100]
    assert found.arrival == [100 + 2 * 30 + 50 + 15 + (flits - 1) * 4]
    assert found.result.network_ps[1] == found.arrival[0] == found.duration


@both_engines
@pytest.mark.parametrize("routing", ["xy", "yx"])
def test_a_packet_books_its_links(engine: str, routing: str) -> None:
    """XY passes tiles 0, 1, 4; YX 0, 3, 4. Links are 4 * tile + (east, west, north, south)."""
    [result] = [seen(diagram(3, 2, [Send(0, 100, (4,), 5)], routing=routing), engine).result]
    used = {link: (int(result.link_packets[link]), int(result.link_busy_ps[link])) for link in
            np.flatnonzero(result.link_packets[:24]).tolist()}
    links = {"xy": (4 * 0 + 0, 4 * 1 + 3), "yx": (4 * 0 + 3, 4 * 3 + 0)}[routing]
    # The one packet of step 0, from the port at tile 0 to the source there, crosses no link between routers.
    assert used == {link: (1, 5 * 4) for link in links}
    counts = dict(zip(CHIP_EVENT_INDEX, result.chip_counts[1].tolist(), strict=True))
    assert counts == {"hop_ew": 1, "hop_ns": 1, "flit_hop_ew": 5, "flit_hop_ns": 5, "tile_local": 1, "input_packet": 0,
                      "output_packet": 0, "barrier": 1, "chip_hop": 0, "flit_chip_hop": 0}


@both_engines
def test_zero_latencies_of_the_core(engine: str) -> None:
    """Somata and injection of no time: everything leaves with the start of the step."""
    found = seen(diagram(2, 1, [Send(0, 0, (0, 1)), Send(0, 0, (1,))]), engine)
    assert found.inject == [0, 0, 0]
    # Source 0 sends to its own tile first, and its second packet is read from the FIFO at 4, when source 1's has left.
    assert found.arrival == [15, 4 + 30 + 15, 30 + 15]


# -- two packets ---------------------------------------------------------------------------------------------------


@both_engines
@pytest.mark.parametrize("buffer_packets", [1, "unlimited"])
def test_two_packets_at_once_lower_id_first(engine: str, buffer_packets: int | str) -> None:
    """From both sides to tile 1; both ask for its ejection link at 130. Three flits: 12 ps on the link."""
    west, east = Send(0, 100, (1,), 3), Send(2, 100, (1,), 3)
    for sends in ([west, east], [east, west]):
        found = seen(diagram(3, 1, sends, buffer_packets=buffer_packets), engine)
        assert found.arrival == [130 + 15 + 8, 142 + 15 + 8]


@both_engines
@pytest.mark.parametrize("buffer_packets", [1, "unlimited"])
def test_earlier_request_before_lower_id(engine: str, buffer_packets: int | str) -> None:
    """Packet 1 asks at 129, packet 0 at 130."""
    machine = diagram(3, 1, [Send(0, 100, (1,), 3), Send(2, 99, (1,), 3)], buffer_packets=buffer_packets)
    assert seen(machine, engine).arrival == [141 + 15 + 8, 129 + 15 + 8]


@both_engines
def test_one_slot_holds_the_next_packet_back(engine: str) -> None:
    """Two packets of 5 flits (20 ps) from tile 0, to tiles 2 and 3; one slot, credit after 40 ps.

    Packet 0: link 0-1 at 100, link 1-2 at 130, ejection at 160.
    Packet 1: read from 120 on, but the slot before router 1 is free at 130 + 40: link 0-1 at 170, router 1 at 200.
    The slot before router 2 is given back at 160 + 40 = 200, and in one picosecond credits come before grants: 200.
    """
    sends = [Send(0, 100, (2, 3), 5)]
    tight = diagram(4, 1, sends, buffer_packets=1, credit_latency_ns=0.040)
    assert seen(tight, engine).arrival == [160 + 15 + 16, 200 + 30 + 30 + 15 + 16]
    # With four slots packet 1 follows on the heels of packet 0: 120, 150, 180.
    assert seen(diagram(4, 1, sends, buffer_packets=4), engine).arrival == [191, 180 + 30 + 15 + 16]


@both_engines
def test_one_picosecond_more_of_credit_costs_one_picosecond(engine: str) -> None:
    """Packet 1 starts at 171, is at router 1 at 201, and finds the slot behind it given back at 201."""
    sends = [Send(0, 100, (2, 3), 5)]
    assert seen(diagram(4, 1, sends, buffer_packets=1, credit_latency_ns=0.041), engine).arrival[1] == 291 + 1


@both_engines
def test_head_of_line_blocking(engine: str) -> None:
    """A packet of 40 ps holds link 1-2 until 140. Of two packets from tile 0, the first waits for it from 130 on; the
    second stands behind it at router 1 from 134 on, though its link 1-4 is free.
    """
    sends = [Send(1, 100, (2,), 10), Send(0, 100, (2, 4))]
    blocked = seen(diagram(3, 2, sends, buffer_packets=4), engine)
    assert blocked.arrival == [100 + 30 + 15 + 36, 140 + 30 + 15, 140 + 4 + 50 + 15]
    free = seen(diagram(3, 2, sends, buffer_packets="unlimited"), engine)
    assert free.arrival == [100 + 30 + 15 + 36, 140 + 30 + 15, 104 + 30 + 50 + 15]


# -- multicast -----------------------------------------------------------------------------------------------------


@both_engines
def test_branches_go_by_direction_then_core(engine: str) -> None:
    """From the middle of 3 x 3, three flits (12 ps): east at 100, west 112, north 124, south 136, own tile 148."""
    sends = [Send(4, 100, (1, 3, 4, 5, 7), 3)]
    finite = seen(diagram(3, 3, sends, multicast="tree", buffer_packets=2), engine)
    assert finite.arrival == [124 + 50 + 23, 112 + 30 + 23, 148 + 23, 100 + 30 + 23, 136 + 50 + 23]
    at_once = seen(diagram(3, 3, sends, multicast="tree", buffer_packets="unlimited"), engine)
    assert at_once.arrival == [173, 153, 123, 153, 173]
    assert at_once.inject == [100] * 5
    counts = at_once.result.chip_counts[1]
    assert counts[CHIP_EVENT_INDEX["hop_ew"]] == counts[CHIP_EVENT_INDEX["hop_ns"]] == 2
    assert counts[CHIP_EVENT_INDEX["tile_local"]] == 5


@both_engines
def test_a_slot_is_given_back_after_the_last_branch(engine: str) -> None:
    """Packet 0 (12 ps) is at router 1 at 130: east at 130, ejection at 142, slot back at 149. Packet 1 starts then."""
    sends = [Send(0, 100, (1, 2), 3), Send(0, 100, (1,))]
    found = seen(diagram(3, 1, sends, multicast="tree", buffer_packets=1), engine)
    assert found.arrival == [142 + 15 + 8, 160 + 15 + 8, 149 + 30 + 15]


# -- cores and the barrier -----------------------------------------------------------------------------------------


@both_engines
def test_serial_core_serves_after_its_somata(engine: str) -> None:
    """A packet reaches, at 145, a core whose somata are busy until 500; it is worth 200 ps."""
    sends = [Send(0, 100, to_sources=(1,)), Send(1, 500)]
    serial = seen(diagram(2, 1, sends, service_ps=200, **{"core.pipeline.kind": "serial"}), engine)
    assert (serial.arrival, serial.duration) == ([145], 500 + 200)
    overlapped = seen(diagram(2, 1, sends, service_ps=200, **{"core.pipeline.kind": "overlapped"}), engine)
    assert (overlapped.arrival, overlapped.duration) == ([145], 500)
    late = seen(diagram(2, 1, [sends[0], Send(1, 300)], service_ps=200), engine)
    assert late.duration == 145 + 200
    for found in (serial, overlapped):
        assert found.result.soma_ps[1, :2].tolist() == [100, 500]
        assert found.result.synapse_ps[1, :2].tolist() == [0, 200]


@both_engines
def test_packets_are_served_one_after_the_other(engine: str) -> None:
    """Arrivals at 145 and 149; 200 ps each."""
    sends = [Send(0, 100, (1,)), Send(0, 100, (1,))]
    found = seen(diagram(2, 1, sends, service_ps=200), engine)
    assert (found.arrival, found.duration) == ([145, 149], 145 + 400)


@both_engines
def test_a_step_ends_with_the_barrier(engine: str) -> None:
    """Step 0: port to source, 15 ps. Step 1: the diagram. Step 2: sinks that send nothing."""
    machine = diagram(2, 1, [Send(0, 100, (1,))])
    found = seen(machine, engine)
    assert found.result.step_end_ps.tolist() == [15 + 1000, 1015 + 145 + 1000, 2160 + 0 + 1000]
    assert found.result.chip_counts[:, CHIP_EVENT_INDEX["barrier"]].tolist() == [1, 1, 1]


@both_engines
def test_self_delivery(engine: str) -> None:
    """`skip`: there with the injection, no link. `network`: through the core's own router."""
    sends = [Send(0, 100, to_sources=(0,))]
    skipped = seen(diagram(2, 1, sends, service_ps=20, self_delivery="skip"), engine)
    assert (skipped.arrival, skipped.duration) == ([100], 120)
    assert skipped.result.chip_counts[1, CHIP_EVENT_INDEX["tile_local"]] == 0
    routed = seen(diagram(2, 1, sends, service_ps=20, self_delivery="network"), engine)
    assert (routed.arrival, routed.duration) == ([115], 135)
    assert routed.result.chip_counts[1, CHIP_EVENT_INDEX["tile_local"]] == 1
    for found in (skipped, routed):
        assert found.result.core_counts[1, 0, CORE_EVENT_INDEX["packet_in"]] == 1


@both_engines
def test_a_core_of_one_slot(engine: str) -> None:
    """Three packets to one core, 200 ps each. Link 0-1 at 100, 104, 108; at router 1 at 130, 134, 138.

    Packet 0: ejects at 130, arrives at 145, is served at once; its slot is known to be free at 152.
    Packet 1: ejects at 152, arrives at 167, is served from 345; slot free at 352.
    Packet 2: ejects at 352, arrives at 367, is served from 545 to 745.
    """
    sends = [Send(0, 100, (1,))] * 3
    found = seen(diagram(2, 1, sends, service_ps=200, **{"core.core_in_packets": 1}), engine)
    assert (found.arrival, found.duration) == ([145, 167, 367], 745)
    found = seen(diagram(2, 1, sends, service_ps=200, **{"core.core_in_packets": 2}), engine)
    assert (found.arrival, found.duration) == ([145, 149, 167], 745)


@both_engines
def test_injection_queue_peaks(engine: str) -> None:
    """Packets of 20 ps injected every 5 ps: at 105, 110, 115, 120 with one, one, two and three not yet started."""
    machine = diagram(5, 1, [Send(0, 105, (1, 2, 3, 4), 5)], packet_out_ps=5)
    found = seen(machine, engine)
    assert found.inject == [105, 110, 115, 120]
    # Starts at 105, 125, 145, 165: at 110 one waits, at 115 two, at 120 three.
    assert found.result.queue_peak.tolist()[0] == 3


@both_engines
def test_a_ring_of_full_buffers_stands_still(engine: str) -> None:
    """Why hw_models refuses a torus with finite buffers: four packets that each hold what the next one needs."""
    sends = [Send(tile, 100, ((tile + 2) % 4,)) for tile in range(4)]
    ring = diagram(4, 1, sends, topology="torus", buffer_packets="unlimited")
    assert seen(ring, engine).arrival == [175] * 4
    stuck = replace(ring, noc=ring.noc._replace(buffer_packets=1))
    with pytest.raises(SimulationError, match="sample 0, step 1: the network stands still with packets in flight"):
        seen(stuck, engine)


@both_engines
@pytest.mark.parametrize(("times", "idle_ps"), [
    ({}, 145 + 5000), ({"link_cycle_ns": 9.0}, 130 + 9000), ({"credit_latency_ns": 9.0}, 130 + 9000),
])
def test_a_step_ends_when_links_are_idle_and_credits_are_back(engine: str, times: dict[str, float],
                                                              idle_ps: int) -> None:
    """The packet leaves tile 0 at 100, router 1 at 130, and is served from 145 to 5145; a flit or a credit of 9000 ps
    lasts longer.
    """
    assert seen(diagram(2, 1, [Send(0, 100, (1,))], service_ps=5000, **times), engine).duration == idle_ps


@pytest.mark.parametrize("times", [{"link_cycle_ns": 5.0}, {"credit_latency_ns": 5.0, "buffer_packets": 1}])
def test_engines_agree_behind_a_barrier_shorter_than_a_cycle_or_a_credit(times: dict[str, float]) -> None:
    """Nothing of a step is left over in the next one: every step finds idle links and free slots."""
    short = {"barrier.0.latency_ns": 0.001, "barrier.1.latency_ns": 0.001}
    machine = diagram(3, 1, [Send(0, 100, (2,))], **short, **times)
    inputs = np.ones((1, 3, 1))
    compiled, expected = (results(machine, inputs, engine=engine) for engine in ("compiled", "reference"))
    assert differences(compiled, expected) == []
    packets = compiled[0].packets
    assert packets is not None
    latency = (packets.arrival_ps - packets.inject_ps)[packets.source_row == packets.source_row.max()]
    assert latency.tolist() == [75, 75, 75]


# -- processes of the user's own -----------------------------------------------------------------------------------

CROWD = [Send(0, 100, (1, 2, 3), 5), Send(0, 100, (3,), 5), Send(1, 120, (2, 3), 5)]


def attached(*processes, **options):
    machine = diagram(4, 1, CROWD, buffer_packets=1)
    return run_sample(machine, 0, np.ones((1, 3)), RunOptions(engine="reference", record_packets=True, **options),
                      attach=processes)


def test_a_probe_sees_queues_and_changes_nothing() -> None:
    depth: list[tuple[int, int]] = []

    def probe(chip: Chip):
        while True:      # the run ends with its last step, whoever still waits
            depth.append((chip.now, max(len(port.fifo) for port in chip.fifo.values())))
            yield chip.env.timeout(1)

    without, result = attached(), attached(probe)
    assert differences(without, result) == []
    assert [time for time, _ in depth] == list(range(depth[0][0], depth[0][0] + len(depth)))
    # It looks once per picosecond, and the longest queue may last for no time at all.
    assert 2 <= max(count for _, count in depth) <= without.queue_peak.max()
    assert depth[-1][0] in (result.duration_ps, result.duration_ps - 1)


def test_probes_in_any_phase_change_nothing() -> None:
    def busy(chip: Chip):
        while True:
            yield phase(chip.env, 1, ARRIVAL)
            yield chip.env.timeout(0)

    assert differences(attached(), attached(busy, busy)) == []


def test_a_fault_holds_packets_back() -> None:
    """A process takes the link from tile 0 to tile 1 for itself, from the start of step 1 until 5000 ps."""
    def broken(chip: Chip):
        chip.links[0].free_ps = 5000
        yield chip.env.timeout(5000)
        chip.links[0].poke(0)

    late, healthy = attached(broken), attached()
    assert late.packets is not None and healthy.packets is not None
    assert np.array_equal(late.packets.packet, healthy.packets.packet)
    crosses = (late.packets.step == 1) & (late.packets.source_row != healthy.packets.source_row.max())
    assert (late.packets.arrival_ps[crosses] >= 5000 + 30 + 15).all()
    assert (healthy.packets.arrival_ps < 5000).all()
    assert np.array_equal(late.readout, healthy.readout)


def test_processes_are_for_detail_event() -> None:
    called = []

    def probe(chip: Chip):
        called.append(chip)
        yield chip.env.timeout(1)

    machine = diagram(2, 1, [Send(0, 100, (1,))])
    run_sample(machine, 0, np.ones((1, 1)), RunOptions(engine="reference", detail="analytic"), attach=[probe])
    assert called == []


def at_step_1(action, service_ps=0):
    """Return a process that acts when step 1 of a diagram begins: the port's packet takes 15 ps, and the barrier."""
    def process(chip: Chip):
        yield chip.env.timeout(15 + service_ps + 1000)
        action(chip)

    return process


@pytest.mark.parametrize("hold_ps, start_ps", [(5000, 5000), (100, 100), (99, 100), (0, 100)])
def test_a_link_that_is_held_starts_nothing(hold_ps: int, start_ps: int) -> None:
    machine = diagram(2, 1, [Send(0, 100, (1,))])
    held = run_sample(machine, 0, np.ones((1, 1)), RunOptions(engine="reference", record_packets=True),
                      attach=[at_step_1(lambda chip: chip.links[0].hold(hold_ps))])
    assert held.packets is not None
    assert (held.packets.arrival_ps[held.packets.step == 1] - 1015).tolist() == [start_ps + 30 + 15]


@pytest.mark.parametrize("stall_ps, served_ps", [(1000, 1000), (145, 145), (50, 145)])
def test_a_core_that_is_stalled_serves_nothing(stall_ps: int, served_ps: int) -> None:
    """The packet arrives at 145 and takes 200; the step lasts until it has been served."""
    machine = diagram(2, 1, [Send(0, 100, (1,))], service_ps=200)

    def stall(chip: Chip) -> None:
        for core in chip.cores:
            core.stall(stall_ps)
            core.stall(0)       # the longer one counts

    found = run_sample(machine, 0, np.ones((1, 1)), RunOptions(engine="reference"), attach=[at_step_1(stall, 200)])
    assert (np.diff(found.step_end_ps)[0] - 1000).tolist() == served_ps + 200


def test_components_of_a_run() -> None:
    """Through the front door: they see every sample, need the reference engine, and are functions."""
    seen_samples = []

    def probe(chip: Chip):
        seen_samples.append(chip.sample)
        yield chip.env.timeout(1)

    plain = neurosim.run("digits", "generic-mesh", samples=2, engine="reference", overrides=["mapping.ssm=fused"])
    found = neurosim.run("digits", "generic-mesh", samples=2, engine="reference", overrides=["mapping.ssm=fused"],
                         attach=[probe])
    assert seen_samples == [0, 1]
    assert (found.summary.spikes, found.trace.duration_ps) == (plain.summary.spikes, plain.trace.duration_ps)
    for options in ({"engine": "compiled"}, {"engine": "reference", "detail": "analytic"}):
        with pytest.raises(OptionError, match="allowed: engine reference at detail event"):
            neurosim.run("digits", "generic-mesh", samples=1, attach=[probe], **options)
    with pytest.raises(OptionError, match="allowed: functions that take a chip"):
        neurosim.run("digits", "generic-mesh", samples=1, engine="reference", attach=["probe"])
