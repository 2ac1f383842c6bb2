"""A quantised network in integers: weights, parameters, conversions between scales.

Deterministic: what the codings say is all there is. Every product and sum is bounded here by its largest possible
integer; what would leave 64 bits is refused with the arithmetic, so that the kernels need not look.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neurosim.errors import NetworkError
from neurosim.formats import Coding
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, Population, SparseWeights
from neurosim.machine import N_FIXED_CONSTANTS, Fixed, Float64Array, Int64Array
from neurosim.mapping.connections import Connection
from neurosim.mapping.fixed_models import lower_population
from neurosim.mapping.integers import IntegerWeights
from neurosim.mapping.kernel_layout import kernel_layout
from neurosim.models.fixed.lookup import normal_of, sigmoid_of, table_of, tanh_normal_of
from neurosim.scales import PopulationScales, by_neuron, check_bits, conversion


class _Charges(NamedTuple):
    """One connection in integers. bound: int[post], the largest magnitude of the converted sum."""

    weights: Int64Array
    mantissa: Int64Array
    shift: Int64Array
    bound: Float64Array


def lower_fixed(network: Network, found: tuple[Connection, ...],
                integers: IntegerWeights | None = None) -> Fixed | None:
    """Return the network in integers; None where nothing of it is quantised.

    Parameters
    ----------
    integers : weights that are integers already

    Raises
    ------
    NetworkError           if a format is missing, or two scales do not go together
    OptionError            if a sum of products would leave 64 bits, with the arithmetic
    """
    if not network.is_quantised:
        return None
    scales = [PopulationScales(population) for population in network.populations]
    output_scale = np.array([scale for item in scales for scale in item.output_scales()])
    first_output = np.cumsum([0] + [len(item.spec.outputs) for item in network.populations])
    kept = integers or IntegerWeights()
    charges = [_charges(network, connection, scales, kept,
                        output_scale[first_output[connection.source] + connection.output]) for connection in found]
    rows, constants = [], []
    for number, item in enumerate(scales):
        _check_ports(network.populations[number], number, found, charges)
        lowered = lower_population(item)
        rows.append(lowered.rows)
        constants.append(lowered.constants)
    sizes = [item.size for item in rows]
    return Fixed(
        constants=np.array(constants, np.int64).reshape(-1, N_FIXED_CONSTANTS),
        parameters=_joined([item.reshape(-1) for item in rows]), parameter_start=_starts(sizes),
        n_parameter_rows=np.array([len(item) for item in rows], np.int64),
        weights=_joined([item.weights for item in charges]),
        conversion_start=_starts([len(item.mantissa) for item in charges]),
        mantissa=_joined([item.mantissa for item in charges]), shift=_joined([item.shift for item in charges]),
        table=np.concatenate([table_of(sigmoid_of), table_of(normal_of), table_of(tanh_normal_of)]),
        output_scale=output_scale)


def _charges(network: Network, connection: Connection, scales: list[PopulationScales],
             kept: IntegerWeights, payload_scale: float) -> _Charges:
    """Return a connection's weights, and the conversion of its sums to the scale of the port."""
    projection = network.projections[connection.projection]
    if projection.coding is None:
        raise NetworkError(f"projection {projection.name!r} has no fixed-point format, other parts of the network do",
                           allowed="a format for every projection, or for nothing of the network",
                           mend="quantise the whole network: neurosim quantize")
    target, source = scales[connection.target], scales[connection.source]
    weights, sums = _integer_weights(connection, kept, projection.coding, projection.name)
    factor = by_neuron(connection.weights, projection.coding.scale) * payload_scale / target.scale(projection.port)
    where = f"projection {projection.name!r}"
    bound = sums * source.payload_magnitude(projection.output)
    mantissa, shift = conversion(np.broadcast_to(factor, (target.size,)), bound, where)
    return _Charges(weights, mantissa, shift, bound * mantissa * np.exp2(-shift) + 1)


def _integer_weights(connection: Connection, kept: IntegerWeights, coding: Coding,
                     name: str) -> tuple[Int64Array, Float64Array]:
    """Return the weights as integers, flat, and the sum of their magnitudes at each target neuron."""
    weights = connection.weights
    integers = kept.take(weights, coding, name)
    if isinstance(weights, DenseWeights):
        return integers.reshape(-1), np.abs(integers.astype(np.float64)).sum(axis=0)
    if isinstance(weights, ConvolutionWeights):
        sums = np.abs(integers.astype(np.float64)).sum(axis=(1, 2, 3))
        return kernel_layout(integers), weights.by_neuron(sums)
    n_post = weights.shape[1]
    targets = np.asarray(weights.targets) if isinstance(weights, SparseWeights) else np.arange(n_post)
    return integers, np.bincount(targets, np.abs(integers).astype(np.float64), minlength=n_post).astype(np.float64)


def _check_ports(population: Population, number: int, found: tuple[Connection, ...], charges: list[_Charges]) -> None:
    """Check what each port can gather before it is made to fit."""
    totals = np.zeros((len(population.spec.ports), population.size))
    for connection, item in zip(found, charges, strict=True):
        if connection.target == number:
            totals[connection.port] += item.bound
    for port, total in zip(population.spec.ports, totals, strict=True):
        check_bits(f"population {population.name!r}: the charge of port {port.name!r}", float(total.max(initial=0.0)))


def _starts(sizes: list[int]) -> Int64Array:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])[:-1].astype(np.int64)


def _joined(parts: list[Int64Array]) -> Int64Array:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def formats_of(network: Network) -> dict[str, dict[str, object]]:
    """Return all formats as text: populations -> quantity -> format, and projections -> format."""
    return {"populations": {item.name: {name: str(coding) for name, coding in item.codings.items()}
                            for item in network.populations if item.codings},
            "projections": {item.name: str(item.coding) for item in network.projections if item.coding is not None}}


