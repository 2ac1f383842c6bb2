"""Networks trained with lava-dl, from netx files (`.net`): bit for bit what Lava's fixed-point processes compute.

The network comes quantised: weights, thresholds, decays and biases are the file's integers, states have Loihi's 24
bits, so that `--numbers fixed` needs no calibration and float64 is an approximation without truncation. Populations are
`input` and `layer<i>` by the file's numbers; an image's neurons stand in Lava's order x, y, channel, so that recorded
arrays compare after a reshape. What each neuron type becomes stands in `netx_neurons`, what weights and delays become
in `netx_synapses`.

Time: Lava and Loihi need one step per layer. By default projections have no logical delay, as in training: token t of
layer l is what a recording, whose layers are reset one after the other, shows at step t + l. `layer_latency=1` makes it
a delay of one token instead, as in a Lava run without resets, where biases act before the first input arrives.

Source: lava-nc/lava-dl d825ac50, `src/lava/lib/dl/netx/hdf5.py`, `src/lava/lib/dl/slayer/block/base.py`;
lava-nc/lava b6822fbc, `src/lava/proc/{lif,sdn,rf,rf_iz,dense,conv}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from importers.netx.file import MAX_NEURONS, NetxFile, NetxLayer, Shape
from importers.netx.neurons import (
    STATE_STEPS,
    as_integers,
    input_soma,
    integers,
    neuron_type,
    numbers,
    soma,
    widened,
)
from importers.netx.synapses import MAX_DELAY, Stream, averaging, mean_coding, output_shape, synapses
from importers.result import ImportReport, ImportResult, Support
from neurosim.errors import DataError, NetworkError, OptionError, check_choice
from neurosim.formats import Coding, Format
from neurosim.graph import Network, OneToOneWeights, Population, Projection

SUPPORTS = (
    Support("input", "`input`, one-to-one into `cuba` or `delta`", "`weight` x + `bias` straight into v, or encoded; "
            "without neurons the input sends spikes, or messages where SDNN neurons follow"),
    Support("conv, pool", "one shared kernel (`xyc`)", "no unrolling; pool as a kernel per channel; one delay"),
    Support("dense, dense_comp", "dense weights", "columns from c, y, x to x, y, c; per-input or per-output delays as "
            "sparse synapses, clamped to 62"),
    Support("dense_rec", "dense weights, and itself one token later", "CUBA only; one delay"),
    Support("flatten", "the order of the next layer's columns"),
    Support("average", "`linear`", "mean over groups, last layer only"),
    Support("CUBA, LOIHI", "`cuba`, or `integrator` where the last layer never fires", "refDelay 1 means none; no "
            "graded spikes; wgtExp 0 to 7"),
    Support("SDNN", "`sigma_delta` plain, `delta` at the input, `integrator` for `sigma_output`"),
    Support("RF_PHASE, RF_IZHIKEVICH", "`resonator`", "weight/real and weight/imag; sinDecay and cosDecay as stored"),
    Support("convT, unpool, concat", "refused", "no such synapses in the graph; lava-dl's netx does not read them"),
    Support("ALIF, ADRF_*", "refused", "no integer model"),
    Support("weight_g, weight_v", "refused", "lava-dl multiplies them out when it exports"),
    Support("weights that are not whole", "refused", "exported without 8-bit quantisation"),
)
INPUTS = ("raw", "integers")
READOUTS = ("auto", "potential", "spikes")


def recognises(source: h5py.File) -> bool:
    """Return whether the file has numbered layers, as netx files do."""
    return bool(source.get("layer", getclass=True) is h5py.Group and source.get("layer/0", getclass=True) is h5py.Group)


def import_netx(source: str | Path, *, name: str | None = None, inputs: str = "raw", hold: bool = False,
                layer_latency: int = 0, readout: str = "auto", input_shape: Iterable[int] | None = None
                ) -> ImportResult:
    """Read a network written by lava-dl.

    Parameters
    ----------
    name : of the network; the file's name by default
    inputs : what an input layer with neurons is given. `raw` (default): what the network was trained on; rounded to
        1/32 and clipped to -4 … 3.97, as lava-dl does, then `weight` x + `bias`. `integers`: the result of that, which
        Lava's input process takes: biases of CUBA neurons, values of SDNN ones
    hold : CUBA neurons at the input hold what they were given, as they do on the chip, where it is written to their
        biases once per image: give an image at its first token, zeros afterwards. By default it is given at every token
    layer_latency : logical delay of each layer with synapses: 0 (default) or 1, see above
    readout : last layers of CUBA neurons that cannot fire send their potential (`auto`, default); `potential`: any
        last layer does; `spikes`: none does
    input_shape : (channels, rows, columns), of files that begin with conv or pool without an input layer

    Raises
    ------
    DataError       a file that is damaged, contradicts itself, or holds what `SUPPORTS` refuses
    OptionError     an option outside its range
    """
    check_choice("inputs", inputs, INPUTS)
    check_choice("readout", readout, READOUTS)
    if isinstance(layer_latency, bool) or layer_latency not in (0, 1):
        raise OptionError(f"layer_latency = {layer_latency!r}", allowed="0, 1")
    if not isinstance(hold, bool):
        raise OptionError(f"hold = {hold!r}", allowed="true, false")
    file, shape = NetxFile(source), _shape_option(input_shape)
    try:
        chain = _Chain(file, inputs, hold, layer_latency, readout, shape)
        chain.build()
    except NetworkError as error:
        raise DataError(f"{file.path}: {error}") from error
    lines = file.report_lines()
    settings = {key: f"{value} ({'default' if value == default else 'given'})" for key, value, default in
                (("inputs", inputs, "raw"), ("hold", hold, False), ("layer_latency", layer_latency, 0),
                 ("readout", readout, "auto"))}
    network = Network(name or file.path.stem, tuple(chain.populations), tuple(chain.projections), (chain.stream.name,),
                      {"importer": "netx", "source": file.path.name, "inputs": inputs, "hold": str(hold),
                       "layer_latency": str(layer_latency)})
    return ImportResult(network, ImportReport(lines, settings, tuple(chain.notes)))


def _shape_option(given: Iterable[int] | None) -> Shape | None:
    if given is None:
        return None
    shape: tuple[Any, ...] = tuple(given) if isinstance(given, Iterable) else (given,)
    if len(shape) != 3 or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape) \
            or prod(shape) > MAX_NEURONS:
        raise OptionError(f"input_shape = {shape!r}", allowed="three numbers from 1: channels, rows, columns")
    return shape


class _Chain:
    """Builds layer after layer; `stream` is what the next one gets."""

    def __init__(self, file: NetxFile, inputs: str, hold: bool, latency: int, readout: str, input_shape: Shape | None
                 ) -> None:
        self.file, self.inputs, self.hold, self.latency, self.readout = file, inputs, hold, latency, readout
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.notes: list[str] = []
        self.layers = list(file.layers)
        self.stream = self._first(input_shape)

    def build(self) -> None:
        """Add all layers."""
        for number, layer in enumerate(self.layers):
            if layer.kind == "input":
                raise layer.fault("type", "= 'input' behind other layers", "one input layer, the first")
            if layer.kind == "flatten":
                self._flatten(layer)
            elif layer.kind == "average":
                self._average(layer, is_last=number == len(self.layers) - 1)
            else:
                self._synaptic(layer, is_last=number == len(self.layers) - 1)
        if len(self.populations) < 2:
            raise DataError(f"{self.file.path}: no layer with neurons", allowed="dense, conv, pool, average layers")

    def _add(self, population: Population) -> None:
        self.populations.append(population)
        total = sum(item.size for item in self.populations)
        if total > MAX_NEURONS:
            raise DataError(f"{self.file.path}: {total} neurons up to {population.name}",
                            allowed=f"at most {MAX_NEURONS}")

    def _first(self, input_shape: Shape | None) -> Stream:
        """Add the population `input`, and the neurons of an input layer."""
        layer = self.layers[0]
        if layer.kind == "input":
            self.layers.pop(0)
            shape = layer.shape()
            return self._encoding(layer, shape) if layer.has_neurons else self._plain(shape)
        if layer.kind.startswith("dense"):
            n_weights = max(np.asarray(layer.fields.get(key, 0)).size for key in ("weight", "weight/real"))
            n_in = layer.number("inFeatures", 1, MAX_NEURONS, max(1, n_weights // prod(layer.shape())))
            return self._plain((n_in, 1, 1))
        if input_shape is None:
            raise layer.fault("type", f"= {layer.kind!r} comes first, without an input layer that gives its shape",
                              "an input layer, or the shape of the input",
                              "give input_shape = (channels, rows, columns)")
        return self._plain(input_shape)

    def _plain(self, shape: Shape) -> Stream:
        """Add an input that sends spikes, or messages of SDNN neurons."""
        graded = bool(self.layers) and any(neuron_type(layer) == "SDNN" for layer in self.layers[:1])
        if graded:
            self._add(Population("input", "input", prod(shape), codings={"graded": integers(24)}))
        else:
            self._add(Population("input", "input", prod(shape), attributes={"payload": "spike"}))
        return Stream("input", shape)

    def _encoding(self, layer: NetxLayer, shape: Shape) -> Stream:
        """Add an input of values, and the neurons that take them: v += steps (weight x + bias)."""
        found = input_soma(layer, shape, hold=self.hold)
        weight, bias, payload = np.ones(()), np.zeros(()), integers(16)
        if self.inputs == "raw":
            weight = numbers(layer, "weight", shape, -256, 254, STATE_STEPS)
            bias = numbers(layer, "bias", shape, -4096, 4095, 0)
            payload = Coding(Format(8, 5, rounding="nearest_even"))
        else:
            layer.drop(("weight", "bias"), "inputs = integers: it is given weight x + bias")
        target = found.population
        if np.any(bias):
            if target.model != "cuba":
                raise layer.fault("bias", "of an SDNN input layer", "0, or inputs = 'integers'",
                                  "add it to the data, and give inputs = 'integers'")
            target = replace(target, parameters={**target.parameters, "bias": bias * STATE_STEPS})
        bits, step, signed = as_integers(weight.astype(np.int64))
        self._add(Population("input", "input", prod(shape), codings={"graded": payload}))
        self._add(target)
        values = np.ascontiguousarray(np.broadcast_to(weight * found.steps, (prod(shape),)))
        self.projections.append(Projection("input", layer.name, OneToOneWeights(values),
                                           coding=integers(bits, step * found.steps, signed=signed)))
        return Stream(layer.name, shape, found.unit)

    def _flatten(self, layer: NetxLayer) -> None:
        size = prod(layer.shape())
        if size != prod(self.stream.shape):
            raise layer.fault("shape", f"holds {size} numbers", f"{prod(self.stream.shape)}, as the image before it")
        self.stream = self.stream._replace(flat=True)

    def _average(self, layer: NetxLayer, *, is_last: bool) -> None:
        if not is_last or self.stream.unit != 1.0 or self.populations[-1].model == "integrator":
            raise layer.fault("type", "= 'average' of something else than the last spikes",
                              "an average as the last layer, after neurons that spike")
        n_groups = prod(output_shape(layer, self.stream))
        share = prod(self.stream.shape) // n_groups
        codings = dict.fromkeys(("input", "bias", "graded"), mean_coding(24, share))
        self._add(Population(layer.name, "linear", n_groups, codings=codings))
        self.projections.append(averaging(self.stream, n_groups, layer.name, self.latency))
        self.stream = Stream(layer.name, (n_groups, 1, 1), 1.0 / share)

    def _synaptic(self, layer: NetxLayer, *, is_last: bool) -> None:
        shape = output_shape(layer, self.stream)
        readout = "spikes" if layer.kind == "dense_rec" else self.readout
        found = soma(layer, shape, is_last=is_last, readout=readout)
        joined = synapses(layer, self.stream, found, shape, self.latency)
        self._add(widened(found.population, joined.largest))
        self.projections += joined.projections
        self._note(layer, found.population)
        self.stream = Stream(layer.name, shape, found.unit)

    def _note(self, layer: NetxLayer, population: Population) -> None:
        if population.model == "integrator" and layer.has_neurons and neuron_type(layer) == "CUBA":
            self.notes.append(f"{layer.name}: its neurons cannot fire, so that it sends its potential at every token")
        delays = layer.fields.get("delay")
        if delays is not None and not isinstance(delays, str) and delays.size and delays.max() > MAX_DELAY:
            self.notes.append(f"{layer.name}: delays up to {delays.max():g} are clamped to {MAX_DELAY}")
