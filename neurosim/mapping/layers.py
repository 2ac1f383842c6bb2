"""Chips whose cores hold one layer each, as DYNAP-CNN and Speck do: which layer goes on which core.

A layer is a population that one convolution or dense projection feeds. Sum pooling belongs to the core that sends: a
kernel that is constant on blocks of p x p taps, with stride and padding in whole blocks, is a pool of p x p in front of
a smaller kernel. Cores differ in the size of their memories, so that layers are assigned by matching. The rule of the
memories: `hw_models.core_schema.LayerMemory`. Source: sinabs, `validate_memory_speck.py`.
"""

from __future__ import annotations

from math import ceil, log2
from typing import NamedTuple

import numpy as np

from hw_models.core_schema import LayerMemory
from hw_models.schema import Chip
from neurosim.errors import CapabilityError, CapacityError, OptionError
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, Population
from neurosim.machine import Float64Array, Int64Array
from neurosim.mapping.axons import Partition, Slice
from neurosim.mapping.core_filling import CoreFilling
from neurosim.mapping.limits import core_limits, exceeded
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.resources import Demand

Shape = tuple[int, int, int]


class Layer(NamedTuple):
    """The geometry of one layer; shapes are channels, rows, columns, those of the input behind the pool."""

    name: str
    input_shape: Shape
    output_shape: Shape
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    pool: int
    n_destinations: int

    @property
    def kernel_entries(self) -> int:
        """Entries of kernel memory."""
        rows, columns = self.kernel
        return self.input_shape[0] << _bits(rows * columns) + _bits(self.output_shape[0])

    @property
    def neuron_entries(self) -> int:
        """Entries of neuron memory."""
        channels, rows, columns = self.output_shape
        return channels << _bits(rows) + _bits(columns)


def place_layers(demand: Demand, options: MappingOptions) -> tuple[Partition, Int64Array]:
    """Return one core for each layer, and the physical number of each.

    Raises
    ------
    CapabilityError        if a population is no layer that a core computes
    CapacityError          if a layer exceeds a limit, or no core is left that holds it
    OptionError            if the options ask for cores of their own
    """
    memory = demand.chip.core.layer_memory
    assert memory is not None, "layers are placed on chips with layer memories"
    if options.cores or options.strategy != "pack":
        raise OptionError("mapping.cores or mapping.strategy on a chip whose cores hold one layer each",
                          allowed="strategy 'pack' without cores of one's own")
    layers = find_layers(demand.network, memory)
    for layer in layers.values():
        _check_layer(layer, memory)
    order = demand.on_cores
    limits = {**core_limits(demand.chip, options), "synapse_words": None}       # kernel entries bound them
    cuts = [Slice(number, 0, demand.network.populations[number].size) for number in order]
    for cut in cuts:
        found = CoreFilling(demand, limits).first_exceeded(cut)
        if found is not None:
            raise exceeded(*found, where=f"layer {demand.network.populations[cut.population].name!r}")
    physical = _matched([layers[demand.network.populations[number].name] for number in order], memory, demand.chip)
    return Partition(tuple((cut,) for cut in cuts)), physical


def find_layers(network: Network, memory: LayerMemory) -> dict[str, Layer]:
    """Return the geometry of each population but the inputs; population -> layer."""
    shapes = _shapes(network)
    return {item.name: _layer(network, item, shapes, memory) for item in network.populations if item.model != "input"}


def layer_use(demand: Demand, partition: Partition, physical: Int64Array) -> list[dict[str, tuple[int, int]]]:
    """Return resource -> (used, limit) of each core; nothing where the cores do not hold layers."""
    memory = demand.chip.core.layer_memory
    if memory is None:
        return [{} for _ in partition.cores]
    layers, sizes = find_layers(demand.network, memory), _sizes(memory)
    rows = []
    for slices, core in zip(partition.cores, physical.tolist(), strict=True):
        layer = layers[demand.network.populations[slices[0].population].name]
        rows.append({"kernel_entries": (layer.kernel_entries, sizes[core][0]),
                     "neuron_entries": (layer.neuron_entries, sizes[core][1]),
                     "destinations": (layer.n_destinations, memory.max_destinations)})
    return rows


