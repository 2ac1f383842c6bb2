"""What neurons cost a core: synapses (`mapping.incoming`), bits of state, time, per slice and vectorised."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hw_models.schema import Chip
from neurosim.graph import Network, Population
from neurosim.machine import Int64Array
from neurosim.mapping.bits import charge_bits, parameter_bits, state_bits
from neurosim.mapping.incoming import Incoming, cut_ready
from neurosim.mapping.integers import IntegerWeights
from neurosim.mapping.profiles import number_profiles
from neurosim.mapping.schedule import Staging, delay_values
from neurosim.units import ns_to_ps


@dataclass(frozen=True)
class Demand:
    """What a network asks of a chip's cores, before it is cut into slices. Lists are indexed by population.

    first_row : int64[population + 1] output row of each population's neuron 0
    incoming : the projections into each population, in the order of the network
    fan_in : int64[neuron] synapses of each neuron
    state_bits, soma_ps, idle_ps : per neuron of the population (soma_ps: an active update, idle_ps: an inactive one)
    delay_steps : longest machine delay into the population
    profile : int64[neuron] number of the neuron's parameter set, counted over all populations; 0 where unlimited
    threshold : int64[neuron] number of the neuron's threshold likewise; 0 where it is part of the parameter set
    fan_out : int64[neuron] synapses that each neuron feeds; 0 where unlimited, and of inputs
    integers : weights as integers, for the machine to take
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
    threshold: tuple[Int64Array, ...]
    fan_out: tuple[Int64Array, ...]
    integers: IntegerWeights = field(default_factory=IntegerWeights)

    @property
    def n_rows(self) -> int:
        """Output rows of the network."""
        return int(self.first_row[-1])

    @property
    def on_cores(self) -> list[int]:
        """Populations that need cores, in stage order."""
        numbers = [number for number, item in enumerate(self.network.populations) if item.model != "input"]
        return sorted(numbers, key=lambda number: (int(self.staging.stage[number]), number))


def measure_demand(network: Network, chip: Chip, staging: Staging) -> Demand:
    """Return what `network` asks of the cores of `chip`."""
    first_row = first_rows(network)
    integers = IntegerWeights()
    incoming = _incoming(network, first_row, chip, integers)
    fan_in = tuple(sum((item.fan_in() for item in items), np.zeros(population.size, np.int64))
                   for population, items in zip(network.populations, incoming, strict=True))
    delays, buffers = _port_delays(network, staging), _buffered_ports(network, staging)
    updates = np.array([_update_ps(population, chip) for population in network.populations], np.int64)
    return Demand(network, chip, staging, first_row, incoming, fan_in,
                  np.array([_state_bits(item, chip, delay) + _time_bits(item, chip, staging)
                            + _buffer_bits(item, chip, ports, staging) + _change_bits(network, item, chip)
                            for item, delay, ports in
                            zip(network.populations, delays, buffers, strict=True)], np.int64),
                  updates[:, 0], updates[:, 1], np.array([max(delay.values(), default=0) for delay in delays]),
                  *number_profiles(network, chip.core.capabilities), _fan_out(network, first_row, incoming, chip),
                  integers)


def first_rows(network: Network) -> Int64Array:
    """Return the output row of each population's neuron 0, and the number of rows; int64[population + 1]."""
    counts = [population.size * len(population.spec.outputs) for population in network.populations]
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _incoming(network: Network, first_row: Int64Array, chip: Chip,
              integers: IntegerWeights) -> tuple[tuple[Incoming, ...], ...]:
    index = {population.name: number for number, population in enumerate(network.populations)}
    found: list[list[Incoming]] = [[] for _ in network.populations]
    for projection in network.projections:
        source = index[projection.source]
        spec = network.populations[source].spec
        row = int(first_row[source]) + spec.output_index(projection.output)
        found[index[projection.target]].append(cut_ready(projection, row, len(spec.outputs), chip, integers))
    return tuple(tuple(items) for items in found)


