"""Grids, draws and conditions of parameters."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from neurosim.explore.parameters import Parameter, count_grid, grid_points, random_point
from neurosim.explore.points import Point, as_yaml

STRATEGY = Parameter("mapping.strategy", ("pack", "balanced"))
N_CORES = Parameter("mapping.n_cores", low=4, high=10, step=3, is_integer=True,
                    when={"mapping.strategy": ("balanced",)})
BITS = Parameter("core.weight_bits", (4, 6, 8))


def test_a_grid_is_every_combination_and_leaves_inactive_parameters_out() -> None:
    found = list(grid_points([STRATEGY, N_CORES, BITS]))
    expected = [{"mapping.strategy": "pack", "core.weight_bits": bits} for bits in (4, 6, 8)]
    expected += [{"mapping.strategy": "balanced", "mapping.n_cores": cores, "core.weight_bits": bits}
                 for cores, bits in itertools.product((4, 7, 10), (4, 6, 8))]
    assert found == expected
    assert count_grid([STRATEGY, N_CORES, BITS], 1000) == 12
    assert count_grid([STRATEGY, N_CORES, BITS], 5) == 6


def test_a_condition_on_what_is_inactive_does_not_hold() -> None:
    below = Parameter("x", (1,), when={"mapping.n_cores": (4,)})
    assert [set(point) for point in grid_points([STRATEGY, N_CORES, below])].count({"mapping.strategy"}) == 1


def test_a_logarithmic_grid_has_equal_ratios() -> None:
    values = np.array(Parameter("x", low=1.0, high=1000.0, log=True, steps=4).grid(), float)
    assert values == pytest.approx([1, 10, 100, 1000], rel=1e-5)


def test_steps_reach_the_upper_end() -> None:
    assert Parameter("x", low=0.1, high=0.5, step=0.1).grid() == pytest.approx((0.1, 0.2, 0.3, 0.4, 0.5))


def test_draws_follow_from_the_seed_and_stay_within() -> None:
    range_ = Parameter("noc.link_cycle_ns", low=0.5, high=8.0, log=True)
    points = [random_point([STRATEGY, N_CORES, range_], 3, draw) for draw in range(400)]
    assert points == [random_point([STRATEGY, N_CORES, range_], 3, draw) for draw in range(400)]
    assert points != [random_point([STRATEGY, N_CORES, range_], 4, draw) for draw in range(400)]
    assert all(("mapping.n_cores" in point) == (point["mapping.strategy"] == "balanced") for point in points)
    values = np.array([point["noc.link_cycle_ns"] for point in points], float)
    assert values.min() >= 0.5 and values.max() <= 8.0
    # Evenly in the logarithm: half of the draws below the geometric mean, within four standard deviations.
    assert abs((values < 2.0).mean() - 0.5) < 4 * 0.5 / math.sqrt(400)


def test_a_point_is_named_by_its_settings_alone() -> None:
    assert Point({"a": 1, "b": 2.5}).key == Point({"b": 2.5, "a": 1}).key
    assert Point({"a": 1}).key != Point({"a": 2}).key != Point({"a": "2"}).key


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (4, "4"), ("4", '"4"'), ("pack", "pack"), (0.1, "0.1"),
                                             ("a: b", '"a: b"'), ("null", '"null"')])
def test_values_are_written_so_that_yaml_reads_them_back(value: object, text: str) -> None:
    from hw_models.located import parse_located

    assert as_yaml(value) == text  # type: ignore[arg-type]
    assert parse_located(text, "text").value == value
