"""Brian2, compiled by Cython: CPU time of `Network.run`, code being compiled by a run before."""

from __future__ import annotations

import brian2
from brian2_network import build
from peer import serve, timed

brian2.prefs.codegen.target = "cython"
whole, monitor, duration = build()
whole.store()
whole.run(2 * brian2.ms)


def run() -> tuple[float, int]:
    """Simulate once from the beginning."""
    whole.restore()
    cpu_s, _ = timed(lambda: whole.run(duration))
    return cpu_s, int(monitor.num_spikes)


serve(f"Brian2 {brian2.__version__}", run)
