"""Modules that pass for those of frameworks: their classes say so, and their forward follows the documented equations.

Written from the documentation of snnTorch, SpikingJelly, Norse and Sinabs, one neuron model each, without any of them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


def step_above(values: Tensor) -> Tensor:
    """Heaviside, 0 at 0."""
    return (values > 0).to(values.dtype)


def step_at(values: Tensor) -> Tensor:
    """Heaviside, 1 at 0."""
    return (values >= 0).to(values.dtype)


class _SnnTorch(nn.Module):
    def __init__(self, threshold: float = 1.0, reset_mechanism: str = "subtract", *, reset_delay: bool = True,
                 init_hidden: bool = False, inhibition: bool = False, graded_spikes_factor: float = 1.0) -> None:
        super().__init__()
        self.threshold = torch.tensor(threshold)
        self.reset_mechanism_val = torch.tensor(("subtract", "zero", "none").index(reset_mechanism))
        self.reset_delay, self.init_hidden, self.inhibition = reset_delay, init_hidden, inhibition
        self.graded_spikes_factor = torch.tensor(graded_spikes_factor)
        self.spike_grad = step_above
        self.state_quant = False
        self.mem, self.syn, self.spk = (torch.zeros(0) for _ in range(3))

    def reset_mem(self) -> Any:
        self.mem, self.syn, self.spk = (torch.zeros_like(state) for state in (self.mem, self.syn, self.spk))
        return self.mem

    def mechanism(self) -> int:
        return int(self.reset_mechanism_val)


class Leaky(_SnnTorch):
    """mem <- beta mem + x - reset threshold, or with mem put to 0 before where it was reset."""

    __module__ = "snntorch._neurons.leaky"

    def __init__(self, beta: Any, **options: Any) -> None:
        super().__init__(**options)
        self.beta = torch.as_tensor(beta)

    def forward(self, x: Tensor, mem: Tensor | None = None) -> Any:
        old = self.mem if mem is None else mem
        old = torch.zeros_like(x) if old.shape != x.shape else old
        reset, beta = step_above(old - self.threshold), self.beta.clamp(0, 1)
        if self.mechanism() == 1:
            old = old * (1 - reset)
        new = beta * old + x - (reset * self.threshold if self.mechanism() == 0 else 0)
        spikes = step_above(new - self.threshold) * self.graded_spikes_factor
        if not self.reset_delay and self.mechanism() == 1:
            new = new * (1 - spikes)
        self.mem = new
        return spikes if self.init_hidden else (spikes, new)


class RLeaky(_SnnTorch):
    """As Leaky, with recurrent(spikes) added; `zero` empties the whole membrane, input included."""

    __module__ = "snntorch._neurons.rleaky"

    def __init__(self, beta: float, linear_features: int, **options: Any) -> None:
        super().__init__(**options)
        self.beta = torch.tensor(beta)
        self.recurrent = nn.Linear(linear_features, linear_features)

    def forward(self, x: Tensor, spk: Tensor | None = None, mem: Tensor | None = None) -> Any:
        spk = torch.zeros_like(x) if spk is None or spk.shape != x.shape else spk
        mem = torch.zeros_like(x) if mem is None or mem.shape != x.shape else mem
        reset = step_above(mem - self.threshold)
        new = self.beta * mem + x + self.recurrent(spk)
        new = (new - reset * self.threshold, new - reset * new, new)[self.mechanism()]
        return step_above(new - self.threshold), new


class Synaptic(_SnnTorch):
    """syn <- alpha syn + x; mem <- beta mem + syn - …"""

    __module__ = "snntorch._neurons.synaptic"

    def __init__(self, alpha: float, beta: float, **options: Any) -> None:
        super().__init__(**options)
        self.alpha, self.beta = torch.tensor(alpha), torch.tensor(beta)

    def forward(self, x: Tensor, syn: Tensor | None = None, mem: Tensor | None = None) -> Any:
        syn = torch.zeros_like(x) if syn is None or syn.shape != x.shape else syn
        mem = torch.zeros_like(x) if mem is None or mem.shape != x.shape else mem
        reset = step_above(mem - self.threshold)
        syn = self.alpha * syn + x
        new = self.beta * mem + syn
        new = (new - reset * self.threshold, new - reset * new, new)[self.mechanism()]
        return step_above(new - self.threshold), syn, new


class Alpha(_SnnTorch):
    """Not supported."""

    __module__ = "snntorch._neurons.alpha"

    def forward(self, x: Tensor) -> Tensor:
        return step_above(x)


class LIFNode(nn.Module):
    """v <- v + (x - (v - v_reset)) / tau, or v - (v - v_reset) / tau + x; spike at >= v_threshold."""

    __module__ = "spikingjelly.activation_based.neuron.lif"

    def __init__(self, tau: float = 2.0, v_threshold: float = 1.0, v_reset: float | None = 0.0, step_mode: str = "s",
                 *, decay_input: bool = True) -> None:
        super().__init__()
        self.tau, self.v_threshold, self.v_reset = tau, v_threshold, v_reset
        self.step_mode, self.decay_input, self.surrogate_function = step_mode, decay_input, step_at
        self.v: Any = 0.0
        self.reset()

    def reset(self) -> None:
        self.v = self.v_reset or 0.0

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.step(each) for each in x]) if self.step_mode == "m" else self.step(x)

    def step(self, x: Tensor) -> Tensor:
        rest = self.v_reset or 0.0
        drawn = (x - (self.v - rest)) / self.tau if self.decay_input else x - (self.v - rest) / self.tau
        v = self.v + drawn
        spikes = step_at(v - self.v_threshold)
        self.v = v - spikes * self.v_threshold if self.v_reset is None else (1 - spikes) * v + spikes * self.v_reset
        return spikes


class IFNode(LIFNode):
    """v <- v + x."""

    __module__ = "spikingjelly.activation_based.neuron.integrate_and_fire"

    def __init__(self, **options: Any) -> None:
        super().__init__(tau=math.inf, decay_input=False, **options)


class ParametricLIFNode(LIFNode):
    """1 / tau = sigmoid(w)."""

    __module__ = "spikingjelly.activation_based.neuron.plif"

    def __init__(self, init_tau: float = 2.0, **options: Any) -> None:
        super().__init__(tau=init_tau, **options)
        self.w = nn.Parameter(torch.tensor(-math.log(init_tau - 1)))
        del self.tau

    def step(self, x: Tensor) -> Tensor:
        self.tau = 1 / self.w.sigmoid()
        spikes = super().step(x)
        del self.tau
        return spikes


class KLIFNode(LIFNode):
    """Not supported."""

    __module__ = "spikingjelly.activation_based.neuron.lif_variants"


class NorseParameters(NamedTuple):
    """Constants of a cell."""

    tau_mem_inv: Tensor
    tau_syn_inv: Tensor
    v_leak: Tensor
    v_th: Tensor
    v_reset: Tensor


class NorseState(NamedTuple):
    """Potential and current."""

    v: Tensor
    i: Tensor


class LIFBoxCell(nn.Module):
    """v <- v + dt tau_mem_inv (v_leak - v + x); spike at > v_th, then v_reset."""

    __module__ = "norse.torch.module.lif_box"

    def __init__(self, v_leak: float = 0.0, v_th: float = 1.0, v_reset: float = 0.0) -> None:
        super().__init__()
        self.dt = 0.001
        self.p = NorseParameters(*map(torch.tensor, (300.0, 200.0, v_leak, v_th, v_reset)))

    def forward(self, x: Tensor, state: NorseState | None = None) -> tuple[Tensor, NorseState]:
        if state is None:
            state = NorseState(torch.full_like(x, float(self.p.v_leak)), torch.zeros_like(x))
        return self.step(x, state)

    def step(self, x: Tensor, state: NorseState) -> tuple[Tensor, NorseState]:
        v = state.v + self.dt * self.p.tau_mem_inv * (self.p.v_leak - state.v + x)
        return self.fire(v, state.i)

    def fire(self, v: Tensor, i: Tensor) -> tuple[Tensor, NorseState]:
        spikes = step_above(v - self.p.v_th)
        return spikes, NorseState((1 - spikes) * v + spikes * self.p.v_reset, i)


class LIFCell(LIFBoxCell):
    """The potential takes the current of the step before; x goes to the current."""

    __module__ = "norse.torch.module.lif"

    def step(self, x: Tensor, state: NorseState) -> tuple[Tensor, NorseState]:
        v = state.v + self.dt * self.p.tau_mem_inv * (self.p.v_leak - state.v + state.i)
        return self.fire(v, state.i - self.dt * self.p.tau_syn_inv * state.i + x)


class LIBoxCell(LIFBoxCell):
    """Without spikes: the potential is the output."""

    __module__ = "norse.torch.module.leaky_integrator_box"

    def fire(self, v: Tensor, i: Tensor) -> tuple[Tensor, NorseState]:
        return v, NorseState(v, i)


class MembraneSubtract:
    """v <- v - n subtract_value."""

    subtract_value: float | None = None


class MembraneReset:
    """v <- 0."""

    reset_value = 0.0


class IAF(nn.Module):
    """[batch, time, …]; v <- v + x; n = floor(v / threshold) spikes."""

    __module__ = "sinabs.layers.iaf"

    def __init__(self, spike_threshold: float = 1.0, reset_fn: Any = None, min_v_mem: float | None = None) -> None:
        super().__init__()
        self.spike_threshold, self.min_v_mem = torch.tensor(spike_threshold), min_v_mem
        self.reset_fn = reset_fn or MembraneSubtract()

    def reset_states(self) -> None:
        """States begin at 0 in every call."""

    def charged(self, v: Tensor, x: Tensor) -> Tensor:
        return v + x

    def forward(self, x: Tensor) -> Tensor:
        v, sent = torch.zeros_like(x[:, 0]), []
        for step in range(x.shape[1]):
            v = self.charged(v, x[:, step])
            spikes = (v / self.spike_threshold).floor().clamp(min=0)
            left = v - spikes * self.spike_threshold
            v = left if isinstance(self.reset_fn, MembraneSubtract) else torch.where(spikes > 0, 0.0, v)
            sent.append(spikes)
        return torch.stack(sent, 1)


class LIF(IAF):
    """v <- a v + (1 - a) x, a = exp(-1 / tau_mem)."""

    __module__ = "sinabs.layers.lif"

    def __init__(self, tau_mem: float = 5.0, norm_input: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.tau_mem, self.norm_input, self.tau_syn = torch.tensor(tau_mem), norm_input, None

    def charged(self, v: Tensor, x: Tensor) -> Tensor:
        a = torch.exp(-1 / self.tau_mem)
        return a * v + ((1 - a) * x if self.norm_input else x)
