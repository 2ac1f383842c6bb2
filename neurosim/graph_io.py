"""The network file: HDF5, schema version 1, 2 where it is quantised, 3 with convolutions, populations that
are reversed, rest at tokens, or have their state emptied at some.

    /header                      uint8[…]   JSON: everything that is not an array
    /populations/<i>/<parameter> float64[neuron] or float64[neuron, mode]
    /projections/<i>/values      float64: [pre, post] dense, [synapse] sparse, [neuron] one-to-one,
                                 [out, in / groups, height, width] convolution, whose other numbers stand in the header
    /projections/<i>/row_pointer int64[pre + 1]   (sparse)
    /projections/<i>/targets     int64[synapse]   (sparse)
    /projections/<i>/delay_steps int64[synapse]   (where delays differ by synapse)
    /gains/<name>                float64[1 or channel], of each coding whose gain is not 1; names stand in the header

Attributes of the root: `format`, `schema_version`. Arrays are stored contiguous and unfiltered, so that no array is
larger in memory than in the file. A file is written beside its place and renamed: there is never half a file.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError, NetworkError, OptionError
from neurosim.formats import Coding, Format
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
    Weights,
)
from neurosim.model_specs import SPEC_BY_NAME
from neurosim.own_models import load_own_models
from neurosim.quantity_specs import MODEL_QUANTITIES

FORMAT = "neurosim-network"
SCHEMA_VERSIONS = (1, 2, 3)
MAX_HEADER_BYTES = 16 * 2**20
_KIND = {DenseWeights: "dense", SparseWeights: "sparse", OneToOneWeights: "one_to_one",
         ConvolutionWeights: "convolution"}
# Of a convolution: field -> how many numbers it has.
_CONVOLUTION = {"input_shape": 3, "output_shape": 3, "stride": 2, "padding": 2, "dilation": 2}
_MEND = "write the file again with neurosim.graph_io.save_network"


def save_network(network: Network, path: str | Path, force: bool = False) -> None:
    """Write `network` to `path`.

    Raises
    ------
    OptionError            if the file exists and `force` is not set
    DataError              if it cannot be written
    """
    path = Path(path)
    if path.exists() and not force:
        raise OptionError(f"{path} exists", mend="use --force (force=True) to overwrite it, or another name")
    # Since HDF5 1.8 the library's own structures carry checksums, which catch most damage.
    with new_file(path, libver=("v108", "v108")) as file:
        _write(file, network)


@contextmanager
def new_file(path: Path, **options: Any) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that takes its place at `path` when it is whole; a file there is replaced.

    options : of h5py.File

    Raises
    ------
    DataError              if it cannot be written
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with h5py.File(part, "x", **options) as file:
            yield file
        os.replace(part, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error}", mend="check the folder, its rights and its space") \
            from error
    finally:
        part.unlink(missing_ok=True)


def load_network(path: str | Path) -> Network:
    """Return the network in `path`.

    Raises
    ------
    DataError              if the file is missing, cut short, no network, or contradicts itself
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file", mend="check the path")
    try:
        with h5py.File(path, "r") as file:
            return _Reader(path, file).network()
    except NetworkError as error:
        raise DataError(f"{path}: {error}", mend=None if error.mend else _MEND) from error
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as a network file: {error}",
                        allowed="an HDF5 file written by save_network", mend=_MEND) from error


def is_network_file(path: str | Path) -> bool:
    """Return whether a file says of itself that it is a network file, damaged or not."""
    try:
        with h5py.File(path, "r") as file:
            return _Reader(Path(path), file).claims_format()
    except (OSError, KeyError, RuntimeError, ValueError, TypeError):
        return False


def _write(file: h5py.File, network: Network) -> None:
    file.attrs["format"] = np.bytes_(FORMAT)
    file.attrs["schema_version"] = _schema_version(network)
    text = json.dumps(_header(network), ensure_ascii=True, sort_keys=True).encode()
    file.create_dataset("header", data=np.frombuffer(text, np.uint8))
    file["header"].attrs["description"] = np.bytes_("JSON: everything that is not an array")
    for index, population in enumerate(network.populations):
        group = file.create_group(f"populations/{index}")
        for name, values in population.parameters.items():
            group.create_dataset(name, data=np.asarray(values, np.float64))
    for index, projection in enumerate(network.projections):
        group = file.create_group(f"projections/{index}")
        for name, values in _arrays(projection).items():
            group.create_dataset(name, data=values)
    for name, coding in _codings(network):
        if np.any(coding.gain != 1):
            file.create_dataset(f"gains/{name}", data=np.atleast_1d(coding.gain))