def _shapes(network: Network) -> dict[str, Shape]:
    """Return the image that each population is; one that no convolution knows is a column of channels."""
    shapes: dict[str, Shape] = {item.name: (item.size, 1, 1) for item in network.populations}
    for projection in network.projections:
        if isinstance(projection.weights, ConvolutionWeights):
            shapes[projection.source] = projection.weights.input_shape
    for projection in network.projections:
        if isinstance(projection.weights, ConvolutionWeights):
            shapes[projection.target] = projection.weights.output_shape
    return shapes


def _layer(network: Network, population: Population, shapes: dict[str, Shape], memory: LayerMemory) -> Layer:
    into = [item for item in network.projections if item.target == population.name]
    out = {item.target for item in network.projections if item.source == population.name}
    n_destinations = len(out) + (population.name in network.readouts)
    weights = into[0].weights if len(into) == 1 else None
    if isinstance(weights, DenseWeights):
        order = _order(network, into[0].source)
        weights = _as_kernel(weights, shapes[into[0].source], order)
        shapes = {**shapes, population.name: weights.output_shape}
    if not isinstance(weights, ConvolutionWeights) or weights.dilation != (1, 1):
        raise CapabilityError(
            f"layer {population.name!r}: {len(into)} projections into it"
            + (f", of {type(weights).__name__}" if len(into) == 1 else ""),
            allowed="one convolution without dilation, or one dense projection: a core has one kernel",
            mend="join the projections, or use a chip without core.layer_memory")
    pool = max(size for size in memory.pool_sizes if size == 1 or _is_pooled(weights, size))
    channels, rows, columns = weights.input_shape
    one_place = weights.output_shape[1:] == (1, 1)
    return Layer(population.name, (channels, rows // pool, columns // pool), shapes[population.name],
                 _divided(weights.values.shape[2:], pool), (1, 1) if one_place else _divided(weights.stride, pool),
                 _divided(weights.padding, pool), pool, n_destinations)


def _order(network: Network, name: str) -> str:
    """Return in which order the neurons of an image stand, as the convolution beside it says."""
    for item in network.projections:
        if name in (item.source, item.target) and isinstance(item.weights, ConvolutionWeights):
            return item.weights.order
    return "cyx"


def _as_kernel(weights: DenseWeights, shape: Shape, order: str) -> ConvolutionWeights:
    """Return a dense projection as a kernel over the whole input."""
    n_post = weights.shape[1]
    by_letter = dict(zip("cyx", shape, strict=True))
    image = weights.values.T.reshape(n_post, *(by_letter[letter] for letter in order))
    values = image.transpose(0, *(1 + order.index(letter) for letter in "cyx"))
    return ConvolutionWeights(np.ascontiguousarray(values), shape, (n_post, 1, 1))


def _is_pooled(weights: ConvolutionWeights, size: int) -> bool:
    """Return whether the kernel is a smaller one behind a sum over size x size neurons."""
    numbers = [*weights.values.shape[2:], *weights.padding, *weights.input_shape[1:]]
    if weights.output_shape[1:] != (1, 1):
        numbers += weights.stride
    if any(number % size for number in numbers):
        return False
    values: Float64Array = weights.values
    coarse = values[:, :, ::size, ::size].repeat(size, axis=2).repeat(size, axis=3)
    return bool(np.array_equal(coarse, values))


def _check_layer(layer: Layer, memory: LayerMemory) -> None:
    """Check the limits that are the same for all cores."""
    pooled = [length * layer.pool for length in layer.input_shape[1:]]
    for field, need, have, unit in (
            ("max_input_size", max(pooled), memory.max_input_size, "rows or columns of its input"),
            ("max_output_size", max(layer.output_shape[1:]), memory.max_output_size, "rows or columns"),
            ("max_channels", max(layer.input_shape[0], layer.output_shape[0]), memory.max_channels, "channels"),
            ("max_kernel_size", max(layer.kernel), memory.max_kernel_size, "rows or columns of its kernel"),
            ("max_padding", max(layer.padding), memory.max_padding, "rows or columns of padding"),
            ("max_destinations", layer.n_destinations, memory.max_destinations, "cores that it sends to")):
        if need > have:
            raise CapacityError(f"core.layer_memory.{field}", need=need, have=have, unit=unit,
                                where=f"layer {layer.name!r}",
                                mend=f"raise core.layer_memory.{field} to {need}, or change the layer")
    for stride in layer.stride:
        if stride not in memory.strides:
            raise CapabilityError(f"layer {layer.name!r}: stride {stride}",
                                  allowed=f"core.layer_memory.strides: {', '.join(map(str, memory.strides))}",
                                  mend="change the stride of the convolution")


def _matched(layers: list[Layer], memory: LayerMemory, chip: Chip) -> Int64Array:
    """Return the core of each layer; a maximum matching in the graph of layers and cores that hold them."""
    sizes = _sizes(memory)
    if len(layers) > len(sizes):
        raise CapacityError("chip.n_cores", need=len(layers), have=len(sizes), unit="cores", where=f"chip {chip.name}",
                            mend=f"use a chip with {len(layers)} cores, or a network of {len(sizes)} layers")
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(len(layers)))
    for number, layer in enumerate(layers):
        fits = [core for core, size in enumerate(sizes) if _holds(size, layer)]
        if not fits:
            raise _no_core(layer, memory)
        graph.add_edges_from((number, ("core", core)) for core in fits)
    found = nx.bipartite.hopcroft_karp_matching(graph, range(len(layers)))
    for number, layer in enumerate(layers):
        if number not in found:
            raise _all_taken(layer, layers, sizes, memory)
    return np.array([found[number][1] for number in range(len(layers))], np.int64)


