"""netx networks run bit for bit as recorded, and as the oracle computes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw_models.load import load_chip
from importers.netx import import_netx
from neurosim.errors import OptionError
from neurosim.graph import ConvolutionWeights, SparseWeights
from neurosim.mapping import map_network
from neurosim.mapping.describe import describe
from neurosim.mapping.options import MappingOptions
from tests.engine.results import results
from tests.importers.netx_files import (
    CUBA,
    LOIHI,
    RESONATOR,
    SDNN,
    Layer,
    conv,
    dense,
    even,
    flatten,
    neurons,
    pool,
    write,
)
from tests.importers.netx_runs import Record, as_image, as_lava, record
from tests.oracle.netx import LayerRun, read_layers, run_network

OnDisk = Callable[[str], Path]
TOKENS = 16
PILOTNET = ["input", *(f"conv-{number}" for number in range(5)), *(f"fc-{number}" for number in range(3))]
STATES = {"cuba": ("u", "v"), "sigma_delta": ("sigma",), "resonator": ("real", "imag")}
LATENCIES = pytest.mark.parametrize("latency", [0, 1])


def held(image: np.ndarray, n_tokens: int = TOKENS) -> np.ndarray:
    """Return [token, channel, row, column] of an image [column, row, channel] that stays."""
    return np.repeat(image.astype(np.int64).transpose(2, 1, 0)[None], n_tokens, axis=0)


def recording(path: Path) -> np.ndarray:
    """Return [step, channel, row, column] of a recording [column, row, channel, step]."""
    values = np.load(path).astype(np.int64)
    return values.transpose(range(values.ndim)[::-1])


def agrees(found: Record, expected: LayerRun, model: str) -> None:
    """Compare outputs and states."""
    shape = expected.spikes.shape[1:]
    if model != "integrator":
        np.testing.assert_array_equal(as_image(found.output, shape), expected.spikes)
    for row, name in enumerate(STATES.get(model, ())):
        if name in expected.state:
            np.testing.assert_array_equal(as_image(found.state[row], shape), expected.state[name])


def check(path: Path, given: np.ndarray, latency: int = 0, **options: Any) -> list[LayerRun]:
    """Import and run `path`, compare every layer with the oracle; return the oracle's runs."""
    network = import_netx(path, layer_latency=latency, **{"inputs": "integers", **options}).network
    found, expected = record(network, given), run_network(read_layers(path), given, latency)
    layers = network.populations[1:]
    for population, run in zip(layers, expected[-len(layers):], strict=True):
        if population.model == "cuba" and run.kind == "input":
            np.testing.assert_array_equal(as_image(found[population.name].output, run.spikes.shape[1:]), run.spikes)
            continue
        agrees(found[population.name], run, population.model)
        if population.model == "integrator":
            potential = run.state["v"] if "v" in run.state else run.state["sigma"]
            np.testing.assert_array_equal(found[population.name].output, potential.reshape(len(given), -1))
        assert run.spikes.any() or population.model == "integrator", f"{population.name} is silent: nothing was tested"
    return expected


# -- recordings of lava-dl and Lava ------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", ["fixed", "oracle"])
def test_tiny_network(outside_data: OnDisk, numbers: str) -> None:
    """15 steps of lava-dl's own test network, without an error; its simulation shows every layer one step late."""
    given = held(np.load(outside_data("netx/tiny/input_bias.npy")), 15)
    expected = np.load(outside_data("netx/tiny/output.npy"))[0].transpose(3, 0, 1, 2)[1:]
    path = outside_data("netx/tiny/tiny.net")
    if numbers == "oracle":
        found = run_network(read_layers(path), given)[-1].spikes
    else:
        found = as_image(record(import_netx(path, inputs="integers").network, given)["layer2"].output, (36, 1, 1))
    np.testing.assert_array_equal(found, expected)
    assert expected.sum() == 92


