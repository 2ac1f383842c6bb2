"""How recordings become tokens, one event at a time in plain Python integers; from docs/events.md."""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    t: int          # µs
    x: int
    y: int
    on: bool


class Rule(NamedTuple):
    width: int
    height: int
    polarity: str = "separate"
    downscale: int = 1
    bin_us: int = 1000
    origin: str = "first"
    merge: str = "count"

    @property
    def small(self) -> tuple[int, int]:
        """Width and height after scaling down."""
        return (self.width + self.downscale - 1) // self.downscale, (self.height + self.downscale - 1) // self.downscale

    @property
    def n_channels(self) -> int:
        width, height = self.small
        return width * height * (2 if self.polarity == "separate" else 1)


def channel(event: Event, rule: Rule) -> int:
    """Order: polarity, row, column."""
    width, height = rule.small
    number = 0
    for polarity in (False, True) if rule.polarity == "separate" else (None,):
        for row in range(height):
            for column in range(width):
                here = (event.x // rule.downscale, event.y // rule.downscale) == (column, row)
                if here and polarity in (None, event.on):
                    return number
                number += 1
    raise AssertionError(event)


def value(event: Event, rule: Rule) -> int:
    return -1 if rule.polarity == "signed" and not event.on else 1


def binned(events: list[Event], rule: Rule, n_bins: int | None) -> tuple[list[list[int]], int]:
    """Return [bin][channel] and how many events came after the last bin."""
    start = events[0].t if rule.origin == "first" and events else 0
    if n_bins is None:
        n_bins = 0
        while any(event.t >= start + n_bins * rule.bin_us for event in events):
            n_bins += 1
    table = [[0] * rule.n_channels for _ in range(n_bins)]
    dropped = 0
    for event in events:
        for number in range(n_bins):
            if start + number * rule.bin_us <= event.t < start + (number + 1) * rule.bin_us:
                table[number][channel(event, rule)] += value(event, rule)
                break
        else:
            dropped += 1
    if rule.merge == "any":
        table = [[(cell > 0) - (cell < 0) for cell in row] for row in table]
    return table, dropped


def one_by_one(events: list[Event], rule: Rule, n_tokens: int) -> tuple[list[list[float]], int]:
    """Return [token][channel, and the interval to the next event in ms] and the number of events left over."""
    table = [[0.0] * (rule.n_channels + 1) for _ in range(n_tokens)]
    dropped = 0
    for number in range(len(events) - 1):
        if number >= n_tokens:
            dropped += 1
            continue
        table[number][channel(events[number], rule)] = value(events[number], rule)
        table[number][-1] = (events[number + 1].t - events[number].t) / 1000
    return table, dropped
