"""State spaces advanced as vectors, by one token and by blocks, against NumPy: whole vectors, halves and rests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurosim.machine import (
    DECAY_SHIFT,
    INTERNAL_SLOT,
    N_FIXED_CONSTANTS,
    SLOT_BITS,
    SLOT_OVERFLOW,
    SLOT_ROUNDING,
    SLOT_SIGNED,
    STATE_SLOT,
)
from neurosim.models.diagonal_ssm import BIAS, MODE_TABLES, D, advance_modes, advance_modes_in_block
from neurosim.models.fixed import state_space as fixed
from neurosim.numbers import FLOOR, SATURATE, TOWARD_ZERO

Array = NDArray[Any]
N_MODES, N_TOKENS = 5, 60
SIZES = pytest.mark.parametrize("size", [3, 16, 83, 128])
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def tables(size: int, dtype: Any) -> tuple[Array, Array]:
    """Return parameters, and charges [token, neuron]: some, then none, so small that states become denormal."""
    random = np.random.default_rng(size)
    parameters = random.normal(size=(MODE_TABLES * N_MODES + 4, size))
    parameters[:2 * N_MODES] *= 0.3
    parameters[MODE_TABLES * N_MODES + BIAS] = 0
    charges = random.normal(size=(N_TOKENS, size)) * (random.random((N_TOKENS, size)) < 0.2) * 1e-30
    charges[N_TOKENS // 3:, ::2] = 0
    return parameters.astype(dtype), charges.astype(dtype)


def history(parameters: Array, charges: Array) -> tuple[Array, Array, Array]:
    """Return y and active [token, neuron], and the last state, in NumPy: one operation after the other."""
    a_real, a_imag, b_real, b_imag, c_real, c_imag = parameters[:MODE_TABLES * N_MODES].reshape(6, N_MODES, -1)
    d, bias = (parameters[MODE_TABLES * N_MODES + row] for row in (D, BIAS))
    real, imag = np.zeros_like(a_real), np.zeros_like(a_real)
    smallest = np.finfo(np.float32).tiny if parameters.dtype == np.float32 else 0
    outputs, active = [], []
    for charge in charges:
        x = charge + bias
        active.append((charge != 0) | (bias != 0) | (real != 0).any(axis=0) | (imag != 0).any(axis=0))
        new_real = a_real * real - a_imag * imag + b_real * x
        new_imag = a_real * imag + a_imag * real + b_imag * x
        real, imag = (np.where(np.abs(part) < smallest, 0, part).astype(part.dtype) for part in (new_real, new_imag))
        total = np.zeros_like(x)
        for mode in range(N_MODES):
            total = total + (c_real[mode] * real[mode] - c_imag[mode] * imag[mode])
        outputs.append(2 * total + d * x)
    return np.array(outputs), np.array(active), np.concatenate([real, imag])


@SIZES
@DTYPES
def test_one_token_is_numpys_bit_for_bit(size: int, dtype: Any) -> None:
    parameters, charges = tables(size, dtype)
    outputs, was_active, last = history(parameters, charges)
    state = np.zeros((2 * N_MODES, size), dtype)
    output, active = np.zeros((1, size), dtype), np.zeros(size, np.uint8)
    for token in range(N_TOKENS):
        advance_modes(N_MODES, parameters, state, charges[token:token + 1], output, active)
        assert np.array_equal(output[0], outputs[token])
        assert np.array_equal(active != 0, was_active[token])
    assert np.array_equal(state, last)
    assert not was_active[-1].all() or dtype == np.float64


@SIZES
@DTYPES
def test_a_block_is_token_after_token(size: int, dtype: Any) -> None:
    parameters, charges = tables(size, dtype)
    outputs, was_active, last = history(parameters, charges)
    state = np.zeros((2 * N_MODES, size), dtype)
    for block in (slice(0, 17), slice(17, N_TOKENS)):
        x = np.ascontiguousarray(charges[block])
        total, live = np.empty_like(x), np.empty_like(x)
        advance_modes_in_block(N_MODES, parameters, state, x, total, live)
        assert np.array_equal(2 * total + parameters[MODE_TABLES * N_MODES + D] * x, outputs[block])
        assert np.array_equal((live != 0) | (x != 0), was_active[block])
    assert np.array_equal(state, last)


def shifted(value: Array, shift: Any, rounding: int) -> Array:
    """Return value / 2**shift; a shift below 0 goes left."""
    left, right = np.maximum(-np.asarray(shift), 0), np.maximum(shift, 0)
    moved = np.abs(value) if rounding == TOWARD_ZERO else value
    moved = (moved << left) >> right
    return np.sign(value) * moved if rounding == TOWARD_ZERO else moved


@SIZES
@pytest.mark.parametrize("rounding", [FLOOR, TOWARD_ZERO])
@pytest.mark.parametrize("bits", [24, 12])
def test_a_block_of_integers_is_numpys(size: int, rounding: int, bits: int) -> None:
    """In 12 bits, states have to be held within their range, and each time counts at its token."""
    random = np.random.default_rng(size)
    constants = np.zeros(N_FIXED_CONSTANTS, np.int64)
    for slot in (STATE_SLOT, INTERNAL_SLOT):
        constants[slot + SLOT_BITS], constants[slot + SLOT_SIGNED] = bits, 1
        constants[slot + SLOT_ROUNDING], constants[slot + SLOT_OVERFLOW] = rounding, SATURATE
    constants[DECAY_SHIFT] = 15
    parameters = np.zeros((MODE_TABLES * N_MODES + 8, size), np.int64)
    parameters[:2 * N_MODES] = random.integers(-23000, 23000, (2 * N_MODES, size))
    parameters[2 * N_MODES:6 * N_MODES] = random.integers(-127, 128, (4 * N_MODES, size))
    down = parameters[MODE_TABLES * N_MODES + fixed.B_SHIFT]
    down[:] = random.integers(-3, 9, size)
    x = random.integers(-900, 900, (N_TOKENS, size)) * (random.random((N_TOKENS, size)) < 0.3)
    state, total, live = np.zeros((2 * N_MODES, size), np.int64), np.zeros_like(x), np.zeros_like(x)
    overflow = np.zeros(N_TOKENS, np.int64)
    fixed.advance_fixed_modes_in_block(constants, N_MODES, parameters, state, x, total, live, overflow)

    a_real, a_imag, b_real, b_imag, c_real, c_imag = parameters[:MODE_TABLES * N_MODES].reshape(6, N_MODES, size)
    real, imag = np.zeros((2, N_MODES, size), np.int64)
    high = 2**(bits - 1) - 1
    for token in range(N_TOKENS):
        assert np.array_equal(live[token] != 0, (real != 0).any(axis=0) | (imag != 0).any(axis=0))
        new_real = (shifted(a_real * real, 15, rounding) - shifted(a_imag * imag, 15, rounding)
                    + shifted(b_real * x[token], down, rounding))
        new_imag = (shifted(a_real * imag, 15, rounding) + shifted(a_imag * real, 15, rounding)
                    + shifted(b_imag * x[token], down, rounding))
        real, imag = np.clip(new_real, -high - 1, high), np.clip(new_imag, -high - 1, high)
        assert overflow[token] == np.count_nonzero(new_real != real) + np.count_nonzero(new_imag != imag)
        assert np.array_equal(total[token], (c_real * real - c_imag * imag).sum(axis=0))
    assert np.array_equal(state, np.concatenate([real, imag]))
    assert overflow.any() == (bits == 12)
