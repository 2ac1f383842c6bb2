"""Mean of the inputs over the tokens so far, read out: total += charge + bias; count += 1; y = total / count."""

import numpy as np

from neurosim.kernel import kernel

BIAS = 0
TOTAL, COUNT = 0, 1


@kernel
def step_running_mean(options, n_modes, parameters, state, charge, output, active):
    """Advance total and count, set the output and active. Order: total + (charge + bias)."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    for neuron in range(output.shape[1]):
        total, count = state[TOTAL, neuron], state[COUNT, neuron]
        given, bias = charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != zero or total != zero or count != zero or bias != zero
        total, count = total + (given + bias), count + one
        state[TOTAL, neuron], state[COUNT, neuron] = total, count
        output[0, neuron] = np.divide(total, count)