@pytest.mark.parametrize("numbers", ["fixed", "oracle"])
def test_pilotnet_is_as_recorded(outside_data: OnDisk, numbers: str) -> None:
    """Spikes, currents and potentials of every layer, 16 steps; a spiking neuron's register reads 128."""
    folder = outside_data("netx/pilotnet_lif/network.net").parent
    path, given = folder / "network.net", held(np.load(folder / "image.npy"))
    runs = run_network(read_layers(path), given)
    found = record(import_netx(path, inputs="integers").network, given) if numbers == "fixed" else {}
    names = ["layer0", "layer1", "layer2", "layer3", "layer4", "layer5", "layer7", "layer8", "layer9"]
    for lag, (name, layer, run) in enumerate(zip(PILOTNET, names, runs[:-1], strict=True)):
        shape = run.spikes.shape[1:]
        spikes, u, v = run.spikes, run.state["u"], run.state["v"]
        if numbers == "fixed":
            spikes = as_image(found[layer].output, shape)
            u, v = (as_image(found[layer].state[row], shape) for row in (0, 1))
        steps = slice(lag, lag + TOKENS)
        np.testing.assert_array_equal(spikes, recording(folder / f"{name}.npy")[steps])
        if (folder / f"{name}-u.npy").exists():
            np.testing.assert_array_equal(u, recording(folder / f"{name}-u.npy")[steps])
            recorded = recording(folder / f"{name}-v.npy")[steps]
            np.testing.assert_array_equal(v[spikes == 0], recorded[spikes == 0])
            assert set(recorded[spikes == 1]) <= {128}
    assert sum(int(run.spikes.sum()) for run in runs[1:]) == 176124


@LATENCIES
def test_pilotnet_is_as_the_oracle_computes_it(outside_data: OnDisk, latency: int) -> None:
    """The last layer too, which the recording does not align: its potential is read out."""
    folder = outside_data("netx/pilotnet_lif/network.net").parent
    check(folder / "network.net", held(np.load(folder / "image.npy")), latency)


def test_pilotnet_on_the_compiled_engine(outside_data: OnDisk) -> None:
    """Mapped to Loihi 2, spikes as recorded: step = token + stage, as on silicon."""
    folder = outside_data("netx/pilotnet_lif/network.net").parent
    network = import_netx(folder / "network.net", inputs="integers").network
    machine = map_network(network, load_chip("loihi2"))
    given = as_lava(held(np.load(folder / "image.npy"))).astype(float)[None]
    [result] = results(machine, given, numbers="fixed", detail="functional")
    assert not result.overflows.any()
    for number, name in enumerate(PILOTNET, start=1):
        recorded = recording(folder / f"{name}.npy")[number - 1:number - 1 + TOKENS]
        spikes = np.zeros((TOKENS, int(machine.populations.size[number])), np.int64)
        own = result.spikes.output == machine.populations.first_output[number]
        spikes[result.spikes.step[own] - machine.populations.stage[number], result.spikes.neuron[own]] = 1
        np.testing.assert_array_equal(spikes, as_lava(recorded))


def test_pilotnet_in_the_partition_of_silicon(outside_data: OnDisk) -> None:
    """74 cores, cut along x, as lava_dl_pilotnet's log has them."""
    path = outside_data("netx/pilotnet_lif/network.net")
    network = import_netx(path, inputs="integers").network
    cores = {"layer0": [3168] * 12 + [1584], "layer1": [3072] * 24 + [2304], "layer2": [2160] * 12 + [540],
             "layer3": [2688] * 3, "layer4": [2048, 2048, 1536], "layer5": [2048, 512], "layer7": 12, "layer8": 1,
             "layer9": 1, "layer10": 1}
    machine = map_network(network, load_chip("loihi2"), MappingOptions(cores=cores))
    assert describe(machine)["cores_used"] == 74
    even = {name: given if isinstance(given, int) else len(given) for name, given in cores.items()}
    assert describe(map_network(network, load_chip("loihi2"), MappingOptions(cores=even)))["cores_used"] == 74


# -- networks of our own, against the oracle ---------------------------------------------------------------------------


def some(seed: int, shape: tuple[int, ...], rate: float = 0.3, n_tokens: int = 30) -> np.ndarray:
    """Return random spikes [token, ...shape]."""
    return (np.random.default_rng(seed).random((n_tokens, *shape)) < rate).astype(np.int64)


