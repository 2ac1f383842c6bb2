"""The diagonal state space of a layer's channels, read from a checkpoint and discretised in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from importers.checkpoint import Checkpoint, FloatArray
from importers.discretise import ComplexArray, discretise
from importers.state_space.names import Layout
from importers.state_space.settings import Settings
from neurosim.errors import DataError


@dataclass(frozen=True)
class Channels:
    """Discrete diagonal state space of every channel: h <- a h + b x; y = 2 Re sum c h + d x.

    a, b, c : complex128[channel, mode];  d : float64[channel]
    c_reversed : of a bidirectional layer, what reads the states of the sequence taken from its end:
        y[t] += 2 Re sum c_reversed g[t + 1] with g[t] = a g[t + 1] + b x[t]
    """

    a: ComplexArray
    b: ComplexArray
    c: ComplexArray
    d: FloatArray
    c_reversed: ComplexArray | None = None


def kernel_width(checkpoint: Checkpoint, layout: Layout) -> int:
    """Return the channels of a network."""
    key = layout.key("kernel", 0, "C")
    shape = checkpoint.shape(key)
    if len(shape) not in (3, 4) or 0 in shape:
        raise DataError(f"{checkpoint.path}: {key} has shape {shape}",
                        allowed="(channels, modes, 2), (1, channels, modes, 2), or (2, channels, modes, 2) in both "
                                "directions")
    return shape[-3]


@np.errstate(all="ignore")  # what overflows is refused as not finite
def read_channels(checkpoint: Checkpoint, layout: Layout, layer: int, width: int, settings: Settings, target: str
                  ) -> Channels:
    """Read the kernel and D of a layer, of any of the published forms.

        trainable B False:  dt = exp(log_dt)         A = -exp(log_A_real) + i A_imag    B = 1
        trainable B True:   dt = dt_transform(inv_dt) A = -real_transform(A_real) - i A_imag

    Source: models.s4.s4d and src.models.sequence.kernels.ssm of state-spaces/s4; SpikingSSM uses both.
    """
    kernel = layout.key("kernel", layer)
    shape = checkpoint.shape(f"{kernel}.C")
    n_modes = shape[-2] if len(shape) >= 2 else 1
    modes = (width, n_modes)
    trained = f"{kernel}.inv_dt" in checkpoint
    read = _read_trained_b if trained else _read_fixed_b
    dt, pole, gain = read(checkpoint, kernel, modes, settings, f"{target} a, b")
    d = _read_d(checkpoint, layout.key("d", layer), width, target)
    n_directions = 2 if len(shape) == 4 and shape[0] == 2 else 1
    c = checkpoint.take(f"{kernel}.C", (n_directions, *modes, 2), (*modes, 2), target=f"{target} c")
    checkpoint.derived(f"{kernel}.{'inv_dt' if trained else 'log_dt'}", "dt", dt)
    a, b = discretise(dt, pole, settings.discretization)
    checkpoint.derived(f"{kernel}.A_imag", "pole and input gain", a + b)
    gains = c[..., 0] + 1j * c[..., 1]
    return Channels(a, b * gain, gains[0], d, gains[1] if n_directions == 2 else None)


def _read_d(checkpoint: Checkpoint, key: str, width: int, target: str) -> FloatArray:
    shape = checkpoint.shape(key)
    if len(shape) == 2 and shape[0] > 1 and shape[1] == width:
        raise DataError(f"{checkpoint.path}: {key} has shape {shape}: {shape[0]} outputs per channel (`channels` above "
                        "1)", allowed=f"({width},) or (1, {width})", mend="train with channels: 1")
    return checkpoint.take(key, (width,), (1, width), target=f"{target} d")


def _read_fixed_b(checkpoint: Checkpoint, kernel: str, modes: tuple[int, int], settings: Settings, target: str
                  ) -> tuple[FloatArray, ComplexArray, ComplexArray]:
    """Return (dt, pole, input gain) of the kernel without B."""
    dt = np.exp(checkpoint.take(f"{kernel}.log_dt", (modes[0], 1), (modes[0],), target=target,
                                reason="dt = exp(log_dt)"))
    pole = -np.exp(_shared(checkpoint, f"{kernel}.log_A_real", modes, target)) \
        + 1j * _shared(checkpoint, f"{kernel}.A_imag", modes, target)
    return dt, pole, np.ones(modes, np.complex128)


def _read_trained_b(checkpoint: Checkpoint, kernel: str, modes: tuple[int, int], settings: Settings, target: str
                    ) -> tuple[FloatArray, ComplexArray, ComplexArray]:
    """Return (dt, pole, input gain) of the kernel with B, whose imaginary part has the other sign."""
    stored = checkpoint.take(f"{kernel}.inv_dt", (modes[0], 1), (modes[0],), target=target,
                             reason=f"dt = {settings.dt_transform}(inv_dt)")
    pole = -transformed(_shared(checkpoint, f"{kernel}.A_real", modes, target), settings.real_transform) \
        - 1j * _shared(checkpoint, f"{kernel}.A_imag", modes, target)
    pairs = _shared(checkpoint, f"{kernel}.B", (*modes, 2), target)
    return transformed(stored, settings.dt_transform), pole, pairs[..., 0] + 1j * pairs[..., 1]


def _shared(checkpoint: Checkpoint, key: str, shape: tuple[int, ...], target: str) -> FloatArray:
    """Return values [channel, …] of which a file may hold fewer sets (n_ssm): channel i has set i modulo n_ssm."""
    found = checkpoint.shape(key)
    given = found[1:] if len(found) == len(shape) + 1 and found[0] == 1 else found
    n_sets = given[0] if len(given) == len(shape) and given[0] and shape[0] % given[0] == 0 else shape[0]
    allowed = (n_sets, *shape[1:])
    reason = f"shared by {shape[0] // n_sets} channels each" if n_sets < shape[0] else ""
    values = checkpoint.take(key, allowed, (1, *allowed), target=target, reason=reason)
    return np.tile(values, (shape[0] // n_sets, *[1] * (len(shape) - 1)))


def transformed(values: FloatArray, name: str) -> FloatArray:
    """Return a stored parameter as it is meant: `exp`, `softplus` or `none`."""
    if name == "exp":
        return np.exp(values)
    return np.logaddexp(values, 0.0) if name == "softplus" else values
