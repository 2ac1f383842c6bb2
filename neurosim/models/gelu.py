"""Gaussian error linear unit: y = gelu(charge + bias).

With the exact error function, or in the form `tanh`, the approximation that JAX takes by default (see `activations`).
"""

import numpy as np

from neurosim.kernel import kernel
from neurosim.models.activations import gelu, tanh_gelu

BIAS = 0
FORM, TANH = 0, 1


@kernel
def step_gelu(options, n_modes, parameters, state, charge, output, active):
    """Set the output and active."""
    number = output.dtype.type
    zero = number(0)
    approximate = options[FORM] == TANH
    for neuron in range(output.shape[1]):
        given, bias = charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != zero or bias != zero
        value = np.float64(given + bias)
        output[0, neuron] = number(tanh_gelu(value) if approximate else gelu(value))