@LATENCIES
@pytest.mark.parametrize("bias", [0, 12])
def test_convolutions_pools_and_dense_layers(tmp_path: Path, latency: int, bias: int) -> None:
    """Everything unequal: rows and columns, strides, paddings, dilations, groups; parameters per channel."""
    random, image = np.random.default_rng(1), (4, 9, 12)
    per_channel = neurons(CUBA, iDecay=np.arange(500, 1100, 100), vDecay=np.arange(6) * 300,
                          vThMant=np.arange(40, 46))
    first = conv(random, image, 6, per_channel, stride=(1, 2), padding=(2, 1), dilation=(2, 1), groups=2, bias=bias)
    shape = tuple(first["shape"])
    pooled = pool(shape, neurons(LOIHI))
    second = conv(random, tuple(pooled["shape"]), 5, neurons(LOIHI), bias=bias, kernel=(2, 2), delay=3)
    size = int(np.prod(second["shape"]))
    layers = [{"type": "input", "shape": list(image)}, first, pooled, second, flatten(size),
              dense(random, size, 7, neurons(CUBA), bias=bias), dense(random, 7, 4, neurons(LOIHI, vDecay=0))]
    network = import_netx(write(tmp_path / "n.net", layers)).network
    assert all(isinstance(item.weights, ConvolutionWeights) for item in network.projections[:3])
    check(tmp_path / "n.net", some(2, image, n_tokens=40), latency)


@pytest.mark.parametrize("size", ["one", "same", "inputs", "outputs"])
@LATENCIES
def test_delays(tmp_path: Path, size: str, latency: int) -> None:
    random = np.random.default_rng(3)
    drawn = {"one": np.float32(5), "same": np.full(20, 4.0), "inputs": random.integers(0, 9, 20),
             "outputs": random.integers(0, 9, 6)}[size]
    drawn = np.asarray(drawn, np.float32)
    if size == "inputs":
        drawn[3] = 80       # clamped to 62
    layers = [dense(random, 20, 6, neurons(CUBA), delay=drawn), dense(random, 6, 6, neurons(CUBA), most=200)]
    result = import_netx(write(tmp_path / "n.net", layers))
    assert isinstance(result.network.projections[0].weights, SparseWeights) == (size in ("inputs", "outputs"))
    assert any("clamped" in note for note in result.report.notes) == (size == "inputs")
    check(tmp_path / "n.net", some(4, (20,), n_tokens=90).reshape(90, 20, 1, 1), latency)


def test_delays_after_an_image_follow_its_neurons(tmp_path: Path) -> None:
    """Delays per input are in the order of the flattened image, channel first."""
    random, image = np.random.default_rng(5), (2, 3, 4)
    layers = [{"type": "input", "shape": list(image)}, flatten(24),
              dense(random, 24, 5, neurons(CUBA), delay=np.arange(24) % 7)]
    check(write(tmp_path / "n.net", layers), some(6, image))


@LATENCIES
def test_recurrent_layers(tmp_path: Path, latency: int) -> None:
    random = np.random.default_rng(7)
    recurrent = dense(random, 12, 9, neurons(CUBA), type="dense_rec", weight_rec=even(random, (9, 9), 100), delay=2)
    check(write(tmp_path / "n.net", [recurrent, dense(random, 9, 4, neurons(LOIHI))]), some(8, (12, 1, 1)), latency)


def test_refractory_steps(tmp_path: Path) -> None:
    """RefDelay 1 is none, as lava-dl always writes."""
    random = np.random.default_rng(9)
    layers = [dense(random, 12, 9, neurons(CUBA, refDelay=4, vThMant=20))]
    [run] = check(write(tmp_path / "n.net", layers), some(10, (12, 1, 1), 0.6))
    assert all(not run.spikes[:-lag][run.spikes[lag:] == 1].any() for lag in (1, 2, 3))


def test_average(tmp_path: Path) -> None:
    random, image = np.random.default_rng(11), (4, 5, 6)
    first = conv(random, image, 6, neurons(LOIHI), kernel=(2, 3))
    path = write(tmp_path / "n.net", [{"type": "input", "shape": list(image)}, first,
                                      {"type": "average", "shape": [3, 1, 1]}])
    network, given = import_netx(path).network, some(12, image)
    run = run_network(read_layers(path), given)[-1]
    for numbers in ("fixed", "float64"):
        share = 2 * int(np.prod(first["shape"][1:])) if numbers == "float64" else 1
        np.testing.assert_allclose(record(network, given, numbers)["layer2"].output * share, run.spikes, rtol=1e-12)
    assert run.spikes.max() > 1


