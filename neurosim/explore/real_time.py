"""Real-time duty: what a chip takes when tokens come at a rate that the user states, and it waits in between.

    busy share   u = rate x time per token                       the run's simulated time over its tokens
    active power   = rate x (energy of events per token) + u x static power with its cores on
    idle power     = (1 - u) x static power while it waits

While it waits, the cores in use stay on (`cores_on`, the nominal case: states are kept in their memories) or are
switched off (`cores_off`, a bound: chip files do not say what switching costs). A rate above 1 / time per token
cannot be kept up with; then the chip is always busy, and what it takes is that of the rate it reaches.

Source: the arithmetic of duty cycles; figures and their intervals are the chip's.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hw_models.costs import PERCENTILES
from neurosim.errors import DataError, OptionError
from neurosim.explore.decide import N_SAMPLES, SEED, Design, as_design, draw
from neurosim.traces.store import Trace
from neurosim.units import ps_to_s

STATIC = ("chip_idle", "core_active")
MAX_RATE_HZ = 1e12


@dataclass(frozen=True)
class Duty:
    """A run at a rate of tokens.

    keeps_up : whether the chip is done with a token before the next comes
    busy_share : time at work over time, 0 to 1
    rate_hz, highest_rate_hz : asked for, and the most that it keeps up with
    power_w : mean power, `active_w` + `idle_w`; low and high the 5th and 95th percentile of sampled figures
    power_cores_off_w : mean power, were the cores switched off while it waits
    energy_per_token_j : of it, `idle_share` is spent waiting
    """

    name: str
    chip: str
    rate_hz: float
    highest_rate_hz: float
    keeps_up: bool
    busy_share: float
    active_w: float
    idle_w: float
    power_w: float
    power_low_w: float
    power_high_w: float
    power_cores_off_w: float
    energy_per_token_j: float
    idle_share: float

    def to_json(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def duty(source: str | Path | Trace, rate_hz: float, *, n_samples: int = N_SAMPLES, seed: int = SEED,
         name: str = "") -> Duty:
    """Return what a run takes at `rate_hz` tokens per second.

    Raises
    ------
    OptionError  the rate is out of range
    DataError    the run has no duration or no tokens
    """
    if not (math.isfinite(rate_hz) and 0 < rate_hz <= MAX_RATE_HZ):
        raise OptionError(f"rate = {rate_hz} Hz", allowed=f"above 0, at most {MAX_RATE_HZ:g}",
                          mend="give the tokens per second, such as --rate 100")
    if not isinstance(source, Trace):
        with Trace.open(source) as opened:
            return duty(opened, rate_hz, n_samples=n_samples, seed=seed, name=name or Path(source).stem)
    design, n_tokens, time_s = as_design(source, name), int(source.samples.n_tokens.sum()), ps_to_s(source.duration_ps)
    if n_tokens == 0 or time_s == 0:
        raise DataError(f"{source.path}: has no tokens or no duration", mend="run it at detail analytic or event")
    return _at_rate(design, n_tokens / design.samples, time_s / n_tokens, rate_hz, n_samples, seed)


def _at_rate(design: Design, tokens_per_sample: float, token_s: float, rate_hz: float, n_samples: int,
             seed: int) -> Duty:
    busy = min(1.0, rate_hz * token_s)
    reached = min(rate_hz, 1 / token_s)
    sample_s = tokens_per_sample * token_s
    per_token = {key: scale / tokens_per_sample for key, scale in design.scales.items() if key not in STATIC}
    watts = {key: design.scales[key] / sample_s for key in STATIC}         # for each mW of the figure

    def powers(figure: Any) -> tuple[Any, Any, Any]:
        """Return power of events, static power with cores on, and that of the chip alone."""
        events = reached * sum(scale * figure(key) for key, scale in per_token.items())
        return events, sum(watts[key] * figure(key) for key in STATIC), watts["chip_idle"] * figure("chip_idle")

    figures, drawn = design.figures, draw(design, n_samples, seed)
    events, static, chip_alone = powers(lambda key: figures[key].value)
    sampled = powers(lambda key: drawn[key])
    total = events + static
    low, high = (float(end) for end in np.percentile(sampled[0] + sampled[1], PERCENTILES))
    return Duty(design.name, design.chip.name, rate_hz, 1 / token_s, rate_hz * token_s <= 1, busy,
                events + busy * static, (1 - busy) * static, total, min(low, total), max(high, total),
                events + busy * static + (1 - busy) * chip_alone, total / reached, (1 - busy) * static / total
                if total else 0.0)
