"""The keys of a study file, and what they must be; `study.py` turns them into a `Study`. An example:

    name: digit-chips
    source: digits                        # scenario, network file or weight file
    chip: loihi2                          # the scenario's own where left out
    numbers: fixed
    samples: 20
    parameters:
      core.weight_bits: [4, 6, 8]                                     # a list
      mapping.max_neurons_per_core: {low: 4, high: 64, log: true}     # a range
      mapping.strategy: [pack, balanced]
      mapping.n_cores: {low: 8, high: 32, step: 8, when: {mapping.strategy: balanced}}
    objectives: {accuracy: max, energy: min, latency: min}
    constraints: {accuracy: {min: 0.9}, cores: {max: 64}}
    search: {method: nsga2, points: 200, seed: 0}
    detail: cheap_first
    event_points: 20

docs/explore.md says what each key means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hw_models.explain import validate
from hw_models.located import ConfigError, Fault, Located, read_located, shown

MAX_POINTS = 100_000
Number = int | float


class Strict(BaseModel):
    """Unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ParameterSpec(Strict):
    """Values, or a range."""

    values: list[bool | int | float | str] | None = Field(default=None, description="the choices, such as [4, 6, 8]")
    low: int | float | None = Field(default=None, description="the lower end of a range")
    high: int | float | None = Field(default=None, description="the upper end of a range")
    step: int | float | None = Field(default=None, description="the distance between neighbouring values of a range")
    log: bool = Field(default=False, description="whether the range is drawn evenly in the logarithm")
    steps: Annotated[int, Field(ge=1, le=MAX_POINTS)] | None = Field(
        default=None, description="how many values a grid takes from the range")
    when: dict[str, Any] = Field(
        default={}, description="another parameter and its value or values, such as {mapping.strategy: balanced}")


class Bound(Strict):
    """What a metric must keep to."""

    min: int | float | None = Field(default=None, description="the least value, such as 0.9")
    max: int | float | None = Field(default=None, description="the largest value")


class SearchSpec(Strict):
    """How points are chosen."""

    method: Literal["grid", "random", "nsga2", "tpe"] = Field(default="random", description="how points are chosen")
    points: Annotated[int, Field(ge=1, le=MAX_POINTS)] | None = Field(
        default=None, description="how many points, e.g. 200; a grid takes all of its own where left out")
    seed: Annotated[int, Field(ge=0, le=2**31)] = Field(default=0, description="the seed of the search")
    population: Annotated[int, Field(ge=2, le=10_000)] = Field(
        default=40, description="the points chosen together by nsga2 and tpe")
    storage: str | None = Field(default=None, description="the URL of an Optuna storage; a file of the study's folder "
                                                          "where left out")


class StudyFile(Strict):
    """The keys of a study file."""

    name: str = Field(min_length=1, max_length=100, description="the study's name, such as digit-chips")
    source: str = Field(min_length=1, description="a scenario, a network file or a weight file")
    chip: str | None = Field(default=None, description="a chip's name or file")
    network: str | None = Field(default=None, description="which network of the scenario")
    input: str | None = Field(default=None, description="input data, where the scenario's are not wanted")
    labels: str | None = Field(default=None, description="the class of each sample")
    samples: Annotated[int, Field(ge=1, le=10**9)] | None = Field(default=None, description="how many samples, e.g. 50")
    numbers: Literal["float64", "float32", "fixed"] = Field(default="fixed", description="the arithmetic of the runs")
    schedule: str | None = Field(default=None, description="pipelined, fall_through or whole_sequence")
    seed: Annotated[int, Field(ge=0, le=2**31)] = Field(default=0, description="the seed of placement and engine")
    settings: dict[str, bool | int | float | str] = Field(
        default={}, description="what --set would change for all points, such as mapping.placement: linear")
    parameters: dict[str, ParameterSpec] = Field(min_length=1, description="what is varied")
    objectives: dict[Literal["accuracy", "energy", "latency", "cores", "area"], Literal["min", "max"]] = Field(
        default={"energy": "min", "latency": "min"}, min_length=1, description="such as {accuracy: max, energy: min}")
    constraints: dict[Literal["accuracy", "energy", "latency", "cores", "area"], Bound] = Field(
        default={}, description="such as {accuracy: {min: 0.9}}")
    search: SearchSpec = Field(default=SearchSpec(), description="how points are chosen")
    detail: Literal["functional", "analytic", "event", "cheap_first"] = Field(
        default="analytic", description="the detail of the runs; cheap_first: analytic, and event for the best")
    event_points: Annotated[int, Field(ge=1, le=MAX_POINTS)] = Field(
        default=20, description="how many points cheap_first runs in detail event")


