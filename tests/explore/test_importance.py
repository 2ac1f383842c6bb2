"""Shares of variance against an analysis of variance in plain Python, and against what is known."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim.explore.importance import importance, share_of_variance


def epsilon_squared(groups: list[int], values: list[float]) -> float:
    mean = sum(values) / len(values)
    total = sum((value - mean) ** 2 for value in values)
    within = 0.0
    for group in set(groups):
        part = [value for value, of in zip(values, groups, strict=True) if of == group]
        within += sum((value - sum(part) / len(part)) ** 2 for value in part)
    k, n = len(set(groups)), len(values)
    return max(0.0, (total - within - (k - 1) * within / (n - k)) / total)


def test_the_share_is_that_of_an_analysis_of_variance() -> None:
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 4, 60)
    values = groups * 0.7 + generator.normal(size=60)
    assert share_of_variance(groups, values) == pytest.approx(epsilon_squared(groups.tolist(), values.tolist()))


def test_what_decides_has_all_and_what_does_nothing_has_none() -> None:
    generator = np.random.default_rng(1)
    settings = [{"bits": int(bits), "noise": float(noise)} for bits, noise in
                zip(generator.integers(2, 9, 300), generator.uniform(size=300), strict=True)]
    found = importance(settings, [10.0 * point["bits"] for point in settings])
    assert found["bits"] == pytest.approx(1.0)
    assert found["noise"] < 0.05


def test_nothing_can_be_said_of_a_constant() -> None:
    assert importance([{"a": 1}, {"a": 2}, {"a": 1}], [5.0, 5.0, 5.0]) == {"a": 0.0}
    assert importance([], []) == {}
