"""The page of a run in a real browser: no errors, no requests, and what people click works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neurosim.report import summarise, write_report_page
from neurosim.report.headline import key_figures
from neurosim.report.html import raster
from tests.browser import PHONE, Visit, browser
from tests.report.html.test_page import LABELS, open_trace
from tests.report.test_render import idle
from tests.traces.synthetic import make_header, make_result
from tests.traces.test_link_loads import with_links

pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
CHARTS = ("energy", "confusion", "raster", "phase", "rates", "steps", "mesh")


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    with open_trace(folder) as trace:
        write_report_page(trace, folder / "page.html")
    return folder / "page.html"


@pytest.fixture
def visit(opened: Any, page_path: Path) -> Iterator[Visit]:
    found = Visit(opened, page_path, color_scheme="light")
    yield found
    found.check()


def test_every_panel_is_drawn(visit: Visit, page_path: Path) -> None:
    for chart in CHARTS:
        assert visit.page.locator(f"#{chart} .main-svg").count() > 0, chart
    with open_trace(page_path.parent) as trace:
        figures = key_figures(summarise(trace))
    assert visit.page.locator("#tiles b").all_inner_texts() == [value for value, _, _ in figures]
    titles = visit.page.locator("#tables h2").all_inner_texts()
    assert {"Activity", "Latency", "Energy"} <= set(titles)
    assert "assumed figures" in visit.text("#assumed")


def test_nothing_in_it_leads_out(visit: Visit) -> None:
    assert visit.page.locator("a[href^=http]").count() == 0
    titles = visit.page.eval_on_selector_all(".modebar-btn", "all => all.map(each => each.dataset.title)")
    assert titles and not [title for title in titles if "loud" in title or "hare" in title]


def test_zooming_loads_every_spike(opened: Any, tmp_path: Path) -> None:
    results = [make_result(sample, n_tokens=80) for sample in range(4)]
    with open_trace(tmp_path, results=results) as trace:
        write_report_page(trace, tmp_path / "page.html")
        n_first = sum(trace.n_spikes(group, 0, 1) for group in trace.spike_groups)
    visit = Visit(opened, tmp_path / "page.html", color_scheme="light")
    assert visit.page.get_attribute("#raster", "data-kind") == "fields"
    assert "Aggregated" in visit.text("#raster-note")
    for _ in range(2):                              # to a sixteenth of the run
        before = visit.page.get_attribute("#raster", "data-range")
        visit.page.locator("#raster-controls button[title=nearer]").click()
        visit.settled("before => document.querySelector('#raster').dataset.range !== before", before)
    visit.settled("() => document.querySelector('#raster').dataset.kind === 'points'")
    assert visit.page.locator("#raster .scatterlayer .point").count() > 10
    visit.page.fill("#raster-sample", "0")
    visit.page.press("#raster-sample", "Enter")
    visit.settled("() => document.querySelector('#raster-note').innerText.includes('sample 0')")
    assert f"class {LABELS[0]}, read as" in visit.text("#raster-note")
    text = f"{n_first:,}".replace(",", " ")
    visit.settled("text => document.querySelector('#raster-note').innerText.includes(text)", f"{text} spikes in view")
    visit.check()


def test_dragging_zooms_and_a_double_click_goes_back(visit: Visit) -> None:
    whole = visit.page.get_attribute("#raster", "data-range")
    visit.page.locator("#raster").scroll_into_view_if_needed()
    box = visit.page.locator("#raster .nsewdrag").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=5)
    visit.page.mouse.up()
    visit.settled("whole => document.querySelector('#raster').dataset.range !== whole", whole)
    visit.page.locator("#raster-controls button", has_text="All").click()
    visit.settled("whole => document.querySelector('#raster').dataset.range === whole", whole)


def test_the_slider_steps_through_the_sample(visit: Visit) -> None:
    assert visit.text("#mesh-step") == "whole run"
    visit.page.locator("#mesh-slider").fill("2")
    visit.settled("() => document.querySelector('#mesh').dataset.frame === '2'")
    assert visit.text("#mesh-step") == "step 2" and visit.text("#mesh-note").startswith("Step 2 within a sample")
    visit.page.select_option("#mesh-measure", "packets")
    visit.settled("() => document.querySelector('#mesh').innerText.includes('packets sent')"
                  " || [...document.querySelectorAll('#mesh text')].some(each => each.textContent.includes('packets'))")
    visit.page.locator("#mesh-slider").fill("-1")
    visit.settled("() => document.querySelector('#mesh').dataset.frame === '-1'")


def test_the_slider_shows_the_load_of_every_link(opened: Any, tmp_path: Path) -> None:
    made = [with_links(sample)[0] for sample in range(2)]
    with open_trace(tmp_path, results=made, header=make_header(2)) as trace:
        write_report_page(trace, tmp_path / "page.html")
    visit = Visit(opened, tmp_path / "page.html", color_scheme="light")
    drawn = "() => document.querySelectorAll('#mesh .scatterlayer .js-line').length"
    visit.page.locator("#mesh-slider").fill("1")
    visit.settled("() => document.querySelector('#mesh').dataset.frame === '1'")
    assert visit.page.get_attribute("#mesh", "data-links") == "all"
    assert visit.page.evaluate(drawn) > 2 and "links between tiles in orange" in visit.text("#mesh-note")
    visit.page.locator("#mesh-slider").fill("7")        # a step in which nothing travelled
    visit.settled("() => document.querySelector('#mesh').dataset.frame === '7'")
    assert visit.page.evaluate(drawn) == 0 and "0.00 % at most" in visit.text("#mesh-note")
    visit.check()


def test_the_theme_changes_every_chart(visit: Visit) -> None:
    visit.page.locator("#theme").click()
    ink = visit.page.evaluate("getComputedStyle(document.body).color")
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
    for chart in ("raster", "steps", "phase"):
        fill = visit.page.evaluate("id => getComputedStyle(document.querySelector(`#${id} .xtitle`)).fill", chart)
        assert fill == ink, chart


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_scrolling_sideways(opened: Any, page_path: Path, scheme: str) -> None:
    visit = Visit(opened, page_path, color_scheme=scheme, **PHONE)
    assert visit.page.evaluate("document.documentElement.dataset.theme") == scheme
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visit.page.locator(".modebar-btn").count() == 0
    visit.check()


@pytest.mark.parametrize("kind", ["empty", "functional", "no labels", "grid"])
def test_pages_of_other_runs(opened: Any, tmp_path: Path, kind: str) -> None:
    results = {"empty": [], "functional": [idle(make_result(0))]}.get(kind, [make_result(0), make_result(1)])
    change: dict[str, Any] = {"functional": {"detail": "functional"}, "grid": {"chip_columns": 2, "chip_rows": 3}}.get(
        kind, {})
    header = make_header(len(results), **change)
    with open_trace(tmp_path, results=results, header=header, labels=[-1] * 4) as trace:
        write_report_page(trace, tmp_path / "page.html")
    visit = Visit(opened, tmp_path / "page.html", color_scheme="light")
    assert "has a label" in visit.text("#confusion-note")
    assert kind != "functional" or "simulates no time" in visit.text("#steps-note")
    assert kind != "empty" or "holds no spikes" in visit.text("#raster-card")
    assert kind != "grid" or "Dashed lines part the chips" in visit.text("#mesh-note")
    visit.check()


def test_what_is_beyond_the_budget_is_counted(opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "MOST_EXACT", 400)
    with open_trace(tmp_path) as trace:
        write_report_page(trace, tmp_path / "page.html")
    visit = Visit(opened, tmp_path / "page.html", color_scheme="light")
    assert "one by one, those of the first" in visit.text("#raster-note")
    visit.page.fill("#raster-sample", "3")
    visit.page.press("#raster-sample", "Enter")
    visit.settled("() => document.querySelector('#raster-note').innerText.includes('sample 3')")
    assert visit.page.get_attribute("#raster", "data-kind") == "fields"
    visit.check()


def test_names_of_users_are_never_markup(opened: Any, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=window.hit=1>"
    header = make_header(1)
    header = make_header(1, provenance={**header.provenance, "network": evil, "command": evil})
    with open_trace(tmp_path, results=[make_result(0)], header=header) as trace:
        write_report_page(trace, tmp_path / "page.html")
    visit = Visit(opened, tmp_path / "page.html", color_scheme="light")
    assert visit.page.evaluate("window.hit") is None
    assert evil in visit.text("#provenance")
    visit.check()
