"""The page on chips of one's own: what it shows is executed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hw_models import load_chip
from tests.documents import make_commands, shell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own_chip.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d[\d.]*")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def loose(text: str) -> str:
    """Return `text` without its numbers, which change with the template and the scenario."""
    return " ".join(NUMBER.sub("#", text).split())


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `neurosim` and `python` are those of this test, run once over by all commands of the page."""
    return make_commands(tmp_path_factory.mktemp("own"), python=True)


def test_commands_print_what_the_page_shows(workplace: Path) -> None:
    examples = [part.partition("\n") for block in blocks("console")
                for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    assert len(examples) >= 9
    for command, _, output in examples:
        assert loose(shell(command, workplace)) == loose(output), command
    chip = load_chip(workplace / "my-chip.yaml")
    assert (chip.name, chip.n_cores, chip.core.max_neurons) == ("my-chip", 32, 512)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code: str, workplace: Path) -> None:
    (workplace / "example.py").write_text(code, encoding="utf-8")
    assert re.fullmatch(r"[\d.]+, [\d.]+ to [\d.]+ pJ\n", shell("python example.py", workplace))


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_figure_as_shown_is_taken(text: str, tmp_path: Path) -> None:
    plain = yaml.safe_load((ROOT / "hw_models" / "chips" / "generic-mesh.yaml").read_text(encoding="utf-8"))
    plain["power"].update(yaml.safe_load(text))
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    assert load_chip(path).power.chip_idle_mw.source == "user, bench of 3 March"
