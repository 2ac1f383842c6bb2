"""The three spiking state-space networks in PyTorch, in the form used for training.

    x = encoder(pixels)
    for every layer i:   x = x + dropout(block_i(norm_i(x)))
    logits = decoder(mean of x over the tokens)

`norm_i` is a BatchNorm1d over the channels (statistics over batch and time while training). Every block begins with a
diagonal state-space model (S4D, zero-order hold, one input and one output per channel), evaluated here as a causal
convolution by FFT, and goes on, by kind, with

* `lif`     SpikingSSM: leaky integrate-and-fire (leak 0.125, hard reset, spike at >= 1), then 1x1 convolution and GLU;
* `binary`  Binary S4D: Heaviside (y >= 0), then 1x1 convolution and GLU;
* `gsu`     gated spiking unit: GELU((Ter(y) W + b) * (y Ter(W) + c)).

`stepwise.py` evaluates the same networks token by token in float64 without PyTorch; `step_inference` joins the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from scenarios.digits import stepwise

KINDS = ("lif", "binary", "gsu")


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that defines the network apart from its weights."""

    kind: str = "lif"
    n_inputs: int = 1
    n_classes: int = 10
    width: int = 64
    state_size: int = 16  # complex modes and their conjugates; half of them are stored
    n_layers: int = 2
    dropout: float = 0.1
    tau: float = 0.125  # multiplicative leak of `lif`
    delta_factor: float = 0.15  # ternary threshold of `gsu`, as a part of the largest magnitude

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind = {self.kind!r}\n  allowed: {', '.join(KINDS)}")


class Heaviside(torch.autograd.Function):
    """Forward 1 where x >= 0; backward a surrogate derivative, `triangle` or `arctan`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, surrogate: str) -> Tensor:
        """Return the spikes of `x`."""
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient with respect to `x`."""
        (x,) = ctx.saved_tensors
        if ctx.surrogate == "triangle":
            return gradients[0] * (1.0 - x.abs()).clamp_min(0.0), None
        return gradients[0] / (1.0 + (math.pi * x) ** 2), None


@torch.no_grad()
def leaked_membrane(current: Tensor, tau: float) -> Tensor:
    """Return what every neuron remembers before each step: tau times the membrane after reset.

    current, result: [batch, channel, token]. Exact scan. Gradients flow through the current alone, which is what makes
    training fast: the scan is not unrolled in the backward pass.
    """
    steps = current.permute(2, 0, 1).contiguous()
    remembered = torch.empty_like(steps)
    membrane = torch.zeros_like(steps[0])
    for token in range(steps.shape[0]):
        remembered[token] = tau * membrane
        membrane = remembered[token] + steps[token]
        membrane = torch.where(membrane >= 1.0, 0.0, membrane)
    return remembered.permute(1, 2, 0)


@torch.no_grad()
def ternary(values: Tensor, threshold: Tensor) -> Tensor:
    """Return the sign of `values` where the magnitude reaches `threshold`, else 0."""
    return torch.where(values.abs() >= threshold, values.sign(), 0.0)


class Kernel(nn.Module):
    """Convolution kernel of a diagonal state-space model with input gain 1 (B = 1), zero-order hold."""

    def __init__(self, width: int, state_size: int, dt_min: float = 1e-3, dt_max: float = 1e-1) -> None:
        super().__init__()
        n_modes = state_size // 2
        log_dt = torch.rand(width) * math.log(dt_max / dt_min) + math.log(dt_min)
        self.C = nn.Parameter(torch.view_as_real(torch.randn(1, width, n_modes, dtype=torch.cfloat)))
        self.log_dt = nn.Parameter(log_dt)
        self.log_A_real = nn.Parameter(torch.full((width, n_modes), math.log(0.5)))
        self.A_imag = nn.Parameter(math.pi * torch.arange(n_modes).float().repeat(width, 1))

    def forward(self, n_tokens: int) -> Tensor:
        """Return the kernel, [channel, token]."""
        pole = torch.complex(-torch.exp(self.log_A_real), self.A_imag)
        scaled = pole * torch.exp(self.log_dt)[:, None]
        gain = torch.view_as_complex(self.C)[0] * (torch.exp(scaled) - 1.0) / pole
        powers = torch.exp(scaled[..., None] * torch.arange(n_tokens))
        return 2 * torch.einsum("hn,hnl->hl", gain, powers).real


