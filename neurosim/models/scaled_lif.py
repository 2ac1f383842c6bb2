"""Leaky integrate-and-fire whose threshold divides the current: `ssm_lif` behind its state space.

    m = leak u + charge / threshold;   spike = m >= 1 (or >);   u <- 0 on a spike, else m

The same as `lif` with the potential counted in thresholds, in the order of `ssm_lif`, so that a state-space channel
whose modes are neurons of their own gives the bits of one soma.

Source: as `neurosim.models.ssm_lif`.
"""

import numpy as np

from neurosim.kernel import kernel, part
from neurosim.models.firing import fires
from neurosim.models.powers import raise_real

THRESHOLD, LEAK = 0, 1
COMPARATOR = 0


@kernel
def step_scaled_lif(options, n_modes, parameters, state, charge, output, active):
    """Advance the potential, set spike and active."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    comparator, potential = options[COMPARATOR], state[0]
    for neuron in range(output.shape[1]):
        given = charge[0, neuron]
        active[neuron] = given != zero or potential[neuron] != zero
        # np.divide follows IEEE; the operator would raise on zero
        membrane = (parameters[LEAK, neuron] * potential[neuron]
                    + np.divide(given, parameters[THRESHOLD, neuron]))
        spike = fires(membrane, one, comparator)
        output[0, neuron] = one if spike else zero
        potential[neuron] = zero if spike else membrane


@part
def elapse_scaled_lif(elapsed, parameters):
    """Make the leak that of one step that lasts as long as `elapsed` steps without input."""
    raise_real(parameters[LEAK], elapsed)
