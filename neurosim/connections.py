"""What counts of operations need to know of a network's connections, as plain data that a trace keeps.

A trace tells which neurons fired, not where their synapses lead. So a run notes, for every connection layer, how many
weights other than zero each source neuron has, how many operations one token would take if nothing were zero, and
what the inputs, which a trace does not keep either, make of the layers behind them. Definitions: docs/report.md.

A connection layer is a projection with dense, sparse or convolutional weights; one-to-one weights join a value to its
neuron, as residual connections do, and are none.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.graph import Network, Population, Projection
from neurosim.weights import ConvolutionWeights, DenseWeights, IntArray, OneToOneWeights, Weights

VERSION = 1
ACTIVATIONS = ("relu",)                 # models with graded outputs that are activations
BYTES_PER_NUMBER = 4                    # float32
FOOTPRINT = "footprint_bytes"           # in the metadata of networks whose importer knows it


def connections(network: Network, inputs: NDArray[Any]) -> dict[str, Any]:
    """Return the facts as plain data.

    inputs : float64[sample, token, column], columns of all input populations in turn

    layers : source, output, target, weights, zeros, dense (operations of one token, nothing zero), period, fan_out
    inputs : samples, and for each layer behind an input its index, macs and acs in all
    activations : population, output, size, period
    footprint : bytes, and where they come from
    """
    layers = [each for each in network.projections if not isinstance(each.weights, OneToOneWeights)]
    return {
        "version": VERSION, "samples": len(inputs), "layers": [_layer(network, each) for each in layers],
        "inputs": _input_operations(network, layers, inputs),
        "activations": [{"population": population.name, "output": output, "size": population.size,
                         "period": population.period}
                        for population in network.populations for output in _activations(population)],
        "footprint": _footprint(network),
    }


def fan_out(weights: Weights) -> IntArray:
    """Return how many weights other than zero each source neuron has, int64[pre]."""
    if isinstance(weights, ConvolutionWeights):
        return _taps(weights, weights.values != 0)
    if isinstance(weights, DenseWeights):
        return np.asarray(np.count_nonzero(weights.values, axis=1), np.int64)
    if isinstance(weights, OneToOneWeights):
        return np.asarray(weights.values != 0, np.int64)
    counted = np.concatenate([[0], np.cumsum(weights.values != 0, dtype=np.int64)])
    found: IntArray = np.diff(counted[weights.row_pointer])
    return found


def packed_counts(counts: IntArray) -> int | str:
    """Return counts as text, or as one number where all are equal."""
    if len(counts) and counts.min() == counts.max():
        return int(counts[0])
    return base64.b64encode(zlib.compress(counts.astype("<u4").tobytes(), 9)).decode("ascii")


def _layer(network: Network, layer: Projection) -> dict[str, Any]:
    weights = layer.weights
    own, zeros = _stored(weights)
    dense = int(_taps(weights, np.ones_like(weights.values, bool)).sum()) if isinstance(weights, ConvolutionWeights) \
        else weights.shape[0] * weights.shape[1]
    return {"source": layer.source, "output": layer.output, "target": layer.target, "weights": own, "zeros": zeros,
            "dense": dense, "period": network.population(layer.target).period,
            "fan_out": packed_counts(fan_out(weights))}


def _stored(weights: Weights) -> tuple[int, int]:
    """Return the weights of a layer as a framework stores them, a matrix in full, and how many are zero."""
    n_nonzero = int(np.count_nonzero(weights.values))
    n_weights = weights.shape[0] * weights.shape[1]
    if isinstance(weights, ConvolutionWeights):
        n_weights = int(weights.values.size)
    return n_weights, max(0, n_weights - n_nonzero)


def _taps(weights: ConvolutionWeights, counted: NDArray[np.bool_]) -> IntArray:
    """Return in how many products each source neuron takes part, of the taps that are `counted`; int64[pre]."""
    n_out, n_in = weights.output_shape[0], weights.values.shape[1]
    by_group = counted.reshape(weights.groups, n_out // weights.groups, n_in, *counted.shape[2:]).sum(axis=1)
    kernel = by_group.reshape(weights.groups * n_in, *counted.shape[2:])
    rows, columns = (_landings(weights, axis) for axis in (0, 1))
    image = np.einsum("cij,iy,jx->cyx", kernel, rows, columns)
    order = ["cyx".index(axis) for axis in weights.order]
    return np.ascontiguousarray(image.transpose(order)).reshape(-1).astype(np.int64)


def _landings(weights: ConvolutionWeights, axis: int) -> IntArray:
    """Return how often each tap lands on each input row (axis 0) or column (1); int64[tap, place]."""
    found = np.zeros((weights.values.shape[2 + axis], weights.input_shape[1 + axis]), np.int64)
    at, inside = weights.source_places(axis), weights.inside(axis)
    for tap in range(len(found)):
        np.add.at(found[tap], at[inside[:, tap], tap], 1)
    return found


def _activations(population: Population) -> list[str]:
    """Return the outputs of a population that are activations: what fires, and ReLU."""
    if population.model == "input":
        return []
    names = [output.name for output in population.spec.outputs]
    return names if population.model in ACTIVATIONS else [
        name for name in names if population.output_kind(name) != "graded"]


def _input_operations(network: Network, layers: list[Projection], inputs: NDArray[Any]) -> list[dict[str, int]]:
    """Return what the inputs make the layers behind them do: a token whose values are all 0 or ±1 accumulates."""
    first, found = 0, []
    for population in network.inputs:
        columns = slice(first, first + population.size)
        behind = [(index, fan_out(layer.weights).astype(np.float64)) for index, layer in enumerate(layers)
                  if layer.source == population.name]
        for index, counts in behind:
            macs = acs = 0
            for sample in inputs:
                values = np.abs(np.asarray(sample)[:, columns])
                operations = (values != 0).astype(np.float64) @ counts      # exact below 2**53, and far faster
                spiking = ((values == 0) | (values == 1)).all(axis=1)
                macs, acs = macs + int(operations[~spiking].sum()), acs + int(operations[spiking].sum())
            found.append({"layer": index, "macs": macs, "acs": acs})
        first += population.size
    return found


def _footprint(network: Network) -> dict[str, Any]:
    """Return the bytes of all parameters: as the model's file had them, or as float32."""
    told = network.metadata.get(FOOTPRINT, "")
    if told.isdecimal():
        return {"bytes": int(told), "basis": "parameters and buffers of the model's file"}
    numbers = sum(int(each.weights.values.size) for each in network.projections)
    for population in network.populations:
        numbers += sum(1 if np.all(values == values.flat[0]) else int(values.size)
                       for values in population.parameters.values() if values.size)
    return {"bytes": BYTES_PER_NUMBER * numbers, "basis": "weights and neuron parameters as float32"}
