"""The verbs of neurosim: load a network and a chip, map one onto the other, run, summarise.

    import neurosim

    result = neurosim.run("digits", chip="loihi2", samples=20)
    print(result.summary.accuracy, result.readout.shape)

Everything the command line does goes through here.
"""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.connections import connections
from neurosim.errors import OptionError
from neurosim.resolve import Resolved, find_source, mapping_options, resolve, run_options
from neurosim.run_data import Data, find_data, with_sequence_length, with_times

if TYPE_CHECKING:
    from hw_models.schema import Chip
    from neurosim.calibrate import QuantizeReport
    from neurosim.engine import RunOptions
    from neurosim.engine.run import Attachment
    from neurosim.graph import Network
    from neurosim.machine import Machine
    from neurosim.mapping.quantize_options import QuantizeOptions
    from neurosim.report import Summary
    from neurosim.traces.store import Trace

Float64Array = NDArray[np.float64]
# Samples that formats are chosen on, unless told otherwise.
CALIBRATION_SAMPLES = 100


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


@dataclass(frozen=True)
class QuantizeResult:
    """A network with a fixed-point format for every quantity, and what that does to it on the sample inputs."""

    network: Network
    report: QuantizeReport


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
    return find_source(source, network).network


def load_chip(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Chip:
    """Return a checked chip, by name or from a YAML file, with `path=value` overrides applied."""
    from hw_models.load import load_chip as load

    return load(name_or_path, list(overrides))


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
        schedule: str | None = None, engine: str = "auto", seed: int = 0, workers: int | None = None,
        overrides: Sequence[str] = (), record: str = "spikes", trace: str | Path | None = None, force: bool = False,
        progress: Callable[[int, int], None] | None = None, command: str = "",
        times: ArrayLike | str | Path | None = None, jitter_ns: float = 0.0, jitter_runs: int = 0,
        attach: Sequence[Attachment] = ()) -> RunResult:
    """Run a network on a chip.

    Parameters
    ----------
    source : as in `load_network`
    chip : a chip, its name or file; the scenario's own where left out, else loihi2
    inputs : values, a file (`data.npz:field`), or recordings of events; the scenario's own where left out
    labels : class of each sample, or a file; an array `labels` beside the inputs is found by itself
    network : which network of a scenario
    samples : only the first so many
    detail : "functional", "analytic" or "event"
    numbers : "float64", "float32" or "fixed": a network without formats gets them first, as by `quantize`, from the
        scenario's calibration inputs, or else from the first inputs of the run
    schedule : "pipelined", "fall_through", or "whole_sequence" for networks that read backward too
    engine : "auto", "compiled" or "reference", all with the same result. "auto" is the compiled one; where its kernels
        are still to be compiled, a process beside does that while the reference engine begins. The environment variable
        NEUROSIM_ENGINE=compiled makes "auto" wait for them instead
    seed : of placement and engine
    workers : samples that run at once; as many as there are processor cores where left out
    overrides : `core.weight_bits=4` changes the chip, `mapping.placement=linear` the mapping, `quantize.bits.h=16`
        how formats are chosen, `input.bin_us=1000` how recordings become tokens
    record : "counts" (neither spikes nor links by time step), "spikes", "packets" or "all"
    trace : HDF5 file to keep
    force : overwrite it
    progress : called with (samples done, samples in all)
    command : kept in the trace
    times : on free-running chips: when each token enters, [sample, token] or [token] in ps, or a file
    jitter_ns : on free-running chips: the most that a packet comes late at a core, drawn by `seed`
    jitter_runs : repeat the run so many times with such delays, and say what they change; the run itself has none
    attach : in the reference engine: functions that get its `Chip` before the first step of each sample and return a
        generator of SimPy's events: sensors, memories, faults (docs/own_component.md)

    Raises
    ------
    InputError, ConfigError  before anything runs
    SimulationError  if the run broke; the samples so far stay in `<trace>.partial`
    """
    from neurosim.mapping import map_network as place

    options = run_options(detail=detail, numbers=numbers, engine=engine, seed=seed, workers=workers, record=record,
                          jitter_ns=jitter_ns)
    resolved = resolve(source, chip, network=network, schedule=schedule, seed=seed, overrides=overrides)
    data = with_times(find_data(resolved, inputs, labels, samples), times)
    resolved = with_sequence_length(resolved, data)
    provenance = _provenance(source, resolved, command) | dict(data.notes)
    provenance["connections"] = json.dumps(connections(resolved.network, data.inputs))
    if options.numbers == "fixed":
        resolved, provenance["calibration"] = with_formats(resolved, data)
    machine = place(resolved.network, resolved.chip, resolved.mapping)
    return run_machine(machine, data, options, provenance, trace=trace, force=force, progress=progress,
                       jitter_runs=jitter_runs, attach=attach)


def quantize(source: str | Path | Network, chip: Chip | str | Path | None = None,
             data: ArrayLike | str | Path | None = None, labels: ArrayLike | str | Path | None = None, *,
             network: str | None = None, samples: int = CALIBRATION_SAMPLES, options: QuantizeOptions | None = None,
             overrides: Sequence[str] = (), distances: bool = False,
             progress: Callable[[int, int], None] | None = None) -> QuantizeResult:
    """Choose a fixed-point format for every quantity of a network, by what its values are on sample inputs.

    Parameters
    ----------
    source, chip, network, overrides : as in `run`
    data : sample inputs, values or a file; the scenario's own calibration inputs where left out
    labels : class of each sample, for the accuracy before and after
    samples : only the first so many
    options : widths, method, granularity, kind of scales, rounding; those of `overrides` (`quantize.…`) where left out
    distances : compare spike trains by van Rossum's and Victor and Purpura's distances too
    progress : called with (samples done, samples in all)

    Raises
    ------
    InputError, ConfigError  saying what does not fit, with the arithmetic
    """
    from neurosim.calibrate import compare, quantized
    from neurosim.mapping.rewrite import rewritten

    resolved = resolve(source, chip, network=network, overrides=overrides)
    given = find_calibration(resolved, data, labels, samples)
    chosen = options or resolved.quantize
    found = quantized(rewritten(resolved.network, resolved.mapping, resolved.chip), resolved.chip, given.inputs, chosen)
    report = compare(found, given.inputs, given.labels, chip=resolved.chip.name, options=chosen.as_strings(),
                     distances=distances, progress=progress)
    return QuantizeResult(found, report)


