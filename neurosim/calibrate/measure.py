"""Ranges of a network's values in sample inputs, and the network quantised with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from hw_models.schema import Chip
from neurosim.calibrate.probes import Probe
from neurosim.engine.batch import BatchPass, Update
from neurosim.graph import Network
from neurosim.machine import Float64Array
from neurosim.mapping.bits import chip_bits
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize import quantize_network
from neurosim.mapping.quantize_options import QuantizeOptions
from neurosim.mapping.ranges import Magnitudes
from neurosim.own_models import check_floating

Progress = Callable[[int, int], None]
# population -> quantity -> magnitudes
Ranges = dict[str, dict[str, Magnitudes]]


def quantized(network: Network, chip: Chip, inputs: Float64Array, options: QuantizeOptions | None = None, *,
              measured: Callable[..., Ranges] | None = None) -> Network:
    """Return `network` with a fixed-point format for every quantity, chosen on `inputs` [sample, token, column].

    Parameters
    ----------
    measured : stands in for `measure`, for callers that quantise one network many times

    Raises
    ------
    CapabilityError, CapacityError  if the chip's words do not do
    OptionError                     if a format cannot hold its values, with the arithmetic
    DataError                       if the inputs do not fit the network
    """
    check_floating([item.model for item in network.populations])
    options = options or QuantizeOptions()
    options.check_names(network)
    by_channel = options.granularity == "channel" and options.method != "max"
    ranges = (measured or measure)(network, inputs, by_channel=by_channel)
    found = quantize_network(network, chip_bits(chip), ranges, options)
    return replace(found, metadata={**network.metadata, "quantised_for": chip.name,
                                    "quantised_with": json.dumps(options.as_strings())})


def measure(network: Network, inputs: Float64Array, *, by_channel: bool = False) -> Ranges:
    """Run `network` in float64 and return population -> quantity -> magnitudes.

    Parameters
    ----------
    by_channel : keep a histogram of each neuron, not one of the population alone
    """
    probes = [Probe(population) for population in network.populations]
    found: list[dict[str, Magnitudes]] = [{} for _ in network.populations]

    def watch(update: Update) -> None:
        population = network.populations[update.population]
        for name, values in probes[update.population].read(update).items():
            magnitudes = found[update.population].setdefault(name, Magnitudes(population.size, by_channel=by_channel))
            magnitudes.add(values)

    BatchPass(lower_neurons(without_codings(network)), inputs).run(watch)
    return {population.name: item for population, item in zip(network.populations, found, strict=True)}


def without_codings(network: Network) -> Network:
    """Return the float network."""
    return replace(network, populations=tuple(replace(item, codings={}) for item in network.populations),
                   projections=tuple(replace(item, coding=None) for item in network.projections))
