"""Somata of one population as a PyTorch module: what all models share, and look-up tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurosim.errors import DataError, NetworkError
from neurosim.export.scales import Codings
from neurosim.export.torch_arithmetic import Conversion, Quantiser, straight_through
from neurosim.models.fixed.lookup import N_UNITS, STEP_SHIFT, X_FRACTION, Y_FRACTION, table_of
from neurosim.quantity_specs import MODEL_QUANTITIES

State = tuple[Tensor, ...]
Integers = dict[str, Tensor]

TABLE_MAGNITUDE = 1 << Y_FRACTION
# Parameters that must stay above 0 may fall to this part of what they were.
LEAST_PART = 2.0**-10
_BETWEEN_0_AND_1 = ("leak", "current_leak")


class Somata(nn.Module):  # type: ignore[misc]
    """One population. Parameters bear the names they have in the network.

    `integers` quantises all parameters; `advance` takes them, and a tensor [sample, token, neuron] for every port, from
    an earlier state to a later one, and returns a tensor [sample, token, neuron] for every output.
    """

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__()
        self.codings, self.width, self.size = codings, width, codings.size
        population = codings.population
        self.attributes, self.n_modes = population.attributes, population.n_modes
        self.quantisers = nn.ModuleDict()
        self.trained = [item.name for item in population.spec.parameters if item.name != "refractory_steps"]
        for name in self.trained:
            values = torch.tensor(population.parameters[name])
            self.register_parameter(name, nn.Parameter(values))
            if self.quantity(name):
                self.quantisers[name] = self._quantiser(self.quantity(name), values.ndim)
            for end, limit in zip(("low", "high"), self._ends(name, values), strict=True):
                self.register_buffer(f"{end}_{name}", limit, persistent=False)

    def quantity(self, name: str) -> str:
        """Return the quantity that parameter `name` is stored as; "" where it is stored in others."""
        return name[0] if self.n_modes and name.endswith(("_real", "_imag")) else name

    def _quantiser(self, quantity: str, n_axes: int) -> Quantiser:
        """Return the quantiser of parameters [neuron] or [neuron, mode]."""
        population = self.codings.population
        coding = population.codings[quantity]
        of = next(item.step_of for item in MODEL_QUANTITIES[population.model].quantities if item.name == quantity)
        gain = coding.gain[:, None] if coding.gain.ndim and n_axes == 2 else coding.gain
        return Quantiser(coding.format, gain, self.codings.steps_per(quantity, of) if of else 1.0)

    def _ends(self, name: str, initial: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far `clamp_` lets a parameter go: to where the model allows it, or where it was."""
        spec = next(item for item in self.codings.population.spec.parameters if item.name == name)
        low, high = (0.0, 1.0) if name in _BETWEEN_0_AND_1 else (spec.low, spec.high)
        least, most = torch.full_like(initial, low), torch.full_like(initial, high)
        if name == "threshold" and self.codings.population.model != "ssm_heaviside":
            least = torch.maximum(least, initial * LEAST_PART)
        return torch.minimum(least, initial), torch.maximum(most, initial)

    def integers(self) -> Integers:
        """Return the integers of all parameters; [neuron] or [neuron, mode]."""
        return {name: quantiser(getattr(self, name)) for name, quantiser in self.quantisers.items()}

    def start(self, n_samples: int) -> State:
        """Return the state before the first token."""
        return ()

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return (outputs, state)."""
        raise NotImplementedError

    def clamp_(self) -> None:
        """Bring parameters back to where the model is defined and the formats hold them."""
        with torch.no_grad():
            # What others are divided by comes first.
            for name in sorted(self.trained, key=lambda name: name in self.quantisers):
                values = getattr(self, name)
                if name in self.quantisers:
                    (lowest, highest), unit = self.quantisers[name].limits(), self.unit(name)
                    values.copy_(torch.minimum(torch.maximum(values, lowest * unit), highest * unit))
                low, high = getattr(self, f"low_{name}"), getattr(self, f"high_{name}")
                values.copy_(torch.minimum(torch.maximum(values, low), high))

    def unit(self, name: str) -> Tensor | float:
        """Return by what a parameter is divided before it is quantised."""
        return 1.0

    def convert(self, factor: Any, bound: float, rounding_of: str, what: str) -> Conversion:
        """Return a conversion rounded as quantity `rounding_of` is."""
        factor = np.broadcast_to(np.asarray(factor, np.float64), (self.size,))
        return Conversion(factor, bound, self.codings.format(rounding_of).rounding, f"{self.codings.where}: {what}")

    def firing_level(self, threshold: Tensor, of: str) -> Tensor:
        """Return the unit of a surrogate's distances: the threshold, or where it is 0 the value 1."""
        one = torch.tensor(1.0 / self.codings.scale(of), dtype=threshold.dtype, device=threshold.device)
        return torch.where(threshold != 0, threshold.abs(), one).detach()

    def zeros(self, n_samples: int, *shape: int) -> Tensor:
        """Return float64[sample, …] zeros on the device of the parameters."""
        device = next((item.device for item in self.buffers()), None)
        return torch.zeros((n_samples, *(shape or (self.size,))), dtype=torch.float64, device=device)


