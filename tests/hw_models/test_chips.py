"""The chips of the library: published figures, sources, rules, and what they may not hide."""

import math
import re

import pytest
import yaml

from hw_models import chip_path, list_chips, load_chip, price
from hw_models.checks import SOURCES_PATH, load_sources, source_key
from hw_models.figures import Figure
from hw_models.scaling import RULES, apply_rule
from hw_models.schema import Chip

CHIPS = list_chips()
UNITS = ("_pj", "_ns", "_mw", "_mw_per_mhz")
BASES = ("measured", "simulated", "scaled", "assumed")


def by_factors(nominal, low, high):
    """Return a rule's arithmetic from its three factors, each a function of the rule's numbers."""
    return lambda value, least, most, *n: (value * nominal(*n), least * low(*n), most * high(*n))


def hop(bits, nm, volts, mm):
    return bits * nm / 28 * (volts / 0.775) ** 2 * mm / 0.24


def slowdown(alpha):
    return lambda before, after, vt: after / before * ((before - vt) / (after - vt)) ** alpha


def ends(factor_of_one, factor_of_other):
    """Return (smaller, greater) of two factors, as functions of the rule's numbers."""
    return (lambda *n: min(factor_of_one(*n), factor_of_other(*n)),
            lambda *n: max(factor_of_one(*n), factor_of_other(*n)))


# The rules once more: nominal, low and high factors, from their equations.
BY_HAND = {
    "scale_figure": by_factors(lambda n, _l, _h: n, lambda _n, low, _h: low, lambda _n, _l, high: high),
    "scale_energy_by_node": by_factors(lambda a, b: b / a, *ends(lambda a, b: (b / a) ** 2, lambda a, b: 1)),
    "scale_energy_by_voltage": by_factors(lambda a, b: (b / a) ** 2,
                                          *ends(lambda a, b: (b / a) ** 1.5, lambda a, b: (b / a) ** 2.5)),
    "scale_delay_by_node": by_factors(lambda a, b: b / a, *ends(lambda a, b: (b / a) ** 2, lambda a, b: 1)),
    "scale_delay_by_voltage": by_factors(slowdown(1.3), *ends(slowdown(1), slowdown(2))),
    "scale_delay_by_frequency": by_factors(lambda a, b: a / b, lambda a, b: a / b, lambda a, b: a / b),
    "cycles_at": by_factors(lambda f, *_: 1000 / f, lambda f, low=1, _=1: 1000 / f * low,
                            lambda f, _=1, high=1: 1000 / f * high),
    "period_of_rate": lambda value, _l, _h, share, least, most: (
        1 / value / share, 1 / value / most, 1 / value / least),
    "hop_energy": by_factors(hop, lambda *n: hop(*n) / 4, lambda *n: hop(*n) * 4),
    "leakage_by_area": lambda value, _l, _h, area, least, most: (value * area, least * area, most * area),
}


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


def quantities(value, path=""):
    """Yield (path, value) of every key of a plain chip file that ends in a physical unit."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        name = f"{path}.{key}" if path else str(key)
        if isinstance(key, str) and key.endswith(UNITS):
            yield name, item
        yield from quantities(item, name)


def plain(name):
    return yaml.safe_load(chip_path(name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CHIPS)
def test_every_figure_has_interval_basis_and_listed_source(name):
    """Read from the plain file, whatever the schema says. The unit stands in the key."""
    chip, found = plain(name), 0
    for path, figure in quantities(chip):
        if figure is None and (chip.get("unpublished") or path == "free_running.leak_clock_ns"):
            continue
        found += 1
        assert figure["low"] <= figure["value"] <= figure["high"], path
        assert figure["basis"] in BASES, path
        assert source_key(figure["source"]) in load_sources(), path
    assert found >= (2 if chip.get("unpublished") else 45)


def test_no_physical_quantity_is_a_bare_number():
    """Numbers that need no interval are counts, bits, the process, the area and a clock's frequency, which are set."""
    bare = {"process_nm", "area_mm2", "frequency_mhz"}
    counts = re.compile(r"(max_\w+|\w*_bits|words|columns|rows|cores_per_tile|tile|tiles|chips|buffer_packets|"
                        r"block_synapses|core_in_packets|\w+_slots|\w+_entries|cores|strides|pool_sizes|\w+_choices|"
                        r"axon_types|dendrite_ports|\w+_profiles|\w+_neurons)")

    def check(value, path):
        if isinstance(value, dict) and "basis" not in value:
            for key, item in value.items():
                check(item, f"{path}.{key}")
        elif isinstance(value, list):
            for item in value:
                check(item, path)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            assert path.rsplit(".", 1)[-1] in bare or counts.fullmatch(path.rsplit(".", 1)[-1]), path

    for name in CHIPS:
        check(plain(name), name)


def test_every_source_is_used_and_says_how_it_was_read():
    text = "".join(chip_path(name).read_text(encoding="utf-8") for name in list_chips())
    text += SOURCES_PATH.read_text(encoding="utf-8")
    text += (SOURCES_PATH.parent / "scaling.py").read_text(encoding="utf-8")
    for key, source in load_sources().items():
        assert len(re.findall(rf"\b{key}\b", text)) > 1, key
        assert source.where


