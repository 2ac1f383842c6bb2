"""What neurons cost a core: axons, words of synaptic memory, bits of state, per slice and vectorised.

Synapses are counted per *axon*: one output row of the network, seen from one core. The synapses that one projection
gives an axon are packed as one list. Dense rows are stored without index, so their zero weights take memory too, even
where the core skips them; sparse and one-to-one rows carry an index and leave zero weights out where the core skips
them. An axon without any synapse left is not made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.schema import Chip, SynapseMemory
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.machine import Int64Array
from neurosim.mapping.bits import charge_bits, parameter_bits, state_bits, weight_bits
from neurosim.mapping.schedule import Staging, delay_values
from neurosim.scales import integer_weights
from neurosim.units import ns_to_ps


class Axons(NamedTuple):
    """What one projection brings to a slice of its target."""

    rows: Int64Array              # [axon] output rows of the source, ascending
    synapses: Int64Array          # [axon] synaptic operations of one packet
    words: Int64Array             # [axon] words of synaptic memory


@dataclass(frozen=True)
class Incoming:
    """The synapses of one projection, ready to be cut along the target population.

    used : dense projections: bool[pre, post] synapses that are worked on; None: all of them
    sources, pointer : listed projections: source neurons sorted by target, and where each target's begin
    """

    source: int
    first_row: int
    row_stride: int
    n_pre: int
    n_post: int
    dense: bool
    weight_bits: int
    used: NDArray[np.bool_] | None
    sources: Int64Array
    pointer: Int64Array

    def axons(self, start: int, stop: int, chip: Chip) -> Axons:
        """Return the axons into target neurons `start` to `stop` − 1."""
        sources, synapses, stored = self._dense(start, stop) if self.dense else self._listed(start, stop)
        return Axons(self.first_row + self.row_stride * sources, synapses,
                     packed_words(chip.core.synapse_memory, self.weight_bits, stored, self.dense))

    def fan_in(self) -> Int64Array:
        """Return the synapses of each target neuron."""
        if not self.dense:
            return np.asarray(np.diff(self.pointer), np.int64)
        if self.used is None:
            return np.full(self.n_post, self.n_pre, np.int64)
        return np.asarray(np.count_nonzero(self.used, axis=0), np.int64)

    def _dense(self, start: int, stop: int) -> tuple[Int64Array, Int64Array, Int64Array]:
        if self.used is None:
            synapses = np.full(self.n_pre, stop - start, np.int64)
        else:
            synapses = np.count_nonzero(self.used[:, start:stop], axis=1).astype(np.int64)
        sources = np.flatnonzero(synapses)
        return sources, synapses[sources], np.full(len(sources), stop - start, np.int64)

    def _listed(self, start: int, stop: int) -> tuple[Int64Array, Int64Array, Int64Array]:
        cut = self.sources[self.pointer[start]:self.pointer[stop]]
        if len(cut) > self.n_pre // 8:
            counts = np.bincount(cut, minlength=self.n_pre)
            sources = np.flatnonzero(counts)
            return sources, counts[sources], counts[sources]
        sources, counts = np.unique(cut, return_counts=True)
        return sources, counts.astype(np.int64), counts.astype(np.int64)


@dataclass(frozen=True)
class Demand:
    """What a network asks of a chip's cores, before it is cut into slices. Lists are indexed by population.

    first_row : int64[population + 1] output row of each population's neuron 0
    incoming : the projections into each population, in the order of the network
    fan_in : int64[neuron] synapses of each neuron
    state_bits, soma_ps, idle_ps : per neuron of the population (soma_ps: an active update, idle_ps: an inactive one)
    delay_steps : longest machine delay into the population
    profile : int64[neuron] number of the neuron's parameter set, counted over all populations; 0 where unlimited
    """

    network: Network
    chip: Chip
    staging: Staging
    first_row: Int64Array
    incoming: tuple[tuple[Incoming, ...], ...]
    fan_in: tuple[Int64Array, ...]
    state_bits: Int64Array
    soma_ps: Int64Array
    idle_ps: Int64Array
    delay_steps: Int64Array
    profile: tuple[Int64Array, ...]

    @property
    def n_rows(self) -> int:
        """Output rows of the network."""
        return int(self.first_row[-1])

    @property
    def on_cores(self) -> list[int]:
        """Populations that need cores, in stage order."""
        numbers = [number for number, item in enumerate(self.network.populations) if item.model != "input"]
        return sorted(numbers, key=lambda number: (int(self.staging.stage[number]), number))


def packed_words(memory: SynapseMemory, weight_bits: int, n_synapses: Int64Array, dense: bool) -> Int64Array:
    """Return the words that lists of `n_synapses` take; int64 of the same shape. See `SynapseMemory` for the rule."""
    bits = weight_bits + memory.delay_bits + (0 if dense else memory.index_bits)
    if memory.packing == "words":
        return _words(n_synapses * bits, memory.word_bits)
    bits += memory.tag_bits
    blocks, rest = np.divmod(n_synapses, memory.block_synapses)
    full = _words(np.int64(memory.block_synapses * bits + memory.header_bits), memory.word_bits)
    last = _words(rest * bits + memory.header_bits, memory.word_bits)
    return blocks * full + np.where(rest > 0, last, 0)


def measure_demand(network: Network, chip: Chip, staging: Staging) -> Demand:
    """Return what `network` asks of the cores of `chip`."""
    first_row = first_rows(network)
    incoming = _incoming(network, first_row, chip)
    fan_in = tuple(sum((item.fan_in() for item in items), np.zeros(population.size, np.int64))
                   for population, items in zip(network.populations, incoming, strict=True))
    delays = _port_delays(network, staging)
    updates = np.array([_update_ps(population, chip) for population in network.populations], np.int64)
    return Demand(network, chip, staging, first_row, incoming, fan_in,
                  np.array([_state_bits(item, chip, delay)
                            for item, delay in zip(network.populations, delays, strict=True)], np.int64),
                  updates[:, 0], updates[:, 1], np.array([max(delay.values(), default=0) for delay in delays]),
                  _profiles(network, chip.core.capabilities.parameter_profiles is not None))


def first_rows(network: Network) -> Int64Array:
    """Return the output row of each population's neuron 0, and the number of rows; int64[population + 1]."""
    counts = [population.size * len(population.spec.outputs) for population in network.populations]
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _words(bits: Int64Array | np.int64, word_bits: int) -> Int64Array:
    return np.asarray(-(-bits // word_bits), np.int64)


def _incoming(network: Network, first_row: Int64Array, chip: Chip) -> tuple[tuple[Incoming, ...], ...]:
    index = {population.name: number for number, population in enumerate(network.populations)}
    found: list[list[Incoming]] = [[] for _ in network.populations]
    for projection in network.projections:
        source = index[projection.source]
        spec = network.populations[source].spec
        row = int(first_row[source]) + spec.output_index(projection.output)
        found[index[projection.target]].append(_cut_ready(projection, source, row, len(spec.outputs), chip))
    return tuple(tuple(items) for items in found)


def _cut_ready(projection: Projection, source: int, row: int, stride: int, chip: Chip) -> Incoming:
    weights, skip_zero = projection.weights, chip.core.pipeline.skip_zero_weights
    bits = weight_bits(projection, chip)
    values: NDArray[Any] = weights.values
    if projection.coding is not None:       # what rounds to zero is zero
        values = integer_weights(weights, projection.coding, projection.name)
    n_pre, n_post = weights.shape
    none = np.zeros(0, np.int64)
    if isinstance(weights, DenseWeights):
        used = values != 0 if skip_zero and not np.all(values) else None
        return Incoming(source, row, stride, n_pre, n_post, True, bits, used, none, none)
    sources, targets = _listed_synapses(weights, values, skip_zero)
    order = np.argsort(targets, kind="stable")
    pointer = np.concatenate([[0], np.cumsum(np.bincount(targets, minlength=n_post), dtype=np.int64)])
    return Incoming(source, row, stride, n_pre, n_post, False, bits, None, sources[order], pointer)


def _listed_synapses(weights: SparseWeights | OneToOneWeights, values: NDArray[Any],
                     skip_zero: bool) -> tuple[Int64Array, Int64Array]:
    """Return source and target neuron of each synapse, in order of the sources."""
    kept = values != 0 if skip_zero else np.ones(len(values), bool)
    if isinstance(weights, OneToOneWeights):
        neurons = np.flatnonzero(kept)
        return neurons, neurons
    sources = np.repeat(np.arange(weights.shape[0], dtype=np.int64), np.diff(weights.row_pointer))
    return sources[kept], np.asarray(weights.targets, np.int64)[kept]


def _port_delays(network: Network, staging: Staging) -> list[dict[str, int]]:
    """Return, for each population, the longest machine delay of each port that is fed."""
    index = {population.name: number for number, population in enumerate(network.populations)}
    longest: list[dict[str, int]] = [{} for _ in network.populations]
    for projection in network.projections:
        source, target = index[projection.source], index[projection.target]
        steps = [staging.delay_steps(source, target, delay) for delay in delay_values(projection)[-1:]]
        longest[target][projection.port] = max([longest[target].get(projection.port, 0), *steps])
    return longest


def _state_bits(population: Population, chip: Chip, delays: dict[str, int]) -> int:
    """Return the bits of one neuron: state, parameters, and a delay slot per port and step of delay."""
    return (sum(state_bits(population, word.name, chip) * (population.n_modes if word.per_mode else 1)
                for word in population.spec.state)
            + sum(parameter_bits(population, parameter.name, chip) * (population.n_modes if parameter.per_mode else 1)
                  for parameter in population.spec.parameters)
            + sum(charge_bits(population, port, chip) * n_steps for port, n_steps in delays.items()))


def _update_ps(population: Population, chip: Chip) -> tuple[int, int]:
    """Return the time of an active and an inactive update of one soma."""
    costs = chip.core.costs
    if population.spec.cost_class == "none":
        return 0, 0
    simple = population.spec.cost_class == "soma"
    active = costs.soma_active if simple else costs.program_active
    inactive = costs.soma_inactive if simple else costs.program_inactive
    modes = population.n_modes * ns_to_ps(costs.mode_update.latency_ns.value)
    return ns_to_ps(active.latency_ns.value) + modes, ns_to_ps(inactive.latency_ns.value)


def _profiles(network: Network, limited: bool) -> tuple[Int64Array, ...]:
    """Number the distinct parameter sets; populations of one model and the same attributes may share them.

    Where the chip does not limit them nobody asks: all 0.
    """
    if not limited:
        return tuple(np.zeros(population.size, np.int64) for population in network.populations)
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, population in enumerate(network.populations):
        key = (population.model, population.n_modes, *sorted(population.attributes.items()))
        groups.setdefault(key, []).append(number)
    profiles: dict[int, Int64Array] = {}
    n_profiles = 0
    for members in groups.values():
        tables = [parameter_table(network.populations[number]).T for number in members]
        inverse = _row_numbers(np.concatenate(tables))
        for number, part in zip(members, np.split(inverse, np.cumsum([len(table) for table in tables])[:-1]),
                                strict=True):
            profiles[number] = part + n_profiles
        n_profiles += int(inverse.max(initial=0)) + 1
    return tuple(profiles[number] for number in range(len(network.populations)))


def parameter_table(population: Population) -> NDArray[np.float64]:
    """Return the parameters in the row order of the model; float64[row, neuron], a row per mode for per-mode ones."""
    rows = [population.parameters[parameter.name].reshape(population.size, -1).T
            for parameter in population.spec.parameters]
    return np.concatenate(rows) if rows else np.zeros((0, population.size))


def _row_numbers(table: NDArray[np.float64]) -> Int64Array:
    """Return equal numbers for equal rows."""
    if table.shape[1] == 0:
        return np.zeros(len(table), np.int64)
    if np.all(table == table[0]):
        return np.zeros(len(table), np.int64)
    return np.unique(table, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