def summarise(trace: str | Path | Trace, png: str | Path | None = None,
              chip: str | Path | Chip | None = None, *, html: str | Path | None = None) -> Summary:
    """Return the priced summary of a trace or of its file.

    Parameters
    ----------
    trace : open trace, or its path
    png : also draw the page of the run into this file
    chip : price with the figures of this chip; the recorded ones where left out
    html : also write the page for browsers into this file
    """
    from neurosim import report
    from neurosim.traces.check import reading
    from neurosim.traces.store import Trace

    priced_with = load_chip(chip) if isinstance(chip, str | Path) else chip
    opened = Trace.open(trace) if isinstance(trace, str | Path) else trace
    with reading(opened.path):
        if png is not None:
            report.to_png(opened, png, priced_with)
        if html is not None:
            report.write_report_page(opened, Path(html), priced_with)
        return report.summarise(opened, priced_with)


def find_calibration(found: Resolved, data: ArrayLike | str | Path | None, labels: ArrayLike | str | Path | None,
                     samples: int) -> Data:
    """Return sample inputs to choose formats on: those given, else the scenario's, on which no result is measured."""
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise OptionError(f"samples = {samples!r}", allowed="integer from 1")
    scenario = found.scenario
    if data is None and scenario is not None and scenario.content.data.calibration is not None:
        source = scenario.content.data
        data = scenario.calibration(sum(population.size for population in found.network.inputs))
        if labels is None and source.calibration_labels is not None:
            labels = f"{scenario.path.parent / source.file}:{source.calibration_labels}"
    return find_data(found, data, labels, None, at_most=samples)


def with_formats(found: Resolved, data: Data) -> tuple[Resolved, str]:
    """Return the network with formats, and where they come from."""
    from neurosim.calibrate import quantized
    from neurosim.mapping import check_operations
    from neurosim.mapping.rewrite import rewritten

    network = rewritten(found.network, found.mapping, found.chip)
    check_operations(network, found.chip, found.mapping)        # plainer than a format that the chip does not have
    if network.is_quantised:
        return found._replace(network=network), "formats of the network file"
    has_own = found.scenario is not None and found.scenario.content.data.calibration is not None
    arrays = found._replace(binning=None)       # what are recordings are arrays by now
    inputs = find_calibration(arrays, None if has_own else data.inputs, None, CALIBRATION_SAMPLES).inputs
    origin = f"{len(inputs)} samples of {'the calibration data' if has_own else 'the inputs of the run'}"
    return found._replace(network=quantized(network, found.chip, inputs, found.quantize)), origin


def _provenance(source: str | Path | Network, found: Resolved, command: str) -> dict[str, str]:
    import numba

    from hw_models.load import to_mapping
    from neurosim import __version__

    named = str(source) if isinstance(source, str | Path) else found.network.name
    chip = json.dumps(to_mapping(found.chip), sort_keys=True)
    return {"source": named, "command": command, "chip": chip, "neurosim": __version__,
            "python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__,
            "platform": platform.platform()}


def run_machine(machine: Machine, data: Data, options: RunOptions, provenance: Mapping[str, str], *,
                trace: str | Path | None = None, force: bool = False,
                progress: Callable[[int, int], None] | None = None, jitter_runs: int = 0,
                attach: Sequence[Attachment] = ()) -> RunResult:
    """Run a machine into a trace; a temporary one where none is named."""
    from neurosim.traces.store import Trace

    scratch = tempfile.mkdtemp(prefix="neurosim-") if trace is None else None
    try:
        path = Path(trace) if trace is not None else Path(str(scratch)) / "run.h5"
        _write_trace(machine, data, options, provenance, path, force, progress, jitter_runs, attach)
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
                 force: bool, progress: Callable[[int, int], None] | None, jitter_runs: int,
                 attach: Sequence[Attachment]) -> None:
    """Run into a trace file; where repeats with late arrivals are asked for, the run itself has none."""
    from neurosim import engine
    from neurosim.engine.order_study import Outcome, check_repeats, study_order
    from neurosim.traces.recorder import TeeRecorder
    from neurosim.traces.store import TraceWriter

    check_repeats(machine, options, jitter_runs)
    late, calm = options, Outcome()
    if jitter_runs:
        options = replace(options, arrival_jitter_ps=0)

    n_samples = len(data.inputs)
    header = engine.header(machine, options, n_samples, provenance)
    started = time.perf_counter()
    with TraceWriter(path, header, force=force) as writer:
        if data.labels is not None:
            writer.set_labels(data.labels)
        tell = None if progress is None else lambda n_done: progress(n_done, n_samples)
        engine.run(machine, data.inputs, options, TeeRecorder(writer, calm) if jitter_runs else writer, progress=tell,
                   times_ps=data.times_ps, attach=attach)
        writer.note("wall_s", f"{time.perf_counter() - started:.6f}")
        if jitter_runs:
            study = study_order(machine, data.inputs, late, calm, repeats=jitter_runs, times_ps=data.times_ps,
                                labels=data.labels)
            writer.note("order_study", json.dumps(study.to_json()))
