"""The arithmetic of `neurosim.numbers` on tensors: integers in float64, with straight-through gradients.

A tensor of integers q stands for q times a scale; its gradient is that of q, so that the chain rule of division and
multiplication by scales brings parameters and read-outs their gradients in real units. Rounding and wrapping pass
gradients on as if nothing had happened; what is clipped gets none; a spike's is a triangle around the firing level.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurosim.export.scales import EXACT_BITS, Float64Array, conversion
from neurosim.formats import Format

_HUGE = 2.0**62


class _StraightThrough(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, smooth: Tensor, exact: Tensor) -> Tensor:
        return exact.view_as(exact)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _Triangle(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, distance: Tensor, fired: Tensor, width: float) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.width = width
        return fired.to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (distance,) = ctx.saved_tensors
        return gradients[0] * (1 - distance.abs() / ctx.width).clamp(min=0) / ctx.width, None, None


def straight_through(smooth: Tensor, exact: Tensor) -> Tensor:
    """Return `exact`, with the gradient of `smooth`."""
    return _StraightThrough.apply(smooth, exact)


def spikes(distance: Tensor, fired: Tensor, width: float) -> Tensor:
    """Return `fired` as 0 and 1, with the gradient max(0, 1 - |distance| / width) / width of the distance.

    distance : of the value above the threshold, in units of the firing level
    """
    return _Triangle.apply(distance, fired, width)


# --- rounding and overflow -------------------------------------------------------------------------------------------

def rounded(values: Tensor, rounding: str) -> Tensor:
    """Return whole numbers, as `numbers.shift_right` rounds the exact quotients `values`; without a gradient."""
    values = values.detach()
    if rounding == "floor":
        return torch.floor(values)
    if rounding == "toward_zero":
        return torch.trunc(values)
    if rounding == "nearest_even":
        return torch.round(values)
    whole = torch.trunc(values)
    return whole + torch.where((values - whole).abs() >= 0.5, values.sign(), 0.0)


def shifted(values: Tensor, shift: Tensor, rounding: str) -> Tensor:
    """Return int64 values / 2**shift, rounded; a negative shift is one to the left."""
    values, shift = values << (-shift).clamp(min=0), shift.clamp(min=0)
    quotient, mask = values >> shift, (torch.ones_like(shift) << shift) - 1
    if rounding == "floor":
        return quotient
    if rounding == "toward_zero":
        return (values + ((values >> 63) & mask)) >> shift
    dropped, half = values & mask, ((mask + 1) >> 1).clamp(min=1)
    if rounding == "nearest_even":
        return quotient + (dropped + (quotient & 1) > half).long()
    return quotient + (dropped > half - (values >= 0).long()).long()


def product(a: Tensor, b: Tensor, factor: Tensor | float, rounding: str) -> Tensor:
    """Return a b factor, rounded; |a b| is below 2**53 and `factor` a power of two."""
    smooth = a * b * factor
    return straight_through(smooth, rounded(smooth, rounding))


def fit(values: Tensor, format_: Format) -> Tensor:
    """Return integers made to fit a format, as `numbers.fit` does; what is clipped has no gradient."""
    if format_.overflow == "saturate":
        return values.clamp(format_.low, format_.high)
    return straight_through(values, wrapped(values.detach(), format_))


def wrapped(values: Tensor, format_: Format) -> Tensor:
    """Return integers wrapped once around (lava_wrap) or as often as need be (twos_complement)."""
    turn = 2.0**format_.bits
    if format_.overflow == "lava_wrap":
        top = turn / 2
        return values - turn * (values > top).to(values.dtype) + turn * (values <= -top).to(values.dtype)
    low = -turn / 2 if format_.signed else 0.0
    return values - turn * torch.floor((values - low) / turn)


# --- parameters and conversions --------------------------------------------------------------------------------------

class Quantiser(nn.Module):  # type: ignore[misc]
    """Real numbers to integers, as `numbers.quantise` makes them.

    Parameters
    ----------
    format_ : Format            not lava_wrap
    gain : float64[…]           broadcasts against the numbers
    steps : float64[…]          of something else, that each integer counts for
    """

    def __init__(self, format_: Format, gain: Float64Array, steps: Float64Array | float = 1.0) -> None:
        super().__init__()
        self.format = format_
        self.register_buffer("gain", torch.tensor(gain), persistent=False)
        self.register_buffer("steps", torch.tensor(steps, dtype=torch.float64), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return integers, in the shape of `values`."""
        given = values / self.gain
        scaled = given * 2.0**self.format.fraction
        with torch.no_grad():
            # What underflows is still above or below 0.
            whole = rounded(torch.where(scaled == 0, given, scaled), self.format.rounding)
            kept = whole.clamp(self.format.low, self.format.high)
            clipped = kept != whole
            if self.format.overflow == "twos_complement":
                kept, clipped = self._wrapped(whole), torch.zeros_like(clipped)
        return straight_through(torch.where(clipped, kept, scaled), kept) * self.steps

    def _wrapped(self, whole: Tensor) -> Tensor:
        """Return the lowest bits of the 62 lowest, in int64: floats lose them beyond 2**53."""
        low, turn = self.format.low, 1 << self.format.bits
        lowest = torch.where(whole.abs() >= _HUGE, torch.fmod(whole, _HUGE), whole).long()
        return (torch.remainder(lowest - low, turn) + low).to(whole.dtype)

    def limits(self) -> tuple[Tensor, Tensor]:
        """Return the lowest and highest values that the format holds, in the shape of `gain`."""
        return self.gain * self.format.low * self.format.step, self.gain * self.format.high * self.format.step


class Conversion(nn.Module):  # type: ignore[misc]
    """Integers of one scale to those of another: times mantissa, divided by 2**shift, rounded.

    Parameters
    ----------
    factor : float64[neuron]    the exact ratio of the scales, next to which mantissa / 2**shift lies
    bound : float               largest magnitude of what is converted
    where : str                 for the error, see `scales.conversion`
    """

    def __init__(self, factor: Float64Array, bound: float, rounding: str, where: str) -> None:
        super().__init__()
        mantissa, shift = conversion(factor, bound, where)
        self.rounding, self.largest = rounding, float(np.max(bound * np.abs(mantissa) * np.exp2(-shift), initial=0.0))
        widest = np.max(bound * np.abs(mantissa) * np.exp2(np.maximum(-shift, 0)), initial=0.0)
        self.is_narrow = bool(widest < 2.0**EXACT_BITS)
        self.register_buffer("mantissa", torch.tensor(mantissa), persistent=False)
        self.register_buffer("shift", torch.tensor(shift), persistent=False)
        self.register_buffer("factor", torch.tensor(mantissa * np.exp2(-shift)), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return integers of [..., neuron]."""
        smooth = values * self.factor
        if self.is_narrow:      # the product is a float without loss
            return straight_through(smooth, rounded(smooth, self.rounding))
        exact = shifted(values.detach().long() * self.mantissa, self.shift, self.rounding)
        return straight_through(smooth, exact.to(values.dtype))
