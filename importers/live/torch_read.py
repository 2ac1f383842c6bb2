"""A live PyTorch network as a network of the simulator: watched while it runs once, then rebuilt."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from importers.live.build import LiveNetwork, build
from importers.live.neurons import RefusedError, Rule, rule_of
from importers.live.torch_state_space import read_by_parameters
from importers.live.torch_watch import Watch
from neurosim.errors import DataError, NetworkError, OptionError

SHOWN_PROBLEMS = 12


def read_module(module: nn.Module, inputs: Any, *, time_axis: int | None = None, steps: int | None = None,
                per_step: bool | None = None, name: str | None = None) -> LiveNetwork:
    """Run a module once on `inputs` and return it as a network; see `importers.live.read_live`."""
    given = _checked_inputs(inputs)
    _check_module(module)
    time_axis = _checked_time(given, time_axis, steps)
    rules = {item: rule for item in module.modules() if (rule := rule_of(item)) is not None}
    if not rules and time_axis in (None, 1) and steps is None:
        found = read_by_parameters(module, given, name or type(module).__name__)
        if found is not None:
            return found
    if not rules:
        raise NetworkError(f"{type(module).__name__} has no layer of spiking neurons",
                           allowed="neurons of snnTorch, SpikingJelly, Norse or Sinabs",
                           mend="see docs/profile.md for the layers that are read")
    whole = _takes_sequence(rules, time_axis, steps, per_step)
    n_samples = given.shape[0 if time_axis is None else 1 - time_axis]
    watch = Watch(module, n_samples, rules)
    _reset(rules)
    try:
        with torch.no_grad(), watch:
            _run(module, watch, given, time_axis, steps or 1, whole=whole)
    finally:
        _reset(rules)
    return _built(module, watch, name or type(module).__name__)


def _reset(rules: dict[nn.Module, Rule | RefusedError]) -> None:
    """Bring the states of all neurons to rest."""
    for module, rule in rules.items():
        if isinstance(rule, Rule):
            rule.reset(module)


def _run(module: nn.Module, watch: Watch, given: Tensor, time_axis: int | None, steps: int, *, whole: bool) -> None:
    """Call the module: once, or once for each time step."""
    samples = np.arange(watch.n_samples)
    if whole and time_axis is not None:
        rows = np.broadcast_to(samples[:, None] if time_axis else samples, tuple(given.shape[:2]))
        calls = [(given, np.ascontiguousarray(rows))]
    elif time_axis is None:
        calls = [(given, samples)] * steps
    else:
        calls = [(step.contiguous(), samples) for step in given.unbind(time_axis)]
    for number, (tensor, rows) in enumerate(calls):
        try:
            module(watch.give(tensor, rows))
        except Exception as error:          # whatever the user's own code raises
            if watch.problems:
                return
            raise DataError(f"{type(module).__name__}.forward raised {type(error).__name__}: {error}",
                            mend=f"call {number + 1} of {len(calls)} got a tensor of shape {tuple(tensor.shape)}: "
                                 "check the shape of the inputs, time_axis, steps and per_step") from error


def _built(module: nn.Module, watch: Watch, name: str) -> LiveNetwork:
    problems, layers = list(watch.problems), list(watch.neurons.values())
    if not problems and not layers:
        raise NetworkError(f"{type(module).__name__}.forward called none of its layers of spiking neurons")
    if not problems:
        lengths = {layer.n_steps for layer in layers}
        if len(lengths) > 1:
            problems = [f"{layer.layer.name}: ran {layer.n_steps} time steps" for layer in layers]
        for layer in layers:
            try:
                layer.check_recurrences()
            except RefusedError as error:
                problems.append(f"{layer.layer.name}: {error}")
    if not problems:
        notes = [f"{watch.names[item]} was never called" for item, rule in watch.rules.items()
                 if isinstance(rule, Rule) and item not in watch.neurons]
        try:
            return build(name, layers, watch.readouts(), watch.n_samples, notes)
        except RefusedError as error:
            problems = str(error).splitlines()
    shown = problems[:SHOWN_PROBLEMS] + ([f"and {len(problems) - SHOWN_PROBLEMS} more"]
                                         if len(problems) > SHOWN_PROBLEMS else [])
    raise NetworkError("\n  ".join([f"{type(module).__name__} cannot be simulated as it is:", *shown]),
                       mend="see docs/profile.md for the layers and operations that are read")


def _takes_sequence(rules: dict[nn.Module, Rule | RefusedError], time_axis: int | None, steps: int | None,
                    per_step: bool | None) -> bool:
    """Return whether one call of the module gets all time steps."""
    if steps is not None:
        if per_step is False:
            raise OptionError("per_step = False with steps", mend="leave steps out: the module itself knows how many")
        return False
    if per_step is not None:
        return not per_step
    several = any(isinstance(rule, Rule) and rule.time_axis is not None for rule in rules.values())
    return time_axis is None or several


def _checked_inputs(inputs: Any) -> Tensor:
    try:
        given = inputs if isinstance(inputs, Tensor) else torch.as_tensor(np.asarray(inputs))
    except (TypeError, ValueError) as error:
        raise DataError(f"inputs: {error}", allowed="a tensor or an array of numbers") from None
    if given.device.type != "cpu":
        raise DataError(f"inputs are on {given.device}", allowed="cpu", mend="inputs.cpu()")
    if given.ndim < 2 or 0 in given.shape:
        raise DataError(f"inputs have shape {tuple(given.shape)}",
                        allowed="(samples, …), or with time_axis also a time axis before or behind it, none of them 0")
    if not bool(torch.isfinite(given).all()):
        raise DataError("inputs hold NaN or infinity", allowed="finite numbers")
    return given.detach()


def _checked_time(given: Tensor, time_axis: int | None, steps: int | None) -> int | None:
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= 2**20):
        raise OptionError(f"steps = {steps!r}", allowed="integer from 1 to 1048576")
    if time_axis is None:
        return None
    if isinstance(time_axis, bool) or time_axis not in (0, 1):
        raise OptionError(f"time_axis = {time_axis!r}", allowed="0, 1, or None where the inputs have no time axis")
    if given.ndim < 3:
        raise DataError(f"inputs have shape {tuple(given.shape)}", allowed="(time, samples, …) or (samples, time, …)",
                        mend="leave time_axis out where the inputs have none")
    if steps is not None and steps != given.shape[time_axis]:
        raise OptionError(f"steps = {steps}, but the inputs have {given.shape[time_axis]} along axis {time_axis}",
                          mend="give one of the two")
    return int(time_axis)


def _check_module(module: Any) -> None:
    if not isinstance(module, nn.Module):
        raise NetworkError(f"{type(module).__name__} is no PyTorch module", allowed="torch.nn.Module")
    for kind, values in (*module.named_parameters(), *module.named_buffers()):
        if values.device.type != "cpu":
            raise NetworkError(f"{kind} is on {values.device}", allowed="cpu", mend="module.cpu()")
    random = [f"{name or 'network'} ({type(item).__name__})" for name, item in module.named_modules()
              if item.training and _depends_on_training(item)]
    if random:
        raise NetworkError(f"module is in training mode, in which {', '.join(random[:4])} "
                           f"{'behaves' if len(random) == 1 else 'behave'} differently", mend="module.eval()")


def _depends_on_training(item: nn.Module) -> bool:
    kinds = {kind.__name__ for kind in type(item).__mro__}
    return "_BatchNorm" in kinds or (any(name.endswith("Dropout") or name.startswith("Dropout") for name in kinds)
                                     and getattr(item, "p", 0.5) > 0)