def _schema_version(network: Network) -> int:
    """Return the first version that has what the network needs."""
    shared = any(isinstance(item.weights, ConvolutionWeights) for item in network.projections)
    rests = any(item.period > 1 or item.reset_period or item.change_threshold is not None
                for item in network.populations)
    return 3 if shared or rests or network.needs_whole_sequence else 2 if network.is_quantised else 1


def _codings(network: Network) -> Iterator[tuple[str, Coding]]:
    """Return every coding of the network, with the name its gains have in the file."""
    for index, population in enumerate(network.populations):
        for quantity, coding in population.codings.items():
            yield f"population_{index}_{quantity}", coding
    for index, projection in enumerate(network.projections):
        if projection.coding is not None:
            yield f"projection_{index}", projection.coding


def _coding_header(coding: Coding) -> dict[str, Any]:
    """`n_gains`: how many are in the file; 0: the gain is 1."""
    return {"format": str(coding.format), "n_gains": 0 if np.all(coding.gain == 1) else int(coding.gain.size)}


def _header(network: Network) -> dict[str, Any]:
    header = {
        "name": network.name,
        "readouts": list(network.readouts),
        "metadata": {str(key): str(value) for key, value in network.metadata.items()},
        "populations": [_population_header(item) for item in network.populations],
        "projections": [_projection_header(item) for item in network.projections],
    }
    if network.is_quantised:
        header["codings"] = {name: _coding_header(coding) for name, coding in _codings(network)}
    return header


def _population_header(population: Population) -> dict[str, Any]:
    header = {"name": population.name, "model": population.model, "size": int(population.size),
              "n_modes": int(population.n_modes), "attributes": dict(population.attributes)}
    if population.direction != "forward":
        header["direction"] = population.direction
    if population.period != 1:
        header["period"] = int(population.period)
    if population.change_threshold is not None:
        header["change_threshold"] = float(population.change_threshold)
    if population.reset_period:
        header |= {"reset_period": int(population.reset_period), "reset_offset": int(population.reset_offset)}
    return header


def _projection_header(projection: Projection) -> dict[str, Any]:
    single = np.ndim(projection.delay_steps) == 0
    weights = projection.weights
    convolution = {} if not isinstance(weights, ConvolutionWeights) else {"convolution": {
        "kernel_shape": list(weights.values.shape), "groups": int(weights.groups), "order": weights.order,
        **{name: [int(number) for number in getattr(weights, name)] for name in _CONVOLUTION}}}
    return {**convolution,
            "name": projection.name, "source": projection.source, "target": projection.target,
            "port": projection.port, "output": projection.output, "kind": _KIND[type(projection.weights)],
            "n_synapses": projection.weights.n_synapses,
            "delay_steps": int(projection.delay_steps) if single else None}


def _arrays(projection: Projection) -> dict[str, NDArray[Any]]:
    weights = projection.weights
    arrays: dict[str, NDArray[Any]] = {"values": np.asarray(weights.values, np.float64)}
    if isinstance(weights, SparseWeights):
        arrays["row_pointer"] = np.asarray(weights.row_pointer, np.int64)
        arrays["targets"] = np.asarray(weights.targets, np.int64)
    if np.ndim(projection.delay_steps):
        arrays["delay_steps"] = np.asarray(projection.delay_steps, np.int64)
    return arrays