@LATENCIES
@pytest.mark.parametrize("threshold", [0, 3])
def test_sigma_delta_networks(tmp_path: Path, latency: int, threshold: int) -> None:
    """Graded messages through every kind of layer; the output layer sends the sum itself."""
    random, image = np.random.default_rng(13), (2, 6, 8)
    sdnn = neurons(SDNN, vThMant=threshold)
    first = conv(random, image, 4, sdnn, stride=(1, 2), padding=(1, 0), bias=9, kernel=(3, 2))
    pooled = pool(tuple(first["shape"]), sdnn, value=16)
    size = int(np.prod(pooled["shape"]))
    layers = [{"type": "input", "shape": list(image), **sdnn}, first, pooled, flatten(size),
              dense(random, size, 6, neurons(SDNN, vThMant=np.arange(6)), most=8, bias=9),
              dense(random, 6, 3, neurons(SDNN, sigma_output=True), most=8)]
    steps = np.random.default_rng(14).integers(-20, 21, (12, *image))
    check(write(tmp_path / "n.net", layers), np.cumsum(steps, axis=0), latency)


def test_messages_into_sigma_delta_neurons(tmp_path: Path) -> None:
    """Without input neurons, the input itself is messages, as Lava takes with `skip_layers`."""
    random = np.random.default_rng(15)
    layers = [dense(random, 8, 5, neurons(SDNN), bias=9), dense(random, 5, 3, neurons(SDNN, vThMant=0), bias=20)]
    given = np.random.default_rng(16).integers(-600, 601, (20, 8, 1, 1))
    check(write(tmp_path / "n.net", layers), given)


@LATENCIES
@pytest.mark.parametrize("kind", ["RF_PHASE", "RF_IZHIKEVICH"])
def test_resonators(tmp_path: Path, latency: int, kind: str) -> None:
    random = np.random.default_rng(17)
    layers = []
    for n_in, n_out in ((10, 8), (8, 5)):
        layer = dense(random, n_in, n_out, neurons(RESONATOR, type=kind))
        layer |= {"weight/real": layer.pop("weight"), "weight/imag": even(random, (n_out, n_in), 90)}
        layers.append(layer)
    check(write(tmp_path / "n.net", layers), some(18, (10, 1, 1), n_tokens=80), latency)


def test_layers_without_neurons_integrate(tmp_path: Path) -> None:
    random = np.random.default_rng(19)
    network = import_netx(write(tmp_path / "n.net", [dense(random, 10, 3, {})])).network
    assert network.populations[-1].model == "integrator"
    check(tmp_path / "n.net", some(20, (10, 1, 1)))


def test_readouts(tmp_path: Path) -> None:
    """A last layer sends its potential where it cannot fire, or where told to."""
    random = np.random.default_rng(21)
    never = write(tmp_path / "never.net", [dense(random, 10, 3, neurons(LOIHI, vThMant=131071, vDecay=50), bias=5)])
    fires = write(tmp_path / "fires.net", [dense(random, 10, 3, neurons(LOIHI))])

    def models(path: Path, **options: str) -> str:
        return import_netx(path, **options).network.populations[-1].model

    assert [models(never), models(never, readout="spikes")] == ["integrator", "cuba"]
    assert [models(fires), models(fires, readout="potential")] == ["cuba", "integrator"]
    check(never, some(22, (10, 1, 1)))


@pytest.mark.parametrize("neuron", [neurons(LOIHI, vThMant=20), neurons(SDNN)])
def test_raw_inputs(tmp_path: Path, neuron: Layer) -> None:
    """`weight` x + `bias` of inputs in steps of 1/32, held between -4 and 254/64, as lava-dl quantises them."""
    given = np.random.default_rng(23).normal(0, 1.5, (20, 2, 3, 4))
    bias = {} if neuron["neuron/type"] == "SDNN" else {"bias": np.float32([34])}
    first = {"type": "input", "shape": [2, 3, 4], "weight": np.float32([36]), **bias, **neuron}
    path = write(tmp_path / "n.net", [first, flatten(24), dense(np.random.default_rng(24), 24, 3, neuron)])
    integers = np.rint(np.clip(given, -4, 254 / 64) * 32).astype(np.int64) * 36 + 32 * int(np.sum(bias.get("bias", 0)))
    found = record(import_netx(path).network, given)["layer0"]
    if neuron["neuron/type"] == "SDNN":
        runs = run_network([{**read_layers(path)[0], "neuron/vThMant": np.asarray(3 * 32)}], integers)
        np.testing.assert_array_equal(as_image(found.output, (2, 3, 4)), runs[0].spikes >> 5)
        return
    potential = np.zeros((2, 3, 4), np.int64)
    for token, charge in enumerate(integers):
        potential = np.trunc(potential * 3072 / 4096).astype(np.int64) + charge * 2
        spikes = potential > 20 * 64
        potential[spikes] = 0
        np.testing.assert_array_equal(as_image(found.output[token], (2, 3, 4)), spikes)
        np.testing.assert_array_equal(as_image(found.state[1, token], (2, 3, 4)), potential)