def read_study_file(path: Path) -> tuple[StudyFile, Located]:
    """Return a study file, checked as far as it goes by itself; raise ConfigError with every fault and its line."""
    located = read_located(path)
    _write_out(located)
    content, faults, faulty = validate(StudyFile, located)
    faults = [*located.faults, *faults]
    reached = {tuple(each[:2]) for each in faulty}
    parameters = located.value.get("parameters")
    if isinstance(parameters, dict):
        for name, spec in parameters.items():
            if isinstance(spec, dict) and ("parameters", name) not in reached and ("parameters",) not in reached:
                faults += _parameter_faults(located, name, ParameterSpec.model_validate(spec), list(parameters))
    raise_faults(faults)
    assert content is not None
    return content, located


def raise_faults(faults: list[Fault]) -> None:
    """Raise ConfigError with `faults` by line, where there are any."""
    if faults:
        raise ConfigError(sorted(faults, key=lambda fault: (fault.line or 0, fault.field)))


def _write_out(located: Located) -> None:
    """Write `name: [4, 6]` out as `name: {values: [4, 6]}`, and `name: 4` likewise."""
    parameters = located.value.get("parameters")
    for name, spec in parameters.items() if isinstance(parameters, dict) else ():
        if spec is not None and not isinstance(spec, dict):
            parameters[name] = {"values": spec if isinstance(spec, list) else [spec]}


def _parameter_faults(located: Located, name: str, spec: ParameterSpec, names: list[str]) -> Iterator[Fault]:
    """Yield what the schema cannot say about one parameter."""
    path = ("parameters", name)
    if spec.values is not None:
        if (spec.low, spec.high, spec.step, spec.steps, spec.log) != (None, None, None, None, False):
            yield located.fault(path, "values and a range", "values, or low and high", "remove one of them")
        if not spec.values:
            yield located.fault((*path, "values"), "[]", "at least one value",
                                "name the values, or remove the parameter")
        elif len({(type(value) is bool, value) for value in spec.values}) < len(spec.values):
            yield located.fault((*path, "values"), shown(spec.values), "each value once", "remove the doubles")
    else:
        yield from _range_faults(located, path, spec)
    for other, wanted in spec.when.items():
        if other not in names[:names.index(name)]:
            yield located.fault((*path, "when"), other, f"the parameters above: {', '.join(names[:names.index(name)])}",
                                "name a parameter that stands above this one")
        elif not all(isinstance(each, bool | int | float | str) for each in as_list(wanted)):
            yield located.fault((*path, "when", other), shown(wanted), "a value or a list of values", "name its values")


def _range_faults(located: Located, path: tuple[str, str], spec: ParameterSpec) -> Iterator[Fault]:
    """Yield what is wrong with low, high, step and log."""
    if spec.low is None or spec.high is None:
        yield located.fault(path, "neither values nor a range", "values, or low and high", "write [4, 6, 8], or "
                            "{low: 4, high: 8}")
        return
    if not (math.isfinite(spec.low) and math.isfinite(spec.high) and spec.low < spec.high):
        yield located.fault(path, f"{spec.low} to {spec.high}", "low below high, both finite", "exchange them, or "
                            "give one value as a list")
        return
    if spec.log and spec.low <= 0:
        yield located.fault((*path, "low"), str(spec.low), "a number above 0",
                            "a range in the logarithm begins above 0")
    if spec.log and spec.step is not None:
        yield located.fault((*path, "step"), str(spec.step), "no step beside log", "remove one of them")
    if spec.step is not None and not 0 < spec.step <= spec.high - spec.low:
        yield located.fault((*path, "step"), str(spec.step), f"above 0, at most {spec.high - spec.low}",
                            "give the distance between two neighbouring values")


def as_list(value: Any) -> list[Any]:
    """Return `value`, or a list of it where it is none."""
    return value if isinstance(value, list) else [value]
