"""Sigma-delta neurons in integers: sum the changes received, send the change of the activation once it is large.

    sigma <- sigma + charge;   x = relu(sigma + bias)  (or without relu)
    corrected:  d = x - act;            s = d if |d| >= threshold else 0;  act <- act + ((s >> state_exp) << state_exp)
    plain:      d = x - act + residue;  s = d if |d| >= threshold else 0;  residue <- d - s;  act <- x
    message = s >> state_exp   (floor)

The plain form forgets the bits that the message drops, so that its receiver drifts; the corrected one keeps them in
x - act. With `cumulative`, a part of the plain form, the threshold is on the error summed since the last message.
Values are not clipped: the count returned is of sigmas and activations beyond 24 bits.

Source: lava-nc/lava b6822fbc, `src/lava/proc/sdn/models.py`, `PySigmaDeltaModelFixed`,
`PySigmaDeltaModelFixedCorrected` and `PyDeltaModelFixed`. Lava's process scales threshold and bias by
2**(spike_exp + state_exp).
"""

from typing import NamedTuple

from neurosim.kernel import inlined, kernel

THRESHOLD, BIAS = range(2)
SIGMA, ENCODER = 0, 1                       # rows of sigma-delta's state; a delta neuron's has the encoder's alone
ACTIVATION, RESIDUE, ERROR_SUM = range(3)


class SigmaDeltaOptions(NamedTuple):
    """The corrected form by default."""

    spike_exponent: int = 0         # of step_delta's input
    state_exponent: int = 0
    rectified: bool = True
    corrected: bool = True
    cumulative: bool = False
    limit: int = 2**23              # values from here on, or below its negative, are counted


@inlined
def _encode(options, threshold, state, neuron, x):
    """Return the change to send of activation x, unshifted; advance act, residue and error, the rows of `state`."""
    difference = x - state[ACTIVATION, neuron]
    if options.corrected:
        sent = difference if abs(difference) >= threshold else 0
        state[ACTIVATION, neuron] += (sent >> options.state_exponent) << options.state_exponent
        return sent
    difference += state[RESIDUE, neuron]
    compared = difference
    if options.cumulative:
        compared += state[ERROR_SUM, neuron]
    sent = difference if abs(compared) >= threshold else 0
    if options.cumulative:
        # A difference of 0 is no message, so that it does not clear the sum either.
        state[ERROR_SUM, neuron] = compared if sent == 0 else 0
    state[RESIDUE, neuron], state[ACTIVATION, neuron] = difference - sent, x
    return sent


@kernel
def step_sigma_delta(options, parameters, state, charge, message):
    """Advance `state` by one step, set `message`; return the number of sigmas and activations beyond 24 bits.

    Parameters
    ----------
    options : SigmaDeltaOptions
    parameters : int64[2, neuron]   threshold, bias, both scaled
    state : int64[4, neuron]        sigma, act, residue, error
    charge, message : int64[neuron]
    """
    n_overflows, limit, encoder = 0, options.limit, state[ENCODER:]
    for neuron in range(charge.size):
        sigma = state[SIGMA, neuron] + charge[neuron]
        x = sigma + parameters[BIAS, neuron]
        if options.rectified and x < 0:
            x = 0
        state[SIGMA, neuron] = sigma
        sent = _encode(options, parameters[THRESHOLD, neuron], encoder, neuron, x)
        message[neuron] = sent >> options.state_exponent
        n_overflows += int((sigma < -limit) | (sigma >= limit)) + int((x < -limit) | (x >= limit))
    return n_overflows


@kernel
def step_delta(options, parameters, state, value, message):
    """Send the change of input `value`, shifted up by both exponents; else like `step_sigma_delta` without a sum.

    state : int64[3, neuron]        act, residue, error
    """
    n_overflows, limit = 0, options.limit
    for neuron in range(value.size):
        x = value[neuron] << (options.spike_exponent + options.state_exponent)
        sent = _encode(options, parameters[THRESHOLD, neuron], state, neuron, x)
        message[neuron] = sent >> options.state_exponent
        n_overflows += int((x < -limit) | (x >= limit))
    return n_overflows
