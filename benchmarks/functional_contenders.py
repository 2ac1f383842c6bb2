"""Who takes part in workloads W1 and W2: loops by hand, neurosim, peers; and the comparison of their spikes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from functional_loops import plain_loop, tuned_loop
from harness import Figure
from numpy.typing import NDArray
from peer_environments import python_of
from peer_process import PeerProcess
from random_network import LEAK, THRESHOLD, RandomNetwork

import neurosim
from neurosim.engine.compiled import Worker, prepare
from neurosim.engine.contract import RunOptions
from neurosim.events import CORE_EVENT_INDEX
from neurosim.graph import Network, Population, Projection, SparseWeights

CHIP = "loihi2"
MOST_DIFFERENT = 0.01       # of the spikes of a peer, whose sums are rounded in another order


class Contender(Protocol):
    """Simulates the network once, from its first step."""

    name: str

    def run(self) -> tuple[float, int]:
        """Return (CPU seconds of the steps, spikes)."""

    def close(self) -> None:
        """Free what it holds."""


class Loop:
    """A loop written by hand: CPU time of the call."""

    def __init__(self, name: str, network: RandomNetwork, n_steps: int, *, tuned: bool = False) -> None:
        self.name = name
        self._network, self._n_steps, self._tuned = network, n_steps, tuned
        narrow = np.uint16 if network.n_neurons <= 2**16 else np.uint32
        self._targets: NDArray[Any] = network.targets.astype(narrow if tuned else np.int32)
        self.counts = np.zeros(n_steps, np.int64)

    def run(self) -> tuple[float, int]:
        """Run all steps."""
        network, n_neurons = self._network, self._network.n_neurons
        potential, charge = np.zeros(n_neurons, np.float32), np.zeros(n_neurons, np.float32)
        # Room for eight more: what is kept is written first and counted afterwards.
        scratch = [np.zeros(n_neurons + 8, np.int64), np.zeros(n_neurons + 8, np.uint8)][:1 + self._tuned]
        loop = tuned_loop if self._tuned else plain_loop
        started = time.process_time()
        loop(network.row_pointer, self._targets, network.weights, network.bias, np.float32(LEAK),
             np.float32(THRESHOLD), self._n_steps, potential, charge, *scratch, self.counts)
        return time.process_time() - started, int(self.counts.sum())

    def close(self) -> None:
        """Hold nothing."""


class Machine:
    """neurosim at detail `functional` on a chip: CPU time of a worker's run, counts of every core and step included."""

    def __init__(self, name: str, network: RandomNetwork, n_steps: int, numbers: str, *, keeps: bool = False) -> None:
        self.name = name
        machine = neurosim.map_network(network_of(network), CHIP, placement="linear")
        options = RunOptions(detail="functional", numbers=numbers, workers=1, record_spikes=keeps)
        self._worker = Worker(prepare(machine, options))
        self._inputs = np.zeros((n_steps, 1))
        self.counts = np.zeros(n_steps, np.int64)

    def run(self) -> tuple[float, int]:
        """Run all steps."""
        started = time.process_time()
        result = self._worker.run(0, self._inputs)
        cpu_s = time.process_time() - started
        self.counts = result.core_counts[:, :, CORE_EVENT_INDEX["spike_out"]].sum(axis=1)
        return cpu_s, int(self.counts.sum())

    def close(self) -> None:
        """Hold nothing."""


class Peer:
    """Another simulator, in its own process: CPU time of its steps, as it takes it there."""

    def __init__(self, name: str, where: str, script: str, arrays: Path, n_steps: int) -> None:
        self.name = name
        self._process = PeerProcess(python_of(where), f"peers/{script}", arrays, n_steps)
        self.version = str(self._process.ready["version"])

    def run(self) -> tuple[float, int]:
        """Run all steps."""
        answer = self._process.run()
        return float(answer["cpu_s"]), int(answer["spikes"])

    def close(self) -> None:
        """End the process."""
        self._process.close()


def network_of(network: RandomNetwork) -> Network:
    """Return the network as neurosim knows it; its one input is silent."""
    neurons = Population("neurons", "lif", network.n_neurons,
                         parameters={"leak": LEAK, "threshold": THRESHOLD, "bias": network.bias.astype(np.float64)})
    weights = SparseWeights(network.row_pointer, network.targets.astype(np.int64), network.weights.astype(np.float64),
                            network.n_neurons)
    return Network("random", (Population("silence", "input", 1), neurons),
                   (Projection("neurons", "neurons", weights, delay_steps=1),))


def check_spikes(contenders: list[Contender]) -> dict[str, Any]:
    """Run all once and compare spikes; return a note for each, and under `spikes` how many there are.

    neurosim in float32 must fire as often as the loops in every step; others differ in the order of rounding, and so,
    once in a while, in a spike that leads to others.
    """
    totals = {contender.name: contender.run()[1] for contender in contenders}
    loops = [contender for contender in contenders if isinstance(contender, Loop)]
    for contender in contenders:
        if isinstance(contender, Machine) and "float32" in contender.name:
            for loop in loops:
                if not np.array_equal(contender.counts, loop.counts):
                    step = np.flatnonzero(contender.counts != loop.counts)[0]
                    sys.exit(f"{contender.name} and {loop.name} differ in step {step}: {contender.counts[step]} and "
                             f"{loop.counts[step]} spikes")
    expected = totals[loops[0].name]
    notes: dict[str, Any] = {"spikes": expected}
    for contender in contenders:
        total = totals[contender.name]
        if abs(total - expected) > MOST_DIFFERENT * expected:
            sys.exit(f"{contender.name} fired {total} times, the loop by hand {expected} times")
        same = "same spikes in every step" if isinstance(contender, Machine) and "float32" in contender.name else \
            f"{total} spikes"
        notes[contender.name] = f"{contender.version}: {same}" if isinstance(contender, Peer) else same
    return notes


def whole_call(workload: str, network: RandomNetwork, n_steps: int) -> Figure:
    """Return the CPU time of `neurosim.run` from network to summary: mapping, run, trace with all spikes, report."""
    given = network_of(network)
    started = time.process_time()
    neurosim.run(given, CHIP, np.zeros((1, n_steps, 1)), detail="functional", numbers="float32", workers=1,
                 overrides=["mapping.placement=linear"])
    return Figure(workload, "neurosim.run, whole call", time.process_time() - started, "CPU s",
                  note="mapping, run, trace file, report")
