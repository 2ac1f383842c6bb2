"""Synapse kernels: synaptic events per second in the cache and from memory, sparse rows and dense ones.

    python benchmarks/synapses.py [--synapses N] [--repeat N] [--json FILE]

The kernels of the engine (`neurosim.engine.synapse_kernels`) on rows of neurons drawn at random, 5 % of all. Sums are
compared with NumPy's before any time is taken.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Figure, Progress, environment, figures_table, parser_of, pin, print_environment, write_figures
from numpy.typing import NDArray

from neurosim.engine.synapse_kernels import add_dense, add_sparse
from neurosim.kernel import kernel
from neurosim.machine import SUM

ACTIVITY, N_DRAWS = 0.05, 20
# neurons, synapses each, target neurons, rate wanted in G/s; weights of the first in 5 MB, of the second in memory
SPARSE = {"in cache": (8192, 100, 8192, 1.5), "from memory": (1_000_000, 200, 8192, 0.8)}
DENSE_SIDE, LEAST_DENSE = 1024, 10.0


@kernel
def sparse_rows(charge, neurons, values, pointer, targets, weights):
    """Add the rows of `neurons`."""
    add_sparse(charge, SUM, neurons, values, pointer, targets, weights)


@kernel
def dense_rows(charge, neurons, values, weights):
    """Add the rows of `neurons`."""
    add_dense(charge, SUM, neurons, values, weights)


def draws(generator: np.random.Generator, n_neurons: int) -> list[NDArray[np.int32]]:
    """Return the neurons that fire in each of a few steps, ascending."""
    n_firing = max(1, int(ACTIVITY * n_neurons))
    return [np.sort(generator.choice(n_neurons, n_firing, replace=False)).astype(np.int32) for _ in range(N_DRAWS)]


def rate(add: Callable[[NDArray[np.int32]], None], fired: list[NDArray[np.int32]], row: int, n_repeats: int) -> float:
    """Return synaptic events per second, in G/s: best of the repetitions, all draws in turn."""
    best = float("inf")
    for _ in range(n_repeats):
        started = time.process_time()
        for neurons in fired:
            add(neurons)
        best = min(best, time.process_time() - started)
    return sum(len(neurons) for neurons in fired) * row / best / 1e9


def check(given: NDArray[Any], expected: NDArray[Any], name: str) -> None:
    """Stop if sums differ from NumPy's by more than rounding."""
    if not np.allclose(given, expected, rtol=1e-3, atol=1e-3):
        sys.exit(f"{name}: sums differ from NumPy's by up to {np.abs(given - expected).max()}")


def sparse(where: str, n_synapses: int, generator: np.random.Generator, n_repeats: int) -> list[Figure]:
    """Measure sparse rows with weights of four bytes and of one."""
    n_neurons, row, n_post, least = SPARSE[where]
    n_neurons = min(n_neurons, n_synapses // row)
    pointer = np.arange(n_neurons + 1, dtype=np.int64) * row
    targets = generator.integers(0, n_post, n_neurons * row, dtype=np.uint16)
    fired, rows = draws(generator, n_neurons), []
    for weight, charge_type in (("float32", "float32"), ("float32", "float64"), ("int8", "int64")):
        weights = generator.integers(-100, 100, n_neurons * row, dtype=np.int8).astype(weight)
        charge, values = np.zeros(n_post, charge_type), np.ones(n_neurons, charge_type)

        def add(neurons: NDArray[np.int32], charge: Any = charge, values: Any = values, weights: Any = weights) -> None:
            sparse_rows(charge, neurons, values, pointer, targets, weights)

        add(fired[0][:100])
        places = (pointer[fired[0][:100], None] + np.arange(row)).ravel()
        check(charge, np.bincount(targets[places], weights=weights[places], minlength=n_post), where)
        rows.append(Figure("SYN", f"sparse {where}, {weight} into {charge_type}", rate(add, fired, row, n_repeats),
                           "G events/s", at_least=least,
                           note=f"{n_neurons * row / 1e6:.3g} M synapses, {row} a row, {n_post} targets"))
    return rows


def dense(generator: np.random.Generator, n_repeats: int) -> list[Figure]:
    """Measure dense rows."""
    rows, fired = [], draws(generator, 4 * DENSE_SIDE)
    fired = [neurons % DENSE_SIDE for neurons in fired]
    for weight, charge_type in (("float32", "float32"), ("float32", "float64"), ("int8", "int64")):
        weights = generator.integers(-100, 100, DENSE_SIDE**2, dtype=np.int8).astype(weight)
        charge, values = np.zeros(DENSE_SIDE, charge_type), np.ones(4 * DENSE_SIDE, charge_type)

        def add(neurons: NDArray[np.int32], charge: Any = charge, values: Any = values, weights: Any = weights) -> None:
            dense_rows(charge, neurons, values, weights)

        add(fired[0])
        check(charge, weights.reshape(DENSE_SIDE, DENSE_SIDE)[fired[0]].astype(np.float64).sum(axis=0), "dense")
        rows.append(Figure("SYN", f"dense rows, {weight} into {charge_type}", rate(add, fired, DENSE_SIDE, n_repeats),
                           "G events/s", at_least=LEAST_DENSE, note=f"{DENSE_SIDE} x {DENSE_SIDE}"))
    return rows


def main() -> None:
    """Measure all."""
    parser = parser_of(__doc__, 9, "runs of each; the best counts")
    parser.add_argument("--synapses", type=int, default=200_000_000, help="synapses in memory, default 200 million")
    given = parser.parse_args()
    where, progress = environment(pin()), Progress()
    print_environment(where)
    generator = np.random.default_rng(given.seed)
    rows = []
    for place in SPARSE:
        progress(f"sparse rows {place}")
        rows += sparse(place, given.synapses, generator, given.repeat)
    progress("dense rows")
    rows += dense(generator, given.repeat)
    progress.clear()
    print(figures_table(rows))
    words = shlex.join(word for word in sys.argv[1:] if word not in ("--json", str(given.json)))
    write_figures(given.json, where, f"python benchmarks/synapses.py {words}".strip(), rows)


if __name__ == "__main__":
    main()
