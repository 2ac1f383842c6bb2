"""The study of bits: what is committed can be computed again, and says what the README says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scenarios.precision import study
from scenarios.precision.chips import WIDTHS
from scenarios.precision.images import LARGE_SIDE, LEVELS, SIDE, enlarged
from scenarios.precision.networks import SOURCES, load_case
from scenarios.precision.results import Results
from scenarios.precision.table import TABLE_FILE, write_table
from scenarios.precision.variants import MIXTURES, SERIES

CHIP = str(MIXTURES[0])       # A 16, weights 8, state 24
DIGITS = ("lif", "binary", "gsu")


@pytest.fixture(scope="module")
def results() -> Results:
    return Results()


def needed(results: Results, network: str, series: str) -> int:
    bits = results.bits_needed(network, series)
    assert bits is not None, (network, series)
    return bits


# -- what is committed ----------------------------------------------------------------------------------------------

@pytest.mark.slow
def test_the_quick_rows_are_the_committed_ones(results: Results) -> None:
    """Among them the three digit networks as on Loihi 2, which lose at most one point of all 360 images."""
    computed = {(section, *key): row for section, key, row in study.quick_rows()}
    assert set(computed) == set(study.QUICK)
    for (section, *key), row in computed.items():
        assert results.rows[section][tuple(key)] == row
    for network in DIGITS:
        lost = results.rows["float"][(network,)]["correct"] - computed["fixed", network, "mixed", CHIP]["correct"]
        assert 100 * lost / 360 <= 1.0


def test_every_row_is_there(results: Results) -> None:
    for network in SOURCES:
        keys = {(job.section, *job.key) for job in study.jobs(network)}
        kept = {(section, *key) for section, rows in results.rows.items() for key in rows if key[0] == network}
        assert kept == keys


def test_the_table_is_that_of_the_rows(results: Results, tmp_path: Path) -> None:
    assert write_table(results, tmp_path / "table.md").read_text() == TABLE_FILE.read_text()


def test_the_readme_has_the_bits_of_the_table(results: Results) -> None:
    series = {item.title: item.name for item in SERIES}
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in (TABLE_FILE.parent / "README.md").read_text().splitlines() if line.startswith("|")]
    found = [row for row in rows if row[0] in series and len(row) == 1 + len(SOURCES)]
    first = found[:next(index for index, row in enumerate(found) if row[0] == "all words") + 1]
    assert len(first) == 14
    for title, *cells in first:
        for network, cell in zip(SOURCES, cells, strict=True):
            bits = results.bits_needed(network, series[title])
            assert cell.replace("*", "").split(" ")[0] == ("" if bits is None else str(bits)), (title, network)


def test_an_unfinished_study_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are there are not computed again; rows that no variant asks for go."""
    computed: list[str] = []

    def row(name: str) -> dict[str, str]:
        computed.append(name)
        return {"network": name}

    monkeypatch.setattr(study, "jobs", lambda name: [study.Job("float", (name,), lambda _: row(name))])
    results = Results(tmp_path / "results.json")
    results.add("float", {"network": "lif", "images": 360})
    results.add("float", {"network": "retired"})
    study.complete(Results(tmp_path / "results.json"))
    assert computed == ["binary", "gsu", "lif784"]
    assert list(Results(tmp_path / "results.json").rows["float"].values()) == [
        {"network": "lif", "images": 360}, {"network": "binary"}, {"network": "gsu"}, {"network": "lif784"}]
    assert not Results(tmp_path / "results.json", fresh=True).rows["float"]


def test_the_figure_can_be_drawn(results: Results, tmp_path: Path) -> None:
    from scenarios.precision.figure import FIGURE_FILE, draw

    assert draw(results, tmp_path / "precision.png").read_bytes()[:4] == b"\x89PNG"
    assert FIGURE_FILE.is_file()


# -- what it says ---------------------------------------------------------------------------------------------------

def test_long_sequences_need_bits_of_state_and_a(results: Results) -> None:
    for series in ("h", "h_nearest", "h_folded", "h_folded_nearest", "h_folded_tight", "h_by_channel", "a"):
        assert needed(results, "lif784", series) > needed(results, "lif", series)
    assert needed(results, "lif784", "a") >= needed(results, "lif", "a") + 3
    assert needed(results, "lif784", "mixing") <= needed(results, "lif", "mixing") + 1


def test_state_needs_most_synapses_fewest(results: Results) -> None:
    for network in SOURCES:
        state, a, mixing = (needed(results, network, series) for series in ("h", "a", "mixing"))
        assert state > a > mixing
        assert mixing <= 5
    assert needed(results, "lif784", "a") > needed(results, "lif784", "payload")
    # Even where it is kept as sparingly as we know how, the state of 784 steps needs more than any other word has.
    assert needed(results, "lif784", "h_folded_tight") > needed(results, "lif784", "a")


def test_every_quantity_breaks_somewhere(results: Results) -> None:
    for network in SOURCES:
        for series in SERIES:
            if network in series.only:
                assert needed(results, network, series.name) > min(series.sweep), (network, series.name)


def test_folding_b_and_rounding_to_nearest_save_bits_of_state(results: Results) -> None:
    for network in SOURCES:
        assert needed(results, network, "h_folded_nearest") < needed(results, network, "h")


def test_scales_by_channel_save_few_bits_of_synapses(results: Results) -> None:
    """One scale for a BatchNorm of 36 and of 1 is what breaks them."""
    for network in SOURCES:
        assert results.sweep(network, "synapses_by_channel")[5] > results.sweep(network, "synapses")[5]  # type: ignore[operator]
        assert needed(results, network, "norm") > needed(results, network, "mixing") + 1


def test_bits_decide_cores(results: Results) -> None:
    for network in SOURCES:
        cores = {widths: results.rows["chips"][network, str(widths)]["cores"] for widths in WIDTHS}
        by_weight = [cores[widths] for widths in sorted(WIDTHS) if widths[1:] == (24, 16, 24)]
        assert by_weight == sorted(by_weight)
        assert len(set(by_weight)) > 2


# -- images ---------------------------------------------------------------------------------------------------------

def test_enlarged_images_are_bilinear() -> None:
    pixels = np.random.default_rng(1).integers(0, 17, (5, SIDE * SIDE)).astype(np.uint8)
    places = np.clip((np.arange(LARGE_SIDE) + 0.5) * SIDE / LARGE_SIDE - 0.5, 0, SIDE - 1)
    for image, found in zip(pixels.reshape(-1, SIDE, SIDE), enlarged(pixels), strict=True):
        rows = np.array([np.interp(places, np.arange(SIDE), row) for row in image])
        exact = np.array([np.interp(places, np.arange(SIDE), column) for column in rows.T]).T
        assert np.abs(found.reshape(LARGE_SIDE, LARGE_SIDE) - exact * LEVELS / 16).max() <= 0.5 + 1e-9


def test_ranges_come_from_other_images_than_accuracies() -> None:
    for network in SOURCES:
        case = load_case(network)
        tested = {image.tobytes() for image in case.inputs}
        assert not any(image.tobytes() in tested for image in case.calibration)
