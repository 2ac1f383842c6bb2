"""The parts of W7, each started by `w7_scale.py` in a process of its own; the last line printed is JSON."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scale_curves import curves
from scale_networks import language_model, local_network

import neurosim
from hw_models.load import load_chip
from neurosim import engine
from neurosim.calibrate import quantized
from neurosim.engine import RunOptions
from neurosim.mapping import MappingOptions, map_network
from neurosim.traces.recorder import MemoryRecorder
from neurosim.traces.store import TraceWriter

Row = dict[str, Any]


def million() -> list[Row]:
    """Build, map and run a million neurons with 200 synapses each, function alone."""
    clock = Clock()
    network = local_network(1_000_000, 200, 2000)
    clock("built")
    machine = map_network(network, load_chip("loihi2", ["grid.columns=8", "grid.rows=8"]))
    clock("mapped")
    del network
    inputs = np.random.default_rng(0).random((1, 20, 1_000_000), np.float32) < 0.01
    recorder = MemoryRecorder()
    options = RunOptions(numbers="float32", detail="functional", workers=1, record_spikes=False)
    engine.run(machine, inputs.astype(np.int8), options, recorder)
    clock("20 steps, kernels loaded or compiled")
    name = "1 M neurons, 200 M synapses"
    events = float(recorder.results[0].core_counts[:, :, _event("dendrite")].sum(dtype=np.int64))
    return [{"name": f"{name}: {what}", "value": cpu, "unit": "CPU s"} for what, cpu in clock.laps.items()] + [
        {"name": f"{name}: synaptic events of the run", "value": events, "unit": "events"},
        {"name": f"{name}: most memory", "value": peak_gb(), "unit": "GB", "at_most": 8.0,
         "note": f"{machine.n_cores} cores on {machine.n_chips} chips"}]


def language() -> list[Row]:
    """Map the SpikingSSM language-model shape onto several chips, stream tokens through it, and price it."""
    clock, name = Clock(), "language model, 35.8 M parameters"
    network, chip = language_model(), load_chip("loihi2")
    inputs = np.random.default_rng(1).normal(size=(1, 200, 1024))
    network = quantized(network, chip, inputs[:, :8])
    clock("built and quantised to int8")
    machine = map_network(network, chip, MappingOptions(ssm="fused"))
    clock("mapped")
    stream = RunOptions(numbers="fixed", detail="functional", workers=1)
    engine.run(machine, inputs[:, :1], stream, MemoryRecorder())        # loads the kernels
    clock("first token")
    rates = []
    for _ in range(3):
        started = time.process_time()
        engine.run(machine, inputs, stream, MemoryRecorder())
        rates.append(inputs.shape[1] / (time.process_time() - started))
    priced = neurosim.run(network, chip, inputs[:, :100], detail="event", numbers="fixed", workers=1,
                          overrides=["mapping.ssm=fused"]).summary.to_json()
    energy, steps = priced["energy_j"], priced["latency_s"]
    per_token = {key: energy[key] / 100 for key in ("total", "low", "high")}
    return [{"name": f"{name}: {what}", "value": cpu, "unit": "CPU s"} for what, cpu in clock.laps.items()] + [
        {"name": f"{name}: streamed, function alone, int8 weights", "value": max(rates), "unit": "tokens/s",
         "at_least": 100.0, "note": "of CPU time"},
        {"name": f"{name}: cores of loihi2", "value": machine.n_cores, "unit": "cores"},
        {"name": f"{name}: chips", "value": machine.n_chips, "unit": "chips"},
        {"name": f"{name}: energy of a token, event detail", "value": per_token["total"] * 1e6, "unit": "µJ",
         "note": f"{per_token['low'] * 1e6:.0f} to {per_token['high'] * 1e6:.0f}"},
        {"name": f"{name}: time of a token, event detail", "value": steps["per_token"]["mean"] * 1e6, "unit": "µs"},
        {"name": f"{name}: most memory", "value": peak_gb(), "unit": "GB"}]


def trace() -> list[Row]:
    """Run a billion synaptic events and 10**8 packets at event detail into a file; memory after a tenth and at the end.

    Memory is bounded by a sample: each is written when it is done.
    """
    chip = load_chip("loihi2", ["core.max_neurons=96"])
    machine = map_network(local_network(8192, 100, 800, strength=1e-6), chip)
    random, n_tokens = np.random.default_rng(0), 64
    options = RunOptions(numbers="float32", workers=1)
    memory, totals = [], np.zeros(2)
    n_samples, rate = 240, 0.09
    inputs = random.random((n_samples, n_tokens, 8192), np.float32) < rate
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        with TraceWriter(path, engine.header(machine, options, n_samples, {})) as writer:
            counter = _Counter(writer, totals, memory)
            engine.run(machine, inputs.astype(np.int8), options, counter)
        size_gb = path.stat().st_size / 1e9
    name = "long run into a file"
    return [{"name": f"{name}: synaptic events", "value": totals[0], "unit": "events", "at_least": 1e9},
            {"name": f"{name}: packets", "value": totals[1], "unit": "packets", "at_least": 1e8},
            {"name": f"{name}: most memory at its end over that after a tenth", "at_most": 1.05,
             "value": memory[-1] / memory[n_samples // 10], "unit": "ratio", "note": f"{memory[-1]:.2f} GB"},
            {"name": f"{name}: the file", "value": size_gb, "unit": "GB"}]


class _Counter:
    """Hands samples on, and notes what they counted and how much memory there was."""

    def __init__(self, writer: TraceWriter, totals: np.ndarray, memory: list[float]) -> None:
        self.writer, self.totals, self.memory = writer, totals, memory

    def write(self, result: Any) -> None:
        """Hand one sample on."""
        self.writer.write(result)
        counts = result.core_counts.sum(axis=(0, 1), dtype=np.int64)
        self.totals += counts[_event("dendrite")], counts[_event("packet_in")]
        self.memory.append(peak_gb())


class Clock:
    """CPU seconds between calls."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.process_time()

    def __call__(self, what: str) -> None:
        now = time.process_time()
        self.laps[what], self._since = now - self._since, now


def peak_gb() -> float:
    """Return the most memory that this process has had, in GB (1e9 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _event(name: str) -> int:
    from neurosim.events import CORE_EVENT_INDEX

    return CORE_EVENT_INDEX[name]


def main() -> None:
    """Run the part that the command line names."""
    parts: dict[str, Callable[[], list[Row]]] = {
        "million": million, "language": language, "trace": trace,
        "curves": lambda: curves(int(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3] else None)}
    print(json.dumps(parts[sys.argv[1]]()))


if __name__ == "__main__":
    main()
