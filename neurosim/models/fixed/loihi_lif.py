"""Leaky integrate-and-fire with a synaptic current, in Loihi's integers.

    u <- wrap(trz(u (4096 - du - offset), 12) + (charge << 6))
    v <- clip(trz(v (4096 - dv), 12) + u + (bias_mantissa << bias_exponent))
    spike = v > threshold << 6;   v = reset_value where it spikes, and during the refractory steps; u goes on

trz(x, n) = sign(x) (|x| >> n). u and v have 24 bits. The options say where Lava, nengo-loihi and Brian2Loihi differ,
and what `neurosim.models.cuba` may choose; the defaults are Lava's, and refractory steps, which Lava lacks. With
|charge| < 2**40 nothing leaves 64 bits; with other formats, words and decays may have 62 bits together.

Source: lava-nc/lava b6822fbc, `src/lava/proc/lif/models.py`, `PyLifModelBitAcc`; nengo/nengo-loihi e564f66e,
`nengo_loihi/emulator/interface.py`, `CompartmentState`; sagacitysite/brian2_loihi 9ac5842e, `loihi_neuron_group.py`.
"""

from typing import NamedTuple

import numpy as np

from neurosim.kernel import inlined, kernel, part
from neurosim.models.firing import HARD, SOFT
from neurosim.numbers import ERROR, LAVA_WRAP, SATURATE, TWOS_COMPLEMENT, UNLIMITED, shift_toward_zero

# Rows of the int64 tables [row, neuron].
CURRENT_DECAY, POTENTIAL_DECAY, THRESHOLD, BIAS_MANTISSA, BIAS_EXPONENT, REFRACTORY_STEPS, RESET_VALUE = range(7)
CURRENT, POTENTIAL, REFRACTORY = range(3)
LOWEST, HIGHEST = -(2**63), 2**63 - 1


class LoihiLifOptions(NamedTuple):
    """Where emulators of Loihi differ; overflow codes are those of `neurosim.numbers`."""

    current_decay_offset: int = 1           # added to du
    current_overflow: int = LAVA_WRAP       # or TWOS_COMPLEMENT, SATURATE, UNLIMITED; state_bits
    input_shift: int = 6                    # of the charge; 0 where the weights carry it
    input_bits: int = 0                     # the shifted charge wraps at so many bits; 0: it does not
    bias_overflow: int = UNLIMITED          # of u + bias on its way into v; state_bits
    potential_low: int = -(2**23) + 1       # v saturates here
    potential_high: int = 2**23 - 1
    state_bits: int = 24                    # of u, and of u + bias
    decay_bits: int = 12                    # the decays' fraction
    threshold_shift: int = 6
    reset: int = HARD                       # or SOFT: v less the shifted threshold, plus it; 2: v stays
    reaches: int = 0                        # 1: spike where v is at the shifted threshold, too
    refractory: int = 1                     # 0: refractory steps, given and left, are neither read nor written


LAVA = LoihiLifOptions(refractory=0)
NENGO_LOIHI = LoihiLifOptions(current_overflow=TWOS_COMPLEMENT, input_shift=0, input_bits=22,
                              bias_overflow=TWOS_COMPLEMENT)
BRIAN2_LOIHI = LoihiLifOptions(current_decay_offset=0, current_overflow=UNLIMITED, input_shift=0,
                               potential_low=-(2**62), potential_high=2**62)


@kernel
def step_loihi_lif(options, parameters, state, charge, spike):
    """Advance `state` by one step and set `spike` to 0 or 1.

    Return (n_input, n_current, n_bias, n_potential): values that did not fit, those of refractory neurons among them.

    Parameters
    ----------
    options : LoihiLifOptions
    parameters : int64[7, neuron]   du, dv 0 to 4095 (4096 where the offset is 0), threshold, bias, refractory steps,
                                    reset value in units of v
    state : int64[3, neuron]        u, v, refractory steps left
    charge : int64[neuron]          what was delivered for this step
    spike : int64[neuron]
    """
    # The usual case again, with constants: what it does not need falls away, and half of the time with it. Refractory
    # steps have a pass of their own, since every further word read or written per neuron shows in the time.
    if options[:-1] == LAVA[:-1]:
        counts = _integrate(LAVA, parameters, state, charge, spike)
    else:
        counts = _integrate(options, parameters, state, charge, spike)
    if options.refractory:
        _rest(parameters, state, spike)
    return counts


