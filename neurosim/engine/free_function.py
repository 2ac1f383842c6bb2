"""The neurons of a free-running chip in the reference engine: NumPy around the model kernels, packet by packet."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import RunOptions
from neurosim.engine.reference_function import FunctionPass, add_products
from neurosim.machine import (
    MAX_ABS,
    PORT_SLOT,
    SLOT_BITS,
    SLOT_OVERFLOW,
    SLOT_ROUNDING,
    SLOT_SIGNED,
    TICKED,
    FreeRunning,
    Int64Array,
    Machine,
)
from neurosim.models.elapse import elapse
from neurosim.models.event_mode import INTERVAL
from neurosim.models.fixed.registry import update_fixed
from neurosim.models.registry import update
from neurosim.numbers import fit_rows, multiply_shift_rows


class Updated(NamedTuple):
    """What an update of some neurons of one slice left.

    neurons : within the population, ascending
    output : [output, neuron]
    active : bool[neuron]
    advanced : bool[neuron] time had gone by since the last update, and was caught up with
    """

    neurons: Int64Array
    output: NDArray[Any]
    active: NDArray[np.bool_]
    advanced: NDArray[np.bool_]


class FreeFunction(FunctionPass):
    """The neurons of one sample. `advanced_ps[population]` is the time of each neuron's last update by a packet.

    Where populations take whole tokens, `take` does it for all of them, and `taken` says what came of it.
    """

    def __init__(self, machine: Machine, free: FreeRunning, inputs: NDArray[Any], options: RunOptions,
                 sample: int, times_ps: Int64Array) -> None:
        super().__init__(machine, inputs, options, sample)
        self.free, self.times_ps = free, times_ps
        self._was_active: list[dict[int, NDArray[np.bool_]]] = [{} for _ in range(machine.n_populations)]
        sizes, n_ports = machine.populations.size.tolist(), machine.populations.n_ports.tolist()
        self.charge = [np.zeros((ports, size), self.dtype) for ports, size in zip(n_ports, sizes, strict=True)]
        self.advanced_ps = [np.zeros(size, np.int64) for size in sizes]

    def slices(self, core: int) -> list[int]:
        """Return the slices of a core, by population, then start."""
        return [int(index) for index in self.free.core_slice[self.free.core_start[core]:self.free.core_start[core + 1]]]

    def is_ticked(self, index: int) -> bool:
        """Return whether a slice is updated by the leak clock."""
        return bool(self.free.advance[self.machine.slices.population[index]] == TICKED)

    def deliver(self, output: int, neuron: int, value: Any, index: int) -> Int64Array:
        """Add what a packet brings to the neurons of a slice; return those that it touches, ascending."""
        slices, projections = self.machine.slices, self.machine.projections
        population, size = int(slices.population[index]), len(self.advanced_ps[int(slices.population[index])])
        touched = np.zeros(size, bool)
        for number in self.free.outgoing[self.free.outgoing_start[output]:self.free.outgoing_start[output + 1]]:
            if projections.target[number] != population:
                continue
            posts, weights = self._row(int(number), neuron, size)
            posts = np.arange(size) if isinstance(posts, slice) else np.asarray(posts, np.int64)
            kept = (posts >= slices.start[index]) & (posts < slices.stop[index])
            if self.free.skips_zero:
                kept &= weights != 0
            self._add(int(number), population, posts[kept], weights[kept] * value)
            touched[posts[kept]] = True
        return np.flatnonzero(touched)

    def _add(self, projection: int, population: int, posts: Int64Array, products: NDArray[Any]) -> None:
        """Add products to a port one by one; in fixed point each is converted to the port's scale by itself."""
        populations, port = self.machine.populations, int(self.machine.projections.port[projection])
        operator = int(populations.port_operator[populations.port_start[population] + port])
        if self.fixed is not None:
            at = int(self.fixed.conversion_start[projection]) + posts
            given = np.empty_like(products)
            multiply_shift_rows(np.abs(products) if operator == MAX_ABS else products, self.fixed.mantissa[at],
                                self.fixed.shift[at], self.fixed.constants[population, PORT_SLOT + 4 * port
                                                                           + SLOT_ROUNDING],
                                self.fixed.stream_key[projection], 0, given)
            products = given
        add_products(self.charge[population][port], operator, posts, products)

    def update_slice(self, index: int, neurons: Int64Array, now_ps: int | None) -> Updated:
        """Update neurons of a slice with the charges they have; `now_ps`: advance them to it; None: by one step."""
        populations, population = self.machine.populations, int(self.machine.slices.population[index])
        model, options = populations.model[population], populations.options[population]
        n_modes = int(populations.n_modes[population])
        parameters, state, charge = (np.ascontiguousarray(table[population][:, neurons])
                                     for table in (self.parameters, self.state, self.charge))
        self.charge[population][:, neurons] = 0
        output = np.zeros((int(populations.n_outputs[population]), len(neurons)), self.dtype)
        active, advanced = np.zeros(len(neurons), np.uint8), np.zeros(len(neurons), bool)
        if now_ps is not None:
            gone_ps = now_ps - self.advanced_ps[population][neurons]
            self.advanced_ps[population][neurons] = now_ps
            advanced = gone_ps > 0
            if self.fixed is None:
                elapse(model, n_modes, gone_ps / self.free.step_ps, parameters, state, charge)
        if self.fixed is None:
            update(model, options, n_modes, parameters, state, charge, output, active)
        else:
            for port in range(len(charge)):
                slot = self.fixed.constants[population, PORT_SLOT + 4 * port:]
                self.overflow[population] += fit_rows(charge[port], slot[SLOT_BITS], slot[SLOT_SIGNED] != 0,
                                                      slot[SLOT_OVERFLOW])
            self.overflow[population] += update_fixed(
                model, self.fixed.constants[population], self.fixed.table, options, n_modes, parameters, state, charge,
                output, active, 0)
        self.state[population][:, neurons] = state
        return Updated(neurons, output, active != 0, advanced)

    # -- whole tokens

    def take(self, token: int) -> None:
        """Have all populations that do not rest take a token, sources first."""
        assert self.free.tokens is not None, "only where markers tell that a token is done"
        for population in self.free.tokens.order.tolist():
            if (token + 1) % self.machine.populations.period[population] == 0:
                self.update(population, token)
                self._was_active[population][token] = self.active[population] != 0

    def taken(self, index: int, token: int) -> Updated:
        """Return what the neurons of a slice made of a token."""
        slices, population = self.machine.slices, int(self.machine.slices.population[index])
        neurons = np.arange(slices.start[index], slices.stop[index])
        advanced = self._is_clocked(population) and self._gone_ps(population, token) > 0
        return Updated(neurons, self.output[population][token][:, neurons],
                       self._was_active[population][token][neurons], np.full(len(neurons), advanced))

    def _charges(self, population: int, token: int) -> NDArray[Any]:
        charge = super()._charges(population, token)
        if self._is_clocked(population):
            charge[INTERVAL] = self._gone_ps(population, token) / self.free.step_ps
        return charge

    def _is_clocked(self, population: int) -> bool:
        return self.free.tokens is not None and bool(self.free.tokens.clocked[population])

    def _gone_ps(self, population: int, token: int) -> int:
        """Return the time since the token that the population took before, or since the start."""
        before = token - int(self.machine.populations.period[population])
        return int(self.times_ps[token]) - (int(self.times_ps[before]) if before >= 0 else 0)
