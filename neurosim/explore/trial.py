"""One point of a study, run: what a worker does."""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from hw_models.load import build_chip
from hw_models.located import ConfigError
from neurosim.calibrate.measure import measure, quantized
from neurosim.engine import RunOptions
from neurosim.errors import InputError, SimulationError
from neurosim.explore.context import Context
from neurosim.explore.metrics import read_metrics
from neurosim.explore.points import Point, as_yaml
from neurosim.explore.totals import Measured, Placed, measure_batches, run_batch
from neurosim.graph import Network
from neurosim.mapping import map_network
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.rewrite import rewritten
from neurosim.resolve import mapping_options, quantize_options, split_settings

if TYPE_CHECKING:
    from hw_models.schema import Chip

OK, INFEASIBLE, FAILED = "ok", "infeasible", "failed"


class Task(NamedTuple):
    """What a worker is handed: a point's settings, and the detail to run it in."""

    settings: Mapping[str, Any]
    detail: str


@dataclass(frozen=True)
class Outcome:
    """What came of a point.

    status : `ok`; `infeasible`, where network and chip do not go together; `failed`, where the run broke
    reason : of the last two
    metrics : of `ok`; None where the run does not have one
    wall_s : how long it took
    """

    status: str
    reason: str = ""
    metrics: Mapping[str, float | None] | None = None
    wall_s: float = 0.0


def evaluate_point(context: Context, task: Task) -> Outcome:
    """Run one point; whatever goes wrong with it is its outcome and ends nothing."""
    started = time.perf_counter()
    try:
        placed = place_point(context, Point(task.settings))
        metrics = read_metrics(_run(placed, context, task.detail), placed.chip)
    except (InputError, ConfigError) as error:
        return Outcome(INFEASIBLE, str(error), None, time.perf_counter() - started)
    except SimulationError as error:
        return Outcome(FAILED, str(error), None, time.perf_counter() - started)
    except MemoryError:
        return Outcome(FAILED, "out of memory", None, time.perf_counter() - started)
    except Exception as error:      # one point must not end a study of thousands
        reason = f"unexpected {type(error).__name__}: {str(error)[:300]}"
        return Outcome(FAILED, reason, None, time.perf_counter() - started)
    return Outcome(OK, "", metrics, time.perf_counter() - started)


def place_point(context: Context, point: Point) -> Placed:
    """Return the machine of a point; raise InputError or ConfigError where network and chip do not go together."""
    options = point.run_options
    fixed = [f"{name}={as_yaml(value)}" for name, value in context.settings.items() if name not in point.settings]
    settings = split_settings([*fixed, *point.overrides])
    chip = build_chip(context.chips[str(options.get("chip", context.default_chip))], settings.chip)
    network, suited, calibration = context.sources[_network_name(context, options)]
    schedule = options.get("schedule", context.schedule)
    named = {"seed": options.get("seed", context.seed)} | ({} if schedule is None else {"schedule": schedule})
    mapping = mapping_options({**suited, **named, **settings.mapping})
    if mapping.schedule == "whole_sequence" and mapping.sequence_length is None:
        mapping = mapping_options({**suited, **named, **settings.mapping,
                                   "sequence_length": context.data.inputs.shape[1]})
    numbers = str(options.get("numbers", context.numbers))
    if numbers == "fixed":
        network = _with_formats(context, network, chip, mapping, calibration, settings.quantize)
    return Placed(map_network(network, chip, mapping), chip, numbers)


def _network_name(context: Context, options: Mapping[str, Any]) -> str:
    name = str(options.get("network", ""))
    return name if name in context.sources else next(iter(context.sources))


def _with_formats(context: Context, network: Network, chip: Chip, mapping: MappingOptions, calibration: Any,
                  choices: Mapping[str, Any]) -> Network:
    """Return the network with formats: its own, or those that `neurosim run --numbers fixed` would choose."""
    network = rewritten(network, mapping, chip)
    if network.is_quantised:
        return network
    return quantized(network, chip, calibration, quantize_options(choices), measured=_remembering(context))


def _remembering(context: Context) -> Callable[..., Any]:
    """Return `measure`, which runs once for each network that a worker sees: most points differ in other things."""

    def measured(network: Network, inputs: Any, *, by_channel: bool) -> Any:
        key = (hashlib.sha256(pickle.dumps(network, 5)).digest(), len(inputs), by_channel)
        if key not in context.cache:
            context.cache[key] = measure(network, inputs, by_channel=by_channel)
        return context.cache[key]

    return measured


def _run(placed: Placed, context: Context, detail: str) -> Measured:
    """Run the samples, on one thread."""
    options = RunOptions(detail=detail, numbers=placed.numbers, workers=1, record_spikes=False, seed=context.seed)
    return measure_batches(placed, [run_batch(placed, context.data.inputs, options)], context.data.labels)
