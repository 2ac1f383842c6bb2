"""Leaky integrate-and-fire.

    u <- leak u + charge + bias;   spike = u >= threshold (or >)
    reset: hard u = reset_value | soft u = reset_value + (u - threshold) | none

After a spike the potential is held at `reset_value` for `refractory_steps` updates, in which input is lost.

Source: Gerstner, Kistler, Naud, Paninski, "Neuronal Dynamics" (2014), section 1.3, in discrete time.
"""

import numpy as np

from neurosim.kernel import kernel, part
from neurosim.models.firing import fires, potential_after_spike
from neurosim.models.powers import raise_real

LEAK, THRESHOLD, RESET_VALUE, BIAS, REFRACTORY_STEPS = 0, 1, 2, 3, 4
POTENTIAL, REFRACTORY = 0, 1
COMPARATOR, RESET = 0, 1


@kernel
def step_lif(options, n_modes, parameters, state, charge, output, active):
    """Advance potential and refractory count, set spike and active. Order: (leak u + charge) + bias."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    comparator, reset = options[COMPARATOR], options[RESET]
    for neuron in range(output.shape[1]):
        potential, refractory = state[POTENTIAL, neuron], state[REFRACTORY, neuron]
        threshold, reset_value = parameters[THRESHOLD, neuron], parameters[RESET_VALUE, neuron]
        bias, given = parameters[BIAS, neuron], charge[0, neuron]
        active[neuron] = given != zero or potential != zero or refractory != zero or bias != zero
        output[0, neuron] = zero
        if refractory > zero:
            state[POTENTIAL, neuron], state[REFRACTORY, neuron] = reset_value, refractory - one
            continue
        potential = parameters[LEAK, neuron] * potential + given + bias
        if fires(potential, threshold, comparator):
            output[0, neuron] = one
            potential = potential_after_spike(potential, threshold, reset_value, reset)
            refractory = parameters[REFRACTORY_STEPS, neuron]
        state[POTENTIAL, neuron], state[REFRACTORY, neuron] = potential, refractory


@part
def elapse_lif(elapsed, parameters, state):
    """Make leak and refractory count those of one step that lasts as long as `elapsed` steps without input.

    A neuron that rests until then stays at `reset_value` for the rest, and leaks only after it.
    """
    for neuron in range(elapsed.size):
        left = np.float64(state[REFRACTORY, neuron])
        if left <= 0.0:
            continue
        left -= elapsed[neuron]
        if left >= 0.0:     # the step itself takes one off
            state[REFRACTORY, neuron] = left + 1.0
        else:
            state[REFRACTORY, neuron], state[POTENTIAL, neuron] = 0.0, parameters[RESET_VALUE, neuron]
            elapsed[neuron] = -left
    raise_real(parameters[LEAK], elapsed)
