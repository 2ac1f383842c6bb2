"""What a layer of neurons does: the rule by which a framework's module becomes a population.

`rule_of` looks a module up by the name of its class and of the package it comes from, so that no framework needs to be
installed to read about another. A subclass counts as its parent where it changes nothing but what it is made with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.float64]


class RefusedError(Exception):
    """Why a layer cannot be simulated; its text is shown."""


@dataclass(frozen=True)
class Recurrent:
    """Synapses from a layer's neurons to themselves, one step later.

    weights : float64[pre, post] all to all, float64[neuron] one to one, or a function of the layer's shape
    bias : float64[neuron]
    """

    weights: FloatArray
    bias: FloatArray | float = 0.0


@dataclass(frozen=True)
class Rule:
    """A layer of neurons in the terms of the graph.

    model, parameters, attributes : of the population; parameters broadcast to the shape of one sample
    gain : factor of everything that the neurons receive
    delay_steps : added to every input
    bias_is_current : a bias of what they receive goes through the current of `cuba`, not to its potential
    recurrent : synapses within the layer, if any
    sends : value of one spike
    time_axis : which axis of a call is time; None: a call is one step
    may_count : several spikes in one step are possible, and refused where they happen
    rest : value of the states at rest
    arguments : (args, kwargs) -> (input, states given)
    results : output -> (spikes, states returned)
    reset : module -> None
    """

    model: str
    parameters: Mapping[str, Any]
    attributes: Mapping[str, str] = field(default_factory=dict)
    gain: Any = 1.0
    delay_steps: int = 0
    bias_is_current: bool = False
    recurrent: Recurrent | None = None
    sends: Any = 1.0
    time_axis: int | None = None
    may_count: bool = False
    rest: tuple[float, ...] = (0.0,)
    arguments: Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, list[Any]]] = (
        lambda args, kwargs: ((*args, *kwargs.values())[0], list((*args, *kwargs.values())[1:])))
    results: Callable[[Any], tuple[Any, list[Any]]] = (
        lambda output: (output[0], list(output[1:])) if isinstance(output, tuple) else (output, []))
    reset: Callable[[Any], None] = lambda module: None

    @property
    def is_spiking(self) -> bool:
        """Whether the neurons send spikes, not graded values."""
        return self.model in ("lif", "cuba")

    def is_rest(self, state: Any) -> bool:
        """Return whether a tensor is a state at rest."""
        return any(bool((state == value).all()) for value in self.rest)

    def spikes_of(self, sent: Array) -> Array:
        """Return what was sent, bool[position, neuron] for spikes; refuse several spikes in one step."""
        if not self.is_spiking:
            return sent.astype(np.float64)
        if self.may_count and sent.size and np.abs(sent).max() > 1.5 * np.abs(np.asarray(self.sends)).max():
            raise RefusedError(f"fires up to {int(np.abs(sent).max())} spikes in one time step, and neurons here at "
                                   "most one; choose a spike function that does, such as SingleSpike")
        fired: Array = sent != 0
        return fired


Reader = Callable[[Any], Rule]


def rule_of(module: Any) -> Rule | RefusedError | None:
    """Return the rule of a layer of neurons, why it cannot be simulated, or None of what is no layer of neurons."""
    from importers.live import norse, sinabs, snntorch, spikingjelly

    for framework in (snntorch, spikingjelly, norse, sinabs):
        found = _in_framework(module, framework.PACKAGE, framework.READERS, framework.REFUSED)
        if found is not None:
            return found
    return None


def _in_framework(module: Any, package: str, readers: Mapping[str, Reader], refused: Mapping[str, str]
                  ) -> Rule | RefusedError | None:
    changed: list[str] = []
    for kind in type(module).__mro__:
        if kind.__module__.split(".")[0] == package.split(".")[0] and kind.__module__.startswith(package):
            if kind.__name__ in refused:
                return RefusedError(refused[kind.__name__])
            if kind.__name__ in readers:
                if changed:
                    return RefusedError(f"changes {', '.join(changed)} of {kind.__name__}: what it does is unknown")
                return _read(readers[kind.__name__], module)
        changed += [name for name, value in vars(kind).items() if callable(value) and name != "__init__"]
    return None


def _read(reader: Reader, module: Any) -> Rule | RefusedError:
    try:
        return reader(module)
    except RefusedError as error:
        return error
    except AttributeError as error:
        return RefusedError(f"is of an unknown version: {error}")


def number(value: Any) -> FloatArray:
    """Return a tensor or number as float64."""
    return np.asarray(value.detach().cpu().double().numpy() if hasattr(value, "detach") else value, np.float64)


def comparator_of(fires: Callable[[Any], Any]) -> str:
    """Return `>=` or `>`: when a surrogate function fires, found by trying it; refuse what is no step at 0."""
    import torch

    tried = torch.tensor([-2.0, -1e-3, -1e-6, 0.0, 1e-6, 1e-3, 2.0] * 8, dtype=torch.float64)
    with torch.no_grad():
        fired = fires(tried).reshape(8, 7)
    expected = torch.tensor([0.0, 0.0, 0.0, -1.0, 1.0, 1.0, 1.0], dtype=fired.dtype)
    at_zero = fired[:, 3]
    if not bool(torch.all((fired == expected) | (expected == -1))) or not bool(torch.all(at_zero == at_zero[0])) or (
            at_zero[0].item() not in (0.0, 1.0)):
        raise RefusedError("its spike function is no step at the threshold: it is random, graded or smooth")
    return ">=" if at_zero[0].item() == 1.0 else ">"
