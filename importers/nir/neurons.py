"""NIR's neuron nodes as populations: equations become steps.

With n = tau / dt and x = 1 / n, one step of tau dv/dt = v_leak - v + r i is v <- leak v + gain i + (1 - leak) v_leak

    euler        leak = 1 - x      gain = r / n     exactly 1 where r = n, as exporters of step-wise networks write it
    exact        leak = exp(-x)    gain = r (1 - exp(-x))     the solution for an input constant within the step
    exponential  leak = exp(-x)    gain = r x
    rockpool     leak = exp(-x)    gain = r x exp(x)

and likewise for the synaptic current with tau_syn and w_in; with `synapse = jump` its gain is w_in itself. Gains go
into the weights, so that sums round in another order than in the framework.

Source: nir/ir/neuron.py of nir 1.0.8 (equations); `importers.nir.settings` (conventions).
"""

from __future__ import annotations

from math import prod

import numpy as np

from importers.neurons import FloatArray, Neurons, integrate_and_fire
from importers.nir.flat import FlatGraph, FlatNode
from importers.nir.settings import Settings
from importers.nir.shapes import Shape, values
from neurosim.errors import DataError
from neurosim.graph import Population


def neurons(graph: FlatGraph, node: FlatNode, shape: Shape, name: str, settings: Settings) -> Neurons:
    """Return the population, or two, of a neuron node; `name` is that of the last.

    Raises
    ------
    DataError    a time constant not above 0, or below the time step where the steps would not follow the equation
    """
    return _Maker(graph, node, shape, name, settings).made()


class _Maker:
    def __init__(self, graph: FlatGraph, node: FlatNode, shape: Shape, name: str, settings: Settings) -> None:
        self.graph, self.node, self.shape, self.name, self.settings = graph, node, shape, name, settings
        self.size = prod(shape)

    def made(self) -> Neurons:
        """Return what the node's kind makes."""
        kind = self.node.kind
        if kind in ("CubaLIF", "CubaLI"):
            return self._with_current()
        ones, zeros = np.ones(self.size), np.zeros(self.size)
        if kind == "Threshold":
            return integrate_and_fire(self.name, zeros, self._field("threshold"), gain=ones, bias=zeros, reset="none",
                                      comparator=">")
        if kind in ("I", "IF"):
            leak, gain, bias = ones, self._field("r") / self.settings.integrator_steps, zeros
        else:
            leak, gain = self._step("tau", self._field("r"))
            bias = (1.0 - leak) * self._field("v_leak")
        if kind in ("I", "LI"):
            return Neurons(self._integrator(self.name, leak, bias), gain)
        return self._firing(leak, gain, bias)

    def _firing(self, leak: FloatArray, gain: FloatArray, bias: FloatArray, current_leak: FloatArray | None = None
                ) -> Neurons:
        settings = self.settings
        delay = int(current_leak is not None and settings.current == "previous")
        return integrate_and_fire(self.name, leak, self._field("v_threshold"), gain=gain, bias=bias,
                                  reset=settings.reset, comparator=settings.comparator,
                                  reset_value=self._field("v_reset", 0.0), current_leak=current_leak,
                                  input_delay_steps=delay)

    def _with_current(self) -> Neurons:
        current_leak, current_gain = self._step("tau_syn", self._field("w_in", 1.0))
        if self.settings.synapse == "jump":
            current_gain = self._field("w_in", 1.0)
        leak, gain = self._step("tau_mem", self._field("r"))
        bias = (1.0 - leak) * self._field("v_leak")
        if self.node.kind == "CubaLIF":
            # The membrane's gain acts on the current, so it can act on what comes into the current.
            return self._firing(leak, gain * current_gain, bias, current_leak)
        current = self._integrator(f"{self.name}.current", current_leak, np.zeros(self.size))
        behind = (self._integrator(self.name, leak, bias), gain, int(self.settings.current == "previous"))
        return Neurons(current, current_gain, behind=behind)

    def _integrator(self, name: str, leak: FloatArray, bias: FloatArray) -> Population:
        return Population(name, "integrator", self.size, {"leak": leak, "bias": bias})

    def _step(self, name: str, factor: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return (leak, gain) of one time step with time constant `name`."""
        tau, step = self._field(name), self.settings.step
        if tau.min() <= 0:
            raise self._wrong(f"{name} reaches {tau.min()}", "numbers above 0")
        n_steps = tau / step
        x = 1.0 / n_steps
        if self.settings.integration == "euler":
            # float32 rounds a time constant of one step to a little less.
            if x.max() > 1 + 1e-6:
                raise self._wrong(f"{name} reaches {tau.min():.6g}, below the time step of {step:.6g}",
                                  "time constants of at least one time step with integration = 'euler'",
                                  "check dt and tau_unit, or give the framework that wrote the file")
            return 1.0 - x, factor / n_steps
        with np.errstate(under="ignore"):
            leak = np.exp(-x)
        return leak, factor * {"exact": -np.expm1(-x), "exponential": x, "rockpool": x * np.exp(np.minimum(x, 700.0))
                               }[self.settings.integration]

    def _field(self, name: str, default: float | None = None) -> FloatArray:
        if default is not None and name not in self.node.fields:
            return np.full(self.size, default)
        return values(self.graph, self.node, name, self.shape)

    def _wrong(self, what: str, allowed: str, mend: str | None = None) -> DataError:
        return DataError(f"{self.graph.path}: node {self.node.name!r} ({self.node.kind}): {what}", allowed=allowed,
                         mend=mend)
