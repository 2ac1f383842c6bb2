"""Integrate-and-fire with decays by shifts, read like timing diagrams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.tables import Tables, make_tables

DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def states(tables: Tables, word: str, n: int) -> list[float]:
    """Return a word of state over `n` updates without input."""
    found = []
    for _ in range(n):
        tables.run()
        found.append(float(tables.state_word(word)[0]))
        tables.charge[:] = 0
    return found


@DTYPES
def test_what_is_above_0_reaches_it(dtype: Any) -> None:
    """100 >> 2 = 25; below 4 nothing is shifted out, and 1 is taken."""
    tables = make_tables("bit_shift_lif", {"first_shift": 2.0, "charge.first": 100.0, "threshold": 1e6}, dtype=dtype)
    assert states(tables, "first_current", 12) == [100, 75, 57, 43, 33, 25, 19, 15, 12, 9, 7, 6]
    assert states(tables, "first_current", 8) == [5, 4, 3, 2, 1, 0, 0, 0]


@DTYPES
def test_what_is_below_0_reaches_it(dtype: Any) -> None:
    """-9 >> 2 = -3, and -1 >> 2 = -1."""
    tables = make_tables("bit_shift_lif", {"second_shift": 2.0, "charge.second": -9.0, "threshold": 1e6}, dtype=dtype)
    assert states(tables, "second_current", 8) == [-9, -6, -4, -3, -2, -1, 0, 0]


def test_a_shift_of_0_forgets() -> None:
    tables = make_tables("bit_shift_lif", {"first_shift": 0.0, "membrane_shift": 0.0, "charge.first": 5.0,
                                           "threshold": 10.0})
    assert states(tables, "potential", 3) == [5, 0, 0]


@pytest.mark.parametrize(("charge", "count", "left"), [(9, 0, 9), (10, 1, 0), (37, 3, 7), (310, 31, 0), (400, 31, 90)])
def test_spikes_of_one_step_are_counted(charge: int, count: int, left: int) -> None:
    tables = make_tables("bit_shift_lif", {"threshold": 10.0, "charge.first": float(charge), "first_shift": 0.0}).run()
    assert (tables.output[0, 0], tables.state_word("potential")[0]) == (count, left)


def test_both_currents_and_the_bias_reach_the_potential() -> None:
    tables = make_tables("bit_shift_lif", {"threshold": 100.0, "charge.first": 8.0, "charge.second": 20.0, "bias": 3.0,
                                           "first_shift": 1.0, "second_shift": 2.0, "membrane_shift": 3.0})
    # 8 + 20 + 3; 31 - 3 + 4 + 15 + 3; 50 - 6 + 2 + 12 + 3
    assert states(tables, "potential", 3) == [31, 50, 61]
