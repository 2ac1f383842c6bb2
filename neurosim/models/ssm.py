"""S4D channel with a graded output: y of `diagonal_ssm`, then nothing, GELU or ReLU."""

import numpy as np

from neurosim.kernel import part
from neurosim.models.activations import GELU, RELU, gelu
from neurosim.models.diagonal_ssm import advance_modes

ACTIVATION = 0


@part
def step_ssm(options, n_modes, parameters, state, charge, output, active):
    """Advance the modes, set the output and active."""
    number = output.dtype.type
    zero = number(0)
    advance_modes(n_modes, parameters, state, charge, output, active)
    activation = options[ACTIVATION]
    if activation == GELU:
        for neuron in range(output.shape[1]):
            output[0, neuron] = number(gelu(np.float64(output[0, neuron])))
    elif activation == RELU:
        for neuron in range(output.shape[1]):
            output[0, neuron] = output[0, neuron] if output[0, neuron] > zero else zero
