"""Synapses of a netx file as projections: integer weights as they are, images in Lava's order x, y, channel.

lava-dl writes dense weights for inputs in the order of a flattened image, channel, row, column; they are put into the
order of the source population here. A convolution stays one shared kernel.

Delays belong to the synapses of the layer that carries them, as lava-dl's own netx reads them. In training they are of
what the layer sends: the same, but for the first tokens of neurons with a bias.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from importers.netx.file import IntArray, NetxLayer, Shape
from importers.netx.neurons import Soma, as_integers, integers
from neurosim.formats import Coding
from neurosim.graph import ConvolutionWeights, DenseWeights, Projection, SparseWeights, Weights

MAX_DELAY = 62
ORDER = "xyc"
_EVEN = "Loihi drops the lowest bit of 8-bit weights of both signs"


class Stream(NamedTuple):
    """What a layer gets: the population before it, the shape of its image, the value of one of its payload's integers.

    flat : a flatten layer stands between
    """

    name: str
    shape: Shape
    unit: float = 1.0
    flat: bool = False

    @property
    def columns(self) -> IntArray:
        """The column of each source neuron in the weights of a dense layer."""
        places = np.arange(prod(self.shape)).reshape(self.shape)
        return places.transpose(2, 1, 0).reshape(-1)


class Synapses(NamedTuple):
    """projections; largest: what the integer sums can reach, over all of them"""

    projections: tuple[Projection, ...]
    largest: float


def output_shape(layer: NetxLayer, stream: Stream) -> Shape:
    """Return the shape of a layer with synapses, and refuse one that does not follow from the layer before it."""
    shape = layer.shape()
    if layer.kind in ("conv", "pool"):
        return _image_shape(layer, stream, shape)
    if layer.kind == "average":
        if prod(stream.shape) % prod(shape):
            raise layer.fault("shape", f"= {list(shape)}: {prod(stream.shape)} neurons before it",
                              "a number of groups that divides them")
        return prod(shape), 1, 1
    if stream.shape[1:] != (1, 1) and not stream.flat:
        raise layer.fault("type", f"= {layer.kind!r} after an image of shape {stream.shape}",
                          "a flatten layer between them")
    for key, size, where in (("inFeatures", prod(stream.shape), "neurons before it"),
                             ("outFeatures", prod(shape), "neurons by its shape")):
        if key in layer and layer.number(key, 1, 2**31) != size:
            raise layer.fault(key, f"= {layer.number(key, 1, 2**31)}", f"{size}, the {where}")
    return prod(shape), 1, 1


def _image_shape(layer: NetxLayer, stream: Stream, shape: Shape) -> Shape:
    if stream.flat:
        raise layer.fault("type", f"= {layer.kind!r} after a flatten layer", "conv and pool before it")
    channels, stride, padding, dilation = shape[0], *_geometry(layer)
    kernel = _kernel_size(layer)
    if layer.kind == "conv":
        for key, size in (("inChannels", stream.shape[0]), ("outChannels", channels)):
            if key in layer and layer.number(key, 1, 2**31) != size:
                raise layer.fault(key, f"= {layer.number(key, 1, 2**31)}", f"{size}, the channels of the images")
    else:
        channels = stream.shape[0]
    places = [(stream.shape[1 + a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1
              for a in (0, 1)]
    if (channels, *places) != shape:
        raise layer.fault("shape", f"= {list(shape)}", f"{[channels, *places]}, from an image of shape "
                          f"{list(stream.shape)}, kernel {kernel}, stride {stride}, padding {padding}, dilation "
                          f"{dilation}")
    return shape


def _geometry(layer: NetxLayer) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Return stride, padding and dilation."""
    return layer.pair("stride", 1), layer.pair("padding", 0), layer.pair("dilation", 1)


def _weight_key(layer: NetxLayer) -> str:
    return "weight/real" if "weight/real" in layer else "weight"


def _kernel_size(layer: NetxLayer) -> tuple[int, int]:
    shape = np.shape(layer.take(_weight_key(layer), layer.name))
    if len(shape) not in (4, 5) or shape[4:] not in ((), (1,)) or 0 in shape:
        raise layer.fault(_weight_key(layer), f"has shape {shape}", "(out, in / groups, height, width)")
    if "kernelSize" in layer and layer.pair("kernelSize", 1) != shape[2:4]:
        raise layer.fault("kernelSize", f"= {layer.pair('kernelSize', 1)}", f"{shape[2:4]}, as the weights have it")
    return int(shape[2]), int(shape[3])


