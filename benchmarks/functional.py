"""W1 and W2: a random network of integrate-and-fire neurons, function alone, against loops by hand and peers.

    python benchmarks/functional.py [--workload W1] [--peers] [--repeat N] [--json FILE]

All run the same arrays for the same steps, take turns on one core, and are timed by CPU time; the best of each counts.
Spikes are compared before any time is. What is timed is the loop over the steps alone: see README.md in this folder.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from functional_contenders import Contender, Loop, Machine, Peer, check_spikes, whole_call
from harness import (
    Figure,
    Progress,
    environment,
    figures_table,
    parser_of,
    pin,
    print_environment,
    write_figures,
)
from peer_environments import FOLDER, reason_to_skip
from peer_process import PeerError
from random_network import FAN_OUT, N_NEURONS, N_STEPS, RandomNetwork, random_network

SIZES = {"W1": N_NEURONS, "W2": 4 * N_NEURONS}
# script, environment, shown as, least ratio to our time per workload
PEERS: tuple[tuple[str, str, str, dict[str, float]], ...] = (
    ("brian2_cpp", "brian2", "Brian2 C++ standalone", {"W1": 5.0, "W2": 4.0}),
    ("brian2_cython", "brian2", "Brian2 Cython", {}),
    ("nest_network", "nest", "NEST", {"W1": 40.0}),
    ("snntorch_network", "torch", "snnTorch", {"W1": 50.0}),
    ("norse_network", "torch", "Norse", {}),
    ("spikingjelly_network", "torch", "SpikingJelly", {}),
    ("torch_sparse", "torch", "torch sparse", {}),
)
MOST_TO_LOOP = 1.5
OURS, RECORDED, DOUBLE = "neurosim, float32", "neurosim, float32, spikes kept", "neurosim, float64"


def own(network: RandomNetwork, n_steps: int) -> list[Contender]:
    """Return the loops and neurosim."""
    return [Loop("loop by hand, plain", network, n_steps), Loop("loop by hand, tuned", network, n_steps, tuned=True),
            Machine(OURS, network, n_steps, "float32"), Machine(RECORDED, network, n_steps, "float32", keeps=True),
            Machine(DOUBLE, network, n_steps, "float64")]


def peers(chosen: Sequence[tuple[str, str, str, dict[str, float]]], n_steps: int, arrays: Path,
          skipped: dict[str, str]) -> list[Contender]:
    """Return the peers that are there; note why the others are not."""
    found: list[Contender] = []
    for script, where, name, _ in chosen:
        reason = reason_to_skip(where)
        if not reason:
            try:
                found.append(Peer(name, where, script, arrays, n_steps))
                continue
            except PeerError as error:
                reason = str(error)
        skipped[name] = reason
    return found


def measure(contenders: list[Contender], n_repeats: int, progress: Progress) -> dict[str, float]:
    """Return the best CPU time of each; repetitions take turns, so that a busy moment strikes all alike."""
    best = {contender.name: float("inf") for contender in contenders}
    for repeat in range(n_repeats):
        for contender in contenders:
            progress(f"{repeat + 1}/{n_repeats} {contender.name}")
            best[contender.name] = min(best[contender.name], contender.run()[0])
    return best


def figures_of(workload: str, best: dict[str, float], versions: dict[str, str], skipped: dict[str, str],
               n_events: int) -> list[Figure]:
    """Return times, ratios to neurosim, and what was skipped."""
    rows = [Figure(workload, name, cpu_s, "CPU s", note=versions.get(name, "")) for name, cpu_s in best.items()]
    rows.append(Figure(workload, "synaptic events", n_events / best[OURS] / 1e9, "G/s"))
    for loop in ("plain", "tuned"):
        ratio = best[OURS] / best[f"loop by hand, {loop}"]
        rows.append(Figure(workload, f"neurosim / loop by hand, {loop}", ratio, "x", at_most=MOST_TO_LOOP))
    for _, _, name, targets in PEERS:
        if name in best:
            rows.append(Figure(workload, f"{name} / neurosim", best[name] / best[OURS], "x",
                               at_least=targets.get(workload),
                               note=f"the tuned loop: {best[name] / best['loop by hand, tuned']:.3g}"))
        elif name in skipped:
            print(f"{workload} {name}: skipped: {skipped[name]}")
    return rows


def run(workload: str, given: Namespace, progress: Progress) -> list[Figure]:
    """Compare, measure and print one workload."""
    network = random_network(SIZES[workload], FAN_OUT, given.seed)
    skipped: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        progress("building, compiling")
        contenders = own(network, given.steps)
        if given.peers or given.peer:
            arrays = Path(folder) / "network.npz"
            network.save(arrays)
            chosen = [peer for peer in PEERS if peer[0] in (given.peer or [script for script, *_ in PEERS])]
            contenders += peers(chosen, given.steps, arrays, skipped)
        try:
            progress("comparing spikes")
            notes = check_spikes(contenders)
            n_events = notes.pop("spikes") * FAN_OUT
            best = measure(contenders, given.repeat, progress)
        finally:
            for contender in contenders:
                contender.close()
    rows = figures_of(workload, best, notes, skipped, n_events)
    rows.append(whole_call(workload, network, given.steps))
    progress.clear()
    print(figures_table(rows) + "\n")
    return rows


def main() -> None:
    """Run the workloads asked for."""
    parser = parser_of(__doc__, 7, "runs of each; the best counts")
    parser.add_argument("--workload", action="append", choices=sorted(SIZES), help="default both")
    parser.add_argument("--steps", type=int, default=N_STEPS, help=f"time steps, default {N_STEPS}")
    parser.add_argument("--peers", action="store_true", help=f"the simulators installed below {FOLDER.name} as well")
    parser.add_argument("--peer", action="append", choices=[script for script, *_ in PEERS], help="this one alone")
    given = parser.parse_args()
    where = environment(pin())
    print_environment(where)
    progress = Progress()
    rows = [row for workload in given.workload or sorted(SIZES) for row in run(workload, given, progress)]
    words = shlex.join(word for word in sys.argv[1:] if word not in ("--json", str(given.json)))
    write_figures(given.json, where, f"python benchmarks/functional.py {words}".strip(), rows)


if __name__ == "__main__":
    main()
