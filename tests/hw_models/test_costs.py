"""Prices, recomputed by hand, their uncertainty, and the scaling rules."""

import json
import math

import numpy as np
import pytest

from hw_models import ConfigError, check_costs, list_chips, load_chip, price
from hw_models.core_schema import CoreCosts
from hw_models.costs import (
    _CONDITIONAL,
    _GROUPS,
    energy_figures,
    sample_figures,
    scale_energy_by_node,
    scale_energy_by_voltage,
    scale_figure,
)
from hw_models.figures import Figure
from neurosim.events import CHIP_EVENTS, CORE_EVENTS

CHIPS = [name for name in list_chips() if load_chip(name).unpublished is None]
CORE_COUNTS = {name: 1000 * (index + 1) for index, name in enumerate(CORE_EVENTS) if name not in _CONDITIONAL}
CHIP_COUNTS = {name: 300 * (index + 1) for index, name in enumerate(CHIP_EVENTS) if name not in _CONDITIONAL}


def figure(value, low, high, basis="measured"):
    return Figure(value=float(value), low=float(low), high=float(high), basis=basis, source="user")


@pytest.mark.parametrize("name", CHIPS)
def test_every_countable_event_has_a_cost_and_a_group(name):
    chip = load_chip(name)
    missing = set() if chip.sync == "free_running" else {"advance_exp", "advance_multiply"}
    missing |= set() if chip.grid is not None else {"chip_hop", "flit_chip_hop"}
    events = {*CORE_EVENTS, *CHIP_EVENTS} - missing
    check_costs(chip, events)
    assert set(CoreCosts.model_fields) == set(CORE_EVENTS)
    static = {"chip_idle", "core_active", *(["clock"] if chip.power.clock is not None else [])}
    assert set(energy_figures(chip)) == {*events, *static}
    assert set(_GROUPS) == {*CORE_EVENTS, *CHIP_EVENTS}


@pytest.mark.parametrize("event", sorted(_CONDITIONAL))
def test_what_a_chip_never_does_needs_no_cost_until_it_is_counted(event):
    chip = load_chip("generic-mesh")
    assert price(chip, {event: 0}, {}, 1, 1.0).total_j == price(chip, {}, {}, 1, 1.0).total_j
    with pytest.raises(ConfigError, match=f"costs.{event} = "):
        price(chip, {event: 1}, {}, 1, 1.0)


def test_event_without_a_cost_is_named():
    with pytest.raises(ConfigError) as caught:
        check_costs(load_chip("loihi"), ["soma_active", "soma_actif", "qqqqq", "chip_idle"])
    first, second, third = caught.value.faults
    assert str(first).startswith("loihi: costs.soma_actif = (missing)\n  allowed: the events soma_active, ")
    assert "is it `soma_active`?" in first.mend
    assert second.mend == "add the event to the schema of the chip"
    assert third.field == "costs.chip_idle"
    with pytest.raises(ConfigError):
        price(load_chip("loihi"), {"soma_actif": 1}, {}, 1, 1.0)


def test_bill_recomputed_by_hand():
    """Loihi: 10 active updates, 100 dense operations, 7 E-W hops, 3 cores for 2 ms."""
    bill = price(load_chip("loihi"), {"soma_active": 10, "synapse_dense": 100}, {"hop_ew": 7}, 3, 2e-3)
    dynamic = (10 * 81 + 100 * 23.6 + 7 * 3.0) * 1e-12
    assert bill.dynamic_j == pytest.approx(dynamic, rel=1e-12)
    assert bill.static_j == pytest.approx(104e-3 * 2e-3, rel=1e-12)
    assert bill.total_j == pytest.approx(dynamic + 104e-3 * 2e-3, rel=1e-12)
    low = (10 * 64.8 + 100 * 23.6 + 7 * 2.4) * 1e-12 + 29e-3 * 2e-3
    high = (10 * 97.2 + 100 * 35.5 + 7 * 3.6) * 1e-12 + (130e-3 + 3 * 0.8e-3) * 2e-3
    assert bill.corner_low_j == pytest.approx(low, rel=1e-12)
    assert bill.corner_high_j == pytest.approx(high, rel=1e-12)