class _Reader:
    """Reads one file, believing nothing: every field is checked before memory is asked for."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path, self.file = path, file
        self.file_bytes = path.stat().st_size
        self.codings: dict[str, Coding] = {}

    def network(self) -> Network:
        """Return the whole network."""
        self._check_format()
        header = self._header()
        with self._field("header"):
            name, metadata = _text(header, "name"), _strings(header, "metadata")
            readouts = tuple(_string(item, "readouts") for item in _list(header, "readouts"))
            entries, joins = _list(header, "populations"), _list(header, "projections")
        self.codings = self._all_codings(header)
        populations = tuple(self._population(index, entry) for index, entry in enumerate(entries))
        by_name = {population.name: population for population in populations}
        if len(by_name) < len(populations):
            raise self._fault("header: populations:", "a name is used twice", "a name each")
        projections = tuple(self._projection(index, entry, by_name) for index, entry in enumerate(joins))
        if self.codings:
            raise self._fault("header: codings:", f"name nothing in the network: {', '.join(self.codings)}",
                              "quantities of its populations, and its projections")
        return Network(name, populations, projections, readouts, metadata)

    def claims_format(self) -> bool:
        """Return whether the file names its format."""
        return bool(self._attribute("format") == FORMAT)

    def _check_format(self) -> None:
        if not self.claims_format():
            raise self._fault("format", "is missing or another", FORMAT)
        version = self._attribute("schema_version")
        if not isinstance(version, int | np.integer) or int(version) not in SCHEMA_VERSIONS:
            raise self._fault("schema_version", f"= {version!r}", " or ".join(map(str, SCHEMA_VERSIONS)))

    def _attribute(self, name: str) -> Any:
        """Return an attribute of the root that is one integer or short text of fixed length, else None.

        Text of variable length lies in a heap in which the HDF5 library can lose its way if the file is damaged.
        """
        attributes = self.file.attrs
        if name not in attributes:
            return None
        stored = attributes.get_id(name)
        if stored.shape != () or stored.dtype.kind not in "Siu" or stored.dtype.itemsize > 64:
            return None
        value = attributes[name]
        return value.decode("ascii", "replace") if isinstance(value, bytes) else value

    def _header(self) -> Mapping[str, Any]:
        dataset = self._dataset("header", np.uint8)
        if dataset.ndim != 1 or dataset.size > MAX_HEADER_BYTES:
            raise self._fault("header", f"has shape {dataset.shape}",
                              f"one dimension, at most {MAX_HEADER_BYTES} bytes")
        try:
            header = json.loads(dataset[()].tobytes().decode())
        except (ValueError, RecursionError) as error:
            raise self._fault("header", f"is no JSON: {error}", "a JSON object") from error
        if not isinstance(header, dict):
            raise self._fault("header", f"holds a {type(header).__name__}", "a JSON object")
        return header

    def _population(self, index: int, entry: Any) -> Population:
        with self._field(f"header: populations[{index}]"):
            fields = _mapping(entry)
            name, model, size, n_modes = (_text(fields, "name"), _text(fields, "model"), _integer(fields, "size"),
                                          _integer(fields, "n_modes"))
            attributes, direction = _strings(fields, "attributes"), "forward"
            if "direction" in fields:
                direction = _text(fields, "direction")
            period = _integer(fields, "period") if "period" in fields else 1
            threshold = _number(fields, "change_threshold") if "change_threshold" in fields else None
            resets = [_integer(fields, name) if name in fields else 0 for name in ("reset_period", "reset_offset")]
            if model not in SPEC_BY_NAME:
                load_own_models()
            if model not in SPEC_BY_NAME:
                raise ValueError(f"{name}: model = {model!r}; allowed: {', '.join(SPEC_BY_NAME)}")
        parameters = {}
        for parameter in SPEC_BY_NAME[model].parameters:
            shape = (size, n_modes) if parameter.per_mode else (size,)
            parameters[parameter.name] = self._array(f"populations/{index}/{parameter.name}", np.float64, shape)
        quantities = MODEL_QUANTITIES[model].names()
        codings = {name: self.codings.pop(f"population_{index}_{name}") for name in quantities
                   if f"population_{index}_{name}" in self.codings}
        return Population(name, model, size, parameters, attributes, n_modes, codings, direction, period, resets[0],
                          resets[1], threshold)

    def _projection(self, index: int, entry: Any, by_name: Mapping[str, Population]) -> Projection:
        with self._field(f"header: projections[{index}]"):
            fields = _mapping(entry)
            kind, n_synapses = _text(fields, "kind"), _integer(fields, "n_synapses")
            pre, post = (_member(fields, end, by_name).size for end in ("source", "target"))
            delay: Any = fields.get("delay_steps")
            if delay is not None:
                delay = _integer(fields, "delay_steps")
            if kind not in _KIND.values():
                raise ValueError(f"kind = {kind!r}; allowed: {', '.join(_KIND.values())}")
        base = f"projections/{index}"
        if kind == "convolution":
            weights: Weights = self._convolution(base, f"header: projections[{index}]", fields)
        else:
            weights = self._weights(base, kind, pre, post, n_synapses)
        if delay is None:
            delay = self._array(f"{base}/delay_steps", np.int64, (n_synapses,))
        with self._field(f"header: projections[{index}]"):
            return Projection(_text(fields, "source"), _text(fields, "target"), weights, _text(fields, "port"),
                              _text(fields, "output"), delay, _text(fields, "name"),
                              self.codings.pop(f"projection_{index}", None))

    def _all_codings(self, header: Mapping[str, Any]) -> dict[str, Coding]:
        """Return the codings by their names in the header; readers of populations and projections take theirs out."""
        codings: dict[str, Coding] = {}
        with self._field("header: codings"):
            entries = _mapping(header.get("codings", {}))
        for name, entry in entries.items():
            with self._field(f"header: codings: {name}"):
                text, n_gains = _text(_mapping(entry), "format"), _integer(_mapping(entry), "n_gains")
                if "/" in name or "." in name:
                    raise ValueError("is no name of a quantity")
            gain = self._array(f"gains/{name}", np.float64, (n_gains,)) if n_gains else np.ones(())
            try:
                codings[name] = Coding(Format.parse(text), gain.reshape(()) if n_gains == 1 else gain)
            except OptionError as error:
                raise self._fault(f"header: codings: {name}", f"is wrong: {error}", "a coding") from error
        return codings

    def _weights(self, base: str, kind: str, pre: int, post: int, n_synapses: int) -> Weights:
        if kind == "dense":
            return DenseWeights(self._array(f"{base}/values", np.float64, (pre, post)))
        if kind == "one_to_one":
            return OneToOneWeights(self._array(f"{base}/values", np.float64, (pre,)))
        return SparseWeights(self._array(f"{base}/row_pointer", np.int64, (pre + 1,)),
                             self._array(f"{base}/targets", np.int64, (n_synapses,)),
                             self._array(f"{base}/values", np.float64, (n_synapses,)), post)

    def _convolution(self, base: str, place: str, fields: Mapping[str, Any]) -> ConvolutionWeights:
        with self._field(place):
            found = _mapping(fields.get("convolution"))
            kernel_shape = _integers(found, "kernel_shape", 4)
            numbers = {name: _integers(found, name, count) for name, count in _CONVOLUTION.items()}
            groups, order = _integer(found, "groups"), _text(found, "order")
        values = self._array(f"{base}/values", np.float64, kernel_shape)
        return ConvolutionWeights(values, groups=groups, order=order, **numbers)  # type: ignore[arg-type]

    def _array(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
        dataset = self._dataset(name, dtype)
        if dataset.shape != shape:
            raise self._fault(name, f"has shape {dataset.shape}", str(shape))
        return np.asarray(dataset[()])

    def _dataset(self, name: str, dtype: type[np.generic]) -> h5py.Dataset:
        """Return a dataset of `dtype` whose data lie in this file, and no larger than it."""
        self._check_links(name)
        dataset = self.file[name]
        if not isinstance(dataset, h5py.Dataset):
            raise self._fault(name, "is a group", "a dataset")
        if dataset.dtype != np.dtype(dtype):
            raise self._fault(name, f"has dtype {dataset.dtype}", np.dtype(dtype).name)
        if dataset.shape is None or dataset.is_virtual or dataset.external \
                or dataset.id.get_create_plist().get_nfilters():
            raise self._fault(name, "is empty, virtual, external or compressed", "plain data in this file")
        n_bytes = math.prod(dataset.shape) * dataset.dtype.itemsize
        if n_bytes > self.file_bytes or dataset.id.get_storage_size() < n_bytes:
            raise self._fault(name, f"claims {n_bytes} bytes in a file of {self.file_bytes}", "data that are there")
        return dataset

    def _check_links(self, name: str) -> None:
        """Check that every step of the path is there, and leads to no other place or file."""
        group: Any = self.file
        for step in name.split("/"):
            link = group.get(step, getlink=True) if isinstance(group, h5py.Group) else None
            if link is None:
                raise self._fault(name, "is missing", "every array of the network")
            if not isinstance(link, h5py.HardLink):
                raise self._fault(name, "is a link to another place", "data in this file")
            group = group[step]

    def _fault(self, field: str, what: str, allowed: str) -> DataError:
        return DataError(f"{self.path}: {field} {what}", allowed=allowed, mend=_MEND)

    @contextmanager
    def _field(self, field: str) -> Iterator[None]:
        """Name the field in the errors of plain checks."""
        try:
            yield
        except ValueError as error:
            raise self._fault(field, f"is wrong: {error}", "what save_network writes") from error


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is no object")
    return value


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise ValueError(f"{name} is no list")
    return value


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} = {value!r} is no string")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    return _string(fields.get(name), name)


def _integer(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(f"{name} = {value!r} is no integer from 0")
    return value


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} = {value!r} is no number")
    return float(value)


def _integers(fields: Mapping[str, Any], name: str, count: int) -> tuple[int, ...]:
    values = _list(fields, name)
    if len(values) != count:
        raise ValueError(f"{name} = {values!r} has not {count} numbers")
    return tuple(_integer({name: value}, name) for value in values)


def _strings(fields: Mapping[str, Any], name: str) -> dict[str, str]:
    value = _mapping(fields.get(name))
    return {key: _string(text, f"{name}.{key}") for key, text in value.items()}


def _member(fields: Mapping[str, Any], end: str, by_name: Mapping[str, Population]) -> Population:
    name = _text(fields, end)
    if name not in by_name:
        raise ValueError(f"{end} = {name!r} is no population")
    return by_name[name]
