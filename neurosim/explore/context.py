"""All that the points of a study share, read once and sent once to each worker: networks, chips, data."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.load import ChipText, read_chip
from neurosim import api
from neurosim.errors import DataError, OptionError
from neurosim.explore.study import Study
from neurosim.graph import Network
from neurosim.resolve import DEFAULT_CHIP, Resolved, resolve
from neurosim.run_data import Data, find_data

Float64Array = NDArray[np.float64]


class Source(NamedTuple):
    """A network, the mapping options that suit it, and the inputs that formats are chosen on."""

    network: Network
    mapping: Mapping[str, Any]
    calibration: Float64Array


@dataclass(frozen=True)
class Context:
    """What a worker needs beside a point's settings.

    sources : name of the network -> network; the name is "" where the study varies none
    chips : name or path -> the chip file as it was read
    """

    sources: Mapping[str, Source]
    chips: Mapping[str, ChipText]
    default_chip: str
    data: Data
    settings: Mapping[str, Any]
    numbers: str
    schedule: str | None
    seed: int
    cache: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def digest(self) -> str:
        """Return the SHA-256 of networks, chips and data, in hex."""
        state = hashlib.sha256()
        # Metadata say when and from where a network was imported, which changes nothing.
        sources = {name: source._replace(network=dataclasses.replace(source.network, metadata={}))
                   for name, source in self.sources.items()}
        _feed(state, (sources, {name: text.located.value for name, text in self.chips.items()}, self.default_chip,
                      self.data.inputs, self.data.labels))
        return state.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """What one worker worked out by itself is not sent to others."""
        return {**self.__dict__, "cache": {}}


def make_context(study: Study) -> Context:
    """Read everything that the points of a study share.

    Raises
    ------
    InputError, ConfigError  where a network, a chip or the data cannot be used; labels missing that are needed
    """
    content = study.content
    first: tuple[Resolved, Data] | None = None
    sources: dict[str, Source] = {}
    for name in study.choices("network", content.network):
        found = resolve(content.source, DEFAULT_CHIP, network=None if name is None else str(name))
        data = find_data(found, content.input, content.labels, content.samples)
        if first is not None and data.inputs.shape[2] != first[1].inputs.shape[2]:
            raise OptionError(f"parameters.network: {name} has other inputs than the first network",
                              mend="make a study for each of them")
        first = first or (found, data)
        suited = {} if found.scenario is None else found.scenario.mapping
        sources["" if name is None else str(name)] = Source(found.network, suited, _calibration(found, data))
    assert first is not None
    _check_labels(study, first[1])
    own = first[0].scenario.chip if first[0].scenario is not None else DEFAULT_CHIP
    default = content.chip or own
    chips = {str(name or default): read_chip(str(name or default)) for name in study.choices("chip", default)}
    _check_areas(study, chips)
    data = first[1]._replace(notes={})
    return Context(sources, chips, default, data, content.settings, content.numbers, content.schedule, content.seed)


def _calibration(found: Resolved, data: Data) -> Float64Array:
    """Return the inputs that `neurosim run --numbers fixed` would choose formats on."""
    has_own = found.scenario is not None and found.scenario.content.data.calibration is not None
    arrays = found._replace(binning=None)
    return api.find_calibration(arrays, None if has_own else data.inputs, None, api.CALIBRATION_SAMPLES).inputs


def _asked_for(study: Study) -> set[str]:
    return {str(name) for name in (*study.content.objectives, *study.content.constraints)}


def _check_areas(study: Study, chips: Mapping[str, ChipText]) -> None:
    """Every point would lack what it is judged by."""
    given = {*study.content.settings, *(parameter.name for parameter in study.parameters)}
    lacking = [name for name, text in chips.items() if text.located.value.get("area_mm2") is None]
    if "area" in _asked_for(study) and lacking and "area_mm2" not in given:
        raise DataError(f"{study.path}: area is asked for, and chip {lacking[0]} has no area_mm2",
                        mend="give the die's area under the key `settings`, as in {area_mm2: 31}, or leave area out")


def _check_labels(study: Study, data: Data) -> None:
    if "accuracy" in _asked_for(study) and data.labels is None:
        raise DataError(f"{study.path}: accuracy is asked for, and the data have no labels",
                        mend="name them under the key `labels`, or leave accuracy out")


def _feed(state: Any, value: Any) -> None:
    """Feed plain data, arrays and dataclasses into a hash, each with its kind."""
    state.update(type(value).__name__.encode())
    if isinstance(value, np.ndarray):
        state.update(f"{value.dtype.str}{value.shape}".encode())
        state.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        for key in value:
            state.update(str(key).encode())
            _feed(state, value[key])
    elif isinstance(value, list | tuple):
        state.update(str(len(value)).encode())
        for item in value:
            _feed(state, item)
    elif dataclasses.is_dataclass(value):
        for item in dataclasses.fields(value):
            _feed(state, getattr(value, item.name))
    else:
        state.update(repr(value).encode())
