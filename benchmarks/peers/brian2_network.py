"""The random network in Brian2: an exact linear equation, spikes that act after the reset, as in `random_network`.

Brian2 applies the leak to what synapses brought the step before, so weights are divided by it: then both do
`leak v + w + bias`. The threshold is `>=`. Numbers are float64.
"""

from __future__ import annotations

from typing import Any

import brian2
import numpy as np
from peer import arrays, edges

EQUATIONS = "dv/dt = (drive - v) / tau : 1\ndrive : 1 (constant)"


def build() -> tuple[Any, Any, Any]:
    """Return the network, its spike counter and the time to run."""
    network, n_steps = arrays()
    step = 1 * brian2.ms
    brian2.defaultclock.dt = step
    leak = float(network["leak"])
    brian2.prefs.core.default_float_dtype = np.float64
    neurons = brian2.NeuronGroup(len(network["bias"]), EQUATIONS, threshold=f"v >= {float(network['threshold'])}",
                                 reset="v = 0", method="exact", namespace={"tau": -step / np.log(leak)})
    neurons.drive = network["bias"].astype(np.float64) / (1 - leak)
    source, target, weight = edges(network)
    synapses = brian2.Synapses(neurons, neurons, "w : 1", on_pre="v_post += w")
    synapses.connect(i=source, j=target)
    synapses.w = weight / leak
    monitor = brian2.SpikeMonitor(neurons, record=False)
    whole = brian2.Network(neurons, synapses, monitor)
    whole.schedule = ["start", "groups", "thresholds", "resets", "synapses", "end"]
    return whole, monitor, n_steps * step
