"""Projections as chains of NIR nodes between two populations: [Delay], [Flatten], weights, [Delay]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.export.nir_numbers import FloatArray
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
)

if TYPE_CHECKING:
    from neurosim.export.nir_nodes import Nodes, Shape

MAX_DENSE = 2**24


class PathMaker:
    """Writes what comes to each population; `outputs` are linear populations that are Outputs themselves."""

    def __init__(self, network: Network, nodes: Nodes, shapes: dict[str, Shape], bias_sources: set[str],
                 dt: float) -> None:
        self.network, self.nodes, self.shapes, self.bias_sources, self.dt = network, nodes, shapes, bias_sources, dt
        self.reasons: list[str] = []
        self.notes: list[str] = []
        self.outputs: set[str] = set()
        self.sending = {item.source for item in network.projections}

    def feed(self, population: Population) -> FloatArray:
        """Add the chains into a population; return the bias that none of them could take."""
        arriving = [(index, item) for index, item in enumerate(self.network.projections)
                    if item.target == population.name]
        paths = [(index, item) for index, item in arriving if item.source not in self.bias_sources]
        # What a bias brings after some steps goes with weights of the same delay, key 0 with those before any Delay.
        biases = {0: population.parameters["bias"]} if population.model not in ("cuba", "input") else {}
        for _, item in arriving:
            if item.source in self.bias_sources:
                self._gather(biases, item)
        rest = population.parameters["bias"] if population.model == "cuba" else np.zeros(population.size)
        end = self._end(population, [item for _, item in paths])
        for index, item in paths:
            self._chain(index, item, end, biases)
        if population.model != "cuba":
            rest = biases.pop(0, rest)
        late = sorted(delay for delay, bias in biases.items() if bias.any())
        if late:
            self.reasons.append(f"{population.name}: a bias on its synaptic current or from step {late} on, that no "
                                "weights before it can take")
        return rest

    def _gather(self, biases: dict[int, FloatArray], item: Projection) -> None:
        weights = item.weights
        if np.ndim(item.delay_steps) or not isinstance(weights, DenseWeights | OneToOneWeights):
            self.reasons.append(f"projection {item.name}: a bias with a delay per neuron")
            return
        values = weights.values.sum(axis=0) if isinstance(weights, DenseWeights) else weights.values
        delay = int(np.asarray(item.delay_steps))
        biases[delay] = biases.get(delay, np.zeros(len(values))) + values

    def _end(self, population: Population, paths: list[Projection]) -> str:
        """Return the node that chains lead to; a linear population is its only weights, a sum, or an Output."""
        name = population.name
        if population.model != "linear":
            return name
        shape = self.shapes[name]
        if name in self.network.readouts and name not in self.sending:
            self.outputs.add(name)
            return self.nodes.add(name, "Output", shape=np.array(shape, np.int64))
        if len(paths) == 1 and isinstance(paths[0].weights, DenseWeights | ConvolutionWeights) \
                and np.ndim(paths[0].delay_steps) == 0:
            return ""
        return self.nodes.add(name, "Scale", scale=np.ones(shape))

    def _chain(self, index: int, item: Projection, end: str, biases: dict[int, FloatArray]) -> None:
        """Add one projection; an `end` of "" makes its weights the population itself."""
        # The order of nodes in a file is that of their names; readers sum in it.
        label = f"{index:0{len(str(len(self.network.projections)))}d}_{item.source}_{item.target}"
        if np.ndim(item.delay_steps) and not _is_diagonal(item.weights):
            self.reasons.append(f"projection {item.name}: a delay per synapse")
            return
        single = int(np.asarray(item.delay_steps)) if np.ndim(item.delay_steps) == 0 else -1
        late = single if single > 0 and single in biases else 0
        is_implied = item.source == item.target and single == 1
        names = [item.source]
        if single and not late and not is_implied:
            names.append(self._delay(f"{label}_delay", item.delay_steps, self.shapes[item.source]))
        if len(self.shapes[item.source]) > 1 and not isinstance(item.weights, ConvolutionWeights | OneToOneWeights):
            names.append(self.nodes.add(f"{label}_flatten", "Flatten", start_dim=0, end_dim=-1,
                                        input_type=np.array(self.shapes[item.source], np.int64)))
        names.append(self._weights(label if end else item.target, item, biases, late))
        if late:
            names.append(self._delay(f"{label}_later", late, self.shapes[item.target]))
        self.nodes.chain(*names, *([end] if end else []))

    def _delay(self, label: str, delay: Any, shape: Shape) -> str:
        steps = np.broadcast_to(np.asarray(delay, np.float64), (int(np.prod(shape)),))
        return self.nodes.add(label, "Delay", delay=(steps * self.dt).reshape(shape))

    def _weights(self, label: str, item: Projection, biases: dict[int, FloatArray], late: int) -> str:
        """Add the node of the weights, with the bias of that delay if it can take it."""
        weights, bias = item.weights, biases.get(late)
        if isinstance(weights, OneToOneWeights) or (np.ndim(item.delay_steps) and _is_diagonal(weights)):
            return self.nodes.add(label, "Scale", scale=weights.values.reshape(self.shapes[item.target]))
        if isinstance(weights, ConvolutionWeights):
            return self._convolution(label, item, weights, biases, late)
        matrix = weights.values if isinstance(weights, DenseWeights) else self._dense(item, weights)
        if bias is None or not bias.any():
            return self.nodes.add(label, "Linear", weight=np.ascontiguousarray(matrix.T))
        biases[late] = np.zeros(len(bias))
        return self.nodes.add(label, "Affine", weight=np.ascontiguousarray(matrix.T), bias=bias)

    def _dense(self, item: Projection, weights: SparseWeights) -> NDArray[np.float64]:
        pre, post = weights.shape
        if pre * post > MAX_DENSE:
            self.reasons.append(f"projection {item.name}: {weights.n_synapses} listed synapses of {pre} x {post} "
                                f"possible ones; NIR has no list, and at most {MAX_DENSE} are written out")
            return np.zeros((1, 1))
        self.notes.append(f"projection {item.name}: listed synapses are written as a whole matrix")
        matrix = np.zeros((pre, post))
        np.add.at(matrix, (np.repeat(np.arange(pre), np.diff(weights.row_pointer)), weights.targets), weights.values)
        return matrix

    def _convolution(self, label: str, item: Projection, weights: ConvolutionWeights, biases: dict[int, FloatArray],
                     late: int) -> str:
        n_out, bias = weights.output_shape[0], biases.get(late)
        pool = _pool(weights)
        if pool and (bias is None or not bias.any()) and _floored(weights) == weights.output_shape[1:]:
            return self.nodes.add(label, pool, kernel_size=np.array(weights.values.shape[2:], np.int64),
                                  stride=np.array(weights.stride, np.int64),
                                  padding=np.array(weights.padding, np.int64))
        if weights.groups > 1:
            self.notes.append(f"projection {item.name}: nir 1.0.8 misjudges convolutions in groups: read it with "
                              "type_check=False")
        by_channel = np.zeros(n_out)
        if bias is not None and bias.any():
            table = bias.reshape(n_out, -1)
            if (table == table[:, :1]).all():
                by_channel, biases[late] = table[:, 0].copy(), np.zeros(len(bias))
        size = _floored(weights)
        padding: Any = np.array(weights.padding, np.int64)
        if size != weights.output_shape[1:]:
            span = tuple(step * (taps - 1) // 2 for step, taps in
                         zip(weights.dilation, weights.values.shape[2:], strict=True))
            if weights.stride != (1, 1) or weights.padding != span \
                    or weights.output_shape[1:] != weights.input_shape[1:]:
                self.reasons.append(f"projection {item.name}: padding {weights.padding} makes {size}, the target has "
                                    f"{weights.output_shape[1:]}: NIR pads alike on both sides")
            padding = "same"
        return self.nodes.add(label, "Conv2d", weight=weights.values, bias=by_channel, padding=padding,
                              input_shape=np.array(weights.input_shape[1:], np.int64),
                              stride=np.array(weights.stride, np.int64), groups=weights.groups,
                              dilation=np.array(weights.dilation, np.int64))


def _floored(weights: ConvolutionWeights) -> tuple[int, ...]:
    """Return the height and width that NIR infers, with the same padding on both sides."""
    return tuple((length + 2 * pad - step * (taps - 1) - 1) // stride + 1 for length, pad, step, taps, stride in
                 zip(weights.input_shape[1:], weights.padding, weights.dilation, weights.values.shape[2:],
                     weights.stride, strict=True))


def _pool(weights: ConvolutionWeights) -> str:
    """Return the pool that a convolution is, or nothing."""
    values, n_channels = weights.values, weights.input_shape[0]
    if weights.groups != n_channels or len(values) != n_channels or weights.dilation != (1, 1):
        return ""
    area = values.shape[2] * values.shape[3]
    return "SumPool2d" if (values == 1).all() else "AvgPool2d" if (values == 1 / area).all() else ""


def _is_diagonal(weights: Any) -> bool:
    """Whether listed synapses join neuron i to neuron i, one each."""
    return isinstance(weights, SparseWeights) and weights.shape[0] == weights.n_post \
        and np.array_equal(weights.row_pointer, np.arange(weights.n_post + 1)) \
        and np.array_equal(weights.targets, np.arange(weights.n_post))
