"""What is known of a tensor while a module runs, and how PyTorch's functions change it.

A tensor that comes from layers has a `Shadow`: arrays of the same shape that number its elements (`origin`), one for
each summand. Functions that only move elements are applied to these arrays too. Whatever else is done to it on the way
from layer to layer makes it `Lost`, with the name and place of the function, which is told if a layer reads it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from importers.live.origin import NOWHERE

# Elements stay where they are; what changes is the type, the memory or the gradient.
SAME = frozenset((
    "contiguous", "clone", "detach", "detach_", "to", "cpu", "float", "double", "half", "bfloat16", "type", "type_as",
    "requires_grad_", "alias", "positive", "__pos__", "lift_fresh", "identity"))
# Elements move, are left out or repeated.
MOVES = frozenset((
    "view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "ravel", "unsqueeze", "unsqueeze_", "squeeze",
    "squeeze_", "transpose", "transpose_", "t", "permute", "movedim", "moveaxis", "swapaxes", "swapdims", "__getitem__",
    "select", "narrow", "index_select", "unbind", "__iter__", "split", "chunk", "tensor_split", "repeat",
    "repeat_interleave", "tile", "expand", "expand_as", "broadcast_to", "flip", "roll", "stack", "cat", "concat",
    "concatenate", "hstack", "vstack", "dstack", "diagonal", "unfold", "__get__"))
# A new tensor of the same shape: its values do not come from the argument.
FRESH = frozenset((
    "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like", "new_zeros",
    "new_ones", "new_full", "new_empty", "new_tensor"))
ADD = frozenset(("add", "add_", "__add__", "__radd__", "__iadd__"))
SUBTRACT = frozenset(("sub", "sub_", "subtract", "__sub__", "__isub__"))
MULTIPLY = frozenset(("mul", "mul_", "multiply", "__mul__", "__rmul__", "__imul__"))
DIVIDE = frozenset(("div", "div_", "divide", "true_divide", "__truediv__", "__itruediv__"))
DROPOUTS = frozenset(("dropout", "dropout_", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout",
                      "feature_alpha_dropout", "feature_dropout"))


@dataclass(frozen=True)
class Shadow:
    """Where the elements of a tensor come from: it is the sum of `factor` times what `numbers` number.

    terms : (numbers int64[…] of the tensor's shape, factor)
    is_outside : nothing of it comes from a layer
    """

    terms: tuple[tuple[Tensor, float], ...]
    is_outside: bool


@dataclass(frozen=True)
class Lost:
    """A tensor that cannot be followed any more.

    reason : what was done to it, and where
    state : (layer of neurons, number of its call) where it is a state that neurons returned, untouched
    """

    reason: str
    state: tuple[Any, int] | None = None


class CannotFollowError(Exception):
    """What a function did to numbered elements has no counterpart in a network."""


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield all tensors of nested tuples, lists and dictionaries, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)


def replaced(value: Any, by: Callable[[Tensor], Any]) -> Any:
    """Return `value` with every tensor replaced."""
    if isinstance(value, Tensor):
        return by(value)
    if isinstance(value, tuple | list):
        items = [replaced(item, by) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {name: replaced(item, by) for name, item in value.items()}
    return value


def is_zero(tensor: Tensor) -> bool:
    """Return whether nothing is in it but zeros."""
    return not bool(torch.any(tensor != 0))


def moved(func: Callable[..., Any], args: Any, kwargs: dict[str, Any], shadow_of: Callable[[Tensor], Shadow | None]
          ) -> list[Shadow]:
    """Return the shadows of what a moving function returns, in the order of its tensors."""
    given = [(item, shadow_of(item)) for item in tensors_in((args, kwargs))]
    shadows = [shadow for _, shadow in given if shadow is not None]
    n_terms = max(len(shadow.terms) for shadow in shadows)
    factors = next(shadow for shadow in shadows if len(shadow.terms) == n_terms).terms
    if any(mine[1] != first[1] for shadow in shadows for mine, first in zip(shadow.terms, factors, strict=False)):
        raise CannotFollowError("puts sums with different factors together")
    joins = func.__name__ in ("stack", "cat", "concat", "concatenate", "hstack", "vstack", "dstack")
    results = []
    for index in range(n_terms):
        def numbers(tensor: Tensor, index: int = index) -> Tensor:
            return _numbers(tensor, shadow_of(tensor), index, joins=joins)

        results.append(list(tensors_in(func(*replaced(args, numbers), **replaced(kwargs, numbers)))))
    is_outside = all(shadow.is_outside for shadow in shadows)
    return [Shadow(tuple((item, factors[index][1]) for index, item in enumerate(items)), is_outside)
            for items in zip(*results, strict=True)]


def _numbers(tensor: Tensor, shadow: Shadow | None, index: int, *, joins: bool) -> Tensor:
    if shadow is not None and index < len(shadow.terms):
        return shadow.terms[index][0]
    if shadow is None and not joins:
        return tensor                       # an index
    if shadow is None and not is_zero(tensor):
        raise CannotFollowError("puts values of the layers and constants together")
    return torch.full(tensor.shape, NOWHERE, dtype=torch.int64)


def added(left: Any, right: Any, sign: float, shadow_of: Callable[[Tensor], Shadow | None]) -> Shadow:
    """Return the shadow of left + sign * right, one of which has a shadow."""
    first, second = (shadow_of(item) if isinstance(item, Tensor) else None for item in (left, right))
    shape = torch.broadcast_shapes(*(item.shape for item in (left, right) if isinstance(item, Tensor)))
    for item, shadow in ((left, first), (right, second)):
        if shadow is None and (not is_zero(item) if isinstance(item, Tensor) else item != 0):
            raise CannotFollowError("adds a constant")
    terms = [(numbers.expand(shape), factor * scale)
             for shadow, scale in ((first, 1.0), (second, sign)) if shadow is not None
             for numbers, factor in shadow.terms]
    return Shadow(tuple(terms), all(shadow.is_outside for shadow in (first, second) if shadow is not None))


def scaled(left: Any, right: Any, shadow_of: Callable[[Tensor], Shadow | None], *, divides: bool) -> Shadow:
    """Return the shadow of left * right, or left / right, one of which is a plain number."""
    if divides or (isinstance(left, Tensor) and shadow_of(left) is not None):
        tensor, number = left, right
    else:
        tensor, number = right, left
    shadow = shadow_of(tensor) if isinstance(tensor, Tensor) else None
    if isinstance(number, Tensor):
        if number.numel() != 1 or number.ndim > tensor.ndim or shadow_of(number) is not None:
            raise CannotFollowError("multiplies by something other than one number")
        number = number.item()
    if shadow is None:
        raise CannotFollowError("divides by values of the layers")
    factor = 1 / number if divides else float(number)
    return Shadow(tuple((numbers, kept * factor) for numbers, kept in shadow.terms), shadow.is_outside)


def place() -> str:
    """Return `file:line` of the code that called PyTorch: the innermost frame outside of PyTorch and of these files."""
    ours, theirs = str(Path(__file__).parent), str(Path(torch.__file__).parent)
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((ours, theirs, "<frozen")):
        if frame.f_back is None:
            break
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
