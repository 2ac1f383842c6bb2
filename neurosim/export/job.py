"""What an exporter is given: the spikes of a trace in blocks of bounded size, and what else a file should say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from neurosim.errors import OptionError, TraceError, check_choice
from neurosim.export.places import port_populations
from neurosim.export.whole_steps import take, whole_steps
from neurosim.traces.schema import Float64Array, Int64Array
from neurosim.traces.trace import Spikes, Trace

BLOCK_ROWS = 2**19              # read at once: 20 MiB
MAX_NEURONS = 10**8
NEURON_ROWS = 2**21             # held at once where spikes are put in order of neurons: about 100 MiB


class NeuronSpikes(NamedTuple):
    """The spikes of neighbouring neurons, neuron by neuron, each in order of time.

    first_neuron : of the population
    counts : int64[neuron]
    time_ps : int64[spike] from the start of the run
    sample : int64[spike]
    value : float64[spike]
    """

    first_neuron: int
    counts: Int64Array
    time_ps: Int64Array
    sample: Int64Array
    value: Float64Array


@dataclass(frozen=True)
class Job:
    """A trace, and which part of it is to be exported.

    groups : names under /spikes, one per output of the network
    n_samples : the first so many
    tell : called with the number of spikes just written
    notes : exporters add what the file does not hold, or holds in another way
    """

    trace: Trace
    groups: tuple[str, ...]
    n_samples: int
    tell: Callable[[int], None] = lambda n_spikes: None
    notes: list[str] = field(default_factory=list)

    @cached_property
    def n_spikes(self) -> int:
        """Spikes of all groups."""
        return sum(self.count(group) for group in self.groups)

    @cached_property
    def duration_ps(self) -> int:
        """Simulated time of the samples, laid end to end."""
        return int(self.sample_ends_ps[-1]) if self.n_samples else 0

    @cached_property
    def sample_ends_ps(self) -> Int64Array:
        """End of each sample, int64[sample], from the start of the run."""
        samples = self.trace.samples
        if self.n_samples == self.trace.n_samples:
            return np.append(samples.start_time_ps[1:], self.trace.duration_ps)
        return samples.start_time_ps[1:self.n_samples + 1]

    @cached_property
    def has_values(self) -> bool:
        """Whether any group holds more than binary spikes."""
        return any(self.trace.group_kind(group) != "spike" for group in self.groups)

    def count(self, group: str) -> int:
        """Return the spikes of a group."""
        return self.trace.n_spikes(group, 0, self.n_samples)

    def size(self, group: str) -> int:
        """Return the neurons of the population of a group."""
        header = self.trace.header
        return int(header.population_sizes[header.population_names.index(self.trace.group_population(group))])

    def output(self, group: str) -> str:
        """Return the name of the output that a group holds, such as `spike`."""
        header = self.trace.header
        name = header.output_names[self.trace.spike_groups.index(group)]
        return name.removeprefix(self.trace.group_population(group)).lstrip("/") or self.trace.group_kind(group)

    def facts(self) -> dict[str, Any]:
        """Return what a trace says of itself: network, chip, versions, command."""
        kept = {name: text for name, text in self.trace.provenance.items() if name != "chip"}
        header = self.trace.header
        return {**kept, "trace": self.trace.path.name, "samples": self.n_samples, "duration_ps": self.duration_ps,
                "detail": header.detail, "numbers": header.numbers, "engine": header.engine,
                "schedule": header.schedule}

    def facts_json(self) -> str:
        """Return the same as JSON."""
        return json.dumps(self.facts(), sort_keys=True)

    def blocks(self, group: str, *, tell: bool = True) -> Iterator[Spikes]:
        """Yield the spikes of a group in the order of the trace: samples, steps, neurons."""
        n_rows = self.count(group)
        for start in range(0, n_rows, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, n_rows)
            yield self.trace.spike_rows(group, start, stop)
            if tell:
                self.tell(stop - start)

    def by_time(self, group: str) -> Iterator[Spikes]:
        """Yield the spikes of a group, each block in order of time.

        Time steps follow each other, so that blocks do too where steps do not overlap; see `in_order`.
        """
        for block in whole_steps(self.blocks(group)):
            yield take(block, np.argsort(block.time_ps, kind="stable"))

    def by_neuron(self, group: str) -> Iterator[NeuronSpikes]:
        """Yield the spikes of a group neuron by neuron, silent ones included, a bounded number at a time.

        The group is read once for every `NEURON_ROWS` spikes; a neuron with more comes alone.
        """
        for start, stop in self._neuron_ranges(group):
            parts: list[list[Any]] = [[], [], [], []]
            for block in self.blocks(group, tell=False):
                kept = (block.neuron >= start) & (block.neuron < stop)
                for part, column in zip(parts, (block.neuron, block.time_ps, block.sample, block.value), strict=True):
                    part.append(column[kept])
            neuron, time_ps, sample, value = (np.concatenate(part) if part else np.zeros(0, np.int64)
                                              for part in parts)
            order = np.lexsort((time_ps, neuron))
            yield NeuronSpikes(start, np.bincount(neuron - start, minlength=stop - start).astype(np.int64),
                               time_ps[order], sample[order], value[order].astype(np.float64))
            self.tell(len(order))

    def _neuron_ranges(self, group: str) -> list[tuple[int, int]]:
        counts = self.neuron_counts(group)
        ranges, start, held = [], 0, 0
        for neuron, count in enumerate(counts.tolist()):
            if held and held + count > NEURON_ROWS:
                ranges.append((start, neuron))
                start, held = neuron, 0
            held += count
        return [*ranges, (start, len(counts))] if len(counts) else []

    def neuron_counts(self, group: str) -> Int64Array:
        """Return the spikes of every neuron of a group, int64[neuron]."""
        counts = np.zeros(self.size(group), np.int64)
        for block in self.blocks(group, tell=False):
            counts += np.bincount(block.neuron, minlength=len(counts))
        return counts


def make_job(trace: Trace, groups: Sequence[str] | None = None, samples: int | None = None,
             tell: Callable[[int], None] | None = None) -> Job:
    """Return the job of exporting `groups`, by default all that were recorded, of the first `samples`, by default all.

    Raises
    ------
    OptionError     no such group, or a number of samples that the trace does not have
    TraceError      no spikes were recorded, or more neurons than any chip has
    """
    for group in groups or ():
        check_choice("group", group, trace.spike_groups)
    if samples is not None and (isinstance(samples, bool) or not 1 <= samples <= trace.n_samples):
        raise OptionError(f"samples = {samples!r}", allowed=f"1 to {trace.n_samples}, the samples of {trace.path}")
    n_neurons = sum(trace.header.population_sizes)
    if n_neurons > MAX_NEURONS:
        raise TraceError(f"{trace.path}: /mapping/population_sizes claims {n_neurons} neurons",
                         allowed=f"up to {MAX_NEURONS}", mend="copy the trace again, or run again")
    chosen = tuple(dict.fromkeys(groups)) if groups else _recorded(trace)
    n_samples = trace.n_samples if samples is None else samples
    return Job(trace, chosen, n_samples) if tell is None else Job(trace, chosen, n_samples, tell)


def _recorded(trace: Trace) -> tuple[str, ...]:
    """Return the groups that were recorded: an empty one of others would look as if its neurons were silent."""
    graded, spikes = (trace.provenance.get(f"record_{kind}") for kind in ("graded", "spikes"))
    inputs = port_populations(trace.header)         # data already, which no run records

    def left_out(group: str) -> bool:
        wanted = graded == "True" if trace.group_kind(group) == "graded" else spikes != "False"
        return trace.n_spikes(group) == 0 and (not wanted or trace.group_population(group) in inputs)

    found = tuple(group for group in trace.spike_groups if not left_out(group))
    if not found:
        raise TraceError(f"{trace.path}: no spikes were recorded", allowed="a trace of a run that records spikes",
                         mend="run again with --record spikes, packets or all")
    return found


def in_order(blocks: Iterator[Spikes], seen: list[bool]) -> Iterator[Spikes]:
    """Pass on `blocks`, and at the end add to `seen` whether time never ran back between them."""
    last, sound = 0, True
    for block in blocks:
        sound &= not len(block.time_ps) or int(block.time_ps[0]) >= last
        last = int(block.time_ps[-1]) if len(block.time_ps) else last
        yield block
    seen.append(sound)