def _sizes(memory: LayerMemory) -> list[tuple[int, int]]:
    """Return the entries for kernels and for neurons of each physical core."""
    return [(entry.kernel_entries, entry.neuron_entries) for entry in memory.classes for _ in range(entry.cores)]


def _holds(size: tuple[int, int], layer: Layer) -> bool:
    return layer.kernel_entries <= size[0] and layer.neuron_entries <= size[1]


def _no_core(layer: Layer, memory: LayerMemory) -> CapacityError:
    """Name the memory that lacks least, of the class of cores that comes closest."""
    missing = [max(layer.kernel_entries / entry.kernel_entries, layer.neuron_entries / entry.neuron_entries)
               for entry in memory.classes]
    at = int(np.argmin(missing))
    entry = memory.classes[at]
    over = [(field, getattr(layer, field), getattr(entry, field)) for field in ("kernel_entries", "neuron_entries")
            if getattr(layer, field) > getattr(entry, field)]
    field, need, have = max(over, key=lambda item: item[1] / item[2])
    return CapacityError(f"core.layer_memory.classes.{at}.{field}", need=need, have=have, unit=field.replace("_", " "),
                         where=_where(layer, memory),
                         mend=" and ".join(f"raise core.layer_memory.classes.{at}.{name} to {count}"
                                           for name, count, _ in over) + ", or make the layer smaller")


def _all_taken(layer: Layer, layers: list[Layer], sizes: list[tuple[int, int]], memory: LayerMemory) -> CapacityError:
    n_fitting = sum(_holds(size, layer) for size in sizes)
    rivals = [other.name for other in layers if other is not layer
              and any(_holds(size, other) and _holds(size, layer) for size in sizes)]
    return CapacityError("core.layer_memory.classes", need=n_fitting + 1, have=n_fitting, unit="cores that hold it",
                         where=f"{_where(layer, memory)}; {', '.join(rivals)} need them too",
                         mend=f"give a core {layer.kernel_entries} kernel entries and {layer.neuron_entries} neuron "
                              "entries more, or make a layer smaller")


def _where(layer: Layer, memory: LayerMemory) -> str:
    """Return the layer with what it needs, and what each class of cores has."""
    first, cores = 0, []
    for entry in memory.classes:
        span = f"core {first}" if entry.cores == 1 else f"cores {first} to {first + entry.cores - 1}"
        cores.append(f"{span}: {entry.kernel_entries} / {entry.neuron_entries}")
        first += entry.cores
    return (f"layer {layer.name!r} needs {layer.kernel_entries} kernel / {layer.neuron_entries} neuron entries "
            f"({'; '.join(cores)})")


def _bits(count: int) -> int:
    return ceil(log2(count))


def _divided(pair: tuple[int, ...], by: int) -> tuple[int, int]:
    return pair[0] // by, pair[1] // by
