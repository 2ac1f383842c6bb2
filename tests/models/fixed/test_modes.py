"""Modes in integers: the published S5 recurrence, and how far a table of powers is from the exponential."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim import machine
from neurosim.formats import OVERFLOWS, ROUNDINGS
from neurosim.machine import N_FIXED_CONSTANTS, N_OPTIONS
from neurosim.model_specs import MODEL_INDEX
from neurosim.models.fixed import integer_s5
from neurosim.models.fixed.registry import update_fixed

SIZE, N_STEPS, A_BITS = 200, 30, 14
NO_TABLE, NO_OPTIONS = np.zeros(1, np.int64), np.zeros(N_OPTIONS, np.int32)


def constants(state_bits: int, rounding: str, payload_bits: int = 62) -> np.ndarray:
    row = np.zeros(N_FIXED_CONSTANTS, np.int64)
    for slot, bits in ((machine.STATE_SLOT, state_bits), (machine.OUTPUT_SLOT, payload_bits),
                       (machine.SECOND_OUTPUT_SLOT, payload_bits)):
        row[slot:slot + 4] = [bits, 1, OVERFLOWS.index("saturate"), ROUNDINGS.index(rounding)]
    row[machine.DECAY_SHIFT] = A_BITS
    return row


def test_with_a_floor_a_mode_is_the_published_recurrence() -> None:
    """Bu in steps of x, as a projection's conversion leaves it: the scan path, bit for bit, and sent as it is."""
    random = np.random.default_rng(0)
    a = random.integers(-2**13, 2**13, (2, SIZE))
    x = random.integers(-2**12, 2**12, (2, SIZE))
    words = x.astype(np.int32)[:, None].copy()
    rows = np.concatenate([a, np.tile([[1], [0], [1], [0]], SIZE)])
    shifts = integer_s5.scan_shifts(A_BITS, A_BITS, 8, 8, 8, 8)
    state, output, active = x.copy(), np.zeros((2, SIZE), np.int64), np.zeros(SIZE, np.uint8)
    row = constants(24, "floor")
    for _ in range(N_STEPS):
        bu = random.integers(-2**10, 2**10, (2, SIZE))
        update_fixed(MODEL_INDEX["mode"], row, NO_TABLE, NO_OPTIONS, 0, rows, state, bu, output, active, 0)
        integer_s5.advance_scan(shifts, *a.astype(np.int32)[:, None], *bu.astype(np.int32)[:, None], 24, *words)
        np.testing.assert_array_equal(state, words[:, 0])
        np.testing.assert_array_equal(output, state)


@pytest.mark.parametrize("interval", [0, 1, 2, 3, 77, 1000, 4095])
def test_powers_are_close_to_the_exponential(interval: int) -> None:
    """Two steps of h at most per bit that is set, and what half a step of each power makes of h."""
    n_powers, random = 12, np.random.default_rng(1)
    rate = -random.uniform(1e-4, 1e-2, SIZE) + 1j * random.uniform(-0.5, 0.5, SIZE)
    powers = np.exp(rate * 2.0 ** np.arange(n_powers)[:, None]) * 2.0**A_BITS
    rows = np.concatenate([np.rint(powers.real), np.rint(powers.imag), np.tile([[1], [0], [1], [0]], SIZE)])
    state = random.integers(-2**20, 2**20, (2, SIZE))
    expected = (state[0] + 1j * state[1]) * np.exp(rate * interval)
    held = np.abs(state).sum(axis=0)
    charge = np.array([[0], [0], [interval]]) * np.ones((3, SIZE), np.int64)
    output, active = np.zeros((2, SIZE), np.int64), np.zeros(SIZE, np.uint8)
    n_beyond = update_fixed(MODEL_INDEX["event_mode"], constants(24, "toward_zero"), NO_TABLE, NO_OPTIONS, 0,
                            rows.astype(np.int64), state, charge, output, active, 0)
    bound = interval.bit_count() * (2 * np.sqrt(2) + np.sqrt(0.5) * 2.0**-A_BITS * held)
    assert n_beyond == 0
    assert (np.abs(state[0] + 1j * state[1] - expected) <= bound).all()
    assert interval == 0 or (np.abs(state[0] + 1j * state[1] - expected) > 0.05 * bound).any()


def test_intervals_outside_the_table_are_counted() -> None:
    rows = np.concatenate([np.full((4, SIZE), 2**13), np.tile([[1], [0], [1], [0]], SIZE)]).astype(np.int64)
    for interval, taken in ((-3, 0), (4, 3), (2, 2)):
        found = []
        for given in (interval, taken):
            state, output = np.full((2, SIZE), 2**16), np.zeros((2, SIZE), np.int64)
            charge = np.array([[0], [0], [given]]) * np.ones((3, SIZE), np.int64)
            n_beyond = update_fixed(MODEL_INDEX["event_mode"], constants(24, "toward_zero"), NO_TABLE, NO_OPTIONS, 0,
                                    rows, state, charge, output, np.zeros(SIZE, np.uint8), 0)
            found.append(state.tolist())
            assert n_beyond == (SIZE if given != taken else 0)
        assert found[0] == found[1]
