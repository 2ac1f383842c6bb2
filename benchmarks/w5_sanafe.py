"""Event detail against SANA-FE: the same network, chip, figures and steps; counts and energy first, then CPU time.

    python benchmarks/w5_sanafe.py [--steps N] [--repeat N] [--peer-python FILE] [--data FOLDER] [--json FILE]

8,192 LIF neurons with 819,200 synapses on 32 cores of Loihi, as SANA-FE models it, packets through routers with
buffers. Each simulator runs in a process of its own on the same core; they take turns. See README.md in this folder.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from harness import Figure, Progress, environment, figures_table, parser_of, pin, print_environment, write_figures
from peer_process import PeerProcess
from w5_network import network

HERE = Path(__file__).parent
PEER_PYTHON = HERE.parent / "build" / "peers" / "sanafe" / "bin" / "python"
TARGETS = {"detailed": 50, "simple": 20}
MEMORY_TARGET = 8
ENERGY_TOLERANCE = 1e-3                 # SANA-FE books some more updates of somata at rest


def measure(commands: dict[str, tuple[Any, ...]], n_repeats: int, progress: Progress
            ) -> dict[str, list[dict[str, Any]]]:
    """Return the answers of every simulator; all live at once and take turns."""
    progress("compiling")               # in a process of its own, whose memory does not count
    first = PeerProcess(*commands["neurosim"])
    first.run()
    first.close()
    simulators = {}
    for name, command in commands.items():
        progress(f"building {name}")
        simulators[name] = PeerProcess(*command)
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in simulators}
    for repeat in range(n_repeats):
        for name, simulator in simulators.items():
            progress(f"{repeat + 1}/{n_repeats} {name}")
            answers[name].append(simulator.run())
    for simulator in simulators.values():
        simulator.close()
    return answers


def check_equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Stop unless both simulators count the same and the energies agree."""
    for name in ("fired", "synapses", "messages"):
        if ours[name] != theirs[name]:
            sys.exit(f"{name} differ: {ours[name]} here, {theirs[name]} in SANA-FE")
    if abs(ours["energy_j"] / theirs["energy_j"] - 1) > ENERGY_TOLERANCE:
        sys.exit(f"energies differ: {ours['energy_j']:.6g} J here, {theirs['energy_j']:.6g} J in SANA-FE")


def figures(answers: dict[str, list[dict[str, Any]]], n_steps: int) -> list[Figure]:
    """Return ours, and ratios beside their targets."""
    ours = answers["neurosim"]
    best, last = min(run["cpu_s"] for run in ours), ours[-1]
    call = min(run["call_s"] for run in ours)
    found = [Figure("W5", "step loop", best / n_steps * 1e3, "ms/step"),
             Figure("W5", "whole call, machine made ready anew", call / n_steps * 1e3, "ms/step"),
             Figure("W5", "per packet", best / last["messages"] * 1e9, "ns"),
             Figure("W5", "per link crossed, ejection included", best / (last["hops"] + last["messages"]) * 1e9, "ns"),
             Figure("W5", "peak memory", last["peak_mb"], "MB")]
    for model, target in TARGETS.items():
        if model not in answers:
            continue
        theirs = min(run["cpu_s"] for run in answers[model])
        found += [Figure("W5", f"SANA-FE {model}", theirs / n_steps * 1e3, "ms/step"),
                  Figure("W5", f"SANA-FE {model}, to step loop", theirs / best, "x", at_least=target),
                  Figure("W5", f"SANA-FE {model}, to whole call", theirs / call, "x"),
                  Figure("W5", f"peak memory of SANA-FE {model}, to ours", answers[model][0]["peak_mb"]
                         / last["peak_mb"], "x", at_least=MEMORY_TARGET)]
    return found


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, repeat=3, repeat_help="the best counts")
    parser.add_argument("--steps", type=int, default=50, help="default 50")
    parser.add_argument("--peer-python", type=Path, default=PEER_PYTHON, help="Python of an environment with sanafe")
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data",
                        help="folder of sanafe/net_x1.npz; an equivalent network is made where it is absent")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    options = arguments()
    where, progress = environment(pin()), Progress()
    net, origin = network(options.data, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        np.savez(path, pre=net.pre, post=net.post, weight=net.weight, threshold=net.threshold, leak=net.leak,
                 raster=net.raster[:options.steps])
        commands: dict[str, tuple[Any, ...]] = {"neurosim": (Path(sys.executable), "w5_run", path, options.steps)}
        if options.peer_python.exists():
            commands |= {model: (options.peer_python, "peers/sanafe_chip", path, options.steps, model)
                         for model in TARGETS}
        answers = measure(commands, options.repeat, progress)
    progress.clear()
    for model in TARGETS:
        if model in answers:
            check_equal(answers["neurosim"][0], answers[model][0])
    print(f"{origin}, {options.steps} steps; CPU time, best of {options.repeat}")
    if len(answers) == 1:
        print(f"SANA-FE skipped: no {options.peer_python}")
    print_environment(where)
    print(figures_table(figures(answers, options.steps)))
    recorded = "" if origin.startswith("generated") else " --data FOLDER"
    write_figures(options.json, where, f"python benchmarks/w5_sanafe.py --steps {options.steps} --repeat "
                  f"{options.repeat}{recorded}", figures(answers, options.steps))


if __name__ == "__main__":
    main()
