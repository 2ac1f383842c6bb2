"""Time and energy per token of a network that streams, with the intervals of a chip's figures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hw_models.costs import PERCENTILES, price
from hw_models.schema import Chip
from neurosim.events import CHIP_EVENTS, CORE_EVENTS
from neurosim.graph import FloatArray, Network
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions, map_network
from neurosim.traces.schema import SampleResult
from neurosim.validate.corners import drawn
from neurosim.validate.runs import one_sample
from neurosim.validate.spans import Span

SEED = 0


class Stream(NamedTuple):
    """Per token, once all stages work. Intervals: as in `hw_models.costs`, percentiles over drawn figures."""

    time_us: Span
    energy_uj: Span
    n_cores: int


class _Window(NamedTuple):
    """The second half of a sample: from the end of step `first` to that of `last`."""

    first: int
    last: int
    n_tokens: int


def stream(network: Network, chip: Chip, options: MappingOptions, tokens: FloatArray, n_draws: int) -> Stream:
    """Return what a token takes of a sample [token, column], at level event in float64.

    The sample must be at least twice as long as the network is deep.

    Parameters
    ----------
    n_draws : chips with drawn figures on which the network is mapped and run again; 0: no interval but a point
    """
    machine = map_network(network, chip, options)
    time_us, energy_uj = _per_token(machine, chip, tokens)
    others = [_per_token(map_network(network, one, options), one, tokens) for one in drawn(chip, n_draws, SEED)]
    return Stream(_span(time_us, [other[0] for other in others]), _span(energy_uj, [other[1] for other in others]),
                  machine.n_cores)


def _per_token(machine: Machine, chip: Chip, tokens: FloatArray) -> tuple[float, float]:
    result = one_sample(machine, tokens, "event", "float64")
    return token_us(machine, result), token_uj(machine, result, chip)


def _span(nominal: float, others: list[float]) -> Span:
    """Return the percentiles of `others`, widened to hold the nominal value."""
    low, high = (float(end) for end in np.percentile(others or [nominal], PERCENTILES))
    return Span(nominal, min(low, nominal), max(high, nominal))


def token_us(machine: Machine, result: SampleResult) -> float:
    """Return the time between two tokens, in microseconds."""
    window = _window(machine, result)
    return float(result.step_end_ps[window.last] - result.step_end_ps[window.first]) / window.n_tokens * 1e-6


def token_uj(machine: Machine, result: SampleResult, chip: Chip) -> float:
    """Return the energy of a token priced by `chip`, static power included, in microjoules."""
    window = _window(machine, result)
    steps = slice(window.first + 1, window.last + 1)
    cores = result.core_counts[steps].sum(axis=(0, 1), dtype=np.int64)
    chips = result.chip_counts[steps].sum(axis=0)
    bill = price(chip, dict(zip(CORE_EVENTS, cores.tolist(), strict=True)),
                 dict(zip(CHIP_EVENTS, chips.tolist(), strict=True)), machine.n_cores,
                 token_us(machine, result) * window.n_tokens * 1e-6)
    return bill.total_j * 1e6 / window.n_tokens


def _window(machine: Machine, result: SampleResult) -> _Window:
    interval, n_tokens = machine.schedule.interval, result.n_tokens // 2
    last = (result.n_tokens - 1) * interval
    first = last - n_tokens * interval
    assert first >= machine.schedule.depth - interval, "the pipeline is not full yet"
    return _Window(first, last, n_tokens)
