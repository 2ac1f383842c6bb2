"""Arrays survive the way into the page; and they take the narrowest type that holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.report.html.packing import packed, unpacked


@given(st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_integers_come_back(values: list[int]) -> None:
    assert unpacked(packed(np.array(values, np.int64))).tolist() == values


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=50))
def test_floats_come_back(values: list[float]) -> None:
    assert unpacked(packed(np.array(values, np.float64))).tolist() == values


@pytest.mark.parametrize(("most", "script"), [(255, "Uint8Array"), (256, "Uint16Array"), (65_535, "Uint16Array"),
                                              (65_536, "Uint32Array")])
def test_types_are_narrow(most: int, script: str) -> None:
    assert packed(np.array([0, most]))["type"] == script


@pytest.mark.parametrize("values", [[-1], [2**32]])
def test_what_does_not_fit_is_refused(values: list[int]) -> None:
    with pytest.raises(ValueError, match="lie from 0 to"):
        packed(np.array(values))


def test_two_dimensions_become_one() -> None:
    content: dict[str, Any] = packed(np.arange(6).reshape(2, 3))
    assert content["n"] == 6 and unpacked(content).tolist() == [0, 1, 2, 3, 4, 5]