@pytest.mark.parametrize("name", CHIPS)
def test_bill_recomputed_from_the_plain_chip(name):
    chip = load_chip(name)
    n_cores = min(5, chip.n_cores)
    bill = price(chip, CORE_COUNTS, CHIP_COUNTS, n_cores, 1e-6)
    plain = chip.model_dump()
    expected = {event: count * plain["core"]["costs"][event]["energy_pj"]["value"] * 1e-12
                for event, count in CORE_COUNTS.items()}
    for event in ("hop_ew", "hop_ns", "flit_hop_ew", "flit_hop_ns", "tile_local"):
        expected[event] = CHIP_COUNTS[event] * plain["noc"]["costs"][f"{event}_pj"]["value"] * 1e-12
    for event in ("input", "output"):
        packet_pj = plain[f"{event}_port"]["packet_pj"]["value"]
        expected[f"{event}_packet"] = CHIP_COUNTS[f"{event}_packet"] * packet_pj * 1e-12
    expected["barrier"] = CHIP_COUNTS["barrier"] * plain["barrier_pj"]["value"] * 1e-12
    expected["chip_idle"] = plain["power"]["chip_idle_mw"]["value"] * 1e-3 * 1e-6
    expected["core_active"] = plain["power"]["core_active_mw"]["value"] * 1e-3 * 1e-6 * n_cores
    if plain["power"]["clock"] is not None:
        clock = plain["power"]["clock"]
        expected["clock"] = clock["frequency_mhz"] * clock["power_mw_per_mhz"]["value"] * 1e-3 * 1e-6
    for event in ("advance_exp", "advance_multiply"):
        if plain["core"]["costs"][event] is not None:
            expected[event] = 0
    if plain["grid"] is not None:
        expected |= {"chip_hop": 0, "flit_chip_hop": 0}
    assert {row.component: row.energy_j for row in bill.rows} == pytest.approx(expected, rel=1e-12)
    assert sum(bill.by_group().values()) == pytest.approx(bill.total_j)
    assert {"soma", "synapse", "network", "io", "barrier", "static"} == set(bill.by_group())


@pytest.mark.parametrize("name", CHIPS)
def test_low_nominal_high(name):
    chip = load_chip(name)
    bill = price(chip, CORE_COUNTS, CHIP_COUNTS, min(5, chip.n_cores), 1e-6)
    assert all(row.low_j <= row.energy_j <= row.high_j for row in bill.rows)
    assert bill.corner_low_j <= bill.interval_low_j <= bill.total_j <= bill.interval_high_j <= bill.corner_high_j
    assert bill.corner_low_j < bill.interval_low_j < bill.interval_high_j < bill.corner_high_j


def test_nothing_counted_costs_nothing():
    bill = price(load_chip("loihi2"), {}, {}, 0, 0.0)
    assert (bill.total_j, bill.corner_high_j, bill.interval_high_j, bill.assumed_share) == (0, 0, 0, 0)


def test_no_events_no_dynamic_energy():
    bill = price(load_chip("loihi2"), dict.fromkeys(CORE_EVENTS, 0), {}, 128, 1.0)
    assert bill.dynamic_j == 0
    assert bill.static_j == pytest.approx(0.230)


def test_assumed_share():
    bill = price(load_chip("loihi"), {"soma_active": 100, "packet_out": 100}, {}, 1, 0.0)
    assert bill.assumed_share == pytest.approx(111 / (111 + 81))
    assert price(load_chip("generic-mesh"), CORE_COUNTS, CHIP_COUNTS, 5, 1e-6).assumed_share == pytest.approx(1)


def test_same_seed_same_bill():
    chip = load_chip("loihi2")
    bills = [price(chip, CORE_COUNTS, CHIP_COUNTS, 5, 1e-6, seed=seed) for seed in (1, 1, 2)]
    assert bills[0] == bills[1]
    assert bills[0].interval_low_j != bills[2].interval_low_j


def test_bill_as_json():
    bill = price(load_chip("loihi2"), {"soma_active": np.int64(3)}, {}, 1, 1e-6)
    plain = json.loads(json.dumps(bill.to_mapping()))
    assert plain["total"] == bill.total_j
    assert plain["by_component"]["soma_active"]["count"] == 3
    assert set(plain) >= {"total", "static", "dynamic", "low", "high", "by_component"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"soma_active": -1}, {}, 1, 1.0), "count of soma_active = -1"),
        (({}, {"barrier": -2}, 1, 1.0), "count of barrier = -2"),
        (({}, {}, -1, 1.0), "n_active_cores = -1: must be 0 to 128"),
        (({}, {}, 129, 1.0), "n_active_cores = 129: must be 0 to 128"),
        (({}, {}, 1, -1.0), "time_s = -1.0"),
        (({}, {}, 1, math.nan), "time_s = nan"),
        (({}, {}, 1, math.inf), "time_s = inf"),
    ],
)
def test_ranges(arguments, message):
    with pytest.raises(ValueError, match=message):
        price(load_chip("loihi"), *arguments)


def test_no_samples():
    with pytest.raises(ValueError, match="n_samples = 0"):
        price(load_chip("loihi"), {}, {}, 1, 1.0, n_samples=0)


# Sampling