def test_held_images(tmp_path: Path) -> None:
    """An image given once does what it does when given at every token."""
    random = np.random.default_rng(29)
    layers = [{"type": "input", "shape": [2, 3, 4], **neurons(LOIHI)}, flatten(24), dense(random, 24, 5, neurons(CUBA))]
    path = write(tmp_path / "n.net", layers)
    image = random.integers(-20, 60, (1, 2, 3, 4))
    again = np.concatenate([image, np.zeros((19, 2, 3, 4), np.int64)])
    [every, once] = [record(import_netx(path, inputs="integers", hold=hold).network, given)
                     for hold, given in ((False, np.repeat(image, 20, axis=0)), (True, again))]
    for name in ("layer0", "layer2"):
        np.testing.assert_array_equal(once[name].output, every[name].output)
        assert once[name].output.any()
    layers = [{"type": "input", "shape": [4], **neurons(SDNN)}, dense(random, 4, 3, neurons(SDNN))]
    sdnn = write(tmp_path / "s.net", layers)
    with pytest.raises(OptionError, match="hold"):
        import_netx(sdnn, hold=True)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("kind", ["cuba", "sdnn"])
def test_small_networks_on_the_engines(tmp_path: Path, engine: str, kind: str) -> None:
    """Mapped onto several cores of Loihi 2: convolution, pool, loop with delay, messages; as the oracle has it."""
    random, image = np.random.default_rng(31), (2, 6, 8)
    neuron = neurons(CUBA if kind == "cuba" else SDNN)
    first = conv(random, image, 4, neuron, stride=(1, 2), padding=(1, 0), bias=9)
    pooled = pool(tuple(first["shape"]), neuron, value=16 if kind == "sdnn" else 64)
    size = int(np.prod(pooled["shape"]))
    last = {"cuba": dense(random, size, 6, neuron, type="dense_rec", weight_rec=even(random, (6, 6), 90), delay=3),
            "sdnn": dense(random, size, 6, neuron, most=8, bias=9)}[kind]
    path = write(tmp_path / "n.net", [{"type": "input", "shape": list(image), **neuron}, first, pooled, flatten(size),
                                      last])
    given = random.integers(-60, 90, (12, *image))
    machine = map_network(import_netx(path, inputs="integers").network, load_chip("loihi2"),
                          MappingOptions(max_neurons_per_core=40))
    [result] = results(machine, as_lava(given).astype(float)[None], numbers="fixed", engine=engine, detail="functional")
    for population, run in enumerate(run_network(read_layers(path), given), start=1):
        sent = np.zeros((len(given), int(machine.populations.size[population])), np.int64)
        own = result.spikes.output == machine.populations.first_output[population]
        tokens = result.spikes.step[own] - machine.populations.stage[population]
        unit = 64 if kind == "sdnn" else 1
        sent[tokens, result.spikes.neuron[own]] = result.spikes.value[own] / unit
        np.testing.assert_array_equal(sent, as_lava(run.spikes))
        assert sent.any()


def test_float64_is_near(tmp_path: Path) -> None:
    """Without truncation: the same equations, a few spikes elsewhere."""
    random = np.random.default_rng(25)
    path = write(tmp_path / "n.net", [dense(random, 20, 30, neurons(CUBA)), dense(random, 30, 10, neurons(CUBA))])
    network, given = import_netx(path).network, some(26, (20, 1, 1), n_tokens=60)
    exact, near = (record(network, given, numbers)["layer0"].output for numbers in ("fixed", "float64"))
    assert exact.sum() > 100
    assert np.abs(exact - near).sum() < 0.05 * exact.sum()
