"""What a run is fed with: arrays of a file, recordings of events, or the data of a scenario; and their classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.data_files import split_field
from neurosim.errors import DataError, OptionError
from neurosim.inputs import check_inputs, check_labels, has_labels, load_inputs, load_labels, load_times
from neurosim.recordings.binning import PREFIX
from neurosim.recordings.files import holds_recordings
from neurosim.recordings.load import load_recordings
from neurosim.resolve import Resolved
from neurosim.scenario import Scenario

if TYPE_CHECKING:
    from neurosim.graph import Network

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]


class Data(NamedTuple):
    """What a run is fed with, and the classes it should find, where known."""

    inputs: Float64Array          # [sample, token, column]
    labels: Int64Array | None     # [sample]
    notes: Mapping[str, str] = MappingProxyType({})     # how recordings became tokens; kept with the run
    times_ps: Int64Array | None = None      # [sample, token] or [token] when each enters; None: as the chip says


def find_data(resolved: Resolved, inputs: ArrayLike | str | Path | None, labels: ArrayLike | str | Path | None,
              samples: int | None, *, at_most: int | None = None) -> Data:
    """Return inputs and labels, cut to `samples`; raise DataError or OptionError where they do not fit the network.

    samples : exactly so many; an error where there are fewer
    at_most : no more than so many
    """
    n_columns = sum(population.size for population in resolved.network.inputs)
    if samples is not None and (not isinstance(samples, int) or samples < 1):
        raise OptionError(f"samples = {samples!r}", allowed="integer from 1")
    limit = min((each for each in (samples, at_most) if each is not None), default=None)
    if holds_recordings(inputs):
        found = _recorded(resolved, inputs, labels, n_columns, limit)
    elif resolved.binning is None:
        found = _arrays(resolved.scenario, inputs, labels, n_columns)
    else:
        raise OptionError(f"{PREFIX}… is set, and the inputs are arrays", allowed="recordings of events",
                          mend=f"leave {PREFIX}… out, or name a recording with --input")
    if found.data.labels is not None:
        _check_classes(resolved.network, found.data.labels)
    if samples is not None and samples > found.n_samples:
        raise OptionError(f"samples = {samples!r}", allowed=f"1 to {found.n_samples}, as many as the data hold")
    values, classes, notes, _ = found.data
    return Data(values[:limit], None if classes is None else classes[:limit], notes)


class _Found(NamedTuple):
    """Inputs, of which no more may have been read than are wanted, and how many there are."""

    data: Data
    n_samples: int


def _recorded(resolved: Resolved, inputs: Any, labels: ArrayLike | str | Path | None, n_columns: int,
              limit: int | None) -> _Found:
    """Return recordings as inputs."""
    found = load_recordings(inputs, n_columns, resolved.binning, limit=limit)
    classes = found.labels
    if labels is not None:
        classes = check_labels(_labels(None, inputs, labels), n_samples=found.n_recordings)
    return _Found(Data(found.inputs, classes, found.notes), found.n_recordings)


def _arrays(scenario: Scenario | None, inputs: ArrayLike | str | Path | None, labels: ArrayLike | str | Path | None,
            n_columns: int) -> _Found:
    """Return arrays as inputs."""
    values = _inputs(scenario, inputs, n_columns)
    classes = _labels(scenario, inputs, labels)
    if classes is not None:
        check_labels(classes, n_samples=len(values))
    return _Found(Data(values, classes), len(values))


def _check_classes(network: Network, classes: Int64Array) -> None:
    """A label that no read-out neuron stands for can never be found."""
    n_classes = sum(network.population(name).size for name in network.readouts)
    if n_classes and classes.size and int(classes.max()) >= n_classes:
        raise DataError(f"labels: largest label is {classes.max()}", allowed=f"0 to {n_classes - 1}",
                        mend=f"the network reads out {n_classes} classes: number the labels from 0")


def _inputs(scenario: Scenario | None, inputs: ArrayLike | str | Path | None, n_columns: int) -> Float64Array:
    if isinstance(inputs, str | Path):
        return load_inputs(inputs, n_columns)
    if inputs is not None:
        return check_inputs(inputs, n_columns)
    if scenario is None:
        raise DataError("no input data", allowed="a .npy, .npz or .h5 file, recordings, or a scenario with its own",
                        mend="give --input DATA")
    return scenario.inputs(n_columns)


def _labels(scenario: Scenario | None, inputs: ArrayLike | str | Path | None,
            labels: ArrayLike | str | Path | None) -> Int64Array | None:
    if isinstance(labels, str | Path):
        return load_labels(labels)
    if labels is not None:
        return check_labels(labels)
    if inputs is None:
        return scenario.labels() if scenario is not None else None
    if isinstance(inputs, str | Path) and has_labels(inputs):
        return load_labels(f"{split_field(inputs)[0]}:labels")
    return None


def with_times(data: Data, times: ArrayLike | str | Path | None) -> Data:
    """Return the data with a time for each token of each sample, in ps; for the samples that are run."""
    if times is None:
        return data
    given = load_times(times) if isinstance(times, str | Path) else np.asarray(times)
    return data._replace(times_ps=given[:len(data.inputs)] if given.ndim == 2 else given)


def with_sequence_length(found: Resolved, data: Data) -> Resolved:
    """Return buffers of schedule `whole_sequence` for the sequences of the data, unless their length was given."""
    mapping = found.mapping
    if mapping.schedule != "whole_sequence" or mapping.sequence_length is not None:
        return found
    return found._replace(mapping=dataclasses.replace(mapping, sequence_length=data.inputs.shape[1]))
