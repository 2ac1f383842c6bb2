"""Integer leaky integrate-and-fire without a current; with one it is Loihi's (`loihi_lif`).

u <- fit(u leak / 2**f + charge + bias);   firing, reset and refractory steps as in `neurosim.models.lif`

`scaled_lif` is the same without bias, reset to 0 and no refractory steps: in integers nothing is divided, its potential
counts in steps of the charge, and it fires at the threshold.
"""

import numpy as np

from neurosim.kernel import kernel
from neurosim.machine import LEAK_SHIFT, STATE_SLOT
from neurosim.models.firing import fires, potential_after_spike
from neurosim.models.fixed.conversion import convert, into_slot, soma_draw
from neurosim.models.lif import (
    BIAS,
    COMPARATOR,
    LEAK,
    POTENTIAL,
    REFRACTORY,
    REFRACTORY_STEPS,
    RESET,
    RESET_VALUE,
    THRESHOLD,
)
from neurosim.models.scaled_lif import LEAK as SCALED_LEAK
from neurosim.models.scaled_lif import THRESHOLD as SCALED_THRESHOLD


@kernel
def step_fixed_lif(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance potential and refractory count, set spike and active; return the potentials that did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    comparator, reset = options[COMPARATOR], options[RESET]
    for neuron in range(size):
        potential, refractory = state[POTENTIAL, neuron], state[REFRACTORY, neuron]
        threshold, reset_value = parameters[THRESHOLD, neuron], parameters[RESET_VALUE, neuron]
        bias, given = parameters[BIAS, neuron], charge[0, neuron]
        active[neuron] = given != 0 or potential != 0 or refractory != 0 or bias != 0
        output[0, neuron] = 0
        if refractory > 0:
            state[POTENTIAL, neuron], state[REFRACTORY, neuron] = reset_value, refractory - 1
            continue
        kept = convert(constants, STATE_SLOT, potential, parameters[LEAK, neuron], constants[LEAK_SHIFT],
                       soma_draw(0, size, neuron, first))
        potential, beyond = into_slot(constants, STATE_SLOT, kept + given + bias)
        n_overflows += beyond
        if fires(potential, threshold, comparator):
            output[0, neuron] = 1
            potential = potential_after_spike(potential, threshold, reset_value, reset)
            refractory = parameters[REFRACTORY_STEPS, neuron]
        state[POTENTIAL, neuron], state[REFRACTORY, neuron] = potential, refractory
    return n_overflows


@kernel
def step_fixed_scaled_lif(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance the potential, set spike and active; return the potentials that did not fit."""
    n_overflows, size, comparator = np.int64(0), output.shape[1], options[COMPARATOR]
    for neuron in range(size):
        potential, given = state[POTENTIAL, neuron], charge[0, neuron]
        active[neuron] = given != 0 or potential != 0
        kept = convert(constants, STATE_SLOT, potential, parameters[SCALED_LEAK, neuron], constants[LEAK_SHIFT],
                       soma_draw(0, size, neuron, first))
        membrane, beyond = into_slot(constants, STATE_SLOT, kept + given)
        n_overflows += beyond
        spike = fires(membrane, parameters[SCALED_THRESHOLD, neuron], comparator)
        output[0, neuron] = np.int64(spike)
        state[POTENTIAL, neuron] = 0 if spike else membrane
    return n_overflows
