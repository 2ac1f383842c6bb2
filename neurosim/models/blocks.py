"""State spaces advanced by a block of tokens at once, in the same bits as token by token.

They advance mode by mode, all tokens of the block each (`diagonal_ssm`). Engines call these steps by address
(`models.calls`); other models go token by token.
"""

import numpy as np

from neurosim.kernel import kernel, part
from neurosim.models.diagonal_ssm import (
    BIAS,
    LEAK,
    MODE_STATES,
    MODE_TABLES,
    THRESHOLD,
    D,
    advance_modes_in_block,
)
from neurosim.models.fixed.state_space import BIAS as FIXED_BIAS
from neurosim.models.fixed.state_space import THRESHOLD as FIXED_THRESHOLD
from neurosim.models.fixed.state_space import (
    activate_fixed,
    advance_fixed_modes_in_block,
    compare_fixed,
    finish_fixed_output,
    step_fixed_membrane,
)
from neurosim.models.ssm import activate
from neurosim.models.ssm_heaviside import compare_with_threshold
from neurosim.models.ssm_lif import step_membrane


@kernel
def step_block_ssm(options, n_modes, parameters, state, charges, outputs, live, active):
    """Update all neurons of a population for each token of a block.

    charges : float[token, size]                overwritten
    outputs : float[token, size]                written
    live : float[token, size]                   scratch
    active : uint8[token, size]                 written
    The rest as for `registry.update`.
    """
    _advance(n_modes, parameters, state, charges, outputs, live, active)
    for token in range(outputs.shape[0]):
        activate(options, outputs[token])


@kernel
def step_block_ssm_heaviside(options, n_modes, parameters, state, charges, outputs, live, active):
    """Do so where the sums are compared with a threshold."""
    _advance(n_modes, parameters, state, charges, outputs, live, active)
    for token in range(outputs.shape[0]):
        compare_with_threshold(options, parameters[MODE_TABLES * n_modes + THRESHOLD], outputs[token])


@kernel
def step_block_ssm_lif(options, n_modes, parameters, state, charges, outputs, live, active):
    """Do so with an integrate-and-fire neuron behind the modes."""
    _advance(n_modes, parameters, state, charges, outputs, live, active)
    tail = MODE_TABLES * n_modes
    for token in range(outputs.shape[0]):
        step_membrane(options, parameters[tail + THRESHOLD], parameters[tail + LEAK], state[MODE_STATES * n_modes],
                      outputs[token], active[token])


@part
def _advance(n_modes, parameters, state, charges, outputs, live, active):
    """Advance modes by the whole block, which leaves y in outputs."""
    tail = MODE_TABLES * n_modes
    _add_bias(parameters[tail + BIAS], charges, active)
    advance_modes_in_block(n_modes, parameters, state, charges, outputs, live)
    for token in range(outputs.shape[0]):
        _finish(parameters[tail + D], charges[token], live[token], outputs[token], active[token])


@part
def _add_bias(bias, charges, active):
    """Turn charges into x = charge + bias; active: whether one of the two is not 0."""
    for token in range(charges.shape[0]):
        for neuron in range(bias.size):
            active[token, neuron] = charges[token, neuron] != 0 or bias[neuron] != 0
        for neuron in range(bias.size):
            charges[token, neuron] += bias[neuron]


@part
def _finish(d, x, live, total, active):
    """Turn the sum over modes into y = 2 sum + d x; a neuron with a live word was active."""
    two = total.dtype.type(2)
    for neuron in range(total.size):
        active[neuron] |= live[neuron] != 0
    for neuron in range(total.size):
        total[neuron] = two * total[neuron] + d[neuron] * x[neuron]


@kernel
def step_fixed_block_ssm(constants, table, options, n_modes, parameters, state, charges, outputs, live, active,
                         overflow, first, draws):
    """Do the same in integers; add what did not fit to overflow [token].

    first, draws : first random entry of the first token, and by how much it advances; the rest as for `update_fixed`
    """
    _advance_fixed(constants, n_modes, parameters, state, charges, outputs, live, active, overflow, first, draws)
    for token in range(outputs.shape[0]):
        overflow[token] += activate_fixed(constants, table, options, n_modes, parameters, outputs[token],
                                          first + np.int64(token) * draws)


@kernel
def step_fixed_block_ssm_heaviside(constants, table, options, n_modes, parameters, state, charges, outputs, live,
                                   active, overflow, first, draws):
    """Do so where the sums are compared with a threshold."""
    _advance_fixed(constants, n_modes, parameters, state, charges, outputs, live, active, overflow, first, draws)
    for token in range(outputs.shape[0]):
        compare_fixed(options, parameters[MODE_TABLES * n_modes + FIXED_THRESHOLD], outputs[token])


@kernel
def step_fixed_block_ssm_lif(constants, table, options, n_modes, parameters, state, charges, outputs, live, active,
                             overflow, first, draws):
    """Do so with an integrate-and-fire neuron behind the modes."""
    _advance_fixed(constants, n_modes, parameters, state, charges, outputs, live, active, overflow, first, draws)
    for token in range(outputs.shape[0]):
        overflow[token] += step_fixed_membrane(constants, options, n_modes, parameters, state[MODE_STATES * n_modes],
                                               outputs[token], active[token], first + np.int64(token) * draws)


@part
def _advance_fixed(constants, n_modes, parameters, state, charges, outputs, live, active, overflow, first, draws):
    """Advance modes by the whole block, which leaves y in outputs."""
    bias = parameters[MODE_TABLES * n_modes + FIXED_BIAS]
    _add_bias(bias, charges, active)
    advance_fixed_modes_in_block(constants, n_modes, parameters, state, charges, outputs, live, overflow)
    for token in range(outputs.shape[0]):
        values = outputs[token]
        for neuron in range(values.size):
            active[token, neuron] |= live[token, neuron] != 0
        for neuron in range(values.size):
            values[neuron] *= 2
            charges[token, neuron] -= bias[neuron]
        overflow[token] += finish_fixed_output(constants, n_modes, parameters, charges[token], values,
                                               first + np.int64(token) * draws)


BLOCK_KERNELS = {"ssm": step_block_ssm, "ssm_heaviside": step_block_ssm_heaviside, "ssm_lif": step_block_ssm_lif}
FIXED_BLOCK_KERNELS = {"ssm": step_fixed_block_ssm, "ssm_heaviside": step_fixed_block_ssm_heaviside,
                       "ssm_lif": step_fixed_block_ssm_lif}
