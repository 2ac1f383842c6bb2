"""Links by block of time steps: what was written comes back, old traces have none, and damage is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurosim.engine.link_blocks import link_loads, n_blocks
from neurosim.errors import SimulationError, TraceError
from neurosim.traces import Trace, TraceWriter
from neurosim.traces.schema import LinkLoads, SampleResult
from tests.traces.synthetic import make_header, make_result


def with_links(sample: int, steps: int = 1, *, n_tokens: int = 12) -> tuple[SampleResult, np.ndarray]:
    """Return a sample whose links are told by block of `steps`, and how long each was occupied, int64[block, link]."""
    result = make_result(sample, n_tokens=n_tokens)
    random = np.random.default_rng([7, sample])
    blocks = n_blocks(result.n_steps, steps)
    busy = random.integers(1, 900, (blocks, len(result.link_busy_ps)))
    busy[random.random(busy.shape) < 0.7] = 0
    busy[blocks // 2] = 0                       # a block in which nothing travelled
    loads = link_loads(np.cumsum(busy, axis=0), steps)
    return replace(result, link_busy_ps=busy.sum(axis=0), link_loads=loads), busy


def write(path: Path, results: list[SampleResult]) -> Path:
    with TraceWriter(path, make_header(len(results)), force=True, flush_bytes=1) as writer:
        for result in results:
            writer.write(result)
    return path


def dense(loads: LinkLoads | None, n_links: int) -> np.ndarray:
    assert loads is not None
    found = np.zeros((len(loads.start) - 1, n_links), np.int64)
    for block in range(len(found)):
        for row in range(loads.start[block], loads.start[block + 1]):
            found[block, loads.link[row]] += loads.busy_ps[row]
    return found


@pytest.mark.parametrize("steps", [1, 4])
def test_links_by_block_come_back(tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurosim.traces.trace.BLOCK_VALUES", 40)
    made = [with_links(sample, steps, n_tokens=9 + 2 * sample) for sample in range(3)]
    busy = np.concatenate([expected for _, expected in made])
    with Trace.open(write(tmp_path / "run.h5", [result for result, _ in made])) as trace:
        trace.verify()
        assert trace.link_block_steps == steps
        assert np.array_equal(dense(trace.link_loads(), busy.shape[1]), busy)
        assert np.array_equal(dense(trace.link_loads(2, 5), busy.shape[1]), busy[2:5])
        read = [(first, dense(loads, busy.shape[1])) for first, loads in trace.link_load_blocks()]
        assert len(read) > 2 and np.array_equal(np.concatenate([part for _, part in read]), busy)
        assert [first for first, _ in read] == np.cumsum([0, *(len(part) for _, part in read[:-1])]).tolist()


def test_traces_of_before_tell_the_run_alone(tmp_path: Path) -> None:
    with Trace.open(write(tmp_path / "run.h5", [make_result(0)])) as trace:
        trace.verify()
        assert trace.link_block_steps == 0 and trace.link_loads() is None and not list(trace.link_load_blocks())


def test_an_unfinished_trace_tells_whole_samples(tmp_path: Path) -> None:
    made = [with_links(sample) for sample in range(2)]
    writer = TraceWriter(tmp_path / "run.h5", make_header(2))
    for result, _ in made:
        writer.write(result)
    writer.abandon()
    partial = tmp_path / "run.h5.partial"
    with h5py.File(partial, "r+") as file:      # the rows of the second sample never came
        for name in file["samples"]:
            file[f"samples/{name}"].resize(1, axis=0)
    with Trace.open(partial, partial=True) as trace:
        trace.verify()
        assert np.array_equal(dense(trace.link_loads(), made[0][1].shape[1]), made[0][1])


def test_every_sample_tells_the_same(tmp_path: Path) -> None:
    with (pytest.raises(SimulationError, match="steps to a block of links are"),
          TraceWriter(tmp_path / "run.h5", make_header(2)) as writer):
        writer.write(with_links(0, 1)[0])
        writer.write(with_links(1, 2)[0])


def _set(name: str, change: Callable[[Any], Any]) -> Callable[[Any], None]:
    def apply(file: Any) -> None:
        file[name][...] = change(file[name][...])
    return apply


def _drop(file: Any) -> None:
    del file["links/block_link"]


def _steps(value: int) -> Callable[[Any], None]:
    return lambda file: file["links/block_rows"].attrs.__setitem__("steps", value)


@pytest.mark.parametrize(("damage", "message"), [
    (_drop, "block_link = missing"), (_steps(0), "attribute steps = 0"), (_steps(5), "block_rows, rows = 15"),
    (_set("links/block_rows", lambda rows: rows + 1), "as the blocks have"),
    (_set("links/block_rows", lambda rows: -rows), "as the blocks have"),
    (_set("links/block_link", lambda link: link[::-1]), "ascending links of"),
    (_set("links/block_link", lambda link: link + 10_000), "ascending links of"),
    (_set("links/block_busy_ps", lambda busy: busy + 1), "does not add up"),
    (_set("links/block_busy_ps", lambda busy: -busy), "block_busy_ps, row 0 = -")])
def test_damage_is_found(tmp_path: Path, damage: Callable[[Any], None], message: str) -> None:
    path = write(tmp_path / "run.h5", [with_links(0)[0]])
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(TraceError, match=message), Trace.open(path) as trace:
        trace.verify()
