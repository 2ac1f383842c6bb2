"""Neo objects, for Elephant and whatever else speaks Neo; as a file, NIX.

`load` gives a block with a segment per sample: every trial starts at 0. `write` puts the same spikes into a NIX file,
Neo's own format on HDF5 (nothing is pickled), as one segment with an epoch per sample, since NIX keeps every train in
groups of its own: about 20 kB and 15 ms each.

    SpikeTrain    units ms, annotations population, neuron, output, kind; array annotation value, where not binary
    Group         one per output of the network, named as in the trace; its trains by neurons, then samples
    Segment       annotations label, prediction

Source: Neo 0.14, https://neo.readthedocs.io; NIX 1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import OptionError
from neurosim.export.job import Job, make_job
from neurosim.export.optional import load as load_module
from neurosim.traces import layout
from neurosim.traces.check import reading
from neurosim.traces.trace import Trace

MAX_TRAINS = 200_000            # objects of Neo weigh some kilobytes each
MAX_FILE_TRAINS = 50_000
MAX_SPIKES = 2**26              # held at once: half a gigabyte of times


def load(trace: Trace | str | Path, groups: Sequence[str] | None = None, samples: int | None = None) -> Any:
    """Return a trace as a neo.Block with a segment per sample; silent neurons have empty trains.

    Parameters
    ----------
    trace : open trace, or its path
    groups : outputs, named as in `Trace.spike_groups`; all where left out
    samples : only the first so many

    Raises
    ------
    OptionError     Neo is not installed; no such group; more trains or spikes than memory should hold
    TraceError      the trace cannot be read
    """
    neo = load_module("neo", "neurosim.export.neo.load")
    if isinstance(trace, str | Path):
        with Trace.open(trace, partial=str(trace).endswith(".partial")) as opened:
            return load(opened, groups, samples)
    job = make_job(trace, groups, samples)
    _check_size(job, job.n_samples, MAX_TRAINS)
    with reading(trace.path):
        return _block(job, neo, by_sample=True)


def write(job: Job, path: Path) -> None:
    """Write a new NIX file with one segment, the run, and an epoch `samples`."""
    neo = load_module("neo", "format neo")
    load_module("nixio", "format neo")
    _check_size(job, 1, MAX_FILE_TRAINS)
    block = _block(job, neo, by_sample=False)
    name = path.with_name(path.name + ".nix")           # Neo goes by the suffix
    try:
        with neo.io.NixIO(str(name), "ow") as file:
            file.write_block(block, use_obj_names=False)
        name.rename(path)
    finally:
        name.unlink(missing_ok=True)


def _check_size(job: Job, n_segments: int, most: int) -> None:
    n_trains = n_segments * sum(job.size(group) for group in job.groups)
    for n_found, n_most, what in ((n_trains, most, "spike trains"), (job.n_spikes, MAX_SPIKES, "spikes")):
        if n_found > n_most:
            raise OptionError(f"{job.trace.path}: {n_found} {what} are too many for Neo", allowed=f"up to {n_most}",
                              mend="choose groups or fewer samples (--group, --samples), or use format nwb")


def _block(job: Job, neo: Any, *, by_sample: bool) -> Any:
    facts = job.facts()
    block = neo.Block(name=str(facts.get("network", "run")), description="simulated by neurosim",
                      neurosim=job.facts_json())
    block.segments.extend(_segments(job, neo) if by_sample else [_whole(job, neo)])
    for name in job.groups:
        group = neo.Group(name=name, kind=job.trace.group_kind(name), population=job.trace.group_population(name))
        for train in _trains(job, neo, name, by_sample=by_sample):
            block.segments[train.annotations.get("sample", 0)].spiketrains.append(train)
            group.spiketrains.append(train)
        block.groups.append(group)
    return block


def _segments(job: Job, neo: Any) -> list[Any]:
    samples = job.trace.samples
    return [neo.Segment(name=f"sample {sample}", index=sample, label=int(samples.label[sample]),
                        prediction=int(samples.prediction[sample])) for sample in range(job.n_samples)]


def _whole(job: Job, neo: Any) -> Any:
    segment, samples = neo.Segment(name="run", index=0), job.trace.samples
    starts = samples.start_time_ps[:job.n_samples]
    segment.epochs.append(neo.Epoch(
        times=starts / layout.PS_PER_MS, durations=(job.sample_ends_ps - starts) / layout.PS_PER_MS, units="ms",
        labels=[f"sample {sample}" for sample in range(job.n_samples)], name="samples",
        array_annotations={"label": samples.label[:job.n_samples], "prediction": samples.prediction[:job.n_samples]}))
    return segment


def _trains(job: Job, neo: Any, group: str, *, by_sample: bool) -> list[Any]:
    """Return the trains of a group in order of neurons, then samples."""
    starts = job.trace.samples.start_time_ps[:job.n_samples] if by_sample else np.zeros(1, np.int64)
    ends = job.sample_ends_ps if by_sample else np.array([job.duration_ps])
    graded = job.trace.group_kind(group) != "spike"
    words = {"population": job.trace.group_population(group), "output": job.output(group),
             "kind": job.trace.group_kind(group)}
    trains = []
    for part in job.by_neuron(group):
        bounds = np.concatenate([[0], np.cumsum(part.counts)])
        for index in range(len(part.counts)):
            times, owners, values = (column[bounds[index]:bounds[index + 1]]
                                     for column in (part.time_ps, part.sample, part.value))
            cuts = np.searchsorted(owners, np.arange(len(starts) + 1)) if by_sample else np.array([0, len(times)])
            for sample, (start, stop) in enumerate(zip(starts, ends, strict=True)):
                rows = slice(cuts[sample], cuts[sample + 1])
                extra = {"array_annotations": {"value": values[rows]}} if graded else {}
                named = {**words, "neuron": part.first_neuron + index, **({"sample": sample} if by_sample else {})}
                trains.append(neo.SpikeTrain((times[rows] - start) / layout.PS_PER_MS, units="ms",
                                             t_stop=(stop - start) / layout.PS_PER_MS, **extra, **named))
    return trains