class Block(nn.Module):
    """State-space model, spike rule, mixing of channels. All signals [batch, channel, token]."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.D = nn.Parameter(torch.randn(1, width))
        self.kernel = Kernel(width, config.state_size)
        self.dropout = nn.Dropout1d(config.dropout)
        if config.kind == "lif":
            self.ln_vth = nn.Parameter(torch.zeros(width, 1))
        if config.kind == "gsu":
            bound = 1 / math.sqrt(width)
            self.w = nn.Parameter(torch.empty(width, width).uniform_(-bound, bound))
            self.b = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
            self.c = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        else:
            self.output_linear = nn.Sequential(nn.Conv1d(width, 2 * width, 1), nn.GLU(dim=-2))

    def state_space(self, u: Tensor) -> Tensor:
        """Return y, the causal convolution of `u` with the kernel, plus the direct path D u."""
        n_tokens = u.shape[-1]
        spectrum = torch.fft.rfft(u, n=2 * n_tokens) * torch.fft.rfft(self.kernel(n_tokens), n=2 * n_tokens)
        return torch.fft.irfft(spectrum, n=2 * n_tokens)[..., :n_tokens] + self.D[0, :, None] * u

    def spikes_of(self, y: Tensor) -> Tensor:
        """Return the spikes: 0 and 1, for `gsu` also -1 (those carry no gradient)."""
        if self.config.kind == "lif":
            current = y / torch.exp(self.ln_vth)
            remembered = leaked_membrane(current.detach(), self.config.tau)
            return Heaviside.apply(remembered + current - 1.0, "triangle")
        if self.config.kind == "binary":
            return Heaviside.apply(y, "arctan")
        return ternary(y, self.config.delta_factor * y.abs().amax(1, keepdim=True))

    def gate(self, y: Tensor, spikes: Tensor) -> Tensor:
        """Return the gated spiking unit of `y` and Ter(y)."""
        weight = ternary(self.w, self.config.delta_factor * self.w.abs().max())
        summed = spikes.transpose(1, 2) @ self.w + self.b
        signed = y.transpose(1, 2) @ weight + self.c
        return functional.gelu(summed * signed).transpose(1, 2)

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return (output, spikes)."""
        y = self.state_space(u)
        if self.config.kind == "gsu":
            y = self.dropout(y)
            spikes = self.spikes_of(y)
            return self.gate(y, spikes), spikes
        spikes = self.spikes_of(y)
        return self.output_linear(self.dropout(spikes)), spikes.detach()


class Network(nn.Module):
    """Encoder, blocks with BatchNorm before each and a residual around it, mean over time, decoder."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Linear(config.n_inputs, config.width)
        self.s4_layers = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norms = nn.ModuleList(nn.BatchNorm1d(config.width) for _ in range(config.n_layers))
        self.dropouts = nn.ModuleList(nn.Dropout1d(config.dropout) for _ in range(config.n_layers))
        self.decoder = nn.Linear(config.width, config.n_classes)

    def run(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits [batch, class] and every layer's spikes [batch, channel, token] of x [batch, token, 1]."""
        x = self.encoder(x).transpose(1, 2)
        spikes_by_layer = []
        for norm, block, dropout in zip(self.norms, self.s4_layers, self.dropouts, strict=True):
            z, spikes = block(norm(x))
            x = x + dropout(z)
            spikes_by_layer.append(spikes)
        return self.decoder(x.mean(-1)), spikes_by_layer

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [batch, class] of x [batch, token, 1]."""
        return self.run(x)[0]


def load_network(path: Path) -> Network:
    """Return the network of a weights file, in evaluation mode."""
    from safetensors.torch import load_file

    settings = stepwise.read_settings(path)
    tensors = load_file(path)
    n_inputs, n_classes = tensors["encoder.weight"].shape[1], tensors["decoder.weight"].shape[0]
    network = Network(NetworkConfig(settings.kind, n_inputs, n_classes, tau=settings.tau,
                                    delta_factor=settings.delta_factor))
    network.load_state_dict(tensors)
    return network.eval()


def step_inference(
    network: Network, pixels: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float64], list[npt.NDArray[np.int8]]]:
    """Evaluate token by token in float64; return logits [item, class] and spikes [item, token, channel] per layer.

    pixels : uint8[item, token]    0 to 16
    """
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    config = network.config
    result = stepwise.evaluate(tensors, stepwise.Settings(config.kind, config.tau, config.delta_factor), pixels)
    return result.logits, result.spikes
