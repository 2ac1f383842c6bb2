"""Integrate-and-fire with two synaptic currents, whose states decay by shifts of bits, in whole numbers.

    decay(x, n) = x - (x >> n);   one less where that leaves x > 0 as it was, so that everything reaches 0
    i1 <- decay(i1, n1) + charge1;   i2 <- decay(i2, n2) + charge2
    v <- decay(v, n) + i1 + i2 + bias
    count = min(v // threshold, most_spikes) where v >= threshold, else 0;   v <- v - count threshold

x >> n rounds down, so negative values reach 0 by themselves. Several spikes of one step are sent as their count. The
model holds for whole weights, thresholds and biases; shifts and most_spikes are whole numbers.

Source: SynSense Xylo, as described in the documentation of Rockpool (`devices/xylo-overview`): decay by shifts, reset
by subtraction, at most 31 spikes in a step. That 0 stays 0, the order within a step, and firing at the threshold itself
are taken here for want of a published statement.
"""

import numpy as np

from neurosim.kernel import kernel

FIRST_SHIFT, SECOND_SHIFT, MEMBRANE_SHIFT, THRESHOLD, BIAS, MOST_SPIKES = 0, 1, 2, 3, 4, 5
FIRST_CURRENT, SECOND_CURRENT, POTENTIAL = 0, 1, 2


@kernel
def _decayed(value, power, one):
    """Return `value` less its part by `power`, rounded down, and never the same above 0."""
    taken = np.floor(value / power)
    return value - (one if taken == 0 and value > 0 else taken)


@kernel
def _power(shift):
    return np.int64(1) << np.int64(shift)


@kernel
def step_bit_shift_lif(options, n_modes, parameters, state, charge, output, active):
    """Advance both currents and the potential, set count and active. Order: ((decayed v + i1) + i2) + bias."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    for neuron in range(output.shape[1]):
        first, second, potential = state[FIRST_CURRENT, neuron], state[SECOND_CURRENT, neuron], state[POTENTIAL, neuron]
        bias, threshold = parameters[BIAS, neuron], parameters[THRESHOLD, neuron]
        active[neuron] = (charge[0, neuron] != zero or charge[1, neuron] != zero or first != zero or second != zero
                          or potential != zero or bias != zero)
        first = _decayed(first, number(_power(parameters[FIRST_SHIFT, neuron])), one) + charge[0, neuron]
        second = _decayed(second, number(_power(parameters[SECOND_SHIFT, neuron])), one) + charge[1, neuron]
        potential = _decayed(potential, number(_power(parameters[MEMBRANE_SHIFT, neuron])), one) + first + second + bias
        count = zero
        if potential >= threshold:
            count = min(np.floor(potential / threshold), parameters[MOST_SPIKES, neuron])
        output[0, neuron] = count
        state[FIRST_CURRENT, neuron], state[SECOND_CURRENT, neuron] = first, second
        state[POTENTIAL, neuron] = potential - count * threshold
