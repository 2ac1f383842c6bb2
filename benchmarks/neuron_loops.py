"""The yardsticks of `neurons.py`: loops written by hand for one neuron, its constants in the code.

All take what was delivered first, so that one loop over time steps can drive them, and count nothing.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

DU, DV, THRESHOLD, MANTISSA, EXPONENT, REFRACTORY_STEPS, RESET_VALUE = range(7)


@numba.njit  # type: ignore[untyped-decorator]
def lava_plain(charge: Any, parameters: Any, state: Any, spike: Any) -> None:
    """Lava's `PyLifModelBitAcc` on the rows of `loihi_lif`, as one would write it first."""
    du, dv, threshold = parameters[DU], parameters[DV], parameters[THRESHOLD]
    mantissa, exponent = parameters[MANTISSA], parameters[EXPONENT]
    u, v = state[0], state[1]
    for i in range(charge.size):
        kept = u[i] * (4095 - du[i])
        current = ((kept + ((kept >> 63) & 4095)) >> 12) + (charge[i] << 6)
        current = current - 2**24 if current > 2**23 else current + 2**24 if current <= -(2**23) else current
        bias = mantissa[i] << exponent[i] if exponent[i] >= 0 else mantissa[i] >> -exponent[i]
        kept = v[i] * (4096 - dv[i])
        potential = ((kept + ((kept >> 63) & 4095)) >> 12) + current + bias
        potential = min(max(potential, 1 - 2**23), 2**23 - 1)
        fired = potential > threshold[i] << 6
        u[i] = current
        v[i] = 0 if fired else potential
        spike[i] = fired


@numba.njit  # type: ignore[untyped-decorator]
def lava_scaled(charge: Any, du: Any, dv: Any, threshold: Any, bias: Any, u: Any, v: Any, spike: Any) -> None:
    """The same with bias and threshold scaled beforehand: two words per neuron less to do and to read."""
    for i in range(charge.size):
        kept = u[i] * (4095 - du[i])
        current = ((kept + ((kept >> 63) & 4095)) >> 12) + (charge[i] << 6)
        current = current - 2**24 if current > 2**23 else current + 2**24 if current <= -(2**23) else current
        kept = v[i] * (4096 - dv[i])
        potential = ((kept + ((kept >> 63) & 4095)) >> 12) + current + bias[i]
        potential = min(max(potential, 1 - 2**23), 2**23 - 1)
        fired = potential > threshold[i]
        u[i] = current
        v[i] = 0 if fired else potential
        spike[i] = fired


_WORD = np.int32
_HALF, _LOW, _SIGN, _SHIFT = _WORD(12), _WORD(4095), _WORD(31), _WORD(6)
_ONE, _KEPT, _TOP, _TURN, _MOST = _WORD(4096), _WORD(4095), _WORD(2**23), _WORD(2**24), _WORD(2**23 - 1)


@numba.njit  # type: ignore[untyped-decorator]
def lava_tuned(charge: Any, du: Any, dv: Any, threshold: Any, bias: Any, u: Any, v: Any, spike: Any) -> None:
    """The same in words of 32 bits, for charges that leave u within 24: a register holds twice as many.

    A product of 24 and 13 bits takes two: its upper half times the decay, plus what carries over from the lower one.
    """
    for i in range(charge.size):
        decay, leak = _WORD(_KEPT - du[i]), _WORD(_ONE - dv[i])
        sign = _WORD(u[i] >> _SIGN)
        size = _WORD(_WORD(u[i] ^ sign) - sign)
        kept = _WORD(_WORD(_WORD(size >> _HALF) * decay) + _WORD(_WORD(_WORD(size & _LOW) * decay) >> _HALF))
        current = _WORD(_WORD(_WORD(kept ^ sign) - sign) + _WORD(charge[i] << _SHIFT))
        current = (_WORD(current - _TURN) if current > _TOP else
                   _WORD(current + _TURN) if current <= _WORD(-_TOP) else current)
        sign = _WORD(v[i] >> _SIGN)
        size = _WORD(_WORD(v[i] ^ sign) - sign)
        kept = _WORD(_WORD(_WORD(size >> _HALF) * leak) + _WORD(_WORD(_WORD(size & _LOW) * leak) >> _HALF))
        potential = _WORD(_WORD(_WORD(_WORD(kept ^ sign) - sign) + current) + bias[i])
        potential = _WORD(min(max(potential, _WORD(-_MOST)), _MOST))
        fired = potential > threshold[i]
        u[i] = current
        v[i] = _WORD(0) if fired else potential
        spike[i] = fired


