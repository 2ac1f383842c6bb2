"""A trace gives back what was written, is never half of one unseen, and says what is wrong with a foreign file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from neurosim.errors import OptionError, SimulationError, TraceError
from neurosim.events import CHIP_EVENTS, CORE_EVENTS
from neurosim.traces import MemoryRecorder, TeeRecorder, Trace, TraceWriter
from neurosim.traces.layout import spike_groups
from neurosim.traces.schema import RunHeader, SampleResult, SpikeTable, StepLoads
from tests.traces.synthetic import N_CORES, OUTPUTS, SIZES, make_header, make_result

ROOT = Path(__file__).parents[2]


def write_trace(path: Path, results: list[SampleResult], header: RunHeader | None = None, **options) -> Path:
    with TraceWriter(path, header or make_header(len(results)), **options) as writer:
        for result in results:
            writer.write(result)
    return path


@pytest.fixture
def results() -> list[SampleResult]:
    return [make_result(sample, n_tokens=10 + sample, packets=True, tokens=True) for sample in range(3)]


@pytest.fixture
def path(tmp_path: Path, results: list[SampleResult]) -> Path:
    return write_trace(tmp_path / "run.h5", results)


# -- round trip ----------------------------------------------------------------------------------------------------


def test_header_comes_back(path: Path):
    written = make_header(3)
    with Trace.open(path) as trace:
        read = trace.header
        assert json.loads(trace.chip_json)["name"] == "toy"
    for name in RunHeader.__dataclass_fields__:
        value, expected = getattr(read, name), getattr(written, name)
        assert np.array_equal(value, expected) if isinstance(expected, np.ndarray) else value == expected, name
        assert type(value) is type(expected), name


def test_samples_lie_end_to_end(path: Path, results: list[SampleResult]):
    with Trace.open(path) as trace:
        samples = trace.samples
        durations = [result.duration_ps for result in results]
        assert samples.start_time_ps.tolist() == [0, durations[0], durations[0] + durations[1]]
        assert trace.duration_ps == sum(durations)
        assert samples.first_step.tolist() == [0, 13, 27]
        assert samples.n_tokens.tolist() == [10, 11, 12]
        assert samples.prediction.tolist() == [int(np.argmax(result.readout)) for result in results]
        assert trace.labels is None


def test_steps_and_cores_come_back(path: Path, results: list[SampleResult]):
    with Trace.open(path) as trace:
        np.testing.assert_array_equal(trace.core_counts(), np.concatenate([r.core_counts for r in results]))
        soma_ps, synapse_ps = trace.core_times()
        np.testing.assert_array_equal(soma_ps, np.concatenate([r.soma_ps for r in results]))
        np.testing.assert_array_equal(synapse_ps, np.concatenate([r.synapse_ps for r in results]))
        for name, index in (("hop_ew", 0), ("barrier", 7)):
            np.testing.assert_array_equal(trace.steps(name), np.concatenate([r.chip_counts[:, index] for r in results]))
        np.testing.assert_array_equal(trace.steps("end_ps"), np.concatenate([r.step_end_ps for r in results]))
        np.testing.assert_array_equal(trace.steps("network_ps", 5, 20),
                                      np.concatenate([r.network_ps for r in results])[5:20])
        expected = np.concatenate([np.diff(r.step_end_ps, prepend=0) for r in results])
        np.testing.assert_array_equal(trace.step_latency_ps, expected)


def test_overflows_come_back(path: Path, results: list[SampleResult]):
    expected = np.concatenate([result.overflows for result in results])
    with Trace.open(path) as trace:
        np.testing.assert_array_equal(trace.overflows(), expected)
        np.testing.assert_array_equal(trace.overflows(5, 20), expected[5:20])
        assert trace.overflow_totals == dict(zip(SIZES, expected.sum(axis=0).tolist(), strict=True))
        assert sum(trace.overflow_totals.values()) > 0


def test_floating_point_runs_count_no_overflows(tmp_path: Path):
    path = write_trace(tmp_path / "run.h5", [make_result(0, numbers="float64")], make_header(1, "float64"))
    with h5py.File(path) as file:
        assert "steps/overflows" not in file
    with Trace.open(path) as trace:
        trace.verify()
        assert trace.overflows() is None and trace.overflow_totals is None


def with_loads(sample: int) -> SampleResult:
    result = make_result(sample)
    work_ps = np.diff(result.step_end_ps, prepend=0)
    return replace(result, loads=StepLoads(work_ps, work_ps // 3, np.arange(result.n_steps) - 1))


def test_loads_come_back(tmp_path: Path):
    results = [with_loads(sample) for sample in range(2)]
    with TraceWriter(tmp_path / "run.h5", make_header(2, columns=4, rows=2, chip_columns=2, chip_rows=1)) as writer:
        for result in results:
            writer.write(result)
    with Trace.open(tmp_path / "run.h5") as trace:
        trace.verify()
        found = trace.loads()
        assert trace.has_loads and found is not None
        for name in ("work_ps", "link_ps", "link"):
            assert np.array_equal(getattr(found, name), np.concatenate([getattr(r.loads, name) for r in results]))
        assert np.array_equal(trace.loads(3, 7).work_ps, found.work_ps[3:7])
        assert (trace.header.chip_columns, trace.header.chip_rows, trace.header.n_chips) == (2, 1, 4)


def test_traces_of_before_chips_stood_side_by_side_still_load(path: Path):
    with h5py.File(path, "r+") as file:
        for name in ("chip_hop", "flit_chip_hop"):
            del file[f"steps/{name}"]
        for name in ("chip_columns", "chip_rows"):
            del file["run"].attrs[name]
    with Trace.open(path) as trace:
        trace.verify()
        assert trace.chip_totals["chip_hop"] == 0 and trace.chip_totals["hop_ew"] > 0
        assert len(trace.steps("chip_hop", 2, 5)) == 3 and trace.loads() is None
        assert trace.header.n_chips == 1


def test_a_fixed_point_run_without_overflows_in_its_trace_still_loads(path: Path):
    with h5py.File(path, "r+") as file:
        del file["steps/overflows"]
    with Trace.open(path) as trace:
        trace.verify()
        assert trace.overflows() is None and trace.overflow_totals is None


def test_sums_and_readout_come_back(path: Path, results: list[SampleResult]):
    with Trace.open(path) as trace:
        np.testing.assert_array_equal(trace.link_packets, sum(r.link_packets for r in results))
        np.testing.assert_array_equal(trace.link_busy_ps, sum(r.link_busy_ps for r in results))
        np.testing.assert_array_equal(trace.queue_peak, np.max([r.queue_peak for r in results], axis=0))
        np.testing.assert_array_equal(trace.readout, [r.readout for r in results])
        np.testing.assert_array_equal(trace.readout_tokens(1), results[1].readout_tokens)


@pytest.mark.parametrize("output", range(len(OUTPUTS)))
def test_spikes_come_back_exactly(path: Path, results: list[SampleResult], output: int):
    group = spike_groups(make_header())[output]
    with Trace.open(path) as trace:
        for sample, result in enumerate(results):
            read, rows = trace.spikes(group, sample, sample + 1), result.spikes.output == output
            start_ps = trace.samples.start_time_ps[sample]
            np.testing.assert_array_equal(read.time_ps - start_ps, result.spikes.time_ps[rows])
            for name in ("neuron", "step", "value"):
                np.testing.assert_array_equal(getattr(read, name), getattr(result.spikes, name)[rows])
        assert trace.n_spikes(group) == len(trace.spikes(group).time_ps)


def test_packets_come_back(path: Path, results: list[SampleResult]):
    with Trace.open(path) as trace:
        read = trace.packets()
        for name in ("step", "packet", "source_row", "core", "inject_ps", "arrival_ps"):
            np.testing.assert_array_equal(getattr(read, name), np.concatenate([getattr(r.packets, name)
                                                                               for r in results]))
        assert np.unique(read.sample).tolist() == [0, 1, 2]


def test_totals_leave_ports_out_unless_asked(path: Path, results: list[SampleResult]):
    counts = sum(result.core_counts.sum(axis=0, dtype=np.int64) for result in results)
    with Trace.open(path) as trace:
        assert list(trace.core_event_totals().values()) == counts[:N_CORES].sum(axis=0).tolist()
        assert list(trace.core_event_totals(ports=True).values()) == counts.sum(axis=0).tolist()
        assert trace.chip_totals == dict(zip(CHIP_EVENTS, sum(r.chip_counts.sum(axis=0) for r in results).tolist(),
                                             strict=True))


def test_busy_time_of_overlapped_cores_is_the_longer_phase(path: Path, results: list[SampleResult]):
    with Trace.open(path) as trace:
        serial, overlapped = (trace.core_busy_ps(overlapped=flag) for flag in (False, True))
    np.testing.assert_array_equal(serial, sum((r.soma_ps + r.synapse_ps).sum(axis=0) for r in results))
    np.testing.assert_array_equal(overlapped, sum(np.maximum(r.soma_ps, r.synapse_ps).sum(axis=0) for r in results))


def test_labels_and_notes_known_only_at_the_end(tmp_path: Path):
    with TraceWriter(tmp_path / "run.h5", make_header(3)) as writer:
        for sample in range(3):
            writer.write(make_result(sample))
        writer.set_labels([4, 2])
        writer.note("wall_s", "1.25")
        writer.note("seed", "7")
    with Trace.open(tmp_path / "run.h5") as trace:
        assert trace.samples.label.tolist() == [4, 2, -1]
        assert trace.provenance["wall_s"] == "1.25" and trace.provenance["seed"] == "7"
        assert trace.n_packets is None and trace.readout_tokens(0) is None


def test_the_engine_may_reuse_its_arrays(tmp_path: Path):
    result = make_result(0)
    counts = result.core_counts.copy()
    with TraceWriter(tmp_path / "run.h5", make_header(1)) as writer:
        writer.write(result)
        result.core_counts[:] = 0
    with Trace.open(tmp_path / "run.h5") as trace:
        np.testing.assert_array_equal(trace.core_counts(), counts)


def test_the_way_of_flushing_changes_nothing(tmp_path: Path, results: list[SampleResult], path: Path):
    often = write_trace(tmp_path / "often.h5", results, flush_s=0.0)
    with Trace.open(path) as first, Trace.open(often) as second:
        np.testing.assert_array_equal(first.core_counts(), second.core_counts())
        for group in first.spike_groups:
            for one, other in zip(first.spikes(group), second.spikes(group), strict=True):
                np.testing.assert_array_equal(one, other)


def test_a_run_without_samples_is_a_trace(tmp_path: Path):
    with Trace.open(write_trace(tmp_path / "run.h5", [])) as trace:
        assert (trace.n_samples, trace.n_steps, trace.duration_ps) == (0, 0, 0)
        assert sum(trace.core_event_totals().values()) == 0
        assert trace.overflows().shape == (0, len(SIZES)) and not any(trace.overflow_totals.values())


def test_recorders_in_memory_and_side_by_side(results: list[SampleResult]):
    first, second = MemoryRecorder(), MemoryRecorder()
    tee = TeeRecorder(first, second)
    for result in results:
        tee.write(result)
    assert first.results == results and second.results == results


# -- SONATA --------------------------------------------------------------------------------------------------------


def test_spikes_have_the_sonata_layout(path: Path):
    with h5py.File(path) as file:
        assert file.attrs["magic"] == 0x0A7A and file.attrs["magic"].dtype == np.uint32
        assert file.attrs["version"].tolist() == [0, 1]
        assert set(file["spikes"]) == {"input", "layer_1", "layer_2.spike", "layer_2.value", "gate", "readout"}
        for group in file["spikes"].values():
            assert group["timestamps"].dtype == np.float64 and group["timestamps"].attrs["units"] == "ms"
            assert group["node_ids"].dtype == np.uint64
            assert all(dataset.compression is None and not dataset.shuffle for dataset in group.values())
            sorting = group.attrs.get_id("sorting").dtype
            assert h5py.check_enum_dtype(sorting) == {"none": 0, "by_id": 1, "by_time": 2}
        assert "value" not in file["spikes/layer_1"] and "value" in file["spikes/layer_2.spike"]


@pytest.mark.parametrize(("time_ps", "order"), [([1000, 3000, 3000], 2), ([3000, 1000, 4000], 0)])
def test_sorting_is_by_time_only_where_it_is(tmp_path: Path, time_ps: list[int], order: int):
    n_spikes = len(time_ps)
    spikes = SpikeTable(np.zeros(n_spikes, np.int32), np.ones(n_spikes, np.int32), np.arange(n_spikes),
                        np.ones(n_spikes), np.array(time_ps))
    path = write_trace(tmp_path / "run.h5", [replace(make_result(0), spikes=spikes)])
    with h5py.File(path) as file:
        assert file["spikes/layer_1"].attrs["sorting"] == order
        np.testing.assert_allclose(file["spikes/layer_1/timestamps"], np.array(time_ps) * 1e-9, rtol=1e-15)


def test_every_column_says_its_unit_and_meaning(path: Path):
    bare: list[str] = []

    def look(name: str, item: object) -> None:
        outside = name.startswith(("mapping", "provenance"))
        if isinstance(item, h5py.Dataset) and not outside and not {"unit", "description"} <= set(item.attrs):
            bare.append(name)

    with h5py.File(path) as file:
        file.visititems(look)
        assert list(file["cores/counts"].attrs["events"]) == list(CORE_EVENTS)
        assert file["cores/counts"].dtype == np.uint32 and file["cores/counts"].compression == "gzip"
    assert bare == []


# -- never half of a trace -----------------------------------------------------------------------------------------


def test_the_final_name_appears_only_when_all_is_written(tmp_path: Path):
    path = tmp_path / "run.h5"
    with TraceWriter(path, make_header()) as writer:
        writer.write(make_result(0))
        assert not path.exists() and path.with_name("run.h5.partial").exists()
    assert path.exists() and not path.with_name("run.h5.partial").exists()


def test_an_exception_leaves_a_partial_trace(tmp_path: Path):
    path = tmp_path / "run.h5"
    with pytest.raises(ZeroDivisionError), TraceWriter(path, make_header()) as writer:
        writer.write(make_result(0))
        raise ZeroDivisionError
    partial = tmp_path / "run.h5.partial"
    assert not path.exists()
    with pytest.raises(TraceError, match=r"no such file[\s\S]*run\.h5\.partial as partial"):
        Trace.open(path)
    with pytest.raises(TraceError, match=r"complete = 0[\s\S]*allowed: 1[\s\S]*mend: its run did not end"):
        Trace.open(shutil.copy(partial, tmp_path / "passed_off.h5"))
    with Trace.open(partial, partial=True) as trace:
        assert trace.n_samples == 1 and not trace.complete
        np.testing.assert_array_equal(trace.core_counts(), make_result(0).core_counts)
        np.testing.assert_array_equal(trace.overflows(), make_result(0).overflows)


CRASH = """
import os, signal, sys
from tests.traces.synthetic import make_header, make_result
from neurosim.traces import TraceWriter
writer = TraceWriter(sys.argv[1], make_header(9), flush_s=float(sys.argv[2]))
for sample in range(9):
    writer.write(make_result(sample, packets=True))
    if sample == 4:
        writer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("flush_s", "n_samples"), [("0", 9), ("1000", 5)])
