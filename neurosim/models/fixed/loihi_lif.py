"""Leaky integrate-and-fire with a synaptic current, in Loihi's integers.

    u <- wrap(trz(u (4096 - du - offset), 12) + (charge << 6))
    v <- clip(trz(v (4096 - dv), 12) + u + (bias_mantissa << bias_exponent))
    spike = v > threshold << 6;   v = 0 where it spikes

trz(x, n) = sign(x) (|x| >> n). u and v have 24 bits. The options say where Lava, nengo-loihi and Brian2Loihi differ;
`LAVA` is the default. With |charge| < 2**40 nothing leaves 64 bits.

Source: lava-nc/lava b6822fbc, `src/lava/proc/lif/models.py`, `PyLifModelBitAcc`; nengo/nengo-loihi e564f66e,
`nengo_loihi/emulator/interface.py`, `CompartmentState`; sagacitysite/brian2_loihi 9ac5842e, `loihi_neuron_group.py`.
"""

from typing import NamedTuple

import numpy as np

from neurosim.kernel import inlined, kernel
from neurosim.numbers import LAVA_WRAP, SATURATE, TWOS_COMPLEMENT, UNLIMITED, shift_toward_zero

# Rows of the int64 tables [row, neuron].
CURRENT_DECAY, POTENTIAL_DECAY, THRESHOLD, BIAS_MANTISSA, BIAS_EXPONENT, REFRACTORY_STEPS = range(6)
CURRENT, POTENTIAL, REFRACTORY = range(3)
STATE_BITS, DECAY_BITS, DECAY_ONE = 24, 12, 4096


class LoihiLifOptions(NamedTuple):
    """Where emulators of Loihi differ; overflow codes are those of `neurosim.numbers`."""

    current_decay_offset: int = 1           # added to du
    current_overflow: int = LAVA_WRAP       # or TWOS_COMPLEMENT, SATURATE, UNLIMITED; 24 bits
    input_shift: int = 6                    # of the charge; 0 where the weights carry it
    input_bits: int = 0                     # the shifted charge wraps at so many bits; 0: it does not
    bias_overflow: int = UNLIMITED          # of u + bias on its way into v; 24 bits
    potential_low: int = -(2**23) + 1       # v saturates here
    potential_high: int = 2**23 - 1


LAVA = LoihiLifOptions()
NENGO_LOIHI = LoihiLifOptions(current_overflow=TWOS_COMPLEMENT, input_shift=0, input_bits=22,
                              bias_overflow=TWOS_COMPLEMENT)
BRIAN2_LOIHI = LoihiLifOptions(current_decay_offset=0, current_overflow=UNLIMITED, input_shift=0,
                               potential_low=-(2**62), potential_high=2**62)


@inlined
def _overflow_limits(overflow):
    """Return (bits cut off above, where Lava's rule turns, low, high) of an overflow of 24 bits, for `_hold`."""
    end, far = np.int64(1) << (STATE_BITS - 1), np.int64(1) << 61
    cut = np.int64(64 - STATE_BITS if overflow == TWOS_COMPLEMENT else 0)
    saturates = overflow == SATURATE
    return cut, end if overflow == LAVA_WRAP else far, -end if saturates else -far, end - 1 if saturates else far


@inlined
def _hold(value, cut, top, low, high):
    """Return `value`, |value| < 2**61, cut, turned and clipped."""
    kept = (value << cut) >> cut
    turned = kept - 2 * top if kept > top else kept + 2 * top if kept <= -top else kept
    return min(max(turned, low), high)


@kernel
def step_loihi_lif(options, parameters, state, charge, spike):
    """Advance `state` by one step and set `spike` to 0 or 1.

    Return (n_input, n_current, n_bias, n_potential): values that did not fit.

    Parameters
    ----------
    options : LoihiLifOptions
    parameters : int64[6, neuron]   du, dv 0 to 4095 (4096 where the offset is 0), threshold, bias, refractory steps
    state : int64[3, neuron]        u, v, refractory steps left
    charge : int64[neuron]          what was delivered for this step
    spike : int64[neuron]
    """
    n_input, n_current, n_bias, n_potential = 0, 0, 0, 0
    # No branches inside: every overflow is the same three operations with ends that may lie out of reach.
    cut_input = 64 - options.input_bits if options.input_bits > 0 else 0
    cut, top, low, high = _overflow_limits(options.current_overflow)
    bias_cut, bias_top, bias_low, bias_high = _overflow_limits(options.bias_overflow)
    offset, input_shift = options.current_decay_offset, options.input_shift
    potential_low, potential_high = options.potential_low, options.potential_high
    du, dv, threshold = parameters[CURRENT_DECAY], parameters[POTENTIAL_DECAY], parameters[THRESHOLD]
    mantissa, exponent = parameters[BIAS_MANTISSA], parameters[BIAS_EXPONENT]
    currents, potentials, refractories = state[CURRENT], state[POTENTIAL], state[REFRACTORY]
    refractory_steps = parameters[REFRACTORY_STEPS]
    for neuron in range(charge.size):
        shifted = charge[neuron] << input_shift
        given = (shifted << cut_input) >> cut_input
        summed = shift_toward_zero(currents[neuron] * (DECAY_ONE - du[neuron] - offset), DECAY_BITS) + given
        current = _hold(summed, cut, top, low, high)
        bias = (mantissa[neuron] << max(exponent[neuron], 0)) >> max(-exponent[neuron], 0)
        added = _hold(current + bias, bias_cut, bias_top, bias_low, bias_high)
        moved = shift_toward_zero(potentials[neuron] * (DECAY_ONE - dv[neuron]), DECAY_BITS) + added
        potential = min(max(moved, potential_low), potential_high)
        refractory = refractories[neuron]
        fired = (refractory == 0) & (potential > threshold[neuron] << 6)
        spike[neuron] = int(fired)
        currents[neuron] = current
        potentials[neuron] = 0 if fired | (refractory > 0) else potential
        refractories[neuron] = refractory_steps[neuron] if fired else max(refractory - 1, 0)
        n_input += int(given != shifted)
        n_current += int(current != summed)
        n_bias += int(added != current + bias)
        n_potential += int(potential != moved)
    return n_input, n_current, n_bias, n_potential
