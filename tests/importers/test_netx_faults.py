"""netx files that are wrong, damaged or hostile: one clear error each, at once and without much memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from importers.netx import SUPPORTS, import_netx, recognises
from importers.netx.file import REFUSED_LAYERS
from importers.netx.neurons import REFUSED_NEURONS
from importers.netx.synapses import Stream
from neurosim.errors import DataError, OptionError
from tests.importers.netx_files import CUBA, LOIHI, RESONATOR, SDNN, Layer, conv, dense, even, flatten, neurons, write

RANDOM = np.random.default_rng(0)
IMAGE = (2, 4, 5)


def sound() -> list[Layer]:
    """Return layers of a network that can be read: an image, a convolution, two dense layers."""
    first = conv(RANDOM, IMAGE, 3, neurons(LOIHI), kernel=(2, 2), bias=5)
    return [{"type": "input", "shape": list(IMAGE), "weight": np.float32([36]), "bias": np.float32([34]),
             **neurons(LOIHI)}, first, flatten(36), dense(RANDOM, 36, 6, neurons(CUBA), bias=4),
            dense(RANDOM, 6, 4, neurons(LOIHI))]


def changed(index: int, **fields: Any) -> list[Layer]:
    """Return the sound layers with fields of one replaced, or left out where they are None; `__` stands for `/`."""
    layers = sound()
    layers[index] |= {key.replace("__", "/"): value for key, value in fields.items()}
    layers[index] = {key: value for key, value in layers[index].items() if value is not None}
    return layers


def replaced(index: int, layer: Layer) -> list[Layer]:
    layers = sound()
    layers[index] = layer
    return layers


def fault(path: Path, **options: Any) -> str:
    """Return the message of the DataError; it came within 5 seconds and 1 GB, and names the file and a mend."""
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(DataError) as caught:
            import_netx(path, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - start < 5
    assert peak < 10**9
    message = str(caught.value)
    assert str(path) in message and "allowed:" in message
    return message


def test_the_sound_network_is_sound(tmp_path: Path) -> None:
    """And every dataset of it is accounted for."""
    path = write(tmp_path / "n.net", sound())
    lines = import_netx(path).report.lines
    with h5py.File(path) as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert recognises(file)
    assert {f"layer/{line.key}" if line.key[0].isdigit() else line.key for line in lines} == set(names)
    assert all(line.target if line.action == "mapped" else line.reason for line in lines)


WRONG: dict[str, tuple[Callable[[], list[Layer]], str]] = {
    "no type": (lambda: [{**layer, "type": ""} for layer in sound()], "layer/0/type = ''"),
    "unknown type": (lambda: changed(1, type="conf"), "did you mean 'conv'"),
    "no weight": (lambda: changed(1, weight=None), "layer/1/weight is missing"),
    "no shape": (lambda: changed(3, shape=None), "layer/3/shape is missing"),
    "no stride": (lambda: changed(1, stride=None), "layer/1/stride is missing"),
    "no threshold": (lambda: changed(3, neuron__vThMant=None), "layer/3/neuron/vThMant is missing"),
    "no decay": (lambda: changed(3, neuron__iDecay=None), "layer/3/neuron/iDecay is missing"),
    "no neuron type": (lambda: changed(3, neuron__type=None), "layer/3/neuron/type is missing"),
    "unknown neuron": (lambda: changed(3, neuron__type="CUBO"), "did you mean 'CUBA'"),
    "unknown field": (lambda: changed(3, neuron__leak=3), "layer/3/neuron/leak is a field"),
    "half weights": (lambda: changed(3, weight=np.full((6, 36), 0.5)), "layer/3/weight[0, 0] = 0.5"),
    "odd weights": (lambda: changed(3, weight=np.where(np.eye(6, 36) > 0, 201.0, -2.0)), "= 201"),
    "large weights": (lambda: changed(3, weight=np.full((6, 36), 300.0)), "whole numbers from -256 to 255"),
    "weights not finite": (lambda: changed(3, weight=np.full((6, 36), np.nan)), "layer/3/weight[0, 0] = nan"),
    "weights as text": (lambda: changed(3, weight="many"), "layer/3/weight = 'many' is text"),
    "half decay": (lambda: changed(3, neuron__iDecay=0.5), "layer/3/neuron/iDecay = 0.5"),
    "large decay": (lambda: changed(3, neuron__vDecay=4097), "from 0 to 4096"),
    "negative threshold": (lambda: changed(3, neuron__vThMant=-1), "layer/3/neuron/vThMant = -1"),
    "large bias": (lambda: changed(3, bias=np.full(6, 5000.0)), "layer/3/bias[0] = 5000"),
    "wrong bias": (lambda: changed(3, bias=np.zeros(5)), "layer/3/bias has 5 numbers"),
    "graded spikes": (lambda: changed(3, neuron__gradedSpike=True), "layer/3/neuron/gradedSpike = 1"),
    "weight exponent": (lambda: changed(4, neuron__wgtExp=-1), "layer/4/neuron/wgtExp = -1"),
    "parts of weights": (lambda: changed(3, weight_g=np.ones(6), weight_v=np.ones(6)), "disable_weight_norm"),
    "columns": (lambda: changed(3, weight=np.zeros((6, 35)), inFeatures=None), "layer/3/weight has shape (6, 35)"),
    "inFeatures": (lambda: changed(3, inFeatures=35), "layer/3/inFeatures = 35"),
    "outFeatures": (lambda: changed(3, outFeatures=7), "layer/3/outFeatures = 7"),
    "image shape": (lambda: changed(1, shape=[3, 3, 5]), "[3, 3, 4], from an image of shape [2, 4, 5]"),
    "channels": (lambda: changed(1, inChannels=3), "layer/1/inChannels = 3"),
    "kernel": (lambda: changed(1, kernelSize=(3, 2)), "layer/1/kernelSize = (3, 2)"),
    "groups": (lambda: changed(1, groups=2), "layer/1/weight has shape (3, 2, 2, 2), groups = 2"),
    "no stride at all": (lambda: changed(1, stride=(0, 1)), "layer/1/stride[0] = 0"),
    "huge image": (lambda: changed(0, shape=[2**20, 2**20, 2**20]), "at most 4194304"),
    "negative shape": (lambda: changed(0, shape=[2, -4, 5]), "layer/0/shape[1] = -4"),
    "flat shape": (lambda: changed(2, shape=[1, 1, 35]), "layer/2/shape holds 35 numbers"),
    "no flatten": (lambda: replaced(2, conv(RANDOM, (3, 3, 4), 3, neurons(LOIHI), kernel=(1, 1))), "a flatten layer"),
    "late conv": (lambda: [*sound(), {**sound()[1]}], "layer/5/inChannels = 2"),
    "late input": (lambda: [*sound(), sound()[0]], "layer/5/type = 'input' behind other layers"),
    "early average": (lambda: replaced(2, {"type": "average", "shape": [3]}), "as the last layer"),
    "uneven average": (lambda: [*sound()[:2], {"type": "average", "shape": [5]}], "a number of groups"),
    "many delays": (lambda: changed(3, delay=np.arange(7)), "layer/3/delay has 7 numbers"),
    "negative delay": (lambda: changed(3, delay=np.float32(-1)), "layer/3/delay = -1"),
    "delays of a kernel": (lambda: changed(1, delay=np.arange(3)), "a kernel is shared"),
    "delays of a loop": (lambda: changed(3, type="dense_rec", weight_rec=even(RANDOM, (6, 6), 4), delay=np.arange(6)),
                         "in a recurrent layer"),
    "loop of sigmas": (lambda: replaced(3, dense(RANDOM, 36, 6, neurons(SDNN), type="dense_rec",
                                                 weight_rec=even(RANDOM, (6, 6), 4))), "CUBA, LOIHI"),
    "real resonators": (lambda: replaced(3, dense(RANDOM, 36, 6, neurons(RESONATOR))), "complex weights"),
    "complex weights": (lambda: changed(3, weight=None, weight__real=np.zeros((6, 36)), weight__imag=np.zeros((6, 36))),
                        "only for them"),
    "resonators as input": (lambda: changed(0, **{f"neuron__{key}": value for key, value in RESONATOR.items()}),
                            "resonators take what synapses give"),
    "conv first": (lambda: sound()[1:], "input_shape"),
    "input alone": (lambda: [{"type": "input", "shape": [4]}], "no layer with neurons"),
    **{f"layer {kind}": (lambda kind=kind: changed(1, type=kind), reason) for kind, reason in REFUSED_LAYERS.items()},
    **{f"neuron {kind}": (lambda kind=kind: changed(3, neuron__type=kind), reason)
       for kind, reason in REFUSED_NEURONS.items()},
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_networks(tmp_path: Path, case: str) -> None:
    layers, expected = WRONG[case]
    assert expected in fault(write(tmp_path / "n.net", layers()))


def test_layers_are_numbered_without_gaps(tmp_path: Path) -> None:
    path = write(tmp_path / "n.net", sound())
    with h5py.File(path, "a") as file:
        file.move("layer/3", "layer/9")
    assert "layer/3 is missing: the file has layers up to 9" in fault(path)
    with h5py.File(path, "a") as file:
        file.move("layer/9", "layer/03")
    assert "holds '03'" in fault(path)
    with h5py.File(path, "a") as file:
        del file["layer"]
    assert "layer is missing" in fault(path)
    with h5py.File(path) as file:
        assert not recognises(file)


def test_twelve_layers_are_in_order(tmp_path: Path) -> None:
    """'10' and '11' come before '2' as text."""
    layers = [dense(RANDOM, 3 + index, 4 + index, neurons(LOIHI)) for index in range(12)]
    network = import_netx(write(tmp_path / "n.net", layers)).network
    assert [population.size for population in network.populations] == list(range(3, 16))


def test_data_that_are_not_there(tmp_path: Path) -> None:
    """Claims without data, data elsewhere, data that need unpacking."""
    path = tmp_path / "n.net"

    def with_weight(make: Callable[[h5py.Group], object]) -> str:
        with h5py.File(write(path, changed(3, weight=None)), "a") as file:
            make(file["layer/3"])
        return fault(path)

    assert "claims" in with_weight(lambda group: group.create_dataset("weight", (10**9, 36), np.float32))
    assert "compressed" in with_weight(lambda group: group.create_dataset("weight", data=np.zeros((6, 36)),
                                                                          compression="gzip"))
    assert "a link" in with_weight(lambda group: group.__setitem__("weight", h5py.ExternalLink("other.h5", "x")))
    assert "type" in with_weight(lambda group: group.create_dataset("weight", data=np.zeros((6, 36), np.complex64)))
    assert "empty" in with_weight(lambda group: group.create_dataset("weight", data=h5py.Empty("f4")))
    assert "holds 2 texts" in with_weight(lambda group: group.create_dataset("weight", data=["a", "b"]))


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "no such file" in str(pytest.raises(DataError, import_netx, tmp_path / "none.net").value)
    path = tmp_path / "text.net"
    path.write_text("not HDF5")
    assert "cannot be read as a netx network" in fault(path)
    path.write_bytes(b"")
    assert "cannot be read as a netx network" in fault(path)


def test_truncated_files(tmp_path: Path) -> None:
    path = write(tmp_path / "n.net", sound())
    content = path.read_bytes()
    for length in range(0, len(content) - 1, len(content) // 60):
        path.write_bytes(content[:length])
        fault(path)


@pytest.mark.parametrize("seed", range(200))
def test_damaged_files(tmp_path: Path, seed: int) -> None:
    """Bytes replaced: refused with a DataError, or not noticed where the format has no check."""
    random = np.random.default_rng(seed)
    path = write(tmp_path / "n.net", sound())
    content = bytearray(path.read_bytes())
    for place in random.integers(0, len(content), 1 + seed % 40):
        content[place] = random.choice([0, 1, 127, 128, 255, random.integers(256)])
    path.write_bytes(bytes(content))
    start = time.perf_counter()
    try:
        import_netx(path)
    except DataError as error:
        assert str(path) in str(error)
    assert time.perf_counter() - start < 5


def test_options(tmp_path: Path) -> None:
    path = write(tmp_path / "n.net", sound())
    for wrong in ({"inputs": "rows"}, {"readout": "all"}, {"layer_latency": 2}, {"input_shape": (1, 2)},
                  {"input_shape": 5}, {"input_shape": "3x4x5"}, {"hold": "yes"}):
        with pytest.raises(OptionError, match=str(next(iter(wrong)))):
            import_netx(path, **wrong)      # type: ignore[arg-type]
    assert "inputs = 'integers'" in fault(write(path, [{**sound()[0], **neurons(SDNN), "shape": [6]},
                                                       dense(RANDOM, 6, 3, neurons(SDNN))]))
    assert "readout = 'spikes'" in fault(write(path, [dense(RANDOM, 6, 3, neurons(CUBA))]), readout="potential")


def test_a_given_input_shape(tmp_path: Path) -> None:
    path = write(tmp_path / "n.net", sound()[1:])
    assert import_netx(path, input_shape=IMAGE).network.populations[0].size == 40


def test_rows_of_the_table() -> None:
    listed = " ".join(row.what for row in SUPPORTS)
    for kind in (*REFUSED_LAYERS, "ALIF", "ADRF"):
        assert kind in listed


def test_columns_of_an_image() -> None:
    """Neuron (x, y, c) of the source is column (c, y, x) of the weights."""
    columns = Stream("", (2, 3, 4)).columns.reshape(4, 3, 2)
    assert columns[3, 1, 0] == 1 * 4 + 3
    assert columns[0, 2, 1] == 12 + 2 * 4
