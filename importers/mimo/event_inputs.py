"""Recordings of events as inputs of an Event-SSM network (`importers.mimo.event_ssm`).

Source: Efficient-Scalable-Machine-Learning/event-ssm (d9ceb07), `event_ssm/dataloading.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.errors import DataError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
MICROSECONDS = 1000.0       # in a millisecond, the unit of intervals
PICOSECONDS = 10**6         # in a microsecond
PADDING = -1


def dvs_tokens(x: ArrayLike, y: ArrayLike, polarity: ArrayLike, sensor_size: tuple[int, int]) -> IntArray:
    """Return the token of each event of a camera: x y + width height polarity.

    The published code multiplies x by y, where a pixel's number would be x + width y; networks are trained with it.
    """
    width, height = sensor_size
    return np.asarray(x, np.int64) * np.asarray(y, np.int64) + width * height * np.asarray(polarity, np.int64)


def event_inputs(tokens: ArrayLike, times_us: ArrayLike, n_symbols: int, n_tokens: int | None = None) -> FloatArray:
    """Return what the inputs `input` and `interval` of a network take; float64[token, n_symbols + 1].

    Each event stands with the interval to the next one, in ms; the last event has none and is dropped. Tokens of -1,
    and those that fill up to `n_tokens`, are padding: no symbol, an interval of 0.

    Parameters
    ----------
    tokens : int[event], from -1 to n_symbols - 1
    times_us : number[event], ascending

    Raises
    ------
    DataError       tokens or times outside their range, or more events than `n_tokens`
    """
    symbols, times = np.asarray(tokens), np.asarray(times_us, np.float64)
    if symbols.shape != times.shape or symbols.ndim != 1 or len(symbols) < 2:
        raise DataError(f"{symbols.shape} tokens, {times.shape} times", allowed="as many of both, two or more")
    if symbols.min() < PADDING or symbols.max() >= n_symbols:
        raise DataError(f"tokens reach {symbols.min()} to {symbols.max()}", allowed=f"-1 (padding) to {n_symbols - 1}",
                        mend="check the sensor's size")
    if not np.isfinite(times).all() or np.any(np.diff(times) < 0):
        raise DataError("times of events do not ascend", allowed="finite numbers, each at least the one before",
                        mend="sort the events by time")
    n_events = len(symbols) - 1
    if n_tokens is not None and n_tokens < n_events:
        raise DataError(f"{n_events} events for n_tokens = {n_tokens}", allowed=f"{n_events} or more",
                        mend="cut the recording")
    inputs = np.zeros((n_events if n_tokens is None else n_tokens, n_symbols + 1))
    shown = np.flatnonzero(symbols[:-1] != PADDING)
    inputs[shown, symbols[shown]] = 1.0
    inputs[:n_events, n_symbols] = np.diff(times) / MICROSECONDS * (symbols[:-1] != PADDING)
    return inputs


def event_times(tokens: ArrayLike, times_us: ArrayLike, n_tokens: int | None = None) -> IntArray:
    """Return when the tokens of `event_inputs` enter a chip without time steps; int64[token], in ps.

    Token k enters when the event after it comes, since the network decays its state by the interval to that one: time
    0 is the first event. Padding takes no time. The time from token to token is then the interval of `event_inputs`,
    and one step of the network's decays a millisecond: mapping.step_ns=1000000.

    Parameters
    ----------
    tokens, n_tokens : as in `event_inputs`
    times_us : integer[event], ascending

    Raises
    ------
    DataError       times that are no whole numbers, or what `event_inputs` refuses
    """
    symbols, times = np.asarray(tokens), np.asarray(times_us)
    filled = event_inputs(symbols, times, max(int(symbols.max(initial=0)), 0) + 1, n_tokens)     # raises
    if np.any(times != np.round(times)):
        raise DataError("times of events are no whole numbers", allowed="microseconds", mend="round them")
    intervals = np.zeros(len(filled), np.int64)
    intervals[:len(times) - 1] = np.diff(times).astype(np.int64) * (symbols[:-1] != PADDING)
    return np.cumsum(intervals) * PICOSECONDS
