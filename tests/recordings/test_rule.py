"""The rule of bins and events, against plain Python that takes one event after another."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.errors import DataError, OptionError
from neurosim.recordings.binning import Binning, binning_options
from neurosim.recordings.events import RawEvents, Recordings, Sensor
from neurosim.recordings.load import Loaded, loaded
from tests.oracle.events import Event, Rule, binned, one_by_one

SENSOR = Sensor(5, 3)
events_lists = st.lists(st.builds(Event, st.integers(0, 60), st.integers(0, 4), st.integers(0, 2), st.booleans()),
                        max_size=20).map(lambda events: sorted(events, key=lambda event: event.t))
rules = st.builds(Rule, st.just(5), st.just(3), st.sampled_from(["separate", "merged", "signed"]), st.integers(1, 6),
                  st.integers(1, 25), st.sampled_from(["first", "zero"]), st.sampled_from(["count", "any"]))


def raw(events: list[Event]) -> RawEvents:
    columns = [np.array([event[index] for event in events], dtype=kind)
               for index, kind in enumerate((np.uint32, np.uint8, np.int16, bool))]
    return RawEvents("recording", *columns)


def recordings(*lists: list[Event]) -> Recordings:
    return Recordings("test", [lambda events=events: raw(events) for events in lists], SENSOR)  # type: ignore[misc]


def load(source: Recordings, rule: Rule, **options: Any) -> Loaded:
    n_columns = rule.n_channels + (options.get("mode") == "events")
    return loaded(source, n_columns, Binning(polarity=rule.polarity, downscale=rule.downscale, **options))


def of_bins(rule: Rule) -> dict[str, Any]:
    return {"bin_us": rule.bin_us, "origin": rule.origin, "merge": rule.merge}


@given(events_lists, rules, st.integers(1, 8))
def test_given_bins_hold_what_the_rule_says(events: list[Event], rule: Rule, n_bins: int) -> None:
    found = load(recordings(events), rule, n_bins=n_bins, **of_bins(rule))
    expected, dropped = binned(events, rule, n_bins)
    assert found.inputs.tolist() == [expected]
    assert found.notes["input_events_dropped"] == str(dropped) and found.notes["input_events"] == str(len(events))


@given(st.lists(events_lists, min_size=1, max_size=3), rules)
def test_whole_recordings_end_in_empty_bins_after_the_longest(lists: list[list[Event]], rule: Rule) -> None:
    tables = [binned(events, rule, None)[0] for events in lists]
    longest = max(map(len, tables))
    if not longest:
        with pytest.raises(DataError, match="no recording gives a token\n  allowed: recordings of at least one event"):
            load(recordings(*lists), rule, **of_bins(rule))
        return
    found = load(recordings(*lists), rule, **of_bins(rule))
    padding = [0] * rule.n_channels
    assert found.inputs.tolist() == [table + [padding] * (longest - len(table)) for table in tables]
    assert found.notes["input_events_dropped"] == "0"


@given(events_lists, rules, st.integers(1, 25))
def test_tokens_are_events_and_the_intervals_after_them(events: list[Event], rule: Rule, max_events: int) -> None:
    found = load(recordings(events), rule, mode="events", max_events=max_events)
    expected, dropped = one_by_one(events, rule, max_events)
    assert found.inputs.tolist() == [expected]
    assert found.notes["input_events_dropped"] == str(dropped)


def test_all_events_but_the_last_of_the_longest_recording() -> None:
    long, short = [Event(t, 1, 1, True) for t in (5, 7, 7, 12)], [Event(100, 0, 0, False), Event(2100, 4, 2, True)]
    rule = Rule(5, 3)
    found = load(recordings(long, short), rule, mode="events")
    assert found.inputs.tolist() == [one_by_one(long, rule, 3)[0], one_by_one(short, rule, 3)[0]]
    assert found.inputs[0, :, -1].tolist() == [0.002, 0.0, 0.005] and found.inputs[1, :, -1].tolist() == [2.0, 0.0, 0.0]
    with pytest.raises(DataError, match="at least two events: the last gives no token"):
        load(recordings(long[:1]), rule, mode="events")


def test_an_event_at_the_edge_of_a_bin_belongs_to_the_later_one() -> None:
    events = [Event(t, 0, 0, True) for t in (1000, 1999, 2000, 2999, 3000)]
    found = load(recordings(events), Rule(5, 3, "merged"), bin_us=1000, n_bins=2, origin="first")
    assert found.inputs[0, :, 0].tolist() == [2, 2] and found.notes["input_events_dropped"] == "1"
    found = load(recordings(events), Rule(5, 3, "merged"), bin_us=1000, n_bins=3, origin="zero")
    assert found.inputs[0, :, 0].tolist() == [0, 2, 2] and found.notes["input_events_dropped"] == "1"


def test_the_notes_say_the_rule() -> None:
    notes = load(recordings([Event(0, 0, 0, True)]), Rule(5, 3, downscale=2), bin_us=500).notes
    assert json.loads(notes["input_rule"]) == {"mode": "bins", "bin_us": 500, "downscale": 2, "polarity": "separate"}
    assert notes["input_columns"] == "3 x 2 pixels, 2 polarities each: 12 columns"


def test_only_the_wanted_recordings_are_read() -> None:
    def never() -> RawEvents:
        raise AssertionError("was read")

    source = Recordings("test", [lambda: raw([Event(0, 0, 0, True)]), never], SENSOR, np.array([3, 4]))
    found = loaded(source, 30, Binning(), limit=1)
    assert found.inputs.shape == (1, 1, 30) and found.labels is not None and found.labels.tolist() == [3]
    assert found.n_recordings == 2


@pytest.mark.parametrize("n_columns, options, message", [
    (15, {}, r"5 x 3 pixels, 2 polarities each: 30 columns\n  allowed: 15, as the network has inputs\n"
             r"  mend: set input\.polarity=merged and input\.downscale=1"),
    (12, {"polarity": "merged"}, r"mend: set input\.polarity=separate and input\.downscale=2"),
    (31, {}, r"30 columns\n  allowed: 31"),
    (30, {"mode": "events"}, r"30 columns and one of intervals\n  allowed: 30"),
    (7, {}, r"mend: set input\.polarity, input\.downscale, or input\.width and input\.height"),
])
def test_columns_that_the_network_has_not(n_columns: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        loaded(recordings([Event(0, 0, 0, True)]), n_columns, Binning(**options))


def test_a_sensor_of_unknown_size_is_asked_for() -> None:
    source = Recordings("test", [lambda: raw([Event(0, 0, 0, True)])])
    with pytest.raises(DataError, match=r"does not say how large the sensor is\n.*\n.*--set input\.width=128"):
        loaded(source, 30, Binning())
    assert loaded(source, 30, Binning(width=5, height=3)).inputs.shape == (1, 1, 30)


@pytest.mark.parametrize("choices, message", [
    ({"bin_ms": 1}, r"input\.bin_ms: no such option\n  allowed: mode, bin_us, .*\n.*did you mean input\.bin_us\?"),
    ({"bin_us": 0}, r"input\.bin_us = 0\n  allowed: integer from 1 to 2147483647"),
    ({"bin_us": 1.5}, r"input\.bin_us = 1\.5"),
    ({"bin_us": None}, r"input\.bin_us = None"),
    ({"n_bins": True}, r"input\.n_bins = True"),
    ({"mode": "frames"}, r"input\.mode = 'frames'\n  allowed: bins, events"),
    ({"origin": "last"}, r"input\.origin = 'last'\n  allowed: first, zero"),
    ({"merge": "max"}, r"input\.merge = 'max'\n  allowed: count, any"),
    ({"polarity": "both"}, r"input\.polarity = 'both'\n  allowed: separate, merged, signed"),
    ({"sort": 1}, r"input\.sort = 1\n  allowed: true, false"),
    ({"time_unit_us": 0}, r"input\.time_unit_us = 0\n"),
    ({"time_unit_us": float("nan")}, r"input\.time_unit_us = nan\n"),
    ({"mode": "events", "bin_us": 10}, r"input\.bin_us has no meaning with input\.mode = events\n.*input\.mode=bins"),
    ({"max_events": 10}, r"input\.max_events has no meaning with input\.mode = bins"),
])
def test_options_that_are_refused(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        binning_options(choices)
