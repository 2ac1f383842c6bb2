"""Reduction neuron: y = sum + max + max_abs + bias, of what its three ports gathered.

The dendrites do the reducing (see `PortSpec`); a neuron normally uses one of the ports.
"""

from neurosim.kernel import kernel

SUM, MAX, MAX_ABS = 0, 1, 2
BIAS = 0


@kernel
def step_reduce(options, n_modes, parameters, state, charge, output, active):
    """Set the output and active. Order: ((sum + max) + max_abs) + bias."""
    zero = output.dtype.type(0)
    for neuron in range(output.shape[1]):
        total, largest, magnitude = charge[SUM, neuron], charge[MAX, neuron], charge[MAX_ABS, neuron]
        bias = parameters[BIAS, neuron]
        active[neuron] = total != zero or largest != zero or magnitude != zero or bias != zero
        output[0, neuron] = total + largest + magnitude + bias
