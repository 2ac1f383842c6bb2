"""Neuron models of the user's own: registered, run by both engines, found by other processes, refused with reasons."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.errors import OptionError
from neurosim.model_specs import ModelSpec, OutputSpec, PortSpec
from neurosim.own_models import check_known, register_model
from tests.cli.program import environment
from tests.docs.blocks import blocks

# The example of docs/own_neuron.md, model and network.
FILES = {block.file: block.text for block in blocks("own_neuron.md") if block.file}
PORTS, OUTPUTS = (PortSpec("input"),), (OutputSpec("spike", "spike"),)


def oracle(current: float, d: float, n_steps: int) -> list[int]:
    """Return the steps at which Izhikevich's neuron fires, from its equations alone."""
    v, u, spikes = -65.0, 0.0, []
    for step in range(n_steps):
        v = v + 0.04 * v * v + 5.0 * v + 140.0 - u + current
        u = u + 0.02 * (0.2 * v - u)
        if v >= 30.0:
            spikes.append(step)
            v, u = -65.0, u + d
    return spikes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model, a network of three of its neurons, and input."""
    made = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (made / str(name)).write_text(text, encoding="utf-8")
    done = python(made, "import runpy; runpy.run_path('make_cortex.py')")
    assert done.returncode == 0, done.stderr
    return made


def python(where: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, the kernels as plain Python unless told otherwise."""
    return subprocess.run([sys.executable, "-c", code], cwd=where, text=True, capture_output=True, timeout=300,
                          env={**environment(), "NUMBA_DISABLE_JIT": "1", **variables}, check=False)


RUN = """
import json, neurosim
found = {}
for engine in ("compiled", "reference"):
    result = neurosim.run("cortex.h5", "generic-mesh", "pulses.npy", engine=engine)
    spikes = result.trace.spikes("neurons")
    found[engine] = [spikes.step[spikes.neuron == neuron].tolist() for neuron in range(3)]
print(json.dumps(found))
"""


def test_both_engines_fire_as_the_equations_say(folder: Path) -> None:
    done = python(folder, RUN, NEUROSIM_MODELS="izhikevich")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    wanted = [oracle(24.0, 8.0, 200), oracle(24.0, 2.0, 200), oracle(60.0, 8.0, 200)]
    # A projection takes one time step: what the input sends in step k is gathered in step k + 1.
    for engine in found:
        assert [[step - 1 for step in steps] for steps in found[engine]] == wanted
    assert [len(steps) for steps in wanted] == [10, 22, 26]


def test_an_installed_package_registers_by_its_entry_point(folder: Path, tmp_path: Path) -> None:
    about = tmp_path / "cortex_models-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cortex-models\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[neurosim.models]\nizhikevich = izhikevich\n")
    (tmp_path / "izhikevich.py").write_text(FILES["izhikevich.py"])
    code = ("import sys; sys.path.remove(''); import neurosim\n"
            f"print(neurosim.load_network({str(folder / 'cortex.h5')!r}).population('neurons').spec.summary)")
    found = python(tmp_path, code, PYTHONPATH=f"{environment()['PYTHONPATH']}:{tmp_path}")
    assert found.stdout == "quadratic integrate-and-fire with recovery (Izhikevich 2003)\n", found.stderr


