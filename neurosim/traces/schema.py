"""What happened: the arrow from the engines to traces and reports. Data types only.

Times are int64 picoseconds from the start of the sample (every sample starts in an empty machine at step 0).
Counts are exact integers. `core` is a used core of the machine, ports last. What stands for a step on a free-running
chip: see `engine.free_rules`, rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1

Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class SpikeTable:
    """Recorded outputs of somata, in order of (step, population, neuron, output).

    step : int32[spike]      machine time step
    output : int32[spike]    index among all outputs of the machine (population and output name follow from it)
    neuron : int64[spike]    neuron within its population
    value : float64[spike]   1 for binary spikes, ±1 for ternary ones, the value of graded ones
    time_ps : int64[spike]   when the soma fired: within its step by the soma phase of its core (detail `functional`:
                             start of the nominal step)
    """

    step: Int32Array
    output: Int32Array
    neuron: Int64Array
    value: Float64Array
    time_ps: Int64Array


@dataclass(frozen=True)
class PacketTable:
    """Recorded packets, one row per packet and destination, in order of (step, packet id, destination).

    packet : int64           packet id within its step
    source_row : int64       output row that sent it
    core : int64             destination core
    inject_ps, arrival_ps : int64; arrival = the tail has left the ejection link
    """

    step: Int32Array
    packet: Int64Array
    source_row: Int64Array
    core: Int64Array
    inject_ps: Int64Array
    arrival_ps: Int64Array


@dataclass(frozen=True)
class StepLoads:
    """What the time steps of a sample had to do, besides what each core did. Details `analytic` and `event`.

    work_ps : int64[step]   from the start of the step until its work was done, barrier included; where a clock begins
                            the steps, the rest of the step is waiting
    link_ps : int64[step]   how long the busiest link was occupied
    link : int64[step]      which it was (machine.Noc numbering), the first of equals; -1 where no packet travelled
    """

    work_ps: Int64Array
    link_ps: Int64Array
    link: Int64Array


@dataclass(frozen=True)
class LinkLoads:
    """How long each link was occupied in each block of time steps of a sample. Details `analytic` and `event`.

    block_steps : time steps of a block; the last block of a sample may have fewer
    start : int64[block + 1]     rows of each block
    link : int32[row]            links that were occupied, ascending (machine.Noc numbering)
    busy_ps : int64[row]         for how long, above 0
    """

    block_steps: int
    start: Int64Array
    link: Int32Array
    busy_ps: Int64Array


@dataclass(frozen=True)
class SampleResult:
    """One sample, from an empty machine to its last step.

    readout : float64[readout neuron]         values at the last token, read-out populations concatenated; those that
                                              rest at it keep what they last said, 0 before their first token
    readout_tokens : float64[token, readout neuron] or None
    step_end_ps : int64[step]                 end of each step, barrier included; strictly ascending. On a free-running
                                              chip a step is what lies between two tokens: never descending
    core_counts : int32[step, core, N_CORE_EVENTS]
    chip_counts : int64[step, N_CHIP_EVENTS]
    soma_ps, synapse_ps : int64[step, core]   time spent in each phase (0 at detail `functional`)
    network_ps : int64[step]                  last arrival of the step (0 at detail `functional`)
    link_packets : int64[link]                packets over each link (machine.Noc numbering)
    link_busy_ps : int64[link]                time each link was occupied
    queue_peak : int64[core]                  longest injection queue (packets; event detail)
    overflows : int64[step, population]       values that did not fit their format, inputs included; None in
                                              floating-point runs
    loads, link_loads : None where the engine did not keep them
    """

    sample: int
    n_tokens: int
    readout: Float64Array
    readout_tokens: Float64Array | None
    step_end_ps: Int64Array
    core_counts: Int32Array
    chip_counts: Int64Array
    soma_ps: Int64Array
    synapse_ps: Int64Array
    network_ps: Int64Array
    link_packets: Int64Array
    link_busy_ps: Int64Array
    queue_peak: Int64Array
    spikes: SpikeTable
    packets: PacketTable | None = None
    overflows: Int64Array | None = None
    loads: StepLoads | None = None
    link_loads: LinkLoads | None = None

    @property
    def n_steps(self) -> int:
        """Time steps of the sample."""
        return len(self.step_end_ps)

    @property
    def duration_ps(self) -> int:
        """From the injection of token 0 to the end of the last step."""
        return int(self.step_end_ps[-1])


@dataclass(frozen=True)
class RunHeader:
    """What a trace must know before the first sample.

    provenance : strings: resolved network, chip (JSON), mapping, numbers, detail, engine, seed, versions, command
    population_names, population_sizes : inputs included
    output_names : such as "layer_1/spike"; output_population, output_kind (0 spike, 1 ternary, 2 graded)
    readout_populations : names, in the order of SampleResult.readout
    core_physical, core_tile, core_is_port : int64[core]
    columns, rows, cores_per_tile : of the network-on-chip, all chips in use together
    chip_columns, chip_rows : tiles of one chip; 0: there is one alone
    core_slices : per core, "population[start:stop]" texts
    utilisation : per used core (no ports), resource -> (used, limit)
    """

    provenance: Mapping[str, str]
    population_names: tuple[str, ...]
    population_sizes: tuple[int, ...]
    output_names: tuple[str, ...]
    output_population: tuple[int, ...]
    output_kind: tuple[int, ...]
    readout_populations: tuple[str, ...]
    core_physical: Int64Array
    core_tile: Int64Array
    core_is_port: Int64Array
    columns: int
    rows: int
    cores_per_tile: int
    core_slices: tuple[tuple[str, ...], ...]
    utilisation: tuple[Mapping[str, tuple[int, int]], ...]
    n_samples: int
    schedule: str
    interval: int
    depth: int
    detail: str
    numbers: str
    engine: str
    chip_columns: int = 0
    chip_rows: int = 0

    @property
    def n_chips(self) -> int:
        """Chips in use."""
        return self.columns // (self.chip_columns or self.columns) * (self.rows // (self.chip_rows or self.rows))


class Recorder(Protocol):
    """Receives samples in ascending order while a run goes on. Recording never alters a run."""

    def write(self, result: SampleResult) -> None:
        """Keep one sample."""
