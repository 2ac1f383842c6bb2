"""Integer somata of one sum, as in `models.fixed.sums`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurosim.errors import NetworkError, OptionError
from neurosim.export.scales import Codings, conversion, held
from neurosim.export.torch_arithmetic import fit, product, shifted, straight_through
from neurosim.export.torch_somata import TABLE_MAGNITUDE, Integers, Somata, State, Table
from neurosim.models.fixed.lookup import X_FRACTION, normal_of, tanh_normal_of
from neurosim.models.fixed.sums import INVERSE_SHIFT, MEAN_SHIFT, MOST_SPREAD, NORMAL_SHIFT, ROOT_SHIFT
from neurosim.numbers import MOST_SHIFT
from neurosim.scales import MANTISSA_BITS

# value times the inverse root is value 2**_NORMAL_BITS / sqrt(spread)
_NORMAL_BITS = INVERSE_SHIFT - ROOT_SHIFT // 2 - NORMAL_SHIFT


def normal_table() -> Table:
    """Return the normal distribution."""
    return Table(normal_of, torch.special.ndtr)


class Linear(Somata):
    """linear, relu, reduce: the sum of the ports and the bias, perhaps rectified."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        first, *others = [port.name for port in codings.population.spec.ports]
        self.rectified = codings.population.model == "relu"
        factor = codings.scale(first) / codings.payload_scale("graded")
        self.out = self.convert(factor, codings.biased("bias", first, *others), "graded", "output")

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the payloads."""
        x = sum(charges[1:], charges[0]) + integers["bias"]
        return (fit(self.out(x.clamp(min=0) if self.rectified else x), self.codings.format("graded")),), ()


def tanh_normal_table() -> Table:
    """Return the same in the form by tanh."""
    return Table(tanh_normal_of, lambda x: 0.5 * (1.0 + torch.tanh((2.0 / math.pi) ** 0.5 * (x + 0.044715 * x**3))))


class Gelu(Somata):
    """X times the normal distribution of x."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        bound, step = codings.biased("bias", "input"), codings.scale("input")
        self.table = tanh_normal_table() if codings.population.attributes["form"] == "tanh" else normal_table()
        self.x = self.convert(step * 2.0**X_FRACTION, bound, "graded", "table")
        largest = held(bound * TABLE_MAGNITUDE, f"{codings.where}: {bound:.6g} x {TABLE_MAGNITUDE}")
        self.out = self.convert(step / codings.payload_scale("graded") / TABLE_MAGNITUDE, largest, "graded", "output")

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the payloads."""
        x = charges[0] + integers["bias"]
        return (fit(self.out(x * self.table(self.x(x))), self.codings.format("graded")),), ()


class Center(Somata):
    """Value less mean, and its square."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        step, bound = codings.scale("value"), codings.magnitude("value", "mean")
        self.out = self.convert(step / codings.payload_scale("graded"), bound, "graded", "output")
        largest = held(bound**2, f"{codings.where}: (value - mean) squared, {bound:.6g}**2")
        self.square = self.convert(step**2 / codings.payload_scale("square"), largest, "square", "square")

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return both payloads."""
        centred, formats = charges[0] - charges[1], self.codings.format
        return (fit(self.out(centred), formats("graded")), fit(self.square(centred**2), formats("square"))), ()


class LayerNorm(Somata):
    """Value over the root of variance plus epsilon, times a scale that is a parameter: a mantissa of each forward."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        self.rounding = codings.format("graded").rounding
        if codings.magnitude("variance") > MOST_SPREAD:
            raise NetworkError(f"{codings.where}: variance has the format {codings.format('variance')}",
                               allowed=f"integers up to {MOST_SPREAD}", mend="give it up to 24 bits")
        scale, variance = codings.scale("scale"), codings.scale("variance")
        bound = codings.magnitude("value") * 2.0**_NORMAL_BITS
        conversion(self._factor(scale * codings.magnitude("scale"), codings.scale("value"), np.sqrt(variance)), bound,
                   f"{codings.where}: output")
        for name, values in (("of_scale", scale), ("of_value", codings.scale("value")), ("root", np.sqrt(variance))):
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def _factor(self, scale: Any, step: Any, root: Any) -> Any:
        """Return the factor of the normalised value, in the order of operations of the lowering."""
        return scale * step / root / 2.0**_NORMAL_BITS / self.codings.payload_scale("graded")

    def integers(self) -> Integers:
        """Return also the mantissa and shift of the scale, and an epsilon that does not vanish."""
        found = super().integers()
        epsilon = found["epsilon"]
        found["epsilon"] = torch.where((self.epsilon > 0) & (epsilon == 0), torch.ones_like(epsilon), epsilon)
        factor = self._factor(found["scale"] * self.of_scale, self.of_value, self.root)
        with torch.no_grad():
            fraction, exponent = torch.frexp(factor.abs())
            exact = (fraction == 0.5) | (fraction == 0)
            mantissa = torch.where(exact, fraction * 2, torch.round(fraction * 2.0**MANTISSA_BITS))
            shift = torch.where(mantissa == 0, 0, torch.where(exact, 1 - exponent, MANTISSA_BITS - exponent)).long()
            if shift.abs().max() > MOST_SHIFT:
                raise OptionError(f"{self.codings.where}: output: conversion needs a shift of {shift.max().item()}",
                                  allowed=f"shifts from -{MOST_SHIFT} to {MOST_SHIFT}",
                                  mend="choose fractions closer to each other")
            found["mantissa"], found["shift"] = (mantissa * factor.sign()).long(), shift
        found["factor"] = factor
        return found

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the payloads."""
        value, spread = charges[0], (charges[1] + integers["epsilon"]).clamp(max=MOST_SPREAD)
        positive = spread > 0
        kept = torch.where(positive, spread, torch.ones_like(spread))
        smooth = value * 2.0**_NORMAL_BITS / torch.sqrt(kept)
        with torch.no_grad():
            inverse = torch.div(1 << INVERSE_SHIFT, integer_root(kept.long() << ROOT_SHIFT), rounding_mode="floor")
            exact = shifted(value.long() * inverse, torch.tensor(NORMAL_SHIFT, device=value.device), self.rounding)
            scaled = shifted(exact * integers["mantissa"], integers["shift"], self.rounding)
        normal = straight_through(smooth, exact.to(value.dtype))
        part = straight_through(normal * integers["factor"], scaled.to(value.dtype))
        total = torch.where(positive, part, torch.zeros_like(part)) + integers["bias"]
        return (fit(total, self.codings.format("graded")),), ()


def integer_root(values: Tensor) -> Tensor:
    """Return the integer square roots of int64[...], 0 <= value < 2**62."""
    root = torch.sqrt(values.double()).long()
    root = root - (root * root > values).long()
    return root + ((root + 1) * (root + 1) <= values).long()


class Integrator(Somata):
    """A leaky integral, read out."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        codings.product("potential", "leak")
        codings.biased("bias", "potential", "input")
        self.leaked = codings.factor_step("leak")
        factor = codings.scale("potential") / codings.payload_scale("graded")
        self.out = self.convert(factor, codings.magnitude("potential"), "graded", "output")

    def start(self, n_samples: int) -> State:
        """Return the potentials."""
        return (self.zeros(n_samples),)

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the payloads and the potentials."""
        (potential,), format_ = state, self.codings.format("potential")
        x, kept = charges[0] + integers["bias"], []
        for token in range(x.shape[1]):
            potential = fit(product(potential, integers["leak"], self.leaked, format_.rounding) + x[:, token], format_)
            kept.append(potential)
        return (fit(self.out(torch.stack(kept, 1)), self.codings.format("graded")),), (potential,)


class RunningMean(Somata):
    """The sum so far over the number of tokens so far."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        codings.biased("bias", "total", "input")
        bound = codings.magnitude("total")
        factor = codings.scale("total") / codings.payload_scale("graded") * 2.0**MEAN_SHIFT
        self.summed = self.convert(factor, bound, "graded", "output")

    def start(self, n_samples: int) -> State:
        """Return the totals, and the tokens so far."""
        return self.zeros(n_samples), self.zeros(1, 1)

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the payloads, totals and tokens."""
        (total, count), format_ = state, self.codings.format("total")
        x, kept = charges[0] + integers["bias"], []
        for token in range(x.shape[1]):
            total = fit(total + x[:, token], format_)
            kept.append(total)
        n_tokens = count + torch.arange(1, x.shape[1] + 1, dtype=x.dtype, device=x.device)
        summed, parts = self.summed(torch.stack(kept, 1)), n_tokens.T * 2.0**MEAN_SHIFT
        exact = torch.div(summed.detach().long(), parts.long(), rounding_mode="floor")
        mean = straight_through(summed / parts, exact.to(x.dtype))
        return (fit(mean, self.codings.format("graded")),), (total, count + x.shape[1])
