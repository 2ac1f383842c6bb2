"""The page of a study in a real browser: no errors, no requests, and what people click works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neurosim.explore import run_study
from neurosim.explore.page import write_study_page
from neurosim.explore.run import StudyResult
from neurosim.pages.shell import embedded_json, render_page
from tests.browser import Visit, browser
from tests.explore.fixture_studies import write_study

pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
POINT = "#front .scatterlayer .point"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    folder = tmp_path_factory.mktemp("page")
    more = "constraints: {cores: {max: 3}}\nsettings: {noc.columns: 2, noc.rows: 2, output_port.tile: 3}"
    path = write_study(folder, method="grid", points=100, detail="cheap_first", more=more)
    return run_study(path, folder / "out", workers=1)


@pytest.fixture(scope="module")
def opened_browser() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture
def visit(opened_browser: Any, result: StudyResult, tmp_path: Path) -> Iterator[Visit]:
    path = tmp_path / "study.html"
    write_study_page(result, path)
    opened = Visit(opened_browser, path, POINT, color_scheme="light")
    yield opened
    opened.check()


def test_the_page_shows_all_points(visit: Visit, result: StudyResult) -> None:
    assert visit.page.title() == "tiny"
    assert f"{len(result.rows)}\nruns" in visit.text("#tiles")
    assert visit.page.locator("#points tbody tr").count() == min(100, len(result.rows))
    for chart in ("front", "parallel", "importance"):
        assert visit.page.locator(f"#{chart} .main-svg").count() > 0
    assert visit.page.locator("#importance .bars .point").count() == 3 * 4


def test_a_row_and_a_point_show_configuration_and_command(visit: Visit, result: StudyResult) -> None:
    visit.page.locator("#points tbody tr").first.click()
    assert visit.text("#command") == result.study.command(result.rows[0].point, result.rows[0].detail)
    before = visit.text("#command")         # of detail analytic, while the chart shows detail event
    point = visit.page.locator(POINT).first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] / 2 - 1, box["y"] + box["height"] / 2)
    visit.page.wait_for_selector("#front .hoverlayer .hovertext")
    visit.page.mouse.down()
    visit.page.mouse.up()
    visit.page.wait_for_function("before => document.querySelector('#command').innerText !== before", arg=before)
    assert visit.text("#command") in {result.study.command(row.point, "event") for row in result.rows}
    visit.page.locator("#copy").click()
    assert visit.text("#copy") == "Copied"


def test_the_table_sorts_filters_and_finds(visit: Visit, result: StudyResult) -> None:
    visit.page.select_option("#show", "front")
    assert visit.page.locator("#points tbody tr").count() == len(result.front)
    visit.page.select_option("#show", "all")
    visit.page.locator('th[data-name="cores"]').click()
    column = [name for name in visit.page.locator("#points thead th").all_inner_texts()].index("cores in use ↑")
    cells = visit.page.locator(f"#points tbody td:nth-child({column + 1})").all_inner_texts()
    numbers = [int(cell) for cell in cells if cell != "–"]
    assert numbers == sorted(numbers) and cells[:len(numbers)] == [str(number) for number in numbers]
    visit.page.fill("#find", result.rows[3].point.key)
    assert visit.page.locator("#points tbody tr").count() == sum(row.point.key == result.rows[3].point.key
                                                                 for row in result.rows)


def test_axes_and_theme_change(visit: Visit) -> None:
    visit.page.select_option("#axis-x", "cores")
    visit.page.wait_for_function("document.querySelector('#front .xtitle').textContent === 'cores in use'")
    visit.page.select_option("#colour", "core.max_neurons")
    visit.page.select_option("#detail", "analytic")
    light = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    visit.page.locator("#theme").click()
    dark = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    ink = visit.page.evaluate("getComputedStyle(document.querySelector('#front .xtitle')).fill")
    assert ink == visit.page.evaluate("getComputedStyle(document.body).color")


def test_it_follows_the_system_and_fits_a_phone(opened_browser: Any, result: StudyResult, tmp_path: Path) -> None:
    path = tmp_path / "study.html"
    write_study_page(result, path)
    opened = Visit(opened_browser, path, POINT, color_scheme="dark", viewport={"width": 390, "height": 844})
    assert opened.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    opened.check()


def test_text_of_users_is_never_markup(opened_browser: Any, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=window.hit=1>"
    path = tmp_path / "evil.html"
    path.write_text(render_page(title=evil, subtitle=evil, body="<p id='a'></p>", data={"a": evil, "nan": float("nan")},
                                script="document.getElementById('a').append(neurosim.data.a, neurosim.data.nan)"))
    page = opened_browser.new_page()
    page.goto(path.as_uri())
    assert page.inner_text("#a") == evil + "null"
    assert page.evaluate("window.hit") is None and page.title() == evil


def test_data_cannot_end_their_element() -> None:
    assert "<" not in embedded_json({"a": "</script><!--"})
