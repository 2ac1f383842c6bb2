"""Which exporter is taken, what it is given, and what is left when something goes wrong."""

from __future__ import annotations

import errno
import json
import signal
import sys
import time
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.errors import InputError, NeurosimError, OptionError, SimulationError, TraceError
from neurosim.export import trace_export
from neurosim.export.job import Job
from neurosim.export.trace_export import FORMATS, export_trace, format_names, format_of
from neurosim.traces.trace import Trace
from tests.cli.program import start
from tests.export.big_trace import write_big_trace
from tests.export.trace_files import groups, rows

LIBRARIES = {"nwb": "pynwb", "neo": "neo", "parquet": "pyarrow", "perfetto": "perfetto"}


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "trace")


@pytest.mark.parametrize("name", FORMATS)
def test_suffixes_choose_formats(name: str) -> None:
    for suffix in FORMATS[name].suffixes:
        assert format_of(Path(f"a.b{suffix}")) == name
    assert format_of(Path("network.h5")) is None


def test_progress_counts_every_spike_once(trace_file: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    done = export_trace(trace_file, tmp_path / "a.csv", "csv", progress=lambda *counts: told.append(counts))
    n_spikes = sum(len(rows(trace_file, group)) for group in groups())
    assert done.n_spikes == n_spikes == told[-1][0] == told[-1][1]
    assert done.groups == tuple(groups()) and done.n_bytes == (tmp_path / "a.csv").stat().st_size


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_missing_library_names_the_extra(name: str, trace_file: Path, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [module for module in sys.modules if module.partition(".")[0] == LIBRARIES[name]]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, LIBRARIES[name], None)
    with pytest.raises(OptionError, match=r"needs \w+, which is not installed\n  mend: .*neurosim-chips\[export\]"):
        export_trace(trace_file, tmp_path / "out", name)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("options, message", [
    ({"format": "nwbb"}, r"format = 'nwbb'\n  allowed: nir, sonata.*\n.*'nwb'\?"),
    ({"samples": 4}, r"samples = 4\n  allowed: 1 to 3"), ({"samples": 0}, "samples = 0"),
    ({"groups": ["layer_3"]}, r"group = 'layer_3'\n  allowed: input.*\n.*'layer_1'\?"),
])
def test_bad_options(options: dict[str, Any], message: str, trace_file: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        export_trace(trace_file, tmp_path / "a.csv", **{"format": "csv", **options})
    assert left_over(tmp_path) == []


def test_an_existing_file_needs_force(trace_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("mine")
    with pytest.raises(OptionError, match="--force"):
        export_trace(trace_file, target, "csv")
    assert target.read_text() == "mine"
    export_trace(trace_file, target, "csv", force=True)
    assert target.read_text().startswith("sample,") and left_over(tmp_path) == ["a.csv"]


def test_the_trace_itself_is_never_replaced(trace_file: Path) -> None:
    before = trace_file.read_bytes()
    with pytest.raises(OptionError, match="is the trace itself"):
        export_trace(trace_file, trace_file, "sonata", force=True)
    assert trace_file.read_bytes() == before


def fails(error: BaseException) -> Any:
    def write(job: Job, path: Path) -> None:
        path.write_text("half")
        raise error

    return write


@pytest.mark.parametrize("error, told", [(KeyboardInterrupt(), KeyboardInterrupt), (ValueError("x"), ValueError),
                                         (OSError(errno.ENOSPC, "No space left on device"), SimulationError)])
def test_nothing_half_written_stays(error: BaseException, told: type[BaseException], trace_file: Path,
                                    tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("mine")
    with pytest.raises(told):
        export_trace(trace_file, target, fails(error), force=True)
    assert target.read_text() == "mine" and left_over(tmp_path) == ["out"]


def full_disk(name: str, n_bytes: int) -> Any:
    import resource

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return limit


@pytest.mark.parametrize("name", ["csv", "sonata", "nwb", "parquet", "perfetto"])
def test_a_disk_that_is_full(name: str, trace_file: Path, tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk's."""
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name], reason="the extra `export` is not installed")
    with start("export", trace_file, "-o", tmp_path / "out", "--format", name, cwd=tmp_path,
               preexec_fn=full_disk(name, 4096)) as process:
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert err.startswith(f"neurosim: {tmp_path / 'out'}: cannot be written") and err.count("\n") == 2
    assert left_over(tmp_path) == []


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    write_big_trace(tmp_path / "big.h5", 2_000_000)
    with start("export", "big.h5", "-o", "big.csv", cwd=tmp_path) as process:
        ends = time.monotonic() + 60
        while not list(tmp_path.glob(".big.csv*")):
            assert process.poll() is None and time.monotonic() < ends
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "neurosim: interrupted\n")
    assert left_over(tmp_path) == ["big.h5"]


def count_spikes(job: Job, path: Path) -> None:
    path.write_text("\n".join(f"{group} {job.count(group)}" for group in job.groups))


def test_an_exporter_of_ones_own(trace_file: Path, tmp_path: Path) -> None:
    done = export_trace(trace_file, tmp_path / "counts.txt", count_spikes)
    assert done.format == "count_spikes"
    assert done.path.read_text().splitlines()[1] == f"layer_1 {len(rows(trace_file, 'layer_1'))}"


def test_exporters_of_other_packages_are_found(trace_file: Path, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("counts", "tests.export.test_trace_export:count_spikes", trace_export.ENTRY_POINTS)
    monkeypatch.setattr(trace_export, "entry_points", lambda **wanted: EntryPoints([point]).select(**wanted))
    monkeypatch.setattr(EntryPoint, "load", lambda self: count_spikes)
    assert format_names()[-1] == "counts"
    assert export_trace(trace_file, tmp_path / "counts.txt", "counts").format == "counts"


def test_an_exporter_that_writes_nothing(trace_file: Path, tmp_path: Path) -> None:
    with pytest.raises(NeurosimError, match="wrote nothing"):
        export_trace(trace_file, tmp_path / "out", lambda job, path: None)


@pytest.mark.parametrize("text", ["", "not HDF5"])
def test_what_is_no_trace(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_text(text)
    with pytest.raises(TraceError, match=r"x\.h5: is not HDF5"):
        export_trace(tmp_path / "x.h5", tmp_path / "a.csv", "csv")
    with pytest.raises(TraceError, match="no such file"):
        export_trace(tmp_path / "none.h5", tmp_path / "a.csv", "csv")


def test_damaged_traces_are_refused_or_exported_whole(trace_file: Path, tmp_path: Path) -> None:
    """Bytes changed at random: one error of ours, or a file; never anything else."""
    whole, random = trace_file.read_bytes(), np.random.default_rng(0)
    outcomes = set()
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 40):
            damaged[place] = random.integers(256)
        trace_file.write_bytes(bytes(damaged))
        try:
            export_trace(trace_file, tmp_path / "a.csv", "csv", force=True)
            outcomes.add("written")
        except InputError:
            outcomes.add("refused")
        assert set(left_over(tmp_path)) <= {"a.csv"}
    assert "refused" in outcomes


def test_a_neuron_that_is_none_is_refused(trace_file: Path, tmp_path: Path) -> None:
    import h5py

    with h5py.File(trace_file, "r+") as file:
        file["spikes/layer_1/node_ids"][5] = 4_000_000_000
    with pytest.raises(TraceError, match="is no neuron of 48"):
        export_trace(trace_file, tmp_path / "a.nwb", "nwb")


@pytest.mark.parametrize("table, entry, value", [
    ("population_names", 1, 7), ("population_sizes", 1, -1), ("population_sizes", 1, 10**12),
    ("population_sizes", 2, "x"), ("output_names", 0, {}),
    ("output_kind", 0, 3), ("output_population", 0, 99), ("core_slices", 0, [5]),
])
@pytest.mark.parametrize("name", ["csv", "sonata"])
def test_headers_that_cannot_be_are_refused(table: str, entry: int, value: object, name: str, trace_file: Path,
                                            tmp_path: Path) -> None:
    import h5py

    with h5py.File(trace_file, "r+") as file:
        rows_ = json.loads(file[f"mapping/{table}"].asstr()[()])
        rows_[entry] = value
        del file[f"mapping/{table}"]
        file["mapping"].create_dataset(table, data=json.dumps(rows_), dtype=h5py.string_dtype())
    with pytest.raises(TraceError):
        export_trace(trace_file, tmp_path / "out", name)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("change", [("run", "columns", 0), ("run", "rows", "zz"), ("mapping", "core_tile", 10**12)])
def test_floors_that_cannot_be_are_refused(change: tuple[str, str, Any], trace_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("perfetto", reason="the extra `export` is not installed")
    import h5py

    with h5py.File(trace_file, "r+") as file:
        if change[0] == "run":
            file["run"].attrs[change[1]] = change[2]
        else:
            file[f"mapping/{change[1]}"][3] = change[2]
    with pytest.raises(TraceError):
        export_trace(trace_file, tmp_path / "out", "perfetto")


def test_unfinished_traces_export_what_is_whole(trace_file: Path, tmp_path: Path) -> None:
    import h5py

    partial = trace_file.with_name("run.h5.partial")
    trace_file.rename(partial)
    with h5py.File(partial, "r+") as file:
        file.attrs["complete"] = np.uint8(0)
    with pytest.raises(TraceError):
        export_trace(partial.rename(partial.with_name("renamed.h5")), tmp_path / "a.csv", "csv")
    partial = partial.with_name("renamed.h5").rename(partial)
    assert export_trace(partial, tmp_path / "a.csv", "csv").n_spikes > 100


def without_spikes(trace_file: Path, **provenance: str) -> None:
    import h5py

    with h5py.File(trace_file, "r+") as file:
        for group in file["spikes"].values():
            for column in group.values():
                column.resize(0, axis=0)
        for name, text in provenance.items():
            del file["provenance"][name]
            file["provenance"].create_dataset(name, data=text, dtype=h5py.string_dtype())


def test_what_was_not_recorded_is_not_shown_as_silent(trace_file: Path, tmp_path: Path) -> None:
    """Inputs never are, graded values only where the run was asked for them."""
    without_spikes(trace_file, record_graded="False")
    assert export_trace(trace_file, tmp_path / "a.csv", "csv").groups == ("layer_1", "layer_2.spike")
    chosen = export_trace(trace_file, tmp_path / "b.csv", "csv", groups=["input"])
    assert chosen.groups == ("input",) and chosen.n_spikes == 0


def test_a_trace_that_recorded_nothing_is_refused(trace_file: Path, tmp_path: Path) -> None:
    import h5py

    without_spikes(trace_file, record_graded="False")
    with h5py.File(trace_file, "r+") as file:
        file["provenance"].create_dataset("record_spikes", data="False", dtype=h5py.string_dtype())
    with pytest.raises(TraceError, match=r"no spikes were recorded\n.*\n  mend: run again with --record"):
        export_trace(trace_file, tmp_path / "a.csv", "csv")
    assert left_over(tmp_path) == []


def test_an_open_trace_stays_open(trace_file: Path, tmp_path: Path) -> None:
    with Trace.open(trace_file) as trace:
        export_trace(trace, tmp_path / "a.csv", "csv")
        assert trace.n_samples == 3
