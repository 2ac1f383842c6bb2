"""A trace with as many spikes as one likes, in samples of 100 000: for what memory and time depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurosim.events import CHIP_EVENTS, CORE_EVENTS
from neurosim.traces.schema import RunHeader, SampleResult, SpikeTable
from neurosim.traces.store import TraceWriter

SIZES = {"input": 500, "layer_1": 1500}
N_STEPS, STEP_PS, SPIKES_PER_SAMPLE = 200, 1_000_000, 100_000


def write_big_trace(path: Path, n_spikes: int) -> None:
    """Write samples until there are `n_spikes`."""
    n_samples = n_spikes // SPIKES_PER_SAMPLE
    with TraceWriter(path, _header(n_samples)) as writer:
        for sample in range(n_samples):
            writer.write(_sample(sample))


def _header(n_samples: int) -> RunHeader:
    names = tuple(SIZES)
    return RunHeader(
        provenance={"network": "big", "chip": "{}", "chip_name": "none"}, population_names=names,
        population_sizes=tuple(SIZES.values()), output_names=names, output_population=(0, 1), output_kind=(0, 1),
        readout_populations=(), core_physical=np.array([0, -1]), core_tile=np.zeros(2, np.int64),
        core_is_port=np.array([0, 1]), columns=1, rows=1, cores_per_tile=1,
        core_slices=(("layer_1[0:1500]",), ("input[0:500]",)), utilisation=({},), n_samples=n_samples,
        schedule="pipelined", interval=1, depth=1, detail="event", numbers="float64", engine="compiled")


def _sample(sample: int) -> SampleResult:
    random = np.random.default_rng(sample)
    cells = np.sort(random.choice(N_STEPS * sum(SIZES.values()), SPIKES_PER_SAMPLE, replace=False))
    step, cell = np.divmod(cells, sum(SIZES.values()))
    output = (cell >= SIZES["input"]).astype(np.int32)
    neuron = cell - output * SIZES["input"]
    spikes = SpikeTable(step.astype(np.int32), output, neuron, np.where(cell % 2, 1.0, -1.0),
                        step * STEP_PS + random.integers(0, STEP_PS, len(step)))
    none = np.zeros((N_STEPS, 2), np.int64)
    return SampleResult(
        sample=sample, n_tokens=N_STEPS, readout=np.zeros(0), readout_tokens=None,
        step_end_ps=np.arange(1, N_STEPS + 1) * STEP_PS, core_counts=np.zeros((N_STEPS, 2, len(CORE_EVENTS)), np.int32),
        chip_counts=np.zeros((N_STEPS, len(CHIP_EVENTS)), np.int64), soma_ps=none, synapse_ps=none,
        network_ps=np.zeros(N_STEPS, np.int64), link_packets=np.zeros(6, np.int64), link_busy_ps=np.zeros(6, np.int64),
        queue_peak=np.zeros(2, np.int64), spikes=spikes)
