"""Integer somata of one sum: linear, relu, gelu, reduce, center, layer_norm, integrator, running_mean.

Each does what its floating-point model does. conv(x) is x mantissa / 2**shift, rounded as the output's slot says; the
payload is then made to fit. x is the charge plus the bias, both in the charge's units.

    linear, reduce    y = conv(x)                           reduce: x is the sum of its three ports
    relu              y = conv(max(x, 0))
    gelu              y = conv(x normal(x))                 normal from the table
    center            y = conv(c), square = conv(c c)       c = value - mean
    layer_norm        s = min(variance + epsilon, 2**24 - 1);  y = bias if s <= 0 else
                      conv(rnd(value ((1 << 46) // isqrt(s << 38)), 20)) + bias      rnd(x, n) is x / 2**n, rounded
    integrator        p <- p leak / 2**f + x, rounded and fitted as a state;   y = conv(p)
    running_mean      total <- fit(total + x);   y = floor(conv(total) / (256 count))   conv with 8 bits more
"""

import numpy as np

from neurosim.kernel import inlined, kernel
from neurosim.machine import (
    LEAK_SHIFT,
    OUTPUT_SLOT,
    SECOND_OUTPUT_SLOT,
    SLOT_ROUNDING,
    STATE_SLOT,
    STREAM_KEY,
)
from neurosim.models.fixed.conversion import convert, into_slot, soma_draw
from neurosim.models.fixed.lookup import look_up
from neurosim.numbers import shift_right

# Rows of linear, relu, reduce; gelu has the conversion to the table's x behind them.
BIAS, OUT_MANTISSA, OUT_SHIFT, X_MANTISSA, X_SHIFT = range(5)
CENTRED_MANTISSA, CENTRED_SHIFT, SQUARE_MANTISSA, SQUARE_SHIFT = range(4)
EPSILON, SCALE_MANTISSA, SCALE_SHIFT, NORM_BIAS = range(4)
# Rows of integrator and running_mean behind BIAS … OUT_SHIFT.
LEAK = 3
ROOT_SHIFT, INVERSE_SHIFT, NORMAL_SHIFT, MEAN_SHIFT = 38, 46, 20, 8
MOST_SPREAD = 2**24 - 1


@inlined
def _send(constants, slot, value, mantissa, shift, draw):
    """Return (the payload, 1 if it did not fit)."""
    return into_slot(constants, slot, convert(constants, slot, value, mantissa, shift, draw))


