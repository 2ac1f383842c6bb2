"""What the peers' scripts share: arrays in, one run per line of stdin, results out as JSON.

Runs inside a peer's own environment, where neurosim is absent: nothing but NumPy and the peer may be imported.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def arrays() -> tuple[dict[str, Any], int]:
    """Return the network's arrays and the number of steps, from the command line."""
    with np.load(sys.argv[1], allow_pickle=False) as content:
        return {name: content[name] for name in content.files}, int(sys.argv[2])


def edges(network: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return source, target and weight of each synapse."""
    sources = np.repeat(np.arange(len(network["bias"])), np.diff(network["row_pointer"]))
    return sources, network["targets"].astype(np.int64), network["weights"].astype(np.float64)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU time of `work`, of all its threads, and its result."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def serve(version: str, run: Callable[[], tuple[float, int]]) -> None:
    """Say that the peer is ready, then simulate once per line: `run` returns (CPU seconds, spikes)."""
    print(json.dumps({"version": version, "python": sys.version.split()[0]}), flush=True)
    for _ in sys.stdin:
        cpu_s, n_spikes = run()
        print(json.dumps({"cpu_s": cpu_s, "spikes": int(n_spikes)}), flush=True)
