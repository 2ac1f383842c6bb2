from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models.load import from_mapping, load_chip
from hw_models.schema import Chip
from neurosim.errors import NetworkError
from neurosim.events import CORE_EVENT_INDEX
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.machine import (
    DENSE,
    EAST_WEST,
    EJECTION,
    GRADED,
    NORTH_SOUTH,
    ONE_TO_ONE,
    SPARSE,
    SPIKE,
    TERNARY,
    Machine,
)
from neurosim.mapping import MappingOptions, map_network, map_with_details
from tests.mapping.chips import LATENCY_NS, make_chip
from tests.mapping.networks import dense, lif, lif_chain, one_to_one, spikes_in, spiking_ssm


def lowered(network: Network, chip: Chip | None = None, **options: Any) -> Machine:
    return map_network(network, chip or make_chip(), MappingOptions(**options))


def mixed() -> Network:
    """Dense, sparse and one-to-one projections, delays by synapse, zero weights, two outputs, a recurrence."""
    random = np.random.default_rng(5)
    values = random.integers(-1, 3, (6, 6)).astype(float)
    pointer = np.array([0, 2, 2, 5, 6, 8, 9])
    tangle = SparseWeights(pointer, np.array([0, 3, 1, 2, 4, 5, 0, 1, 2]), random.integers(0, 3, 9).astype(float), 6)
    return Network("mixed", (
        Population("in", "input", 6), Population("c", "center", 6), lif("a", 6), Population("out", "integrator", 6),
    ), (
        Projection("in", "c", OneToOneWeights(np.array([1.0, 0.0, 1.0, 1.0, 1.0, 1.0])), port="value"),
        Projection("c", "a", DenseWeights(values), output="square"),
        Projection("c", "a", DenseWeights(values.T.copy())),
        Projection("a", "a", tangle, delay_steps=np.array([1, 2, 1, 3, 1, 2, 1, 1, 2])),
        Projection("a", "out", dense(6, 6)),
        Projection("in", "out", one_to_one(6)),
    ), ("out",))


def synapse_list(weights: DenseWeights | SparseWeights | OneToOneWeights) -> list[tuple[int, int, float]]:
    """Return (pre, post, weight) of every synapse, one at a time."""
    if isinstance(weights, DenseWeights):
        return [(pre, post, float(weights.values[pre, post])) for pre in range(weights.shape[0])
                for post in range(weights.shape[1])]
    if isinstance(weights, OneToOneWeights):
        return [(neuron, neuron, float(value)) for neuron, value in enumerate(weights.values)]
    return [(pre, int(weights.targets[index]), float(weights.values[index])) for pre in range(weights.shape[0])
            for index in range(weights.row_pointer[pre], weights.row_pointer[pre + 1])]


def core_of(machine: Machine) -> dict[tuple[int, int], int]:
    """Return (population, neuron) -> core."""
    slices = machine.slices
    return {(int(slices.population[i]), neuron): int(slices.core[i]) for i in range(len(slices.core))
            for neuron in range(slices.start[i], slices.stop[i])}


def row_of(machine: Machine, population: int, neuron: int, output: int) -> int:
    populations = machine.populations
    return int(populations.first_row[population] + neuron * populations.n_outputs[population] + output)


def expected_operations(network: Network, machine: Machine, skip_zero: bool) -> tuple[Counter[Any], Counter[Any]]:
    """Return dense and sparse operations by (output row, core), counted one synapse at a time."""
    counts: tuple[Counter[Any], Counter[Any]] = Counter(), Counter()
    names, place = machine.population_names, core_of(machine)
    for projection in network.projections:
        source, target = names.index(projection.source), names.index(projection.target)
        output = network.populations[source].spec.output_index(projection.output)
        kind = 0 if isinstance(projection.weights, DenseWeights) else 1
        for pre, post, weight in synapse_list(projection.weights):
            if weight != 0 or not skip_zero:
                counts[kind][row_of(machine, source, pre, output), place[target, post]] += 1
    return counts


