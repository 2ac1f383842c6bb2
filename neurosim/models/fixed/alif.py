"""Adaptive leaky integrate-and-fire in integers: every product is rounded once, on its own.

    level = threshold + rnd(beta q, sb)
    u' = fit(rnd(leak u, sl) + rnd(input_gain charge, sg));   spike = u' > level (or >=);   then u' = fit(u' - level)
    q' = fit(rnd(adaptation_leak q, sa) + spike * rise)

rnd(x, s) is x / 2**s, rounded as the slot of the potential says, in q' as that of the adaptation says; charge,
potential and adaptation share one scale, in which `rise` is 1 - adaptation_leak. Nobody has published integer semantics
of this neuron: this is ours.

Source: the equations of `neurosim.models.alif`.
"""

import numpy as np

from neurosim.kernel import kernel
from neurosim.machine import DECAY_SHIFT, LEAK_SHIFT, SECOND_STATE_SLOT, STATE_SLOT
from neurosim.models.alif import ADAPTATION, COMPARATOR, POTENTIAL
from neurosim.models.firing import fires
from neurosim.models.fixed.conversion import convert, into_slot, soma_draw

LEAK, ADAPTATION_LEAK, THRESHOLD, BETA, BETA_SHIFT, INPUT_GAIN, GAIN_SHIFT, RISE = range(8)


@kernel
def step_fixed_alif(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance potential and adaptation, set spike and active; return the words of state that did not fit."""
    n_overflows, size, comparator = np.int64(0), output.shape[1], options[COMPARATOR]
    for neuron in range(size):
        potential, adaptation, given = state[POTENTIAL, neuron], state[ADAPTATION, neuron], charge[0, neuron]
        active[neuron] = given != 0 or potential != 0 or adaptation != 0
        draw = soma_draw(0, size, neuron, first)
        level = parameters[THRESHOLD, neuron] + convert(
            constants, STATE_SLOT, adaptation, parameters[BETA, neuron], parameters[BETA_SHIFT, neuron], draw)
        kept = convert(constants, STATE_SLOT, potential, parameters[LEAK, neuron], constants[LEAK_SHIFT], draw + 1)
        added = convert(constants, STATE_SLOT, given, parameters[INPUT_GAIN, neuron], parameters[GAIN_SHIFT, neuron],
                        draw + 2)
        potential, beyond = into_slot(constants, STATE_SLOT, kept + added)
        n_overflows += beyond
        spike = np.int64(fires(potential, level, comparator))
        if spike != 0:
            potential, beyond = into_slot(constants, STATE_SLOT, potential - level)
            n_overflows += beyond
        adaptation = convert(constants, SECOND_STATE_SLOT, adaptation, parameters[ADAPTATION_LEAK, neuron],
                             constants[DECAY_SHIFT], draw + 3)
        adaptation, beyond = into_slot(constants, SECOND_STATE_SLOT, adaptation + spike * parameters[RISE, neuron])
        n_overflows += beyond
        output[0, neuron] = spike
        state[POTENTIAL, neuron], state[ADAPTATION, neuron] = potential, adaptation
    return n_overflows
