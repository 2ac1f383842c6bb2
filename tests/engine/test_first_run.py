"""While kernels compile in a process beside, the reference engine computes; results are those of a run that waits."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import neurosim
from neurosim import kernel
from neurosim.engine import RunOptions, first_run, run
from neurosim.errors import OptionError
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.machine import Machine
from neurosim.resolve import ENGINE_VARIABLE, run_options
from neurosim.traces.recorder import MemoryRecorder
from tests.engine.results import differences

OPTIONS = RunOptions(engine="auto", workers=1)
# Stands in for the compiler: takes what it is given and is done when a file is there, or another one says it failed.
COMPILER = """
import pathlib, pickle, sys, time
machine, options, inputs = pickle.load(sys.stdin.buffer)
here = pathlib.Path(sys.argv[1])
(here / "asked").write_text(f"{options.engine} {options.numbers} {inputs.shape}")
while not (here / "done").exists() and here.exists():
    time.sleep(0.01)
"""


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache of kernels, and a compiler that waits for the file `done` in the folder returned."""
    monkeypatch.setattr(kernel, "CACHE_DIRECTORY", tmp_path / "kernels")
    monkeypatch.setattr(first_run, "_processes", {})
    monkeypatch.setattr(first_run, "_COMMAND", [sys.executable, "-c", COMPILER, str(tmp_path)])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    (tmp_path / "kernels").mkdir()
    yield tmp_path
    (tmp_path / "done").touch()
    for process in first_run._processes.values():
        if process.own is not None:
            process.own.wait(timeout=60)


def machine(*overrides: str) -> Machine:
    """Return three neurons of two models on a chip, as changed."""
    network = Network("three", (Population("input", "input", 3), Population("lif", "lif", 2, {"leak": 0.5}),
                                Population("readout", "linear", 1)),
                      (Projection("input", "lif", DenseWeights(np.full((3, 2), 0.4))),
                       Projection("lif", "readout", DenseWeights(np.ones((2, 1))))), ("readout",))
    return neurosim.map_network(network, neurosim.load_chip("generic-mesh", overrides))


def inputs() -> np.ndarray:
    """Return four samples of six tokens."""
    return (np.random.default_rng(1).random((4, 6, 3)) < 0.7).astype(float)


class Watched(MemoryRecorder):
    """Keeps results, and says which engine stands behind each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.by_reference: list[int] = []
        genuine = first_run.run_sample

        def watched(machine, sample, inputs, options, **more):  # type: ignore[no-untyped-def]
            result = genuine(machine, sample, inputs, options, **more)
            self.by_reference.append(sample)
            return result

        monkeypatch.setattr(first_run, "run_sample", watched)


def test_the_engine_changes_when_kernels_are_there(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, wanted = Watched(monkeypatch), MemoryRecorder()

    def progress(n_done: int) -> None:
        if n_done == 2:
            (beside / "done").touch()
            next(iter(first_run._processes.values())).own.wait(timeout=60)  # type: ignore[union-attr]

    run(machine(), inputs(), OPTIONS, recorder, progress=progress)
    assert recorder.by_reference == [0, 1]
    assert (beside / "asked").read_text() == "compiled float64 (1, 1, 3)"
    run(machine(), inputs(), replace(OPTIONS, engine="compiled"), wanted)
    assert [result.sample for result in recorder.results] == [0, 1, 2, 3]
    assert differences(recorder.results, wanted.results) == []
    # The next run needs nobody.
    (beside / "asked").unlink()
    again = Watched(monkeypatch)
    run(machine(), inputs(), OPTIONS, again)
    assert again.by_reference == [] and differences(again.results, wanted.results) == []
    assert not (beside / "asked").exists() and not first_run.compiling()


def test_a_small_run_is_over_before(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, wanted = Watched(monkeypatch), MemoryRecorder()
    run(machine(), inputs(), OPTIONS, recorder)
    assert recorder.by_reference == [0, 1, 2, 3] and first_run.compiling()
    # Another run waits for the same process instead of starting one.
    first_run._processes.clear()
    (beside / "asked").unlink(missing_ok=True)
    number = next((beside / "kernels" / "ready").glob("*.process")).read_text()
    run(machine(), inputs(), OPTIONS, Watched(monkeypatch))
    process = next(iter(first_run._processes.values()))
    assert process.own is None and str(process.number) == number and process.goes_on()
    first_run.note_compiled(first_run.needed_kernels(machine(), OPTIONS))
    assert not process.goes_on()
    run(machine(), inputs(), replace(OPTIONS, engine="compiled"), wanted)
    assert differences(recorder.results, wanted.results) == []


def test_a_process_that_is_too_old_is_not_waited_for(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may be that of another one by now."""
    names = first_run.needed_kernels(machine(), OPTIONS)
    assert first_run._Compilation(os.getpid(), names, time.time()).goes_on()
    assert not first_run._Compilation(os.getpid(), names, time.time() - 1000).goes_on()
    monkeypatch.setattr(first_run, "_LONGEST_S", 0.0)
    recorder = Watched(monkeypatch)
    run(machine(), inputs(), OPTIONS, recorder)
    assert recorder.by_reference == [] and len(recorder.results) == 4


