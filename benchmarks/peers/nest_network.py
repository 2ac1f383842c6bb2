"""NEST, `iaf_psc_delta` with steps of 1 ms: CPU time of `Run` alone, between `Prepare` and `Cleanup`.

The same exact step: V <- exp(-1/tau) V + (1 - exp(-1/tau)) tau/C I + weights of one step before, in float64.
"""

from __future__ import annotations

import nest
import numpy as np
from peer import arrays, edges, serve, timed

network, n_steps = arrays()
source, target, weight = edges(network)
n_neurons = len(network["bias"])
leak = float(network["leak"])
tau = -1.0 / np.log(leak)
current = network["bias"].astype(np.float64) / (1 - leak) / tau     # of a capacitance of 1 pF


def build() -> None:
    """Build it anew: NEST has no way back to the first step."""
    nest.ResetKernel()
    nest.set(resolution=1.0, local_num_threads=1, min_delay=1.0, max_delay=1.0)
    neurons = nest.Create("iaf_psc_delta", n_neurons, {
        "V_m": 0.0, "E_L": 0.0, "V_reset": 0.0, "V_th": float(network["threshold"]), "tau_m": tau, "C_m": 1.0,
        "t_ref": 0.0, "I_e": current})
    first = neurons[0].global_id
    nest.Connect(source + first, target + first, "one_to_one",
                 {"synapse_model": "static_synapse", "weight": weight, "delay": np.ones(len(weight))})


def run() -> tuple[float, int]:
    """Simulate once from the beginning."""
    build()
    nest.Prepare()
    before = nest.GetKernelStatus("local_spike_counter")
    cpu_s, _ = timed(lambda: nest.Run(float(n_steps)))
    n_spikes = nest.GetKernelStatus("local_spike_counter") - before
    nest.Cleanup()
    return cpu_s, n_spikes


nest.set_verbosity("M_ERROR")
serve(f"NEST {nest.__version__}", run)
