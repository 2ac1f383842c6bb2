"""W3: a streaming spiking state-space network, one token after the other, against loops by hand and PyTorch.

    python benchmarks/w3_stream.py [--peers] [--repeat N] [--steps N] [--layers N] [--width N] [--modes N] [--json FILE]

All run the same arrays for the same tokens, take turns on one core, and are timed by CPU time; the lower quartile of
each counts. Spikes of the last layer are compared before any time is. What is timed is the loop over the tokens alone:
see README.md in this folder. Silent inputs are timed too: states that decay reach denormal numbers, which processors
handle slowly.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
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
from peer_environments import reason_to_skip
from peer_process import PeerError
from stream_contenders import CHIP, Loop, Peer, Spikes, Streamed
from stream_network import N_LAYERS, N_MODES, N_STEPS, WIDTH, StreamNetwork, stream_network

import neurosim

OURS, DOUBLE, FIXED = "neurosim, float32", "neurosim, float64", "neurosim, fixed point"
SILENT, FADING = "neurosim, float32, silent input", "neurosim, float32, input that stops"
LOOPS = ("loop by hand, plain", "loop by hand, tuned")
EAGER, COMPILED = ("torch eager, complex", "torch eager, parts"), "torch.compile"
SCRIPTS = {EAGER[0]: "stream_eager", EAGER[1]: "stream_split", COMPILED: "stream_compiled"}
LEAST_EAGER, LEAST_COMPILED, LEAST_FIXED = 15.0, 10.0, 6.0
MOST_SILENT = 1.2
LONGER = 8              # times as many steps where the input stops: the fastest modes become denormal within 2000
BUSY_STEPS = 64         # before it stops
# Sums in another order flip a spike now and then, and in four layers one spike more leads to others: outputs of the
# last layer are compared one by one over the first steps, and how many there are over all.
COMPARED_STEPS, LEAST_EQUAL, MOST_DIFFERENT = 192, 0.999, 0.03


def inputs_of(network: StreamNetwork) -> dict[str, Any]:
    """Return the inputs of the runs that are not busy."""
    n_steps, width = network.inputs.shape
    fading = np.zeros((LONGER * n_steps, width))
    fading[:BUSY_STEPS] = network.inputs[:BUSY_STEPS]
    return {SILENT: np.zeros((n_steps, width)), FADING: fading}


def own(network: StreamNetwork) -> list[Any]:
    """Return the loops and neurosim."""
    streams = [Streamed(OURS, network, network.inputs, "float32"), Streamed(DOUBLE, network, network.inputs, "float64"),
               Streamed(FIXED, network, network.inputs, "fixed")]
    quiet = [Streamed(name, network, inputs, "float32") for name, inputs in inputs_of(network).items()]
    return [Loop(LOOPS[0], network), Loop(LOOPS[1], network, tuned=True), *streams, *quiet]


def peers(network: StreamNetwork, folder: Path) -> list[Any]:
    """Return PyTorch's runs; say why one is missing."""
    arrays = folder / "network.npz"
    network.save(arrays)
    found: list[Any] = []
    for name, script in SCRIPTS.items():
        reason = reason_to_skip("torch")
        if not reason:
            try:
                found.append(Peer(name, script, arrays, len(network.inputs)))
                continue
            except PeerError as error:
                reason = str(error)
        print(f"W3 {name}: skipped: {reason}")
    return found


def check_spikes(contenders: list[Any]) -> dict[str, str]:
    """Run all once and compare the spikes of the last layer; return a note for each.

    neurosim in float32 must fire exactly as the loops do. Fixed point has other values, and is not held to them.
    """
    found: dict[str, Spikes] = {}
    for contender in contenders:
        if contender.name not in (SILENT, FADING):
            contender.run()
            found[contender.name] = contender.spikes()
    expected = found[LOOPS[0]]
    notes = {}
    for name, spikes in found.items():
        if name in (OURS, *LOOPS) and not np.array_equal(spikes, expected):
            sys.exit(f"{name}: the last layer does not fire as in the {LOOPS[0]}")
        equal = float((spikes == expected)[:COMPARED_STEPS].mean())
        if name != FIXED and (equal < LEAST_EQUAL or abs(spikes.sum() / expected.sum() - 1) > MOST_DIFFERENT):
            sys.exit(f"{name}: {spikes.sum()} spikes of the last layer, {expected.sum()} in the {LOOPS[0]}; "
                     f"{equal:.2%} of its outputs are equal in the first {COMPARED_STEPS} steps")
        notes[name] = f"{spikes.mean():.2%} spike, {(spikes == expected).mean():.2%} of outputs equal"
    return notes