def synapses(layer: NetxLayer, stream: Stream, soma: Soma, shape: Shape, latency: int) -> Synapses:
    """Return all projections into a layer.

    latency : logical delay of each, to which its own delays are added
    """
    for key in ("weight_g", "weight_v"):
        if key in layer:
            raise layer.fault(key, "is a part of normalised weights", "weights as lava-dl exports them, multiplied out",
                              "call disable_weight_norm() before the export")
    ports = (("weight/real", "real"), ("weight/imag", "imag")) if soma.complex else (("weight", "input"),)
    if not soma.complex and "weight/real" in layer or soma.complex and "weight" in layer:
        raise layer.fault(_weight_key(layer), f"of neurons of type {layer.fields.get('neuron/type', 'CUBA')}",
                          "complex weights (weight/real, weight/imag) for RF neurons, and only for them")
    builder = _Builder(layer, stream, soma, prod(shape), latency)
    for key, port in ports:
        if layer.kind in ("conv", "pool"):
            builder.image(key, port, shape)
        else:
            builder.dense(key, port)
    if layer.kind == "dense_rec":
        builder.recurrent()
    return Synapses(tuple(builder.projections), builder.largest * soma.steps)


class _Builder:
    """Collects the projections into one layer; `largest` is what a neuron's sum of weights times spikes may reach."""

    def __init__(self, layer: NetxLayer, stream: Stream, soma: Soma, n_out: int, latency: int) -> None:
        self.layer, self.stream, self.soma, self.n_out, self.latency = layer, stream, soma, n_out, latency
        self.projections: list[Projection] = []
        self.largest = 0.0

    def dense(self, key: str, port: str) -> None:
        """Add weights [out, in]."""
        values = self._matrix(key, prod(self.stream.shape))
        self.largest += float(np.abs(values).sum(axis=1).max())
        by_source = np.ascontiguousarray(values.T[self.stream.columns])
        delay = self._delay(values.shape)
        coding = self._coding(values, self.stream.unit)
        weights = self._values(by_source, self.stream.unit)
        if np.ndim(delay) == 0:
            self._add(DenseWeights(weights), port, coding, int(delay))
        else:
            per_synapse = np.ascontiguousarray(delay.T[self.stream.columns]).reshape(-1)
            self._add(_listed(weights), port, coding, per_synapse)

    def recurrent(self) -> None:
        """Add weights from the layer to itself, one token later."""
        if self.soma.population.model != "cuba":
            raise self.layer.fault("neuron/type", f"= {self.layer.fields['neuron/type']!r} in a recurrent layer",
                                   "CUBA, LOIHI")
        values = self._matrix("weight_rec", self.n_out)
        self.largest += float(np.abs(values).sum(axis=1).max())
        weights = DenseWeights(self._values(np.ascontiguousarray(values.T), 1.0))
        name = self.layer.name
        self.projections.append(Projection(name, name, weights, delay_steps=1, coding=self._coding(values, 1.0)))

    def image(self, key: str, port: str, shape: Shape) -> None:
        """Add a shared kernel."""
        layer, channels = self.layer, self.stream.shape[0]
        stride, padding, dilation = _geometry(layer)
        kernel = self._integers(key)
        kernel = kernel.reshape(*kernel.shape[:4])
        groups = layer.number("groups", 1, channels, 1) if layer.kind == "conv" else channels
        if layer.kind == "pool":
            if tuple(kernel.shape[:2]) != (1, 1):
                raise layer.fault(key, f"has shape {kernel.shape}", "(1, 1, height, width)")
            kernel = np.broadcast_to(kernel, (channels, *kernel.shape[1:]))
        elif channels % groups or shape[0] % groups or tuple(kernel.shape[:2]) != (shape[0], channels // groups):
            raise layer.fault(key, f"has shape {kernel.shape}, groups = {groups}",
                              f"({shape[0]}, {channels} / groups, height, width)")
        self.largest += float(np.abs(kernel).sum(axis=(1, 2, 3)).max())
        weights = ConvolutionWeights(self._values(kernel, self.stream.unit), self.stream.shape, shape, stride, padding,
                                     dilation, groups, ORDER)
        self._add(weights, port, self._coding(kernel, self.stream.unit, whole_bytes=True),
                  int(self._delay((0, 0))))

    def _add(self, weights: Weights, port: str, coding: Coding, delay: int | IntArray) -> None:
        self.projections.append(Projection(self.stream.name, self.layer.name, weights, port,
                                           delay_steps=delay + self.latency, coding=coding))

    def _value(self, unit: float) -> float:
        """Return the value of weight 1: W s is counted in the state's steps, whatever s is worth."""
        return self.soma.steps / unit

    def _values(self, weights: IntArray, unit: float) -> NDArray[np.float64]:
        return np.asarray(weights * self._value(unit), np.float64)

    def _integers(self, key: str) -> IntArray:
        """Return weights that Loihi's synapses can hold."""
        values = self.layer.integers(key, -256, 255)
        mixed = values.min() < 0
        if mixed and (values.max() > 127 or values.min() < -128):
            values = self.layer.integers(key, -256, 254, even=_EVEN)
        return values

    def _matrix(self, key: str, n_in: int) -> IntArray:
        """Return weights [out, in]; lava-dl squeezes those of a single neuron."""
        values = self._integers(key)
        if values.shape not in ((self.n_out, n_in), (self.n_out, n_in, 1, 1, 1), (self.n_out * n_in,)):
            raise self.layer.fault(key, f"has shape {values.shape}", f"{(self.n_out, n_in)}: (out, in)")
        return values.reshape(self.n_out, n_in)

    def _coding(self, values: NDArray[np.int64], unit: float, whole_bytes: bool = False) -> Coding:
        """Return the narrowest integers for dense weights, as lava-dl chooses; a kernel's have 8 bits."""
        bits, step, signed = as_integers(values)
        if whole_bytes:
            step = 2 if bits + step.bit_length() - 1 > 8 else 1
            bits = 8
        return integers(bits, step * self._value(unit), signed=signed)

    def _delay(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Return one delay, or int64[out, in]: `delay` is one number, or one per output, or one per input.

        shape : (out, in) of dense weights, (0, 0) of a kernel
        """
        layer = self.layer
        if "delay" not in layer:
            return np.zeros((), np.int64)
        values = np.minimum(layer.integers("delay", 0, 2**20, f"delays of {layer.name}").reshape(-1), MAX_DELAY)
        if np.all(values == values[0]) and (values.size in (1, *shape) or not any(shape)):
            return np.asarray(values[0])
        if not any(shape):
            raise layer.fault("delay", "differs by neuron", "one number: a kernel is shared by all neurons",
                              "train without delays of single neurons here")
        if layer.kind == "dense_rec":
            raise layer.fault("delay", "differs by neuron in a recurrent layer", "one number",
                              "lava-dl trains and runs such delays differently: train without them")
        if values.size not in shape:
            raise layer.fault("delay", f"has {values.size} numbers",
                              f"1, {shape[0]} (of each output) or {shape[1]} (of each input)")
        by_output = values.size == shape[0]
        return np.asarray(np.broadcast_to(values[:, None] if by_output else values, shape))


def _listed(values: NDArray[np.float64]) -> SparseWeights:
    """Return all-to-all weights [pre, post] one by one."""
    n_pre, n_post = values.shape
    return SparseWeights(np.arange(n_pre + 1, dtype=np.int64) * n_post, np.tile(np.arange(n_post), n_pre),
                         values.reshape(-1), n_post)


def averaging(stream: Stream, n_groups: int, name: str, latency: int) -> Projection:
    """Return the synapses of an average layer: consecutive neurons of the flattened image form a group."""
    n_neurons = prod(stream.shape)
    share = n_neurons // n_groups
    weights = SparseWeights(np.arange(n_neurons + 1, dtype=np.int64), stream.columns // share,
                            np.full(n_neurons, 1.0 / share), n_groups)
    return Projection(stream.name, name, weights, delay_steps=latency, coding=mean_coding(2, share))


def mean_coding(bits: int, share: int) -> Coding:
    """Return integers that count in parts of `share`."""
    return Coding(integers(bits).format, np.asarray(1.0 / share))
