"""Runs of both engines: options, inputs, workers, read-outs; and a network of ten neurons worked out by hand."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from hw_models import load_chip, price
from neurosim.engine import RunOptions, header, run
from neurosim.errors import DataError, OptionError
from neurosim.events import CHIP_EVENT_INDEX, CHIP_EVENTS, CORE_EVENT_INDEX, CORE_EVENTS
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions, map_network
from neurosim.traces.recorder import MemoryRecorder
from tests.engine.cases import fixed_case, make_chip
from tests.engine.results import differences, results

both_engines = pytest.mark.parametrize("engine", ["reference", "compiled"])

# -- ten neurons by hand -------------------------------------------------------------------------------------------

SMALL_CHIP = ["noc.columns=2", "noc.rows=1", "output_port.tile=1", "barrier.1.latency_ns=50"]


def ten_neurons() -> Network:
    """Three inputs, four hidden and three read-out neurons, all LIF with leak 0.5, threshold 1 and no bias."""
    hidden = DenseWeights(np.array([[1.0, 0.5, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0], [0.0, 0.5, 0.25, 0.0]]))
    out = DenseWeights(np.array([[1.0, 0.0, 0.25], [0.0, 0.0, 0.25], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]))
    return Network("ten", (
        Population("in", "input", 3, attributes={"payload": "spike"}),
        Population("hidden", "lif", 4, {"leak": 0.5}), Population("out", "lif", 3, {"leak": 0.5}),
    ), (Projection("in", "hidden", hidden), Projection("hidden", "out", out)), ("out",))


def small_machine(network: Network, *overrides: str) -> Machine:
    chip = load_chip("generic-mesh", [*SMALL_CHIP, *overrides])
    return map_network(network, chip, MappingOptions(max_neurons_per_core=4, placement="naive"))


@both_engines
def test_ten_neurons(engine: str) -> None:
    """Input neurons 0 and 2 spike; `hidden` is core 0 on tile 0, `out` core 1 on tile 1.

    Times of generic-mesh in ns: router 2, link 1, ejection 1, flit 1; input port 5 and output port 5 per packet;
    active update 5, inactive 3, spike_out 2, packet_out 2; packet_in 2, synaptic operation 1; barrier 50.

    Step 0. The port injects at 5 and 10, beside core 0: no hop, router 2 + ejection 1. Arrivals 8 and 13. Each packet
    has 2 synapses that are not zero: service 2 + 2 = 4, so 8-12 and 13-17. End: 17 + 50 = 67.

    Step 1. Charges 1, 1, 0.25, 0. Neuron 0: update 5, spike 7, packet 9. Neuron 1: update 14, spike 16, packet 18.
    Neuron 2: update 23. Neuron 3 is inactive: 26. One hop east: 3 + 3 = 6, arrivals 15 and 24. Services
    2 + 2 and 2 + 1: 15-19 and 24-27. End: 67 + 27 + 50 = 144.

    Step 2. Charges 1, 0, 0.5. Neuron 0: update 5, spike 7, packet 9; neuron 1 inactive 12; neuron 2 17. The packet is
    at the output port, on the same tile, at 12, and through it at 17. End: 144 + 17 + 50 = 211.
    """
    [result] = results(small_machine(ten_neurons()), np.array([[[1.0, 0.0, 1.0]]]), engine=engine)
    assert result.step_end_ps.tolist() == [67_000, 144_000, 211_000]
    assert result.soma_ps.tolist() == [[0, 0, 10_000, 0], [26_000, 0, 0, 0], [0, 17_000, 0, 0]]
    assert result.synapse_ps.tolist() == [[8_000, 0, 0, 0], [0, 7_000, 0, 0], [0, 0, 0, 5_000]]
    assert result.network_ps.tolist() == [13_000, 24_000, 12_000]
    spikes = result.spikes
    assert list(zip(spikes.step.tolist(), spikes.output.tolist(), spikes.neuron.tolist(), spikes.time_ps.tolist(),
                    strict=True)) == [(1, 1, 0, 74_000), (1, 1, 1, 83_000), (2, 2, 0, 151_000)]
    packets = result.packets
    assert packets is not None
    assert packets.inject_ps.tolist() == [5_000, 10_000, 76_000, 85_000, 153_000]
    assert packets.arrival_ps.tolist() == [8_000, 13_000, 82_000, 91_000, 156_000]
    assert packets.core.tolist() == [0, 0, 1, 1, 3]
    assert result.readout.tolist() == [1.0, 0.0, 0.0]

    core = {name: result.core_counts[:, :, index].tolist() for name, index in CORE_EVENT_INDEX.items()}
    none = [[0, 0, 0, 0]] * 3
    assert core == {
        "soma_active": [[0, 0, 0, 0], [3, 0, 0, 0], [0, 2, 0, 0]],
        "soma_inactive": [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]],
        "spike_out": [[0, 0, 0, 0], [2, 0, 0, 0], [0, 1, 0, 0]],
        "packet_out": [[0, 0, 0, 0], [2, 0, 0, 0], [0, 1, 0, 0]],
        "packet_in": [[2, 0, 0, 0], [0, 2, 0, 0], none[0]],
        "synapse_read": [[2, 0, 0, 0], [0, 2, 0, 0], none[0]],      # 4 and 3 weights of 8 bits: a word each
        "synapse_dense": [[4, 0, 0, 0], [0, 3, 0, 0], none[0]],
        "dendrite": [[4, 0, 0, 0], [0, 3, 0, 0], none[0]],
        "program_active": none, "program_inactive": none, "mode_update": none, "synapse_sparse": none,
        "synapse_conv": none, "advance_exp": none, "advance_multiply": none,
    }
    chip = {name: result.chip_counts[:, index].tolist() for name, index in CHIP_EVENT_INDEX.items()}
    assert chip == {
        "hop_ew": [0, 2, 0], "hop_ns": [0, 0, 0], "flit_hop_ew": [0, 2, 0], "flit_hop_ns": [0, 0, 0],
        "tile_local": [2, 2, 1], "input_packet": [2, 0, 0], "output_packet": [0, 0, 1], "barrier": [1, 1, 1],
        "chip_hop": [0, 0, 0], "flit_chip_hop": [0, 0, 0],
    }


def bill_of(machine: Machine, found: list, *overrides: str):
    """Price a run: cores without ports, over all samples."""
    cores = sum(result.core_counts[:, :machine.n_cores].sum(axis=(0, 1), dtype=np.int64) for result in found)
    chip = sum(result.chip_counts.sum(axis=0) for result in found)
    time_s = sum(result.duration_ps for result in found) * 1e-12
    core_counts = dict(zip(CORE_EVENTS, cores.tolist(), strict=True))
    chip_counts = dict(zip(CHIP_EVENTS, chip.tolist(), strict=True))
    chip_file = load_chip("generic-mesh", [*SMALL_CHIP, *overrides])
    return price(chip_file, core_counts, chip_counts, machine.n_cores, time_s)


@both_engines
def test_energy_of_ten_neurons(engine: str) -> None:
    """Counts of the run above x figures of generic-mesh in pJ, and 100 mW + 2 x 0.5 mW over 211 ns."""
    machine = small_machine(ten_neurons())
    bill = bill_of(machine, results(machine, np.array([[[1.0, 0.0, 1.0]]]), engine=engine))
    energy_pj = {row.component: row.energy_j * 1e12 for row in bill.rows if row.energy_j}
    by_hand = {
        "soma_active": 5 * 50, "soma_inactive": 2 * 30, "spike_out": 3 * 30, "packet_out": 3 * 50, "packet_in": 4 * 10,
        "synapse_read": 4 * 10, "synapse_dense": 7 * 10, "dendrite": 7 * 1, "hop_ew": 2 * 1, "flit_hop_ew": 2 * 2,
        "tile_local": 5 * 2, "input_packet": 2 * 50, "output_packet": 1 * 50, "barrier": 3 * 100,
        "chip_idle": 100 * 211, "core_active": 2 * 0.5 * 211,
    }
    assert energy_pj.keys() == by_hand.keys()
    assert all(math.isclose(energy_pj[name], by_hand[name], rel_tol=1e-12) for name in by_hand)
    assert math.isclose(bill.dynamic_j * 1e12, 1173, rel_tol=1e-12)
    assert math.isclose(bill.static_j * 1e12, 21_311, rel_tol=1e-12)
    assert math.isclose(bill.total_j * 1e12, 22_484, rel_tol=1e-12)
    assert bill.corner_low_j <= bill.interval_low_j <= bill.total_j <= bill.interval_high_j <= bill.corner_high_j


@both_engines
def test_silence_costs_static_power_inactive_updates_and_barriers(engine: str) -> None:
    """No bias, no input: each token updates seven resting neurons; on a chip of free barriers nothing else costs."""
    machine = small_machine(ten_neurons(), "barrier_pj=0")
    found = results(machine, np.zeros((2, 5, 3)), engine=engine)
    bill = bill_of(machine, found, "barrier_pj=0")
    assert {row.component for row in bill.rows if row.count} == {"soma_inactive", "barrier", "chip_idle", "core_active"}
    assert {row.component: row.count for row in bill.rows if row.energy_j} == {
        "soma_inactive": 2 * 5 * 7, "chip_idle": 1, "core_active": 2}
    assert math.isclose(bill.dynamic_j * 1e12, 70 * 30, rel_tol=1e-12)
    assert all(result.packets is not None and len(result.packets.step) == 0 for result in found)
    # Seven steps each: tokens 0 to 4 reach `hidden` in steps 1 to 5, `out` in 2 to 6; 4 x 3 ns and 3 x 3 ns of updates.
    assert found[0].step_end_ps.tolist() == np.cumsum([50_000, *[62_000] * 5, 59_000]).tolist()


# -- read-outs -----------------------------------------------------------------------------------------------------


def counting() -> Network:
    """Two read-outs: a running sum of values, and spikes."""
    return Network("counting", (
        Population("in", "input", 2), Population("sum", "integrator", 2), Population("fire", "lif", 2, {"leak": 0.0}),
    ), (Projection("in", "sum", OneToOneWeights(np.ones(2))), Projection("in", "fire", OneToOneWeights(np.ones(2)))),
        ("sum", "fire"))


INPUTS = np.array([[[1.0, 0.5], [2.0, -1.0], [0.0, 1.0], [1.5, 0.25]]])


@both_engines
def test_readouts_of_the_last_token_and_of_all(engine: str) -> None:
    """Values as they stand, spikes (charges from 1 on) counted since the start of the sample."""
    machine = map_network(counting(), make_chip(), MappingOptions())
    [result] = results(machine, INPUTS, engine=engine, readout_tokens=True)
    assert result.readout_tokens is not None
    assert result.readout_tokens.tolist() == [[1.0, 0.5, 1, 0], [3.0, -0.5, 2, 0], [3.0, 0.5, 2, 1], [4.5, 0.75, 3, 1]]
    assert result.readout.tolist() == [4.5, 0.75, 3, 1]
    [last] = results(machine, INPUTS, engine=engine)
    assert last.readout_tokens is None and last.readout.tolist() == result.readout.tolist()


@both_engines
@pytest.mark.parametrize(("every_token", "n_packets"), [(False, 2 + 4), (True, 4 * 2 + 4)])
def test_readouts_speak_at_the_last_token_or_at_every_one(engine: str, every_token: bool, n_packets: int) -> None:
    """Two sums are never zero; `fire` spikes at tokens 0, 1, 3 (neuron 0) and 2 (neuron 1)."""
    machine = map_network(counting(), make_chip(), MappingOptions(readout_every_token=every_token))
    [result] = results(machine, INPUTS, engine=engine)
    assert int(result.chip_counts[:, CHIP_EVENT_INDEX["output_packet"]].sum()) == n_packets
    assert int(result.core_counts[:, :, CORE_EVENT_INDEX["packet_out"]].sum()) == n_packets
    # Spikes are all sent; a graded read-out that may not speak yet costs no spike_out.
    assert int((result.spikes.output == 2).sum()) == 4
    assert int(result.core_counts[:, :, CORE_EVENT_INDEX["spike_out"]].sum()) == n_packets


def test_an_input_population_can_be_read_out() -> None:
    network = Network("echo", (Population("in", "input", 2), Population("a", "linear", 2)),
                      (Projection("in", "a", OneToOneWeights(np.ones(2))),), ("in", "a"))
    machine = map_network(network, make_chip(), MappingOptions())
    for engine in ("reference", "compiled"):
        assert results(machine, INPUTS, engine=engine)[0].readout.tolist() == [1.5, 0.25, 1.5, 0.25]


# -- samples and workers -------------------------------------------------------------------------------------------


def batch(n_samples: int) -> tuple[Machine, np.ndarray]:
    case = next(case for case in map(fixed_case, range(100))
                if case.machine.n_inputs > 2 and len(case.network.readouts) and case.inputs.shape[1] > 2
                and len({population.attributes["payload"] for population in case.network.inputs}) == 1)
    random = np.random.default_rng(5)
    spikes = all(population.attributes["payload"] == "spike" for population in case.network.inputs)
    values = [0.0, 1.0] if spikes else [0.0, 1.0, -0.5]
    return case.machine, random.choice(values, (n_samples, 4, case.machine.n_inputs))


@pytest.mark.parametrize("workers", [2, 3, 0])
def test_workers_give_the_same_results_in_the_same_order(workers: int) -> None:
    machine, inputs = batch(17)
    expected = results(machine, inputs, workers=1)
    found = results(machine, inputs, workers=workers)
    assert [result.sample for result in found] == list(range(17))
    assert differences(found, expected) == []
    assert len({result.readout.tobytes() for result in expected}) > 1, "samples that are all the same show nothing"


@both_engines
def test_every_sample_starts_in_an_empty_machine(engine: str) -> None:
    machine, inputs = batch(4)
    together = results(machine, inputs, engine=engine)
    for sample, result in enumerate(together):
        [alone] = results(machine, inputs[sample:sample + 1], engine=engine)
        assert set(differences(alone, result)) <= {".sample"}


@both_engines
def test_progress_counts_samples_after_they_are_written(engine: str) -> None:
    machine, inputs = batch(5)
    recorder, seen = MemoryRecorder(), []
    run(machine, inputs, RunOptions(engine=engine, workers=2), recorder,
        progress=lambda done: seen.append((done, len(recorder.results))))
    assert seen == [(number, number) for number in range(1, 6)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_recorder_ends_the_run(workers: int) -> None:
    class Full:
        n_written = 0

        def write(self, result) -> None:
            self.n_written += 1
            if self.n_written == 3:
                raise OSError("disk full")

    machine, inputs = batch(9)
    recorder = Full()
    before = threading.active_count()
    with pytest.raises(OSError, match="disk full"):     # which holds the frames of the run
        run(machine, inputs, RunOptions(workers=workers), recorder)
    assert recorder.n_written == 3 and threading.active_count() == before


def test_what_is_recorded() -> None:
    machine = map_network(counting(), make_chip(), MappingOptions())
    kinds = {chosen: sorted(set(results(machine, INPUTS, record_spikes=chosen[0], record_graded=chosen[1])[0]
                                .spikes.output.tolist())) for chosen in ((0, 0), (0, 1), (1, 0), (1, 1))}
    assert kinds == {(0, 0): [], (0, 1): [1], (1, 0): [2], (1, 1): [1, 2]}     # output 0 is the input
    assert results(machine, INPUTS, record_packets=False)[0].packets is None


def test_details_without_time_have_nominal_steps() -> None:
    machine = map_network(counting(), make_chip({"nominal_step_ns": 123}), MappingOptions())
    for engine in ("compiled", "reference"):
        [result] = results(machine, INPUTS, engine=engine, detail="functional")
        assert result.step_end_ps.tolist() == [123_000 * step for step in range(1, result.n_steps + 1)]
        assert (result.spikes.time_ps == 123_000 * result.spikes.step).all()
        assert not result.soma_ps.any() and not result.network_ps.any() and not result.link_packets.any()


def test_header_describes_the_machine() -> None:
    chip = make_chip({"noc.columns": 3, "noc.rows": 2, "noc.cores_per_tile": 4})
    for seed in range(10):
        machine = map_network(counting(), chip, MappingOptions(placement="random", max_neurons_per_core=1, seed=seed))
        described = header(machine, RunOptions(detail="analytic", seed=7), 3, {"command": "test"})
        assert (described.columns, described.rows, described.cores_per_tile, described.n_samples) == (3, 2, 4, 3)
        assert described.core_physical[:4].tolist() == machine.cores.physical[:4].tolist()
    assert described.core_is_port.tolist() == [0, 0, 0, 0, 1, 1]
    assert described.core_slices == (("sum[0:1]",), ("sum[1:2]",), ("fire[0:1]",), ("fire[1:2]",), ("in[0:2]",), ())
    assert described.readout_populations == ("sum", "fire")
    assert (described.detail, described.numbers, described.engine) == ("analytic", "float64", "compiled")
    assert (described.schedule, described.interval, described.depth) == ("pipelined", 1, 2)
    assert described.provenance["command"] == "test" and described.provenance["seed"] == "7"


# -- errors --------------------------------------------------------------------------------------------------------


def message_of(kind: type[Exception], action) -> str:
    with pytest.raises(kind) as raised:
        action()
    return str(raised.value)


@both_engines
@pytest.mark.parametrize(("inputs", "message"), [
    (np.ones((3, 2)), "inputs have shape (3, 2)\n  allowed: (samples, tokens, 2)"),
    (np.ones((1, 4, 3)), "inputs have shape (1, 4, 3)\n  allowed: (samples, tokens, 2)"),
    (np.ones((0, 4, 2)), "inputs have shape (0, 4, 2)\n  allowed: at least one sample and one token"),
    (np.ones((1, 0, 2)), "inputs have shape (1, 0, 2)\n  allowed: at least one sample and one token"),
    (np.array([[[1.0, np.nan]]]), "inputs[0, 0, 1] = nan\n  allowed: finite numbers"),
    (np.array([[[0.0, 1.0]], [[-np.inf, 1.0]]]), "inputs[1, 0, 0] = -inf\n  allowed: finite numbers"),
    (np.array([[["a", "b"]]]), "inputs have dtype <U1\n  allowed: real numbers"),
    (np.array([[[1j, 0]]]), "inputs have dtype complex128\n  allowed: real numbers"),
])
def test_wrong_inputs(engine: str, inputs: np.ndarray, message: str) -> None:
    machine = map_network(counting(), make_chip(), MappingOptions())
    recorder = MemoryRecorder()
    assert message_of(DataError, lambda: run(machine, inputs, RunOptions(engine=engine), recorder)) == message
    assert recorder.results == []


@both_engines
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, bool])
def test_inputs_of_any_real_type(engine: str, dtype: type) -> None:
    machine = map_network(counting(), make_chip(), MappingOptions())
    inputs = np.array([[[1, 0], [1, 1]]])
    expected = results(machine, inputs.astype(np.float64), engine=engine)
    assert differences(results(machine, inputs.astype(dtype), engine=engine), expected) == []


@pytest.mark.parametrize(("options", "message"), [
    ({"engine": "compield"},
     "engine = 'compield'\n  allowed: auto, compiled, reference\n  mend: did you mean 'compiled'?"),
    ({"detail": "events"}, "detail = 'events'\n  allowed: functional, analytic, event\n  mend: did you mean 'event'?"),
    ({"numbers": "x"}, "numbers = 'x'\n  allowed: float64, float32, fixed"),
    ({"workers": -1}, "workers = -1\n  allowed: integer from 0 to 1024"),
    ({"workers": 1025}, "workers = 1025\n  allowed: integer from 0 to 1024"),
    ({"record_packets": True, "detail": "analytic"}, "record_packets at detail 'analytic'\n  allowed: detail event\n"
                                                     "  mend: packets have arrival times at detail event only"),
])
def test_wrong_options(options: dict[str, object], message: str) -> None:
    assert message_of(OptionError, lambda: RunOptions(**options)) == message


def test_spike_inputs_carry_no_value() -> None:
    network = Network("spikes", (Population("p", "input", 2, attributes={"payload": "spike"}),
                                 Population("n", "lif", 2, {"leak": 0.9})),
                      (Projection("p", "n", OneToOneWeights(np.ones(2))),), ("n",))
    machine = map_network(network, make_chip(), MappingOptions())
    with pytest.raises(DataError, match=r"inputs\[0, 1, 1\] = 0.3\n  allowed: 0 and 1"):
        results(machine, np.array([[[0.0, 1.0], [1.0, 0.3]]]), engine="compiled")


def test_spiking_read_outs_send_every_spike() -> None:
    """A graded read-out holds its answer and sends it once; spikes are the answer."""
    network = Network("spikes", (Population("p", "input", 2, attributes={"payload": "spike"}),
                                 Population("n", "lif", 2, {"leak": 0.0})),
                      (Projection("p", "n", OneToOneWeights(np.ones(2))),), ("n",))
    machine = map_network(network, make_chip(), MappingOptions())
    for engine in ("compiled", "reference"):
        [result] = results(machine, np.ones((1, 5, 2)), engine=engine)
        assert result.readout.tolist() == [5, 5] and len(result.spikes.step) == 10
        assert int(result.chip_counts[:, CHIP_EVENT_INDEX["output_packet"]].sum()) == 10
