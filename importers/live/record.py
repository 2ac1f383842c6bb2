"""What was written down of a layer of neurons while the module ran."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import numpy as np

from importers.live.neurons import RefusedError, Rule
from importers.live.origin import Array, Call, IntArray, Layer, Read, Registry, Source

# From a layer to where its input comes from: numbers of sources, one for each operation on the way.
Path = tuple[int, ...]


class Outside(NamedTuple):
    """Values from outside that arrive by one path: step -> float64[sample, element]."""

    steps: dict[int, Array]


@dataclass(eq=False)
class NeuronLayer:
    """A layer of neurons.

    sources : what it reads, at any step
    delays : path -> how many steps ago the neurons at its end sent what arrives
    outside : path -> values, where a path ends outside
    spikes : step -> what each neuron sent, bool[sample, neuron]
    """

    layer: Layer
    rule: Rule
    sources: list[Source] = field(default_factory=list)
    delays: dict[Path, int] = field(default_factory=dict)
    outside: dict[Path, Outside] = field(default_factory=dict)
    spikes: dict[int, Array] = field(default_factory=dict)
    largest: float = 0.0                # magnitude of what was sent
    n_calls: int = 0
    n_steps: int = 0
    _seen: dict[Path, set[int]] = field(default_factory=dict)
    _biased: dict[Path, Layer] = field(default_factory=dict)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise RefusedError where a later call has another shape."""
        if shape != self.layer.shape:
            raise RefusedError(f"is called with {shape} and with {self.layer.shape} neurons: give each layer a module "
                               "of its own")

    def steps_of(self, sample: IntArray, shape: tuple[int, ...], n_samples: int) -> IntArray:
        """Return the step at each position of a call; calls follow each other in time."""
        n_steps = 1
        if self.rule.time_axis is not None:
            n_steps = shape[self.rule.time_axis]
        if len(sample) != n_steps * n_samples:
            raise RefusedError(f"gets {len(sample)} items in one call, for {n_samples} samples and {n_steps} time step"
                               f"{'s' if n_steps > 1 else ''}: set time_axis and per_step as the module needs them")
        order = np.arange(len(sample))
        step = order // n_samples if self.rule.time_axis != 1 else order % n_steps
        if len(np.unique(step * n_samples + sample)) < len(sample):
            raise RefusedError("takes another axis for time than time_axis says")
        self.n_calls, self.n_steps = self.n_calls + 1, self.n_steps + n_steps
        return step + self.n_steps - n_steps

    def take(self, registry: Registry, reads: tuple[Read, ...], sample: IntArray, step: IntArray, sent: Array | None
             ) -> None:
        """Write down what one call read, by paths back to neurons and to the outside, and what it sent (or None)."""
        for read in reads:
            known = [index for index, source in enumerate(self.sources) if source.is_like(read.source)]
            if not known:
                known = [len(self.sources)]
                self.sources.append(read.source)
            self._follow(registry, read, (known[0],), np.arange(len(sample)), sample, step)
        if sent is None:
            return
        sent = self.rule.spikes_of(sent)
        self.largest = max(self.largest, float(np.abs(sent).max(initial=0)))
        for number in np.unique(step).tolist():
            here = step == number
            rows = np.empty((int(here.sum()), prod(self.layer.shape)), sent.dtype)
            rows[sample[here]] = sent[here]
            self.spikes[number] = rows

    def check_recurrences(self) -> None:
        """Raise RefusedError where an input with a delay of d is missing at a step from d on."""
        for path, delay in self.delays.items():
            missing = set(range(delay, self.n_steps)) - self._seen[path]
            if missing:
                raise RefusedError(f"lacks an input at time step {min(missing)} that it has at others")
        for path, layer in self._biased.items():
            missing = set(range(self.n_steps)) - self._seen[path]
            if missing:
                raise RefusedError(f"lacks {layer.name}, which has a bias, at time step {min(missing)}: begin with "
                                   "zeros")

    def _follow(self, registry: Registry, read: Read, path: Path, here: IntArray, sample: IntArray, step: IntArray
                ) -> None:
        """Follow one source back. `here`: positions of the neurons' call; `read` speaks of the reader's positions."""
        there = read.call >= 0
        for number in np.unique(read.call[there]).tolist():
            rows = np.flatnonzero(read.call == number)
            self._follow_call(registry, registry.calls[number], read.position[rows], path, here[rows], sample, step)

    def _follow_call(self, registry: Registry, call: Call, position: IntArray, path: Path, here: IntArray,
                     sample: IntArray, step: IntArray) -> None:
        if call.layer.kind == "neurons":
            self._note_delay(path, step[here] - call.step[position], step[here])
        elif call.layer.kind == "outside":
            self._note_values(path, call, position, sample[here], step[here])
        elif call.layer.settings.get("bias") is not None or call.layer.kind == "scale":
            self._biased[path] = call.layer
            self._seen.setdefault(path, set()).update(step[here].tolist())
        for index, read in enumerate(call.reads):
            narrowed = Read(read.source, read.call[position], read.position[position])
            self._follow(registry, narrowed, (*path, index), here, sample, step)

    def _note_delay(self, path: Path, delay: IntArray, step: IntArray) -> None:
        known = self.delays.setdefault(path, int(delay[0]))
        if known < 0 or np.any(delay != known):
            raise RefusedError("reads spikes of several time steps at once")
        self._seen.setdefault(path, set()).update(step.tolist())

    def _note_values(self, path: Path, call: Call, position: IntArray, sample: IntArray, step: IntArray) -> None:
        assert call.values is not None
        steps = self.outside.setdefault(path, Outside({})).steps
        for number in np.unique(step).tolist():
            rows = step == number
            values = steps.setdefault(number, np.zeros((len(np.unique(sample)), call.values.shape[1])))
            values[sample[rows]] = call.values[position[rows]]
