"""One forward pass of a network in integers: populations in order, loops token by token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neurosim.export.torch_arithmetic import fit
from neurosim.export.torch_somata import Integers, State

if TYPE_CHECKING:
    from neurosim.export.torch_module import FixedPointNetwork


class Pass:
    """The integers of all outputs, [population][output] -> [sample, token, neuron]."""

    def __init__(self, module: FixedPointNetwork, inputs: Tensor) -> None:
        self.module, self.inputs = module, inputs
        self.n_samples, self.n_tokens = inputs.shape[:2]
        self.weights = [synapses.integers() for synapses in module.synapses]
        self.outputs: dict[int, list[Tensor]] = {}
        # Outputs of populations in the loop that is being computed, token by token.
        self.growing: dict[int, list[State]] = {}

    def run(self) -> dict[int, list[Tensor]]:
        """Return all outputs."""
        column = 0
        for number, population in enumerate(self.module.network.populations):
            if population.model == "input":
                columns = self.inputs[:, :, column:column + population.size]
                self.outputs[number] = [self.module.somata[number](columns)]
                column += population.size
        for group, loops in self.module.order:
            if group[0] not in self.outputs:
                self._run_loop(group) if loops else self._run_at_once(group[0])
        return self.outputs

    def _run_at_once(self, number: int) -> None:
        somata = self.module.somata[number]
        charges = self._charges(number, range(self.n_tokens))
        if not self._is_reversed(number):
            self.outputs[number] = list(somata.advance(somata.integers(), charges, somata.start(self.n_samples))[0])
            return
        backward = tuple(charge.flip(1) for charge in charges)
        found = somata.advance(somata.integers(), backward, somata.start(self.n_samples))[0]
        self.outputs[number] = [values.flip(1) for values in found]

    def _is_reversed(self, number: int) -> bool:
        return self.module.network.populations[number].direction == "reversed"

    def _run_loop(self, group: tuple[int, ...]) -> None:
        somata = {number: self.module.somata[number] for number in group}
        integers: dict[int, Integers] = {number: item.integers() for number, item in somata.items()}
        states: dict[int, State] = {number: item.start(self.n_samples) for number, item in somata.items()}
        self.growing = {number: [] for number in group}
        for token in range(self.n_tokens):
            for number, item in somata.items():
                charges = self._charges(number, range(token, token + 1))
                outputs, states[number] = item.advance(integers[number], charges, states[number])
                self.growing[number].append(outputs)
        for number in group:
            self.outputs[number] = [torch.cat(parts, 1) for parts in zip(*self.growing[number], strict=True)]
        self.growing = {}

    def _charges(self, number: int, tokens: range) -> State:
        """Return what each port of a population gathers at some tokens, made to fit."""
        module, population = self.module, self.module.network.populations[number]
        charges: dict[str, Tensor] = {}
        for index, item in enumerate(module.network.projections):
            if item.target != population.name:
                continue
            for given in self._given(index, tokens):
                before = charges.get(item.port)
                is_sum = module.synapses[index].operator == "sum"
                charges[item.port] = given if before is None else before + given if is_sum \
                    else torch.maximum(before, given)
        nothing = self.inputs.new_zeros(self.n_samples, len(tokens), population.size)
        return tuple(self._fitted(number, port.name, charges.get(port.name, nothing)) for port in population.spec.ports)

    def _given(self, index: int, tokens: range) -> Iterable[Tensor]:
        """Yield the charges of each delay of a projection."""
        item, synapses = self.module.network.projections[index], self.module.synapses[index]
        source = self.module.index[item.source]
        place = self.module.network.populations[source].spec.output_index(item.output)
        for part in synapses.parts:
            shift = part.delay if self._is_reversed(source) else -part.delay
            payloads = self._sent(source, place, range(tokens.start + shift, tokens.stop + shift))
            yield synapses.gather(self.weights[index], part, payloads)

    def _sent(self, source: int, place: int, tokens: range) -> Tensor:
        """Return an output at some tokens; zeros before the first, and after the last."""
        if source in self.growing:
            found = self.growing[source]
            known = [found[token][place] for token in tokens if token >= 0]
        else:
            known = [self.outputs[source][place][:, max(tokens.start, 0):max(tokens.stop, 0)]]
        n_missing = len(tokens) - sum(values.shape[1] for values in known)
        size = self.module.network.populations[source].size
        missing = [self.inputs.new_zeros(self.n_samples, n_missing, size)] if n_missing else []
        parts = [*known, *missing] if tokens.stop > self.n_tokens else [*missing, *known]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    def _fitted(self, number: int, port: str, charge: Tensor) -> Tensor:
        return fit(charge, self.module.codings[number].format(port))
