"""Gaussian error linear unit: y = gelu(charge + bias), with the exact error function (see `activations`)."""

import numpy as np

from neurosim.kernel import part
from neurosim.models.activations import gelu

BIAS = 0


@part
def step_gelu(options, n_modes, parameters, state, charge, output, active):
    """Set the output and active."""
    number = output.dtype.type
    zero = number(0)
    for neuron in range(output.shape[1]):
        given, bias = charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != zero or bias != zero
        output[0, neuron] = number(gelu(np.float64(given + bias)))
