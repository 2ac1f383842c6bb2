"""Second half of a LayerNorm.

    y = value * (1 / sqrt(variance + epsilon)) * scale + bias

`value` is the centred value. Where variance + epsilon is not above 0 (all values alike and epsilon 0), y = bias.

Source: Ba, Kiros, Hinton, "Layer Normalization", arXiv 1607.06450.
"""

import numpy as np

from neurosim.kernel import kernel

VALUE, VARIANCE = 0, 1
SCALE, BIAS, EPSILON = 0, 1, 2


@kernel
def step_layer_norm(options, n_modes, parameters, state, charge, output, active):
    """Set the output and active. Order: ((value * inverse) * scale) + bias."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    for neuron in range(output.shape[1]):
        value, variance, bias = charge[VALUE, neuron], charge[VARIANCE, neuron], parameters[BIAS, neuron]
        active[neuron] = value != zero or variance != zero or bias != zero
        spread = variance + parameters[EPSILON, neuron]
        inverse = np.divide(one, np.sqrt(spread)) if spread > zero else zero
        output[0, neuron] = value * inverse * parameters[SCALE, neuron] + bias
