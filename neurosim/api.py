"""The verbs of neurosim: load a network and a chip, map one onto the other, run, summarise.

    import neurosim

    result = neurosim.run("digits", chip="loihi2", samples=20)
    print(result.summary.accuracy, result.readout.shape)

Everything the command line does goes through here.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import platform
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.errors import DataError, OptionError
from neurosim.inputs import check_inputs, check_labels, has_labels, load_inputs, load_labels, split_field
from neurosim.scenario import Scenario, is_scenario, list_scenarios, load_scenario

if TYPE_CHECKING:
    from hw_models.schema import Chip
    from neurosim.engine import RunOptions
    from neurosim.graph import Network
    from neurosim.machine import Machine
    from neurosim.mapping.options import MappingOptions
    from neurosim.report import Summary
    from neurosim.traces.store import Trace

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

DEFAULT_CHIP = "loihi2"
NETWORK_SUFFIXES = (".h5", ".hdf5")
MAPPING_PREFIX = "mapping."
NUMBERS = ("float64", "float32")
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


class Source(NamedTuple):
    """A network and, where it came from a scenario, that scenario."""

    network: Network
    scenario: Scenario | None


class Resolved(NamedTuple):
    """Everything that the mapping needs."""

    network: Network
    chip: Chip
    options: dict[str, Any]


class Data(NamedTuple):
    """What a run is fed with, and the classes it should find, where known."""

    inputs: Float64Array          # [sample, token, column]
    labels: Int64Array | None     # [sample]


@dataclass(frozen=True)
class RunResult:
    """What came of a run.

    summary : counts, accuracy, latency and priced energy
    readout : float64[sample, readout neuron], values at the last token
    trace : the open trace; without `trace=` it lies in a temporary file that goes with this object
    """

    summary: Summary
    readout: Float64Array
    trace: Trace


def load_network(source: str | Path | Network, *, network: str | None = None) -> Network:
    """Return the network of a network file (.h5), a scenario (`digits`, `digits:gsu`) or a weight file.

    Parameters
    ----------
    source : name or path
    network : which network of a scenario; its default one where left out

    Raises
    ------
    InputError, ConfigError  saying what cannot be read, and why
    """
    return _source(source, network).network


def load_chip(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Chip:
    """Return a checked chip, by name or from a YAML file, with `path=value` overrides applied."""
    from hw_models.load import load_chip as load

    return load(name_or_path, list(overrides))


def resolve(source: str | Path | Network, chip: Chip | str | Path | None = None, *, network: str | None = None,
            schedule: str | None = None, seed: int = 0, overrides: Sequence[str] = ()) -> Resolved:
    """Return network, chip and mapping options as `run` would take them."""
    settings = split_settings(overrides)
    found = _source(source, network)
    resolved = _resolved_chip(chip, found.scenario, settings)
    return Resolved(found.network, resolved, _mapping_choices(settings, schedule, seed))


def map_network(network: Network, chip: Chip | str | Path, **options: Any) -> Machine:
    """Place a network on a chip.

    Parameters
    ----------
    options : fields of `neurosim.mapping.options.MappingOptions`, such as `placement="linear"`

    Raises
    ------
    CapabilityError, CapacityError  if the network does not go on the chip
    """
    from neurosim.mapping import map_network as place

    resolved = load_chip(chip) if isinstance(chip, str | Path) else chip
    return place(network, resolved, mapping_options(options))


def run(source: str | Path | Network, chip: Chip | str | Path | None = None,
        inputs: ArrayLike | str | Path | None = None, labels: ArrayLike | str | Path | None = None, *,
        network: str | None = None, samples: int | None = None, detail: str = "event", numbers: str = "float64",
        schedule: str | None = None, engine: str = "compiled", seed: int = 0, workers: int | None = None,
        overrides: Sequence[str] = (), record: str = "spikes", trace: str | Path | None = None, force: bool = False,
        progress: Callable[[int, int], None] | None = None, command: str = "") -> RunResult:
    """Run a network on a chip.

    Parameters
    ----------
    source : as in `load_network`
    chip : a chip, its name or file; the scenario's own where left out, else loihi2
    inputs : values or a file (`data.npz:field`); the scenario's own where left out
    labels : class of each sample, or a file; an array `labels` beside the inputs is found by itself
    network : which network of a scenario
    samples : only the first so many
    detail : "functional", "analytic" or "event"
    numbers : "float64" or "float32"
    schedule : "pipelined" or "fall_through"
    engine : "compiled" or "reference"
    seed : of placement and engine
    workers : samples that run at once; as many as there are processor cores where left out
    overrides : `core.weight_bits=4` changes the chip, `mapping.placement=linear` the mapping
    record : "spikes", "packets" or "all"
    trace : HDF5 file to keep
    force : overwrite it
    progress : called with (samples done, samples in all)
    command : kept in the trace

    Raises
    ------
    InputError, ConfigError  before anything runs
    SimulationError  if the run broke; the samples so far stay in `<trace>.partial`
    """
    settings = split_settings(overrides)
    options = _run_options(detail=detail, numbers=numbers, engine=engine, seed=seed, workers=workers, record=record)
    found = _source(source, network)
    resolved = _resolved_chip(chip, found.scenario, settings)
    data = _data(found, inputs, labels, samples)
    machine = map_network(found.network, resolved, **_mapping_choices(settings, schedule, seed))
    provenance = _provenance(source, found, command)
    return _run_machine(machine, data, options, provenance, trace=trace, force=force, progress=progress)


def summarise(trace: str | Path | Trace, png: str | Path | None = None) -> Summary:
    """Return the priced summary of a trace or of its file; with `png`, also draw its page."""
    from neurosim import report
    from neurosim.traces.store import Trace

    opened = Trace.open(trace) if isinstance(trace, str | Path) else trace
    if png is not None:
        report.to_png(opened, png)
    return report.summarise(opened)


def mapping_options(choices: Mapping[str, Any]) -> MappingOptions:
    """Return MappingOptions; raise OptionError naming the nearest option where one is unknown."""
    from neurosim.mapping.options import MappingOptions

    defaults = {field.name: field.default for field in dataclasses.fields(MappingOptions)}
    for name, value in choices.items():
        if name not in defaults:
            close = difflib.get_close_matches(name, defaults, 1)
            raise OptionError(f"{MAPPING_PREFIX}{name}: no such option", allowed=", ".join(defaults),
                              mend=f"did you mean {MAPPING_PREFIX}{close[0]}?" if close else None)
        if isinstance(defaults[name], bool) and not isinstance(value, bool):
            raise OptionError(f"{MAPPING_PREFIX}{name} = {value!r}", allowed="true, false")
    return MappingOptions(**choices)


def split_settings(overrides: Sequence[str]) -> Settings:
    """Sort `path=value` settings into those of the chip and, by the prefix `mapping.`, those of the mapping."""
    from hw_models.located import parse_located

    settings = Settings([], {})
    for text in overrides:
        path, equals, value = text.partition("=")
        if not path.strip().startswith(MAPPING_PREFIX):
            settings.chip.append(text)
            continue
        if not equals or not value.strip():
            raise OptionError(f"--set {text}: has no value", allowed="path=value, such as mapping.placement=linear")
        name = path.strip().removeprefix(MAPPING_PREFIX)
        settings.mapping[name] = parse_located(value.strip(), f"--set {text}").value
    return settings


def _source(source: str | Path | Network, network: str | None = None) -> Source:
    from neurosim.graph import Network

    if isinstance(source, Network):
        return Source(source, None)
    if is_scenario(source):
        scenario, named = load_scenario(source)
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
    if path.suffix in NETWORK_SUFFIXES:
        from neurosim.graph_io import load_network as read

        return read(path)
    from importers import import_network

    return import_network(path).network


def _resolved_chip(chip: Chip | str | Path | None, scenario: Scenario | None, settings: Settings) -> Chip:
    if chip is None:
        chip = scenario.chip if scenario is not None else DEFAULT_CHIP
    if isinstance(chip, str | Path):
        return load_chip(chip, settings.chip)
    if settings.chip:
        raise OptionError(f"overrides {', '.join(settings.chip)} with a chip that is loaded already",
                          mend="give them to load_chip")
    return chip


def _data(source: Source, inputs: ArrayLike | str | Path | None, labels: ArrayLike | str | Path | None,
          samples: int | None) -> Data:
    n_columns = sum(population.size for population in source.network.inputs)
    values = _inputs(source.scenario, inputs, n_columns)
    classes = _labels(source.scenario, inputs, labels)
    if classes is not None:
        check_labels(classes, n_samples=len(values))
    if samples is None:
        return Data(values, classes)
    if not 1 <= samples <= len(values):
        raise OptionError(f"samples = {samples}", allowed=f"1 to {len(values)}, as many as the data hold")
    return Data(values[:samples], None if classes is None else classes[:samples])


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


def _mapping_choices(settings: Settings, schedule: str | None, seed: int) -> dict[str, Any]:
    """Return the mapping's options: what `--set mapping.…` says goes before the named ones."""
    named = {"seed": seed} | ({} if schedule is None else {"schedule": schedule})
    return named | settings.mapping


