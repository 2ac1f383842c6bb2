"""The time wheel against a binary heap."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from neurosim.noc.wheel import EMPTY, advance, lowest_bit, make_wheel, push, take_slot

# The wheel's functions can be called from compiled code only.


@njit
def lowest_bits(words):
    """Return the lowest set bit of each word."""
    found = np.zeros(words.size, np.int64)
    for index in range(words.size):
        found[index] = lowest_bit(words[index])
    return found


@njit
def drain(n_slots, first_time, lags):
    """Push every event at its first time, and again after each of its `lags` [event, repeat] as it comes out.

    A negative lag ends an event's life. Returns the (time, event) pairs in order of the slots emptied.
    """
    n_events, n_repeats = lags.shape
    wheel = make_wheel(n_slots, n_events)
    out = np.zeros((n_events * (n_repeats + 1) + 1, 2), np.int64)
    turn = np.zeros(n_events, np.int64)
    for event in range(n_events):
        push(wheel, np.int64(0), first_time[event], event)
    n_out = 0
    time = np.int64(0)
    while True:
        time = advance(wheel, time)
        if time < 0:
            return out[:n_out]
        event = take_slot(wheel, time)
        while event != EMPTY:
            following = wheel.next_event[event]
            out[n_out, 0], out[n_out, 1] = time, event
            n_out += 1
            if turn[event] < n_repeats and lags[event, turn[event]] >= 0:
                push(wheel, time, time + lags[event, turn[event]], event)
                turn[event] += 1
            else:
                turn[event] = n_repeats
            event = following


def expected(first_time: np.ndarray, lags: np.ndarray) -> list[tuple[int, int]]:
    """Do the same with heapq."""
    heap = [(int(time), event, 0) for event, time in enumerate(first_time)]
    heapq.heapify(heap)
    out = []
    while heap:
        time, event, turn = heapq.heappop(heap)
        out.append((time, event))
        if turn < lags.shape[1] and lags[event, turn] >= 0:
            heapq.heappush(heap, (time + int(lags[event, turn]), event, turn + 1))
    return out


def check(n_slots: int, first_time: np.ndarray, lags: np.ndarray) -> None:
    found = drain(n_slots, first_time.astype(np.int64), lags.astype(np.int64))
    times = found[:, 0]
    assert (np.diff(times) >= 0).all(), "time runs back"
    # A slot is unordered, and an event pushed again at the same time comes in the next emptying of it.
    assert sorted(map(tuple, found.tolist())) == sorted(expected(first_time, lags))


@settings(max_examples=200)
@given(st.sampled_from([64, 256, 8192]), st.integers(0, 2**32 - 1), st.integers(1, 60),
       st.sampled_from([1, 10, 63, 64, 65, 1000, 100_000, 10**12]))
def test_wheel_agrees_with_heapq(n_slots: int, seed: int, n_events: int, longest: int) -> None:
    random = np.random.default_rng(seed)
    spans = np.array([1, 2, 64, 300, 8191, 8192, longest])
    first_time = random.integers(0, longest, n_events)
    lags = random.integers(-1, spans[random.integers(len(spans), size=(n_events, 8))])
    check(n_slots, first_time, lags)


@pytest.mark.parametrize("n_slots", [64, 128, 4096, 8192, 65536])
def test_events_at_the_horizon_come_in_time(n_slots: int) -> None:
    """The last slot before the horizon, the first tick beyond it, and both sides of a word and of a summary word."""
    gaps = np.array([n_slots - 1, n_slots, n_slots + 1, 63, 64, 65, 4095, 4096, 4097, 2 * n_slots, 1, 0])
    for start in (0, 1, 63, n_slots - 1):
        check(n_slots, np.full(len(gaps), start), np.stack([gaps, gaps[::-1]], axis=1))


def test_far_event_does_not_overtake_a_near_one() -> None:
    """Event 0 lies beyond the horizon when pushed; event 1 is pushed later, for one tick before it, then one after."""
    found = drain(64, np.array([100, 60]), np.array([[-1, -1], [39, 2]]))
    assert found.tolist() == [[60, 1], [99, 1], [100, 0], [101, 1]]


def test_empty_wheel_has_no_next_event() -> None:
    assert drain(64, np.zeros(0, np.int64), np.zeros((0, 1), np.int64)).tolist() == []


def test_lowest_bit_of_every_position() -> None:
    random = np.random.default_rng(0)
    positions = np.repeat(np.arange(64), 20)
    above = random.integers(0, 2**63, len(positions), dtype=np.uint64)
    words = [int(bits) << int(position) + 1 & (1 << 64) - 1 | 1 << int(position)
             for bits, position in zip(above, positions, strict=True)]
    assert lowest_bits(np.array(words, np.uint64)).tolist() == positions.tolist()
