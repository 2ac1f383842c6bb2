"""Where the neurons of each population stand in the raster of the page."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.traces.trace import Trace

MOST_ROWS = 160                         # of the raster where it is aggregated, unless there are more populations
FEWEST_ROWS = 4                         # of a population that has as many neurons


class Band(NamedTuple):
    """The rows of one population: `n_rows` of them from `bottom` upwards, neuron 0 below.

    groups : of spikes in the trace; first_id: number of its neuron 0 among the neurons of all bands
    """

    population: str
    size: int
    groups: tuple[str, ...]
    bottom: int
    n_rows: int
    first_id: int

    def rows_of(self, neuron: NDArray[Any]) -> NDArray[Any]:
        """Return the row of each neuron."""
        return self.bottom + neuron * self.n_rows // self.size

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"name": self.population, "size": self.size, "bottom": self.bottom, "rows": self.n_rows,
                "first": self.first_id}


def bands_of(trace: Trace) -> tuple[Band, ...]:
    """Return a band for each population that has recorded outputs, the first at the bottom."""
    found = [(name, size, groups) for name, size in zip(trace.header.population_names, trace.header.population_sizes,
                                                        strict=True)
             if (groups := tuple(group for group in trace.spike_groups if trace.group_population(group) == name
                                 and trace.n_spikes(group)))]
    roots = [math.sqrt(size) for _, size, _ in found]
    bands, bottom, first = [], 0, 0
    for (name, size, groups), root in zip(found, roots, strict=True):
        n_rows = min(size, max(FEWEST_ROWS, int(MOST_ROWS * root / sum(roots))))
        bands.append(Band(name, size, groups, bottom, n_rows, first))
        bottom, first = bottom + n_rows, first + size
    return tuple(bands)


def n_rows(bands: tuple[Band, ...]) -> int:
    """Return the rows of all bands together."""
    return bands[-1].bottom + bands[-1].n_rows if bands else 0


def steps_of_samples(trace: Trace) -> NDArray[np.int64]:
    """Return how many samples have a step of each number, int64[step within the sample]."""
    longest = int(trace.samples.n_steps.max(initial=0))
    ended = np.bincount(trace.samples.n_steps, minlength=longest + 1)
    return trace.n_samples - np.cumsum(ended)[:longest]
