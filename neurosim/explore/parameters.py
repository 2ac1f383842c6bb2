"""What a study varies: lists of values, ranges, ranges in the logarithm, each under conditions where it has some.

A point of the space gives a value to every parameter that is active there; one whose conditions do not hold has none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import optuna

Scalar = bool | int | float | str
Settings = dict[str, Scalar]
# Digits of a number drawn from a range: enough for any design, few enough to be typed again.
DIGITS = 6


@dataclass(frozen=True)
class Parameter:
    """One thing that a study varies.

    name : `chip`, `network`, `schedule`, `numbers`, `seed`, or a path as of `--set`
    values : the choices; empty where there is a range
    low, high : ends of the range, both within; whole numbers where `is_integer`
    step : distance of neighbours, counted from `low`; None: any number within
    log : drawn evenly in the logarithm
    steps : how many values a grid takes from the range
    when : other parameter -> the values under which this one is active
    """

    name: str
    values: tuple[Scalar, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False
    steps: int | None = None
    is_integer: bool = False
    when: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)

    @property
    def is_range(self) -> bool:
        """Whether it is drawn from a range."""
        return not self.values

    def is_active(self, chosen: Mapping[str, Scalar]) -> bool:
        """Whether its conditions hold; those on a parameter that is not active do not."""
        return all(name in chosen and chosen[name] in allowed for name, allowed in self.when.items())

    def grid(self) -> tuple[Scalar, ...]:
        """Return the values that a grid takes: all choices, all steps of a range, or `steps` values of it."""
        if not self.is_range:
            return self.values
        if self.steps is not None:
            ends = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
            inner = np.linspace(*ends, self.steps)
            return tuple(dict.fromkeys(self.tidy(math.exp(at) if self.log else at) for at in inner.tolist()))
        step = self.step or 1.0
        return tuple(self.tidy(self.low + index * step) for index in range(self.n_steps))

    @property
    def n_steps(self) -> int:
        """Values of a range with a step, or of whole numbers."""
        return math.floor((self.high - self.low) / (self.step or 1.0) + 1e-9) + 1

    def draw(self, generator: np.random.Generator) -> Scalar:
        """Return a value drawn at random."""
        if not self.is_range:
            return self.values[int(generator.integers(len(self.values)))]
        if self.log:
            return self.tidy(math.exp(generator.uniform(math.log(self.low), math.log(self.high))))
        if self.step is not None or self.is_integer:
            return self.tidy(self.low + int(generator.integers(self.n_steps)) * (self.step or 1.0))
        return self.tidy(float(generator.uniform(self.low, self.high)))

    def suggest(self, trial: optuna.Trial) -> Scalar:
        """Return what an Optuna trial suggests."""
        if not self.is_range:
            chosen: Scalar = trial.suggest_categorical(self.name, self.values)
            return chosen
        if self.is_integer:
            number: int = trial.suggest_int(self.name, int(self.low), int(self.high), step=int(self.step or 1),
                                            log=self.log)
            return number
        return self.tidy(trial.suggest_float(self.name, self.low, self.high, step=self.step, log=self.log))

    def tidy(self, value: float) -> Scalar:
        """Return `value` within the range, rounded to what a person would type."""
        within = min(max(value, self.low), self.high)
        if self.is_integer:
            return round(within)
        return min(max(float(f"{within:.{DIGITS}g}"), self.low), self.high)


def grid_points(parameters: Sequence[Parameter]) -> Iterator[Settings]:
    """Yield every combination of grid values, the last parameter changing fastest; inactive ones are left out."""

    def below(index: int, chosen: Settings) -> Iterator[Settings]:
        if index == len(parameters):
            yield dict(chosen)
            return
        parameter = parameters[index]
        if not parameter.is_active(chosen):
            yield from below(index + 1, chosen)
            return
        for value in parameter.grid():
            yield from below(index + 1, {**chosen, parameter.name: value})

    yield from below(0, {})


def count_grid(parameters: Sequence[Parameter], at_most: int) -> int:
    """Return the points of the grid, or `at_most` + 1 where there are more."""
    return sum(1 for _ in islice(grid_points(parameters), at_most + 1))


def random_point(parameters: Sequence[Parameter], seed: int, draw: int) -> Settings:
    """Return random draw number `draw`; the same for the same seed, whatever was drawn before."""
    generator = np.random.default_rng([seed, draw])
    chosen: Settings = {}
    for parameter in parameters:
        value = parameter.draw(generator)           # also where inactive, so that later draws stay the same
        if parameter.is_active(chosen):
            chosen[parameter.name] = value
    return chosen


def suggested_point(parameters: Sequence[Parameter], trial: Any) -> Settings:
    """Return the point that an Optuna trial suggests."""
    chosen: Settings = {}
    for parameter in parameters:
        if parameter.is_active(chosen):
            chosen[parameter.name] = parameter.suggest(trial)
    return chosen
