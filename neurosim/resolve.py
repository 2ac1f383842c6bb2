"""From the words of a user to objects: which network, which chip, which data, which options.

Used by `neurosim.api`; everything wrong is found here, before anything runs.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.errors import DataError, OptionError, check_choice
from neurosim.inputs import check_inputs, check_labels, has_labels, load_inputs, load_labels, split_field
from neurosim.scenario import Scenario, is_scenario, list_scenarios, load_scenario

if TYPE_CHECKING:
    from hw_models.schema import Chip
    from neurosim.engine import RunOptions
    from neurosim.graph import Network
    from neurosim.mapping.options import MappingOptions
    from neurosim.mapping.quantize_options import QuantizeOptions

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

DEFAULT_CHIP = "loihi2"
NETWORK_SUFFIXES = (".h5", ".hdf5")
MAPPING_PREFIX, QUANTIZE_PREFIX = "mapping.", "quantize."
# What `record` switches on beside the counts, which are always kept.
RECORD: Mapping[str, Mapping[str, bool]] = {
    "spikes": {"record_spikes": True},
    "packets": {"record_spikes": True, "record_packets": True},
    "all": {"record_spikes": True, "record_graded": True, "record_packets": True, "readout_tokens": True},
}


class Settings(NamedTuple):
    """`--set` options, sorted by what they change."""

    chip: list[str]
    mapping: dict[str, Any]
    quantize: dict[str, Any]


class Source(NamedTuple):
    """A network and, where it came from a scenario, that scenario."""

    network: Network
    scenario: Scenario | None


class Resolved(NamedTuple):
    """Everything that a mapping needs, checked."""

    network: Network
    chip: Chip
    mapping: MappingOptions
    scenario: Scenario | None
    quantize: QuantizeOptions


class Data(NamedTuple):
    """What a run is fed with, and the classes it should find, where known."""

    inputs: Float64Array          # [sample, token, column]
    labels: Int64Array | None     # [sample]


def resolve(source: str | Path | Network, chip: Chip | str | Path | None = None, *, network: str | None = None,
            schedule: str | None = None, seed: int = 0, overrides: Sequence[str] = ()) -> Resolved:
    """Return network, chip and mapping options; raise InputError or ConfigError at the first that is wrong."""
    settings = split_settings(overrides)
    found = find_source(source, network)
    suited: dict[str, Any] = {} if found.scenario is None else found.scenario.mapping
    named = {"seed": seed} | ({} if schedule is None else {"schedule": schedule})
    mapping = mapping_options(suited | named | settings.mapping)    # `--set mapping.…` goes before all others
    return Resolved(found.network, find_chip(chip, found.scenario, settings), mapping, found.scenario,
                    quantize_options(settings.quantize))


def find_source(source: str | Path | Network, network: str | None = None) -> Source:
    """Return the network that `source` names: a scenario's, or that of a network or weight file."""
    from neurosim.graph import Network

    if isinstance(source, Network):
        return Source(source, None)
    if is_scenario(source):
        scenario, named = load_scenario(source)
        if network is not None and named is not None and network != named:
            raise OptionError(f"{source} with network {network!r}", mend="name the network once")
        return Source(scenario.network(network or named), scenario)
    if network is not None:
        raise OptionError(f"{source}: only a scenario holds several networks", mend="leave the network's name out")
    return Source(_network_from_file(Path(source)), None)


def _network_from_file(path: Path) -> Network:
    if path.is_dir():
        raise DataError(f"{path}: is a directory", allowed="a network file, a weight file or a scenario's YAML file")
    if not path.is_file():
        known = list_scenarios()
        close = difflib.get_close_matches(str(path), known, 1)
        raise DataError(f"{path}: no such file or scenario", allowed=f"{', '.join(known)}, or a file",
                        mend=f"did you mean {close[0]!r}?" if close else "check the path")
    from importers import import_network, recognised_hdf5
    from neurosim.graph_io import is_network_file
    from neurosim.graph_io import load_network as read

    if is_network_file(path) or path.suffix in NETWORK_SUFFIXES and recognised_hdf5(path) is None:
        return read(path)
    return import_network(path).network


def find_chip(chip: Chip | str | Path | None, scenario: Scenario | None, settings: Settings) -> Chip:
    """Return the chip: as given, else the scenario's, else the default one."""
    if chip is None:
        chip = scenario.chip if scenario is not None else DEFAULT_CHIP
    if isinstance(chip, str | Path):
        from hw_models.load import load_chip

        return load_chip(chip, settings.chip)
    if settings.chip:
        raise OptionError(f"overrides {', '.join(settings.chip)} with a chip that is loaded already",
                          mend="give them to load_chip")
    return chip