def destinations_by_row(machine: Machine) -> list[tuple[int, int, int]]:
    """Return (row, packet, destination) in order."""
    packets = machine.packets
    return [(row, packet, destination) for row in range(len(packets.row_start) - 1)
            for packet in range(packets.row_start[row], packets.row_start[row + 1])
            for destination in range(packets.destination_start[packet], packets.destination_start[packet + 1])]


def check_consistent(network: Network, machine: Machine, chip: Chip) -> None:
    """Hold every invariant of a machine against the network, one synapse and packet at a time."""
    destinations, packets = machine.destinations, machine.packets
    entries = destinations_by_row(machine)
    assert [entry[2] for entry in entries] == list(range(len(destinations.core)))
    populations = machine.populations
    assert len(packets.row_start) == (populations.size * populations.n_outputs).sum() + 1
    dense_found: Counter[Any] = Counter()
    sparse_found: Counter[Any] = Counter()
    output_port = machine.n_cores + 1
    for row, _, destination in entries:
        core = int(destinations.core[destination])
        if core == output_port:
            assert destinations.service_ps[destination] == 9_000
            continue
        dense_found[row, core] += int(destinations.dense[destination])
        sparse_found[row, core] += int(destinations.sparse[destination])
        assert destinations.dense[destination] + destinations.sparse[destination] > 0
    expected = expected_operations(network, machine, chip.core.pipeline.skip_zero_weights)
    assert (+dense_found, +sparse_found) == (+expected[0], +expected[1])
    keys = [(row, int(destinations.core[destination])) for row, _, destination in entries]
    assert keys == sorted(set(keys)), "one destination per row and core, cores ascending"
    check_service(machine)
    check_hops(machine, chip)


def check_service(machine: Machine) -> None:
    at_core = machine.destinations.core < machine.n_cores
    found = machine.destinations
    operations = (found.dense + found.sparse).astype(np.int64)
    expected = (16_000 + found.words.astype(np.int64) * 1_500 + found.dense.astype(np.int64) * 3_800
                + found.sparse.astype(np.int64) * 4_700 + operations * 200)
    assert np.array_equal(found.service_ps[at_core], expected[at_core])


def check_hops(machine: Machine, chip: Chip) -> None:
    """Unicast packets cross Manhattan distances on a mesh, trees at most their sum and no link twice."""
    noc, packets = machine.noc, machine.packets
    cores = core_of(machine)
    populations = machine.populations
    source_tile = {row_of(machine, population, neuron, output): int(machine.cores.tile[core])
                   for (population, neuron), core in cores.items()
                   for output in range(populations.n_outputs[population])}
    for row in range(len(packets.row_start) - 1):
        for packet in range(packets.row_start[row], packets.row_start[row + 1]):
            span = range(packets.destination_start[packet], packets.destination_start[packet + 1])
            away = [d for d in span if not machine.destinations.local[d]]
            x, y = source_tile[row] % noc.columns, source_tile[row] // noc.columns
            tiles = [int(machine.cores.tile[machine.destinations.core[d]]) for d in away]
            east_west = [abs(tile % noc.columns - x) for tile in tiles]
            north_south = [abs(tile // noc.columns - y) for tile in tiles]
            assert (packets.tree[packet] >= 0) == (len(span) > 1)
            if len(span) == 1:
                assert packets.hops_ew[packet] == sum(east_west) and packets.hops_ns[packet] == sum(north_south)
                continue
            links, reached = walk_tree(machine, int(packets.tree[packet]))
            assert machine.trees.router[packets.tree[packet]] == source_tile[row]
            assert sorted(reached) == away and len(links) == len(set(links))
            assert packets.hops_ew[packet] == sum(link % 4 < 2 for link in links) <= sum(east_west)
            assert packets.hops_ns[packet] == sum(link % 4 >= 2 for link in links) <= sum(north_south)


def walk_tree(machine: Machine, root: int) -> tuple[list[int], list[int]]:
    """Return the links between routers, and the destinations reached."""
    trees, noc = machine.trees, machine.noc
    links, reached, waiting = [], [], [root]
    while waiting:
        node = waiting.pop()
        for branch in range(trees.branch_start[node], trees.branch_start[node + 1]):
            link, child, destination = int(trees.link[branch]), int(trees.child[branch]), int(trees.destination[branch])
            if child >= 0:
                assert link // 4 == trees.router[node] and noc.link_target[link] == trees.router[child]
                links.append(link)
                waiting.append(child)
            else:
                core = int(machine.destinations.core[destination])
                assert link == 4 * noc.n_tiles + core and machine.cores.tile[core] == trees.router[node]
                reached.append(destination)
    return links, reached


@pytest.mark.parametrize("multicast", ["none", "tree"])
@pytest.mark.parametrize("self_delivery", ["skip", "network"])
@pytest.mark.parametrize("skip_zero", [True, False])
@pytest.mark.parametrize("network", [mixed(), spiking_ssm(6, 2, 2), lif_chain(5, 9, 4)], ids=lambda item: item.name)
def test_machine_agrees_with_the_network(network: Network, multicast: str, self_delivery: str,
                                         skip_zero: bool) -> None:
    for max_neurons in (2, 3, 100):
        chip = make_chip(noc__multicast=multicast, noc__self_delivery=self_delivery, noc__columns=6, noc__rows=4,
                         core__pipeline__skip_zero_weights=skip_zero, core__max_neurons=max_neurons)
        check_consistent(network, lowered(network, chip, placement="random"), chip)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 100), st.integers(1, 7), st.sampled_from(["none", "tree"]), st.sampled_from(["xy", "yx"]))
