"""A study: what is varied, what is measured, how points are chosen."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw_models.load import ChipText, build_chip, read_chip
from hw_models.located import ConfigError, Fault, Located
from neurosim.errors import OptionError
from neurosim.explore.parameters import Parameter, Scalar, count_grid
from neurosim.explore.points import RUN_OPTIONS, Point, as_yaml, run_command
from neurosim.explore.study_file import MAX_POINTS, ParameterSpec, StudyFile, as_list, raise_faults, read_study_file
from neurosim.resolve import MAPPING_PREFIX, QUANTIZE_PREFIX, mapping_options, quantize_options

CHEAP, DEAR = "analytic", "event"
INPUT_PREFIX = "input."
# Parameters whose values are names.
WORDS = ("chip", "network", "schedule", "numbers")


@dataclass(frozen=True)
class Study:
    """A checked study file.

    parameters : in the order of the file, so that conditions look back only
    """

    path: Path
    content: StudyFile
    parameters: tuple[Parameter, ...]

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.content.name

    @property
    def objectives(self) -> dict[str, str]:
        """Metric -> `min` or `max`."""
        return {str(name): str(direction) for name, direction in self.content.objectives.items()}

    @property
    def details(self) -> tuple[str, ...]:
        """The details it runs, the cheap one first."""
        return (CHEAP, DEAR) if self.content.detail == "cheap_first" else (self.content.detail,)

    @property
    def n_points(self) -> int:
        """Points of the search; those of `cheap_first` that run again are not counted."""
        wanted = self.content.search.points
        if self.content.search.method == "grid":
            return count_grid(self.parameters, MAX_POINTS)
        return wanted if wanted is not None else 100

    def choices(self, name: str, default: Scalar | None) -> list[Scalar | None]:
        """Return every value that the option `name` takes at some point."""
        parameter = next((item for item in self.parameters if item.name == name), None)
        if parameter is None:
            return [default]
        return [*parameter.grid(), *([default] if parameter.when else [])]

    def command(self, point: Point, detail: str) -> str:
        """Return the command that repeats a point."""
        content = self.content
        settings = {**content.settings, **point.settings}
        defaults = {"chip": content.chip, "network": content.network, "schedule": content.schedule,
                    "numbers": content.numbers, "seed": content.seed, "input": content.input, "labels": content.labels}
        return run_command(Point(settings), content.source, detail=detail, samples=content.samples, defaults=defaults)

    def identity(self) -> dict[str, Any]:
        """Return what must stay the same when a study goes on: everything but its budget and storage."""
        plain = self.content.model_dump(mode="json")
        del plain["event_points"], plain["search"]["points"], plain["search"]["storage"]
        if plain["search"]["method"] in ("grid", "random"):
            del plain["search"]["population"]
        return plain


def load_study(path: str | Path) -> Study:
    """Return a checked study.

    Raises
    ------
    ConfigError  with every fault of the file and its line
    """
    content, located = read_study_file(Path(path))
    parameters = tuple(_parameter(name, spec) for name, spec in content.parameters.items())
    study = Study(Path(path), content, parameters)
    raise_faults(list(_size_faults(located, study)))        # before anything is written out
    raise_faults([*_name_faults(located, study), *_grid_faults(located, study), *_bound_faults(located, content)])
    return study


def _size_faults(located: Located, study: Study) -> Iterator[Fault]:
    """Yield names that are given as ranges, and ranges of which a grid would take too many values."""
    is_grid = study.content.search.method == "grid"
    for item in study.parameters:
        path = ("parameters", item.name)
        if item.is_range and item.name in WORDS:
            yield located.fault(path, "a range", "a list of names", f"write the choices out, as in {item.name}: [a, b]")
        elif item.is_range and item.steps is None and is_grid and item.n_steps > MAX_POINTS:
            yield located.fault(path, f"{item.n_steps} values", f"at most {MAX_POINTS} in a grid",
                                "give a larger step, or a number of `steps`")


def _parameter(name: str, spec: ParameterSpec) -> Parameter:
    when = {other: tuple(as_list(wanted)) for other, wanted in spec.when.items()}
    if spec.values is not None:
        return Parameter(name, tuple(spec.values), when=when)
    assert spec.low is not None and spec.high is not None
    given = [number for number in (spec.low, spec.high, spec.step) if number is not None]
    return Parameter(name, low=spec.low, high=spec.high, step=spec.step, log=spec.log, steps=spec.steps,
                     is_integer=all(isinstance(number, int) for number in given), when=when)


def _name_faults(located: Located, study: Study) -> Iterator[Fault]:
    """Yield parameters and settings that nothing knows, and values that are out of range for themselves."""
    chips = []
    for name in study.choices("chip", study.content.chip):
        if name is not None:
            chips.append(read_chip(str(name)))       # raises where there is no such chip
    fixed = [(("settings", name), name, (value,)) for name, value in study.content.settings.items()]
    varied = [(("parameters", item.name), item.name, _ends(item)) for item in study.parameters]
    for path, name, values in [*fixed, *varied]:
        for value in values:
            fault = _value_fault(located, path, name, value, chips)
            if fault is not None:
                yield fault
                break


def _ends(parameter: Parameter) -> tuple[Scalar, ...]:
    return (parameter.tidy(parameter.low), parameter.tidy(parameter.high)) if parameter.is_range else parameter.values


def _value_fault(located: Located, path: tuple[str, str], name: str, value: Scalar,
                 chips: list[ChipText]) -> Fault | None:
    """Return what is wrong with one value of one parameter, whatever the others are; None where nothing is."""
    if name in RUN_OPTIONS and path[0] == "parameters":
        return _run_option_fault(located, path, name, value)
    if name.startswith(INPUT_PREFIX):
        return located.fault(path, name, "settings of chip, mapping and formats",
                             "a study reads its data once; make a study for each way of binning")
    try:
        if name.startswith(MAPPING_PREFIX):
            _check_mapping(name.removeprefix(MAPPING_PREFIX), value)
        elif name.startswith(QUANTIZE_PREFIX):
            quantize_options({name.removeprefix(QUANTIZE_PREFIX): value})
    except OptionError as error:
        return located.fault(path, shown_first_line(error), error.allowed or "an option that there is",
                             error.mend or "see `neurosim run --help`")
    if not name.startswith((MAPPING_PREFIX, QUANTIZE_PREFIX)):
        return _chip_fault(located, path, name, value, chips)
    return None


def _check_mapping(name: str, value: Scalar) -> None:
    # n_cores belongs to one strategy; whether that is chosen shows at each point.
    mapping_options({name: value} | ({"strategy": "balanced"} if name == "n_cores" else {}))


def _chip_fault(located: Located, path: tuple[str, str], name: str, value: Scalar,
                chips: list[ChipText]) -> Fault | None:
    """Return the fault where no chip of the study takes the value by itself.

    Faults of other fields pass: a combination may mend them, and a point where none does is one that does not fit.
    """
    found: Fault | None = None
    for chip in chips:
        try:
            build_chip(chip, [f"{name}={as_yaml(value)}"])
            return None
        except ConfigError as error:
            own = [fault for fault in error.faults if fault.field in (name, f"{name}.value", "")]
            if not own:
                return None
            found = own[0]
    if found is None:
        return None
    what = f"{as_yaml(value)}" if found.field else f"{as_yaml(value)}: {found.value}"
    return located.fault(path, what, found.allowed, found.mend)


def _run_option_fault(located: Located, path: tuple[str, str], name: str, value: Scalar) -> Fault | None:
    """Return the fault of a value of `schedule`, `numbers` or `seed`; chips and networks show when they are read."""
    from neurosim.engine.contract import NUMBERS

    if name == "numbers" and value not in NUMBERS:
        return located.fault(path, as_yaml(value), ", ".join(NUMBERS), "name one of these")
    if name == "seed" and not (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return located.fault(path, as_yaml(value), "whole numbers from 0", "give seeds such as [0, 1, 2]")
    if name == "schedule":
        try:
            mapping_options({"schedule": value})
        except OptionError as error:
            return located.fault(path, as_yaml(value), str(error.allowed), "name one of these")
    return None


def _grid_faults(located: Located, study: Study) -> Iterator[Fault]:
    """Yield ranges that a grid cannot step through, and a grid that is larger than its budget."""
    search = study.content.search
    endless = [item for item in study.parameters if item.is_range and item.step is None and item.steps is None
               and (not item.is_integer or item.log)]
    if search.method == "grid":
        for item in endless:
            yield located.fault(("parameters", item.name), "a range without steps", "a number of steps, or a step",
                                "a grid needs `steps`, such as steps: 5")
    if search.method != "grid" or endless:
        return
    allowed = search.points or MAX_POINTS
    n_points = count_grid(study.parameters, allowed)
    if n_points > allowed:
        sizes = " x ".join(str(len(list(itertools.islice(item.grid(), 1000)))) for item in study.parameters)
        yield located.fault(("search",), f"a grid of {sizes} values, more than {allowed} points",
                            f"at most {allowed} points", "raise `points`, take fewer values, or search at random")


def _bound_faults(located: Located, content: StudyFile) -> Iterator[Fault]:
    for name, bound in content.constraints.items():
        if bound.min is None and bound.max is None:
            yield located.fault(("constraints", str(name)), "{}", "min, max or both", "write {min: 0.9}")
        elif bound.min is not None and bound.max is not None and bound.min > bound.max:
            yield located.fault(("constraints", str(name)), f"{bound.min} to {bound.max}", "min at most max",
                                "exchange them")


def shown_first_line(error: Exception) -> str:
    """Return what an error says in its first line."""
    return str(error).splitlines()[0]


def as_text(identity: Mapping[str, Any]) -> str:
    """Return an identity as canonical JSON."""
    return json.dumps(identity, sort_keys=True, separators=(",", ":"))