def _port_delays(network: Network, staging: Staging) -> list[dict[str, int]]:
    """Return, for each population, the longest machine delay of each port that is fed within its phase."""
    index = {population.name: number for number, population in enumerate(network.populations)}
    longest: list[dict[str, int]] = [{} for _ in network.populations]
    for projection in network.projections:
        source, target = index[projection.source], index[projection.target]
        if staging.phase[source] < staging.phase[target]:
            continue
        steps = [staging.delay_steps(source, target, delay) for delay in delay_values(projection)[-1:]]
        longest[target][projection.port] = max([longest[target].get(projection.port, 0), *steps])
    return longest


def _buffered_ports(network: Network, staging: Staging) -> list[set[str]]:
    """Return, for each population, the ports that are fed from earlier phases."""
    index = {population.name: number for number, population in enumerate(network.populations)}
    ports: list[set[str]] = [set() for _ in network.populations]
    for projection in network.projections:
        source, target = index[projection.source], index[projection.target]
        if staging.phase[source] < staging.phase[target]:
            ports[target].add(projection.port)
    return ports


def _buffer_bits(population: Population, chip: Chip, ports: set[str], staging: Staging) -> int:
    """Return the bits in which one neuron gathers the charges of a whole sequence, port by port."""
    return sum(charge_bits(population, port, chip) for port in sorted(ports)) * staging.schedule.sequence_length


def _state_bits(population: Population, chip: Chip, delays: dict[str, int]) -> int:
    """Return the bits of one neuron: state, parameters, and a delay slot per port and step of delay."""
    return (sum(state_bits(population, word.name, chip) * (population.n_modes if word.per_mode else 1)
                for word in population.spec.state)
            + sum(parameter_bits(population, parameter.name, chip) * (population.n_modes if parameter.per_mode else 1)
                  for parameter in population.spec.parameters)
            + sum(charge_bits(population, port, chip) * n_steps for port, n_steps in delays.items()))


def _change_bits(network: Network, population: Population, chip: Chip) -> int:
    """Return the bits of one neuron for sigma-delta: what it has sent, and what it has summed of each such source."""
    sends = population.change_threshold is not None
    n_sent = sum(population.output_kind(output.name) == "graded" for output in population.spec.outputs) * sends
    summed = [item.port for item in network.projections
              if item.target == population.name and network.population(item.source).change_threshold is not None]
    return n_sent * chip.core.state_bits + sum(charge_bits(population, port, chip) for port in summed)
def _time_bits(population: Population, chip: Chip, staging: Staging) -> int:
    """Return the bits in which one neuron of a free-running chip keeps the time of its last advance.

    Where populations wait for whole tokens, all neurons of a core have the token's time in common.
    """
    decays = chip.sync == "free_running" and population.spec.advance_exp > 0 and not staging.tokens_in_flight
    return chip.core.state_bits if decays else 0


def _update_ps(population: Population, chip: Chip) -> tuple[int, int]:
    """Return the time of an active and an inactive update of one soma."""
    costs = chip.core.costs
    if population.spec.cost_class == "none" or costs is None:       # a chip without costs is not run
        return 0, 0
    simple = population.spec.cost_class == "soma"
    active = costs.soma_active if simple else costs.program_active
    inactive = costs.soma_inactive if simple else costs.program_inactive
    modes = population.n_modes * ns_to_ps(costs.mode_update.latency_ns.value)
    return ns_to_ps(active.latency_ns.value) + modes, ns_to_ps(inactive.latency_ns.value)


def _fan_out(network: Network, first_row: Int64Array, incoming: tuple[tuple[Incoming, ...], ...],
             chip: Chip) -> tuple[Int64Array, ...]:
    """Return the synapses that each neuron of a core feeds, over all its outputs.

    Where a chip counts its read-outs apart (`network_limits`), so are the synapses onto them.
    """
    by_row = np.zeros(int(first_row[-1]), np.int64)
    if chip.core.max_fan_out_synapses is not None:
        for population, items in zip(network.populations, incoming, strict=True):
            apart = chip.network_limits is not None and population.name in network.readouts
            for item in items if not apart else ():
                axons = item.axons(0, population.size)
                np.add.at(by_row, axons.rows, axons.synapses)
    return tuple(np.zeros(item.size, np.int64) if item.model == "input" else
                 by_row[first_row[number]:first_row[number + 1]].reshape(item.size, -1).sum(axis=1)
                 for number, item in enumerate(network.populations))
