"""Gated spiking unit: product of the ternary and the graded branch.

    out = act((t + ternary_bias) (g + graded_bias)) + skip

with t = Ter(y) W and g = y Ter(W) coming in over synapses; `act` is nothing or GELU.

Source: Stan and Rhodes, "Learning long sequences in spiking neural networks", Scientific Reports 14 (2024).
"""

import numpy as np

from neurosim.kernel import kernel
from neurosim.models.activations import GELU, gelu

TERNARY, GRADED, SKIP = 0, 1, 2
TERNARY_BIAS, GRADED_BIAS = 0, 1
ACTIVATION = 0


@kernel
def step_gsu(options, n_modes, parameters, state, charge, output, active):
    """Set the output and active."""
    number = output.dtype.type
    zero = number(0)
    activation = options[ACTIVATION]
    for neuron in range(output.shape[1]):
        ternary, graded, skip = charge[TERNARY, neuron], charge[GRADED, neuron], charge[SKIP, neuron]
        ternary_bias, graded_bias = parameters[TERNARY_BIAS, neuron], parameters[GRADED_BIAS, neuron]
        active[neuron] = (ternary != zero or graded != zero or skip != zero
                          or ternary_bias != zero or graded_bias != zero)
        product = (ternary + ternary_bias) * (graded + graded_bias)
        if activation == GELU:
            product = number(gelu(np.float64(product)))
        output[0, neuron] = product + skip
