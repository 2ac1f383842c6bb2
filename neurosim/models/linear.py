"""Sum of inputs plus bias, sent as a graded value: y = charge + bias."""

from neurosim.kernel import kernel

BIAS = 0


@kernel
def step_linear(options, n_modes, parameters, state, charge, output, active):
    """Set the output and active."""
    zero = output.dtype.type(0)
    for neuron in range(output.shape[1]):
        given, bias = charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != zero or bias != zero
        output[0, neuron] = given + bias
