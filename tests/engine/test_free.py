"""Free-running chips: time, order and arithmetic told by hand, by equations and by the discrete-time models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from importers.graph_builder import GraphBuilder
from importers.mimo.layers import StateSpace, add_space
from neurosim.engine import RunOptions, run
from neurosim.engine.arrival_kernels import arrival_delay
from neurosim.errors import CapabilityError, DataError, OptionError, SimulationError
from neurosim.events import CORE_EVENT_INDEX
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions, map_network
from neurosim.model_specs import SPEC_BY_NAME
from neurosim.numbers import stream_key
from neurosim.traces.recorder import MemoryRecorder
from neurosim.traces.schema import SampleResult
from tests.engine.cases import make_chip
from tests.engine.free_cases import free_chip, free_running
from tests.engine.results import differences, results, zero_load_ps
from tests.oracle.models import resonator

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")     # of random bits, in uncompiled kernels
ENGINES = ("compiled", "reference")
both = pytest.mark.parametrize("engine", ENGINES)


def spikes_in(size: int) -> Population:
    return Population("in", "input", size, attributes={"payload": "spike"})


def chain(target: Population, weights: Any, *more: Projection, readouts: tuple[str, ...] = ("a",)) -> Network:
    """Return an input in front of one population."""
    values = np.atleast_2d(np.asarray(weights, float))
    return Network("chain", (spikes_in(len(values)), target),
                   (Projection("in", target.name, DenseWeights(values), target.spec.ports[0].name), *more), readouts)


def lif(size: int = 1, **parameters: float) -> Population:
    return Population("a", "lif", size, {"leak": 1.0, "threshold": 1.0, **parameters})


def one(machine: Machine, inputs: Any, engine: str, **options: Any) -> SampleResult:
    """Run one sample [token, column]."""
    [result] = results(machine, np.asarray(inputs, float)[None], engine=engine, **options)
    return result


# --- time ------------------------------------------------------------------------------------------------------------


@both
def test_a_spike_leaves_after_its_way_service_and_update(engine: str) -> None:
    chip = free_chip(core__costs__packet_in__latency_ns=3.0, core__costs__synapse_dense__latency_ns=1.5,
                     core__costs__soma_active__latency_ns=7.0, core__costs__spike_out__latency_ns=2.0,
                     core__costs__packet_out__latency_ns=4.0, input_port__packet_latency_ns=6.0)
    machine = map_network(chain(lif(2), [[2.0, 2.0], [0.0, 3.0]]), chip)
    result = one(machine, [[1, 1]], engine)
    core, port, out = 0, 1, 2
    way = zero_load_ps(machine, port, core, 1)
    first, second = 6000 + way, 12_000 + way
    done = first + 3000 + 2 * 1500 + 7000                       # packet 0: two synapses, neuron 0 updated
    assert result.packets is not None
    of_port = result.packets.core == core
    assert result.packets.inject_ps[of_port].tolist() == [6000, 12_000]
    assert result.packets.arrival_ps[of_port].tolist() == [first, second]
    fires = [done + 2000, done + 2000 + 4000 + 7000 + 2000]     # and neuron 1 once neuron 0 has sent
    begins = max(second, fires[1] + 4000)
    fires.append(begins + 3000 + 1500 + 7000 + 2000)            # packet 1: one synapse, its zero is none
    assert result.spikes.time_ps.tolist() == [fires[0], fires[1], fires[2]]
    assert result.spikes.neuron.tolist() == [0, 1, 1]
    to_port = result.packets.inject_ps[~of_port]
    assert to_port.tolist() == [time + 4000 for time in fires]
    last = to_port[-1] + zero_load_ps(machine, core, out, 1)
    assert result.step_end_ps.tolist() == [last + int(machine.destinations.service_ps[-1])]
    assert result.readout.tolist() == [1.0, 2.0]
    assert result.synapse_ps[0, core] == 2 * 3000 + 3 * 1500
    assert result.soma_ps[0, core] == 3 * (7000 + 2000 + 4000)


@both
def test_an_advance_costs_time_and_is_counted_where_time_went_by(engine: str) -> None:
    chip = make_chip(free_running(advance_exp_ns=11.0, advance_multiply_ns=0.5))
    target = Population("a", "mode", 1, {"a_real": 0.5, "a_imag": 0.5})
    plain = map_network(chain(target, [[1.0]]), free_chip())
    dear = map_network(chain(target, [[1.0]]), chip)
    assert dear.free is not None and dear.free.advance_ps.tolist() == [0, 11_000 + 4 * 500]
    cheap, found = (one(machine, [[1], [0], [1]], engine) for machine in (plain, dear))
    assert found.core_counts[..., CORE_EVENT_INDEX["advance_exp"]].sum() == 2
    assert found.core_counts[..., CORE_EVENT_INDEX["advance_multiply"]].sum() == 8
    assert found.duration_ps - cheap.duration_ps == 13_000


@both
def test_rows_follow_the_tokens(engine: str) -> None:
    machine = map_network(chain(lif(), [[2.0]]), free_chip())
    result = one(machine, [[1], [0], [1], [1]], engine, times_ps=np.array([5, 5_000_000, 5_000_000, 7_000_000]))
    assert result.spikes.step.tolist() == [0, 2, 3]
    assert result.step_end_ps[:3].tolist() == [5_000_000, 5_000_000, 7_000_000]
    spikes = result.core_counts[:, 0, CORE_EVENT_INDEX["spike_out"]]
    assert spikes.tolist() == [1, 0, 1, 1]
    assert (result.spikes.time_ps > np.array([5, 5_000_000, 7_000_000])).all()
    assert result.network_ps[1] == 0 and (result.network_ps[[0, 2, 3]] > 0).all()


@both
def test_readouts_hold_or_count(engine: str) -> None:
    network = Network("two", (spikes_in(1), Population("hold", "integrator", 1, {"leak": 1.0}),
                              Population("count", "lif", 1, {"leak": 1.0})),
                      (Projection("in", "hold", DenseWeights(np.array([[0.5]]))),
                       Projection("in", "count", DenseWeights(np.array([[1.0]])))), ("hold", "count"))
    result = one(map_network(network, free_chip()), [[1], [0], [1]], engine, readout_tokens=True)
    assert result.readout_tokens is not None
    assert result.readout_tokens.tolist() == [[0.5, 1], [0.5, 1], [1.0, 2]]


# --- order -----------------------------------------------------------------------------------------------------------


@both
def test_the_order_of_two_packets_decides(engine: str) -> None:
    """+1 then -0.6 fires; -0.6 then +1 leaves 0.4: no spike."""
    machine = map_network(chain(lif(), [[1.0], [-0.6]]), free_chip())
    assert one(machine, [[1, 0], [0, 1]], engine).readout.tolist() == [1.0]
    assert one(machine, [[0, 1], [1, 0]], engine).readout.tolist() == [0.0]
    assert one(machine, [[1, 1]], engine).readout.tolist() == [1.0], "one token: in order of the inputs"


@both
def test_packets_of_one_moment_go_by_their_ids(engine: str) -> None:
    """Both packets leave at once and ask for one link: the smaller place in the table goes first."""
    for weights, spikes in (([1.0, -0.6], 1.0), ([-0.6, 1.0], 0.0)):
        network = Network("pair", (
            spikes_in(1), Population("x", "lif", 1, {"leak": 1.0}), Population("y", "lif", 1, {"leak": 1.0}), lif()), (
            Projection("in", "x", OneToOneWeights(np.ones(1))), Projection("in", "y", OneToOneWeights(np.ones(1))),
            Projection("x", "a", OneToOneWeights(np.array(weights[:1]))),
            Projection("y", "a", OneToOneWeights(np.array(weights[1:])))), ("a",))
        chip = free_chip(noc__multicast="tree", noc__cores_per_tile=3, noc__columns=1, noc__rows=1,
                         noc__buffer_packets="unlimited", input_port__tile=0)
        machine = map_network(network, chip, MappingOptions(cores={"x": 1, "y": 1, "a": 1}))
        result = one(machine, [[1]], engine)
        assert result.packets is not None
        arrivals = result.packets.arrival_ps[result.packets.core == 2]
        assert len(arrivals) == 2 and abs(int(arrivals[1] - arrivals[0])) <= machine.noc.cycle_ps.max()
        assert result.readout.tolist() == [spikes]


@both
def test_jitter_stays_within_its_bound_and_is_drawn_by_id(engine: str) -> None:
    random = np.random.default_rng(0)
    machine = map_network(chain(lif(8), random.normal(0.3, 0.5, (20, 8))), free_chip(),
                          MappingOptions(max_neurons_per_core=3))
    inputs = (random.random((6, 20)) < 0.4).astype(float)
    calm, same = one(machine, inputs, engine), one(machine, inputs, engine, arrival_jitter_ps=0, seed=5)
    assert differences(calm, same) == []
    shaken = one(machine, inputs, engine, arrival_jitter_ps=7000, seed=5)
    assert differences(shaken, one(machine, inputs, engine, arrival_jitter_ps=7000, seed=5)) == []
    assert differences(shaken, one(machine, inputs, engine, arrival_jitter_ps=7000, seed=6)) != []
    from_port = [result.packets.source_row < 20 for result in (calm, shaken)]
    late = shaken.packets.arrival_ps[from_port[1]] - calm.packets.arrival_ps[from_port[0]]
    assert (late >= 0).all() and (late <= 7000).all() and len(np.unique(late)) > 10
    on_port = shaken.packets.core >= len(machine.cores.tile) - 2
    sent = shaken.packets.arrival_ps[on_port] - shaken.packets.inject_ps[on_port]
    assert sent.min() == min(zero_load_ps(machine, core, len(machine.cores.tile) - 1, 1) for core in range(3))


def test_draws_are_even_and_independent_of_each_other() -> None:
    key = stream_key(3, "arrivals 0")
    draws = np.array([[int(arrival_delay(key, inject, place, 0, 1, 9)) for inject in range(100)]
                      for place in range(100)])
    assert np.bincount(draws.ravel(), minlength=10).min() > 850
    assert abs(np.corrcoef(draws[:, :-1].ravel(), draws[:, 1:].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(draws[:-1].ravel(), draws[1:].ravel())[0, 1]) < 0.05


# --- what neurons compute --------------------------------------------------------------------------------------------


@both
def test_leak_is_that_of_the_time_between_arrivals(engine: str) -> None:
    target = Population("a", "integrator", 1, {"leak": 0.7})
    machine = map_network(chain(target, [[1.0]]), free_chip(), MappingOptions(step_ns=300.0))
    times = np.array([0, 1_000_000, 1_450_001, 9_000_000])
    result = one(machine, np.ones((4, 1)), engine, times_ps=times, readout_tokens=True)
    value, expected = 0.0, []
    for gone in np.diff(times, prepend=times[0]):
        value = value * 0.7 ** (gone / 300_000) + 1.0
        expected.append(value)
    assert result.readout_tokens is not None
    np.testing.assert_allclose(result.readout_tokens[:, 0], expected, rtol=1e-14)


@both
def test_zero_weights_touch_only_where_the_chip_works_on_them(engine: str) -> None:
    target = Population("a", "integrator", 2, {"leak": 0.5})
    for skips, updates in ((True, 2), (False, 4)):
        machine = map_network(chain(target, [[1.0, 0.0]]), free_chip(core__pipeline__skip_zero_weights=skips))
        result = one(machine, [[1], [1]], engine)
        names = ("program_active", "program_inactive")
        assert sum(result.core_counts[..., CORE_EVENT_INDEX[name]].sum() for name in names) == updates


@both
def test_an_event_ssm_layer_is_its_asynchronous_discretisation(engine: str) -> None:
    """h_k = exp(Lambda step dt_k) h_(k-1) + gain B u_k;  y_k = 2 Re(C h_k) + D u_k, at irregular events."""
    random, n_modes, n_symbols, width = np.random.default_rng(4), 5, 7, 3
    space = StateSpace(
        poles=-random.uniform(0.1, 1.0, n_modes) + 1j * np.pi * np.arange(n_modes),
        step=random.uniform(0.02, 0.5, n_modes),
        b=random.normal(size=(n_modes, n_symbols)) + 1j * random.normal(size=(n_modes, n_symbols)),
        c=random.normal(size=(width, n_modes)) + 1j * random.normal(size=(width, n_modes)), c_reversed=None,
        d=random.normal(size=(width, n_symbols)), parts=2.0)
    graph = GraphBuilder()
    graph.add("input", "input", n_symbols, payload="spike")
    graph.add("interval", "input", 1, payload="graded")
    y = add_space(graph, "input", "layer", space, "async", intervals="interval")
    network = Network("layer", tuple(graph.populations), tuple(graph.projections), ("layer.modes", y))
    chip = free_chip(core__capabilities__dendrite_ports=8)
    with pytest.warns(UserWarning, match="takes the place"):
        machine = map_network(network, chip, MappingOptions(step_ns=1e6))        # rates per millisecond
    times = np.cumsum(random.integers(5_000_000, 3_000_000_000, 40))
    symbols = random.integers(0, n_symbols, 40)
    inputs = np.zeros((40, n_symbols + 1))
    inputs[np.arange(40), symbols] = 1.0
    result = one(machine, inputs, engine, times_ps=times, readout_tokens=True, record_graded=True)

    state = np.zeros(n_modes, complex)
    gain = (np.exp(space.poles * space.step) - 1) / space.poles
    states, outputs = [], []
    for symbol, gone_ps in zip(symbols, np.diff(times, prepend=times[0]), strict=True):
        state = np.exp(space.poles * space.step * gone_ps * 1e-9) * state + gain * space.b[:, symbol]
        states.append(state)
        outputs.append(2 * (space.c @ state).real + space.d[:, symbol])
    assert result.readout_tokens is not None
    np.testing.assert_allclose(result.readout_tokens[:, :n_modes], np.real(states), rtol=1e-12, atol=1e-12)
    # What y sends for one event is a value per packet that reaches it: they add up to y_k.
    sent, output = result.spikes, machine.output_names.index(y)
    found = np.zeros((40, width))
    np.add.at(found, (sent.step[sent.output == output], sent.neuron[sent.output == output]),
              sent.value[sent.output == output])
    np.testing.assert_allclose(found, outputs, rtol=1e-12, atol=1e-12)


def test_only_what_tells_intervals_of_inputs_alone_is_dropped() -> None:
    populations = (Population("in", "input", 1, attributes={"payload": "spike"}),
                   Population("before", "lif", 1, {"leak": 0.5}),
                   Population("modes", "event_mode", 1, {"rate_real": -1.0, "rate_imag": 0.0}, {"hold": "none"}),
                   Population("after", "lif", 1, {"leak": 0.5}))
    one_to_one = DenseWeights(np.ones((1, 1)))
    network = Network("loop", populations, (
        Projection("in", "before", one_to_one), Projection("in", "modes", one_to_one, "real"),
        Projection("before", "modes", one_to_one, "interval"),
        Projection("modes", "after", one_to_one, output="graded_real"),
        Projection("after", "modes", one_to_one, "interval", delay_steps=1)))
    with pytest.warns(UserWarning, match="takes the place of 2 projections"):
        machine = map_network(network, free_chip(core__capabilities__dendrite_ports=8))
    assert set(machine.population_names) == {"in", "modes", "after"}


# --- ticks -----------------------------------------------------------------------------------------------------------

RESONATOR = {"a_real": 0.95 * np.cos(2 * np.pi / 8), "a_imag": 0.95 * np.sin(2 * np.pi / 8), "threshold": 0.2}


@both
def test_a_resonator_fires_between_its_events_by_ticks(engine: str) -> None:
    """One kick at token 0, none after it: it turns past the real axis at every 8th step or so, as the oracle says."""
    network = chain(Population("a", "resonator", 1, RESONATOR), [[-1.0]])
    machine = map_network(network, free_chip(leak_clock_ns=1000.0))
    inputs = np.zeros((40, 1))
    inputs[[0, 30]] = 1.0
    result = one(machine, inputs, engine)
    values: dict[str, Any] = {**{name: float(value) for name, value in RESONATOR.items()}, "reset_margin": 0.0,
                              "real": 0.0, "imag": 0.0, "charge.imag": 0.0}
    expected = []
    for step in range(40):
        values |= resonator({**values, "charge.real": -float(inputs[step, 0])}, {"firing": "phase"})
        if values["out.spike"]:
            expected.append(step)
    assert expected and all(step not in (0, 30) for step in expected), "it must fire between the events"
    assert ((result.spikes.time_ps - 1) // 1_000_000 - 1).tolist() == expected
    with pytest.raises(CapabilityError, match=r"'a' \(model resonator\).*may cross its threshold between events"):
        map_network(network, free_chip(leak_clock_ns=1000.0), MappingOptions(advance={"a": "lazy"}))
    with pytest.raises(CapabilityError, match="may cross its threshold between events"):
        map_network(network, free_chip())


@both
@pytest.mark.parametrize("model", ["lif", "cuba", "ssm_lif", "running_mean", "brf", "glu"])
def test_a_ticked_population_is_its_discrete_time_model(engine: str, model: str) -> None:
    """The same network on a chip with a barrier: step k there is tick k + 1 here, also with recurrence."""
    random = np.random.default_rng(8)
    given = {"leak": 0.8, "current_leak": 0.5, "bias": 0.05, "threshold": 0.9, "refractory_steps": 1.0, "omega": 0.3,
             "damping": 0.1, "a_real": 0.6, "a_imag": 0.4, "c_real": 1.0, "c_imag": -0.5}
    size, spec = 6, SPEC_BY_NAME[model]
    parameters = {item.name: given[item.name] for item in spec.parameters if item.name in given}
    target = Population("a", model, size, parameters, {}, 2 if spec.has_modes else 0)
    loop = Projection("a", "a", DenseWeights(random.normal(0, 0.2, (size, size))), spec.ports[0].name, delay_steps=1)
    network = chain(target, random.normal(0.3, 0.5, (4, size)), *([loop] if model in ("lif", "cuba") else []))
    inputs = (random.random((25, 4)) < 0.5).astype(float)
    free = map_network(network, free_chip(leak_clock_ns=1000.0), MappingOptions(advance={"a": "tick"}))
    ticked = one(free, inputs, engine)
    [stepped] = results(map_network(network, make_chip(), MappingOptions(readout_every_token=True)), inputs[None])
    tick = (ticked.spikes.time_ps - 1) // 1_000_000 - 1
    order = np.lexsort((ticked.spikes.neuron, tick))
    token = stepped.spikes.step - 1
    assert len(token) > 10
    assert tick[order].tolist() == token.tolist()
    assert ticked.spikes.neuron[order].tolist() == stepped.spikes.neuron.tolist()
    np.testing.assert_allclose(ticked.spikes.value[order], stepped.spikes.value, rtol=1e-12)
    np.testing.assert_allclose(ticked.readout, stepped.readout, rtol=1e-12)


@both
def test_the_last_token_passes_all_ticked_populations(engine: str) -> None:
    populations = (spikes_in(1), *(Population(f"p{index}", "lif", 1, {"leak": 1.0}) for index in range(3)))
    network = Network("line", populations, tuple(
        Projection(pre.name, post.name, OneToOneWeights(np.ones(1))) for pre, post in
        zip(populations, populations[1:], strict=False)), ("p2",))
    machine = map_network(network, free_chip(leak_clock_ns=1000.0), MappingOptions(advance={"*": "tick"}))
    result = one(machine, [[0], [1]], engine)
    assert result.readout.tolist() == [1.0]
    assert (result.spikes.time_ps // 1_000_000).tolist() == [2, 3, 4]


# --- bad input -------------------------------------------------------------------------------------------------------


@both
def test_a_network_that_excites_itself_is_given_up(engine: str) -> None:
    loop = Projection("a", "a", OneToOneWeights(np.ones(1)), delay_steps=1)
    machine = map_network(chain(lif(), [[1.0]], loop), free_chip())
    with pytest.raises(SimulationError, match="sample 0: 50 jobs done at .* ps.*excites itself"):
        one(machine, [[1]], engine, most_jobs=50)


@pytest.mark.parametrize(("times", "message"), [
    ([0.5, 1.0], "dtype float64"), ([0], r"shape \(1,\)"), ([5, 4], r"times of tokens\[0, 1\] = 4"),
    ([-1, 4], "reach -1 to 4"), ([0, 2**60], "reach 0 to"),
])
def test_times_that_do_not_fit(times: list[float], message: str) -> None:
    machine = map_network(chain(lif(), [[1.0]]), free_chip())
    with pytest.raises(DataError, match=message):
        one(machine, [[1], [1]], "compiled", times_ps=np.array(times))


def test_options_that_do_not_suit_the_chip() -> None:
    free, stepped = (map_network(chain(lif(leak=0.5), [[1.0]]), chip) for chip in (free_chip(), make_chip()))
    with pytest.raises(OptionError, match="detail = 'functional' on a free-running chip"):
        one(free, [[1]], "compiled", detail="functional")
    with pytest.raises(OptionError, match="arrival_jitter_ps = 5 on a chip with time steps"):
        one(stepped, [[1]], "compiled", arrival_jitter_ps=5)
    with pytest.raises(OptionError, match="times of tokens on a chip with time steps"):
        one(stepped, [[1]], "compiled", times_ps=np.array([3]))
    with pytest.raises(OptionError, match="arrival_jitter_ps = -1"):
        RunOptions(arrival_jitter_ps=-1)
    with pytest.raises(OptionError, match="most_jobs = 0"):
        RunOptions(most_jobs=0)
    with pytest.raises(OptionError, match="quantise it first"):
        one(free, [[1]], "compiled", numbers="fixed")


def test_a_stopped_worker_says_so() -> None:
    from neurosim.engine.free_compiled import FreeWorker, prepare_free

    machine = map_network(chain(lif(), [[1.0]]), free_chip())
    worker = FreeWorker(prepare_free(machine, RunOptions()))
    worker.stop()
    with pytest.raises(SimulationError, match="was stopped"):
        worker.run(0, np.ones((1, 1)), np.zeros(1, np.int64))


def test_processes_of_the_users_own_are_attached() -> None:
    from neurosim.engine.free_reference import run_free_sample

    machine = map_network(chain(lif(), [[1.0]]), free_chip())
    seen = []

    def probe(chip: Any) -> Any:
        while len(seen) < 3:
            yield chip.env.timeout(10_000)
            seen.append((chip.now, chip.n_jobs))

    run_free_sample(machine, 0, np.ones((1, 1)), np.zeros(1, np.int64), RunOptions(), attach=[probe])
    assert [now for now, _ in seen] == [10_000, 20_000, 30_000]
    assert [n_jobs for _, n_jobs in seen] == [2, 2, 3], "token and packet, then the packet at the output port"


def test_machines_with_steps_are_run_as_before() -> None:
    machine = map_network(chain(lif(), [[1.0]]), make_chip())
    recorder = MemoryRecorder()
    run(machine, np.ones((1, 2, 1)), RunOptions(workers=1), recorder)
    assert recorder.results[0].chip_counts[:, 7].tolist() == [1, 1, 1]
    assert machine.free is None and replace(machine).free is None
