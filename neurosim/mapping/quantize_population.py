"""The codings of one population: which scales its quantities get, in an order in which each depends on earlier ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import OptionError
from neurosim.formats import Coding, fraction_for
from neurosim.graph import Population
from neurosim.machine import Float64Array
from neurosim.mapping.choose_scale import coding_of, holding, needed_scale, power_above
from neurosim.mapping.fixed_modes import interval_powers
from neurosim.mapping.quantize_rules import Choices, Rules
from neurosim.mapping.ranges import Given, Magnitudes
from neurosim.numbers import MOST_SHIFT
from neurosim.quantity_specs import MODEL_QUANTITIES, QuantitySpec

# Of payloads with free scales, which would otherwise be full to the last step: rounded weights shift them a little.
PAYLOAD_MARGIN = 1 / 64
# A channel that hardly stirred in the samples says little about its range.
FINEST_CHANNEL = 2.0**-10
# Quantities that stand for a parameter's real and imaginary part.
COMPLEX = ("a", "b", "c")
_SAMPLED = ("charge", "state", "internal", "payload")
# Their payload is cut from the state by whole bits, the same for all neurons.
_ENCODERS = {"sigma_delta": "sigma", "delta": "input"}
# `center` squares its values: scales far apart would leave the shifts that a conversion can do.
_TOGETHER = (*_ENCODERS, "center")
# What a state or internal value is compared with, or set to.
_COMPARED = {"lif": ("potential", "threshold", "reset_value"), "cuba": ("potential", "threshold", "reset_value"),
             "ssm_heaviside": ("y", "threshold"), "resonator": ("real", "threshold"), "brf": ("u", "threshold"),
             "alif": ("potential", "threshold"), "scaled_lif": ("potential", "threshold")}
# What counts spikes.
_COUNT = ("bit_shift_lif", "graded")
# States that a spike lifts by 1 or less.
_LIFTED = {"brf": "q", "alif": "adaptation"}
# Factors that may use all their bits behind the point where they are below 1.
_SMALL = ("omega", "damping", "refractory_gain", "input_gain")


def quantize_population(population: Population, samples: Mapping[str, Magnitudes], rules: Rules) -> dict[str, Coding]:
    """Return quantity -> coding; raise OptionError or CapacityError where one cannot be had."""
    return _Population(population, samples, rules).codings()


class _Population:
    """scales : quantity -> float64[] or float64[neuron], filled as they are chosen"""

    def __init__(self, population: Population, samples: Mapping[str, Magnitudes], rules: Rules) -> None:
        self.population, self.samples, self.options = population, samples, rules.options
        self.specs = {item.name: item for item in MODEL_QUANTITIES[population.model].quantities}
        self.choices = {name: self._choices(rules, item) for name, item in self.specs.items()}
        self.free = rules.options.scales == "free"
        self.by_channel = rules.options.granularity == "channel" and population.model not in _TOGETHER
        # A state-space channel without a curve sends y as it is.
        self.sends_y = population.model == "ssm" and population.attributes["activation"] != "gelu"
        if self.sends_y:
            fewer = min(self.choices["y"].bits, self.choices["graded"].bits)
            self.choices["graded"] = self.choices["graded"]._replace(bits=fewer)
        self.scales: dict[str, Float64Array] = {}

    def codings(self) -> dict[str, Coding]:
        """Return all codings, in the order of the model's quantities."""
        for group in self._groups():
            scale = self._of_samples(group)
            self.scales.update(dict.fromkeys(group, scale))
        self._adjust()
        found = {name: coding_of(scale, *self.choices[name], signed=(self.population.model, name) != _COUNT)
                 for name, scale in self.scales.items()}
        if self.sends_y:
            found["y"] = found["graded"]
        for name, item in self.specs.items():
            if name not in found:
                found[name] = self._stored(name, item)
        return {name: found[name] for name in self.specs}

    # -- values that are computed ------------------------------------------------------------------------------------

    def _groups(self) -> list[tuple[str, ...]]:
        """Return what shares a scale, of the values that are computed."""
        model = MODEL_QUANTITIES[self.population.model]
        tied = {name for group in model.same_scale for name in group}
        single = [(name,) for name, item in self.specs.items() if item.role in _SAMPLED and name not in tied]
        return [*model.same_scale, *(group for group in single if not (self.sends_y and group == ("y",)))]

    def _of_samples(self, group: tuple[str, ...]) -> Float64Array:
        """Return the finest scale at which all of the group hold what they held in the samples, and what they must."""
        scale = np.zeros(self.population.size if self._by_channel(group) else 1)
        for name in group:
            scale = np.maximum(scale, self._needed(name, len(scale)))
        if not scale.any():
            scale = np.full(1, self._without_samples(group))
        scale = np.where(scale > 0, np.maximum(scale, scale.max() * FINEST_CHANNEL), scale.max())
        for name in group:
            scale = np.maximum(scale, self._compared(name, len(scale)))
        return _one(scale)

    def _by_channel(self, group: tuple[str, ...]) -> bool:
        return self.by_channel and all(self.specs[name].role != "payload" for name in group)

    def _needed(self, name: str, n_channels: int) -> Float64Array:
        samples = self.samples.get(name)
        if samples is None:
            return np.zeros(n_channels)
        if n_channels == 1:
            samples = samples.together()
        if not np.all(np.isfinite(samples.largest)):
            raise OptionError(f"{self._where(name)} leaves all numbers in the samples", allowed="finite values",
                              mend="check the network: its values grow without end")
        needed = needed_scale(samples, self._high(name), self.options, self.choices[name].rounding)
        if self.specs[name].role != "payload":
            return needed * 2.0**self.options.headroom_bits
        exact = self.population.model == "input"
        return needed if exact or not self.free else needed * (1 + PAYLOAD_MARGIN)

    def _without_samples(self, group: tuple[str, ...]) -> float:
        """Return the scale of values that were 0 in all samples: that of the parameters added to them, else of 1."""
        added = [self._values(name) for name, item in self.specs.items() if item.step_of in group]
        largest = max((float(np.abs(values).max(initial=0.0)) for values in added), default=0.0) or 1.0
        return float(power_above(np.asarray(largest)) / (1 << min(self.choices[name].bits for name in group) - 2))

    def _compared(self, name: str, n_channels: int) -> Float64Array:
        """Return the scale at which the values that `name` is compared with lie within its range, one step inside."""
        population = self.population
        if _LIFTED.get(population.model) == name or (population.model == "ssm_lif" and name in ("potential", "y")):
            largest = np.ones(population.size)
        elif _COMPARED.get(population.model, ("",))[0] == name:
            values = [np.abs(population.parameters[item]) for item in _COMPARED[population.model][1:]]
            largest = np.max(values, axis=0)
        else:
            return np.zeros(n_channels)
        if n_channels == 1:
            largest = largest.max(keepdims=True)
        return holding(largest, self._high(name) - 1, free=self.free)

    def _adjust(self) -> None:
        """Bring scales together that must differ by powers of two only."""
        scales, model = self.scales, self.population.model
        if model == _COUNT[0]:          # whole numbers, whose last step matters: nothing is scaled
            scales.update(dict.fromkeys(scales, np.asarray(1.0)))
        if "b" in self.specs:           # so that it can be a power of two of their ratio
            scales["h"] = _one(_times_power(scales["input"], scales["h"]))
        if model in _ENCODERS:
            scales["graded"] = _times_power(scales[_ENCODERS[model]], scales["graded"], at_least=0)

    # -- values that are stored --------------------------------------------------------------------------------------

    def _stored(self, name: str, item: QuantitySpec) -> Coding:
        if item.step_of:
            return self._in_steps(name, item.step_of)
        if name in ("b", "d"):
            ratio = self.scales["h"] / self.scales["input"]
            return self._below(name, ratio if name == "b" else ratio * self.scales["c"])
        if name == "c":
            self.scales["c"] = self._of_values(name)
            return coding_of(self.scales["c"], *self.choices[name])
        if name == "scale":
            return coding_of(power_above(self._of_values(name)).max(), *self.choices[name])
        return self._plain(name)

    def _values(self, name: str) -> NDArray[np.float64]:
        return stored_values(self.population, name)

    def _of_values(self, name: str) -> Float64Array:
        values = self._values(name)
        channels = np.broadcast_to(np.arange(self.population.size), values.shape).reshape(-1)
        given = Given(values, channels, self.population.size) if self.by_channel else Given(values)
        scale = needed_scale(given, self._high(name), self.options, self.choices[name].rounding)
        scale = scale if scale.any() else np.ones(1)
        return _one(np.where(scale > 0, scale, scale.max()))

    def _in_steps(self, name: str, of: str) -> Coding:
        """Return the coding of a parameter in steps of another quantity, made coarser until its bits hold it."""
        values, step = np.abs(self._values(name)), self.scales[of]
        steps = np.maximum(power_above(values / step / self._high(name)), 1.0)
        scale = step * (steps if self.by_channel else steps.max())
        lost = (values > 0) & (values < scale / 2)
        if name == "threshold" and np.any(lost):
            worst = int(np.argmax(lost))
            raise OptionError(
                f"{self._where(name)}: {values[worst]:g} is below half a step of "
                f"{float(np.broadcast_to(scale, values.shape)[worst]):g} and would be 0",
                allowed="half a step and more",
                mend=f"give {of} more bits, or take values out of its range (method percentile or mse)")
        return coding_of(_one(scale), *self.choices[name])

    def _below(self, name: str, ratio: Float64Array) -> Coding:
        """Return the coding of scale ratio * 2**-s, s as large as the bits allow."""
        largest = np.abs(self._values(name)).reshape(-1, self.population.size).max(axis=0)
        with np.errstate(divide="ignore"):
            shift = np.frexp(ratio * self._high(name) / largest)[1] - 1
        least = shift[largest > 0].min(initial=MOST_SHIFT) if np.any(largest > 0) else 0
        shift = np.where(largest > 0, shift, least) if self.by_channel else np.full(1, least)
        return coding_of(_one(np.ldexp(ratio, -np.clip(shift, -MOST_SHIFT, MOST_SHIFT))), *self.choices[name])

    def _plain(self, name: str) -> Coding:
        """Return the coding of a factor without gain: unsigned where it may be, so that 1 fits without loss."""
        values = self._values(name)
        bits, rounding, overflow = self.choices[name]
        signed = name == "a" or bool(np.any(values < 0))
        largest = float(np.abs(values).max(initial=0.0))
        fraction = fraction_for(largest, bits, signed=signed, where=self._where(name))
        holds_one = not signed and not (name in _SMALL and largest < 1)
        fraction = min(fraction, bits - 1 if holds_one else MOST_SHIFT)
        if self.population.model == "event_mode":       # holds 1 itself: over a short interval nothing may decay
            fraction = min(fraction, bits - 2)
        if largest > 0 and not np.any(np.rint(np.ldexp(values, fraction))):
            raise OptionError(f"{self._where(name)}: {fraction} bits behind the point: the largest value {largest:g} "
                              f"is below half a step of {2.0**-fraction:g} and would be 0", mend="give it more bits")
        return coding_of(np.asarray(2.0**-fraction), bits, rounding, overflow, signed=signed)

    # -- words -------------------------------------------------------------------------------------------------------

    def _choices(self, rules: Rules, item: QuantitySpec) -> Choices:
        names = (f"{self.population.name}.{item.name}", item.name)
        return rules.choices(item.role, *names, where=self._where(item.name), model=self.population.model)

    def _high(self, name: str) -> int:
        return (1 << self.choices[name].bits - 1) - 1

    def _where(self, name: str) -> str:
        return f"population {self.population.name!r}: {name}"


def stored_values(population: Population, name: str) -> NDArray[np.float64]:
    """Return a parameter as stored; [..., neuron]. What drives the membrane of `ssm_lif` counts in its threshold."""
    parameters = population.parameters
    if population.model == "event_mode":        # powers of a decay: the largest is 1, or close to it
        powers = interval_powers(population) if "interval" in population.codings else np.ones((1, population.size))
        return np.stack([powers.real, powers.imag])
    values = np.stack([parameters[f"{name}_real"].T, parameters[f"{name}_imag"].T]) if name in COMPLEX \
        else parameters[name]
    over_threshold = population.model == "ssm_lif" and name in ("c", "d")
    return np.asarray(values / parameters["threshold"] if over_threshold else values)


def _times_power(scale: Float64Array, needed: Float64Array, at_least: int = -1074) -> Float64Array:
    """Return scale * 2**k with the smallest k from `at_least` at which it is not below `needed`."""
    steps = power_above(needed / scale)
    return scale * np.maximum(steps, 2.0**at_least)


def _one(scale: Float64Array) -> Float64Array:
    """Return equal scales as one."""
    return np.asarray(scale.reshape(-1)[0]) if np.all(scale == scale.reshape(-1)[0]) else scale
