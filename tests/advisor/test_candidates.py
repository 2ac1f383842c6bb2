"""What is worth trying on which network, and in which order the answers stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurosim.advisor.candidates import Candidate, codings, notes, partitions, rewrites, together
from neurosim.advisor.result import Bound, Row, best_first, loses
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.mapping import MappingOptions
from tests.mapping.chips import make_chip


def network_of(*models: tuple[str, dict[str, Any]]) -> Network:
    return Network("n", tuple(Population(model, model, 2, given, n_modes=2 if model.startswith("ssm") else 0)
                              for model, given in models), ())


def names(found: list[Candidate]) -> list[str]:
    return [setting for item in found for setting in item.settings]


MODES = {"a_real": 0.5, "a_imag": 0.1, "c_real": 1.0, "c_imag": 0.0}


def test_rewrites_that_apply() -> None:
    chip = make_chip()
    assert names(rewrites(network_of(("lif", {"leak": 0.5})), MappingOptions(), chip)) == []
    channels = network_of(("ssm_lif", MODES | {"b_real": 0.5}), ("glu", {}))
    assert names(rewrites(channels, MappingOptions(), chip)) == [
        "mapping.ssm=expanded", "mapping.fold_b=true", "mapping.glu=relu"]
    assert names(rewrites(channels, MappingOptions(ssm="expanded", fold_b=True, glu="relu"), chip)) == [
        "mapping.ssm=fused"]
    expanded = make_chip(core__state_space="expanded")
    assert names(rewrites(network_of(("ssm", MODES)), MappingOptions(), expanded)) == ["mapping.ssm=fused"]
    normed = Network("n", (Population("x", "input", 2), Population("norm", "linear", 2), Population("y", "relu", 1)),
                     (Projection("x", "norm", OneToOneWeights(np.ones(2))),
                      Projection("norm", "y", DenseWeights(np.ones((2, 1))))))
    assert names(rewrites(normed, MappingOptions(), chip)) == ["mapping.fold_norms=true"]
    assert names(rewrites(normed, MappingOptions(fold_norms=True), chip)) == []
    most = Network("n", (Population("x", "input", 2), Population("m", "reduce", 1)),
                   (Projection("x", "m", DenseWeights(np.ones((2, 1))), "max"),))
    assert names(rewrites(most, MappingOptions(), chip)) == ["mapping.max=tree"]


def test_thresholds_follow_what_is_sent() -> None:
    found = codings(MappingOptions(), {"a": 0.5, "layer0.glu": 40.0})
    assert names(found) == ["mapping.sigma_delta=0", "mapping.sigma_delta={a: 0.01, layer0.glu: 0.8}",
                            "mapping.sigma_delta={a: 0.05, layer0.glu: 4}"]
    assert [item.changes for item in found] == ["nothing", "small changes", "small changes"]
    assert codings(MappingOptions(sigma_delta=0), {"a": 0.5}) == []
    assert codings(MappingOptions(), {}) == []


def row(name: str = "r", fits: bool = True, **values: Any) -> Row:
    return Row(name, (), "nothing", fits, **values)


def test_more_cores_for_what_binds() -> None:
    network, chip = network_of(("lif", {"leak": 0.5}), ("linear", {})), make_chip()
    given = row(cores=3, bound=Bound("soma", 0.9, 1, ("lif", "linear")))
    found = partitions(network, MappingOptions(), chip, given, {"lif": 1, "linear": 2})
    assert [item.settings for item in found] == [
        ("mapping.strategy=balanced",), ("mapping.strategy=balanced", "mapping.n_cores=6")]
    given = row(cores=3, bound=Bound("soma", 0.9, 1, ("lif",)))
    assert partitions(network, MappingOptions(), chip, given, {"lif": 1})[-1].settings == ("mapping.cores.lif=2",)
    full = row(cores=chip.n_cores)
    assert names(partitions(network, MappingOptions(), chip, full, {})) == ["mapping.strategy=balanced"]
    assert partitions(network, MappingOptions(), chip, row(fits=False), {}) == []
    assert partitions(network, MappingOptions(cores={"lif": 2}), chip, row(cores=2), {}) == []


def test_together_does_not_count_the_cores_of_another_network() -> None:
    form = Candidate("expanded", "ssm", ("mapping.ssm=expanded",), "nothing")
    cut = Candidate("over 9 cores", "cores", ("mapping.strategy=balanced", "mapping.n_cores=9"), "nothing")
    folded = Candidate("folded", "fold_b", ("mapping.fold_b=true",), "rounding")
    both = together([form, cut, folded])
    assert both is not None and both.changes == "rounding"
    assert both.settings == ("mapping.ssm=expanded", "mapping.strategy=balanced", "mapping.fold_b=true")
    assert "9" not in both.name
    assert together([cut]) is None
    kept = together([cut, folded])
    assert kept is not None and "mapping.n_cores=9" in kept.settings


def test_order() -> None:
    """Energy times time; behind those that keep the answers come those that lose, then those that do not fit."""
    given = row("given", accuracy=0.9, energy_j=1.0, sample_s=1.0)
    rows = [row("bad", accuracy=0.5, agreement=0.5, energy_j=0.1, sample_s=0.1), row("no", fits=False),
            row("dear", accuracy=0.9, energy_j=2.0, sample_s=2.0),
            row("good", accuracy=0.895, energy_j=2.0, sample_s=0.1)]
    assert [item.name for item in best_first(rows, given)] == ["good", "dear", "bad", "no"]


@pytest.mark.parametrize(("accuracy", "agreement", "expected"), [
    (0.9, 0.5, False), (0.88, 1.0, True), (0.95, 0.5, False), (None, 0.995, False), (None, 0.98, True),
    (None, None, False)])
def test_what_loses(accuracy: float | None, agreement: float | None, expected: bool) -> None:
    """Labels decide where there are any; else how often the class stays the same."""
    given = row(accuracy=None if accuracy is None else 0.9)
    assert loses(row(accuracy=accuracy, agreement=agreement), given) is expected


def test_notes_on_norms() -> None:
    assert "LayerNorm" in notes(network_of(("layer_norm", {})))[0]
    assert notes(network_of(("lif", {"leak": 0.5}))) == ()
