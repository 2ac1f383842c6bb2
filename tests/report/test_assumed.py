"""No assumed figure enters a report unnamed: every figure that moves energy or time is found by its name."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import yaml

from hw_models import chip_path, list_chips, load_chip, price
from hw_models.times import time_figures
from neurosim import api
from neurosim.events import CHIP_EVENTS, CORE_EVENTS
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.report import to_text
from neurosim.report.assumed import energy_sentence

CHIPS = [name for name in list_chips() if load_chip(name).unpublished is None]
# Where the energy of an event, and static power, stand in a chip file.
ENERGY_FIELDS = {
    **{name: ("core", "costs", name, "energy_pj") for name in CORE_EVENTS},
    **{name: ("noc", "costs", f"{name}_pj")
       for name in ("hop_ew", "hop_ns", "flit_hop_ew", "flit_hop_ns", "tile_local")},
    "input_packet": ("input_port", "packet_pj"), "output_packet": ("output_port", "packet_pj"),
    "barrier": ("barrier_pj",), "chip_hop": ("grid", "hop_pj"), "flit_chip_hop": ("grid", "flit_hop_pj"),
    "chip_idle": ("power", "chip_idle_mw"), "core_active": ("power", "core_active_mw"),
    "clock": ("power", "clock", "power_mw_per_mhz"),
}


def at(plain, path):
    """Return what stands at a path of a plain chip file; None where a block is absent."""
    for key in path:
        plain = plain.get(key) if plain else None
    return plain


def words(sentence: str) -> set[str]:
    return set(sentence.replace(",", " ").replace(":", " ").replace(".", " ").split())


@pytest.mark.parametrize("name", CHIPS)
def test_every_assumed_energy_that_was_counted_is_named(name: str) -> None:
    plain = yaml.safe_load(chip_path(name).read_text(encoding="utf-8"))
    chance = random.Random(name)
    for _ in range(5):
        counts = {event: chance.choice([0, 0, 7]) for event in (*CORE_EVENTS, *CHIP_EVENTS)
                  if at(plain, ENERGY_FIELDS[event]) is not None}
        bill = price(load_chip(name), counts, {}, 1, 1e-3)
        always = {component: 1 for component in ("chip_idle", "core_active", "clock")}
        expected, share = set(), 0.0
        for component, path in ENERGY_FIELDS.items():
            figure, count = at(plain, path), {**counts, **always}.get(component, 0)
            if figure and count and figure["basis"] == "assumed" and figure["high"] > 0:
                expected.add(component)
                share += sum(row.energy_j for row in bill.rows if row.component == component) / bill.total_j
        assert expected <= words(energy_sentence(bill))
        assert expected == set(bill.to_mapping()["assumed"])
        assert sum(bill.to_mapping()["assumed"].values()) == pytest.approx(share) == pytest.approx(bill.assumed_share)


@pytest.mark.parametrize("name", CHIPS)
def test_every_latency_of_a_counted_core_event_is_among_the_figures_of_time(name: str) -> None:
    plain = yaml.safe_load(chip_path(name).read_text(encoding="utf-8"))
    costs = {event: at(plain, ("core", "costs", event, "latency_ns")) for event in CORE_EVENTS}
    counted = [event for number, event in enumerate(CORE_EVENTS) if number % 2 == 0 and costs[event]]
    found = {item.field: item for item in time_figures(load_chip(name), dict.fromkeys(counted, 5), "event")}
    busy = sum(5 * costs[event]["value"] for event in counted)
    for event in CORE_EVENTS:
        field = f"core.costs.{event}.latency_ns"
        assert (field in found) == (event in counted and costs[event]["high"] > 0)
        if field in found and busy:
            assert found[field].busy_share == pytest.approx(5 * costs[event]["value"] / busy)


def spiking() -> Network:
    """Two layers on cores apart, so that packets cross links."""
    first, second = np.full((12, 40), 0.6), np.full((40, 30), 0.05)
    return Network("spiking", (Population("pixels", "input", 12, attributes={"payload": "spike"}),
                               Population("first", "lif", 40, {"leak": 0.9}),
                               Population("second", "lif", 30, {"leak": 0.9})),
                   (Projection("pixels", "first", DenseWeights(first)),
                    Projection("first", "second", DenseWeights(second))), readouts=("second",))


def times_of(detail: str, *overrides: str) -> tuple[float, set[str]]:
    """Return the simulated time and the names of the assumed figures behind it."""
    inputs = np.random.default_rng(3).integers(0, 2, (1, 5, 12))
    found = api.run(spiking(), "generic-mesh", inputs, detail=detail, workers=1, overrides=[
        "mapping.placement=linear", "mapping.max_neurons_per_core=12", "noc.buffer_packets=1", *overrides])
    with found.trace:
        return found.summary.simulated_s, {item.figure for item in found.summary.assumed_times}


@pytest.mark.parametrize("detail", ["functional", "analytic", "event"])
def test_a_figure_that_moves_the_time_is_named(detail: str) -> None:
    """Every figure in nanoseconds of the template is changed in turn: where the time moves, the figure is named."""
    template = load_chip("generic-mesh").model_dump()
    fields = []

    def collect(value, path: str) -> None:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            here = f"{path}.{key}" if path else str(key)
            if isinstance(item, dict) and "basis" in item:
                fields.extend([(here, item["value"])] if here.endswith("_ns") else [])
            elif isinstance(item, dict | list):
                collect(item, here)

    collect(template, "")
    usual, named = times_of(detail)
    moving = set()
    for field, value in fields:
        if times_of(detail, f"{field}={3 * value + 7}")[0] != usual:
            moving.add(field)
    assert moving <= named
    assert len(moving) >= {"functional": 1, "analytic": 5, "event": 10}[detail]


def test_text_and_json_name_them(tmp_path: Path) -> None:
    inputs = np.random.default_rng(3).integers(0, 2, (2, 5, 12))
    summary = api.run(spiking(), "loihi", inputs, overrides=["mapping.max_neurons_per_core=12"]).summary
    text = " ".join(to_text(summary).split())
    plain = json.loads(json.dumps(summary.to_json()))
    assert {"spike_out", "packet_out"} < set(plain["energy_j"]["assumed"])
    for component, share in plain["energy_j"]["assumed"].items():
        assert component in text.partition("rests on assumed figures")[2]
        assert 0 <= share <= 1
    assert sum(plain["energy_j"]["assumed"].values()) == pytest.approx(plain["energy_j"]["assumed_share"])
    times = {item["figure"]: item["busy_share"] for item in plain["assumed_times"]}
    assert times["core.costs.spike_out.latency_ns"] > 0 and times["noc.link_cycle_ns"] is None
    assert "core.costs.soma_active.latency_ns" not in times         # published
    for figure in times:
        assert figure.removeprefix("core.costs.").removesuffix(".latency_ns") in text.partition("Times rest on")[2]