class Input(nn.Module):  # type: ignore[misc]
    """Values from outside, as payloads."""

    def __init__(self, codings: Codings) -> None:
        super().__init__()
        self.where, self.quantiser = codings.where, None
        if not codings.is_spike_input:
            scale = np.asarray(codings.payload_scale("graded"))
            self.quantiser = Quantiser(replace(codings.format("graded"), fraction=0), scale)

    def forward(self, values: Tensor) -> Tensor:
        """Return integers of [sample, token, neuron]."""
        if self.quantiser is not None:
            return self.quantiser(values)
        if ((values != 0) & (values != 1)).any():
            raise DataError(f"inputs of {self.where} are not all 0 or 1", allowed="0 and 1: it sends spikes",
                            mend="encode the values as spikes, or give the population the attribute payload: graded")
        return values


class Table(nn.Module):  # type: ignore[misc]
    """A function that is odd about one half, as `models.fixed.lookup` has it: integers in and out.

    exact : the function of one number, from which the table is made;  smooth : the same of tensors, for the gradient
    """

    def __init__(self, exact: Any, smooth: Any) -> None:
        super().__init__()
        self.smooth = smooth
        self.register_buffer("entries", torch.tensor(table_of(exact)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return F(x) in Y_FRACTION bits, x having X_FRACTION bits behind the point."""
        with torch.no_grad():
            unit, last = X_FRACTION - STEP_SHIFT, (N_UNITS << STEP_SHIFT) - 1
            magnitude = x.abs().clamp(max=N_UNITS << X_FRACTION).long()
            entry = (magnitude >> unit).clamp(max=last)
            low = self.entries[entry]
            rise = low + (((self.entries[entry + 1] - low) * (magnitude - (entry << unit))) >> unit)
            exact = (TABLE_MAGNITUDE >> 1) + torch.where(x >= 0, rise, -rise)
        return straight_through(self.smooth(x * 2.0**-X_FRACTION) * TABLE_MAGNITUDE, exact.to(x.dtype))


def unsupported(codings: Codings) -> NetworkError:
    """Return the error of a model that has no module."""
    reasons = {
        "resonator": "it fires where its phase passes through 0, for which there is no surrogate gradient here",
        "sigma_delta": "what it sends depends on what it sent before, and so would every gradient",
        "brf": "its damping and its threshold move with its own spikes, for which there is no module here",
        "alif": "its threshold moves with its own spikes, for which there is no module here",
        "delta": "what it sends depends on what it sent before, and so would every gradient",
        "mode": "modes as neurons of their own have no module here; `ssm` has",
        "bit_shift_lif": "its decays are shifts of whole numbers, for which there is no gradient here",
        "event_mode": "its decay is a table of powers of the interval, for which there is no gradient here",
    }
    model = codings.population.model
    return NetworkError(f"{codings.where}: model {model} cannot be trained: {reasons[model]}",
                        mend="train the network without it, or keep its weights")
