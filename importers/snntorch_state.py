"""Networks of snnTorch from their state dict, where it tells the whole network: linear layers and neurons in turn.

    0.weight 0.bias                     nn.Linear
    1.beta 1.threshold 1.reset_mechanism_val [1.alpha] [1.graded_spikes_factor]       Leaky, Synaptic
    [1.recurrent.weight 1.recurrent.bias | 1.recurrent.V]                             RLeaky, RSynaptic

    Leaky      v <- beta v + x                           Synaptic   i <- alpha i + x;  v <- beta v + i
    spike where v > threshold; a recurrence adds its weights times the spikes of the step before, its bias always

A state dict does not hold `forward`: whatever is done there besides passing values from layer to layer is not seen.
The same goes for `reset_delay`: by default snnTorch subtracts the threshold in the step after the spike; with
`reset_mechanism = "zero"` that step's update of recurrent or synaptic neurons is lost as a whole. Given False, and
subtracting, spikes are equal as long as one subtraction takes the potential below the threshold.

Source: snnTorch 1.0.0, snntorch/_neurons/{leaky,synaptic,rleaky,rsynaptic}.py; Eshraghian et al., "Training spiking
neural networks using lessons from deep learning", Proceedings of the IEEE 111 (2023).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from importers.checkpoint import Checkpoint, FloatArray
from importers.files.tensors import TensorFile, load_tensors
from importers.neurons import Neurons, integrate_and_fire
from importers.nir.assemble import bias_population
from importers.option_values import listed
from importers.result import ImportReport, ImportResult, Support, imported
from neurosim.errors import DataError, OptionError, check_choice, nearest
from neurosim.graph import DenseWeights, OneToOneWeights, Population, Projection

SUPPORTS = (
    Support("snnTorch Linear, Leaky, Synaptic", "dense projection, lif, cuba", "state dict in plain order"),
    Support("snnTorch RLeaky, RSynaptic", "projection onto itself, delay 1", "all to all, or one to one by V"),
    Support("snnTorch Conv2d, pools, BatchNorm", "refused", "their geometry is not in a state dict: export NIR"),
)
STATES = ("mem", "spk", "syn", "inh", "reset")
_MARK = "reset_mechanism_val"
_ELSE = ("export the network as NIR (snntorch.export_nir.export_to_nir) and import that, or call neurosim.profile on "
         "the live network")


def recognises(source: TensorFile) -> bool:
    """Return whether the keys are those of snnTorch's neurons."""
    return any(key.endswith(f".{_MARK}") for key in source.tensors)


def import_snntorch_state(source: str | Path | TensorFile, *, name: str | None = None,
                          order: str | Sequence[str] | None = None, reset_delay: bool = True, comparator: str = ">",
                          payload: str = "graded") -> ImportResult:
    """Read a state dict of linear layers and snnTorch neurons in turn; the last layer's spikes are read out.

    Parameters
    ----------
    name : of the network; the file's name by default
    order : names of the layers from the input on, listed or with commas between; by default by the numbers in them, a
        linear layer before the neurons of the same number, or as in the file where a name has no number
    reset_delay : as given to snnTorch's neurons; their default is True
    comparator : `>` as in snnTorch, or `>=`
    payload : of the input: `graded` values or `spike`

    Raises
    ------
    DataError      keys or shapes of another network, layers that do not follow each other
    OptionError    an option outside its range
    """
    check_choice("comparator", comparator, (">", ">="))
    check_choice("payload", payload, ("graded", "spike"))
    if not isinstance(reset_delay, bool):
        raise OptionError(f"reset_delay = {reset_delay!r}", allowed="True, False")
    loaded = source if isinstance(source, TensorFile) else load_tensors(source)
    reader = _Reader(Checkpoint(loaded), reset_delay, comparator)
    layers = reader.layers(listed(order))
    reader.add_input(layers, payload)
    for index in range(0, len(layers), 2):
        reader.add(layers[index], layers[index + 1])
    settings = {"order": f"{', '.join(layers)} ({'numbers in the names' if order is None else 'given'})",
                "reset_delay": f"{reset_delay} (option; a state dict does not hold it)",
                "comparator": f"{comparator} (option)", "payload": f"{payload} (option)"}
    lines = reader.checkpoint.report_lines("a network of linear layers and snnTorch neurons")
    return imported(loaded, name, reader.populations, reader.projections,
                    ImportReport(lines, settings, tuple(reader.notes)), importer="snntorch_state",
                    readouts=(layers[-1],), footprint_bytes=str(_n_bytes(loaded)))