def test_a_sample_at_hand_is_given_up(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, wanted = Watched(monkeypatch), MemoryRecorder()
    asked = []

    def goes_on(process: first_run._Compilation) -> bool:
        asked.append(process)
        return len(asked) < 4           # in the middle of the first sample

    monkeypatch.setattr(first_run._Compilation, "goes_on", goes_on)
    run(machine(), inputs(), OPTIONS, recorder)
    assert recorder.by_reference == [] and len(recorder.results) == 4
    run(machine(), inputs(), replace(OPTIONS, engine="compiled"), wanted)
    assert differences(recorder.results, wanted.results) == []


def test_a_compiler_that_fails_is_not_waited_for(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_run, "_COMMAND", [sys.executable, "-c", "raise SystemExit(3)"])
    recorder = MemoryRecorder()
    monkeypatch.setattr(first_run, "run_sample", lambda *_, goes_on, **__: give_up_after(goes_on))
    run(machine(), inputs(), OPTIONS, recorder)
    assert [result.sample for result in recorder.results] == [0, 1, 2, 3]


def give_up_after(goes_on) -> None:  # type: ignore[no-untyped-def]
    """Wait for the end of the process beside, as a long sample does."""
    while goes_on():
        pass
    raise first_run.GivenUpError


@pytest.mark.parametrize("wanted", ["compiled", "reference", "large", "free", "one processor"])
def test_who_does_not_wait(wanted: str, beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, options = machine(), OPTIONS
    assert first_run.may_wait(chosen, options)
    if wanted in ("compiled", "reference"):
        options = replace(options, engine=wanted)
    elif wanted == "large":
        monkeypatch.setattr(first_run, "_MOST_NEURONS", 5)
    elif wanted == "free":
        chosen = neurosim.map_network(
            Network("one", (Population("input", "input", 1, attributes={"payload": "spike"}),
                            Population("lif", "lif", 1, {"leak": 1.0})),
                    (Projection("input", "lif", DenseWeights(np.ones((1, 1)))),), ("lif",)), "odin")
    else:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert not first_run.may_wait(chosen, options)


def test_the_environment_says_what_auto_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(engine: str) -> str:
        return run_options(detail="event", numbers="float64", engine=engine, seed=0, workers=1, record="spikes").engine

    for wanted in ("compiled", "reference", "auto"):
        monkeypatch.setenv(ENGINE_VARIABLE, wanted)
        assert [chosen(engine) for engine in ("auto", "compiled", "reference")] == [wanted, "compiled", "reference"]
    monkeypatch.delenv(ENGINE_VARIABLE)
    assert chosen("auto") == "auto"
    monkeypatch.setenv(ENGINE_VARIABLE, "compield")
    with pytest.raises(OptionError, match="NEUROSIM_ENGINE = 'compield'\n  allowed: auto, compiled, reference"):
        chosen("auto")


def test_no_process_can_be_started(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_run, "_COMMAND", [str(beside / "nothing")])
    recorder = Watched(monkeypatch)
    run(machine(), inputs(), OPTIONS, recorder)
    assert recorder.by_reference == [] and len(recorder.results) == 4


def test_what_is_compiled_has_a_name() -> None:
    buffered, unlimited = (machine(f"noc.buffer_packets={value}") for value in ("4", "unlimited"))
    options = [replace(OPTIONS, numbers=numbers, detail=detail)
               for numbers in ("float64", "fixed") for detail in ("event", "functional")]
    names = {name for chosen in (buffered, unlimited) for each in options
             for name in first_run.needed_kernels(chosen, each)}
    assert names == {"network-buffered", "network-unlimited"} | {
        f"{numbers}-{name}" for numbers in ("float64", "fixed") for name in ("event", "functional", "lif", "linear")}
    assert first_run.needed_kernels(buffered, OPTIONS) == first_run.needed_kernels(buffered, replace(OPTIONS, seed=7))


def test_the_process_beside_runs_the_machine() -> None:
    """The genuine command, with the kernels that are there."""
    given = pickle.dumps((machine(), replace(OPTIONS, engine="compiled"), inputs()[:1, :1]))
    done = subprocess.run(first_run._COMMAND, input=given, capture_output=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert kernel.CACHE_DIRECTORY is None or first_run.is_compiled(first_run.needed_kernels(machine(), OPTIONS))
