"""Binary S4D: the S4D channel of `diagonal_ssm` with a Heaviside step and no membrane.

    spike = y >= threshold (or >)

Source: Stan and Rhodes, "Learning long sequences in spiking neural networks", Scientific Reports 14 (2024).
"""

from neurosim.kernel import kernel
from neurosim.models.diagonal_ssm import MODE_TABLES, THRESHOLD, advance_modes
from neurosim.models.firing import fires

COMPARATOR = 0


@kernel
def step_ssm_heaviside(options, n_modes, parameters, state, charge, output, active):
    """Advance the modes, set spike and active."""
    advance_modes(n_modes, parameters, state, charge, output, active)
    compare_with_threshold(options, parameters[MODE_TABLES * n_modes + THRESHOLD], output[0])


@kernel
def compare_with_threshold(options, threshold, values):
    """Turn y [neuron] into spikes."""
    number = values.dtype.type
    zero, one = number(0), number(1)
    comparator = options[COMPARATOR]
    for neuron in range(values.size):
        values[neuron] = one if fires(values[neuron], threshold[neuron], comparator) else zero
