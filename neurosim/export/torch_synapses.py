"""Synapses of one projection as a PyTorch module: integer sums at each target neuron, converted to the port's scale."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from neurosim.errors import NetworkError, OptionError
from neurosim.export.scales import Codings, checked, held
from neurosim.export.torch_arithmetic import Conversion, Quantiser
from neurosim.export.torch_convolution import Convolution
from neurosim.graph import ConvolutionWeights, DenseWeights, Projection, SparseWeights
from neurosim.scales import by_neuron, gain_of_synapses

# Sparse sums are products with a dense matrix: so many entries take 1 GiB.
MOST_ENTRIES = 2**27


class Part(NamedTuple):
    """The synapses of one delay. chosen : int64[synapse] among the projection's; None: all of them"""

    delay: int
    chosen: Tensor | None


class Synapses(nn.Module):  # type: ignore[misc]
    """The weights of a projection; `values` has the layout of the network's.

    bound : float64[neuron], the largest magnitude of what all parts bring to the port together
    """

    def __init__(self, projection: Projection, source: Codings, target: Codings) -> None:
        super().__init__()
        where, weights = f"projection {projection.name!r}", projection.weights
        if projection.coding is None:
            raise NetworkError(f"{where} has no fixed-point format", mend="quantise the network: neurosim quantize")
        coding = checked(projection.coding, where, stored=True)
        self.kind, self.n_post, self.where = type(weights), weights.shape[1], where
        self.values = nn.Parameter(torch.tensor(weights.values))
        rows, targets = _places(projection)
        self.quantiser = Quantiser(coding.format, gain_of_synapses(weights, coding.gain))
        self.convolution = Convolution(weights) if isinstance(weights, ConvolutionWeights) else None
        self.register_buffer("rows", torch.tensor(rows), persistent=False)
        self.register_buffer("targets", torch.tensor(targets), persistent=False)
        port = target.population.spec.ports[target.population.spec.port_index(projection.port)]
        self.operator = port.operator
        if self.convolution is not None and self.operator != "sum":
            raise NetworkError(f"{where}: a convolution into port {projection.port!r}, which takes the {self.operator}",
                               allowed="convolutions into ports that sum")
        self.parts = _parts(projection)
        fan_in, payload = _fan_in(projection), source.payload_magnitude(projection.output)
        bound = held(fan_in * float(coding.format.magnitude) * payload,
                     f"{where}: {fan_in} synapses x weights ({coding.format}) x payloads up to {payload}")
        per_payload = by_neuron(weights, coding.scale) * source.payload_scale(projection.output)
        factor = per_payload / target.scale(projection.port)
        self.conversion = Conversion(factor, bound, target.format(projection.port).rounding, where)
        self.bound = (self.conversion.largest + 1) * len(self.parts)

    def integers(self) -> Tensor:
        """Return the integers of the present weights, for `gather`."""
        return self.quantiser(self.values)

    def limits(self) -> tuple[Tensor, Tensor]:
        """Return the lowest and highest weights that the format holds."""
        low, high = self.quantiser.limits()
        return low, high

    def gather(self, integers: Tensor, part: Part, payloads: Tensor) -> Tensor:
        """Return the charges [sample, token, post] of payloads [sample, token, pre]."""
        if self.kind is DenseWeights:
            gathered = payloads @ integers if self.operator == "sum" else self._largest(payloads[..., None] * integers)
        elif self.kind is SparseWeights:
            gathered = self._sparse(integers, part, payloads)
        elif self.convolution is not None:
            gathered = self.convolution(integers, payloads)
        else:
            gathered = payloads * integers
            if self.operator != "sum":
                gathered = self._largest(gathered[..., None, :])
        return self.conversion(gathered)

    def _largest(self, products: Tensor) -> Tensor:
        """Return the largest product or magnitude, of [..., pre, post]; 0 where all are below."""
        products = products.abs() if self.operator == "max_abs" else products
        return products.amax(-2).clamp(min=0)

    def _sparse(self, integers: Tensor, part: Part, payloads: Tensor) -> Tensor:
        rows, targets = self.rows, self.targets
        if part.chosen is not None:
            integers, rows, targets = integers[part.chosen], rows[part.chosen], targets[part.chosen]
        if self.operator == "sum":
            n_pre = payloads.shape[-1]
            matrix = integers.new_zeros(n_pre * self.n_post).index_add(0, rows * self.n_post + targets, integers)
            return payloads @ matrix.view(n_pre, self.n_post)
        products = payloads[..., rows] * integers
        products = products.abs() if self.operator == "max_abs" else products
        gathered = products.new_zeros(*products.shape[:-1], self.n_post)
        return gathered.scatter_reduce(-1, targets.expand_as(products), products, "amax")


def _places(projection: Projection) -> tuple[np.ndarray, np.ndarray]:
    """Return the source and target neuron of each synapse of sparse weights; empty for others."""
    weights = projection.weights
    if not isinstance(weights, SparseWeights):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    n_pre, n_post = weights.shape
    if n_pre * n_post > MOST_ENTRIES:
        raise OptionError(f"projection {projection.name!r}: {n_pre} x {n_post} neurons", mend="split the populations",
                          allowed=f"sparse weights between up to {MOST_ENTRIES} pairs of neurons")
    rows = np.repeat(np.arange(n_pre, dtype=np.int64), np.diff(weights.row_pointer))
    return rows, np.asarray(weights.targets, np.int64)


def _parts(projection: Projection) -> list[Part]:
    delays = np.asarray(projection.delay_steps)
    if delays.ndim == 0:
        return [Part(int(delays), None)]
    return [Part(int(delay), torch.tensor(np.flatnonzero(delays == delay))) for delay in np.unique(delays)]


def _fan_in(projection: Projection) -> int:
    """Return the most synapses at any target neuron."""
    weights = projection.weights
    if isinstance(weights, DenseWeights):
        return weights.shape[0]
    if isinstance(weights, ConvolutionWeights):
        return int(weights.taps().max(initial=0)) * int(weights.values.shape[1])
    return int(np.bincount(weights.targets).max(initial=0)) if isinstance(weights, SparseWeights) else 1
