"""Verdicts, the table and its JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neurosim.errors import DataError, OptionError
from neurosim.validate import TARGETS, Outcome, Row, Target, as_mapping, render, run_targets
from neurosim.validate.data import DIGESTS, data_file, data_folder, missing
from neurosim.validate.rows import KINDS, VERDICTS
from neurosim.validate.table import number, percent


@pytest.mark.parametrize(("fields", "verdict"), [
    ({"predicted": 95, "measured": 100, "tolerance": 0.05}, "inside"),
    ({"predicted": 94.9, "measured": 100, "tolerance": 0.05}, "miss"),
    ({"predicted": 10, "low": 5, "high": 14, "measured": 14}, "inside"),
    ({"predicted": 10, "low": 5, "high": 14, "measured": 14.1}, "miss"),
    ({"predicted": 10, "low": 5, "high": 16, "measured": 12}, "wide"),           # interval wider than x3
    ({"predicted": 10, "low": 5, "high": 16, "measured": 17}, "miss"),
    ({"predicted": 10, "low": 0, "high": 16, "measured": 9, "tolerance": 0.2}, "inside"),
    ({"predicted": 10, "measured": 10}, "inside"),
    ({"predicted": 10, "measured": 11}, "miss"),
    ({"predicted": 10, "measured": 11, "at_least": True}, "holds"),
    ({"predicted": 10, "measured": 9, "at_least": True}, "miss"),
    ({"predicted": 10}, "shown"),
    ({"predicted": 10, "measured": 10, "shown": True, "note": "recalled"}, "shown"),
    ({"predicted": 10, "measured": 10, "kind": "fitted"}, "shown"),
])
def test_verdicts(fields: dict[str, object], verdict: str) -> None:
    assert Row(**{"quantity": "q", "kind": "predicted", "unit": "J", **fields}).verdict == verdict


def test_error_and_ratio() -> None:
    row = Row("q", "predicted", "J", 8.0, 10.0, 6.0, 12.0)
    assert row.error == pytest.approx(-0.2)
    assert row.ratio == 2
    assert Row("q", "derived", "J", 8.0).error is None and Row("q", "derived", "J", 8.0).ratio is None


@pytest.mark.parametrize(("value", "text"), [(None, ""), (3.0, "3"), (397863.0, "397863"), (0.0012345, "0.001234"),
                                             (17.16, "17.16"), (2.7384047617999905, "2.738")])
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("share", "text"), [(None, ""), (0.0, "0 %"), (0.05, "+5.0 %"), (-0.0005, "-0.1 %"),
                                             (-4.3e-4, "-0.043 %"), (1.2e-14, "0 %"), (1.2e-9, "+1.2e-07 %")])
def test_percentages(share: float | None, text: str) -> None:
    assert percent(share) == text


def target(rows: tuple[Row, ...], name: str = "one", needs: tuple[str, ...] = ()) -> Target:
    return Target(name, "a title", "a paper", "a net", "some figures", lambda _: rows, needs)


def test_table_and_json() -> None:
    rows = (Row("power", "formula", "mW", 104.0, 100.0, tolerance=0.05),
            Row("time", "predicted", "µs", 10.0, 20.0, 5.0, 15.0, note="too short, since …"))
    outcomes = [Outcome(target(rows), rows), Outcome(target((), "two", ("a/b.npz",)), (), ("a/b.npz",))]
    text = render(outcomes).splitlines()
    assert text[0].split() == ["target", "quantity", "kind", "predicted", "low", "high", "measured", "unit", "error",
                               "verdict"]
    assert text[1].split() == ["one", "power", "formula", "104", "100", "mW", "+4.0", "%", "inside"]
    assert text[2].split() == ["time", "predicted", "10", "5", "15", "20", "µs", "-50.0", "%", "miss"]
    assert text[3].split() == ["two", "needs", "a/b.npz", "(docs/data.md)", "needs"]
    assert text[5] == ("1 inside, 1 missed, 0 in an interval wider than x3, 0 floors hold, 0 shown without a "
                       "verdict; 1 targets need data that NEUROSIM_TEST_DATA does not hold (docs/data.md)")
    assert "  time: too short, since …" in text and "too short" not in render(outcomes, notes=False)
    found = json.loads(json.dumps(as_mapping(outcomes)))
    assert found["verdicts"] == {"inside": 1, "holds": 0, "wide": 0, "miss": 1, "shown": 0, "needs": 1}
    assert found["misses"] == ["one: time"]
    assert [len(each["rows"]) for each in found["targets"]] == [2, 0]
    assert found["targets"][1]["missing"] == ["a/b.npz"]
    assert found["targets"][0]["rows"][1] == {
        "quantity": "time", "kind": "predicted", "unit": "µs", "predicted": 10.0, "low": 5.0, "high": 15.0,
        "measured": 20.0, "error": -0.5, "verdict": "miss", "note": "too short, since …"}


def test_a_wide_interval_is_counted() -> None:
    row = Row("time", "predicted", "µs", 10.0, 12.0, 1.0, 15.0)
    assert "1 in an interval wider than x3" in render([Outcome(target((row,)), (row,))])


def test_absent_data_are_named(tmp_path: Path) -> None:
    needy = [each.name for each in TARGETS if each.needs]
    for folder in (None, tmp_path):
        for outcome in run_targets(needy or ["odin"], folder):
            assert bool(outcome.missing) == bool(outcome.target.needs)
            assert outcome.missing == missing(folder, outcome.target.needs)


def test_the_folder_is_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSIM_TEST_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.setenv("NEUROSIM_TEST_DATA", str(tmp_path / "none"))
    assert data_folder() is None


def test_every_file_is_listed_and_checked(tmp_path: Path) -> None:
    listed = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for name, digest in DIGESTS.items():
        assert f"{digest}  {name}\n" in listed
    assert set(DIGESTS) == {name for target in TARGETS for name in target.needs}
    for name in DIGESTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"{}")
    for target in TARGETS:
        if target.needs:
            with pytest.raises(DataError, match=r"SHA-256 44136f(.|\n)*docs/data.md"):
                run_targets([target.name], tmp_path)
    with pytest.raises(DataError, match=r"none: No such file|none/sanafe"):
        data_file(tmp_path / "none", "sanafe/net_x1.npz")


def test_unknown_targets_are_refused() -> None:
    with pytest.raises(OptionError, match="pohoiki-knn"):
        run_targets(["pohoiki"], None)


def test_targets_say_what_they_are() -> None:
    names = [each.name for each in TARGETS]
    assert len(set(names)) == len(names)
    for each in TARGETS:
        assert all(len(text) > 5 for text in (each.title, each.source, each.network, each.figures)), each.name
    assert set(KINDS) == {"formula", "fitted", "derived", "predicted"} and len(VERDICTS) == 6
