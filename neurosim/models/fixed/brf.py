"""Balanced resonate-and-fire in integers: every product is rounded once, on its own.

    d  = damping + rnd(q mantissa, n)                                   in steps of damping; the products of gain and q
    u' = fit(u - rnd(d u, sd) - rnd(omega v, so) + charge)
    v' = fit(v + rnd(omega u, so) - rnd(d v, sd))                       with the old u, v, q
    spike = u' > threshold + q (or >=);   q' = fit(rnd(refractory_decay q, sr) + spike * one)

rnd(x, s) is x / 2**s, rounded as the slot of u says, in q' as that of q says; u, v, q and the charge share one scale,
in which `one` is 1. The increments of u and v are small: they are added to a state that is itself not multiplied, so
that omega and damping keep all their bits behind the point. Nobody has published integer semantics of this neuron: this
is ours.

Source: the equations of `neurosim.models.brf`.
"""

import numpy as np

from neurosim.kernel import kernel
from neurosim.machine import DECAY_SHIFT, LEAK_SHIFT, SECOND_STATE_SLOT, STATE_SLOT
from neurosim.models.brf import COMPARATOR, ON, REFRACTORY, Q, U, V
from neurosim.models.firing import fires
from neurosim.models.fixed.conversion import convert, into_slot, soma_draw

OMEGA, DAMPING, THRESHOLD, REFRACTORY_DECAY, REFRACTORY_SHIFT, GAIN_MANTISSA, GAIN_SHIFT, ONE = range(8)


@kernel
def step_fixed_brf(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance u, v and q, set spike and active; return the words of state that did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    comparator, refractory = options[COMPARATOR], options[REFRACTORY] == ON
    omega_shift, damping_shift = constants[DECAY_SHIFT], constants[LEAK_SHIFT]
    for neuron in range(size):
        omega, damping = parameters[OMEGA, neuron], parameters[DAMPING, neuron]
        threshold = parameters[THRESHOLD, neuron]
        u, v, q, given = state[U, neuron], state[V, neuron], state[Q, neuron], charge[0, neuron]
        active[neuron] = given != 0 or u != 0 or v != 0 or q != 0
        draw = soma_draw(0, size, neuron, first)
        if refractory:
            damping += convert(constants, STATE_SLOT, q, parameters[GAIN_MANTISSA, neuron],
                               parameters[GAIN_SHIFT, neuron], draw)
            threshold += q
        new_u = (u - convert(constants, STATE_SLOT, u, damping, damping_shift, draw + 1)
                 - convert(constants, STATE_SLOT, v, omega, omega_shift, draw + 2) + given)
        new_v = (v + convert(constants, STATE_SLOT, u, omega, omega_shift, draw + 3)
                 - convert(constants, STATE_SLOT, v, damping, damping_shift, draw + 4))
        state[U, neuron], u_beyond = into_slot(constants, STATE_SLOT, new_u)
        state[V, neuron], v_beyond = into_slot(constants, STATE_SLOT, new_v)
        n_overflows += u_beyond + v_beyond
        spike = np.int64(fires(state[U, neuron], threshold, comparator))
        output[0, neuron] = spike
        if refractory:
            kept = convert(constants, SECOND_STATE_SLOT, q, parameters[REFRACTORY_DECAY, neuron],
                           parameters[REFRACTORY_SHIFT, neuron], draw + 5)
            state[Q, neuron], beyond = into_slot(constants, SECOND_STATE_SLOT, kept + spike * parameters[ONE, neuron])
            n_overflows += beyond
    return n_overflows
