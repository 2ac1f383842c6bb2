"""Compile the kernels ahead of the first run: `python -m neurosim.warm [float64] [float32] [fixed]`.

Numba compiles on first use and keeps the result on disk (`neurosim.kernel`), so the first run of an installation takes
longer than the others. Whoever packages or measures can pay that beforehand.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from neurosim.graph import DenseWeights, Network, Population, Projection

USUAL = ("float64", "fixed")


def warm(numbers: tuple[str, ...] = USUAL) -> None:
    """Choose formats for two neurons and run them in each of `numbers`: that compiles every kernel of a run."""
    from hw_models.load import load_chip
    from neurosim.calibrate import compare, quantized
    from neurosim.engine import RunOptions, run
    from neurosim.mapping import map_network
    from neurosim.traces.recorder import MemoryRecorder

    network = Network("warm", (Population("input", "input", 1), Population("readout", "linear", 2)),
                      (Projection("input", "readout", DenseWeights(np.ones((1, 2)))),), ("readout",))
    chip, inputs = load_chip("generic-mesh"), np.ones((1, 2, 1))
    if "fixed" in numbers:
        network = quantized(network, chip, inputs)
        compare(network, inputs)
    machine = map_network(network, chip)
    for name in numbers:
        run(machine, inputs, RunOptions(numbers=name, workers=1), MemoryRecorder())


def main() -> None:
    """Compile for the numbers named on the command line, float64 and fixed by default."""
    started = time.perf_counter()
    warm(tuple(sys.argv[1:]) or USUAL)
    print(f"kernels ready after {time.perf_counter() - started:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
