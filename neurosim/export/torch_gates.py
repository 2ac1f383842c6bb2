"""Integer gates, as in `models.fixed.gates`: the gated linear unit, the gated spiking unit, the ternary spike."""

from __future__ import annotations

import torch
from torch import Tensor

from neurosim.export.scales import Codings, held
from neurosim.export.torch_arithmetic import fit, product, spikes
from neurosim.export.torch_somata import TABLE_MAGNITUDE, Integers, Somata, State, Table
from neurosim.export.torch_sums import normal_table
from neurosim.models.fixed.lookup import X_FRACTION, sigmoid_of


class Glu(Somata):
    """Value times the sigmoid of gate, plus skip."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        self.table = Table(sigmoid_of, torch.sigmoid)
        payload, bound = codings.payload_scale("graded"), codings.biased("value_bias", "value")
        self.x = self.convert(codings.scale("gate") * 2.0**X_FRACTION, codings.biased("gate_bias", "gate"), "graded",
                              "gate")
        largest = held(bound * TABLE_MAGNITUDE, f"{codings.where}: {bound:.6g} x {TABLE_MAGNITUDE}")
        self.out = self.convert(codings.scale("value") / payload / TABLE_MAGNITUDE, largest, "graded", "product")
        self.skip = self.convert(codings.scale("skip") / payload, codings.magnitude("skip"), "graded", "skip")
        held(self.out.largest + self.skip.largest, f"{codings.where}: product + skip")

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the payloads."""
        value, gate, skip = charges
        opened = self.table(self.x(gate + integers["gate_bias"]))
        total = self.out((value + integers["value_bias"]) * opened) + self.skip(skip)
        return (fit(total, self.codings.format("graded")),), ()


class Gsu(Somata):
    """The product of both branches, perhaps its gelu, plus skip."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        ternary, graded = (codings.biased(f"{name}_bias", f"{name}_branch") for name in ("ternary", "graded"))
        largest = held(ternary * graded, f"{codings.where}: ternary_branch x graded_branch, "
                                         f"{ternary:.6g} x {graded:.6g}")
        step, payload, bound = codings.scale("product"), codings.payload_scale("graded"), codings.magnitude("product")
        curved = self.attributes["activation"] == "gelu"
        table = TABLE_MAGNITUDE if curved else 1
        self.table = normal_table() if curved else None
        self.x = self.convert(step * 2.0**X_FRACTION, bound, "product", "table") if curved else None
        self.product = self.convert(codings.scale("ternary_branch") * codings.scale("graded_branch") / step, largest,
                                    "product", "product")
        curve = held(bound * table, f"{codings.where}: product ({codings.format('product')}) x {table}")
        self.out = self.convert(step / payload / table, curve, "graded", "output")
        self.skip = self.convert(codings.scale("skip") / payload, codings.magnitude("skip"), "graded", "skip")
        held(self.out.largest + self.skip.largest, f"{codings.where}: product + skip")

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the payloads."""
        branches = (charges[0] + integers["ternary_bias"]) * (charges[1] + integers["graded_bias"])
        value = fit(self.product(branches), self.codings.format("product"))
        if self.table is not None and self.x is not None:
            value = value * self.table(self.x(value))
        return (fit(self.out(value) + self.skip(charges[2]), self.codings.format("graded")),), ()


class Ternary(Somata):
    """The sign of what reaches delta, which is a part of the largest magnitude, or a constant."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        format_ = codings.format("delta_factor")
        self.part, self.rounding = codings.factor_step("delta_factor"), codings.format("value").rounding
        held(codings.product("threshold", "delta_factor") * self.part,
             f"{codings.where}: threshold x delta_factor ({format_})")

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the ternary spikes: those of a positive value less those of a negative one."""
        value, largest = charges
        if self.attributes["delta_scope"] == "vector":
            delta = product(largest, integers["delta_factor"], self.part, self.rounding)
        else:
            delta = integers["delta"]
        level, given = self.firing_level(delta, "value"), value.detach()
        positive = spikes((value - delta) / level, (given > 0) & (given >= delta), self.width)
        negative = spikes((-value - delta) / level, (given < 0) & (-given >= delta), self.width)
        return (positive - negative,), ()
