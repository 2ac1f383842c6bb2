"""What is tried: one quantity at a time against its bits, all at once, and mixtures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from neurosim.mapping.quantize_options import QuantizeOptions
from scenarios.precision.networks import Case

# What the rest has: the words of Loihi 2, `hw_models/chips/loihi2.yaml`.
CHIP_BITS: Mapping[str, int] = {"weight": 8, "gain": 8, "parameter": 16, "state": 24, "internal": 24, "charge": 24,
                                "payload": 24}
WEIGHT = (2, 3, 4, 5, 6, 7, 8)
GAIN = (2, 3, 4, 5, 6, 7, 8, 10)
NORM = (4, 5, 6, 7, 8, 10, 16)
VALUE = (5, 6, 7, 8, 9, 10, 12, 16)
PARAMETER = (5, 6, 7, 8, 9, 10, 11, 12, 14, 16)
STATE = (8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 24)
ALL = (6, 8, 10, 12, 14, 16, 18, 20, 24)
CHANNEL: Mapping[str, Any] = {"granularity": "channel"}
NEAREST: Mapping[str, Any] = {"rounding": {"h": "nearest_even"}}


@dataclass(frozen=True)
class Series:
    """One quantity against its bits.

    names : what `QuantizeOptions.bits` calls it; "mixing" and "norm" stand for projections of each network
    options : other options of the quantisation
    only : networks that have it
    """

    name: str
    title: str
    names: tuple[str, ...]
    sweep: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    fold_b: bool = False
    only: tuple[str, ...] = ("lif", "binary", "gsu", "lif784")

    def variant(self, case: Case, bits: int) -> Variant:
        """Return the variant with so many bits."""
        projections = {"mixing": case.mixing_synapses(), "norm": case.norm_synapses()}
        own = {name: bits for item in self.names for name in projections.get(item, [item])}
        return Variant(self.name, str(bits), QuantizeOptions({**CHIP_BITS, **own}, **self.options), self.fold_b)


_WORDS = ("weight", "gain", "parameter", "state", "internal", "payload")
SERIES: tuple[Series, ...] = (
    Series("mixing", "synapses that mix channels", ("mixing",), WEIGHT),
    Series("synapses", "all synapses", ("weight",), NORM),
    Series("norm", "synapses of the folded BatchNorm alone", ("norm",), NORM),
    Series("synapses_by_channel", "all synapses, scales by channel", ("weight",), WEIGHT, CHANNEL),
    Series("c", "C", ("c",), GAIN),
    Series("c_folded", "C, B folded", ("c",), GAIN, fold_b=True),
    Series("a", "A", ("a",), PARAMETER),
    Series("h", "state", ("h",), STATE),
    Series("h_nearest", "state, to nearest", ("h",), STATE, NEAREST),
    Series("h_by_channel", "state, scales by channel", ("h",), STATE, CHANNEL),
    Series("h_by_channel_nearest", "state, scales by channel, to nearest", ("h",), STATE, {**CHANNEL, **NEAREST}),
    Series("h_folded", "state, B folded", ("h",), STATE, fold_b=True),
    Series("h_folded_nearest", "state, B folded, to nearest", ("h",), STATE, NEAREST, fold_b=True),
    Series("h_folded_tight", "state, B folded, to nearest, tight", ("h",), STATE,
           {**NEAREST, "headroom_bits": 0, "scales": "free"}, fold_b=True),
    Series("potential", "membrane", ("potential",), VALUE, only=("lif", "lif784")),
    Series("payload", "payload", ("payload",), VALUE),
    Series("all", "all words", _WORDS, ALL),
    Series("all_by_channel", "all words, scales by channel", _WORDS, ALL, CHANNEL),
)


class Mixture(NamedTuple):
    """Several widths at once: C and the other gains share one; `mixing` are the synapses that mix channels."""

    a: int
    c: int
    state: int
    weight: int
    mixing: int
    membrane: int
    payload: int

    def __str__(self) -> str:
        weight = f"{self.weight}" if self.weight == self.mixing else f"{self.weight}/{self.mixing}"
        return f"A{self.a} C{self.c} h{self.state} W{weight} m{self.membrane} p{self.payload}"

    def bits(self, case: Case) -> dict[str, int]:
        """Return the entries of `QuantizeOptions.bits`."""
        bits = {**CHIP_BITS, "a": self.a, "gain": self.c, "h": self.state, "weight": self.weight,
                "payload": self.payload, **dict.fromkeys(case.mixing_synapses(), self.mixing)}
        has_membrane = any(item.model == "ssm_lif" for item in case.network.populations)
        return {**bits, "potential": self.membrane} if has_membrane else bits


MIXTURES: tuple[Mixture, ...] = (
    Mixture(16, 8, 24, 8, 8, 24, 24),       # as on Loihi 2
    Mixture(16, 8, 24, 8, 8, 16, 16),
    Mixture(16, 8, 16, 8, 8, 16, 12),
    Mixture(12, 8, 16, 8, 8, 12, 12),
    Mixture(12, 8, 16, 8, 4, 12, 12),
    Mixture(12, 8, 16, 4, 4, 12, 12),
    Mixture(8, 8, 16, 8, 8, 16, 24),
)
MIXED: Mapping[str, Mapping[str, Any]] = {"mixed": {}, "mixed_by_channel": CHANNEL}


@dataclass(frozen=True)
class Variant:
    """One row: `setting` is the bits of a series, or a mixture's widths."""

    series: str
    setting: str
    options: QuantizeOptions
    fold_b: bool = False


def variants(case: Case) -> Iterator[Variant]:
    """Yield all variants of a network, the mixtures last."""
    for series in SERIES:
        if case.name in series.only:
            yield from (series.variant(case, bits) for bits in series.sweep)
    for name, options in MIXED.items():
        for mixture in MIXTURES:
            yield Variant(name, str(mixture), QuantizeOptions(mixture.bits(case), **options))