def measure(contenders: list[Any], n_repeats: int, progress: Progress) -> dict[str, float]:
    """Return the CPU time that a quarter of the runs of each stay below; repetitions take turns.

    No minima: the CPU clock of a virtual machine may leave out a part of a run as short as these.
    """
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for repeat in range(n_repeats):
        for contender in contenders:
            progress(f"{repeat + 1}/{n_repeats} {contender.name}")
            times[contender.name].append(contender.run()[0])
    return {name: float(np.quantile(taken, 0.25)) for name, taken in times.items()}


def figures_of(best: dict[str, float], notes: dict[str, str], n_steps: int) -> list[Figure]:
    """Return times per token and ratios."""
    steps = {name: n_steps * (LONGER if name == FADING else 1) for name in best}
    us = {name: 1e6 * cpu_s / steps[name] for name, cpu_s in best.items()}
    rows = [Figure("W3", name, value, "us/step", note=notes.get(name, "")) for name, value in us.items()]
    rows += [Figure("W3", f"neurosim, float32 / {name}", us[OURS] / us[name], "x") for name in LOOPS]
    eager = min((us[name] for name in EAGER if name in us), default=None)
    if eager is not None:
        note = "the faster of the two"
        rows += [Figure("W3", "torch eager / neurosim, float32", eager / us[OURS], "x", at_least=LEAST_EAGER,
                        note=note),
                 Figure("W3", "torch eager / neurosim, fixed point", eager / us[FIXED], "x", at_least=LEAST_FIXED,
                        note=note)]
    if EAGER[1] in us:
        rows.append(Figure("W3", f"{EAGER[1]} / neurosim, float32", us[EAGER[1]] / us[OURS], "x"))
    if COMPILED in us:
        rows.append(Figure("W3", "torch.compile / neurosim, float32", us[COMPILED] / us[OURS], "x",
                           at_least=LEAST_COMPILED))
    rows += [Figure("W3", f"{name.rpartition(', ')[2]} / busy input", us[name] / us[OURS], "x", at_most=MOST_SILENT)
             for name in (SILENT, FADING)]
    return rows


def whole_call(network: StreamNetwork) -> Figure:
    """Return the CPU time of `neurosim.run` from network to summary: mapping, run, trace with all spikes, report."""
    started = time.process_time()
    neurosim.run(network.network, CHIP, network.inputs[None].astype(np.float64), detail="functional",
                 numbers="float32", workers=1, overrides=["mapping.placement=linear", "mapping.ssm=fused"])
    return Figure("W3", "neurosim.run, whole call", time.process_time() - started, "CPU s",
                  note="mapping, run, trace file, report")


def run(given: Namespace, progress: Progress) -> list[Figure]:
    """Compare and measure."""
    network = stream_network(given.layers, given.width, given.modes, given.steps, given.seed)
    with tempfile.TemporaryDirectory() as folder:
        progress("building, compiling")
        contenders = own(network)
        try:
            if given.peers:
                contenders += peers(network, Path(folder))
            progress("comparing spikes")
            notes = check_spikes(contenders)
            best = measure(contenders, given.repeat, progress)
        finally:
            for contender in contenders:
                contender.close()
    rows = [*figures_of(best, notes, given.steps), whole_call(network)]
    progress.clear()
    return rows


def main() -> None:
    """Run what is asked for."""
    parser = parser_of(__doc__, 21, "runs of each; a good one counts")
    for name, value, what in (("steps", N_STEPS, "tokens"), ("layers", N_LAYERS, "layers"),
                              ("width", WIDTH, "channels of a layer"), ("modes", N_MODES, "modes of a channel")):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{what}, default {value}")
    parser.add_argument("--peers", action="store_true", help="PyTorch as well")
    given = parser.parse_args()
    where = environment(pin())
    print_environment(where)
    rows = run(given, Progress())
    print(figures_table(rows))
    words = shlex.join(word for word in sys.argv[1:] if word not in ("--json", str(given.json)))
    write_figures(given.json, where, f"python benchmarks/w3_stream.py {words}".strip(), rows)


if __name__ == "__main__":
    main()