@pytest.mark.parametrize("name", CHIPS)
def test_an_assumption_is_marked_as_one(name):
    for path, figure in quantities(plain(name)):
        if figure is None:
            continue
        if source_key(figure["source"]) == "assumption":
            assert figure["basis"] == "assumed", path
        if figure["basis"] == "scaled":
            assert "original" in figure and figure["rule"], path
        assert ("original" in figure) == ("rule" in figure), path


@pytest.mark.parametrize("name", CHIPS)
def test_scaled_figures_follow_their_rule(name):
    """Rounded to one digit at worst: within 4 %, and the interval holds that of the rule within 4 %."""
    for path, figure in quantities(plain(name)):
        if figure is None or "rule" not in figure:
            continue
        value, low, high = 0.0, 0.0, 0.0
        for index, part in enumerate(figure["rule"].split(";")):
            function, numbers = re.fullmatch(r"\s*(\w+)\((.*)\)\s*", part).groups()
            start = [figure["original"]] * 3 if index == 0 else [value, low, high]
            value, low, high = BY_HAND[function](*start, *(float(number) for number in numbers.split(",")))
        assert figure["value"] == pytest.approx(value, rel=0.04), path
        assert figure["low"] <= low * 1.04, path
        assert figure["high"] >= high * 0.96, path


@pytest.mark.parametrize(("original", "rule"), [
    (81, "scale_energy_by_node(14, 7)"), (450, "scale_energy_by_node(28, 22); scale_energy_by_voltage(0.7, 0.5)"),
    (20, "cycles_at(200, 0.5, 2)"), (20, "cycles_at(200)"), (0.072, "hop_energy(64, 22, 0.5, 1.5)"),
    (3.44, "period_of_rate(0.5, 0.25, 1)"), (1.7, "leakage_by_area(14.4, 0.1, 7.5)"),
    (5, "scale_delay_by_node(28, 22); scale_delay_by_voltage(0.9, 0.6, 0.35)"),
    (5, "scale_delay_by_voltage(0.6, 0.9, 0.35)"), (8, "scale_delay_by_frequency(100, 250)"),
])
def test_rules_against_their_equations(original, rule):
    expected = (original, original, original)
    for part in rule.split(";"):
        function, numbers = re.fullmatch(r"\s*(\w+)\((.*)\)\s*", part).groups()
        expected = BY_HAND[function](*expected, *(float(number) for number in numbers.split(",")))
    found = apply_rule(original, rule)
    assert (found.value, found.low, found.high) == pytest.approx(expected, rel=1e-12)
    assert (found.original, found.basis, found.low <= found.value <= found.high) == (original, "scaled", True)


@pytest.mark.parametrize("rule", ["halved", "scale_figure(1)", "eval(1)", "scale_figure(1, 2, 0)", "", "cycles_at(a)",
                                  "cycles_at(0)", "scale_delay_by_voltage(0.6, 0.3, 0.35)"])
def test_rules_that_cannot_be_read_or_applied(rule):
    with pytest.raises(ValueError):
        apply_rule(1.0, rule)


def test_rules_are_used():
    used = {match for name in CHIPS for _, figure in quantities(plain(name)) if figure and "rule" in figure
            for match in re.findall(r"(\w+)\(", figure["rule"])}
    assert used <= set(BY_HAND) == set(RULES)
    assert len(used) >= 5


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
    assert {name: ticks[name] for name in ("generic-mesh", "loihi", "loihi-nahuku", "loihi2")} == {
        "generic-mesh": 1000, "loihi": 100, "loihi-nahuku": 100, "loihi2": 20}
    assert all(tick >= 20 for name, tick in ticks.items() if load_chip(name).unpublished is None), ticks


def power_mw(chip, rate_per_s, event):
    """Static power and events a second of `event`, from the bill of one second."""
    return price(chip, {event: round(rate_per_s)}, {}, chip.n_cores, 1.0).total_j * 1e3


@pytest.mark.parametrize(("rate_hz", "measured_mw"), [(11.58, 68), (20.07, 71), (95.93, 94)])
def test_truenorth_has_the_published_sweep(rate_hz, measured_mw):
    """2^20 neurons with 128 synapses each at 0.8 V (akopyan2015, figure 17)."""
    chip = load_chip("truenorth")
    assert power_mw(chip, rate_hz * 2**20 * 128, "synapse_dense") == pytest.approx(measured_mw, rel=0.01)
    assert "0.8 V" in chip.power.chip_idle_mw.condition


@pytest.mark.parametrize(("mhz", "rate_per_s", "measured_uw"), [(75, 37.5e6, 477), (1.3, 0.65e6, 35)])
def test_odin_has_the_published_points(mhz, rate_per_s, measured_uw):
    chip = load_chip("odin", [f"power.clock.frequency_mhz={mhz}"])
    assert power_mw(chip, rate_per_s, "synapse_dense") * 1e3 == pytest.approx(measured_uw, rel=0.01)
    assert rate_per_s * chip.core.costs.synapse_dense.latency_ns.original == mhz * 1e6     # two cycles each


def test_static_power_is_in_no_event():
    """26 pJ (TrueNorth) and 12.7 pJ (ODIN) are all of the power over the events: no event may cost as much."""
    assert load_chip("truenorth").core.costs.synapse_dense.energy_pj.high < 26 / 4
    assert load_chip("odin").core.costs.synapse_dense.energy_pj.high < 12.7