@numba.njit  # type: ignore[untyped-decorator]
def lava_refractory(charge: Any, parameters: Any, state: Any, spike: Any) -> None:
    """`lava_plain` with refractory steps and a reset value, which Lava does not have."""
    du, dv, threshold = parameters[DU], parameters[DV], parameters[THRESHOLD]
    mantissa, exponent = parameters[MANTISSA], parameters[EXPONENT]
    steps, reset_value = parameters[REFRACTORY_STEPS], parameters[RESET_VALUE]
    u, v, refractory = state[0], state[1], state[2]
    for i in range(charge.size):
        kept = u[i] * (4095 - du[i])
        current = ((kept + ((kept >> 63) & 4095)) >> 12) + (charge[i] << 6)
        current = current - 2**24 if current > 2**23 else current + 2**24 if current <= -(2**23) else current
        bias = mantissa[i] << exponent[i] if exponent[i] >= 0 else mantissa[i] >> -exponent[i]
        kept = v[i] * (4096 - dv[i])
        potential = ((kept + ((kept >> 63) & 4095)) >> 12) + current + bias
        potential = min(max(potential, 1 - 2**23), 2**23 - 1)
        held = refractory[i] > 0
        fired = (potential > threshold[i] << 6) & (not held)
        u[i] = current
        v[i] = reset_value[i] if fired | held else potential
        refractory[i] = refractory[i] - held + steps[i] * fired
        spike[i] = fired


@numba.njit  # type: ignore[untyped-decorator]
def float_recurrence(bu: Any, a_real: Any, a_imag: Any, x_real: Any, x_imag: Any) -> None:
    """The recurrence x <- a x + Bu in float32; all [mode, channel], `bu` with real and imaginary part first."""
    for mode in range(x_real.shape[0]):
        for channel in range(x_real.shape[1]):
            real, imag = x_real[mode, channel], x_imag[mode, channel]
            decay, turn = a_real[mode, channel], a_imag[mode, channel]
            x_real[mode, channel] = decay * real - turn * imag + bu[0, mode, channel]
            x_imag[mode, channel] = decay * imag + turn * real + bu[1, mode, channel]


@numba.njit  # type: ignore[untyped-decorator]
def float_channel(u: Any, tables: Any, d: Any, state: Any, y: Any) -> None:
    """A channel h <- a h + b u, y = 2 Re sum c h + d u in float32.

    tables : float32[6, mode, channel]      a_real, a_imag, b_real, b_imag, c_real, c_imag
    state : float32[2, mode, channel]       h_real, h_imag
    """
    a_real, a_imag, b_real = tables[0], tables[1], tables[2]
    b_imag, c_real, c_imag = tables[3], tables[4], tables[5]
    h_real, h_imag = state[0], state[1]
    y[:] = np.float32(0)
    for mode in range(h_real.shape[0]):
        for channel in range(h_real.shape[1]):
            real, imag, x = h_real[mode, channel], h_imag[mode, channel], u[channel]
            decay, turn = a_real[mode, channel], a_imag[mode, channel]
            new_real = decay * real - turn * imag + b_real[mode, channel] * x
            new_imag = decay * imag + turn * real + b_imag[mode, channel] * x
            h_real[mode, channel], h_imag[mode, channel] = new_real, new_imag
            y[channel] += c_real[mode, channel] * new_real - c_imag[mode, channel] * new_imag
    for channel in range(y.size):
        y[channel] = np.float32(2) * y[channel] + d[channel] * u[channel]
