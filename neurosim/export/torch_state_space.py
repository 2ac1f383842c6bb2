"""Integer state-space somata, as in `models.fixed.state_space`: `ssm`, `ssm_heaviside`, `ssm_lif`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurosim.errors import NetworkError
from neurosim.export.scales import Codings, held
from neurosim.export.torch_arithmetic import fit, product, spikes
from neurosim.export.torch_modes import Modes, ModeSpec
from neurosim.export.torch_somata import TABLE_MAGNITUDE, Integers, Somata, State
from neurosim.export.torch_sums import normal_table
from neurosim.models.fixed.lookup import X_FRACTION

_MODE_TABLES = ("a_real", "a_imag", "b_real", "b_imag", "c_real", "c_imag")


class StateSpace(Somata):
    """The modes and y = fit(rnd(2 total + rnd(d x))). States: h_real, h_imag [sample, mode, neuron]."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        h, x, total = codings.scale("h"), codings.scale("input"), codings.scale("c") * codings.scale("h")
        gain = codings.power_of_two(codings.scale("b") * x / h, "scale of b times input over h")
        skip = codings.power_of_two(codings.scale("d") * x / total, "scale of d times input over c times h")
        self.decay = codings.factor_step("a")
        self.register_buffer("gain", torch.tensor(gain), persistent=False)
        self.register_buffer("skip_gain", torch.tensor(skip), persistent=False)
        given, where = codings.biased("bias", "input"), codings.where
        into = held(codings.magnitude("b") * given * max(1.0, gain.max()), f"{where}: b x (input + bias)")
        held(2 * codings.product("a", "h") * self.decay + into * min(1.0, gain.max()), f"{where}: a h + b x")
        past = held(codings.magnitude("d") * given * max(1.0, skip.max()), f"{where}: d x (input + bias)")
        modes = 4.0 * self.n_modes * codings.product("c", "h")
        bound = held(modes + past * min(1.0, skip.max()) + 1,
                     f"{where}: 4 x {self.n_modes} modes x c ({codings.format('c')}) x h ({codings.format('h')}) + d x")
        self.y = self.convert(total / codings.scale("y"), bound, "y", "y")
        # How far a pole may move: one step inside the unit circle, or where it was.
        modulus = torch.hypot(self.a_real, self.a_imag).detach()
        self.register_buffer("reach", modulus.clamp(min=1.0 - self.decay), persistent=False)

    def start(self, n_samples: int) -> State:
        """Return the states."""
        shape = (self.n_modes, self.size)
        return self.zeros(n_samples, *shape), self.zeros(n_samples, *shape)

    def values(self, integers: Integers, charge: Tensor, state: State) -> tuple[Tensor, State]:
        """Return y [sample, token, neuron], and the states."""
        x, format_ = charge + integers["bias"], self.codings.format("y")
        tables = [integers[name].T.contiguous() for name in _MODE_TABLES]
        spec = ModeSpec(self.decay, self.gain, self.codings.format("h"))
        total, real, imag = Modes.apply(x.transpose(0, 1).contiguous(), *tables, *state[:2], spec)
        skipped = product(integers["d"], x, self.skip_gain, format_.rounding)
        return fit(self.y(2 * total.transpose(0, 1) + skipped), format_), (real, imag)

    def clamp_(self) -> None:
        """Hold the poles within the unit circle, too."""
        with torch.no_grad():
            part = (self.reach / torch.hypot(self.a_real, self.a_imag).clamp(min=1e-300)).clamp(max=1.0)
            self.a_real.mul_(part)
            self.a_imag.mul_(part)
        super().clamp_()


class Ssm(StateSpace):
    """Y, perhaps its gelu or rectified, as a payload."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        self.activation, bound = self.attributes["activation"], codings.magnitude("y")
        curved = self.activation == "gelu"
        table = TABLE_MAGNITUDE if curved else 1
        self.table = normal_table() if curved else None
        self.x = self.convert(codings.scale("y") * 2.0**X_FRACTION, bound, "y", "table") if curved else None
        largest = held(bound * table, f"{codings.where}: y ({codings.format('y')}) x {table}")
        self.out = self.convert(codings.scale("y") / codings.payload_scale("graded") / table, largest, "graded",
                                "output")

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the payloads and the states."""
        y, state = self.values(integers, charges[0], state)
        if self.activation == "relu":
            y = y.clamp(min=0)
        if self.table is not None and self.x is not None:
            y = y * self.table(self.x(y))
        return (fit(self.out(y), self.codings.format("graded")),), state


class SsmHeaviside(StateSpace):
    """A spike where y reaches the threshold."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        codings.steps_per("threshold", "y")

    def integers(self) -> Integers:
        """Return also the unit of the surrogate's distances."""
        found = super().integers()
        return {**found, "level": self.firing_level(found["threshold"], "y")}

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the spikes and the states."""
        y, state = self.values(integers, charges[0], state)
        threshold, given = integers["threshold"], y.detach()
        fired = given >= threshold if self.attributes["comparator"] == ">=" else given > threshold
        return (spikes((y - threshold) / integers["level"], fired, self.width),), state


class SsmLif(StateSpace):
    """Leaky integrate-and-fire on y over the threshold, by which c and d are divided. States: also the potential."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        self.kept, self.leaked = codings.format("potential"), codings.factor_step("leak")
        one = np.rint(1.0 / codings.scale("potential"))
        if np.any(one < 1) or np.any(one > self.kept.high):
            raise NetworkError(
                f"{codings.where}: the firing level 1 is {one.min():.0f} to {one.max():.0f} steps of potential",
                allowed=f"1 to {self.kept.high}", mend="give the potential more bits, or a fraction that holds 1")
        self.register_buffer("one", torch.tensor(one), persistent=False)
        held(codings.product("potential", "leak") * self.leaked + codings.magnitude("y"),
             f"{codings.where}: potential + y")

    def quantity(self, name: str) -> str:
        """Return the quantity; the threshold is in c and d."""
        return "" if name == "threshold" else super().quantity(name)

    def unit(self, name: str) -> Any:
        """Return the threshold for c and d."""
        if name not in ("c_real", "c_imag", "d"):
            return 1.0
        return self.threshold if name == "d" else self.threshold[:, None]

    def integers(self) -> Integers:
        """Return the integers; those of c and d in units of the threshold."""
        return {name: quantiser(getattr(self, name) / self.unit(name) if name[0] in "cd" else getattr(self, name))
                for name, quantiser in self.quantisers.items()}

    def start(self, n_samples: int) -> State:
        """Return the states and the potentials."""
        return *super().start(n_samples), self.zeros(n_samples)

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return the spikes; the states and the potentials."""
        y, modes = self.values(integers, charges[0], state)
        potential, fired = state[2], []
        for token in range(y.shape[1]):
            kept = product(potential, integers["leak"], self.leaked, self.kept.rounding)
            membrane = fit(kept + y[:, token], self.kept)
            given = membrane.detach()
            reached = given >= self.one if self.attributes["comparator"] == ">=" else given > self.one
            fired.append(spikes((membrane - self.one) / self.one, reached, self.width))
            potential = torch.where(reached, torch.zeros_like(membrane), membrane)
        return (torch.stack(fired, 1),), (*modes, potential)
