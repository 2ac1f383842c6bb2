"""SpikingSSM: the S4D channel of `diagonal_ssm` into a leaky integrate-and-fire membrane with a hard reset to 0.

    I = y / threshold;   m = leak u + I;   spike = m >= 1 (or >);   u <- 0 on a spike, else m

The threshold divides the current and the comparison is with 1, as in the trained networks; the two forms agree only
because the reset value is 0.

Source: Shen et al., "SpikingSSMs: Learning Long Sequences with Sparse and Parallel Spiking State Space Models",
AAAI 2025, eqs 1-9.
"""

import numpy as np

from neurosim.kernel import kernel
from neurosim.models.diagonal_ssm import LEAK, MODE_STATES, MODE_TABLES, THRESHOLD, advance_modes
from neurosim.models.firing import fires

COMPARATOR = 0


@kernel
def step_ssm_lif(options, n_modes, parameters, state, charge, output, active):
    """Advance modes and potential, set spike and active."""
    advance_modes(n_modes, parameters, state, charge, output, active)
    step_membrane(options, parameters[MODE_TABLES * n_modes + THRESHOLD], parameters[MODE_TABLES * n_modes + LEAK],
                  state[MODE_STATES * n_modes], output[0], active)


@kernel
def step_membrane(options, threshold, leak, potential, values, active):
    """Advance the potential by y [neuron], which becomes spikes; it counts as active too. Two loops that vectorise."""
    number = values.dtype.type
    zero, one = number(0), number(1)
    comparator = options[COMPARATOR]
    for neuron in range(values.size):
        active[neuron] |= potential[neuron] != zero
    for neuron in range(values.size):
        # np.divide follows IEEE; the operator would raise on zero
        membrane = leak[neuron] * potential[neuron] + np.divide(values[neuron], threshold[neuron])
        spike = fires(membrane, one, comparator)
        values[neuron] = one if spike else zero
        potential[neuron] = zero if spike else membrane