def test_steps_compile_each_by_itself(folder: Path) -> None:
    """Two models, by Numba, called by their addresses as the engines do."""
    code = """
import numba, numpy as np, izhikevich
from dataclasses import replace
from neurosim import own_models
from neurosim.engine.tables import step_address
from neurosim.kernel import CACHE_DIRECTORY
from neurosim.models.calls import call_step
from neurosim.models.registry import step_of
def double(options, n_modes, parameters, state, charge, output, active):
    output[0, 0] = 2.0 * charge[0, 0]
spec = replace(own_models.SPEC_BY_NAME["izhikevich"], name="double", parameters=(), state=())
own_models.register_model(spec, double)
call = numba.njit(lambda *arguments: call_step(*arguments))
output = np.zeros((1, 1))
for name in ("double", "izhikevich"):
    parameters, state = np.array([[0.02], [0.2], [-65.0], [8.0]]), np.zeros((2, 1))
    address = step_address(step_of(own_models.MODEL_INDEX[name]), np.dtype(np.float64))
    call(address, np.zeros(4, np.int32), 0, parameters, state, np.array([[21.0]]), output, np.zeros(1, np.uint8))
    print(output[0, 0], state[0, 0])
print(*sorted(path.name for path in CACHE_DIRECTORY.glob("own-*")))
"""
    done = python(folder, code, NUMBA_DISABLE_JIT="0",
                  NUMBA_CACHE_DIR=str(folder / "cache"))
    wanted = ["42.0", "0.0", "0.0", str(0.04 * 65 * 65 - 5 * 65 + 140 + 21)]
    *found, apart = done.stdout.split() or [""]
    assert found == wanted, done.stderr
    assert apart.startswith("own-")


def test_every_process_finds_the_same_kernels(folder: Path) -> None:
    code = "import izhikevich; from neurosim.own_models import OWN_MODELS; print(OWN_MODELS['izhikevich'].digest)"
    found = {python(folder, code, PYTHONHASHSEED=seed).stdout for seed in ("1", "2", "3", "4")}
    assert len(found) == 1 and len(found.pop().strip()) == 16


def step(options: Any, n_modes: int, parameters: Any, state: Any, charge: Any, output: Any, active: Any) -> None:
    """Do nothing."""


def short(options: Any, n_modes: int) -> None:
    """Lack arguments."""


@pytest.mark.parametrize("spec, function, message", [
    (ModelSpec("lif", "", PORTS, OUTPUTS), step, "model 'lif': the name is taken"),
    (ModelSpec("own", "", (), OUTPUTS), step, "model 'own': has no ports"),
    (ModelSpec("own", "", PORTS, ()), step, "model 'own': has no outputs"),
    (ModelSpec("own one", "", PORTS, OUTPUTS), step, "whose name is one word"),
    ("own", step, "allowed: a neurosim.model_specs.ModelSpec"),
    (ModelSpec("own", "", PORTS, OUTPUTS), short, r"step = 'short'(.|\n)*options, n_modes, parameters, state, charge"),
    (ModelSpec("own", "", PORTS, OUTPUTS), np.add, "leave out decorators"),
    (ModelSpec("own", "", PORTS, OUTPUTS, silent_between_events=True), step, "silent_between_events = True"),
])
def test_what_cannot_be_registered(spec: Any, function: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        register_model(spec, function)


@pytest.mark.parametrize("files, message", [
    ({}, "nothing: ModuleNotFoundError: No module named 'nothing'"),
    ({"nothing.py": "1 / 0"}, "nothing: ZeroDivisionError: division by zero"),
])
def test_modules_that_do_not_load(files: dict[str, str], message: str, folder: Path, tmp_path: Path) -> None:
    for name, text in {**files, "izhikevich.py": FILES["izhikevich.py"]}.items():
        (tmp_path / str(name)).write_text(text)
    code = f"import sys; from neurosim.cli.main import main; main(['map', {str(folder / 'cortex.h5')!r}])"
    done = python(tmp_path, code, NEUROSIM_MODELS="nothing")
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_fixed_point_and_strangers_are_refused(folder: Path) -> None:
    code = ("from neurosim.cli.main import main\n"
            "main(['run', 'cortex.h5', '--input', 'pulses.npy', '--numbers', 'fixed'])")
    done = python(folder, code, NEUROSIM_MODELS="izhikevich")
    assert done.returncode == 2
    assert "numbers = 'fixed' with model izhikevich\n  allowed: float64, float32" in done.stderr
    with pytest.raises(OptionError, match="population 'b': its model is not registered in this process"):
        check_known([1, 999_999_999], ["a", "b"])