def test_a_killed_run_is_readable_up_to_its_last_flush(tmp_path: Path, flush_s: str, n_samples: int):
    path = tmp_path / "run.h5"
    done = subprocess.run([sys.executable, "-c", CRASH, str(path), flush_s], cwd=ROOT, check=False,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    partial = tmp_path / "run.h5.partial"
    with pytest.raises(TraceError, match="cannot be opened"):
        Trace.open(partial)
    with Trace.open(partial, partial=True) as trace:
        assert trace.n_samples == n_samples and not trace.complete
        expected = np.concatenate([make_result(sample, packets=True).core_counts for sample in range(n_samples)])
        np.testing.assert_array_equal(trace.core_counts(), expected)
        overflows = np.concatenate([make_result(sample).overflows for sample in range(n_samples)])
        np.testing.assert_array_equal(trace.overflows(), overflows)
        assert trace.n_spikes("gate") == sum((make_result(sample).spikes.output == 4).sum()
                                             for sample in range(n_samples))


def test_a_killed_run_before_its_first_sample(tmp_path: Path):
    script = CRASH.replace("for sample", "os.kill(os.getpid(), signal.SIGKILL)\nfor sample")
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "run.h5"), "0"], cwd=ROOT, check=False,
                   env=os.environ | {"PYTHONPATH": str(ROOT)})
    with Trace.open(tmp_path / "run.h5.partial", partial=True) as trace:
        assert trace.n_samples == 0 and trace.header.engine == "compiled"
        assert sum(trace.core_event_totals().values()) == 0 and trace.duration_ps == 0
        assert trace.link_packets.size == 0 and trace.readout.size == 0 and trace.overflows() is None


