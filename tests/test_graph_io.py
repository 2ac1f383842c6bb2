from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurosim.errors import DataError, OptionError
from neurosim.formats import Coding, Format
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
)
from neurosim.graph_io import load_network, save_network


def example() -> Network:
    """Every kind of weights, of delay, of parameter."""
    random = np.random.default_rng(0)
    modes = {name: random.normal(size=(3, 2)) for name in ("a_real", "a_imag", "c_real", "c_imag")}
    weights = SparseWeights(np.array([0, 2, 2, 3]), np.array([0, 2, 1]), np.array([0.5, -1.0, 2.0]), 3)
    return Network("example", (
        Population("in", "input", 3), Population("s", "ssm_heaviside", 3, modes, {"comparator": ">"}, n_modes=2),
        Population("a", "lif", 3, {"leak": [0.1, 0.2, 0.3]}, reset_period=16, reset_offset=5),
        Population("back", "linear", 3, direction="reversed"), Population("slow", "linear", 3, period=4),
    ), (
        Projection("in", "s", OneToOneWeights(np.array([1.0, 2.0, 3.0]))),
        Projection("s", "a", DenseWeights(random.normal(size=(3, 3))), name="forward"),
        Projection("a", "a", weights, delay_steps=np.array([1, 2, 3])),
        Projection("in", "a", weights, delay_steps=4),
        Projection("back", "a", ConvolutionWeights(
            random.normal(size=(1, 1, 1, 2)), (1, 1, 3), (1, 1, 3), (1, 1), (0, 1), (1, 2), 1, "xyc"), delay_steps=1),
        Projection("a", "slow", OneToOneWeights(np.ones(3)), delay_steps=3),
    ), ("a",), {"licence": "CC0", "classes": "ä, b"})


def assert_equal(ours: Network, theirs: Network) -> None:
    assert (ours.name, ours.readouts, dict(ours.metadata)) == (theirs.name, theirs.readouts, dict(theirs.metadata))
    for a, b in zip(ours.populations, theirs.populations, strict=True):
        assert (a.name, a.model, a.size, a.n_modes, a.attributes) == (b.name, b.model, b.size, b.n_modes, b.attributes)
        assert (a.direction, a.period) == (b.direction, b.period)
        assert (a.reset_period, a.reset_offset) == (b.reset_period, b.reset_offset)
        assert a.parameters.keys() == b.parameters.keys()
        assert all(np.array_equal(a.parameters[name], b.parameters[name]) for name in a.parameters)
        assert a.codings.keys() == b.codings.keys()
        assert all(same(a.codings[name], b.codings[name]) for name in a.codings)
    for p, q in zip(ours.projections, theirs.projections, strict=True):
        assert (p.source, p.target, p.port, p.output, p.name) == (q.source, q.target, q.port, q.output, q.name)
        assert np.array_equal(p.delay_steps, q.delay_steps)
        assert type(p.weights) is type(q.weights) and p.weights.shape == q.weights.shape
        assert all(np.array_equal(value, getattr(q.weights, name)) for name, value in vars(p.weights).items())
        assert same(p.coding, q.coding)


