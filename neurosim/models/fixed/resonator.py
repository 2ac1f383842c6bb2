"""Resonate-and-fire neurons in integers: each product is shifted on its own, toward zero.

    re' = trz(cos re, b) - trz(sin im, b) + (charge_re << state_exponent)
    im' = trz(sin re, b) + trz(cos im, b) + (charge_im << state_exponent)      with the old re, im
    both clipped to +-(2**23 - 1)
    phase:      spike = re' >= threshold and im' >= 0 and im < 0
    izhikevich: spike = im' >= threshold;  then re = 0, im = threshold - 1

sin and cos are lambda 2**b of lambda = (1 - alpha) exp(2 pi i / period).

Source: lava-nc/lava b6822fbc, `src/lava/proc/rf/models.py`, `src/lava/proc/rf_iz/models.py`; without clipping as in
lava-nc/lava-dl d825ac50, `slayer/neuron/rf.py` and `slayer/neuron/dynamics/resonator.py`.
"""

from typing import NamedTuple

from neurosim.kernel import kernel
from neurosim.numbers import clip, shift_toward_zero

SIN, COS, THRESHOLD = range(3)
REAL, IMAG = range(2)
PHASE, IZHIKEVICH = range(2)
LIMIT = 2**23 - 1


class ResonatorOptions(NamedTuple):
    """`clipped` is Lava's; lava-dl does not clip."""

    decay_bits: int = 12
    state_exponent: int = 6
    firing: int = PHASE
    clipped: bool = True
    limit: int = LIMIT


@kernel
def step_resonator(options, parameters, state, charge, spike):
    """Advance `state` by one step and set `spike` to 0 or 1; return the number of values beyond +-(2**23 - 1).

    Parameters
    ----------
    options : ResonatorOptions
    parameters : int64[3, neuron]   sin, cos, threshold (in units of the state)
    state : int64[2, neuron]        re, im
    charge : int64[2, neuron]       for re, im
    spike : int64[neuron]
    """
    n_overflows, limit = 0, options.limit
    for neuron in range(spike.size):
        sin, cos, threshold = parameters[SIN, neuron], parameters[COS, neuron], parameters[THRESHOLD, neuron]
        old_real, old_imag = state[REAL, neuron], state[IMAG, neuron]
        real = (shift_toward_zero(cos * old_real, options.decay_bits)
                - shift_toward_zero(sin * old_imag, options.decay_bits)
                + (charge[REAL, neuron] << options.state_exponent))
        imag = (shift_toward_zero(sin * old_real, options.decay_bits)
                + shift_toward_zero(cos * old_imag, options.decay_bits)
                + (charge[IMAG, neuron] << options.state_exponent))
        held_real, real_beyond = clip(real, -limit, limit)
        held_imag, imag_beyond = clip(imag, -limit, limit)
        n_overflows += int(real_beyond) + int(imag_beyond)
        if options.clipped:
            real, imag = held_real, held_imag
        if options.firing == PHASE:
            spike[neuron] = int((real >= threshold) & (imag >= 0) & (old_imag < 0))
        else:
            spike[neuron] = int(imag >= threshold)
            if imag >= threshold:
                real, imag = 0, threshold - 1
        state[REAL, neuron], state[IMAG, neuron] = real, imag
    return n_overflows
