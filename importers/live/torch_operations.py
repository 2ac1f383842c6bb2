"""Functions of PyTorch that become synapses or populations: what they read, and with which settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from importers.live.neurons import number
from importers.live.torch_shadow import CannotFollowError

# How the positional arguments of each function are called.
_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_POOL = ("input", "kernel_size", "stride", "padding")
SIGNATURES: dict[str, tuple[str, ...]] = {
    "linear": ("input", "weight", "bias"),
    "matmul": ("input", "other"), "__matmul__": ("input", "other"), "mm": ("input", "other"),
    "conv1d": _CONVOLUTION, "conv2d": _CONVOLUTION,
    "avg_pool1d": (*_POOL, "ceil_mode", "count_include_pad"),
    "avg_pool2d": (*_POOL, "ceil_mode", "count_include_pad", "divisor_override"),
    "max_pool1d": (*_POOL, "dilation", "ceil_mode", "return_indices"),
    "max_pool2d": (*_POOL, "dilation", "ceil_mode", "return_indices"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "relu": ("input",), "relu_": ("input",), "gelu": ("input", "approximate"),
}
OTHER_NAMES = {"_max_pool2d": "max_pool2d", "_max_pool1d": "max_pool1d"}


class Operation(NamedTuple):
    """What a function does.

    n_trailing : how many dimensions of `given` belong to one item; None: any
    settings : for the graph, made when they are first needed
    raw : what the settings are made of, by which the operation is known again at the next step
    """

    kind: str
    given: Tensor
    n_trailing: int | None
    settings: Callable[[], dict[str, Any]]
    raw: tuple[Any, ...]


def operation(name: str, args: Any, kwargs: Any) -> Operation | None:
    """Return the operation that a call of a function is; None of what is none."""
    name = OTHER_NAMES.get(name, name)
    if name not in SIGNATURES:
        return None
    given = {**dict(zip(SIGNATURES[name], args, strict=False)), **kwargs}
    if "self" in given:
        given["input"] = given.pop("self")
    return _MAKERS[name](given)


def operation_or_none(name: str, args: Any, kwargs: Any) -> Operation | None:
    """Return the operation that a call of a function is; None of what is none, or cannot be done."""
    try:
        return operation(name, args, kwargs)
    except CannotFollowError:
        return None


def are_same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    """Return whether two operations were given the same: the same tensors, or equal ones."""
    return len(left) == len(right) and all(
        a is b or (isinstance(a, Tensor) and isinstance(b, Tensor) and torch.equal(a, b))
        or (not isinstance(a, Tensor) and not isinstance(b, Tensor) and a == b)
        for a, b in zip(left, right, strict=True))


def _linear(given: dict[str, Any]) -> Operation:
    weight, bias = given["weight"], given.get("bias")
    return Operation("linear", given["input"], 1,
                     lambda: {"weights": number(weight).T, "bias": None if bias is None else number(bias)},
                     (weight, bias))


def _matmul(given: dict[str, Any]) -> Operation | None:
    other = given["other"]
    if other.ndim != 2:
        return None
    return Operation("linear", given["input"], 1, lambda: {"weights": number(other), "bias": None}, (other,))


def _convolution(n_dimensions: int) -> Callable[[dict[str, Any]], Operation]:
    def make(given: dict[str, Any]) -> Operation:
        weight, bias = given["weight"], given.get("bias")
        stride, padding, dilation = (_pair(given.get(name, default), n_dimensions, vertical=default)
                                     for name, default in (("stride", 1), ("padding", 0), ("dilation", 1)))
        kernel = _pair(tuple(weight.shape[2:]), n_dimensions)
        if isinstance(given.get("padding"), str):
            if given["padding"] not in ("same", "valid"):
                raise CannotFollowError(f"pads with {given['padding']!r}")
            padding = tuple((d * (k - 1)) // 2 if given["padding"] == "same" else 0
                            for d, k in zip(dilation, kernel, strict=True))
        groups = int(given.get("groups", 1))
        return Operation(
            "convolution", given["input"], n_dimensions + 1,
            lambda: {"weights": number(weight).reshape(*weight.shape[:2], *kernel),
                     "bias": None if bias is None else number(bias), "stride": stride, "padding": padding,
                     "dilation": dilation, "groups": groups},
            (weight, bias, stride, padding, dilation, groups))
    return make


def _pool(kind: str, n_dimensions: int) -> Callable[[dict[str, Any]], Operation]:
    def make(given: dict[str, Any]) -> Operation:
        kernel = _pair(given["kernel_size"], n_dimensions)
        stride = kernel if given.get("stride") in (None, [], ()) else _pair(given["stride"], n_dimensions)
        padding = _pair(given.get("padding", 0), n_dimensions, vertical=0)
        dilation = _pair(given.get("dilation", 1), n_dimensions)
        settings: dict[str, Any] = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        if given.get("return_indices"):
            raise CannotFollowError("returns indices")
        if given.get("divisor_override") is not None:
            settings["divisor"] = int(given["divisor_override"])
        if kind == "average" and (given.get("ceil_mode") or not given.get("count_include_pad", True)) and (
                any(padding) or given.get("ceil_mode")):
            raise CannotFollowError("divides by another number at the edge (ceil_mode, count_include_pad)")
        return Operation(kind, given["input"], n_dimensions + 1, lambda: settings, tuple(settings.items()))
    return make


def _batch_norm(given: dict[str, Any]) -> Operation:
    mean, variance, weight, bias = (given.get(name) for name in ("running_mean", "running_var", "weight", "bias"))
    if given.get("training") or mean is None or variance is None:
        raise CannotFollowError("normalises by the batch it sees: call module.eval() first, with stored statistics")
    epsilon = float(given.get("eps", 1e-5))

    def settings() -> dict[str, Any]:
        scale = (1.0 if weight is None else number(weight)) / (number(variance) + epsilon) ** 0.5
        return {"scale": scale, "shift": (0.0 if bias is None else number(bias)) - number(mean) * scale}

    raw = (mean, variance, weight, bias, epsilon)
    return Operation("scale", given["input"], given["input"].ndim - 1, settings, raw)


def _activation(kind: str) -> Callable[[dict[str, Any]], Operation]:
    def make(given: dict[str, Any]) -> Operation:
        if given.get("approximate", "none") != "none":
            raise CannotFollowError(f"approximates by {given['approximate']}: only the exact GELU is supported")
        return Operation(kind, given["input"], None, dict, ())
    return make


def _pair(value: Any, n_dimensions: int, vertical: int = 1) -> tuple[int, ...]:
    """Return (vertical, horizontal); one dimension is horizontal, in an image of height 1."""
    if isinstance(value, str):
        return (0, 0)
    values = tuple(int(item) for item in value) if isinstance(value, tuple | list) else (int(value),) * n_dimensions
    values = values * n_dimensions if len(values) == 1 else values
    if n_dimensions == 2:
        return values
    return (vertical, values[0])


_MAKERS: dict[str, Callable[[dict[str, Any]], Operation | None]] = {
    "linear": _linear, "matmul": _matmul, "__matmul__": _matmul, "mm": _matmul,
    "conv1d": _convolution(1), "conv2d": _convolution(2),
    "avg_pool1d": _pool("average", 1), "avg_pool2d": _pool("average", 2),
    "max_pool1d": _pool("maximum", 1), "max_pool2d": _pool("maximum", 2),
    "batch_norm": _batch_norm, "relu": _activation("relu"), "relu_": _activation("relu"),
    "gelu": _activation("gelu"),
}