def test_random_networks_agree_too(seed: int, max_neurons: int, multicast: str, routing: str) -> None:
    random = np.random.default_rng(seed)
    n_pre, n_post = random.integers(1, 8, 2)
    mask = random.random((n_pre, n_post)) < 0.4
    pointer = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    values = random.integers(-1, 2, int(mask.sum())).astype(float)
    weights = SparseWeights(pointer, np.nonzero(mask)[1], values, int(n_post))
    network = Network("random", (spikes_in(int(n_pre)), lif("a", int(n_post))), (
        Projection("in", "a", weights, delay_steps=random.integers(0, 3, len(values))),
        Projection("a", "a", DenseWeights(random.integers(-1, 2, (n_post, n_post)).astype(float)), delay_steps=1)),
        ("a",))
    chip = make_chip(core__max_neurons=max_neurons, noc__multicast=multicast, noc__routing=routing)
    check_consistent(network, lowered(network, chip, placement="random", seed=seed), chip)


def test_tables_of_populations() -> None:
    populations = lowered(spiking_ssm(4, 2, 1)).populations
    assert populations.size.tolist() == [1, 4, 4, 4, 10]
    assert populations.first_neuron.tolist() == populations.first_row.tolist() == [0, 1, 5, 9, 13]
    assert populations.stage.tolist() == [0, 1, 2, 3, 4]
    assert populations.n_ports.tolist() == [0, 1, 1, 3, 1]
    assert populations.port_start.tolist() == [0, 0, 1, 2, 5]
    assert populations.charge_start.tolist() == [0, 0, 4, 8, 20]
    assert populations.n_parameter_rows.tolist() == [0, 1, 16, 2, 1]
    assert populations.parameter_start.tolist() == [0, 0, 4, 68, 76]
    assert populations.n_state_rows.tolist() == [0, 0, 5, 0, 2]
    assert populations.state_start.tolist() == [0, 0, 0, 20, 20]
    assert populations.output_start.tolist() == [0, 1, 5, 9, 13]
    assert populations.input_start.tolist() == [0, -1, -1, -1, -1]
    assert populations.last_only.tolist() == [0, 0, 0, 0, 1]


