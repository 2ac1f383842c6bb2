"""Integer integrate-and-fire with decays by shifts of bits; equation and words as in `neurosim.models.bit_shift_lif`.

Every state is held by its format after its sum. A threshold that rounded to 0 counts as 1 step.
"""

import numpy as np

from neurosim.kernel import inlined, kernel
from neurosim.machine import OUTPUT_SLOT, SECOND_STATE_SLOT, STATE_SLOT
from neurosim.models.bit_shift_lif import (
    BIAS,
    FIRST_CURRENT,
    FIRST_SHIFT,
    MEMBRANE_SHIFT,
    MOST_SPIKES,
    POTENTIAL,
    SECOND_CURRENT,
    SECOND_SHIFT,
    THRESHOLD,
)
from neurosim.models.fixed.conversion import into_slot


@inlined
def _decayed(value, shift):
    taken = value >> shift
    return value - (1 if taken == 0 and value > 0 else taken)


@kernel
def step_fixed_bit_shift_lif(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance both currents and the potential, set count and active; return the values that did not fit."""
    n_overflows = np.int64(0)
    for neuron in range(output.shape[1]):
        first, second, potential = state[FIRST_CURRENT, neuron], state[SECOND_CURRENT, neuron], state[POTENTIAL, neuron]
        bias, threshold = parameters[BIAS, neuron], max(parameters[THRESHOLD, neuron], np.int64(1))
        active[neuron] = (charge[0, neuron] != 0 or charge[1, neuron] != 0 or first != 0 or second != 0
                          or potential != 0 or bias != 0)
        first, beyond = into_slot(constants, STATE_SLOT, _decayed(first, parameters[FIRST_SHIFT, neuron])
                                  + charge[0, neuron])
        n_overflows += beyond
        second, beyond = into_slot(constants, STATE_SLOT, _decayed(second, parameters[SECOND_SHIFT, neuron])
                                   + charge[1, neuron])
        n_overflows += beyond
        potential, beyond = into_slot(constants, SECOND_STATE_SLOT, _decayed(
            potential, parameters[MEMBRANE_SHIFT, neuron]) + first + second + bias)
        n_overflows += beyond
        count = np.int64(0)
        if potential >= threshold:
            count = min(potential // threshold, parameters[MOST_SPIKES, neuron])
        output[0, neuron], beyond = into_slot(constants, OUTPUT_SLOT, count)
        n_overflows += beyond
        state[FIRST_CURRENT, neuron], state[SECOND_CURRENT, neuron] = first, second
        state[POTENTIAL, neuron] = potential - count * threshold
    return n_overflows
