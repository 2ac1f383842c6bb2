"""One simulator's part of `w5_sanafe.py`, in a process of its own: neurosim on the Loihi fit, packets and all.

    python benchmarks/w5_run.py NETWORK.npz N_STEPS

Says when it is ready, then simulates from an empty machine for every line of stdin.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurosim.engine import RunOptions, run
from neurosim.engine.compiled import Worker, prepare
from neurosim.machine import Machine
from neurosim.traces.recorder import MemoryRecorder
from neurosim.traces.schema import SampleResult
from neurosim.validate.sanafe import Net, architecture, counts_of, machine_of


def net_of(path: Path) -> Net:
    """Return the network of a file."""
    none = np.zeros(0, np.int64)
    with np.load(path, allow_pickle=False) as file:
        return Net(file["pre"].astype(np.int64), file["post"].astype(np.int64), file["weight"].astype(np.float64),
                   file["threshold"].astype(np.float64), float(file["leak"]), file["raster"], none, none)


def step_loop(machine: Machine, options: RunOptions, tokens: NDArray[np.float64]) -> tuple[float, SampleResult]:
    """Return the CPU seconds of the time steps alone, and their result."""
    worker = Worker(prepare(machine, options))
    worker.run(0, tokens[:2])                   # kernels are in memory from here on
    started = time.process_time()
    result = worker.run(0, tokens)
    return time.process_time() - started, result


def main() -> None:
    """Build, then simulate whenever asked: the step loop, then a whole call with the same steps."""
    net, n_steps = net_of(Path(sys.argv[1])), int(sys.argv[2])
    net = net._replace(raster=net.raster[:n_steps])
    started = time.process_time()
    chip = architecture()
    machine = machine_of(net, chip)
    options = RunOptions(detail="event", numbers="fixed", workers=1)
    tokens = np.asarray(net.raster, np.float64)
    none = np.zeros(0)
    net = net._replace(pre=none, post=none, weight=none)        # the machine has them now
    print(json.dumps({"build_s": time.process_time() - started}), flush=True)
    for _ in sys.stdin:
        cpu_s, result = step_loop(machine, options, tokens)
        started = time.process_time()
        run(machine, tokens[None], options, MemoryRecorder())
        call_s = time.process_time() - started
        counts = counts_of(net, result.core_counts, result.chip_counts, chip)
        print(json.dumps({
            "cpu_s": cpu_s, "call_s": call_s, "fired": int(counts.fired.sum()), "synapses": int(counts.synapses.sum()),
            "messages": int(counts.messages.sum()), "hops": int(counts.hops.sum()),
            "energy_j": float(counts.total_j.sum()), "time_s": int(result.step_end_ps[-1]) * 1e-12,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)


if __name__ == "__main__":
    main()
