"""What a placed network takes of each core, synapse by synapse in plain Python, from the meaning of each limit.

Zero weights are no synapses here, but dense rows store them; axons are (source neuron, output) as a core sees them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from hw_models.schema import Chip
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, OneToOneWeights, Projection

Slices = list[tuple[str, int, int]]
PORT = -1


def synapses(projection: Projection) -> Iterator[tuple[int, int, float, int]]:
    """Yield (source, target, weight, delay) of every synapse, zero weights included."""
    weights = projection.weights
    if isinstance(weights, ConvolutionWeights):
        weights = weights.unrolled()
    if isinstance(weights, DenseWeights):
        for source, row in enumerate(weights.values.tolist()):
            for target, value in enumerate(row):
                yield source, target, value, int(np.max(projection.delay_steps))
    elif isinstance(weights, OneToOneWeights):
        for neuron, value in enumerate(weights.values.tolist()):
            yield neuron, neuron, value, int(np.max(projection.delay_steps))
    else:
        delays = np.broadcast_to(np.asarray(projection.delay_steps), weights.values.shape).tolist()
        for source in range(len(weights.row_pointer) - 1):
            for at in range(int(weights.row_pointer[source]), int(weights.row_pointer[source + 1])):
                yield source, int(weights.targets[at]), float(weights.values[at]), delays[at]


def violations(network: Network, chip: Chip, cores: list[Slices],
               axon_type: dict[str, np.ndarray] | None = None) -> list[str]:
    """Return what is wrong with a partition; nothing where every limit is kept."""
    found = _covers(network, cores)
    place_of = {(name, neuron): (core, place) for core, slices in enumerate(cores)
                for place, (name, start, stop) in enumerate(slices) for neuron in range(start, stop)}
    axons_in: list[set[Any]] = [set() for _ in cores]
    words = [0] * len(cores)
    fan_in: dict[Any, int] = defaultdict(int)
    fan_out: dict[Any, set[int]] = defaultdict(set)
    fan_out_synapses: dict[Any, int] = defaultdict(int)
    crossbar: dict[Any, set[Any]] = defaultdict(set)
    delays: dict[Any, set[Any]] = defaultdict(set)
    for number, projection in enumerate(network.projections):
        rows: dict[Any, int] = defaultdict(int)
        for source, target, weight, delay in synapses(projection):
            if weight == 0:
                continue
            core, place = place_of[projection.target, target]
            row = projection.source, source, projection.output
            axons_in[core].add(row)
            rows[core, place, source] += 1
            fan_in[projection.target, target] += 1
            fan_out[row].add(core)
            if network.population(projection.source).model != "input":
                fan_out_synapses[projection.source, source] += 1
            if axon_type is not None:
                crossbar[core, projection.target, target, int(axon_type[projection.source][source])].add(weight)
                delays[row, core].add((number, delay))
        for core, used in _words(projection, rows, cores, chip).items():
            words[core] += used
    for name in network.readouts:
        for neuron in range(network.population(name).size):
            for output in network.population(name).spec.outputs:
                fan_out[name, neuron, output.name].add(PORT)
    axons_out = [0] * len(cores)
    for (name, neuron, _), targets in fan_out.items():
        if (name, neuron) in place_of:
            axons_out[place_of[name, neuron][0]] += len(targets)
    if axon_type is not None:
        words = [len(item) for item in axons_in]
        found += [f"{key} has weights {values} for one type" for key, values in crossbar.items() if len(values) > 1]
        found += [f"axon {key} stands for {len(values)}" for key, values in delays.items() if len(values) > 1]
        found += [f"{name}: types to {types.max()}" for name, types in axon_type.items()
                  if types.max(initial=0) >= int(chip.core.synapse_memory.axon_types or 0)]
    limits = chip.core
    for core, slices in enumerate(cores):
        used = {"max_neurons": sum(stop - start for _, start, stop in slices),
                "max_axons_in": len(axons_in[core]), "max_axons_out": axons_out[core],
                "synapse_memory.words": words[core]}
        have = {"max_neurons": limits.max_neurons, "max_axons_in": limits.max_axons_in,
                "max_axons_out": limits.max_axons_out, "synapse_memory.words": limits.synapse_memory.words}
        found += [f"core {core}: {name} {used[name]} > {have[name]}" for name in used if used[name] > have[name]]
    for label, most, counts in (
            ("max_fan_in", limits.max_fan_in, fan_in), ("max_fan_out_synapses", limits.max_fan_out_synapses,
                                                        fan_out_synapses),
            ("max_fan_out", limits.max_fan_out, {key: len(targets) for key, targets in fan_out.items()})):
        found += [f"{key}: {label} {count}" for key, count in counts.items() if most is not None and count > most]
    return found


def _covers(network: Network, cores: list[Slices]) -> list[str]:
    """Every neuron of every population but the inputs stands on one core."""
    placed: dict[str, list[int]] = defaultdict(list)
    for slices in cores:
        for name, start, stop in slices:
            placed[name].extend(range(start, stop))
    return [f"{item.name}: placed {sorted(placed[item.name])}" for item in network.populations
            if sorted(placed[item.name]) != (list(range(item.size)) if item.model != "input" else [])]


def _words(projection: Projection, rows: dict[Any, int], cores: list[Slices], chip: Chip) -> dict[int, int]:
    """Return the words that one projection takes on each core, with `packing: words`; zero elsewhere.

    Each source that reaches a slice has a list of its own there, of all its neurons where the row is dense.
    """
    memory = chip.core.synapse_memory
    if memory.packing != "words":
        return {}
    dense = isinstance(projection.weights, DenseWeights)
    bits = chip.core.weight_bits if projection.coding is None else projection.coding.format.bits
    taken: dict[int, int] = defaultdict(int)
    for (core, place, _), count in rows.items():
        _, start, stop = cores[core][place]
        n_stored, index = (stop - start, 0) if dense else (count, memory.index_bits)
        taken[core] += -(-n_stored * (bits + memory.delay_bits + index) // memory.word_bits)
    return taken
