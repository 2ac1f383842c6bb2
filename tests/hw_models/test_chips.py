"""The chips of the library: published figures, sources, rules, and what they may not hide."""

import math
import re

import pytest

from hw_models import chip_path, list_chips, load_chip, price
from hw_models import costs as costs_module
from hw_models.checks import SOURCES_PATH, load_sources, source_key
from hw_models.schema import Chip, Figure

CHIPS = ["generic-mesh", "loihi", "loihi-nahuku", "loihi2"]
RULE = re.compile(r"(scale_\w+)\(([^)]*)\)")


def figures(value, path=""):
    """Yield (path, figure) of everything below a model."""
    if isinstance(value, Figure):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from figures(item, f"{path}.{index}")
    elif hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            yield from figures(getattr(value, name), f"{path}.{name}" if path else name)


@pytest.mark.parametrize("name", CHIPS)
def test_every_figure_has_a_listed_source(name):
    found = list(figures(load_chip(name)))
    assert len(found) == 45 + len(load_chip(name).barrier)
    for path, figure in found:
        assert source_key(figure.source) in load_sources(), path
        assert figure.low <= figure.value <= figure.high, path


def test_every_source_is_used_and_says_how_it_was_read():
    text = "".join(chip_path(name).read_text(encoding="utf-8") for name in list_chips())
    text += SOURCES_PATH.read_text(encoding="utf-8")
    text += (SOURCES_PATH.parent / "scaling.py").read_text(encoding="utf-8")
    for key, source in load_sources().items():
        assert len(re.findall(rf"\b{key}\b", text)) > 1, key
        assert source.where


@pytest.mark.parametrize("name", CHIPS)
def test_an_assumption_is_marked_as_one(name):
    for path, figure in figures(load_chip(name)):
        if source_key(figure.source) == "assumption":
            assert figure.basis == "assumed", path
        if figure.basis == "scaled":
            assert figure.original is not None and figure.rule, path


@pytest.mark.parametrize("name", CHIPS)
def test_scaled_figures_follow_their_rule(name):
    """Rounded values: within 3 %, and the interval holds that of the rule within 3 %."""
    n_rules = 0
    for path, figure in figures(load_chip(name)):
        match = RULE.fullmatch(figure.rule or "")
        if match is None:
            continue
        n_rules += 1
        original = Figure(value=figure.original, low=figure.original, high=figure.original, basis="measured",
                          source="user")
        arguments = [float(number) for number in match[2].split(",")]
        expected = getattr(costs_module, match[1])(original, *arguments)
        assert figure.value == pytest.approx(expected.value, rel=0.03), path
        assert figure.low <= expected.low * 1.03 and figure.high >= expected.high * 0.97, path
    assert n_rules == {"loihi2": 15}.get(name, 0)


@pytest.mark.parametrize("name", CHIPS)
def test_what_is_left_out_is_said(name):
    chip = load_chip(name)
    assert chip.leaves_out and all(len(text) > 20 for text in chip.leaves_out)
    if name.startswith("loihi"):
        assert any("buffer" in text for text in chip.leaves_out)


def pj_ns(chip: Chip, event: str) -> tuple[float, float]:
    cost = getattr(chip.core.costs, event)
    return cost.energy_pj.value, cost.latency_ns.value


def test_loihi_has_the_figures_of_the_paper():
    chip = load_chip("loihi")
    assert (chip.n_tiles, chip.n_cores, chip.area_mm2, chip.process_nm) == (32, 128, 60, 14)
    assert pj_ns(chip, "soma_active") == (81, 8.4)
    assert pj_ns(chip, "soma_inactive") == (52, 5.3)
    for event in ("synapse_dense", "synapse_sparse", "synapse_conv"):
        assert pj_ns(chip, event) == (23.6, 3.5)
        cost = getattr(chip.core.costs, event)
        assert cost.energy_pj.low == 23.6 and cost.latency_ns.high == 3.5
        assert "minimum" in cost.energy_pj.condition and "maximum" in cost.latency_ns.condition
    noc = chip.noc
    assert noc.router_latency_ns.value + noc.eject_latency_ns.value == 2.1
    assert noc.router_latency_ns.value + noc.link_latency_ew_ns.value == pytest.approx(4.1)
    assert noc.router_latency_ns.value + noc.link_latency_ns_ns.value == pytest.approx(6.5)
    assert [noc.costs.hop_ew_pj.value, noc.costs.hop_ns_pj.value, noc.costs.tile_local_pj.value] == [3.0, 4.0, 1.7]
    assert [(entry.tiles, entry.latency_ns.value) for entry in chip.barrier] == [(1, 113), (32, 465)]
    assert chip.power.chip_idle_mw.value == 104 == round(3340 / 32)
    assert chip.core.synapse_memory.words * 64 == 128 * 1024 * 8
    assert chip.core.costs.soma_active.energy_pj.basis == "simulated"
    assert chip.core.costs.packet_out.energy_pj.basis == "assumed"