def test_samples_lie_in_the_interval_with_the_nominal_value_as_median():
    figures = [figure(10, 5, 30), figure(0, 0, 9), figure(4, 4, 4), figure(8, 1, 8)]
    samples = sample_figures(figures, 20_000, seed=3)
    for row, each in zip(samples, figures, strict=True):
        assert each.low <= row.min() and row.max() <= each.high
        assert np.median(row) == pytest.approx(each.value, abs=0.02 * (each.high - each.low) + 1e-12)
    # Each side is a triangle that rises to the nominal value: F(x) = ((x - low) / (nominal - low))^2 / 2.
    assert np.mean(samples[0] < 7.5) == pytest.approx(0.125, abs=0.01)
    assert np.mean(samples[0] > 20) == pytest.approx(0.125, abs=0.01)


def test_figures_of_a_chip_are_correlated():
    samples = sample_figures([figure(10, 5, 15)] * 3, 20_000, seed=3)
    ranks = np.argsort(np.argsort(samples, axis=1), axis=1)
    # Spearman's rank correlation of a Gaussian copula: 6 / pi * asin(rho / 2).
    assert np.corrcoef(ranks)[0, 1] == pytest.approx(6 / math.pi * math.asin(0.25), abs=0.02)


# Scaling


def test_node_rule_keeps_the_original_and_widens():
    scaled = scale_energy_by_node(figure(80, 70, 90), 28, 14)
    assert (scaled.value, scaled.low, scaled.high) == (40, 17.5, 90)
    assert (scaled.original, scaled.basis, scaled.rule) == (80, "scaled", "scale_energy_by_node(28, 14)")
    assert scale_energy_by_node(figure(1, 1, 1), 28, 22).value == pytest.approx(0.8, abs=0.02)
    up = scale_energy_by_node(figure(10, 10, 10), 14, 28)
    assert (up.low, up.value, up.high) == (10, 20, 40)


def test_voltage_rule_is_quadratic():
    scaled = scale_energy_by_voltage(figure(100, 90, 110), 0.75, 1.5)
    assert scaled.value == pytest.approx(400)
    assert (scaled.low, scaled.high) == (pytest.approx(90 * 2**1.5), pytest.approx(110 * 2**2.5))
    assert (scaled.original, scaled.condition) == (100, "1.5 V")
    down = scale_energy_by_voltage(figure(100, 100, 100), 1.0, 0.5)
    assert down.low < down.value < down.high
    assert down.value == pytest.approx(25)


def test_rules_chain_and_a_guess_stays_a_guess():
    twice = scale_energy_by_voltage(scale_energy_by_node(figure(80, 80, 80, "assumed"), 28, 14), 1.0, 0.5)
    assert twice.original == 80 and twice.basis == "assumed"
    assert twice.rule == "scale_energy_by_node(28, 14); scale_energy_by_voltage(1, 0.5)"
    assert twice.value == pytest.approx(10)


@pytest.mark.parametrize("call", [
    lambda: scale_figure(figure(1, 1, 1), 1, 2, 3),
    lambda: scale_figure(figure(1, 1, 1), 1, -1, 3),
    lambda: scale_energy_by_node(figure(1, 1, 1), 0, 7),
    lambda: scale_energy_by_voltage(figure(1, 1, 1), 1, math.inf),
])
def test_factors_out_of_range(call):
    with pytest.raises(ValueError):
        call()


def test_a_clock_draws_power_apart_from_leakage_and_events():
    """ODIN at 75 MHz for 2 s, idle: 27.3 uW and 75 x 1.78 uW, in rows of their own; of two chips twice."""
    chip = load_chip("odin")
    rows = {row.component: row for row in price(chip, {}, {}, 1, 2.0).rows}
    assert rows["chip_idle"].energy_j == pytest.approx(2 * 27.3e-6)
    assert rows["clock"].energy_j == pytest.approx(2 * 75 * 1.78e-6)
    assert (rows["clock"].group, rows["clock"].basis) == ("static", "measured")
    assert price(chip, {}, {}, 1, 2.0, n_chips=2).static_j == pytest.approx(2 * 2 * (27.3 + 75 * 1.78) * 1e-6)
    assert "clock" not in {row.component for row in price(load_chip("loihi"), {}, {}, 1, 2.0).rows}


def test_every_chip_in_use_draws_power():
    chip = load_chip("loihi2")
    one, four = (price(chip, {}, {}, 100, 2.0, n_chips=n) for n in (1, 4))
    idle = {bill: next(row for row in bill.rows if row.component == "chip_idle") for bill in (one, four)}
    assert idle[one].count == 1 and idle[four].count == 4
    assert idle[four].energy_j == pytest.approx(4 * idle[one].energy_j)
    price(chip, {}, {}, 4 * chip.n_cores, 1.0, n_chips=4)
    with pytest.raises(ValueError, match="n_active_cores = 129: must be 0 to 128"):
        price(chip, {}, {}, 129, 1.0)
    with pytest.raises(ValueError, match="n_chips = 0: must be 1 or more"):
        price(chip, {}, {}, 1, 1.0, n_chips=0)
