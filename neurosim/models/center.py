"""First half of a LayerNorm: c = value - mean, sent as it is and as its square, of which the variance is made."""

from neurosim.kernel import kernel

VALUE, MEAN = 0, 1
GRADED, SQUARE = 0, 1


@kernel
def step_center(options, n_modes, parameters, state, charge, output, active):
    """Set both outputs and active."""
    zero = output.dtype.type(0)
    for neuron in range(output.shape[1]):
        value, mean = charge[VALUE, neuron], charge[MEAN, neuron]
        active[neuron] = value != zero or mean != zero
        centred = value - mean
        output[GRADED, neuron] = centred
        output[SQUARE, neuron] = centred * centred
