"""The bundle of a page prepares what the page draws; a bundle of another making stays as it is."""

from __future__ import annotations

import re

import pytest

from neurosim.explore import page as study_page
from neurosim.pages.plotly import ALWAYS, plotly_bundle, read_once, with_kinds
from neurosim.pages.shell import resource
from neurosim.report.html import page as run_page

MODULES = ('var A=W((x,y)=>{y.exports=B()});var B=W((x,y)=>{y.exports={moduleType:"trace",name:"bar"}});'
           'var C=W((x,y)=>{var k=D();k.plot=E();y.exports=k});'
           'var D=W((x,y)=>{var z={};y.exports={moduleType:"trace",name:"scatter-gl"}});'
           'var F=W((x,y)=>{y.exports={moduleType:"component",name:"dates"}});var G=W((x,y)=>{y.exports=3});'
           'var X=W((x,y)=>{core.register([A(),C(),F(),G(),lost()]);y.exports=core});')


@pytest.mark.parametrize(("kinds", "kept"), [
    ((), "F(),G(),lost()"), (("bar",), "A(),F(),G(),lost()"), (("scatter-gl",), "C(),F(),G(),lost()"),
    (("bar", "scatter-gl", "pie"), "A(),C(),F(),G(),lost()")])
def test_known_kinds_that_are_not_drawn_leave_the_list(kinds: tuple[str, ...], kept: str) -> None:
    assert with_kinds(MODULES, kinds) == MODULES.replace("[A(),C(),F(),G(),lost()]", f"[{kept}]")


@pytest.mark.parametrize("bundle", ["", "var Plotly={};", "register([first,second])"])
def test_other_bundles_stay_as_they_are(bundle: str) -> None:
    assert with_kinds(bundle, {"bar"}) == bundle
    assert read_once(bundle) == bundle


def test_the_text_stands_in_brackets() -> None:
    head = 'function(root, factory) {factory()} (typeof self !== "undefined" ? self : this, '
    assert read_once(f"({head}() => {{ return 1; }}));\n") == f"({head}(() => {{ return 1; }})));"


def test_the_installed_bundle_loses_what_is_not_drawn() -> None:
    pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
    whole, some = plotly_bundle(), plotly_bundle({"bar", "heatmap"})
    listed = [re.search(r"register\(\[((?:[\w$]+\(\),?)+)\]\)", text) for text in (whole, some)]
    if listed[0] is None or listed[1] is None:
        pytest.skip("this version of Plotly has no such list; its bundle stays whole")
    n_whole, n_some = (len(found[1].split(",")) for found in listed if found is not None)
    assert n_whole > 40 and 2 <= n_some < 6


@pytest.mark.parametrize(("package", "scripts", "kinds"), [
    ("neurosim.report.html", run_page.SCRIPTS, run_page.KINDS), ("neurosim.explore", ("study.js",), study_page.KINDS)])
def test_each_page_names_the_kinds_that_it_draws(package: str, scripts: tuple[str, ...], kinds: frozenset[str]) -> None:
    pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
    there = set(re.findall(r'moduleType:"trace",name:"([\w-]+)"', plotly_bundle()))
    drawn = {kind for name in scripts for kind in re.findall(r'type: "([\w-]+)"', resource(name, package))} & there
    assert drawn and drawn | ALWAYS == kinds