@inlined
def _overflow_limits(overflow, bits):
    """Return (bits cut off above, ends where Lava's rule turns, by how much, ends) of an overflow, for `_hold`."""
    end = np.int64(1) << (bits - 1)
    cut = np.int64(64 - bits if overflow == TWOS_COMPLEMENT else 0)
    turns, saturates = overflow == LAVA_WRAP, (overflow == SATURATE) | (overflow == ERROR)
    return (cut, -end if turns else LOWEST, end if turns else HIGHEST, 2 * end if turns else 0,
            -end if saturates else LOWEST, end - 1 if saturates else HIGHEST)


@inlined
def _hold(value, limits):
    """Return `value` cut, turned and clipped: no branches, but ends that may lie out of reach."""
    cut, bottom, top, turn, low, high = limits
    kept = (value << cut) >> cut
    turned = kept - turn if kept > top else kept + turn if kept <= bottom else kept
    return min(max(turned, low), high)


@inlined
def _integrate(options, parameters, state, charge, spike):
    """Advance u and v, and set `spike`, as if no neuron were refractory; return the counts."""
    n_input, n_current, n_bias, n_potential = 0, 0, 0, 0
    cut_input = 64 - options.input_bits if options.input_bits > 0 else 0
    current_limits = _overflow_limits(options.current_overflow, options.state_bits)
    bias_limits = _overflow_limits(options.bias_overflow, options.state_bits)
    decay_bits, one = options.decay_bits, np.int64(1) << options.decay_bits
    potential_low, potential_high = options.potential_low, options.potential_high
    # Masks instead of branches, from which the compiler would make a loop for each kind of reset.
    hard, soft = -int(options.reset == HARD), -int(options.reset == SOFT)
    du, dv, threshold = parameters[CURRENT_DECAY], parameters[POTENTIAL_DECAY], parameters[THRESHOLD]
    mantissa, exponent, reset_value = parameters[BIAS_MANTISSA], parameters[BIAS_EXPONENT], parameters[RESET_VALUE]
    currents, potentials = state[CURRENT], state[POTENTIAL]
    for neuron in range(charge.size):
        shifted = charge[neuron] << options.input_shift
        given = (shifted << cut_input) >> cut_input
        kept = currents[neuron] * (one - options.current_decay_offset - du[neuron])
        summed = shift_toward_zero(kept, decay_bits) + given
        current = _hold(summed, current_limits)
        bias, places = mantissa[neuron], exponent[neuron]
        biased = current + (bias << places if places >= 0 else bias >> -places)
        added = _hold(biased, bias_limits)
        moved = shift_toward_zero(potentials[neuron] * (one - dv[neuron]), decay_bits) + added
        potential = min(max(moved, potential_low), potential_high)
        limit = threshold[neuron] << options.threshold_shift
        fired = potential > limit - options.reaches
        after = (reset_value[neuron] & (hard | soft)) + ((potential - (limit & soft)) & ~hard)
        spike[neuron] = int(fired)
        currents[neuron] = current
        potentials[neuron] = after if fired else potential
        n_input += int(given != shifted)
        n_current += int(current != summed)
        n_bias += int(added != biased)
        n_potential += int(potential != moved)
    return n_input, n_current, n_bias, n_potential


@part
def _rest(parameters, state, spike):
    """Hold refractory neurons at their reset value without a spike, and count; whoever else fired becomes one."""
    refractory_steps, reset_value = parameters[REFRACTORY_STEPS], parameters[RESET_VALUE]
    potentials, refractories = state[POTENTIAL], state[REFRACTORY]
    for neuron in range(spike.size):
        refractory, potential, reset = refractories[neuron], potentials[neuron], reset_value[neuron]
        held = refractory > 0
        fired = spike[neuron] & int(not held)
        spike[neuron] = fired
        potentials[neuron] = reset if held else potential
        refractories[neuron] = refractory - int(held) + (refractory_steps[neuron] & -fired)
