"""Adaptive leaky integrate-and-fire: a threshold that rises with each spike and falls back.

    level = threshold + beta q
    u <- leak u + input_gain charge;    spike = u > level (or >=);    then u <- u - level
    q <- adaptation_leak q + (1 - adaptation_leak) spike

so that q, the neuron's recent rate of 0 to 1, lifts the level from the next token on. With time constants in steps,
leak = exp(-1 / tau_mem), adaptation_leak = exp(-1 / tau_adp), input_gain = 1 - leak.

Source: Bellec, Salaj, Subramoney, Legenstein, Maass, "Long short-term memory and learning-to-learn in networks of
spiking neurons", NeurIPS 2018; reset and constants as in Yin, Corradi, Bohté, "Accurate and efficient time-domain
classification with adaptive spiking recurrent neural networks", Nature Machine Intelligence 3 (2021).
"""

from neurosim.kernel import kernel
from neurosim.models.firing import fires

LEAK, ADAPTATION_LEAK, THRESHOLD, BETA, INPUT_GAIN = 0, 1, 2, 3, 4
POTENTIAL, ADAPTATION = 0, 1
COMPARATOR = 0


@kernel
def step_alif(options, n_modes, parameters, state, charge, output, active):
    """Advance potential and adaptation, set spike and active. Order: as written, from left to right."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    comparator = options[COMPARATOR]
    for neuron in range(output.shape[1]):
        potential, adaptation = state[POTENTIAL, neuron], state[ADAPTATION, neuron]
        kept, given = parameters[ADAPTATION_LEAK, neuron], charge[0, neuron]
        active[neuron] = given != zero or potential != zero or adaptation != zero
        level = parameters[THRESHOLD, neuron] + parameters[BETA, neuron] * adaptation
        potential = parameters[LEAK, neuron] * potential + parameters[INPUT_GAIN, neuron] * given
        spike = zero
        if fires(potential, level, comparator):
            spike = one
            potential = potential - level
        output[0, neuron] = spike
        state[POTENTIAL, neuron] = potential
        state[ADAPTATION, neuron] = kept * adaptation + (one - kept) * spike