def test_loihi_cannot_run_a_graded_residual_stream():
    for name in ("loihi", "loihi-nahuku"):
        can = load_chip(name).core.capabilities
        assert not (can.graded_output or can.ternary_output or can.complex_state or can.programmable)


def test_nahuku_has_the_fitted_figures():
    chip = load_chip("loihi-nahuku")
    assert pj_ns(chip, "soma_active") == (pytest.approx(51.2 + 21.6), pytest.approx(6.0 + 3.7))
    assert pj_ns(chip, "soma_inactive") == (51.2, 6.0)
    assert pj_ns(chip, "spike_out") == (69.3, 30)
    assert pj_ns(chip, "packet_out") == (111, 5.1)
    assert pj_ns(chip, "packet_in") == (0, 16)
    assert pj_ns(chip, "synapse_dense") == (35.5, 3.8)
    assert pj_ns(chip, "synapse_sparse") == (33.6, 4.7)
    assert pj_ns(chip, "synapse_conv") == (24.0, 3.1)
    assert [(entry.tiles, entry.latency_ns.value) for entry in chip.barrier] == [
        (1, 600), (2, 1000), (4, 1400), (29, 1800)]
    for event in ("soma_active", "spike_out", "packet_out", "synapse_dense"):
        energy, latency = getattr(chip.core.costs, event).energy_pj, getattr(chip.core.costs, event).latency_ns
        assert energy.high == pytest.approx(energy.value * 1.117, rel=0.01)
        assert energy.low == pytest.approx(energy.value * 0.883, rel=0.01)
        assert latency.high == pytest.approx(latency.value * 1.243, rel=0.02)


def test_limits_of_both_loihis_are_the_same():
    first, second = (load_chip(name).model_dump() for name in ("loihi", "loihi-nahuku"))
    first["core"].pop("costs"), second["core"].pop("costs")
    assert first["core"] == second["core"]


def test_loihi2_estimates():
    chip = load_chip("loihi2")
    assert (chip.n_tiles, chip.n_cores, chip.core.max_neurons) == (32, 128, 8192)
    assert chip.core.shared_memory_bits == 192 * 1024 * 8
    conv = chip.core.costs.synapse_conv
    assert (conv.latency_ns.value, conv.latency_ns.basis) == (1.02, "measured")
    assert (conv.energy_pj.low, conv.energy_pj.value, conv.energy_pj.high, conv.energy_pj.basis) == (
        10, 25, 30, "scaled")
    mode = chip.core.costs.mode_update
    assert (mode.energy_pj.low, mode.energy_pj.value, mode.energy_pj.high) == (40, 100, 300)
    assert (mode.latency_ns.low, mode.latency_ns.value, mode.latency_ns.high) == (10, 35, 45)
    assert (chip.power.chip_idle_mw.value, chip.power.chip_idle_mw.basis) == (230, "measured")
    assert chip.core.capabilities.complex_state and any("fused" in text for text in chip.leaves_out)


def test_streaming_on_loihi2_is_static_power_times_time():
    """An S4D token in fall-through takes 68 us, 16 uJ; pipelined 12 us, 2.8 uJ."""
    chip = load_chip("loihi2")
    assert price(chip, {}, {}, 31, 68e-6).total_j == pytest.approx(16e-6, rel=0.03)
    assert price(chip, {}, {}, 31, 12e-6).total_j == pytest.approx(2.8e-6, rel=0.03)


def test_nearest_neighbour_search_on_loihi():
    """750 spikes to 76 800 neurons, 60 steps: 1.60 mJ by the paper's figures, 1.33 mJ measured (frady2020)."""
    bill = price(load_chip("loihi"), {"synapse_dense": 750 * 76_800, "soma_inactive": 76_800 * 60}, {}, 128, 0.0)
    assert bill.dynamic_j == pytest.approx(1.60e-3, rel=0.01)
    assert 1.0 < bill.dynamic_j / 1.33e-3 < 1.25


def test_recurrent_network_on_loihi():
    """330 compartments, 390 operations a step: 26.4 nJ a step measured (intel_lsnn)."""
    bill = price(load_chip("loihi"), {"synapse_dense": 390, "soma_inactive": 330}, {}, 2, 0.0)
    assert bill.dynamic_j == pytest.approx(26.4e-9, rel=0.01)


def test_times_share_a_coarse_tick():
    """The engine's clock ticks in the greatest common divisor of all durations: coarse figures run faster."""
    ticks = {}
    for name in CHIPS:
        durations = [round(figure.value * 1000) for path, figure in figures(load_chip(name)) if path.endswith("_ns")]
        ticks[name] = math.gcd(*durations)
    assert ticks == {"generic-mesh": 1000, "loihi": 100, "loihi-nahuku": 100, "loihi2": 20}
