"""Float network + ranges of its values + widths of a chip -> the same network with a `Coding` for every quantity.

Nothing of the network's numbers changes: codings say how they will be stored. What is chosen here is what the integer
kernels of `models.fixed` need (S is a scale, what the integer 1 stands for):

| quantity | scale |
|---|---|
| charges, states, internal values | from samples, with headroom; one for all that are added or compared |
| payloads | from samples; one for all neurons, since receivers add them |
| weights, c, scale of a LayerNorm | from their values |
| a, leak, current_leak, delta_factor | no gain; decays that are not negative are unsigned, so that they hold 1 |
| b | S_h / S_input * 2**-s |
| d | S_c * S_h / S_input * 2**-s |
| biases, thresholds: parameters counted in steps of X | S_X * 2**k, k >= 0 |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neurosim.errors import CapabilityError, OptionError
from neurosim.formats import Coding
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, Population, Projection, SparseWeights
from neurosim.machine import Float64Array, Int64Array
from neurosim.mapping.choose_scale import coding_of, needed_scale
from neurosim.mapping.quantize_options import QuantizeOptions
from neurosim.mapping.quantize_population import quantize_population
from neurosim.mapping.quantize_rules import ChipBits, Rules
from neurosim.mapping.ranges import Given, Statistics


def quantize_network(network: Network, chip_bits: ChipBits, statistics: Statistics,
                     options: QuantizeOptions | None = None) -> Network:
    """Return `network` with codings; those it had are replaced.

    Parameters
    ----------
    chip_bits : role -> (field of the chip, bits), see `mapping.bits.chip_bits`
    statistics : population -> quantity -> magnitudes in sample inputs; a quantity that is missing counts as never used

    Raises
    ------
    CapabilityError        if a population sends values and the chip's packets carry none
    CapacityError          if more bits are asked for than the chip has
    OptionError            if a name is unknown, or no format holds a quantity, with the arithmetic
    """
    options = options or QuantizeOptions()
    options.check_names(network)
    _check_payloads(network, chip_bits)
    rules = Rules(options, chip_bits)
    populations = tuple(replace(item, codings=_codings(item, statistics, rules)) for item in network.populations)
    projections = tuple(replace(item, coding=_weight_coding(item, rules)) for item in network.projections)
    return replace(network, populations=populations, projections=projections)


def _codings(population: Population, statistics: Statistics, rules: Rules) -> Mapping[str, Coding]:
    if population.model == "input" and population.attributes["payload"] == "spike":
        return {}
    return quantize_population(population, statistics.get(population.name, {}), rules)


def _check_payloads(network: Network, chip_bits: ChipBits) -> None:
    """A chip whose packets carry nothing cannot send values, however few bits they have."""
    limit, bits = chip_bits["payload"]
    if bits > 0:
        return
    for population in network.populations:
        if any(population.output_kind(output.name) == "graded" for output in population.spec.outputs):
            raise CapabilityError(
                f"population {population.name!r} (model {population.model}) sends values, {limit} = 0 bits of payload",
                mend="a chip whose packets carry values, such as loihi2, or a network that sends spikes only")


def _weight_coding(projection: Projection, rules: Rules) -> Coding:
    """Return the coding of a projection's weights: a scale each for its target neurons, or one for all."""
    options = rules.options
    where = f"projection {projection.name!r}"
    bits, rounding, overflow = rules.choices("weight", projection.name, where=where)
    values, targets = _by_target(projection)
    given = Given(values, targets, _n_channels(projection)) if options.granularity == "channel" else Given(values)
    high = (1 << bits - 1) - 1
    scale = needed_scale(given, high, options, rounding)
    if not scale.any():
        scale = np.ones(1)          # no weight but 0
    scale = np.where(scale > 0, scale, scale.max())
    if values.any() and not np.any(np.rint(values / scale[targets if len(scale) > 1 else 0])):
        raise OptionError(f"{where}: {bits} bits: the largest weight {np.abs(values).max():g} is below half a step of "
                          f"{scale.max():g}", mend="give the weights more bits")
    return coding_of(_one(scale), bits, rounding, overflow)


def _by_target(projection: Projection) -> tuple[Float64Array, Int64Array]:
    """Return all weights and their target neurons (of a convolution: output channels), flat."""
    weights = projection.weights
    n_pre, n_post = weights.shape
    if isinstance(weights, DenseWeights):
        return weights.values.reshape(-1), np.tile(np.arange(n_post), n_pre)
    if isinstance(weights, SparseWeights):
        return weights.values, np.asarray(weights.targets, np.int64)
    if isinstance(weights, ConvolutionWeights):
        n_out = weights.output_shape[0]
        return weights.values.reshape(-1), np.repeat(np.arange(n_out), weights.values.size // n_out)
    return weights.values, np.arange(n_post)


def _n_channels(projection: Projection) -> int:
    weights = projection.weights
    return weights.output_shape[0] if isinstance(weights, ConvolutionWeights) else weights.shape[1]


def _one(scale: Float64Array) -> Float64Array:
    """Return equal scales as one."""
    return np.asarray(scale[0]) if np.all(scale == scale[0]) else scale
