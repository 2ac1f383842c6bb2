"""The formats of a fixed-point run come back as a table, and whoever asks sees them in the text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neurosim.errors import TraceError
from neurosim.report import format_table, summarise, to_text
from neurosim.traces import Trace, TraceWriter
from tests.traces.synthetic import make_header, make_result

FORMATS = {"populations": {"layer_1": {"state": "s24.12/floor/saturate", "payload": "s24.8/floor/saturate"},
                           "gate": {"state": "s16.4/floor/saturate"}},
           "projections": {"input -> layer_1 [/x]": "s8.6/nearest_even/saturate"}}


def open_trace(tmp_path: Path, formats: str | None) -> Trace:
    provenance = make_header().provenance | ({"formats": formats} if formats is not None else {})
    with TraceWriter(tmp_path / "run.h5", make_header(1, provenance=provenance)) as writer:
        writer.write(make_result(0))
    return Trace.open(tmp_path / "run.h5")


def test_a_row_for_every_quantity(tmp_path: Path):
    with open_trace(tmp_path, json.dumps(FORMATS)) as trace:
        assert format_table(trace) == [
            ("layer_1", "state", "s24.12/floor/saturate"), ("layer_1", "payload", "s24.8/floor/saturate"),
            ("gate", "state", "s16.4/floor/saturate"),
            ("input -> layer_1 [/x]", "weight", "s8.6/nearest_even/saturate")]


def test_a_trace_that_does_not_tell_its_formats(tmp_path: Path):
    with open_trace(tmp_path, None) as trace:
        assert format_table(trace) == []


def test_the_text_shows_formats_when_asked(tmp_path: Path):
    with open_trace(tmp_path, json.dumps(FORMATS)) as trace:
        summary, formats = summarise(trace), format_table(trace)
    assert "Formats" not in to_text(summary)
    text = to_text(summary, formats=formats)
    assert "Formats" in text and max(len(line) for line in text.splitlines()) <= 120
    rows = [line.split() for line in text.splitlines()]
    assert all([*name.split(), quantity, found] in rows for name, quantity, found in formats)


@pytest.mark.parametrize("formats", [
    "{", "7", "[]", "{}", '{"populations": {}}', '{"populations": {"layer_1": "s8.0"}, "projections": {}}',
    '{"populations": {}, "projections": {"a": 8}}', "[" * 100_000, "9" * 10_000])
def test_formats_that_cannot_be(tmp_path: Path, formats: str):
    with open_trace(tmp_path, formats) as trace, pytest.raises(TraceError, match="/provenance/formats = ") as caught:
        format_table(trace)
    assert "allowed:" in str(caught.value) and "mend:" in str(caught.value) and len(str(caught.value)) < 500
