"""Targets in which no network runs, by hand arithmetic."""

from __future__ import annotations

import pytest

from neurosim.validate import Row, run_targets


def rows(name: str) -> dict[str, Row]:
    [outcome] = run_targets([name], None)
    return {row.quantity: row for row in outcome.rows}


def test_truenorth_sweep() -> None:
    """134 217 728 synapses x rate x 2.297 pJ + 64.4 mW; the middle point takes no part in the line."""
    found = rows("truenorth-sweep")
    assert [row.kind for row in found.values()] == ["fitted", "formula", "fitted"]
    assert found["power at 11.58 Hz"].predicted == pytest.approx(64.4 + 3.57010, abs=1e-4)
    assert found["power at 20.07 Hz"].predicted == pytest.approx(64.4 + 6.18756, abs=1e-4)
    assert found["power at 95.93 Hz"].predicted == pytest.approx(64.4 + 29.57499, abs=1e-4)
    assert found["power at 20.07 Hz"].verdict == "inside"
    # The line itself: through the outer points.
    slope_pj = (94.0 - 68.0) * 1e-3 / ((95.93 - 11.58) * 2**20 * 128) * 1e12
    assert slope_pj == pytest.approx(2.297, abs=5e-4)
    assert 68.0 - 11.58 * 2**20 * 128 * slope_pj * 1e-9 == pytest.approx(64.4, abs=0.05)


def test_truenorth_gesture() -> None:
    [row] = rows("truenorth-gesture").values()
    assert row.predicted == pytest.approx(18.774)
    assert row.verdict == "inside"


def test_odin() -> None:
    """27.3 + 1.78 x 75 + 8.43 x 37.5 = 476.925 µW; 27.3 + 2.314 + 5.4795 = 35.0935 µW."""
    first, second = rows("odin").values()
    assert first.predicted == pytest.approx(476.925) and first.measured == 477
    assert second.predicted == pytest.approx(35.0935) and second.measured == 35
    assert first.verdict == second.verdict == "inside"


def test_pohoiki_springs() -> None:
    """667 or 750 x 76 800 x 23.6 pJ + 76 800 x 60 x 52 pJ."""
    low, high = rows("pohoiki-knn").values()
    assert low.predicted == pytest.approx((667 * 76800 * 23.6 + 4_608_000 * 52) * 1e-9)
    assert high.predicted == pytest.approx(1.598976)
    assert (low.verdict, high.verdict) == ("inside", "inside")
    assert high.error == pytest.approx(0.2022, abs=1e-4)


def test_lsnn() -> None:
    """330 inactive updates of 52 pJ; (26.357 - 17.16) nJ over 250 operations of 23.6 pJ and an update of 29 pJ more."""
    floor, rate, time = rows("lsnn-smnist").values()
    assert floor.predicted == pytest.approx(17.16)
    assert floor.measured == pytest.approx(1.583 * 16.65)
    assert rate.predicted == pytest.approx((26.35695 - 17.16) / (250 * 23.6e-3 + 29e-3))
    assert rate.measured is None and rate.verdict == "shown"
    assert time.predicted == pytest.approx((330 * 5.3 + rate.predicted * 250 * 3.5 + 113) * 1e-3)
    assert floor.verdict == time.verdict == "holds"


def test_keyword_spotting() -> None:
    """931 neurons and 172 800 synapses, ten steps: 0.484 µJ silent, 41.535 µJ if all fired in every step."""
    blouw, blouw_rate, yan, yan_rate = rows("keywords").values()
    assert blouw.predicted == yan.predicted == pytest.approx(931 * 10 * 52e-6)
    full = (172_800 * 23.6 + 931 * 81) * 10e-6
    assert full == pytest.approx(41.534910)
    assert blouw_rate.predicted == pytest.approx((270 - 0.48412) / (full - 0.48412))
    assert yan_rate.predicted == pytest.approx((37 - 0.48412) / (full - 0.48412))
    assert "no network can fire" in blouw_rate.note and "no network can fire" not in yan_rate.note