@kernel
def step_fixed_linear(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Set the output and active; return the payloads that did not fit."""
    return _send_sums(constants, False, parameters, charge, output, active, first)


@kernel
def step_fixed_relu(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Set the output and active; return the payloads that did not fit."""
    return _send_sums(constants, True, parameters, charge, output, active, first)


@inlined
def _send_sums(constants, rectified, parameters, charge, output, active, first):
    n_overflows, size = np.int64(0), output.shape[1]
    for neuron in range(size):
        given, bias = charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != 0 or bias != 0
        x = given + bias
        if rectified and x < 0:
            x = np.int64(0)
        output[0, neuron], beyond = _send(constants, OUTPUT_SLOT, x, parameters[OUT_MANTISSA, neuron],
                                          parameters[OUT_SHIFT, neuron], soma_draw(0, size, neuron, first))
        n_overflows += beyond
    return n_overflows


@kernel
def step_fixed_gelu(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Set the output and active; return the payloads that did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    for neuron in range(size):
        given, bias = charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != 0 or bias != 0
        x, draw = given + bias, soma_draw(0, size, neuron, first)
        point = convert(constants, OUTPUT_SLOT, x, parameters[X_MANTISSA, neuron], parameters[X_SHIFT, neuron], draw)
        output[0, neuron], beyond = _send(constants, OUTPUT_SLOT, x * look_up(constants, table, point),
                                          parameters[OUT_MANTISSA, neuron], parameters[OUT_SHIFT, neuron], draw + 1)
        n_overflows += beyond
    return n_overflows


@kernel
def step_fixed_reduce(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Set the output and active; return the payloads that did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    for neuron in range(size):
        total, largest, magnitude = charge[0, neuron], charge[1, neuron], charge[2, neuron]
        bias = parameters[BIAS, neuron]
        active[neuron] = total != 0 or largest != 0 or magnitude != 0 or bias != 0
        output[0, neuron], beyond = _send(constants, OUTPUT_SLOT, total + largest + magnitude + bias,
                                          parameters[OUT_MANTISSA, neuron], parameters[OUT_SHIFT, neuron],
                                          soma_draw(0, size, neuron, first))
        n_overflows += beyond
    return n_overflows


@kernel
def step_fixed_center(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Set both outputs and active; return the payloads that did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    for neuron in range(size):
        value, mean = charge[0, neuron], charge[1, neuron]
        active[neuron] = value != 0 or mean != 0
        centred, draw = value - mean, soma_draw(0, size, neuron, first)
        output[0, neuron], beyond = _send(constants, OUTPUT_SLOT, centred, parameters[CENTRED_MANTISSA, neuron],
                                          parameters[CENTRED_SHIFT, neuron], draw)
        output[1, neuron], square_beyond = _send(constants, SECOND_OUTPUT_SLOT, centred * centred,
                                                 parameters[SQUARE_MANTISSA, neuron],
                                                 parameters[SQUARE_SHIFT, neuron], draw + 1)
        n_overflows += beyond + square_beyond
    return n_overflows


@inlined
def _root(value):
    """Return the integer square root, 0 <= value < 2**62, bit by bit."""
    root, bit, rest = np.int64(0), np.int64(1) << 60, value
    while bit > 0:
        if rest >= root + bit:
            rest -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root


@kernel
def step_fixed_layer_norm(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Set the output and active; return the payloads that did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    rounding, key = constants[OUTPUT_SLOT + SLOT_ROUNDING], constants[STREAM_KEY]
    for neuron in range(size):
        value, variance, bias = charge[0, neuron], charge[1, neuron], parameters[NORM_BIAS, neuron]
        active[neuron] = value != 0 or variance != 0 or bias != 0
        spread = min(variance + parameters[EPSILON, neuron], MOST_SPREAD)
        total = bias
        if spread > 0:
            inverse = (np.int64(1) << INVERSE_SHIFT) // _root(spread << ROOT_SHIFT)
            normal = shift_right(value * inverse, NORMAL_SHIFT, rounding, key, soma_draw(0, size, neuron, first))
            total += convert(constants, OUTPUT_SLOT, normal, parameters[SCALE_MANTISSA, neuron],
                             parameters[SCALE_SHIFT, neuron], soma_draw(0, size, neuron, first) + 1)
        output[0, neuron], beyond = into_slot(constants, OUTPUT_SLOT, total)
        n_overflows += beyond
    return n_overflows


@kernel
def step_fixed_integrator(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance the potential, set the output and active; return what did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    for neuron in range(size):
        potential, given, bias = state[0, neuron], charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != 0 or potential != 0 or bias != 0
        draw = soma_draw(0, size, neuron, first)
        kept = convert(constants, STATE_SLOT, potential, parameters[LEAK, neuron], constants[LEAK_SHIFT], draw)
        state[0, neuron], beyond = into_slot(constants, STATE_SLOT, kept + given + bias)
        output[0, neuron], payload_beyond = _send(constants, OUTPUT_SLOT, state[0, neuron],
                                                  parameters[OUT_MANTISSA, neuron], parameters[OUT_SHIFT, neuron],
                                                  draw + 1)
        n_overflows += beyond + payload_beyond
    return n_overflows


@kernel
def step_fixed_running_mean(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance total and count, set the output and active; return what did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    for neuron in range(size):
        total, count, given, bias = state[0, neuron], state[1, neuron], charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != 0 or total != 0 or count != 0 or bias != 0
        state[0, neuron], beyond = into_slot(constants, STATE_SLOT, total + given + bias)
        state[1, neuron] = count + 1
        summed = convert(constants, OUTPUT_SLOT, state[0, neuron], parameters[OUT_MANTISSA, neuron],
                         parameters[OUT_SHIFT, neuron] - MEAN_SHIFT, soma_draw(0, size, neuron, first))
        output[0, neuron], payload_beyond = into_slot(constants, OUTPUT_SLOT, summed // ((count + 1) << MEAN_SHIFT))
        n_overflows += beyond + payload_beyond
    return n_overflows
