"""The complex modes of the state-space somata, for all tokens, as one function with its adjoint.

    h_re' = fit(rnd(a_re h_re, s) - rnd(a_im h_im, s) + rnd(b_re x, t)),   h_im' likewise
    total = sum_n (c_re h_re' - c_im h_im')

Backward, roundings and wraps count for nothing, and what saturates has no gradient. Autograd through the loop would
give the same, as a test shows, but keep every product of every token.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from neurosim.export.torch_arithmetic import rounded, wrapped
from neurosim.formats import Format


class ModeSpec(NamedTuple):
    """What is constant. decay : 2**-s;  gain : float64[neuron] 2**-t;  format : of the states"""

    decay: float
    gain: Tensor
    format: Format


class Modes(torch.autograd.Function):  # type: ignore[misc]
    """All arguments hold integers.

    x : [token, sample, neuron] charge plus bias
    a_real, a_imag, b_real, b_imag, c_real, c_imag : [mode, neuron]
    h_real, h_imag : [sample, mode, neuron] before the first token
    spec : ModeSpec

    Return (total [token, sample, neuron], h_real, h_imag after the last token).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, a_real: Tensor, a_imag: Tensor, b_real: Tensor, b_imag: Tensor, c_real: Tensor,
                c_imag: Tensor, h_real: Tensor, h_imag: Tensor, spec: ModeSpec) -> tuple[Tensor, Tensor, Tensor]:
        """Return the totals and the last states."""
        format_, kept = spec.format, any(ctx.needs_input_grad)
        decay, turn, into_real, into_imag = _factors(spec, a_real, a_imag, b_real, b_imag)

        def part(factor: Tensor, values: Tensor) -> Tensor:
            return rounded(factor * values, format_.rounding)

        total, reals, imags, masks = torch.empty_like(x), [h_real], [h_imag], []
        for token in range(len(x)):
            given = x[token][:, None]
            real = (part(decay, h_real) - part(turn, h_imag)).add_(part(into_real, given))
            imag = (part(decay, h_imag) + part(turn, h_real)).add_(part(into_imag, given))
            h_real, h_imag = _fitted(real, format_), _fitted(imag, format_)
            torch.sum(c_real * h_real - c_imag * h_imag, 1, out=total[token])
            if kept:
                reals.append(h_real)
                imags.append(h_imag)
                masks.append((h_real == real, h_imag == imag) if format_.overflow == "saturate" else None)
        ctx.spec, ctx.masks = spec, masks
        ctx.save_for_backward(x, a_real, a_imag, b_real, b_imag, c_real, c_imag, *reals, *imags)
        return total, h_real.clone(), h_imag.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all arguments, from the last token to the first."""
        x, a_real, a_imag, b_real, b_imag, c_real, c_imag, *states = ctx.saved_tensors
        spec, n_tokens = ctx.spec, len(x)
        reals, imags = states[:n_tokens + 1], states[n_tokens + 1:]
        of_total, to_real, to_imag = gradients[0], gradients[1].clone(), gradients[2].clone()
        decay, turn, into_real, into_imag = _factors(spec, a_real, a_imag, b_real, b_imag)
        of_x = torch.empty_like(x)
        of_a, of_turn, of_b, of_b_imag, of_c, of_c_imag = (torch.zeros_like(to_real) for _ in range(6))
        for token in reversed(range(n_tokens)):
            given, above, mask = x[token][:, None], of_total[token][:, None], ctx.masks[token]
            of_c.addcmul_(above, reals[token + 1])
            of_c_imag.addcmul_(above, imags[token + 1], value=-1)
            to_real.addcmul_(above, c_real)
            to_imag.addcmul_(above, c_imag, value=-1)
            if mask is not None:
                to_real, to_imag = to_real.mul_(mask[0]), to_imag.mul_(mask[1])
            of_a.addcmul_(to_real, reals[token]).addcmul_(to_imag, imags[token])
            of_turn.addcmul_(to_imag, reals[token]).addcmul_(to_real, imags[token], value=-1)
            of_b.addcmul_(to_real, given)
            of_b_imag.addcmul_(to_imag, given)
            torch.sum(into_real * to_real + into_imag * to_imag, 1, out=of_x[token])
            to_real, to_imag = (decay * to_real).addcmul_(turn, to_imag), \
                (decay * to_imag).addcmul_(turn, to_real, value=-1)
        return (of_x, of_a.sum(0) * spec.decay, of_turn.sum(0) * spec.decay, of_b.sum(0) * spec.gain,
                of_b_imag.sum(0) * spec.gain, of_c.sum(0), of_c_imag.sum(0), to_real, to_imag, None)


def _factors(spec: ModeSpec, *tables: Tensor) -> tuple[Tensor, ...]:
    """Return a and b as what the products are multiplied with: powers of two lose nothing."""
    a_real, a_imag, b_real, b_imag = tables
    return a_real * spec.decay, a_imag * spec.decay, b_real * spec.gain, b_imag * spec.gain


def _fitted(values: Tensor, format_: Format) -> Tensor:
    if format_.overflow == "saturate":
        return values.clamp(format_.low, format_.high)
    return wrapped(values, format_)