def test_parameters_stand_row_by_row() -> None:
    network = spiking_ssm(4, 2, 1)
    machine = lowered(network)
    start = int(machine.populations.parameter_start[2])
    table = machine.synapses.parameters[start:start + 64].reshape(16, 4)
    modes = network.populations[2].parameters
    assert np.array_equal(table[0:2], modes["a_real"].T) and np.array_equal(table[8:10], modes["c_real"].T)
    assert (table[14] == 1.0).all() and (table[15] == 0.125).all()


def test_options_and_inputs() -> None:
    network = Network("two", (spikes_in(2, "x"), lif("a", 1), Population("y", "input", 3),
                              Population("b", "lif", 1, {"leak": 0.5}, {"reset": "none", "comparator": ">"})), ())
    machine = lowered(network)
    assert machine.populations.options.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 2, 0, 0]]
    assert machine.populations.input_start.tolist() == [0, -1, 2, -1]
    assert machine.n_inputs == 5
    assert machine.output_kind.tolist() == [SPIKE, SPIKE, GRADED, SPIKE]


def test_projections_stand_in_canonical_order() -> None:
    network = mixed()
    projections, synapses = (machine := lowered(network)).projections, machine.synapses
    assert projections.target.tolist() == [1, 2, 2, 2, 2, 2, 3, 3]
    assert projections.target_start.tolist() == [0, 0, 1, 6, 8]
    assert projections.output.tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert projections.delay_tokens.tolist() == [0, 0, 0, 1, 2, 3, 0, 0]
    assert projections.kind.tolist() == [ONE_TO_ONE, DENSE, DENSE, SPARSE, SPARSE, SPARSE, DENSE, ONE_TO_ONE]
    assert projections.weight_start.tolist() == [0, 6, 42, 78, 83, 86, 87, 123]
    assert len(synapses.weights) == len(synapses.targets) == network.n_synapses
    assert projections.pointer_start[3:6].tolist() == [0, 7, 14]
    for index in (3, 4, 5):
        start = projections.pointer_start[index]
        pointer = synapses.row_pointer[start:start + 7]
        assert pointer[0] == 0 and projections.weight_start[index] + pointer[-1] == projections.weight_start[index + 1]


def test_every_synapse_stands_once() -> None:
    network = mixed()
    machine = lowered(network)
    found: Counter[Any] = Counter()
    projections, synapses = machine.projections, machine.synapses
    for index in range(3, 6):
        pointer = synapses.row_pointer[projections.pointer_start[index]:][:7] + projections.weight_start[index]
        found.update((pre, int(synapses.targets[k]), float(synapses.weights[k]), int(projections.delay_tokens[index]))
                     for pre in range(6) for k in range(pointer[pre], pointer[pre + 1]))
    delays = np.asarray(network.projections[3].delay_steps).tolist()
    expected = [(*synapse, delay)
                for synapse, delay in zip(synapse_list(network.projections[3].weights), delays, strict=True)]
    assert found == Counter(expected)


def test_slices_are_sorted_and_cover_all_neurons() -> None:
    machine = lowered(lif_chain(3, 9, 4), make_chip(core__max_neurons=4))
    slices = machine.slices
    assert list(zip(slices.population, slices.start, slices.stop, slices.core, strict=True)) == [
        (0, 0, 3, 4), (1, 0, 4, 0), (1, 4, 8, 1), (1, 8, 9, 2), (2, 0, 3, 2), (2, 3, 4, 3)]
    assert slices.population_start.tolist() == [0, 1, 4, 6]
    assert slices.active_ps.tolist() == [0] + [8_400] * 5
    assert slices.inactive_ps.tolist() == [0] + [5_300] * 5
    assert slices.event_active.tolist() == [-1] + [CORE_EVENT_INDEX["soma_active"]] * 5
    assert slices.event_inactive.tolist() == [-1] + [CORE_EVENT_INDEX["soma_inactive"]] * 5


def test_modes_take_time_where_active() -> None:
    slices = lowered(spiking_ssm(4, 6, 1)).slices
    assert slices.active_ps[2] == 20_000 + 6 * 2_500 and slices.inactive_ps[2] == 10_000
    assert slices.event_active[2] == CORE_EVENT_INDEX["program_active"]


