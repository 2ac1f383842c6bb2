"""Scales of a quantised population: what its integers stand for, and the conversions between them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.errors import InputError, NetworkError, OptionError
from neurosim.formats import OVERFLOWS, ROUNDINGS, Coding, Format
from neurosim.graph import ConvolutionWeights, Population, SparseWeights, Weights
from neurosim.machine import Float64Array, Int64Array
from neurosim.numbers import MOST_SHIFT, quantise, stream_key
from neurosim.quantity_specs import FAMILY_OVERFLOW, FAMILY_ROUNDING, MODEL_QUANTITIES

MANTISSA_BITS = 15
_MEND = "quantise the network again: neurosim quantize"


def quantised(values: ArrayLike, format_: Format, key: int, where: str) -> Int64Array:
    """Return values as integers of the format, those outside at its ends (or refused, as the format says).

    Raises
    ------
    NetworkError           if they cannot be
    """
    try:
        return quantise(values, format_, key=key)[0]
    except InputError as error:
        first_line = str(error).splitlines()[0]
        raise NetworkError(f"{where}: {first_line}", allowed=error.allowed, mend=error.mend) from error


def integer_weights(weights: Weights, coding: Coding, name: str) -> Int64Array:
    """Return weights as integers of their coding, in the shape of `weights.values`."""
    gain = gain_of_synapses(weights, coding.gain)
    return quantised(weights.values / gain, coding.format, stream_key(0, f"weights {name}"), f"projection {name!r}")


def gain_of_synapses(weights: Weights, gain: Float64Array) -> Float64Array:
    """Return a gain, or gains by target neuron (of a convolution: by output channel), to go with `weights.values`."""
    if gain.ndim and isinstance(weights, SparseWeights):
        return np.asarray(gain[weights.targets])
    if gain.ndim and isinstance(weights, ConvolutionWeights):
        return gain[:, None, None, None]
    return gain


def by_neuron(weights: Weights, scale: Float64Array) -> Float64Array:
    """Return one number, or one per target neuron, of numbers that a convolution has by output channel."""
    return weights.by_neuron(scale) if isinstance(weights, ConvolutionWeights) and scale.ndim else scale


def conversion(factor: Float64Array, bound: ArrayLike, where: str) -> tuple[Int64Array, Int64Array]:
    """Return (mantissa, shift) with mantissa / 2**shift next to each factor: 1 for powers of two, else 15 bits.

    Parameters
    ----------
    factor : float64[neuron]    not negative; a factor of 0 gives mantissa 0
    bound : largest magnitude of the integers to be converted, one or per neuron

    Raises
    ------
    OptionError            if a shift leaves -62 to 62, or the product 63 bits, with the arithmetic
    """
    fraction, exponent = np.frexp(np.abs(factor))
    exact = (fraction == 0.5) | (fraction == 0)
    mantissa = np.where(exact, fraction * 2, np.rint(fraction * 2.0**MANTISSA_BITS)).astype(np.int64)
    shift = np.where(exact, 1 - exponent, MANTISSA_BITS - exponent).astype(np.int64)
    shift = np.where(mantissa == 0, 0, shift)
    mantissa = np.where(factor < 0, -mantissa, mantissa)
    if shift.size and (shift.min() < -MOST_SHIFT or shift.max() > MOST_SHIFT):
        worst = int(np.argmax(np.abs(shift)))
        raise OptionError(f"{where}: conversion by {factor[worst]:.4g} needs a shift of {shift[worst]}",
                          allowed=f"shifts from -{MOST_SHIFT} to {MOST_SHIFT}",
                          mend="choose fractions closer to each other")
    largest = np.asarray(bound, np.float64) * np.abs(mantissa) * np.exp2(np.maximum(-shift, 0))
    if largest.size and largest.max() >= 2.0**63:
        worst = int(np.argmax(largest))
        given = float(np.broadcast_to(np.asarray(bound, np.float64), factor.shape)[worst])
        raise OptionError(
            f"{where}: {given:.6g} x {mantissa[worst]} x 2**{max(-int(shift[worst]), 0)} = {largest[worst]:.4g} "
            f"needs {math.ceil(math.log2(largest[worst])) + 1} bits",
            allowed="products below 2**63", mend="take bits from the factors")
    return mantissa, shift


def check_bits(where: str, largest: float) -> None:
    """Raise OptionError where an integer may grow too large for 64 bits, with room for a sum of two."""
    if largest >= 2.0**62:
        raise OptionError(f"{where} may reach {largest:.6g}, which needs {math.ceil(math.log2(largest)) + 1} bits",
                          allowed="integers below 2**62", mend="take bits from the factors")


class PopulationScales:
    """The codings of one population, complete and checked against each other."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.size = population.size
        self.where = f"population {population.name!r}"
        self._check_complete()
        self._check_families()
        for group in MODEL_QUANTITIES[population.model].same_scale:
            first = self.scale(group[0])
            for name in group[1:]:
                if not np.array_equal(self.scale(name), first):
                    raise NetworkError(f"{self.where}: {name} and {group[0]} have different scales",
                                       allowed="one scale for both", mend=_MEND)

    def _check_complete(self) -> None:
        population = self.population
        needed = MODEL_QUANTITIES[population.model].names()
        if population.model == "input" and population.attributes["payload"] == "spike":
            return
        missing = [name for name in needed if name not in population.codings]
        if missing:
            raise NetworkError(f"{self.where} has no fixed-point format of {', '.join(missing)}",
                               allowed="a format for every quantity of the model, or for none of the network",
                               mend=_MEND)

    def _check_families(self) -> None:
        """Refuse roundings and overflows that the kernel would not do."""
        model = self.population.model
        for name, coding in self.population.codings.items():
            rounding = FAMILY_ROUNDING.get((model, name), coding.format.rounding)
            overflows = FAMILY_OVERFLOW.get((model, name), OVERFLOWS)
            if coding.format.overflow == "lava_wrap" and (model, name) != ("cuba", "current"):
                overflows = tuple(item for item in OVERFLOWS if item != "lava_wrap")
            if coding.format.rounding != rounding or coding.format.overflow not in overflows:
                raise NetworkError(f"{self.where}: {name} has the format {coding.format}",
                                   allowed=f"rounding {rounding}, overflow {', '.join(overflows)}, in model {model}",
                                   mend=_MEND)
        if "h" in self.population.codings and not self.format("h").signed:
            raise NetworkError(f"{self.where}: h has the format {self.format('h')}", allowed="a signed format",
                               mend=_MEND)

    def coding(self, name: str) -> Coding:
        """Return the coding of a quantity."""
        return self.population.codings[name]

    def format(self, name: str) -> Format:
        """Return the format of a quantity."""
        return self.population.codings[name].format

    def scale(self, name: str) -> Float64Array:
        """Return what the integer 1 stands for; float64[size]."""
        return np.broadcast_to(self.population.codings[name].scale, (self.size,))

    def payload_scale(self, name: str) -> float:
        """Return the scale of an output, one number, since receivers add payloads of all neurons; 1 for spikes."""
        if self.population.output_kind(name) != "graded":
            return 1.0
        scale = self.coding(name).scale
        if scale.ndim:
            raise NetworkError(f"{self.where}: {name} has {scale.size} scales", allowed="one scale for all neurons",
                               mend=_MEND)
        return float(scale)

    def output_scales(self) -> list[float]:
        """Return the scale of each output."""
        return [self.payload_scale(output.name) for output in self.population.spec.outputs]

    def payload_magnitude(self, name: str) -> int:
        """Return the largest magnitude of an output's integers."""
        return self.format(name).magnitude if self.population.output_kind(name) == "graded" else 1

    def magnitude(self, *names: str) -> int:
        """Return the largest magnitude of a sum of integers of these quantities."""
        return sum(self.format(name).magnitude for name in names)

    def parameter(self, name: str) -> Float64Array:
        """Return a parameter; float64[size] or float64[size, mode]."""
        return np.asarray(self.population.parameters[name], np.float64)

    def integers(self, quantity: str, values: ArrayLike, label: str = "") -> Int64Array:
        """Return values as integers of a quantity; [size] or [size, mode]."""
        gain = self.coding(quantity).gain
        given = np.asarray(values, np.float64)
        if gain.ndim and given.ndim == 2:
            gain = gain[:, None]
        key = stream_key(0, f"{self.population.name} {label or quantity}")
        return quantised(given / gain, self.format(quantity), key, f"{self.where}: {label or quantity}")

    def steps(self, name: str, of: str) -> Int64Array:
        """Return parameter `name` in units of quantity `of`, of which its own scale is a multiple by a power of two."""
        up = self.step_shift(name, of)
        integers = self.integers(name, self.parameter(name))
        check_bits(f"{self.where}: {name} in steps of {of}", float((np.abs(integers) * np.exp2(up)).max(initial=0)))
        return integers << up

    def step_shift(self, name: str, of: str) -> Int64Array:
        """Return k of each neuron, 0 to 32: the scale of `name` is 2**k times that of `of`."""
        up = -power_of_two(self.scale(name) / self.scale(of), self.where, f"scale of {name} over {of}")
        if np.any(up < 0) or np.any(up > 32):
            raise NetworkError(f"{self.where}: the scale of {name} is 2**{up.min()} to 2**{up.max()} times that of "
                               f"{of}", allowed="1, 2, 4, … times", mend=_MEND)
        return up

    def shift_of(self, name: str) -> int:
        """Return the fraction bits of a factor, by which its products are shifted right."""
        fraction = self.format(name).fraction
        if not 0 <= fraction <= MOST_SHIFT:
            raise NetworkError(f"{self.where}: {name} has the format {self.format(name)}: {fraction} bits behind the "
                               "point", allowed=f"0 to {MOST_SHIFT}", mend=_MEND)
        return fraction

    def slot(self, name: str) -> list[int]:
        """Return bits, 1 if signed, overflow and rounding of a quantity, as codes of `numbers`."""
        format_ = self.format(name)
        return [format_.bits, int(format_.signed), OVERFLOWS.index(format_.overflow),
                ROUNDINGS.index(format_.rounding)]

    def is_strict(self) -> bool:
        """Whether an overflow anywhere in the population ends the run."""
        return any(coding.format.overflow == "error" for coding in self.population.codings.values())


def power_of_two(values: NDArray[np.float64], where: str, what: str) -> Int64Array:
    """Return s with value = 2**-s, up to rounding; raise NetworkError where it is no power from 2**-62 to 2**62."""
    shift = -np.rint(np.log2(values)).astype(np.int64)
    if np.any(np.abs(np.ldexp(values, shift) - 1) > 1e-9) or np.any(np.abs(shift) > MOST_SHIFT):
        raise NetworkError(f"{where}: {what} is {values.min():.6g} to {values.max():.6g}",
                           allowed="powers of two from 2**-62 to 2**62", mend=_MEND)
    return shift