def test_a_running_trace_can_be_watched(tmp_path: Path):
    with TraceWriter(tmp_path / "run.h5", make_header(), flush_s=0.0) as writer:
        writer.write(make_result(0))
        with Trace.open(tmp_path / "run.h5.partial", partial=True) as trace:
            assert trace.n_samples == 1
        writer.write(make_result(1))


FULL_DISK = """
import resource, signal, sys
from tests.traces.synthetic import make_header, make_result
from neurosim.errors import SimulationError
from neurosim.traces import TraceWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    with TraceWriter(sys.argv[1], make_header(), flush_s=0.0) as writer:
        for sample in range(100):
            writer.write(make_result(sample))
except SimulationError as error:
    print(error)
    sys.exit(1)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="the system cannot limit the size of a file")
@pytest.mark.parametrize("limit", [900_000, 1_500_000])
def test_a_full_disk_is_an_error_and_no_crash(tmp_path: Path, limit: int):
    path = tmp_path / "run.h5"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path), str(limit)], cwd=ROOT, check=False, text=True,
                          capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 1, done.stderr        # not a signal: HDF5 would bring the process down
    assert "cannot write the trace" in done.stdout and "mend: free disk space" in done.stdout
    assert not path.exists()
    with Trace.open(tmp_path / "run.h5.partial", partial=True) as trace:
        assert not trace.complete
        expected = [make_result(sample).readout for sample in range(trace.n_samples)]
        np.testing.assert_array_equal(trace.readout, np.reshape(expected, trace.readout.shape))


# -- paths ---------------------------------------------------------------------------------------------------------


def test_an_existing_trace_is_kept_unless_forced(path: Path):
    with pytest.raises(OptionError, match=r"exists[\s\S]*--force"):
        TraceWriter(path, make_header())
    write_trace(path, [make_result(5)], force=True)
    with Trace.open(path) as trace:
        assert trace.n_samples == 1


def test_an_unfinished_run_is_kept_unless_forced(tmp_path: Path):
    writer = TraceWriter(tmp_path / "run.h5", make_header())
    with pytest.raises(OptionError, match=r"run\.h5\.partial: exists: an unfinished run"):
        TraceWriter(tmp_path / "run.h5", make_header())
    writer.abandon()
    write_trace(tmp_path / "run.h5", [make_result(0)], force=True)


def test_a_trace_that_appeared_meanwhile_is_kept(tmp_path: Path):
    writer = TraceWriter(tmp_path / "run.h5", make_header())
    (tmp_path / "run.h5").write_text("somebody else's")
    with pytest.raises(OptionError, match="appeared while the run went on"):
        writer.close()
    assert (tmp_path / "run.h5").read_text() == "somebody else's"


@pytest.mark.parametrize(("name", "message"), [("missing/run.h5", "does not exist"), (".", "is a folder")])
def test_paths_that_cannot_be_used(tmp_path: Path, name: str, message: str):
    with pytest.raises(OptionError, match=message):
        TraceWriter(tmp_path / name, make_header())


def test_samples_record_what_the_first_one_did(tmp_path: Path):
    with pytest.raises(SimulationError, match="sample 1"), TraceWriter(tmp_path / "run.h5", make_header()) as writer:
        writer.write(make_result(0, packets=True))
        writer.write(make_result(1))


@pytest.mark.parametrize(("numbers", "overflows", "message"), [
    ("fixed", None, r"is None, in this fixed run it must be \(15, 5\)"),
    ("fixed", np.zeros((15, 1), np.int64), r"is \(15, 1\), in this fixed run it must be \(15, 5\)"),
    ("float64", np.zeros((15, 5), np.int64), r"is \(15, 5\), in this float64 run it must be None")])
def test_fixed_point_runs_and_no_others_count_overflows(tmp_path: Path, numbers: str, overflows, message: str):
    with (pytest.raises(SimulationError, match=f"sample 0: the shape of its overflows {message}"),
          TraceWriter(tmp_path / "run.h5", make_header(1, numbers)) as writer):
        writer.write(replace(make_result(0), overflows=overflows))


def test_outputs_that_would_share_a_group(tmp_path: Path):
    header = make_header()
    names = ("layer_2.spike", *header.population_names[1:])
    with pytest.raises(OptionError, match=r"share the spike group layer_2\.spike"):
        TraceWriter(tmp_path / "run.h5", replace(header, population_names=names))


# -- foreign and broken files --------------------------------------------------------------------------------------


def test_files_that_are_no_traces(tmp_path: Path):
    (tmp_path / "text.h5").write_text("not HDF5")
    h5py.File(tmp_path / "foreign.h5", "w").close()
    for name, message in (("text.h5", "is not HDF5"), ("foreign.h5", "schema_version = missing"),
                          ("absent.h5", "no such file")):
        with pytest.raises(TraceError, match=message) as caught:
            Trace.open(tmp_path / name)
        assert name in str(caught.value) and "mend:" in str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_cut_short(path: Path, share: float):
    whole = path.read_bytes()
    path.write_bytes(whole[:int(share * len(whole))])
    for partial in (False, True):
        with pytest.raises(TraceError, match=r"mend:"):
            Trace.open(path, partial=partial)


def _delete(name: str):
    return lambda file: file.__delitem__(name)


def _replace(name: str, shape: tuple[int, ...], dtype: str = "int64"):
    def change(file: h5py.File) -> None:
        if name in file:        # some columns are not in every trace
            del file[name]
        file.create_dataset(name, data=np.zeros(shape, dtype))
    return change


@pytest.mark.parametrize(("change", "message"), [
    (lambda file: file.attrs.modify("schema_version", 99), r"schema_version = 99[\s\S]*allowed: 1"),
    (_delete("provenance"), "/provenance = missing"),
    (_delete("mapping/core_slices"), "/mapping/core_slices = missing"),
    (lambda file: file["run"].attrs.__delitem__("depth"), "attribute depth = missing"),
    (_delete("steps/hop_ew"), "/steps/hop_ew = missing"),
    (_replace("steps/chip_hop", (4,)), r"/steps/chip_hop, rows = 4[\s\S]*as the other columns"),
    (_replace("steps/work_ps", (42, 2)), r"/steps/work_ps, shape = \(42, 2\)[\s\S]*1 dimension"),
    (_replace("steps/link", (4,)), r"/steps/link, rows = 4[\s\S]*as the other columns"),
    (lambda file: file["run"].attrs.modify("chip_columns", 3), r"chip_columns = 3[\s\S]*0, or a divisor of \d+"),
    (lambda file: file["run"].attrs.modify("chip_rows", -1), r"chip_rows = -1[\s\S]*0, or a divisor of \d+"),
    (_replace("steps/end_ps", (4,)), r"/steps/end_ps, rows = 4[\s\S]*allowed: \d+, as the other columns"),
    (_replace("cores/counts", (5, 5)), r"/cores/counts, shape = \(5, 5\)[\s\S]*3 dimension"),
    (_replace("cores/soma_ps", (42, 3)), r"/cores/soma_ps, shape[\s\S]*11 cores"),
    (_replace("samples/label", (3,), "S4"), "/samples/label, type"),
    (_replace("steps/overflows", (42,)), r"/steps/overflows, shape = \(42,\)[\s\S]*5 populations in the second place"),
    (_replace("steps/overflows", (42, 4)), r"/steps/overflows, shape = \(42, 4\)[\s\S]*5 populations"),
    (_replace("steps/overflows", (41, 5)), r"/steps/overflows, rows = 41[\s\S]*allowed: 42, as the other columns"),
    (_replace("steps/overflows", (42, 5), "float64"), r"/steps/overflows, type = float64[\s\S]*allowed: integers"),
    (lambda file: file["cores/counts"].attrs.create("events", ["a", "b"]), "attribute events"),
    (_delete("spikes/gate"), "/spikes/gate/timestamps = missing"),
    (_delete("spikes/gate/step"), "/spikes/gate/step = missing"),
    (lambda file: file["spikes/gate/timestamps"].attrs.modify("units", "s"), r"units = s[\s\S]*allowed: ms"),
    (_replace("spikes/gate/node_ids", (2,)), "/spikes/gate/node_ids, rows = 2"),
])
def test_a_requirement_that_is_not_met(path: Path, change, message: str):
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(TraceError, match=message) as caught:
        Trace.open(path)
    assert str(path) in str(caught.value) and "allowed:" in str(caught.value) and "mend:" in str(caught.value)


def test_missing_tables_are_named(path: Path):
    with Trace.open(path) as trace:
        with pytest.raises(TraceError, match="/spikes/nobody = missing"):
            trace.spikes("nobody")
        with pytest.raises(TraceError, match="/steps/nothing = missing"):
            trace.steps("nothing")
    header = make_header(1, provenance={})
    with Trace.open(write_trace(path, [make_result(0)], header, force=True)) as trace:
        with pytest.raises(TraceError, match="/packets = missing"):
            trace.packets()
        with pytest.raises(TraceError, match="/provenance/chip = missing"):
            _ = trace.chip_json


# -- memory --------------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_run(tmp_path: Path):
    """Ten times the samples take about the same memory, written and read."""
    results = [make_result(sample, n_tokens=200) for sample in range(4)]
    peaks = []
    for n_samples in (10, 100):
        tracemalloc.start()
        path = write_trace(tmp_path / f"{n_samples}.h5", [], make_header(0))
        with TraceWriter(path, make_header(n_samples), force=True, flush_bytes=2**20) as writer:
            for sample in range(n_samples):
                writer.write(replace(results[sample % 4], sample=sample))
        with Trace.open(path) as trace:
            assert trace.core_totals.sum() > 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A block of steps that are read at once is larger than the short run, and bounds the long one.
    assert peaks[1] < 40 * 2**20


# -- damage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run.h5", "run.h5.partial"])
def test_a_pipe_is_never_replaced(tmp_path: Path, name: str):
    os.mkfifo(tmp_path / name)
    with pytest.raises(OptionError, match="not a regular file"):
        TraceWriter(tmp_path / "run.h5", make_header(1), force=True)
    assert (tmp_path / name).is_fifo()


def test_sound_traces_verify(path: Path, tmp_path: Path):
    with Trace.open(path) as trace:
        trace.verify()
    with pytest.raises(KeyError), TraceWriter(tmp_path / "cut.h5", make_header(5)) as writer:
        writer.write(make_result(0))
        raise KeyError
    with Trace.open(tmp_path / "cut.h5.partial", partial=True) as trace:
        trace.verify()


@pytest.mark.parametrize(("name", "index", "value"), [
    ("steps/end_ps", 3, 0), ("steps/hop_ew", 0, -1), ("steps/overflows", (7, 2), -1),
    ("cores/soma_ps", (2, 1), -5), ("links/packets", 0, -1),
    ("samples/start_time_ps", 1, 7), ("samples/n_tokens", 0, 2**40), ("samples/label", 0, -7),
    ("samples/first_step", 1, 0), ("spikes/layer_1/node_ids", 0, 48), ("spikes/layer_1/sample", 0, 9),
    ("spikes/layer_1/timestamps", 0, np.nan), ("packets/step", 0, 10_000), ("mapping/core_is_port", 0, 2)])
def test_values_that_cannot_be_are_found(path: Path, name: str, index, value):
    with h5py.File(path, "r+") as file:
        file[name][index] = value
    with pytest.raises(TraceError, match=r"run\.h5: is damaged: [\s\S]*copy it again"), Trace.open(path) as trace:
        trace.verify()