def test_cores_and_ports() -> None:
    cores = lowered(lif_chain(2, 5), make_chip(core__max_neurons=2), placement="naive").cores
    assert cores.physical.tolist() == [0, 1, 2, -1, -1]
    assert cores.tile.tolist() == [0, 0, 1, 0, 3]
    assert cores.is_port.tolist() == [0, 0, 0, 1, 1]
    assert cores.spike_out_ps.tolist() == [3_000, 3_000, 3_000, 0, 0]
    assert cores.packet_out_ps.tolist() == [5_100, 5_100, 5_100, 7_000, 0]
    assert cores.overlapped.tolist() == [0] * 5
    chip = make_chip(core__pipeline__kind="overlapped")
    assert lowered(lif_chain(1, 1), chip).cores.overlapped.tolist() == [1, 0, 0]


def test_noc() -> None:
    noc = lowered(lif_chain(1, 1)).noc
    assert (noc.n_tiles, noc.columns, noc.rows) == (8, 4, 2)
    assert noc.hop_ps[[EAST_WEST, NORTH_SOUTH, EJECTION]].tolist() == [3_000, 3_500, 2_500]
    assert noc.cycle_ps[[EAST_WEST, NORTH_SOUTH, EJECTION]].tolist() == [250] * 3 and noc.credit_ps == 1_000
    assert (noc.chip_columns, noc.chip_rows, noc.torus, noc.y_first) == (4, 2, 0, 0)
    assert (noc.buffer_packets, noc.core_in_packets) == (4, -1)
    assert len(noc.link_target) == 4 * 8 + 3
    assert lowered(lif_chain(1, 1), make_chip(noc__buffer_packets="unlimited")).noc.buffer_packets == -1


def test_durations_of_the_chip() -> None:
    machine = lowered(lif_chain(1, 4), make_chip(core__max_neurons=1))
    assert machine.barrier_ps == 150_000  # two tiles, linear between 1 and 8
    assert machine.nominal_step_ps == 1_000_000


def test_flits_follow_the_payload() -> None:
    """Header 24 bits, payload 16, flits of 25: spike 1, ternary 26 bits = 2, graded 40 bits = 2."""
    network = Network("kinds", (spikes_in(1), Population("v", "input", 1), Population("t", "ternary", 1), lif("l", 1)),
                      (Projection("in", "t", dense(1, 1), port="value"),
                       Projection("v", "t", dense(1, 1), port="value"),
                       Projection("t", "l", dense(1, 1))))
    machine = lowered(network, make_chip(noc__flit_bits=25))
    assert machine.output_kind.tolist() == [SPIKE, GRADED, TERNARY, SPIKE]
    assert machine.packets.flits.tolist() == [1, 2, 2]
    assert lowered(network, make_chip(noc__flit_bits=13)).packets.flits.tolist() == [2, 4, 2]


def test_unicast_and_multicast_make_the_same_destinations() -> None:
    network = lif_chain(2, 6, 5)
    one, many = (lowered(network, make_chip(core__max_neurons=2, noc__multicast=name), placement="naive")
                 for name in ("none", "tree"))
    assert all(np.array_equal(a, b) for a, b in zip(one.destinations, many.destinations, strict=True))
    assert len(one.packets.flits) == 2 * 3 + 6 * 3 + 5
    assert len(many.packets.flits) == 2 + 6 + 5
    assert len(one.trees.router) == 0 and (one.packets.tree == -1).all()


def test_axons_of_zero_weights_are_not_made() -> None:
    values = np.array([[1.0, 1.0], [0.0, 0.0]])
    network = Network("zeros", (spikes_in(2), lif("a", 2)), (Projection("in", "a", DenseWeights(values)),))
    assert lowered(network).packets.row_start.tolist() == [0, 1, 1, 1, 1]
    chip = make_chip(core__pipeline__skip_zero_weights=False)
    assert lowered(network, chip).packets.row_start.tolist() == [0, 1, 2, 2, 2]