def _n_bytes(source: TensorFile) -> int:
    """Return the bytes of parameters and buffers, states of the last run apart."""
    return sum(values.nbytes for key, values in source.tensors.items() if key.rpartition(".")[2] not in STATES)


class _Reader:
    def __init__(self, checkpoint: Checkpoint, reset_delay: bool, comparator: str) -> None:
        self.checkpoint, self.reset_delay, self.comparator = checkpoint, reset_delay, comparator
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.notes = ["what `forward` does besides passing values from layer to layer is not in a state dict"]
        self.source, self.factor = "input", 1.0         # what the next layer takes from, and what its spikes stand for

    def layers(self, order: Sequence[str] | None) -> list[str]:
        """Return the names of linear layers and neurons in turn, from the input on."""
        tensors = self.checkpoint.tensors
        is_neuron = {key.removesuffix(f".{_MARK}"): True for key in tensors if key.endswith(f".{_MARK}")}
        owned = tuple(f"{neuron}." for neuron in is_neuron)
        found = {**{key.removesuffix(".weight"): False for key in tensors
                    if key.endswith(".weight") and not key.startswith(owned)}, **is_neuron}
        if order is None:
            names = list(found) if any(not re.search(r"\d", layer) for layer in found) else \
                sorted(found, key=lambda layer: ([int(part) for part in re.findall(r"\d+", layer)], found[layer]))
        else:
            names = list(order)
            self._check_order(names, list(found))
        turns = [is_neuron.get(layer, False) for layer in names]
        if not names or turns != [False, True] * (len(names) // 2):
            raise self._wrong(f"layers {', '.join(names) or '(none)'} do not take turns",
                              "linear layers and neurons in turn, as fc1, lif1, fc2, lif2")
        return names

    def _check_order(self, names: list[str], found: list[str]) -> None:
        for layer in names:
            if layer not in found:
                raise OptionError(f"order names {layer!r}", allowed=", ".join(found), mend=nearest(layer, found))
        if sorted(names) != sorted(found):
            missing = [layer for layer in found if layer not in names]
            raise OptionError(f"order has {len(names)} names, the file {len(found)} layers",
                              allowed=f"each once; missing: {', '.join(missing) or 'none'}")

    def add_input(self, layers: list[str], payload: str) -> None:
        """Add the input population, as wide as the first linear layer."""
        self.populations.append(Population("input", "input", self._shape(layers[0])[1],
                                           attributes={"payload": payload}))

    def add(self, linear: str, neuron: str) -> None:
        """Add a linear layer and the neurons behind it."""
        size, width = self._shape(linear)
        before = self.populations[-1] if self.source == "input" else \
            next(found for found in self.populations if found.name == self.source)
        if width != before.size:
            raise self._wrong(f"{linear}.weight takes {width} values, {before.name} before it sends {before.size}",
                              "layers that fit")
        weights = self.checkpoint.take(f"{linear}.weight", (size, width), target=f"projection into {neuron}").T
        bias = np.zeros(size)
        if f"{linear}.bias" in self.checkpoint:
            bias = self.checkpoint.take(f"{linear}.bias", (size,), target=f"bias of {neuron}", action="folded")
        made, factor = self._neurons(neuron, size)
        matrix = DenseWeights(np.ascontiguousarray(weights * self.factor))
        self.projections.append(Projection(self.source, neuron, matrix))
        bias = bias + self._recurrence(neuron, size, factor)
        self._add_biased(neuron, made, bias)
        self.projections += made.own_projections()
        self.source, self.factor = neuron, factor

    def _neurons(self, name: str, size: int) -> tuple[Neurons, float]:
        """Return the population without bias, and the factor of its spikes."""
        take = self.checkpoint.take
        leak = np.clip(self._each(f"{name}.beta", size), 0.0, 1.0)
        has_current = f"{name}.alpha" in self.checkpoint
        current_leak = np.clip(self._each(f"{name}.alpha", size), 0.0, 1.0) if has_current else None
        mechanism = float(take(f"{name}.{_MARK}", (), (1,), target=f"{name}: reset"))
        if mechanism not in (0.0, 1.0, 2.0):
            raise self._wrong(f"{name}.{_MARK} = {mechanism:g}", "0 (subtract), 1 (zero), 2 (none)")
        factor = 1.0
        if f"{name}.graded_spikes_factor" in self.checkpoint:
            factor = float(take(f"{name}.graded_spikes_factor", (), (1,), target="weights behind it", action="folded"))
        for state in STATES:
            if f"{name}.{state}" in self.checkpoint:
                self.checkpoint.drop(f"{name}.{state}", "a state of the last run")
        reset = self._reset(name, int(mechanism), has_current)
        zeros = np.zeros(size)
        return integrate_and_fire(name, leak, self._each(f"{name}.threshold", size), gain=np.ones(size), bias=zeros,
                                  reset=reset, comparator=self.comparator, current_leak=current_leak), factor

    def _reset(self, name: str, mechanism: int, has_current: bool) -> str:
        if mechanism == 2:
            return "none"
        if mechanism == 0:
            return "soft_delayed" if self.reset_delay else "soft"
        is_leaky = not has_current and not any(key.startswith(f"{name}.recurrent.") for key in self.checkpoint.tensors)
        return "hard" if is_leaky or not self.reset_delay else "hard_delayed"

    def _recurrence(self, name: str, size: int, factor: float) -> FloatArray:
        """Add the synapses of a recurrent layer; return its bias."""
        if f"{name}.recurrent.weight" in self.checkpoint:
            values = self.checkpoint.take(f"{name}.recurrent.weight", (size, size), target=f"{name} onto itself")
            weights = DenseWeights(np.ascontiguousarray(values.T * factor))
            self.projections.append(Projection(name, name, weights, delay_steps=1))
        key = next((key for key in (f"{name}.recurrent.V", f"{name}.V") if key in self.checkpoint), None)
        if key is not None:
            if key.endswith("recurrent.V") and f"{name}.V" in self.checkpoint:
                self.checkpoint.drop(f"{name}.V", "the same numbers as recurrent.V")
            self.projections.append(Projection(name, name, OneToOneWeights(self._each(key, size) * factor),
                                               delay_steps=1))
        if f"{name}.recurrent.bias" not in self.checkpoint:
            return np.zeros(size)
        return self.checkpoint.take(f"{name}.recurrent.bias", (size,), target=f"bias of {name}", action="folded")

    def _add_biased(self, name: str, made: Neurons, bias: FloatArray) -> None:
        population = made.population
        if made.takes_bias:
            parameters = {**population.parameters, "bias": bias}
            population = Population(name, population.model, population.size, parameters, population.attributes)
        self.populations.append(population)
        if made.takes_bias or not bias.any():
            return
        if not any(found.name == "bias" for found in self.populations):
            self.populations.append(bias_population("bias"))
            self.notes.append("population 'bias' fires at every step: it carries biases that act on synaptic currents")
        self.projections.append(Projection("bias", name, DenseWeights(bias[None, :].copy())))

    def _each(self, key: str, size: int) -> FloatArray:
        """Return a number, or one per neuron, as float64[neuron]."""
        shape = self.checkpoint.shape(key)
        single = shape if shape in ((), (1,)) else (size,)
        return np.broadcast_to(self.checkpoint.take(key, single, target=key.rsplit(".", 1)[0]), (size,)).copy()

    def _shape(self, linear: str) -> tuple[int, int]:
        shape = self.checkpoint.shape(f"{linear}.weight")
        if len(shape) != 2:
            raise self._wrong(f"{linear}.weight has shape {shape}: a convolution or a norm, whose geometry is not in a "
                              "state dict", "linear layers, (out, in)")
        return shape[0], shape[1]

    def _wrong(self, what: str, allowed: str) -> DataError:
        return DataError(f"{self.checkpoint.path}: {what}", allowed=allowed, mend=f"give order=…; or {_ELSE}")
