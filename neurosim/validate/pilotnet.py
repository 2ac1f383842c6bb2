"""PilotNet on Loihi 2 as lava-dl's benchmark ran it: silent input, resets, and the partition of the log.

In that run the camera's image never reached the chip: the input layer sends nothing, and biases drive the network. Its
layers are emptied every 16 steps, each one step after the one before it (Lava: at steps with step % 16 == 3 + layer,
counted from 1), and what travels meanwhile arrives all the same. The log decides: with resets of all layers in one step
a conv3 core does 149.6 k synaptic operations per step instead of 150.7 k, and without resets the cycle of steps runs
through the same four numbers in another order.

Source: lava-nc/lava-dl, tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb, outputs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.schema import Chip
from importers.netx import import_netx
from neurosim.events import CORE_EVENT_INDEX
from neurosim.graph import Network, Population
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions, map_network
from neurosim.traces.schema import SampleResult
from neurosim.validate.runs import one_sample

FILE = "netx/pilotnet_lif/network.net"
STEPS_PER_FRAME, FIRST_RESET = 16, 3
# The first frames show how the run begins; the sums are over the rest.
N_FRAMES, N_SKIPPED = 5, 2
SYNAPSES = ("synapse_dense", "synapse_sparse", "synapse_conv")
# Neurons of each core, cut along x, as the log's table has them; dense layers: cores alone.
PARTITION: dict[str, int | list[int]] = {
    "layer0": [3168] * 12 + [1584], "layer1": [3072] * 24 + [2304], "layer2": [2160] * 12 + [540],
    "layer3": [2688] * 3, "layer4": [2048, 2048, 1536], "layer5": [2048, 512], "layer7": 12, "layer8": 1,
    "layer9": 1, "layer10": 1}
CONV1, CONV2, CONV3 = "layer1", "layer2", "layer3"


class Run(NamedTuple):
    """operations : int64[step, core] synaptic operations, of the frames that count"""

    machine: Machine
    result: SampleResult
    operations: NDArray[np.int64]

    def of_full_core(self, layer: str) -> NDArray[np.int64]:
        """Return int64[step], the operations of the first core that holds as much of `layer` as any."""
        slices, number = self.machine.slices, self.machine.population_names.index(layer)
        own = np.flatnonzero(slices.population == number)
        largest = own[np.argmax(slices.stop[own] - slices.start[own])]
        return np.asarray(self.operations[:, int(slices.core[largest])])

    def mean_step_us(self) -> float:
        """Return the mean duration of a step, of the frames that count."""
        durations = np.diff(self.result.step_end_ps)[-len(self.operations):]
        return float(durations.mean()) * 1e-6


def silent_network(path: Path) -> Network:
    """Return the network with one step per layer and Lava's resets: token t is what Lava does in step t + 1."""
    network = import_netx(path, inputs="integers", layer_latency=1).network
    return replace(network, populations=tuple(_with_reset(item) for item in network.populations))


def run_silent(network: Network, chip: Chip, detail: str) -> Run:
    """Return the run of silent frames on the log's cores."""
    machine = map_network(network, chip, MappingOptions(cores=PARTITION, placement="naive"))
    result = one_sample(machine, np.zeros((N_FRAMES * STEPS_PER_FRAME, machine.n_inputs)), detail, "fixed")
    counted = (N_FRAMES - N_SKIPPED) * STEPS_PER_FRAME
    columns = [CORE_EVENT_INDEX[name] for name in SYNAPSES]
    return Run(machine, result, result.core_counts[-counted:, :, columns].sum(axis=2, dtype=np.int64))


def _with_reset(population: Population) -> Population:
    if population.model == "input":
        return population
    layer = int(population.name.removeprefix("layer"))
    offset = (FIRST_RESET - 1 + layer) % STEPS_PER_FRAME
    return replace(population, reset_period=STEPS_PER_FRAME, reset_offset=offset)
