"""Gated linear unit with a skip connection.

    out = (v + value_bias) sigmoid(g + gate_bias) + skip

Source: Dauphin, Fan, Auli, Grangier, "Language Modeling with Gated Convolutional Networks", arXiv 1612.08083.
"""

import numpy as np

from neurosim.kernel import kernel
from neurosim.models.activations import sigmoid

VALUE, GATE, SKIP = 0, 1, 2
VALUE_BIAS, GATE_BIAS = 0, 1


@kernel
def step_glu(options, n_modes, parameters, state, charge, output, active):
    """Set the output and active."""
    number = output.dtype.type
    zero = number(0)
    for neuron in range(output.shape[1]):
        value, gate, skip = charge[VALUE, neuron], charge[GATE, neuron], charge[SKIP, neuron]
        value_bias, gate_bias = parameters[VALUE_BIAS, neuron], parameters[GATE_BIAS, neuron]
        active[neuron] = (value != zero or gate != zero or skip != zero
                          or value_bias != zero or gate_bias != zero)
        opening = number(sigmoid(np.float64(gate + gate_bias)))
        output[0, neuron] = (value + value_bias) * opening + skip
