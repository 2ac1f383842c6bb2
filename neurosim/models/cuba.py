"""Current-based leaky integrate-and-fire.

    i <- current_leak i + charge;   u <- leak u + i + bias;   firing and reset as in `lif`

The current goes on during the refractory updates, in which the potential is held at `reset_value`.

Source: Davies et al., "Loihi: a neuromorphic manycore processor with on-chip learning", IEEE Micro 38 (2018), eqs 1-3.
"""

from neurosim.kernel import kernel
from neurosim.models.firing import fires, potential_after_spike

CURRENT_LEAK, LEAK, THRESHOLD, RESET_VALUE, BIAS, REFRACTORY_STEPS = 0, 1, 2, 3, 4, 5
CURRENT, POTENTIAL, REFRACTORY = 0, 1, 2
COMPARATOR, RESET = 0, 1


@kernel
def step_cuba(options, n_modes, parameters, state, charge, output, active):
    """Advance current, potential and refractory count, set spike and active. Order: (leak u + i) + bias."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    comparator, reset = options[COMPARATOR], options[RESET]
    for neuron in range(output.shape[1]):
        current, potential, refractory = state[CURRENT, neuron], state[POTENTIAL, neuron], state[REFRACTORY, neuron]
        threshold, reset_value = parameters[THRESHOLD, neuron], parameters[RESET_VALUE, neuron]
        bias, given = parameters[BIAS, neuron], charge[0, neuron]
        active[neuron] = (given != zero or current != zero or potential != zero or refractory != zero
                          or bias != zero)
        output[0, neuron] = zero
        current = parameters[CURRENT_LEAK, neuron] * current + given
        state[CURRENT, neuron] = current
        if refractory > zero:
            state[POTENTIAL, neuron], state[REFRACTORY, neuron] = reset_value, refractory - one
            continue
        potential = parameters[LEAK, neuron] * potential + current + bias
        if fires(potential, threshold, comparator):
            output[0, neuron] = one
            potential = potential_after_spike(potential, threshold, reset_value, reset)
            refractory = parameters[REFRACTORY_STEPS, neuron]
        state[POTENTIAL, neuron], state[REFRACTORY, neuron] = potential, refractory
