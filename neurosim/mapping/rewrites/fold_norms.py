"""`mapping.fold_norms`: gains and shifts go into the neighbours' weights and biases. The same, up to rounding.

* A `linear` population fed neuron by neuron, y = w x + b (what a BatchNorm is, once trained), disappears: into the
  `linear` population before it, where nobody else hears that one; else into those behind it, whose weights V become
  w V and whose biases rise by b V.
* The gain and bias of a `layer_norm` go the same way into those behind it; it divides by a number that comes with every
  token, and so remains. Where somebody behind it has no bias, b / gain remains too.

Behind means ports that sum. A bias goes over projections without delay alone: what is delayed begins later, a bias at
once. Convolutions only take gains that are alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import OptionError
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
    Weights,
)
from neurosim.mapping.schedule import delay_values

FloatArray = NDArray[np.float64]
# (model, port) -> the parameter that is added to the port's sum
_BIAS = {("linear", "input"): "bias", ("relu", "input"): "bias", ("gelu", "input"): "bias",
         ("running_mean", "input"): "bias", ("glu", "value"): "value_bias", ("glu", "gate"): "gate_bias",
         ("gsu", "ternary_branch"): "ternary_bias", ("gsu", "graded_branch"): "graded_bias"}


def fold_norms(network: Network) -> Network:
    """Return the network with all gains and shifts folded that can be; the same object where there are none.

    Raises
    ------
    OptionError            if the network has formats, which were made for its own weights
    """
    folded = network
    for name in [item.name for item in network.populations if item.model in ("linear", "layer_norm")]:
        left = {item.name: item for item in folded.populations}
        if name in left:
            folded = _folded(folded, left[name])
    if folded is not network and network.is_quantised:
        raise OptionError("mapping.fold_norms with a network that has formats already",
                          allowed="a network that is not quantised",
                          mend="quantise the network with fold_norms: neurosim quantize --set mapping.fold_norms=true")
    return folded


def _folded(network: Network, item: Population) -> Network:
    if item.model == "layer_norm":
        return _norm_folded(network, item)
    fed = [way for way in network.projections if way.target == item.name]
    if len(fed) != 1 or not isinstance(fed[0].weights, OneToOneWeights) or fed[0].source == item.name \
            or item.change_threshold is not None:
        return network
    before = network.population(fed[0].source)
    if before.period != item.period or before.direction != item.direction:
        return network
    if _is_heard_by_one(network, before) and before.model == "linear" and np.ndim(fed[0].delay_steps) == 0 \
            and fed[0].delay_steps == 0:
        return _into_the_one_before(network, before, item, fed[0].weights)
    return _into_those_behind(network, item, fed[0], fed[0].weights)


def _is_heard_by_one(network: Network, item: Population) -> bool:
    return item.name not in network.readouts and sum(way.source == item.name for way in network.projections) == 1


def _into_the_one_before(network: Network, before: Population, item: Population, gain: OneToOneWeights) -> Network:
    """Return the network without `before`, whose synapses and bias `item` takes over, times its gain."""
    values = np.asarray(gain.values, np.float64)
    ways = [way for way in network.projections if way.target == before.name]
    scaled = [_onto(way.weights, values) for way in ways]
    if before.name in {way.source for way in ways} or any(weights is None for weights in scaled):
        return network
    moved = {id(way): replace(way, target=item.name, port="input", weights=weights)
             for way, weights in zip(ways, scaled, strict=True) if weights is not None}
    bias = np.asarray(before.parameters["bias"]) * values + np.asarray(item.parameters["bias"])
    kept = [moved.get(id(way), way) for way in network.projections if way.source != before.name]
    return replace(network, projections=tuple(kept), populations=tuple(
        replace(other, parameters={**other.parameters, "bias": bias}) if other is item else other
        for other in network.populations if other is not before))


def _into_those_behind(network: Network, item: Population, fed: Projection, gain: OneToOneWeights) -> Network:
    """Return the network without `item`: those behind it hear the one before it."""
    values, bias = np.asarray(gain.values, np.float64), np.asarray(item.parameters["bias"], np.float64)
    ways = [way for way in network.projections if way.source == item.name]
    scaled = [_scaled(way.weights, values) for way in ways]
    if item.name in network.readouts or not ways or any(weights is None for weights in scaled) \
            or np.ndim(fed.delay_steps) or not _all_sum(network, ways):
        return network
    shifted = _shifted(network, ways, bias) if np.any(bias != 0) else network.populations
    if shifted is None or (np.any(bias != 0) and np.any(np.asarray(fed.delay_steps) != 0)):
        return network
    moved = {id(way): replace(way, source=fed.source, output=fed.output, weights=weights,
                              delay_steps=way.delay_steps + fed.delay_steps)
             for way, weights in zip(ways, scaled, strict=True) if weights is not None}
    kept = [moved.get(id(way), way) for way in network.projections if way is not fed]
    return replace(network, projections=tuple(kept),
                   populations=tuple(other for other in shifted if other.name != item.name))


def _norm_folded(network: Network, item: Population) -> Network:
    """Return the network with gain and bias of a LayerNorm in the weights and biases behind it."""
    gain, bias = (np.asarray(item.parameters[name], np.float64) for name in ("scale", "bias"))
    ways = [way for way in network.projections if way.source == item.name]
    scaled = [_scaled(way.weights, gain) for way in ways]
    if item.name in network.readouts or not ways or any(weights is None for weights in scaled) \
            or not _all_sum(network, ways) or (np.all(gain == 1) and np.all(bias == 0)):
        return network
    shifted = _shifted(network, ways, bias) if np.any(bias != 0) else network.populations
    if shifted is None:
        if np.any(gain == 0) or np.all(gain == 1):
            return network
        shifted, rest = network.populations, bias / gain
    else:
        rest = np.zeros_like(bias)
    moved = {id(way): replace(way, weights=weights) for way, weights in zip(ways, scaled, strict=True)
             if weights is not None}
    parameters = {**item.parameters, "scale": np.ones_like(gain), "bias": rest}
    return replace(network, projections=tuple(moved.get(id(way), way) for way in network.projections),
                   populations=tuple(replace(other, parameters=parameters) if other.name == item.name else other
                                     for other in shifted))


def _all_sum(network: Network, ways: list[Projection]) -> bool:
    """Return whether all these projections end at ports that sum."""
    return all(next(port.operator for port in network.population(way.target).spec.ports if port.name == way.port)
               == "sum" for way in ways)


def _shifted(network: Network, ways: list[Projection], bias: FloatArray) -> tuple[Population, ...] | None:
    """Return the populations with biases that take the place of what `bias` sends over `ways`; None if one has none."""
    found = {item.name: item for item in network.populations}
    for way in ways:
        target = found[way.target]
        parameter = _BIAS.get((target.model, way.port))
        if parameter is None or delay_values(way) != [0] or isinstance(way.weights, ConvolutionWeights):
            return None
        sent = np.asarray(target.parameters[parameter], np.float64) + _sent(way.weights, bias)
        found[way.target] = replace(target, parameters={**target.parameters, parameter: sent})
    return tuple(found[item.name] for item in network.populations)


def _sent(weights: Weights, values: FloatArray) -> FloatArray:
    """Return what `values` bring to each target neuron."""
    if isinstance(weights, DenseWeights):
        return np.asarray(values @ weights.values, np.float64)
    if isinstance(weights, OneToOneWeights):
        return np.asarray(values * weights.values, np.float64)
    assert isinstance(weights, SparseWeights), "convolutions take no bias"
    found = np.zeros(weights.n_post)
    np.add.at(found, weights.targets, weights.values * np.repeat(values, np.diff(weights.row_pointer)))
    return found


def _scaled(weights: Weights, gain: FloatArray) -> Weights | None:
    """Return the weights times the gain of each source neuron; None where a convolution's gains differ."""
    if isinstance(weights, DenseWeights):
        return replace(weights, values=gain[:, None] * weights.values)
    if isinstance(weights, SparseWeights):
        return replace(weights, values=weights.values * np.repeat(gain, np.diff(weights.row_pointer)))
    if isinstance(weights, OneToOneWeights):
        return replace(weights, values=gain * weights.values)
    return replace(weights, values=gain[0] * weights.values) if np.all(gain == gain[0]) else None


def _onto(weights: Weights, gain: FloatArray) -> Weights | None:
    """Return the weights times the gain of each target neuron; None where a convolution's gains differ."""
    if isinstance(weights, DenseWeights):
        return replace(weights, values=weights.values * gain)
    if isinstance(weights, SparseWeights):
        return replace(weights, values=weights.values * gain[weights.targets])
    return _scaled(weights, gain)