def find_data(resolved: Resolved, inputs: ArrayLike | str | Path | None, labels: ArrayLike | str | Path | None,
          samples: int | None) -> Data:
    """Return inputs and labels, cut to `samples`; raise DataError or OptionError where they do not fit the network."""
    n_columns = sum(population.size for population in resolved.network.inputs)
    values = _inputs(resolved.scenario, inputs, n_columns)
    classes = _labels(resolved.scenario, inputs, labels)
    if classes is not None:
        check_labels(classes, n_samples=len(values))
        _check_classes(resolved.network, classes)
    if samples is None:
        return Data(values, classes)
    if not isinstance(samples, int) or not 1 <= samples <= len(values):
        raise OptionError(f"samples = {samples!r}", allowed=f"1 to {len(values)}, as many as the data hold")
    return Data(values[:samples], None if classes is None else classes[:samples])


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
        raise DataError("no input data", allowed="a .npy, .npz or .h5 file, or a scenario that brings its own",
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


def mapping_options(choices: Mapping[str, Any]) -> MappingOptions:
    """Return MappingOptions; raise OptionError naming the nearest option where one is unknown."""
    from neurosim.mapping.options import MappingOptions

    defaults = {field.name: {} if field.default is dataclasses.MISSING else field.default
                for field in dataclasses.fields(MappingOptions)}
    found: dict[str, Any] = {}
    for path, value in choices.items():
        name, _, key = path.partition(".")
        if key and isinstance(defaults.get(name), dict):
            found.setdefault(name, {})[key] = value
            continue
        name = path
        if name not in defaults:
            close = difflib.get_close_matches(name, defaults, 1)
            raise OptionError(f"{MAPPING_PREFIX}{name}: no such option", allowed=", ".join(defaults),
                              mend=f"did you mean {MAPPING_PREFIX}{close[0]}?" if close else None)
        if isinstance(defaults[name], bool) and not isinstance(value, bool):
            raise OptionError(f"{MAPPING_PREFIX}{name} = {value!r}", allowed="true, false")
        found[name] = value
    return MappingOptions(**found)


def with_sequence_length(found: Resolved, data: Data) -> Resolved:
    """Return buffers of schedule `whole_sequence` for the sequences of the data, unless their length was given."""
    mapping = found.mapping
    if mapping.schedule != "whole_sequence" or mapping.sequence_length is not None:
        return found
    return found._replace(mapping=dataclasses.replace(mapping, sequence_length=data.inputs.shape[1]))


def split_settings(overrides: Sequence[str]) -> Settings:
    """Sort `path=value` settings into those of the chip and, by their prefix, those of mapping and quantisation."""
    from hw_models.located import parse_located

    settings = Settings([], {}, {})
    for text in [overrides] if isinstance(overrides, str) else overrides:
        path, equals, value = text.partition("=")
        prefix = next((item for item in (MAPPING_PREFIX, QUANTIZE_PREFIX) if path.strip().startswith(item)), None)
        if prefix is None:
            settings.chip.append(text)
            continue
        if not equals or not value.strip():
            raise OptionError(f"--set {text}: has no value", allowed="path=value, such as mapping.placement=linear")
        into = settings.mapping if prefix == MAPPING_PREFIX else settings.quantize
        into[path.strip().removeprefix(prefix)] = parse_located(value.strip(), f"--set {text}").value
    return settings


def quantize_options(choices: Mapping[str, Any]) -> QuantizeOptions:
    """Return QuantizeOptions; `bits.h` is one entry of `bits`, `rounding` alone that of all computed values."""
    from neurosim.mapping.quantize_options import QuantizeOptions

    defaults = {item.name: item.default_factory() if callable(item.default_factory) else item.default
                for item in dataclasses.fields(QuantizeOptions)}
    found: dict[str, Any] = {}
    for path, value in choices.items():
        name, _, key = path.partition(".")
        if name not in defaults:
            close = difflib.get_close_matches(name, defaults, 1)
            raise OptionError(f"{QUANTIZE_PREFIX}{path}: no such option", allowed=", ".join(defaults),
                              mend=f"did you mean {QUANTIZE_PREFIX}{close[0]}?" if close else None)
        if isinstance(defaults[name], dict):
            if name == "bits" and not key:
                raise OptionError(f"{QUANTIZE_PREFIX}bits = {value!r}", allowed="bits of a quantity",
                                  mend=f"name it, as in {QUANTIZE_PREFIX}bits.state={value}")
            found.setdefault(name, {})[key] = value
        elif key:
            raise OptionError(f"{QUANTIZE_PREFIX}{path}: no such option", allowed=f"{QUANTIZE_PREFIX}{name}")
        else:
            found[name] = value
    return QuantizeOptions(**found)


def run_options(*, detail: str, numbers: str, engine: str, seed: int, workers: int | None,
                record: str) -> RunOptions:
    """Return RunOptions; raise OptionError where one is out of range."""
    check_choice("record", record, RECORD)
    if workers is not None and not (isinstance(workers, int) and 1 <= workers <= 1024):
        raise OptionError(f"workers = {workers!r}", allowed="integer from 1 to 1024")
    if not isinstance(seed, int) or seed < 0:
        raise OptionError(f"seed = {seed!r}", allowed="integer from 0")
    from neurosim.engine import RunOptions

    return RunOptions(engine, detail, numbers, workers or 0, seed=seed, **RECORD[record])