def _run_options(*, detail: str, numbers: str, engine: str, seed: int, workers: int | None,
                 record: str) -> RunOptions:
    if numbers not in NUMBERS:
        fixed = "this release computes in floating point; fixed-point arithmetic comes with a later one"
        raise OptionError(f"numbers = {numbers!r}", allowed=", ".join(NUMBERS),
                          mend=fixed if numbers == "fixed" else None)
    _check_choice("detail", detail, ("functional", "analytic", "event"))
    _check_choice("engine", engine, ("compiled", "reference"))
    _check_choice("record", record, RECORD)
    if workers is not None and workers < 1:
        raise OptionError(f"workers = {workers}", allowed="integer from 1")
    if seed < 0:
        raise OptionError(f"seed = {seed}", allowed="integer from 0")
    from neurosim.engine import RunOptions

    # The engine checks the choices itself; typed as Literals there.
    choices: dict[str, Any] = {"detail": detail, "numbers": numbers, "engine": engine}
    return RunOptions(**choices, seed=seed, workers=workers or _n_processors(), **RECORD[record])


def _check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        close = difflib.get_close_matches(value, list(choices), 1)
        raise OptionError(f"{name} = {value!r}", allowed=", ".join(choices),
                          mend=f"did you mean {close[0]!r}?" if close else None)


