"""Perfetto traces, parsed with the messages of the package `perfetto`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

from neurosim.engine import compiled, link_blocks
from neurosim.export import link_steps, perfetto
from neurosim.export.trace_export import export_trace
from neurosim.graph import DenseWeights, Network, Population, Projection
from tests.export.trace_files import CORE_SLICES, groups, library, rows, sample_bounds

COLUMNS, ROWS = 3, 2


class Parsed(NamedTuple):
    """What the file says: names of tracks from the root down, and events by such names."""

    process: str
    tracks: dict[int, str]
    instants: list[tuple[str, int, str]]            # track, ns, name
    slices: list[tuple[str, int, int, str]]         # track, start and end in ns, name
    counters: dict[str, list[tuple[int, float]]]    # track -> (ns, value)


def parse(path: Path) -> Parsed:
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as messages

    trace = messages.Trace()
    trace.ParseFromString(path.read_bytes())
    event_type = messages.TrackEvent
    found = Parsed("", {}, [], [], {})
    names: dict[int, str] = {}
    open_slices: dict[str, list[tuple[int, str]]] = {}
    for packet in trace.packet:
        assert packet.trusted_packet_sequence_id == 1
        names.update({entry.iid: entry.name for entry in packet.interned_data.event_names})
        if packet.HasField("track_descriptor"):
            found = add_track(found, packet.track_descriptor)
        if not packet.HasField("track_event"):
            continue
        event, track = packet.track_event, found.tracks[packet.track_event.track_uuid]
        if event.type == event_type.TYPE_INSTANT:
            found.instants.append((track, packet.timestamp, names[event.name_iid]))
        elif event.type == event_type.TYPE_SLICE_BEGIN:
            open_slices.setdefault(track, []).append((packet.timestamp, event.name))
        elif event.type == event_type.TYPE_SLICE_END:
            begun, name = open_slices[track].pop()
            found.slices.append((track, begun, packet.timestamp, name))
        else:
            assert event.type == event_type.TYPE_COUNTER
            found.counters[track].append((packet.timestamp, event.double_counter_value))
    assert not any(open_slices.values())
    return found


def add_track(found: Parsed, descriptor: Any) -> Parsed:
    if descriptor.HasField("process"):
        return found._replace(process=descriptor.process.process_name, tracks={descriptor.uuid: ""})
    name = f"{found.tracks[descriptor.parent_uuid]}/{descriptor.name}"
    assert descriptor.uuid not in found.tracks
    found.tracks[descriptor.uuid] = name
    if descriptor.HasField("counter"):
        found.counters[name] = []
    return found


def at_steps(changes: list[tuple[int, float]], starts_ns: list[int]) -> list[float]:
    """Return the value of a counter from the start of each step."""
    times = [time for time, _ in changes]
    assert times == sorted(times)
    return [changes[np.searchsorted(times, start, side="right") - 1][1] for start in starts_ns]


@pytest.fixture(autouse=True)
def _perfetto() -> None:
    library("perfetto")


def step_bounds_ps(path: Path) -> list[tuple[int, int]]:
    """Return start and end of every step from the start of the run."""
    with h5py.File(path) as file:
        bounds = []
        for sample, (origin, _) in enumerate(sample_bounds(path)):
            first, n_steps = int(file["samples/first_step"][sample]), int(file["samples/n_steps"][sample])
            ends = [origin + int(end) for end in file["steps/end_ps"][first:first + n_steps]]
            bounds += list(zip([origin, *ends[:-1]], ends, strict=True))
    return bounds


def test_spikes_are_instants_on_their_core(trace_file: Path, tmp_path: Path) -> None:
    parsed = parse(export_trace(trace_file, tmp_path / "run.pftrace", "perfetto").path)
    assert parsed.process == "synthetic on toy"
    found = Counter((time, name, holder(track)) for track, time, name in parsed.instants)
    wanted: Counter[tuple[int, str, int]] = Counter()
    for group, (population, output, _) in groups().items():
        shown = population if group == population else f"{population}.{output}"
        wanted.update((row.time_ps // 1000, f"{shown}[{row.neuron}]", core_of(population, row.neuron))
                      for row in rows(trace_file, group))
    assert found == wanted and len(wanted) > 100


def holder(track: str) -> int:
    """Return the core whose track it is: those of the synthetic header stand on places 4 to 12."""
    return int(track.split()[1]) - 4 if track.startswith("/core") else int(track.split()[1].rstrip(":"))


def core_of(population: str, neuron: int) -> int:
    for core, texts in enumerate(CORE_SLICES):
        for text in texts:
            name, _, bounds = text.rstrip("]").partition("[")
            start, stop = map(int, bounds.split(":"))
            if name == population and start <= neuron < stop:
                return core
    raise AssertionError(population)


def test_steps_are_slices_within_their_sample(trace_file: Path, tmp_path: Path) -> None:
    parsed = parse(export_trace(trace_file, tmp_path / "run.pftrace", "perfetto", groups=["layer_1"]).path)
    steps = [(start, stop) for track, start, stop, name in parsed.slices if name.startswith("step")]
    assert steps == [(start // 1000, stop // 1000) for start, stop in step_bounds_ps(trace_file)]
    samples = [(start, stop) for _, start, stop, name in parsed.slices if name.startswith("sample")]
    assert samples == [(start // 1000, stop // 1000) for start, stop in sample_bounds(trace_file)]


@pytest.mark.parametrize("values", [100, 2**20])
def test_counters_of_cores(values: int, trace_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perfetto, "STEP_VALUES", values)
    parsed = parse(export_trace(trace_file, tmp_path / "run.pftrace", "perfetto").path)
    starts = [start // 1000 for start, _ in step_bounds_ps(trace_file)]
    with h5py.File(trace_file) as file:
        events = [str(name) for name in file["cores/counts"].attrs["events"]]
        counts, soma = file["cores/counts"][:].astype(int), file["cores/soma_ps"][:]
    for core in (0, 4, 8):
        at = {name.rpartition("/")[2]: changes for name, changes in parsed.counters.items()
              if name.startswith(f"/core {core + 4} at")}
        assert at_steps(at["soma"], starts) == [time / 1000 for time in soma[:, core]]
        assert at_steps(at["packets in"], starts) == counts[:, core, events.index("packet_in")].tolist()
        operations = sum(counts[:, core, events.index(f"synapse_{kind}")] for kind in ("dense", "sparse", "conv"))
        assert at_steps(at["synaptic operations"], starts) == operations.tolist()
        assert at["soma"][-1] == (sample_bounds(trace_file)[-1][1] // 1000, 0.0)


def test_links_of_unknown_routes_carry_totals(trace_file: Path, tmp_path: Path) -> None:
    """The link counts of a synthetic trace follow from no route: the file says so instead of guessing."""
    done = export_trace(trace_file, tmp_path / "run.pftrace", "perfetto")
    assert any("whole run" in note for note in done.notes)
    with h5py.File(trace_file) as file:
        totals = file["links/packets"][:]
    changes = [values for name, values in parse(done.path).counters.items() if "packets of the run" in name]
    assert sorted(value for (_, value), in changes) == sorted(totals[totals > 0].tolist())


@pytest.mark.parametrize("multicast", ["none", "tree"])
@pytest.mark.parametrize("values", [50, 2**20])
def test_packets_on_links_by_step(multicast: str, values: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every recorded packet is walked by hand along its route, x first, then y."""
    trace_file = run(tmp_path, multicast)
    monkeypatch.setattr(link_steps, "STEP_VALUES", values)
    done = export_trace(trace_file, tmp_path / "run.pftrace", "perfetto")
    assert not any("whole run" in note for note in done.notes)
    parsed, bounds = parse(done.path), step_bounds_ps(trace_file)
    starts, walked = [start // 1000 for start, _ in bounds], walk(trace_file)
    found = {}
    for name, changes in parsed.counters.items():
        _, router, link = name.split("/")[:3] if name.count("/") == 2 else ("", "", "")
        if router.startswith("router"):
            by_step = at_steps(changes, starts)
            found.update({(router, link, step): int(value) for step, value in enumerate(by_step) if value})
    assert {key: value for key, value in found.items() if key[1] != "packets"} == walked
    per_router: Counter[tuple[str, str, int]] = Counter()
    for (router, _, step), count in walked.items():
        per_router[router, "packets", step] += count
    assert {key: value for key, value in found.items() if key[1] == "packets"} == per_router and per_router


@pytest.mark.parametrize("values", [50, 2**20])
@pytest.mark.parametrize("steps", [1, 3])
def test_without_packets_links_tell_how_long_they_were_occupied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                values: int, steps: int) -> None:
    """Packets of one length occupy each link as long as the packets walked by hand do."""
    walked = walk(run(tmp_path, "none"))
    monkeypatch.setattr(link_blocks, "block_steps", lambda _: steps)
    monkeypatch.setattr(compiled, "block_steps", lambda _: steps)
    monkeypatch.setattr(perfetto, "STEP_VALUES", values)
    trace_file = run(tmp_path, "none", "spikes")
    done = export_trace(trace_file, tmp_path / "run.pftrace", "perfetto")
    assert any("occupied" in note for note in done.notes)
    parsed, starts = parse(done.path), [start // 1000 for start, _ in step_bounds_ps(trace_file)]
    with h5py.File(trace_file) as file:
        ns_of_packet = file["links/busy_ps"][:].sum() / file["links/packets"][:].sum() / 1000
        blocks = [int(first) + step // steps * steps for first, n in
                  zip(file["samples/first_step"], file["samples/n_steps"], strict=True) for step in range(int(n))]
    expected: Counter[tuple[str, str, int]] = Counter()
    for (router, link, step), count in walked.items():
        expected[router, link, blocks[step]] += count * ns_of_packet
    found = {}
    for name, changes in parsed.counters.items():
        if name.startswith("/router") and name.count("/") == 2:
            _, router, link = name.split("/")
            found.update({(router, link, step): value for step, value in enumerate(at_steps(changes, starts))
                          if value and step == blocks[step]})
    assert found == pytest.approx(dict(expected)) and len(found) > 20


def run(folder: Path, multicast: str, record: str = "packets") -> Path:
    """Run twelve neurons that talk to each other across six tiles, and record the packets."""
    import neurosim

    random = np.random.default_rng(2)
    network = Network("talk", (Population("pixels", "input", 4, attributes={"payload": "spike"}),
                               Population("first", "lif", 6, {"leak": 0.9}),
                               Population("second", "lif", 6, {"leak": 0.8})),
                      (Projection("pixels", "first", DenseWeights(random.random((4, 6)))),
                       Projection("first", "second", DenseWeights(random.random((6, 6))))), ("second",))
    chip = ["noc.columns=3", "noc.rows=2", "noc.cores_per_tile=2", f"noc.multicast={multicast}",
            "output_port.tile=5"]
    trace = folder / "talk.h5"
    result = neurosim.run(network, chip="generic-mesh", inputs=random.integers(0, 2, (2, 6, 4)), trace=trace,
                          overrides=[*chip, "mapping.max_neurons_per_core=1"], record=record, workers=1,
                          force=True)
    result.trace.close()
    return trace


def walk(path: Path) -> Counter[tuple[str, str, int]]:
    """Return router, link and step of every packet, each link of a tree once; rows of outputs are neurons here."""
    with h5py.File(path) as file:
        tiles, physical = file["mapping/core_tile"][:].tolist(), file["mapping/core_physical"][:].tolist()
        slices = [text for text in file["mapping/core_slices"].asstr()[()].strip("[]").split("], [")]
        columns = [file[f"packets/{name}"][:].tolist() for name in ("sample", "step", "packet", "source_row", "core")]
        first = file["samples/first_step"][:].tolist()
    crossed = set()
    for sample, step, packet, row, core in zip(*columns, strict=True):
        source = source_core(slices, row)
        if source == core:
            continue
        x, y = tiles[source] % COLUMNS, tiles[source] // COLUMNS
        to_x, to_y = tiles[core] % COLUMNS, tiles[core] // COLUMNS
        when = first[sample] + step
        while (x, y) != (to_x, to_y):
            name = ("east" if x < to_x else "west") if x != to_x else ("south" if y < to_y else "north")
            crossed.add((when, packet, f"router ({x}, {y})", f"link {name}"))
            x, y = x + (x < to_x) - (x > to_x), (y + (y < to_y) - (y > to_y)) if x == to_x else y
        last = f"link into core {physical[core]}" if physical[core] >= 0 else f"link into port {core}"
        crossed.add((when, packet, f"router ({x}, {y})", last))
    return Counter((router, link, step) for step, _, router, link in crossed)


def source_core(slices: list[str], row: int) -> int:
    """Return the core of an output row: four pixels, six neurons, six neurons."""
    population, neuron = ("pixels", row) if row < 4 else ("first", row - 4) if row < 10 else ("second", row - 10)
    for core, text in enumerate(slices):
        for part in text.replace('"', "").strip("[]").split(", "):
            name, _, bounds = part.rstrip("]").partition("[")
            if name == population and bounds:
                start, stop = map(int, bounds.split(":"))
                if start <= neuron < stop:
                    return core
    raise AssertionError(row)


def test_the_first_samples_alone(tmp_path: Path) -> None:
    trace_file = run(tmp_path, "none")
    whole = parse(export_trace(trace_file, tmp_path / "a.pftrace", "perfetto").path)
    first = parse(export_trace(trace_file, tmp_path / "b.pftrace", "perfetto", samples=1).path)
    end = sample_bounds(trace_file)[0][1] // 1000
    assert sorted(first.instants) == sorted(each for each in whole.instants if each[1] < end)
    for name, changes in first.counters.items():
        assert changes[-1][1] == 0.0 and changes[-1][0] <= end
        assert [each for each in changes if each[0] < end] == [each for each in whole.counters[name] if each[0] < end]


