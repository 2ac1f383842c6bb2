"""Distances of spike trains against their definitions."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from neurosim.calibrate.distances import van_rossum, victor_purpura


def trains(seed: int, *, signed: bool) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    one, other = (random.random((12, 5)) < 0.35 for _ in range(2))
    signs = random.choice([-1, 1], (12, 5)) if signed else np.ones((12, 5), int)
    return one * signs, other * (random.choice([-1, 1], (12, 5)) if signed else 1)


@pytest.mark.parametrize("seed", range(6))
def test_van_rossum_is_the_integral(seed: int) -> None:
    """Filtered on a fine grid and integrated by the trapezoidal rule."""
    one, other = trains(seed, signed=seed % 2 == 1)
    constant, step = 3.0, 1 / 512
    times = np.arange(0, 12 + 30 * constant, step)
    for index, found in enumerate(van_rossum(one, other, constant)):
        filtered = np.zeros(len(times))
        for token in range(12):
            sign = int(one[token, index]) - int(other[token, index])
            filtered += sign * np.where(times >= token, np.exp(-(times - token) / constant), 0.0)
        assert found == pytest.approx(math.sqrt(np.sum(filtered**2) * step / constant), rel=2e-3)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("cost", [0.0, 0.2, 0.7, 5.0])
def test_victor_purpura_is_the_cheapest_way(seed: int, cost: float) -> None:
    """Against the recursion as it is written, over all ways."""
    one, other = trains(seed, signed=seed % 2 == 1)
    for index, found in enumerate(victor_purpura(one, other, cost)):
        first = [(int(time), int(one[time, index])) for time in np.flatnonzero(one[:, index])]
        second = [(int(time), int(other[time, index])) for time in np.flatnonzero(other[:, index])]

        @cache
        def least(i: int, j: int, first: tuple[tuple[int, int], ...], second: tuple[tuple[int, int], ...]) -> float:
            if i == 0 or j == 0:
                return float(i + j)
            (time, sign), (other_time, other_sign) = first[i - 1], second[j - 1]
            moved = cost * abs(time - other_time) if sign == other_sign else 2.0
            return min(least(i - 1, j, first, second) + 1, least(i, j - 1, first, second) + 1,
                       least(i - 1, j - 1, first, second) + moved)

        assert found == pytest.approx(least(len(first), len(second), tuple(first), tuple(second)))


def test_known_distances() -> None:
    one, none = np.zeros((100, 1)), np.zeros((100, 1))
    one[3] = 1
    far, near = np.roll(one, 60, axis=0), np.roll(one, 2, axis=0)
    assert van_rossum(one, none)[0] == pytest.approx(1 / math.sqrt(2)) and victor_purpura(one, none)[0] == 1
    assert van_rossum(one, far)[0] == pytest.approx(1, abs=2e-3) and victor_purpura(one, far)[0] == 2
    assert victor_purpura(one, near, 0.2)[0] == pytest.approx(0.4)
    assert van_rossum(one, one)[0] == victor_purpura(one, one)[0] == 0