def _n_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _provenance(source: str | Path | Network, found: Source, command: str) -> dict[str, str]:
    import numba

    from neurosim import __version__

    named = str(source) if isinstance(source, str | Path) else found.network.name
    return {"source": named, "command": command, "neurosim": __version__, "python": platform.python_version(),
            "numpy": np.__version__, "numba": numba.__version__, "platform": platform.platform()}


def _run_machine(machine: Machine, data: Data, options: RunOptions, provenance: Mapping[str, str], *,
                 trace: str | Path | None, force: bool, progress: Callable[[int, int], None] | None) -> RunResult:
    from neurosim.traces.store import Trace

    scratch = tempfile.mkdtemp(prefix="neurosim-") if trace is None else None
    try:
        path = Path(trace) if trace is not None else Path(str(scratch)) / "run.h5"
        _write_trace(machine, data, options, provenance, path, force, progress)
        opened = Trace.open(path)
        result = RunResult(summarise(opened), opened.readout, opened)
    except BaseException:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        raise
    if scratch is not None:
        weakref.finalize(result, shutil.rmtree, scratch, ignore_errors=True)
    return result


def _write_trace(machine: Machine, data: Data, options: RunOptions, provenance: Mapping[str, str], path: Path,
                 force: bool, progress: Callable[[int, int], None] | None) -> None:
    """Run into a trace file."""
    from neurosim import engine
    from neurosim.traces.store import TraceWriter

    n_samples = len(data.inputs)
    header = engine.header(machine, options, n_samples, provenance)
    started = time.perf_counter()
    with TraceWriter(path, header, force=force) as writer:
        if data.labels is not None:
            writer.set_labels(data.labels)
        tell = None if progress is None else lambda n_done: progress(n_done, n_samples)
        engine.run(machine, data.inputs, options, writer, progress=tell)
        writer.note("wall_s", f"{time.perf_counter() - started:.6f}")
