"""State-space networks that stream token by token on Loihi 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hw_models.load import load_chip
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.options import ScheduleName
from neurosim.validate import s4d, s5
from neurosim.validate.rows import Row, Target
from neurosim.validate.spans import Span
from neurosim.validate.streams import stream

# Meyer et al., recalled: µs and µJ per token, by schedule. The energy of the fall-through form is not recalled.
S4D_PUBLISHED: dict[ScheduleName, tuple[float, float | None]] = {"pipelined": (12.0, 3.0), "fall_through": (68.0, None)}
S4D_TOKENS: dict[ScheduleName, int] = {"pipelined": 40, "fall_through": 8}
# Pierro et al., recalled: the abstract's ratios, which were read, follow from them.
S5_US, S5_UJ, S5_TOKENS, S5_DRAWS = 76.0, 13.0, 8, 200
RECALLED = "recalled from the paper, not re-read: shown, not judged"
S4D_TIME_NOTE = (f"{RECALLED}; for which of the two networks is not known; the chip file's time of a mode was itself "
                 "chosen with these 12 µs in view")
LARGE_NOTE = ("; the core that sums the modes of most channels binds: the partition evens out the somata, not "
              "what arrives")
S5_NOTE = "published figures recalled; cores and host interface of the run are not known"


def s4d_rows(shape: s4d.Shape, n_draws: int) -> Callable[[Path | None], tuple[Row, ...]]:
    """Return what gives the rows of one of the two networks."""
    def rows(_: Path | None) -> tuple[Row, ...]:
        chip, network = load_chip("loihi2"), s4d.network_of(shape)
        more = LARGE_NOTE if shape == s4d.LARGE else ""
        packed = map_network(network, chip, MappingOptions(ssm="expanded", placement="naive")).n_cores
        found = [Row("cores, filled one after the other", "predicted", "cores", packed, shape.cores, shown=True,
                     note="the published partition spreads the network for speed; all else is on its number of cores")]
        times: dict[ScheduleName, float] = {}
        for schedule, (time_us, energy_uj) in S4D_PUBLISHED.items():
            per_token = stream(network, chip, s4d.options(shape, schedule), s4d.pixels(S4D_TOKENS[schedule]),
                               n_draws)
            found += [_row(f"time per token, {schedule}", "µs", per_token.time_us, time_us, S4D_TIME_NOTE + more),
                      _row(f"energy per token, {schedule}", "µJ", per_token.energy_uj, energy_uj, RECALLED)]
            times[schedule] = per_token.time_us.value
        measured = S4D_PUBLISHED["fall_through"][0] / S4D_PUBLISHED["pipelined"][0]
        return *found, Row("time of fall_through over pipelined", "predicted", "",
                           times["fall_through"] / times["pipelined"], measured, shown=True,
                           note=f"{RECALLED}; it depends little on the time of a mode")
    return rows


def s5_rows(dim_scale: float) -> Callable[[Path | None], tuple[Row, ...]]:
    """Return what gives the rows of the network at one width."""
    def rows(_: Path | None) -> tuple[Row, ...]:
        options = MappingOptions(placement="naive", schedule="fall_through", readout_every_token=True)
        per_token = stream(s5.network_of(dim_scale), load_chip("loihi2"), options, s5.spectra(S5_TOKENS), S5_DRAWS)
        return (_row("time per token, fall_through", "µs", per_token.time_us, S5_US, S5_NOTE, shown=False),
                _row("energy per token, fall_through", "µJ", per_token.energy_uj, S5_UJ, S5_NOTE, shown=False))
    return rows


def _row(quantity: str, unit: str, found: Span, measured: float | None, note: str, *, shown: bool = True) -> Row:
    low, high = (None, None) if found.low == found.high else (found.low, found.high)
    return Row(quantity, "predicted", unit, found.value, measured, low, high, shown=shown, note=note)


_MEYER = "Meyer et al., arXiv 2409.15022: cores by a second-hand note, times and energy recalled"
_PIERRO = "Pierro et al., ICML 2025 (arXiv 2502.01330), recalled; the abstract's ratios follow from the figures"
TARGETS = (
    Target("s4d-small", "Loihi 2, S4D of width 64, one neuron per mode", _MEYER, "4 layers, 64 channels of 32 complex "
           "modes, random weights, ReLU; 31 cores", "loihi2", s4d_rows(s4d.SMALL, 20)),
    Target("s4d-large", "Loihi 2, S4D of width 128, one neuron per mode", _MEYER, "4 layers, 128 channels of 64 "
           "complex modes, random weights, ReLU; 111 cores", "loihi2", s4d_rows(s4d.LARGE, 0)),
    Target("s5-half", "Loihi 2, sparse S5 that denoises speech, dim_scale 0.5", _PIERRO, "3 layers, 96 channels, 64 "
           "complex modes, 90 % pruned, random weights; packed into as few cores as hold it", "loihi2", s5_rows(0.5)),
    Target("s5-full", "Loihi 2, sparse S5 that denoises speech, dim_scale 1", _PIERRO, "3 layers, 192 channels, 128 "
           "complex modes, 90 % pruned, random weights; packed into as few cores as hold it", "loihi2", s5_rows(1.0)),
)
