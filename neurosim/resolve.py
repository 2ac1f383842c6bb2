"""From the words of a user to objects: which network, which chip, which options. `run_data` finds the data.

Used by `neurosim.api`; everything wrong is found here, before anything runs.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neurosim.errors import DataError, OptionError, check_choice, nearest
from neurosim.recordings.binning import PREFIX as INPUT_PREFIX
from neurosim.recordings.binning import Binning, binning_options
from neurosim.scenario import Scenario, is_scenario, list_scenarios, load_scenario

if TYPE_CHECKING:
    from hw_models.schema import Chip
    from neurosim.engine import RunOptions
    from neurosim.graph import Network
    from neurosim.mapping.options import MappingOptions
    from neurosim.mapping.quantize_options import QuantizeOptions

DEFAULT_CHIP = "loihi2"
MOST_JITTER_NS = 1e12
ENGINE_VARIABLE = "NEUROSIM_ENGINE"
NETWORK_SUFFIXES = (".h5", ".hdf5")
MAPPING_PREFIX, QUANTIZE_PREFIX = "mapping.", "quantize."
PREFIXES = (MAPPING_PREFIX, QUANTIZE_PREFIX, INPUT_PREFIX)
# What `record` switches beside the counts, which are always kept.
RECORD: Mapping[str, Mapping[str, bool]] = {
    "counts": {"record_spikes": False, "record_links": False},
    "spikes": {"record_spikes": True},
    "packets": {"record_spikes": True, "record_packets": True},
    "all": {"record_spikes": True, "record_graded": True, "record_packets": True, "readout_tokens": True},
}


class Settings(NamedTuple):
    """`--set` options, sorted by what they change."""

    chip: list[str]
    mapping: dict[str, Any]
    quantize: dict[str, Any]
    input: dict[str, Any]


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
    binning: Binning | None = None      # how recordings become tokens; None where no setting says so


def resolve(source: str | Path | Network, chip: Chip | str | Path | None = None, *, network: str | None = None,
            schedule: str | None = None, seed: int = 0, overrides: Sequence[str] = ()) -> Resolved:
    """Return network, chip and mapping options; raise InputError or ConfigError at the first that is wrong."""
    settings = split_settings(overrides)
    found = find_source(source, network)
    suited: dict[str, Any] = {} if found.scenario is None else found.scenario.mapping
    named = {"seed": seed} | ({} if schedule is None else {"schedule": schedule})
    mapping = mapping_options(suited | named | settings.mapping)    # `--set mapping.…` goes before all others
    return Resolved(found.network, find_chip(chip, found.scenario, settings), mapping, found.scenario,
                    quantize_options(settings.quantize), binning_options(settings.input) if settings.input else None)


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
        raise DataError(f"{path}: no such file or scenario", allowed=f"{', '.join(known)}, or a file",
                        mend=nearest(str(path), known) or "check the path")
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


def mapping_options(choices: Mapping[str, Any]) -> MappingOptions:
    """Return MappingOptions; raise OptionError naming the nearest option where one is unknown."""
    from neurosim.mapping.options import MappingOptions

    defaults = {field.name: {} if field.default is dataclasses.MISSING else field.default
                for field in dataclasses.fields(MappingOptions)}
    found: dict[str, Any] = {}
    for path, value in choices.items():
        name, _, key = path.partition(".")
        if key and (isinstance(defaults.get(name), dict) or name == "sigma_delta"):
            if not isinstance(found.get(name, {}), dict):
                raise OptionError(f"{MAPPING_PREFIX}{name} and {MAPPING_PREFIX}{path}", mend="give one of them")
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


def split_settings(overrides: Sequence[str]) -> Settings:
    """Sort `path=value` settings into those of the chip and, by prefix, those of mapping, quantisation and input."""
    from hw_models.located import parse_located

    settings = Settings([], {}, {}, {})
    by_prefix = dict(zip(PREFIXES, settings[1:], strict=True))
    for text in [overrides] if isinstance(overrides, str) else overrides:
        path, equals, value = text.partition("=")
        prefix = next((item for item in PREFIXES if path.strip().startswith(item)), None)
        if prefix is None:
            settings.chip.append(text)
            continue
        if not equals or not value.strip():
            raise OptionError(f"--set {text}: has no value", allowed="path=value, such as mapping.placement=linear")
        by_prefix[prefix][path.strip().removeprefix(prefix)] = parse_located(value.strip(), f"--set {text}").value
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
                record: str, jitter_ns: float = 0.0) -> RunOptions:
    """Return RunOptions; raise OptionError where one is out of range.

    The environment variable NEUROSIM_ENGINE says what the engine "auto" is, other than what it is by itself.
    """
    check_choice("record", record, RECORD)
    if workers is not None and not (isinstance(workers, int) and 1 <= workers <= 1024):
        raise OptionError(f"workers = {workers!r}", allowed="integer from 1 to 1024")
    if not isinstance(seed, int) or seed < 0:
        raise OptionError(f"seed = {seed!r}", allowed="integer from 0")
    if isinstance(jitter_ns, bool) or not isinstance(jitter_ns, int | float) or not 0 <= jitter_ns <= MOST_JITTER_NS:
        raise OptionError(f"jitter_ns = {jitter_ns!r}", allowed=f"number from 0 to {MOST_JITTER_NS:g}")
    from neurosim.engine import RunOptions
    from neurosim.engine.contract import ENGINES
    from neurosim.units import ns_to_ps

    if engine == "auto":
        engine = os.environ.get(ENGINE_VARIABLE, "") or engine
        check_choice(ENGINE_VARIABLE, engine, ENGINES)
    return RunOptions(engine, detail, numbers, workers or 0, seed=seed, arrival_jitter_ps=ns_to_ps(jitter_ns),
                      **RECORD[record])
