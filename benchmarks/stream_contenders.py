"""Who takes part in workload W3: neurosim, loops by hand, PyTorch; each tells the spikes of the last layer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peer_environments import python_of
from peer_process import PeerProcess
from stream_loops import plain_loop, tuned_loop
from stream_network import LEAK, StreamNetwork

import neurosim
from neurosim.engine.compiled import Worker, prepare
from neurosim.engine.contract import RunOptions
from neurosim.machine import Machine

CHIP = "loihi2"
Spikes = NDArray[np.bool_]          # [step, channel] of the last layer


class Streamed:
    """neurosim at detail `functional` on a chip, a soma per channel: CPU time of a worker's run, counts included."""

    def __init__(self, name: str, network: StreamNetwork, inputs: NDArray[Any], numbers: str) -> None:
        self.name = name
        self._machine = machine_of(network, numbers)
        self._numbers = numbers
        self._worker = Worker(prepare(self._machine, self._options(keeps=False)))
        self._inputs = np.asarray(inputs, np.float64)

    def _options(self, *, keeps: bool) -> RunOptions:
        return RunOptions(detail="functional", numbers=self._numbers, workers=1, record_spikes=keeps)

    def run(self) -> tuple[float, int]:
        """Run all steps; return (CPU seconds, spikes of the last layer)."""
        started = time.process_time()
        result = self._worker.run(0, self._inputs)
        return time.process_time() - started, int(result.readout.sum())

    def spikes(self) -> Spikes:
        """Run once more and keep the spikes."""
        machine = self._machine
        result = Worker(prepare(machine, self._options(keeps=True))).run(0, self._inputs)
        last = machine.readouts[0]
        table = result.spikes
        of_last = table.output == machine.populations.first_output[last]
        found = np.zeros((len(self._inputs), int(machine.populations.size[last])), bool)
        found[table.step[of_last] - int(machine.populations.stage[last]), table.neuron[of_last]] = True
        return found

    def close(self) -> None:
        """Hold nothing."""


class Loop:
    """A loop written by hand: CPU time of the call."""

    def __init__(self, name: str, network: StreamNetwork, *, tuned: bool = False) -> None:
        self.name = name
        self._network, self._loop = network, tuned_loop if tuned else plain_loop
        parts = [part for values in (network.a, network.c) for part in (values.real, values.imag)]
        self._tables = [np.ascontiguousarray(part.swapaxes(1, 2)) for part in parts]
        self._spikes = np.zeros(network.inputs.shape, bool)

    def run(self) -> tuple[float, int]:
        """Run all steps from the start; return (CPU seconds, spikes of the last layer)."""
        network, shape = self._network, self._tables[0].shape
        state = (np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros((shape[0], shape[2]), np.float32))
        started = time.process_time()
        self._loop(*self._tables, network.mixing, network.threshold, np.float32(LEAK), network.inputs, *state,
                   self._spikes)
        return time.process_time() - started, int(self._spikes.sum())

    def spikes(self) -> Spikes:
        """Return those of the last run."""
        return self._spikes

    def close(self) -> None:
        """Hold nothing."""


class Peer:
    """PyTorch in its own process: CPU time of its steps, as it takes it there."""

    def __init__(self, name: str, script: str, arrays: Path, n_steps: int) -> None:
        self.name = name
        self._kept = arrays.with_name(f"{script}.npy")
        self._process = PeerProcess(python_of("torch"), f"peers/{script}", arrays, n_steps, self._kept)
        self.version = str(self._process.ready["version"])

    def run(self) -> tuple[float, int]:
        """Run all steps; return (CPU seconds, spikes of the last layer)."""
        answer = self._process.run()
        return float(answer["cpu_s"]), int(answer["spikes"])

    def spikes(self) -> Spikes:
        """Return those of the last run."""
        return np.asarray(np.load(self._kept, allow_pickle=False), bool)

    def close(self) -> None:
        """End the process."""
        self._process.close()


def machine_of(network: StreamNetwork, numbers: str) -> Machine:
    """Return the network on the chip; in fixed point with formats chosen from its own inputs."""
    found = network.network
    if numbers == "fixed":
        found = neurosim.quantize(found, CHIP, network.inputs[None].astype(np.float64),
                                  overrides=["mapping.ssm=fused"]).network
    return neurosim.map_network(found, CHIP, placement="linear", ssm="fused")
