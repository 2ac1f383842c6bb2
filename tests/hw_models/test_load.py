"""Faults of chip files, options, rules between fields, storing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hw_models import (
    ConfigError,
    barrier_latency_ns,
    chip_path,
    fingerprint,
    from_mapping,
    list_chips,
    load_chip,
    price,
    to_mapping,
)
from hw_models.checks import load_sources
from hw_models.unpublished import core_costs, noc_costs

TEMPLATE = chip_path("generic-mesh").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[2]


def faults(call, *arguments):
    with pytest.raises(ConfigError) as caught:
        call(*arguments)
    return caught.value.faults


def own_chip(folder: Path, *changes: tuple[str, str]) -> Path:
    text = TEMPLATE
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def line_of(path: Path, text: str) -> int:
    lines = [number for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in line]
    assert len(lines) == 1, text
    return lines[0]


# Names and files


def test_library():
    assert {"generic-mesh", "loihi", "loihi-nahuku", "loihi2"} < set(list_chips())
    assert list_chips() == sorted(list_chips())
    assert all(chip_path(name).is_file() for name in list_chips())


def test_unknown_name_names_the_nearest():
    (fault,) = faults(load_chip, "loihi3")
    assert str(fault) == (
        "loihi3: no such chip\n"
        f"  allowed: {', '.join(list_chips())}, or the path of a YAML file\n"
        "  mend: write `loihi`, or give the path of your own chip file, ending in .yaml"
    )
    (fault,) = faults(load_chip, "zzzz")
    assert fault.mend.startswith("name one of these")
    assert faults(load_chip, "")[0].file == "(no name)"


def test_missing_file_by_path(tmp_path):
    assert faults(load_chip, tmp_path / "x.yaml")[0].value == "no such file"
    assert faults(load_chip, "some/x.yaml")[0].file == "some/x.yaml"
    assert faults(load_chip, tmp_path)[0].value == "is a directory"


def test_own_file_may_have_any_name(tmp_path):
    path = own_chip(tmp_path, ("name: generic-mesh ", "name: mine "))
    assert load_chip(path).name == load_chip(str(path)).name == "mine"


# Faults of the schema


def test_value_out_of_range_has_file_line_field_range_and_mend(tmp_path):
    path = own_chip(tmp_path, ("max_neurons: 1024", "max_neurons: 0"))
    (fault,) = faults(load_chip, path)
    assert str(fault) == (
        f"{path}:{line_of(path, 'max_neurons:')}: core.max_neurons = 0\n"
        "  allowed: integer from 1 to 65536\n"
        "  mend: give the number of neurons one core can hold, e.g. 1024"
    )


def test_library_chips_are_named_by_package_path(tmp_path, monkeypatch):
    text = TEMPLATE.replace("name: generic-mesh ", "name: other ")
    monkeypatch.setattr("hw_models.load.CHIP_FOLDER", tmp_path)
    (tmp_path / "mesh.yaml").write_text(text, encoding="utf-8")
    (fault,) = faults(load_chip, "mesh")
    line = 1 + text[: text.index("\nname: other")].count("\n") + 1
    assert str(fault) == (
        f"hw_models/chips/mesh.yaml:{line}: name = other\n"
        "  allowed: `mesh`, the name of the file\n  mend: rename the chip or the file"
    )


def test_unknown_key_names_the_nearest(tmp_path):
    path = own_chip(tmp_path, ("  weight_bits: 8 ", "  weight_bit: 8 "))
    unknown, missing = sorted(faults(load_chip, path), key=lambda fault: fault.field)
    assert unknown.field == "core.weight_bit" and unknown.value == "8 (unknown key)"
    assert unknown.line == line_of(path, "weight_bit:")
    assert unknown.mend == "write `weight_bits`"
    assert "weight_bits" in unknown.allowed and unknown.allowed.endswith("below core")
    assert missing.field == "core.weight_bits" and missing.value == "(missing)"
    assert path.read_text(encoding="utf-8").splitlines()[missing.line - 1] == "core:"
    assert missing.allowed == "integer from 1 to 32"
    assert missing.mend == "add the key `weight_bits`: the bits of a weight with its sign, e.g. 8"


def test_unknown_key_like_no_other(tmp_path):
    path = own_chip(tmp_path, ("area_mm2: null", "area_mm2: null\nqqqqqq: 1"))
    (fault,) = faults(load_chip, path)
    assert fault.mend == "remove it"


def test_missing_key_has_the_line_of_its_parent(tmp_path):
    path = own_chip(tmp_path, ("  routing: xy ", "  # routing "))
    (fault,) = faults(load_chip, path)
    assert (fault.field, fault.value, fault.line) == ("noc.routing", "(missing)", line_of(path, "noc:"))
    assert fault.allowed == "`xy` or `yx`"
    path = own_chip(tmp_path, ("title: ", "# "))
    (fault,) = faults(load_chip, path)
    assert (fault.field, fault.line) == ("title", line_of(path, "name: generic-mesh"))


@pytest.mark.parametrize(
    ("before", "after", "field", "value", "allowed"),
    [
        ("  routing: xy ", "  routing: zz ", "noc.routing", "zz", "`xy` or `yx`"),
        ("  buffer_packets: 4 ", "  buffer_packets: 0 ", "noc.buffer_packets", "0",
         "integer from 1 to 4096 or `unlimited`"),
        ("  buffer_packets: 4 ", "  buffer_packets: many ", "noc.buffer_packets", "many",
         "integer from 1 to 4096 or `unlimited`"),
        ("  max_neurons: 1024", "  max_neurons: true", "core.max_neurons", "true", "integer from 1 to 65536"),
        ("  max_neurons: 1024", "  max_neurons: 1.5", "core.max_neurons", "1.5", "integer from 1 to 65536"),
        ("  max_neurons: 1024", "  max_neurons: '12'", "core.max_neurons", "12", "integer from 1 to 65536"),
        ("    multiply: true", "    multiply: yes", "core.capabilities.multiply", "yes", "true or false"),
        ("process_nm: 14 ", "process_nm: -1 ", "process_nm", "-1", "number above 0, at most 1e+06"),
        ("process_nm: 14 ", "process_nm: .inf ", "process_nm", "inf", "number above 0, at most 1e+06"),
        ("process_nm: 14 ", "process_nm: .nan ", "process_nm", "nan", "number above 0, at most 1e+06"),
        ("    models: any ", "    models: 3 ", "core.capabilities.models", "3", "list of text or `any`"),
        ("    dendrite_operators: [sum, max, max_abs]", "    dendrite_operators: [sum, min]",
         "core.capabilities.dendrite_operators.1", "min", "`sum` or `max` or `max_abs`"),
        ("    dendrite_operators: [sum, max, max_abs]", "    dendrite_operators: []",
         "core.capabilities.dendrite_operators", "[]", "list of `sum` or `max` or `max_abs`"),
        ("    hop_ew_pj: {value: 1, low: 0.5, high: 4, basis: assumed, source: assumption}", "    hop_ew_pj: 3",
         "noc.costs.hop_ew_pj", "3", "mapping with the keys value, low, high, basis, source"),
        ("    hop_ew_pj: {value: 1, low: 0.5, high: 4, basis: assumed", "    hop_ew_pj: {value: 1, low: 2, high: 4, "
         "basis: assumed", "noc.costs.hop_ew_pj", "low 2.0, value 1.0, high 4.0", "low <= value <= high"),
        ("    hop_ew_pj: {value: 1, low: 0.5, high: 4, basis: assumed", "    hop_ew_pj: {value: 1, low: -1, high: 4, "
         "basis: assumed", "noc.costs.hop_ew_pj.low", "-1", "number from 0 to 1e+12"),
        ("    hop_ew_pj: {value: 1, low: 0.5, high: 4, basis: assumed", "    hop_ew_pj: {value: 1, low: 0.5, high: 4, "
         "basis: guessed", "noc.costs.hop_ew_pj.basis", "guessed",
         "`measured` or `simulated` or `scaled` or `assumed`"),
    ],
)
def test_range_of_each_kind(tmp_path, before, after, field, value, allowed):
    path = own_chip(tmp_path, (before, after))
    (fault,) = faults(load_chip, path)
    assert (fault.field, fault.value, fault.allowed) == (field, value, allowed)
    assert fault.line == line_of(path, after.strip())
    assert fault.mend


def test_all_faults_at_once(tmp_path):
    path = own_chip(
        tmp_path,
        ("  routing: xy ", "  routing: zz "),
        ("  max_neurons: 1024", "  max_neurons: 0"),
        ("    multiply: true", "    multipli: true"),
        ("  topology: mesh ", "  topology: torus "),
        ("  columns: 8 ", "  columns: 8\n  columns: 9 "),
        ("    hop_ew_pj: {value: 1, low: 0.5, high: 4, basis: assumed, source: assumption}",
         "    hop_ew_pj: {value: 1, low: 0.5, high: 4, basis: assumed, source: asumption}"),
        ("  tile: 63", "  tile: 64"),
    )
    found = faults(load_chip, path, ["core.state_bits=99"])
    assert {fault.field for fault in found} == {
        "noc.routing", "core.max_neurons", "core.capabilities.multipli", "core.capabilities.multiply",
        "noc.buffer_packets", "noc.columns", "noc.costs.hop_ew_pj.source", "output_port.tile", "core.state_bits",
    }
    lines = [fault.line for fault in found if fault.line is not None]
    assert lines == sorted(lines) and len(lines) == 8


# Rules between fields

LAYER_NULL = "  layer_memory: null "
LAYERS = ("  layer_memory: {classes: [{cores: 3, kernel_entries: 16384, neuron_entries: 65536}], max_input_size: 128, "
          "max_output_size: 64, max_channels: 1024, max_kernel_size: 16, strides: [1, 2], max_padding: 7, "
          "pool_sizes: [1], max_destinations: 2} ")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ([("  topology: mesh ", "  topology: torus ")], "noc.buffer_packets", "deadlock"),
        ([("  tile: 63", "  tile: 64")], "output_port.tile", "integer from 0 to 63"),
        ([("core_in_packets: unlimited ", "core_in_packets: 4 "), ("kind: overlapped ", "kind: serial ")],
         "core.core_in_packets", "deadlock"),
        ([("core_in_packets: unlimited ", "core_in_packets: 4 "), ("self_delivery: network ", "self_delivery: skip ")],
         "core.core_in_packets", "undefined"),
        ([("core_in_packets: unlimited ", "core_in_packets: 4 "),
          ("  buffer_packets: 4 ", "  buffer_packets: unlimited ")],
         "core.core_in_packets", "back-pressure"),
        ([("router_latency_ns: {value: 2, low: 1", "router_latency_ns: {value: 0, low: 0"),
          ("link_latency_ew_ns: {value: 1, low: 0.5", "link_latency_ew_ns: {value: 0.0004, low: 0")],
         "noc.link_latency_ew_ns.value", "1 ps"),
        ([("credit_latency_ns: {value: 1, low: 0.5", "credit_latency_ns: {value: 0, low: 0")],
         "noc.credit_latency_ns.value", "1 ps"),
        ([("link_cycle_ns: {value: 1, low: 0.5", "link_cycle_ns: {value: 0.0005, low: 0")],
         "noc.link_cycle_ns.value", "1 ps"),
        ([("  - tiles: 64", "  - tiles: 1")], "barrier.1.tiles", "more than 1"),
        ([("payload_bits: 16", "payload_bits: 0"), ("ternary_output: true", "ternary_output: false")],
         "noc.payload_bits", "graded_output"),
        ([("payload_bits: 16", "payload_bits: 0"), ("graded_output: true", "graded_output: false")],
         "noc.payload_bits", "ternary_output"),
        ([("accumulator_bits: 24", "accumulator_bits: 4")], "core.weight_bits", "at most 4"),
        ([("packing: words ", "packing: loihi_64bit "), ("word_bits: 64", "word_bits: 32")],
         "core.synapse_memory.word_bits", "64"),
        ([("words: 32768", "words: 1"), ("word_bits: 64", "word_bits: 8"), ("  weight_bits: 8 ", "  weight_bits: 9 ")],
         "core.synapse_memory.words", "one weight"),
        ([("dendrite_operators: [sum, max, max_abs]", "dendrite_operators: [sum, sum]")],
         "core.capabilities.dendrite_operators", "once"),
        ([("barrier_pj: {value: 100, low: 0, high: 1000, basis: assumed, source: assumption}",
           "barrier_pj: {value: 100, low: 0, high: 1000, basis: assumed, source: 'asumption, p. 3'}")],
         "barrier_pj.source", "hw_models/sources.yaml"),
        ([("    axon_types: null ", "    axon_types: 4 ")], "core.synapse_memory.axon_types", "crossbar"),
        ([("packing: words ", "packing: crossbar "), ("max_neurons: 1024", "max_neurons: 64")],
         "core.synapse_memory.axon_types", "crossbar"),
        ([("packing: words ", "packing: crossbar "), ("    axon_types: null ", "    axon_types: 4 ")],
         "core.max_neurons", "at most 64"),
        ([("packing: words ", "packing: crossbar "), ("    axon_types: null ", "    axon_types: 4 "),
          ("max_neurons: 1024", "max_neurons: 64"), ("words: 32768", "words: 4095")], "core.max_axons_in",
         "at most 4095"),
        ([("    weight_bits_choices: []", "    weight_bits_choices: [1, 4, 4, 8]")],
         "core.synapse_memory.weight_bits_choices", "ascending"),
        ([("    weight_bits_choices: []", "    weight_bits_choices: [1, 7]")],
         "core.synapse_memory.weight_bits_choices", "at least core.weight_bits = 8"),
        ([("    index_bits_choices: []", "    index_bits_choices: [10, 10]")],
         "core.synapse_memory.index_bits_choices", "ascending"),
        ([("    index_bits_choices: []", "    index_bits_choices: [6, 9]")],
         "core.synapse_memory.index_bits_choices", "counts 1024 neurons"),
        ([("    threshold_profiles: null", "    threshold_profiles: 8")], "core.capabilities.threshold_profiles",
         "parameter sets"),
        ([("    own_parameters: []", "    own_parameters: [bias]")], "core.capabilities.own_parameters",
         "parameter sets"),
        ([("  axon_in_bits: 0", "  axon_in_bits: 32")], "core.axon_in_bits", "shared pool"),
        ([("  axon_out_bits: 0", "  axon_out_bits: 32")], "core.axon_out_bits", "shared pool"),
        ([(LAYER_NULL, LAYERS)], "core.layer_memory.classes", "64 cores"),
        ([(LAYER_NULL, LAYERS.replace("cores: 3", "cores: 64")), ("convolution: true", "convolution: false")],
         "core.capabilities.convolution", "true"),
    ],
)
def test_rules_between_fields(tmp_path, changes, field, words):
    path = own_chip(tmp_path, *changes)
    (fault,) = faults(load_chip, path)
    assert fault.field == field
    assert words in fault.allowed
    assert fault.mend and fault.line is not None
    # The line is that of the named field.
    assert field.split(".")[-1] in path.read_text(encoding="utf-8").splitlines()[fault.line - 1]


def test_router_or_link_alone_may_take_the_time_of_a_hop():
    no_link = ["noc.link_latency_ew_ns=0", "noc.link_latency_ns_ns=0"]
    assert load_chip("generic-mesh", no_link).noc.link_latency_ew_ns.value == 0
    assert load_chip("generic-mesh", ["noc.router_latency_ns=0"]).noc.router_latency_ns.value == 0


def test_source_names_the_nearest(tmp_path):
    path = own_chip(tmp_path, ("barrier_pj: {value: 100, low: 0, high: 1000, basis: assumed, source: assumption}",
                               "barrier_pj: {value: 100, low: 0, high: 1000, basis: assumed, source: davis2018}"))
    (fault,) = faults(load_chip, path)
    assert fault.mend.startswith("write `davies2018`")


def test_own_figures_may_cite_user(tmp_path):
    path = own_chip(tmp_path, ("barrier_pj: {value: 100, low: 0, high: 1000, basis: assumed, source: assumption}",
                               "barrier_pj: {value: 1, low: 0, high: 2, basis: measured, source: 'user, my board'}"))
    assert load_chip(path).barrier_pj.source == "user, my board"


@pytest.mark.parametrize("option", ["grid.columns=4", "tick.period_ns=10", "power.clock.frequency_mhz=1",
                                    "core.costs.advance_exp.energy_pj=1", "core.layer_memory.max_channels=1"])
def test_a_number_of_a_block_that_the_chip_has_not_got(option):
    """It would be written nowhere, and the run go on as if it had been."""
    (fault,) = faults(load_chip, "generic-mesh", [option])
    assert str(fault).startswith(f"--set {option}: {option.partition('=')[0].rpartition('.')[0]} = null: this chip")
    assert "chip file of your own" in fault.mend


def test_a_scaled_figure_keeps_its_original_and_its_rule(tmp_path):
    before = "barrier_pj: {value: 100, low: 0, high: 1000, basis: assumed, source: assumption}"
    scaled = "barrier_pj: {value: 1, low: 0, high: 2, basis: scaled, source: user"
    (fault,) = faults(load_chip, own_chip(tmp_path, (before, f"{scaled}, original: 2}}")))
    assert (fault.field, fault.value, fault.allowed) == ("barrier_pj.rule", "(missing)", "given with `basis: scaled`")
    both = faults(load_chip, own_chip(tmp_path, (before, f"{scaled}}}")))
    assert [fault.field for fault in both] == ["barrier_pj.original", "barrier_pj.rule"]
    assert load_chip(own_chip(tmp_path, (before, f"{scaled}, original: 2, rule: 'by hand'}}"))).barrier_pj.value == 1


def test_options_reach_into_blocks_that_may_be_null():
    assert load_chip("odin", ["power.clock.frequency_mhz=1.3"]).power.clock.frequency_mhz == 1.3
    assert load_chip("truenorth", ["tick.period_ns=47600"]).tick.period_ns.value == 47600
    assert load_chip("loihi", ["grid.columns=2"]).grid.columns == 2
    assert load_chip("loihi", ["grid=null"]).grid is None


@pytest.mark.parametrize(("option", "field", "allowed"), [
    ("core.costs=null", "core.costs", "given, unless `unpublished` says why nothing per event is known"),
    ("noc.costs=null", "noc.costs", "given, unless `unpublished` says"),
    ("unpublished=secret", "core.costs", "null with `unpublished`"),
    ("core.capabilities.assumed=[multiplie]", "core.capabilities.assumed.0", "one of models, graded_output"),
])
def test_a_chip_is_whole_or_says_why_not(option, field, allowed):
    fault = faults(load_chip, "generic-mesh", [option])[0]
    assert fault.field == field and fault.allowed.startswith(allowed)


def test_chips_without_published_figures_have_constant_power_and_nothing_else():
    for name in ("akida", "brainscales2"):
        chip = load_chip(name)
        bill = price(chip, {"soma_active": 0}, {}, 1, 2.0)
        assert bill.total_j == pytest.approx(chip.power.chip_idle_mw.value * 2e-3) == pytest.approx(bill.static_j)
        with pytest.raises(ConfigError) as caught:
            price(chip, {"soma_active": 1}, {}, 1, 2.0)
        assert chip.unpublished in str(caught.value) and "neurosim map" in str(caught.value)
        for what in (core_costs, noc_costs):
            with pytest.raises(ConfigError, match="power x duration"):
                what(chip)


def test_an_impossible_pair_is_blamed_on_the_option_that_made_it():
    (fault,) = faults(load_chip, "generic-mesh", ["noc.topology=torus"])
    assert str(fault).startswith("--set noc.topology=torus: noc.buffer_packets = 4\n")
    options = ["noc.topology=torus", "noc.buffer_packets=unlimited"]
    assert load_chip("generic-mesh", options).noc.topology == "torus"
    assert load_chip("loihi2", [*options, "grid=null"]).noc.topology == "torus"
    (fault,) = faults(load_chip, "loihi2", options)
    assert "remove the grid" in str(fault)


# Options


def test_options_take_every_kind_of_value():
    chip = load_chip("loihi2", {
        "core.weight_bits": "4", "noc.buffer_packets": "unlimited", "noc.columns": "16", "core.max_fan_in": "null",
        "core.capabilities.multiply": "false", "core.capabilities.models": "[lif, cuba]", "barrier.0.tiles": "16",
        "core.pipeline": "{kind: serial, skip_zero_weights: false}",
    })
    assert (chip.core.weight_bits, chip.noc.buffer_packets, chip.noc.columns) == (4, "unlimited", 16)
    assert (chip.core.max_fan_in, chip.core.capabilities.multiply) == (None, False)
    assert chip.core.capabilities.models == ["lif", "cuba"]
    assert (chip.barrier[0].tiles, chip.core.pipeline.kind) == (16, "serial")
    assert chip.n_tiles == 64 and chip.n_cores == 256


def test_options_take_plain_values_and_a_single_text():
    assert load_chip("loihi2", {"core.weight_bits": 4}).core.weight_bits == 4
    assert load_chip("loihi2", "core.weight_bits=4").core.weight_bits == 4


def test_the_last_option_wins():
    assert load_chip("loihi2", ["core.weight_bits=4", "core.weight_bits=6"]).core.weight_bits == 6


@pytest.mark.parametrize("key", ["core.costs.synapse_dense.energy_pj", "core.costs.synapse_dense.energy_pj.value"])
@pytest.mark.parametrize(("value", "low", "high"), [(12.5, 10, 30), (5, 5, 30), (50, 10, 50)])
def test_a_figure_takes_a_plain_number(key, value, low, high):
    figure = load_chip("loihi2", [f"{key}={value}"]).core.costs.synapse_dense.energy_pj
    assert (figure.value, figure.low, figure.high) == (value, low, high)
    assert (figure.basis, figure.source, figure.original) == ("assumed", "user", 25)
    assert figure.rule == "set by the user; before: scaled, lava_dl_pilotnet, dynamic energy"


def test_a_figure_set_twice_keeps_the_first_original():
    key = "core.costs.synapse_dense.energy_pj"
    figure = load_chip("loihi2", [f"{key}=12", f"{key}=14", f"{key}.low=13", f"{key}.high=15"])
    figure = figure.core.costs.synapse_dense.energy_pj
    assert (figure.value, figure.low, figure.high, figure.original) == (14, 13, 15, 25)


def test_a_figure_may_be_given_whole():
    figure = load_chip("loihi2", ["barrier_pj={value: 1, low: 0, high: 2, basis: measured, source: user}"]).barrier_pj
    assert (figure.value, figure.basis) == (1, "measured")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("core.weight_bits=99", "core.weight_bits = 99\n  allowed: integer from 1 to 32\n  mend: give "
                                "the bits of a weight with its sign, e.g. 8"),
        ("core.weigt_bits=4", "core.weigt_bits is not a field of a chip\n  allowed: fields of the chip schema\n"
                              "  mend: write `core.weight_bits`"),
        ("weight_bits=4", "weight_bits is not a field of a chip\n  allowed: fields of the chip schema\n"
                          "  mend: write `core.weight_bits`"),
        ("barrier.7.tiles=4", "barrier.7.tiles is not a field of a chip\n  allowed: fields of the chip schema\n"
                              "  mend: write `barrier.0.tiles`"),
        ("=4", "(nothing) is not a field of a chip\n  allowed: fields of the chip schema\n"
               "  mend: see hw_models/chips/generic-mesh.yaml for all fields"),
        ("noc.columns", "has no value\n  allowed: path=value, such as core.weight_bits=4\n  mend: add `=` and a value"),
        ("barrier_pj=cheap", "barrier_pj.value = cheap\n  allowed: number from 0 to 1e+12\n"
                             "  mend: give a number in the unit that the key names"),
        ("barrier_pj=-1", "barrier_pj.value = -1\n  allowed: number from 0 to 1e+12\n"
                          "  mend: give a number in the unit that the key names"),
        ("barrier_pj=.nan", "barrier_pj.value = nan\n  allowed: number from 0 to 1e+12\n"
                            "  mend: give a number in the unit that the key names"),
        ("barrier_pj.low=5", "barrier_pj = low 5.0, value 0.0, high 1024.0\n  allowed: low <= value <= high\n"
                             "  mend: widen low and high until they hold the value"),
        ("core.max_neurons=1.5", "core.max_neurons = 1.5\n  allowed: integer from 1 to 65536\n"
                                 "  mend: give the number of neurons one core can hold, e.g. 1024"),
        ("input_port.tile=32", "input_port.tile = 32\n  allowed: integer from 0 to 31, since the chip has 32 tiles\n"
                               "  mend: move the port to a tile of the chip, e.g. 0"),
    ],
)
def test_every_message_about_an_option(option, message):
    (fault,) = faults(load_chip, "loihi2", [option])
    assert str(fault) == f"--set {option}: {message}"


def test_option_that_is_no_yaml():
    (fault,) = faults(load_chip, "loihi2", ["core.max_neurons=[1,"])
    assert fault.file == "--set core.max_neurons=[1," and fault.line is None
    assert fault.value.startswith("is not YAML")


def test_all_faulty_options_at_once():
    found = faults(load_chip, "loihi2", ["core.weight_bits=99", "nothing=1", "core.state_bits=0", "barrier_pj=x"])
    assert len(found) == 4


def test_option_below_something_missing_leaves_the_file_its_fault(tmp_path):
    path = own_chip(tmp_path, ("  pipeline:\n    kind: overlapped ", "  # "), ("    skip_zero_weights: true", "   "),
                    ("    row_fetch: serial", "   #"))
    found = faults(load_chip, path, ["core.pipeline.kind=serial", "core.weight_bits=4"])
    assert [fault.field for fault in found] == ["core.pipeline"]


def test_hostile_index_is_only_unknown():
    assert len(faults(load_chip, "loihi2", [f"barrier.{'9' * 5000}.tiles=1"])) == 1


def test_library_is_not_changed_by_options():
    before = fingerprint(load_chip("loihi2"))
    load_chip("loihi2", ["core.weight_bits=4"])
    assert fingerprint(load_chip("loihi2")) == before


# Storing


@pytest.mark.parametrize("name", ["generic-mesh", "loihi", "loihi-nahuku", "loihi2"])
def test_round_trip_through_json_is_exact(name):
    chip = load_chip(name, ["core.costs.synapse_dense.energy_pj=0.1"])
    again = from_mapping(json.loads(json.dumps(to_mapping(chip))))
    assert again == chip
    assert fingerprint(again) == fingerprint(chip)
    assert to_mapping(again) == to_mapping(chip)


def test_fingerprint_tells_chips_apart():
    prints = {fingerprint(load_chip(name)) for name in list_chips()}
    prints.add(fingerprint(load_chip("loihi2", ["core.weight_bits=4"])))
    assert len(prints) == len(list_chips()) + 1
    assert fingerprint(load_chip("loihi2", ["core.weight_bits=8"])) in prints
    assert all(len(text) == 64 for text in prints)


def test_faults_of_a_stored_chip_have_no_line():
    mapping = to_mapping(load_chip("loihi2"))
    mapping["core"]["weight_bits"] = 99
    (fault,) = faults(from_mapping, mapping, "run.h5")
    assert str(fault).startswith("run.h5: core.weight_bits = 99\n")


# Barrier


def figure(value: float) -> dict:
    return {"value": value, "low": value / 2, "high": value * 2, "basis": "assumed", "source": "user"}


def chips_side_by_side(barrier: list[tuple[int, float]], **changes: object):
    grid = {"columns": 4, "rows": 2, "link_latency_ns": figure(50), "link_cycle_ns": figure(2), "hop_pj": figure(30),
            "flit_hop_pj": figure(10), "barrier": [{"chips": n, "latency_ns": figure(ns)} for n, ns in barrier]}
    return from_mapping({**to_mapping(load_chip("generic-mesh")), "grid": {**grid, **changes}})


def test_barrier_among_chips():
    chip = chips_side_by_side([(2, 1000.0), (6, 3000.0)])
    assert barrier_latency_ns(chip, 1) == barrier_latency_ns(load_chip("generic-mesh"), 1)
    assert [barrier_latency_ns(chip, 9, n)[0] for n in (2, 3, 6, 8)] == [1000, 1500, 3000, 3000]
    assert barrier_latency_ns(chip, 9, 2) == (1000, 500, 2000)
    without = chips_side_by_side([])
    assert barrier_latency_ns(without, 64, 8) == barrier_latency_ns(without, 64)
    with pytest.raises(ValueError, match="n_chips = 0"):
        barrier_latency_ns(chip, 1, 0)


def test_cores_of_all_chips():
    chip = chips_side_by_side([])
    assert (chip.n_cores, chip.n_chips, chip.n_grid_cores) == (64, 8, 512)
    assert (load_chip("generic-mesh").n_chips, load_chip("generic-mesh").n_grid_cores) == (1, 64)


def test_a_link_between_chips_takes_time():
    plain = to_mapping(chips_side_by_side([], link_latency_ns=figure(0)))
    plain["noc"]["router_latency_ns"]["low"] = 0
    from_mapping(plain)
    plain["noc"]["router_latency_ns"]["value"] = 0
    with pytest.raises(ConfigError, match="router and link latency together at least 0.001 ns"):
        from_mapping(plain)


def test_a_clock_takes_time():
    plain = {**to_mapping(load_chip("generic-mesh")), "sync": "tick"}
    plain["tick"] = {"period_ns": figure(0), "overrun": "late"}
    with pytest.raises(ConfigError, match="a clock of no period"):
        from_mapping(plain)
    plain["tick"] = {"period_ns": figure(1000), "overrun": "late"}
    assert from_mapping(plain).tick.period_ns.value == 1000


def test_barrier_latency_is_linear_between_entries_and_nearest_outside():
    chip = load_chip("loihi-nahuku")
    assert barrier_latency_ns(chip, 1) == (600, 454, 746)
    assert barrier_latency_ns(chip, 3) == pytest.approx((1200, (757 + 1060) / 2, (1243 + 1740) / 2))
    assert barrier_latency_ns(chip, 4) == (1400, 1060, 1740)
    assert barrier_latency_ns(chip, 29) == barrier_latency_ns(chip, 32) == (1800, 1363, 2237)
    assert barrier_latency_ns(load_chip("loihi2"), 1)[0] == 200
    with pytest.raises(ValueError, match="at least 1 tile"):
        barrier_latency_ns(chip, 0)


# Independence


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_loads_with_neurosim_absent():
    code = (
        "import sys\n"
        "for name in ('neurosim', 'importers', 'scenarios'): sys.modules[name] = None\n"
        "import hw_models\n"
        "from hw_models import load_chip, list_chips, price\n"
        "chips = [load_chip(name) for name in list_chips()]\n"
        "price(load_chip('loihi'), {'soma_active': 1}, {}, 1, 1.0)\n"
    )
    result = run_python(code)
    assert result.returncode == 0, result.stderr


def test_import_is_lazy():
    code = "import sys, hw_models; print([name for name in ('pydantic', 'numpy', 'yaml') if name in sys.modules])"
    assert run_python(code).stdout.strip() == "[]"
    code = "import sys; from hw_models import load_chip; load_chip('loihi'); print('numpy' in sys.modules)"
    assert run_python(code).stdout.strip() == "False"


def test_unknown_name_of_the_package():
    import hw_models

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = hw_models.no_such_name
    assert all(getattr(hw_models, name) for name in hw_models.__all__)


def test_faults_of_the_bibliography(tmp_path, monkeypatch):
    path = tmp_path / "sources.yaml"
    path.write_text("good: {title: t, authors: a, year: 2000, where: w, access: first_hand}\n"
                    "bad:\n  title: t\n  authors: a\n  year: 20\n  where: w\n  access: heard\n", encoding="utf-8")
    monkeypatch.setattr("hw_models.checks.SOURCES_PATH", path)
    found = faults(load_sources.__wrapped__)
    assert [(fault.field, fault.line) for fault in found] == [("year", 5), ("access", 7)]
    assert found[0].file == "hw_models/sources.yaml: bad"
