"""`neurosim doctor`: what is there, what is missing, and how to get it."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from neurosim import doctor
from tests.cli.program import Program


def found(name: str) -> doctor.Finding:
    return next(each for each in doctor.examine() if each.name == name)


def test_it_prints_every_section(program: Program) -> None:
    outcome = program("doctor")
    assert outcome.code == 0 and outcome.err == ""
    sections = [line for line in outcome.out.splitlines() if line and line[0] not in " -!"]
    assert sections == ["versions", "kernels", "threads", "extras", "folders"]
    assert ["numpy", metadata.version("numpy")] in [line.split() for line in outcome.out.splitlines()]


def test_json_holds_the_same(program: Program) -> None:
    report = json.loads(program("doctor", "--json").out)
    assert report["ok"] is True
    assert {"section", "name", "text", "state", "mend"} == set(report["findings"][0])
    assert program("doctor", "--quiet") == (0, "", "")


def test_requirements_of_the_checkout_are_those_of_the_project() -> None:
    wanted = doctor.requirements()
    assert any(text.startswith("numba") for text in wanted[""]) and "torch" in wanted


def test_requirements_of_an_installation_come_from_its_metadata(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "neurosim" / "doctor.py"))
    monkeypatch.setattr(metadata, "requires", lambda name: ["numpy>=1.26", 'torch>=2.4; extra == "torch"'])
    assert doctor.requirements() == {"": ["numpy>=1.26"], "torch": ["torch>=2.4"]}


def test_a_missing_or_old_dependency_is_a_fault(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "simpy":
            raise metadata.PackageNotFoundError(name)
        return "0.59.1" if name == "numba" else "99"

    monkeypatch.setattr(metadata, "version", version)
    outcome = program("doctor", "--quiet")
    assert outcome.code == 2 and outcome.out == ""
    assert "neurosim: simpy: not installed\n  mend: pip install 'simpy>=" in outcome.err
    assert "neurosim: numba: 0.59.1, older than numba>=0.60" in outcome.err and "99" not in outcome.err


@pytest.mark.parametrize("version, wanted, older", [("1.10", "x>=1.9", False), ("1.9", "x>=1.10", True),
                                                    ("2.0rc1", "x>=2.0", False), ("3", "x", False),
                                                    ("6.0.1", "x>=6.0.1", False)])
def test_versions_compare_as_numbers(version: str, wanted: str, older: bool,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requirements", lambda: {"": [wanted]})
    monkeypatch.setattr(metadata, "version", lambda name: version)
    assert (found("x").state == "fault") == older


def test_extras_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requirements", lambda: {"": [], "views": ["numpy>=1", "no-such-package>=2"],
                                                         "test": ["no-such-package"]})
    extra = found("views")
    assert extra.state == "note" and "missing: no-such-package" in extra.text
    assert extra.mend == "pip install 'neurosim-chips[views]'"
    assert not any(each.name == "test" for each in doctor.examine())


def test_compiled_kernels_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neurosim import kernel
    from neurosim.engine import step_kernels

    if kernel.CACHE_DIRECTORY is None:
        pytest.skip("compiles nothing: NUMBA_DISABLE_JIT, or no folder can be written")

    class Kernel:
        class stats:  # noqa: N801
            cache_path = str(tmp_path)

    monkeypatch.setattr(step_kernels, "run_sample", Kernel)
    assert found("compiled").text.startswith("no:") and "neurosim.warm" in found("compiled").mend
    (tmp_path / "step_kernels.run_sample-108.py311.1.nbc").touch()
    assert found("compiled").text == "yes, the time step for 1 of 3 kinds of numbers"
    monkeypatch.setattr(kernel, "CACHE_DIRECTORY", None)
    assert found("cache").state == "fault"


def test_the_data_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSIM_TEST_DATA", str(tmp_path))
    assert found("outside data").text == str(tmp_path)
    monkeypatch.setenv("NEUROSIM_TEST_DATA", str(tmp_path / "none"))
    assert found("outside data").state == "note"
