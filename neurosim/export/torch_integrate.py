"""Integer integrate-and-fire, as in `models.fixed.integrate_and_fire` and `loihi_lif`. A loop over the tokens.

No gradient flows through a reset: what comes behind it is 0, the potential less the threshold, or the potential, as if
the spike were given.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from neurosim.export.scales import Codings, held
from neurosim.export.torch_arithmetic import fit, product, spikes
from neurosim.export.torch_somata import Integers, Somata, State


class Lif(Somata):
    """A leaky potential, a threshold, a reset, refractory steps."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        self.kept = codings.format("potential")
        self.leaked = codings.factor_step("leak")
        leaked = codings.product("potential", "leak") * self.leaked
        held(leaked + codings.biased("bias", "potential", "input"), f"{codings.where}: potential + input + bias")
        for name in ("threshold", "reset_value"):
            codings.steps_per(name, "potential")
        refractory = codings.population.parameters["refractory_steps"]
        self.rests = bool(refractory.any())
        self.register_buffer("refractory_steps", torch.tensor(refractory).floor(), persistent=False)

    def integers(self) -> Integers:
        """Return also the unit of the surrogate's distances."""
        found = super().integers()
        return {**found, "level": self.firing_level(found["threshold"], "potential")}

    def start(self, n_samples: int) -> State:
        """Return potentials and refractory steps left."""
        return self.zeros(n_samples), self.zeros(n_samples)

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return spikes; potentials and refractory steps left."""
        (potential, refractory), x, fired = state, charges[0] + integers["bias"], []
        for token in range(x.shape[1]):
            kept = product(potential, integers["leak"], self.leaked, self.kept.rounding)
            membrane = fit(kept + x[:, token], self.kept)
            spike, potential, refractory = self.fire(integers, membrane, refractory)
            fired.append(spike)
        return (torch.stack(fired, 1),), (potential, refractory)

    def fire(self, integers: Integers, membrane: Tensor, refractory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return spikes, potentials after them, and refractory steps left."""
        threshold, given = integers["threshold"], membrane.detach()
        reached = given >= threshold if self.attributes["comparator"] == ">=" else given > threshold
        held_back = refractory > 0
        fired = reached & ~held_back if self.rests else reached
        spike = spikes((membrane - threshold) / integers["level"], fired, self.width)
        landing = integers["reset_value"]
        after = {"hard": landing.expand_as(membrane), "soft": membrane - threshold + landing,
                 "none": membrane}[self.attributes["reset"]]
        potential = torch.where(fired, after, membrane)
        if self.rests:
            spike = torch.where(held_back, torch.zeros_like(spike), spike)
            potential = torch.where(held_back, integers["reset_value"], potential)
            refractory = torch.where(fired, self.refractory_steps, (refractory - 1).clamp(min=0))
        return spike, potential, refractory


class ScaledLif(Somata):
    """A leaky potential that a spike takes to 0; in integers its threshold divides nothing."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        self.kept = codings.format("potential")
        self.leaked = codings.factor_step("leak")
        held(codings.product("potential", "leak") * self.leaked + codings.magnitude("input"),
             f"{codings.where}: potential + input")
        codings.steps_per("threshold", "potential")

    def integers(self) -> Integers:
        """Return also the unit of the surrogate's distances."""
        found = super().integers()
        return {**found, "level": self.firing_level(found["threshold"], "potential")}

    def start(self, n_samples: int) -> State:
        """Return potentials."""
        return (self.zeros(n_samples),)

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return spikes; potentials."""
        (potential,), fired, threshold = state, [], integers["threshold"]
        for token in range(charges[0].shape[1]):
            kept = product(potential, integers["leak"], self.leaked, self.kept.rounding)
            membrane = fit(kept + charges[0][:, token], self.kept)
            given = membrane.detach()
            reached = given >= threshold if self.attributes["comparator"] == ">=" else given > threshold
            fired.append(spikes((membrane - threshold) / integers["level"], reached, self.width))
            potential = torch.where(reached, torch.zeros_like(membrane), membrane)
        return (torch.stack(fired, 1),), (potential,)


class Cuba(Lif):
    """With a current, in Loihi's arithmetic: decays toward zero, a potential held within symmetric ends."""

    def __init__(self, codings: Codings, width: float) -> None:
        super().__init__(codings, width)
        current = replace(codings.format("current"), signed=True)
        self.current, self.flowed = current, codings.factor_step("current_leak")
        self.most = 2.0 ** (self.kept.bits - 1) - 1
        flowed = codings.product("current", "current_leak") * self.flowed
        summed = held(flowed + codings.magnitude("input"), f"{codings.where}: current + input")
        beyond = max(codings.magnitude("current"), summed if current.overflow == "lava_wrap" else 0.0)
        held(codings.product("potential", "leak") * self.leaked + beyond + codings.biased("bias", "potential"),
             f"{codings.where}: potential + current + bias")

    def start(self, n_samples: int) -> State:
        """Return potentials, refractory steps left and currents."""
        return self.zeros(n_samples), self.zeros(n_samples), self.zeros(n_samples)

    def advance(self, integers: Integers, charges: tuple[Tensor, ...], state: State) -> tuple[State, State]:
        """Return spikes; potentials, refractory steps left and currents."""
        (potential, refractory, current), fired = state, []
        for token in range(charges[0].shape[1]):
            flowing = product(current, integers["current_leak"], self.flowed, "toward_zero")
            current = fit(flowing + charges[0][:, token], self.current)
            kept = product(potential, integers["leak"], self.leaked, "toward_zero")
            membrane = (kept + current + integers["bias"]).clamp(-self.most, self.most)
            spike, potential, refractory = self.fire(integers, membrane, refractory)
            fired.append(spike)
        return (torch.stack(fired, 1),), (potential, refractory, current)
