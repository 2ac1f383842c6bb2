"""`neurosim export`: a network file for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.graph_io import load_network, save_network
from tests.cli.program import Program


def test_it_writes_what_import_reads_again(program: Program, tmp_path: Path) -> None:
    network = Network("spikes", (Population("in", "input", 2, attributes={"payload": "spike"}),
                                 Population("out", "lif", 3, {"leak": 0.5}, {"comparator": ">"})),
                      (Projection("in", "out", DenseWeights(np.ones((2, 3)))),), ("out",))
    save_network(network, tmp_path / "net.h5")
    target = tmp_path / "net.nir"
    outcome = program("export", tmp_path / "net.h5", "-o", target)
    assert outcome.code == 0 and outcome.out.startswith(f"{target}: written")
    assert program("import", target, "-o", tmp_path / "again.h5").code == 0
    again = load_network(tmp_path / "again.h5")
    assert [(item.name, item.model, item.size) for item in again.populations] == [("in", "input", 2), ("out", "lif", 3)]
    assert np.array_equal(again.population("out").parameters["leak"], network.population("out").parameters["leak"])


def test_what_cannot_be_expressed_is_listed(program: Program, tmp_path: Path) -> None:
    outcome = program("export", "digits", "-o", tmp_path / "digits.nir")
    assert outcome.code == 2 and "cannot be written as NIR" in outcome.err and "ssm_lif" in outcome.err
    assert not (tmp_path / "digits.nir").exists()


def test_bad_options(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    assert program("export", tiny[0], "-o", tmp_path / "x.nir", "--format", "onnx").code == 2
    outcome = program("export", tiny[0], "-o", tmp_path / "x.nir", "--dt-s", "0")
    assert outcome.code == 2 and "dt = 0.0" in outcome.err
    (tmp_path / "x.nir").write_text("mine")
    outcome = program("export", tiny[0], "-o", tmp_path / "x.nir")
    assert outcome.code == 2 and "exists" in outcome.err and (tmp_path / "x.nir").read_text() == "mine"
