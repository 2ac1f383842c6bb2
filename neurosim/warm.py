"""Compile the kernels ahead of the first run: `python -m neurosim.warm [float64] [float32] [fixed] [free] [--all]`.

Numba compiles on first use and keeps the result on disk (`neurosim.kernel`), so the first run of an installation takes
longer than the others. Whoever packages or measures can pay that beforehand. Each kind compiles in a process of its
own, as many at once as there are processor cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from neurosim.engine.contract import dtype_of
from neurosim.errors import OptionError, check_choice
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection

USUAL = ("float64", "fixed")
FREE = "free"                               # chips without time steps
KINDS = (*USUAL, "float32", FREE)


def warm(kinds: tuple[str, ...] = USUAL) -> None:
    """Run two neurons in each kind of numbers, and compile the steps of all models; `free`: for free-running chips.

    In fixed point their formats are chosen first, which compiles what that needs.
    """
    from hw_models.load import load_chip
    from neurosim.calibrate import compare, quantized
    from neurosim.engine import RunOptions, first_run, run
    from neurosim.engine.tables import compile_models
    from neurosim.mapping import map_network
    from neurosim.traces.recorder import MemoryRecorder

    network = Network("warm", (Population("input", "input", 1), Population("readout", "linear", 2)),
                      (Projection("input", "readout", DenseWeights(np.ones((1, 2)))),), ("readout",))
    inputs = np.ones((1, 2, 1))
    chips = [load_chip("generic-mesh", [f"noc.buffer_packets={number}"]) for number in ("4", "unlimited")]
    if "fixed" in kinds:
        network = quantized(network, chips[0], inputs)
        compare(network, inputs)
    for name in kinds:
        if name == FREE:
            run(map_network(_spiking(), load_chip("odin")), inputs, RunOptions(workers=1), MemoryRecorder())
            continue
        for chip, detail in zip((*chips, chips[0], chips[0]), ("event", "event", "analytic", "functional"),
                                strict=True):
            run(map_network(network, chip), inputs, RunOptions(detail=detail, numbers=name, workers=1),
                MemoryRecorder())
        first_run.note_compiled(f"{name}-{model}" for model in compile_models(dtype_of(name)))


def _spiking() -> Network:
    """Return a neuron that a chip without packets that carry values can compute."""
    return Network("warm", (Population("input", "input", 1, attributes={"payload": "spike"}),
                            Population("readout", "lif", 1, {"leak": 1.0})),
                   (Projection("input", "readout", OneToOneWeights(np.ones(1))),), ("readout",))


def warm_at_once(kinds: tuple[str, ...]) -> int:
    """Compile each kind in a process of its own; return the first exit status that is not 0, else 0."""
    def one(kind: str) -> int:
        return subprocess.run([sys.executable, "-m", "neurosim.warm", kind], check=False).returncode

    with ThreadPoolExecutor(min(len(kinds), os.cpu_count() or 1)) as pool:
        return next((status for status in pool.map(one, kinds) if status), 0)


def main() -> None:
    """Compile the kinds named on the command line, float64 and fixed by default, all with `--all`."""
    given = sys.argv[1:]
    kinds = KINDS if "--all" in given else tuple(dict.fromkeys(given)) or USUAL
    try:
        for kind in kinds:
            check_choice("neurosim.warm: kind", kind, (*KINDS, "--all"))
    except OptionError as error:
        sys.exit(f"neurosim.warm: {error}")
    if len(kinds) == 1:
        warm(kinds)
        return
    started = time.perf_counter()
    status = warm_at_once(kinds)
    if status == 0:
        print(f"kernels ready after {time.perf_counter() - started:.1f} s", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
