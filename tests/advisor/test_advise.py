"""The advisor on the digits: its numbers are those of runs with the same options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurosim import api
from neurosim.advisor import Advice, Row, advise
from neurosim.advisor.advise import _best_of_groups
from neurosim.advisor.candidates import Candidate
from neurosim.advisor.text import to_text
from neurosim.cli.output import table
from neurosim.errors import DataError, OptionError
from neurosim.graph import DenseWeights, Network, Population, Projection
from tests.cli.program import make_program

SAMPLES, TIMED = 12, 2


@pytest.fixture(scope="module")
def advice() -> Advice:
    return advise("digits", samples=SAMPLES, timed=TIMED)


@pytest.fixture(scope="module")
def fixed() -> Advice:
    return advise("digits", samples=SAMPLES, timed=TIMED, numbers="fixed", overrides=["mapping.placement=linear"])


def by_settings(advice: Advice, *settings: str) -> Row:
    return next(item for item in (advice.given, *advice.rows) if item.settings == settings)


def check_against_runs(row: Row, numbers: str, extra: list[str]) -> None:
    overrides = [*extra, *row.settings]
    few = api.run("digits", samples=TIMED, detail="analytic", numbers=numbers, overrides=overrides).summary
    many = api.run("digits", samples=SAMPLES, detail="functional", numbers=numbers, overrides=overrides)
    assert row.accuracy == many.summary.accuracy
    assert row.cores == few.cores_used
    assert row.packets_per_token == few.packets / (TIMED * 64)
    assert row.hops_per_token == few.packet_hops / (TIMED * 64)
    assert few.latency.per_token is not None and row.token_s == few.latency.per_token.mean
    assert few.latency.per_sample is not None and row.sample_s == few.latency.per_sample.mean
    assert row.energy_j == pytest.approx(few.energy.total_j / TIMED)
    assert row.low_j == pytest.approx(few.energy.interval_low_j / TIMED)
    assert row.high_j == pytest.approx(few.energy.interval_high_j / TIMED)


def test_rows_are_what_runs_give(advice: Advice) -> None:
    for row in (advice.given, by_settings(advice, "mapping.ssm=expanded" if "mapping.ssm=expanded" in
                                          str(advice.rows) else "mapping.ssm=fused"),
                by_settings(advice, "mapping.glu=relu"), by_settings(advice, "mapping.sigma_delta=0")):
        check_against_runs(row, "float64", [])


def test_rows_are_what_runs_in_fixed_point_give(fixed: Advice) -> None:
    for row in (fixed.given, by_settings(fixed, "mapping.fold_b=true"), by_settings(fixed, "mapping.sigma_delta=0")):
        check_against_runs(row, "fixed", ["mapping.placement=linear"])
    assert not fixed.indicative


def test_what_changes_nothing_keeps_every_answer(advice: Advice) -> None:
    kept = [row for row in advice.rows if row.fits and row.changes == "nothing"]
    assert len(kept) >= 3
    for row in kept:
        assert row.agreement == 1.0 and row.readout_difference is not None and row.readout_difference < 1e-9
        assert row.accuracy == advice.given.accuracy
    changed = by_settings(advice, "mapping.glu=relu")
    assert changed.changes == "the function"
    assert changed.readout_difference is not None and changed.readout_difference > 0.01


def test_the_best_comes_first_and_pays(advice: Advice) -> None:
    best = advice.rows[0]
    assert best.cost < advice.given.cost
    costs = [row.cost for row in advice.rows if row.fits and row.accuracy is not None
             and advice.given.accuracy is not None and row.accuracy >= advice.given.accuracy - 0.01]
    assert costs == sorted(costs)
    thresholds = next(row for row in advice.rows if row.name.startswith("sigma-delta, changes from 10 %"))
    assert thresholds.packets_per_token is not None and advice.given.packets_per_token is not None
    assert thresholds.packets_per_token < advice.given.packets_per_token


def test_what_binds(advice: Advice) -> None:
    bound = advice.given.bound
    assert bound is not None and 0 < bound.share <= 1 and bound.populations
    assert advice.given.fullest is not None and advice.given.fullest[1] <= 1


def test_text(advice: Advice) -> None:
    text = to_text(advice, table)
    assert "a time step waits for" in text and "what costs less and keeps the answers" in text
    for row in advice.rows:
        assert row.name in text
    assert "--set mapping." in text


def test_json(advice: Advice) -> None:
    found = json.loads(json.dumps(advice.to_json()))
    assert found["given"]["cores"] == advice.given.cores and found["indicative"] is True
    assert {"settings", "changes", "accuracy", "energy_j", "token_s"} <= found["rows"][0].keys()


# --- networks that do not fit, data of one's own ---------------------------------------------------------------------

def doubling(model: str = "linear") -> Network:
    return Network("doubling", (Population("x", "input", 3), Population("y", model, 3)),
                   (Projection("x", "y", DenseWeights(2 * np.eye(3))),), ("y",))


def test_a_network_that_does_not_fit_is_an_answer() -> None:
    found = advise("digits", "loihi", samples=2)
    assert not found.given.fits and "lacks graded_output" in found.given.reason
    assert not any(row.fits for row in found.rows)
    text = to_text(found, table)
    assert "as given it does not fit" in text and "nothing that was tried" in text


def test_an_option_makes_it_fit() -> None:
    found = advise("digits:gsu", samples=2, timed=1,
                   overrides=["core.capabilities.dendrite_operators=[sum]", "mapping.placement=linear"])
    assert not found.given.fits and [row.name for row in found.rows if row.fits] == ["maxima by trees of pairs"]


def test_own_data_without_labels() -> None:
    inputs = np.random.default_rng(0).normal(size=(4, 5, 3))
    found = advise(doubling(), "loihi2", inputs, timed=2)
    assert (found.samples, found.timed, found.tokens) == (4, 2, 5)
    assert found.given.accuracy is None and found.given.fits
    assert all(row.agreement == 1.0 for row in found.rows if row.changes == "nothing" and row.fits)


def test_wrong_settings_are_no_answer() -> None:
    with pytest.raises(OptionError, match="sigma_delta.nobody: no such population"):
        advise("digits", samples=2, overrides=["mapping.sigma_delta.nobody=1"])


def test_no_data() -> None:
    with pytest.raises(DataError, match="no input data"):
        advise(doubling(), "loihi2")


@pytest.mark.parametrize(("choice", "message"), [({"samples": 0}, "samples = 0"), ({"timed": True}, "timed = True"),
                                                 ({"numbers": "float32"}, "numbers = 'float32'")])
def test_wrong_options(choice: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        advise("digits", **choice)      # type: ignore[arg-type]


def test_only_the_cheapest_of_a_group_that_keeps_the_answers_is_taken() -> None:
    def row(cost: float, agreement: float = 1.0, fits: bool = True) -> Row:
        return Row("r", (), "nothing", fits, energy_j=cost, sample_s=1.0, agreement=agreement)

    def candidate(name: str, group: str, changes: str = "nothing") -> Candidate:
        return Candidate(name, group, (), changes)

    found = [(candidate("a", "1"), row(0.9)), (candidate("b", "1"), row(0.5)), (candidate("c", "2"), row(1.5)),
             (candidate("d", "3"), row(0.1, agreement=0.5)), (candidate("e", "4"), row(0.1, fits=False)),
             (candidate("f", "5", "the function"), row(0.1)), (candidate("g", "6"), row(0.2))]
    assert [item.name for item in _best_of_groups(found, row(1.0))] == ["b", "g"]


# --- the command -----------------------------------------------------------------------------------------------------

def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    program = make_program(capsys)
    done = program("map", "digits", "--advise", "--samples", "2", "--json", "--set", "mapping.placement=linear")
    assert done.code == 0 and json.loads(done.out)["samples"] == 2
    refused = program("map", "digits", "--samples", "2")
    assert refused.code == 2 and "--samples 2 without --advise" in refused.err


def test_command_takes_data_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 64, 1)))
    done = make_program(capsys)("map", "digits", "--advise", "--input", tmp_path / "x.npy", "--json", "--set",
                                "mapping.placement=linear")
    assert done.code == 0 and json.loads(done.out)["given"]["accuracy"] is None
