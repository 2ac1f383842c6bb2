"""A population advanced by a block of tokens at once, in the same bits as token by token: `registry.update` in a loop.

State spaces advance mode by mode, all tokens of the block each (`diagonal_ssm`); other models token by token.
"""

import numpy as np

from neurosim.kernel import part
from neurosim.models.diagonal_ssm import (
    BIAS,
    LEAK,
    MODE_STATES,
    MODE_TABLES,
    THRESHOLD,
    D,
    advance_modes_in_block,
)
from neurosim.models.fixed.registry import update_fixed
from neurosim.models.fixed.state_space import BIAS as FIXED_BIAS
from neurosim.models.fixed.state_space import THRESHOLD as FIXED_THRESHOLD
from neurosim.models.fixed.state_space import (
    activate_fixed,
    advance_fixed_modes_in_block,
    compare_fixed,
    finish_fixed_output,
    may_block,
    step_fixed_membrane,
)
from neurosim.models.registry import SSM, SSM_HEAVISIDE, SSM_LIF, update
from neurosim.models.ssm import activate
from neurosim.models.ssm_heaviside import compare_with_threshold
from neurosim.models.ssm_lif import step_membrane


@part
def update_block(model, options, n_modes, parameters, state, charges, outputs, live, active):
    """Update all neurons of a population of one output for each token of a block.

    charges : float[token, n_ports size]        overwritten
    outputs : float[token, size]                written
    live : float[token, size]                   scratch
    active : uint8[token, size]                 written
    The rest as for `registry.update`.
    """
    n_tokens, size = outputs.shape
    if model == SSM or model == SSM_HEAVISIDE or model == SSM_LIF:
        _update_state_space(model, options, n_modes, parameters, state, charges, outputs, live, active)
        return
    n_ports = charges.shape[1] // size
    for token in range(n_tokens):
        update(model, options, n_modes, parameters, state, charges[token].reshape(n_ports, size),
               outputs[token].reshape(1, size), active[token])


@part
def _update_state_space(model, options, n_modes, parameters, state, charges, outputs, live, active):
    """Advance modes by the whole block, then what stands behind them token by token."""
    tail = MODE_TABLES * n_modes
    _add_bias(parameters[tail + BIAS], charges, active)
    advance_modes_in_block(n_modes, parameters, state, charges, outputs, live)
    for token in range(outputs.shape[0]):
        values = outputs[token]
        _finish(parameters[tail + D], charges[token], live[token], values, active[token])
        if model == SSM_LIF:
            step_membrane(options, parameters[tail + THRESHOLD], parameters[tail + LEAK], state[MODE_STATES * n_modes],
                          values, active[token])
        elif model == SSM_HEAVISIDE:
            compare_with_threshold(options, parameters[tail + THRESHOLD], values)
        else:
            activate(options, values)


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


@part
def update_fixed_block(model, constants, table, options, n_modes, parameters, state, charges, outputs, live, active,
                       overflow, first, draws):
    """Do the same in integers; add what did not fit to overflow [token].

    first, draws : first random entry of the first token, and by how much it advances; the rest as for `update_fixed`
    """
    n_tokens, size = outputs.shape
    if (model == SSM or model == SSM_HEAVISIDE or model == SSM_LIF) and may_block(constants):
        _update_fixed_state_space(model, constants, table, options, n_modes, parameters, state, charges, outputs, live,
                                  active, overflow, first, draws)
        return
    n_ports = charges.shape[1] // size
    for token in range(n_tokens):
        overflow[token] += update_fixed(model, constants, table, options, n_modes, parameters, state,
                                        charges[token].reshape(n_ports, size), outputs[token].reshape(1, size),
                                        active[token], first + np.int64(token) * draws)


@part
def _update_fixed_state_space(model, constants, table, options, n_modes, parameters, state, charges, outputs, live,
                              active, overflow, first, draws):
    """Advance modes by the whole block, then what stands behind them token by token."""
    tail = MODE_TABLES * n_modes
    bias = parameters[tail + FIXED_BIAS]
    _add_bias(bias, charges, active)
    advance_fixed_modes_in_block(constants, n_modes, parameters, state, charges, outputs, live, overflow)
    for token in range(outputs.shape[0]):
        values, draw = outputs[token], first + np.int64(token) * draws
        for neuron in range(values.size):
            active[token, neuron] |= live[token, neuron] != 0
        for neuron in range(values.size):
            values[neuron] *= 2
            charges[token, neuron] -= bias[neuron]
        overflow[token] += finish_fixed_output(constants, n_modes, parameters, charges[token], values, draw)
        if model == SSM_LIF:
            overflow[token] += step_fixed_membrane(constants, options, n_modes, parameters,
                                                   state[MODE_STATES * n_modes], values, active[token], draw)
        elif model == SSM_HEAVISIDE:
            compare_fixed(options, parameters[tail + FIXED_THRESHOLD], values)
        else:
            overflow[token] += activate_fixed(constants, table, options, n_modes, parameters, values, draw)