def test_packets_within_a_core_are_local_where_the_chip_says_so() -> None:
    network = lif_chain(1, 2, 2)
    assert lowered(network).destinations.local.tolist() == [0, 1, 1, 0, 0]
    assert lowered(network, make_chip(noc__self_delivery="network")).destinations.local.tolist() == [0] * 5


def test_readouts_send_at_the_last_token_unless_they_feed_others() -> None:
    """Spiking read-outs (c) send every spike."""
    network = Network("r", (spikes_in(1), Population("a", "linear", 1), Population("b", "linear", 1), lif("c", 1)),
                      (Projection("in", "a", dense(1, 1)), Projection("a", "b", dense(1, 1)),
                       Projection("a", "c", dense(1, 1))), ("a", "b", "c"))
    assert lowered(network).populations.last_only.tolist() == [0, 0, 1, 0]
    assert lowered(network, readout_every_token=True).populations.last_only.tolist() == [0, 0, 0, 0]
    assert lowered(network).readouts == (1, 2, 3)


def test_outputs_are_named_by_population() -> None:
    machine = lowered(mixed())
    assert machine.output_names == ("in", "c.graded", "c.square", "a", "out")
    assert machine.output_population.tolist() == [0, 1, 1, 2, 3]


def test_names_of_outputs_that_would_clash_are_refused() -> None:
    network = Network("clash", (Population("c", "center", 1), lif("c.square", 1)), ())
    with pytest.raises(NetworkError, match=r"two outputs would be called c\.square"):
        lowered(network)


def test_network_of_inputs_only() -> None:
    machine = lowered(Network("wire", (spikes_in(3),), (), ("in",)))
    assert machine.n_cores == 0
    assert machine.destinations.core.tolist() == [1, 1, 1]
    assert machine.packets.hops_ew.tolist() == [3, 3, 3]


def test_provenance_explains_the_machine() -> None:
    chip = make_chip()
    provenance = lowered(spiking_ssm(), chip, seed=4).provenance
    assert provenance["network"] == "digits-like" and provenance["chip_name"] == "test-chip"
    assert from_mapping(json.loads(provenance["chip"])) == chip
    assert json.loads(provenance["mapping_options"])["seed"] == 4
    assert json.loads(provenance["schedule"]) == {
        "name": "pipelined", "interval": 1, "depth": 7, "n_phases": 1, "sequence_length": 0}


def test_latencies_are_rounded_before_they_are_multiplied() -> None:
    costs = {f"core__costs__{name}__latency_ns": {"value": 0.0006, "low": 0, "high": 1, "basis": "assumed",
                                                  "source": "user"} for name in LATENCY_NS}
    machine = lowered(lif_chain(1, 10), make_chip(**costs))
    assert machine.destinations.service_ps[0] == 1 + 2 * 1 + 10 * 1 + 10 * 1  # axon, words, operations, dendrites


def test_same_inputs_same_machine() -> None:
    first, again = (map_with_details(spiking_ssm(), make_chip(core__max_neurons=32), MappingOptions(seed=2)).machine
                    for _ in range(2))
    for ours, theirs in zip((first.packets, first.destinations, first.cores, first.slices),
                            (again.packets, again.destinations, again.cores, again.slices), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert first.provenance == again.provenance


@pytest.mark.parametrize("name", ["loihi2", "generic-mesh"])
def test_digits_like_network_on_library_chips(name: str) -> None:
    machine = map_network(spiking_ssm(), load_chip(name), MappingOptions(max_neurons_per_core=32, ssm="fused"))
    assert machine.n_cores == 11
    assert machine.schedule.interval == 1 and machine.schedule.depth == 7
    operations = int(machine.destinations.dense.sum() + machine.destinations.sparse.sum())
    assert operations == len(machine.synapses.weights) == spiking_ssm().n_synapses
