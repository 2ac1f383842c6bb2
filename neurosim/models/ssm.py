"""S4D channel with a graded output: y of `diagonal_ssm`, then nothing, GELU or ReLU."""

import numpy as np

from neurosim.kernel import kernel
from neurosim.models.activations import GELU, RELU, gelu
from neurosim.models.diagonal_ssm import advance_modes

ACTIVATION = 0


@kernel
def step_ssm(options, n_modes, parameters, state, charge, output, active):
    """Advance the modes, set the output and active."""
    advance_modes(n_modes, parameters, state, charge, output, active)
    activate(options, output[0])


@kernel
def activate(options, values):
    """Apply the activation to y [neuron]."""
    number = values.dtype.type
    zero = number(0)
    activation = options[ACTIVATION]
    if activation == GELU:
        for neuron in range(values.size):
            values[neuron] = number(gelu(np.float64(values[neuron])))
    elif activation == RELU:
        for neuron in range(values.size):
            values[neuron] = values[neuron] if values[neuron] > zero else zero