def same(a: Coding | None, b: Coding | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.format == b.format and np.array_equal(a.gain, b.gain)


def quantised_example() -> Network:
    """Formats with one gain, with a gain per channel, and without."""
    network = example()
    codings = {"input": Coding(Format.parse("s24.12/toward_zero/lava_wrap"), np.array([0.5, 1.0, 1.25])),
               "leak": Coding(Format.parse("u16.15"))}
    one = Coding(Format.parse("s8.6/nearest_even"), np.array(0.75))
    each = Coding(Format.parse("s4.2"), np.exp2(range(3)))
    populations = (*network.populations[:2], dataclasses.replace(network.populations[2], codings=codings),
                   *network.populations[3:])
    projections = (dataclasses.replace(network.projections[0], coding=one),
                   dataclasses.replace(network.projections[1], coding=each), *network.projections[2:])
    return dataclasses.replace(network, populations=populations, projections=projections)


def test_formats_survive(tmp_path: Path) -> None:
    save_network(quantised_example(), tmp_path / "quantised.h5")
    assert_equal(quantised_example(), load_network(tmp_path / "quantised.h5"))
    with h5py.File(tmp_path / "quantised.h5") as file:
        assert file.attrs["schema_version"] == 3


def alter_codings(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    save_network(quantised_example(), path, force=True)
    with h5py.File(path, "r+") as file:
        header = json.loads(file["header"][()].tobytes())
        change(header["codings"])
        del file["header"]
        file["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)


@pytest.mark.parametrize(("change", "words"), [
    (lambda codings: codings["projection_0"].update(format="s8"), "projection_0.*format 's8' cannot be read"),
    (lambda codings: codings["projection_0"].update(n_gains=2), "gains/projection_0 has shape"),
    (lambda codings: codings["projection_0"].pop("n_gains"), "n_gains"),
    (lambda codings: codings.update(population_2_threshhold=codings["projection_0"]), "population_2_threshhold"),
    (lambda codings: codings.update({"../x": codings["projection_0"]}), "no name of a quantity"),
])
def test_damaged_formats_are_named(path: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    alter_codings(path, change)
    assert re.search(words, fault(path))


def test_a_gain_must_be_above_zero(path: Path) -> None:
    save_network(quantised_example(), path, force=True)
    with h5py.File(path, "r+") as file:
        file["gains/projection_0"][0] = -1.0
    assert "finite number above 0" in fault(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "example.net"
    save_network(example(), target)
    return target


def fault(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_network(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def edit_header(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    with h5py.File(path, "r+") as file:
        header = json.loads(file["header"][()].tobytes())
        change(header)
        del file["header"]
        file["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)


def replace(path: Path, name: str, **dataset: Any) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, **dataset)


def test_round_trip(path: Path) -> None:
    assert_equal(load_network(path), example())


def test_same_network_same_bytes(path: Path, tmp_path: Path) -> None:
    save_network(example(), tmp_path / "again.net")
    assert (tmp_path / "again.net").read_bytes() == path.read_bytes()


def test_existing_file_is_kept_unless_forced(path: Path) -> None:
    before = path.read_bytes()
    smaller = Network("small", (Population("in", "input", 1),), ())
    with pytest.raises(OptionError, match="--force"):
        save_network(smaller, path)
    assert path.read_bytes() == before
    save_network(smaller, path, force=True)
    assert load_network(path).name == "small"


def test_failed_write_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def broken(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("neurosim.graph_io._write", broken)
    with pytest.raises(DataError, match="No space left"):
        save_network(example(), path, force=True)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        save_network(example(), tmp_path / "none" / "a.net")


def test_missing_file(tmp_path: Path) -> None:
    assert "no such file" in fault(tmp_path / "none.net")
    assert "no such file" in fault(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n", bytes(4096)])
def test_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "odd.net"
    target.write_bytes(content)
    assert "cannot be read as a network file" in fault(target)


def test_hdf5_file_of_another_kind(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "trace.h5", "w") as file:
        file["data"] = 1
    assert "format is missing or another" in fault(tmp_path / "trace.h5")


def test_file_cut_short_anywhere(path: Path) -> None:
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        fault(path)


def test_garbled_bytes_are_a_network_or_a_data_error(path: Path) -> None:
    content = path.read_bytes()
    random = np.random.default_rng(1)
    for _ in range(150):
        garbled = bytearray(content)
        for position in random.integers(0, len(content), 8):
            garbled[position] = random.integers(0, 256)
        path.write_bytes(garbled)
        try:
            load_network(path)
        except DataError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("value", [0, 4, "1", np.array([1, 1])])
def test_other_schema_version(path: Path, value: Any) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = value
    assert "schema_version" in fault(path) and "allowed: 1" in fault(path)


@pytest.mark.parametrize("name", ["header", "populations/1/a_real", "populations/2", "projections/1/values",
                                  "projections/2/row_pointer", "projections/2/targets", "projections/2/delay_steps"])
def test_missing_part_is_named(path: Path, name: str) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
    assert f"{name}" in fault(path) and "is missing" in fault(path)


def test_wrong_shape(path: Path) -> None:
    replace(path, "projections/1/values", data=np.zeros((3, 4)))
    assert "projections/1/values has shape (3, 4)\n  allowed: (3, 3)" in fault(path)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.complex128, "S8", h5py.string_dtype(), h5py.ref_dtype,
                                   h5py.vlen_dtype(np.float64)])
def test_wrong_dtype(path: Path, dtype: Any) -> None:
    replace(path, "projections/1/values", shape=(3, 3), dtype=dtype)
    assert "projections/1/values has dtype" in fault(path) and "allowed: float64" in fault(path)


def test_array_that_claims_more_than_the_file_holds(path: Path) -> None:
    """Sizes that agree with each other, and no data: refused before memory is asked for."""
    size = 2**31 - 1

    def grow(header: dict[str, Any]) -> None:
        header["populations"][0]["size"] = size
        header["populations"][2]["size"] = size

    edit_header(path, grow)
    replace(path, "populations/2/leak", shape=(size,), dtype=np.float64)
    assert "populations/2/leak claims 17179869176 bytes in a file of" in fault(path)


def test_unwritten_array(path: Path) -> None:
    replace(path, "projections/1/values", shape=(3, 3), dtype=np.float64)
    assert "projections/1/values claims 72 bytes" in fault(path)


@pytest.mark.parametrize("filters", [{"compression": "gzip"}, {"shuffle": True}, {"fletcher32": True}])
def test_filtered_array(path: Path, filters: dict[str, Any]) -> None:
    replace(path, "projections/1/values", data=np.zeros((3, 3)), **filters)
    assert "projections/1/values is empty, virtual, external or compressed" in fault(path)


def test_data_in_another_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(72))
    replace(path, "projections/1/values", shape=(3, 3), dtype=np.float64, external=str(tmp_path / "secret"))
    assert "external" in fault(path)


def test_virtual_array(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["projections/1/values"]
        layout = h5py.VirtualLayout((3, 3), np.float64)
        layout[:] = h5py.VirtualSource("other.h5", "x", (3, 3))
        file.create_virtual_dataset("projections/1/values", layout)
    assert "virtual" in fault(path)


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/x"), h5py.SoftLink("/projections/0/values")])
@pytest.mark.parametrize("name", ["projections/1/values", "projections/1", "header"])
def test_links_are_not_followed(path: Path, link: Any, name: str) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = link
    assert "is a link to another place" in fault(path)


def test_group_in_place_of_an_array(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["projections/1/values"]
        file.create_group("projections/1/values")
    assert "projections/1/values is a group" in fault(path)


def test_empty_dataset(path: Path) -> None:
    replace(path, "projections/1/values", data=h5py.Empty(np.float64))
    assert "projections/1/values is empty" in fault(path)


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"1"])
def test_header_that_is_no_object(path: Path, text: bytes) -> None:
    replace(path, "header", data=np.frombuffer(text, np.uint8))
    assert "header" in fault(path)


def test_header_of_two_dimensions(path: Path) -> None:
    replace(path, "header", data=np.zeros((2, 2), np.uint8))
    assert "header has shape (2, 2)" in fault(path)


@pytest.mark.parametrize(("change", "part"), [
    (lambda h: h.pop("populations"), "populations is no list"),
    (lambda h: h.update(name=3), "name = 3 is no string"),
    (lambda h: h.update(metadata={"a": 1}), "metadata.a = 1 is no string"),
    (lambda h: h.update(readouts=[1]), "readouts = 1 is no string"),
    (lambda h: h.update(readouts=["b"]), "no population 'b'"),
    (lambda h: h["populations"].insert(0, "x"), "populations[0] is wrong: 'x' is no object"),
    (lambda h: h["populations"][0].update(model="lfi"), "populations[0] is wrong: in: model = 'lfi'"),
    (lambda h: h["populations"][0].update(size=-1), "size = -1 is no integer from 0"),
    (lambda h: h["populations"][0].update(size=1.5), "size = 1.5"),
    (lambda h: h["populations"][0].update(size=True), "size = True"),
    (lambda h: h["populations"][0].update(size=2**80), "size = 1208925819614629174706176"),
    (lambda h: h["populations"][0].update(size=0), "in: size = 0"),
    (lambda h: h["populations"][1].update(n_modes=3), "populations/1/a_real has shape (3, 2)"),
    (lambda h: h["populations"][1].update(name="in"), "populations: a name is used twice"),
    (lambda h: h["populations"][2]["attributes"].update(reset="warm"), "reset = 'warm'"),
    (lambda h: h["projections"][0].update(source="x"), "projections[0] is wrong: source = 'x' is no population"),
    (lambda h: h["projections"][0].update(kind="full"), "kind = 'full'"),
    (lambda h: h["projections"][0].update(kind=["dense"]), "kind = ['dense'] is no string"),
    (lambda h: h["projections"][0].update(port="output"), "port of s = 'output'"),
    (lambda h: h["projections"][0].update(delay_steps=-1), "delay_steps = -1"),
    (lambda h: h["projections"][1].update(delay_steps=None), "projections/1/delay_steps is missing"),
    (lambda h: h["projections"][2].update(n_synapses=2), "projections/2/targets has shape (3,)"),
    (lambda h: h["populations"][3].update(direction="upward"), "direction = 'upward'"),
    (lambda h: h["populations"][4].update(period=0), "slow: period = 0"),
    (lambda h: h["populations"][2].update(reset_offset=16), "a: reset_offset = 16"),
    (lambda h: h["populations"][2].update(reset_period="x"), "reset_period = 'x' is no integer from 0"),
    (lambda h: h["populations"][4].update(reset_period=4), "slow: reset_period = 4"),
    (lambda h: h["populations"][4].update(period="4"), "period = '4' is no integer from 0"),
    (lambda h: h["populations"][4].update(period=2**40), "slow: period = 1099511627776"),
    (lambda h: h["populations"][3].update(period=2), "back: period = 2"),
    (lambda h: h["populations"][2].update(period=3, reset_period=0, reset_offset=0),
     "delay_steps = 1 from a source of period 3"),
    (lambda h: h["projections"][4].pop("convolution"), "projections[4] is wrong: None is no object"),
    (lambda h: h["projections"][4]["convolution"].update(stride=[1]), "stride = [1] has not 2 numbers"),
    (lambda h: h["projections"][4]["convolution"].update(stride=[0, 1]), "stride = (0, 1)"),
    (lambda h: h["projections"][4]["convolution"].update(kernel_shape=[1, 1, 1, 3]), "values has shape (1, 1, 1, 2)"),
    (lambda h: h["projections"][4]["convolution"].update(output_shape=[2**40, 1, 3]), "kernel has shape"),
    (lambda h: h["projections"][4]["convolution"].update(input_shape=[1, 2**40, 3]), "shape (pre, post)"),
])
def test_header_faults_are_named(path: Path, change: Callable[[dict[str, Any]], object], part: str) -> None:
    edit_header(path, change)
    assert part in fault(path)


def test_sparse_rows_that_do_not_ascend(path: Path) -> None:
    replace(path, "projections/2/row_pointer", data=np.array([0, 3, 2, 3]))
    assert "row_pointer does not ascend" in fault(path)


def test_not_a_number(path: Path) -> None:
    replace(path, "projections/1/values", data=np.full((3, 3), np.nan))
    assert "weights[0, 0] = nan" in fault(path)


def test_population_of_great_size_without_arrays_takes_no_memory(tmp_path: Path) -> None:
    save_network(Network("large", (Population("in", "input", 2**31 - 1),), ()), tmp_path / "large.net")
    assert load_network(tmp_path / "large.net").n_neurons == 2**31 - 1
