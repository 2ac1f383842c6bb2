"""Rectified linear unit: y = max(0, charge + bias)."""

from neurosim.kernel import kernel

BIAS = 0


@kernel
def step_relu(options, n_modes, parameters, state, charge, output, active):
    """Set the output and active."""
    zero = output.dtype.type(0)
    for neuron in range(output.shape[1]):
        given, bias = charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != zero or bias != zero
        value = given + bias
        output[0, neuron] = value if value > zero else zero
