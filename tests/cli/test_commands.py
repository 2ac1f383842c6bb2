"""What each command prints and writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from hw_models import list_chips
from hw_models.load import CHIP_FOLDER
from neurosim.traces.store import Trace, TraceWriter
from tests.cli.program import ROOT, Program
from tests.traces.synthetic import make_header, make_result

# The keys that every release prints.
KEYS = {"samples", "accuracy", "time_steps", "spikes", "synaptic_events", "neuron_updates", "packets", "packet_hops",
        "cores_used", "energy_j", "latency_s", "overflows", "wall_s"}


def test_chips_lists_the_library(program: Program) -> None:
    lines = program("chips").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list_chips()
    assert [each["name"] for each in json.loads(program("chips", "--json").out)] == list_chips()


def test_chips_tells_what_is_assumed_and_what_is_not_run(program: Program) -> None:
    rows = {line.split()[0]: line for line in program("chips").out.splitlines()[1:]}
    assert "no run" in rows["akida"] and "no run" in rows["brainscales2"]
    listed = {row["name"]: row for row in json.loads(program("chips", "--json").out)}
    assert listed["akida"]["unpublished"] and listed["loihi"]["unpublished"] is None
    assumed, known = listed["loihi"]["figures"]["assumed"], sum(listed["loihi"]["figures"].values())
    assert f" {assumed}/{known} " in rows["loihi"]


def test_chips_shows_gaps_capabilities_and_sources(program: Program) -> None:
    out = program("chips", "seneca").out
    assert "complex_state: yes (assumed)" in out and "programmable: yes\n" in out
    assert "tang2023 (first hand): SENECA" in out and "not fabricated" in out
    assert "\nmissing:\n- " in out and "\nleaves out:\n- " in out
    assert "maps networks, runs none" in program("chips", "akida").out
    plain = json.loads(program("chips", "seneca", "--json").out)
    assert {source["key"]: source["access"] for source in plain["sources"]}["tang2023"] == "first hand"


def test_chips_shows_one_with_its_sources(program: Program) -> None:
    out = program("chips", "loihi", "--set", "core.weight_bits=4").out
    assert "core.weight_bits: 4" in out
    assert "core.costs.spike_out.energy_pj" in out and "davies2018" in out and "leaves out:" in out
    assert json.loads(program("chips", "loihi", "--json").out)["name"] == "loihi"


def test_map_draws_and_prints_json(program: Program, tiny: tuple[Path, Path]) -> None:
    assert "tiny on loihi: 8 neurons, 15 synapses on 1 cores" in program("map", tiny[0], "--chip", "loihi").out
    described = json.loads(program("map", tiny[0], "--chip", "loihi", "--json").out)
    assert described["cores_used"] == 1


def test_map_takes_mapping_options(program: Program, tiny: tuple[Path, Path]) -> None:
    out = program("map", tiny[0], "--chip", "loihi", "--set", "mapping.max_neurons_per_core=1", "--json").out
    assert json.loads(out)["cores_used"] == 5


def test_run_prints_json_with_the_promised_keys(program: Program, tiny: tuple[Path, Path]) -> None:
    outcome = program("run", tiny[0], "--chip", "loihi", "--input", tiny[1], "--json")
    summary = json.loads(outcome.out)
    assert outcome.code == 0 and set(summary) >= KEYS
    assert set(summary["energy_j"]) >= {"total", "static", "dynamic", "low", "high", "by_component"}
    assert set(summary["latency_s"]) >= {"per_step", "per_sample"}
    assert summary["samples"] == 4 and 0 <= summary["accuracy"] <= 1


def test_run_writes_a_trace_that_report_and_check_read(program: Program, tiny: tuple[Path, Path],
                                                       tmp_path: Path) -> None:
    trace = tmp_path / "run.h5"
    printed = program("run", tiny[0], "--input", tiny[1], "--trace", trace, "--samples", "3").out
    assert program("report", trace).out == printed
    assert program("check", trace).out == f"{trace}: ok, trace of 3 samples\n"
    with Trace.open(trace) as opened:
        assert opened.labels is not None and opened.labels.tolist() == [0, 1, 4]
        assert opened.provenance["command"] == f"neurosim run {tiny[0]} --input {tiny[1]} --trace {trace} --samples 3"
        assert opened.provenance["source"] == str(tiny[0])


def test_report_draws_a_page(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    trace, page = tmp_path / "run.h5", tmp_path / "page.png"
    program("run", tiny[0], "--input", tiny[1], "--trace", trace, "--quiet")
    assert program("report", trace, "--png", page, "--quiet").out == ""
    assert page.read_bytes().startswith(b"\x89PNG")
    again = program("report", trace, "--png", page)
    assert again.code == 2 and "exists" in again.err
    assert program("report", trace, "--png", page, "--force").code == 0


def test_report_tells_the_floorline(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    trace, page = tmp_path / "run.h5", tmp_path / "floor.png"
    program("run", tiny[0], "--input", tiny[1], "--trace", trace, "--quiet")
    told = program("report", trace, "--floorline", "--png", page).out
    assert told.startswith("Floorline: ") and "1. " in told
    assert page.read_bytes().startswith(b"\x89PNG")
    found = json.loads(program("report", trace, "--json").out)["floorline"]
    assert sum(found["bound_by"].values()) == found["steps"] and 0 < found["share"] <= 1
    program("run", tiny[0], "--input", tiny[1], "--trace", trace, "--quiet", "--force", "--detail", "functional")
    assert program("report", trace, "--floorline").out.startswith("No floorline")
    outcome = program("report", trace, "--floorline", "--png", page, "--force")
    assert outcome.code == 2 and "no floorline at detail 'functional'" in outcome.err


def test_report_prices_with_another_chip(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    trace = tmp_path / "run.h5"
    program("run", tiny[0], "--input", tiny[1], "--chip", "loihi", "--trace", trace, "--quiet")
    first = json.loads(program("report", trace, "--json").out)
    other = json.loads(program("report", trace, "--json", "--chip", "loihi-nahuku").out)
    assert first["spikes"] == other["spikes"] and first["energy_j"]["total"] != other["energy_j"]["total"]


def test_an_existing_trace_is_overwritten_only_with_force(program: Program, tiny: tuple[Path, Path],
                                                          tmp_path: Path) -> None:
    trace = tmp_path / "run.h5"
    trace.write_text("mine")
    outcome = program("run", tiny[0], "--input", tiny[1], "--trace", trace)
    assert outcome.code == 2 and "--force" in outcome.err and trace.read_text() == "mine"
    assert program("run", tiny[0], "--input", tiny[1], "--trace", trace, "--force").code == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("run")] == ["run.h5"]


@pytest.mark.parametrize("record, packets, tokens", [("counts", False, False), ("spikes", False, False),
                                                     ("packets", True, False), ("all", True, True)])
def test_record_chooses_what_is_kept(record: str, packets: bool, tokens: bool, program: Program,
                                     tiny: tuple[Path, Path], tmp_path: Path) -> None:
    trace = tmp_path / "run.h5"
    program("run", tiny[0], "--input", tiny[1], "--trace", trace, "--record", record, "--quiet")
    with Trace.open(trace) as opened:
        assert (opened.n_packets is not None) == packets
        assert (opened.readout_tokens(0) is not None) == tokens
        assert (opened.link_block_steps > 0) == any(map(opened.n_spikes, opened.spike_groups)) == (record != "counts")


def test_quiet_prints_nothing(program: Program, tiny: tuple[Path, Path]) -> None:
    assert program("run", tiny[0], "--input", tiny[1], "--quiet") == (0, "", "")


def test_check_accepts_what_is_sound(program: Program, tiny: tuple[Path, Path]) -> None:
    scenario = ROOT / "scenarios" / "digits"
    outcome = program("check", *tiny, CHIP_FOLDER / "loihi.yaml", scenario / "scenario.yaml",
                      scenario / "weights" / "gsu.safetensors")
    assert outcome.code == 0 and outcome.err == ""
    kinds = [line.split(": ok, ")[1].split()[0] for line in outcome.out.splitlines()]
    assert kinds == ["network", "data", "chip", "scenario", "weights"]


def test_check_reads_recordings_and_folders_of_them(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / "1.bin").write_bytes(bytes([3, 4, 0x80, 0, 10, 5, 6, 0, 0, 20]))      # x, y, polarity and microseconds
    assert program("check", folder).out == f"{folder}: ok, data recordings 1, events 2, 34 x 34 pixels\n"
    outcome = program("check", tmp_path / "none")
    assert outcome.code == 2 and "no such file" in outcome.err


def test_check_lists_all_faults_of_all_files(program: Program, tmp_path: Path, tiny: tuple[Path, Path]) -> None:
    chip, weights, values = tmp_path / "bad.yaml", tmp_path / "bad.safetensors", tmp_path / "bad.npy"
    text = (CHIP_FOLDER / "loihi.yaml").read_text()
    chip.write_text(text.replace("max_neurons:", "max_neuron:").replace("routing: xy", "routing: zigzag"))
    weights.write_bytes(b"not weights")
    np.save(values, np.array([1.0, np.nan]))
    outcome = program("check", chip, weights, tiny[0], values, tmp_path / "missing.h5", tmp_path)
    assert outcome.code == 2
    assert outcome.out == f"{tiny[0]}: ok, network tiny: 8 neurons, 15 synapses\n"
    for part in ("max_neuron", "zigzag", "bad.safetensors", "bad.npy[1] = nan", "missing.h5: no such file",
                 "folder of .npy, .aedat4, .bin or .bs2 files"):
        assert part in outcome.err
    listed = json.loads(program("check", chip, tiny[0], "--json").out)
    assert [each["ok"] for each in listed] == [False, True] and len(listed[0]["faults"]) >= 2


def test_check_tells_a_cut_trace(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    trace = tmp_path / "run.h5"
    program("run", tiny[0], "--input", tiny[1], "--trace", trace, "--quiet")
    trace.write_bytes(trace.read_bytes()[:5000])
    for outcome in (program("check", trace), program("report", trace)):
        assert outcome.code == 2 and str(trace) in outcome.err and "Traceback" not in outcome.err


def test_flipped_bytes_end_well_or_with_one_message(program: Program, tmp_path: Path) -> None:
    trace, damaged = tmp_path / "run.h5", tmp_path / "damaged.h5"
    with TraceWriter(trace, make_header()) as writer:       # the same bytes every time: HDF5 may not survive all damage
        for number in range(2):
            writer.write(make_result(number))
    sound, random = trace.read_bytes(), np.random.default_rng(0)
    codes = set()
    for _ in range(120):
        content = bytearray(sound)
        for offset in random.integers(8, len(content), 1 + random.integers(0, 40)):
            content[offset] ^= int(random.integers(1, 256))
        damaged.write_bytes(content)
        for arguments in (("check", damaged), ("report", damaged, "--quiet")):
            outcome = program(*arguments)
            codes.add(outcome.code)
            assert outcome.code in (0, 2) and "Traceback" not in outcome.err and "unexpected" not in outcome.err
            assert outcome.err.count("neurosim: ") == (outcome.code == 2)
            assert outcome.code == 0 or str(damaged) in outcome.err
    assert codes == {0, 2}


def test_special_files_are_never_replaced(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    trace, pipe, link = tmp_path / "run.h5", tmp_path / "pipe", tmp_path / "link.h5"
    program("run", tiny[0], "--input", tiny[1], "--trace", trace, "--quiet")
    os.mkfifo(pipe)
    for arguments in (("run", tiny[0], "--input", tiny[1], "--trace", pipe), ("report", trace, "--png", pipe)):
        outcome = program(*arguments, "--force")
        assert outcome.code == 2 and "is not a regular file" in outcome.err and pipe.is_fifo()
    link.symlink_to(trace)
    assert program("run", tiny[0], "--input", tiny[1], "--trace", link, "--force", "--quiet").code == 0


def test_report_names_the_chip_of_the_run_and_that_of_the_price(program: Program, tiny: tuple[Path, Path],
                                                                tmp_path: Path) -> None:
    trace = tmp_path / "run.h5"
    program("run", tiny[0], "--input", tiny[1], "--chip", "loihi", "--trace", trace, "--quiet")
    same = json.loads(program("report", trace, "--json").out)
    other = json.loads(program("report", trace, "--json", "--chip", "loihi-nahuku").out)
    assert (same["chip"], same["priced_with"]) == ("loihi", "loihi")
    assert (other["chip"], other["priced_with"]) == ("loihi", "loihi-nahuku")
    assert " on loihi, priced with loihi-nahuku  (" in program("report", trace, "--chip", "loihi-nahuku").out
    assert "priced with" not in program("report", trace).out
    program("report", trace, "--quiet", "--png", tmp_path / "own.png")
    program("report", trace, "--quiet", "--png", tmp_path / "other.png", "--chip", "loihi-nahuku")
    assert (tmp_path / "own.png").read_bytes() != (tmp_path / "other.png").read_bytes()


def test_weights_in_an_npz_are_checked_as_weights(program: Program, tmp_path: Path) -> None:
    from importers.files.tensors import load_tensors

    weights = tmp_path / "w.npz"
    tensors = load_tensors(ROOT / "scenarios" / "digits" / "weights" / "gsu.safetensors").tensors
    np.savez(weights, **tensors)
    assert "ok, weights " in program("check", weights).out
    np.savez(weights, **{name: values for name, values in tensors.items() if name != "encoder.weight"})
    outcome = program("check", weights)
    assert outcome.code == 2 and "encoder.weight" in outcome.err


def test_an_unfinished_trace_is_read_as_one(program: Program, tmp_path: Path) -> None:
    with pytest.raises(KeyError), TraceWriter(tmp_path / "x.h5", make_header(5)) as writer:
        for sample in range(2):
            writer.write(make_result(sample))
        raise KeyError
    partial = tmp_path / "x.h5.partial"
    assert program("check", partial).out == f"{partial}: ok, trace incomplete, 2 samples so far\n"
    outcome = program("report", partial)
    assert outcome.code == 0 and "Incomplete, 2 samples so far" in outcome.out
