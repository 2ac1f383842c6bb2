"""Neuron models of the user's own: a declaration and a step in Python, known to networks, mapping and both engines.

    from neurosim.model_specs import ModelSpec, ...
    from neurosim.own_models import register_model

    def step(options, n_modes, parameters, state, charge, output, active): ...      # see `models.registry.update`

    register_model(ModelSpec("izhikevich", ...), step)

The module that does this is loaded by itself, when the first network names a model that is not built in, if it is an
entry point of the group `neurosim.models`, or stands in the environment variable NEUROSIM_MODELS (names of modules,
separated by commas; they are looked for in the current folder too). A script may also simply import it.

The step is compiled by Numba, once, and may call functions that are compiled by `numba.njit`. Models of one's own
compute in floating point, in time steps or by the ticks of a leak clock.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import NamedTuple

from neurosim.errors import OptionError
from neurosim.model_specs import MODEL_INDEX, SPEC_BY_INDEX, SPEC_BY_NAME, ModelSpec
from neurosim.quantity_specs import MODEL_QUANTITIES, ModelQuantities

ENTRY_POINTS, ENVIRONMENT = "neurosim.models", "NEUROSIM_MODELS"
ARGUMENTS = ("options", "n_modes", "parameters", "state", "charge", "output", "active")
# Built-in models have the indices before; those of one's own follow from the name, the same in every process.
FIRST_INDEX, N_INDICES = 1000, 1_000_000


class OwnModel(NamedTuple):
    """A registered model: its number in machines, its step, and a hash of the source, for the cache of kernels."""

    number: int
    step: Callable[..., None]
    digest: str


OWN_MODELS: dict[str, OwnModel] = {}
_looked: set[str] = set()


def register_model(spec: ModelSpec, step: Callable[..., None]) -> None:
    """Make a neuron model known, under `spec.name`.

    Parameters
    ----------
    spec : what the model declares
    step : function of `options, n_modes, parameters, state, charge, output, active`, as `models.registry.update` says;
        not yet compiled

    Raises
    ------
    OptionError  the declaration or the step cannot be used, or the name is taken
    """
    _check(spec, step)
    model = OwnModel(FIRST_INDEX + zlib.crc32(spec.name.encode()) % N_INDICES, step, _digest(spec, step))
    known = OWN_MODELS.get(spec.name)
    if known is not None and known.digest == model.digest:
        return                      # the same module, loaded under two names
    if known is not None or spec.name in SPEC_BY_NAME or model.number in SPEC_BY_INDEX:
        raise OptionError(f"model {spec.name!r}: the name is taken", mend="give the model another name")
    OWN_MODELS[spec.name] = model
    SPEC_BY_NAME[spec.name] = SPEC_BY_INDEX[model.number] = spec
    MODEL_INDEX[spec.name] = model.number
    MODEL_QUANTITIES[spec.name] = ModelQuantities(())


def _check(spec: ModelSpec, step: Callable[..., None]) -> None:
    if not isinstance(spec, ModelSpec) or not spec.name.isidentifier():
        raise OptionError(f"model = {spec!r:.80}", allowed="a neurosim.model_specs.ModelSpec whose name is one word")
    if not spec.outputs or not spec.ports:
        raise OptionError(f"model {spec.name!r}: has no {'ports' if spec.outputs else 'outputs'}",
                          allowed="at least one")
    if spec.silent_between_events:
        raise OptionError(f"model {spec.name!r}: silent_between_events = True", allowed="False",
                          mend="no closed form is known of it; on a free-running chip the leak clock updates it")
    if not inspect.isfunction(step) or tuple(inspect.signature(step).parameters) != ARGUMENTS:
        raise OptionError(f"model {spec.name!r}: step = {getattr(step, '__name__', step)!r}",
                          allowed=f"a plain function of ({', '.join(ARGUMENTS)})",
                          mend="leave out decorators: the engines compile the step themselves")


def _digest(spec: ModelSpec, step: Callable[..., None]) -> str:
    """Return a hash of the declaration and of the file that the step stands in, helpers included."""
    try:
        source = inspect.getsource(sys.modules[step.__module__])
    except (OSError, TypeError):
        source = step.__code__.co_code.hex() + repr(step.__code__.co_consts)
    plain = replace(spec, needs=frozenset())        # a set is shown in another order by every process
    return hashlib.sha256(f"{plain!r}{sorted(spec.needs)}{source}".encode()).hexdigest()[:16]


def load_own_models() -> None:
    """Load the modules that register models, each once.

    Raises
    ------
    OptionError  a module cannot be loaded
    """
    names = [name.strip() for name in os.environ.get(ENVIRONMENT, "").split(",") if name.strip()]
    for name in names:
        if name not in _looked:
            _looked.add(name)
            _load(name)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        if point.value not in _looked:
            _looked.add(point.value)
            _load(point.module)


def _load(name: str) -> None:
    here = os.getcwd()
    added = here not in sys.path and "" not in sys.path
    if added:                       # as `python -m` does
        sys.path.append(here)
    try:
        import_module(name)
    except OptionError:
        raise
    except Exception as error:      # whatever a module of the user's does
        raise OptionError(f"{name}: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}",
                          allowed=f"a module that registers neuron models ({ENVIRONMENT}, or an entry point of "
                          f"{ENTRY_POINTS})", mend=f"see whether `python -c 'import {name}'` works") from error
    finally:
        if added:
            sys.path.remove(here)


def own_model(number: int) -> OwnModel:
    """Return the user's model of this number in machines."""
    return next(model for model in OWN_MODELS.values() if model.number == number)


def check_known(models: Sequence[int], names: Sequence[str]) -> None:
    """Raise OptionError where the model of a population, given by its index, is not known in this process."""
    if any(int(model) not in SPEC_BY_INDEX for model in models):
        load_own_models()
    for model, name in zip(models, names, strict=True):
        if int(model) not in SPEC_BY_INDEX:
            raise OptionError(f"population {name!r}: its model is not registered in this process",
                              mend=f"name its module in {ENVIRONMENT}, or make it an entry point of {ENTRY_POINTS}")


def check_floating(models: list[str]) -> None:
    """Raise OptionError where one of `models` cannot compute in integers."""
    own = sorted(set(models) & set(OWN_MODELS))
    if own:
        raise OptionError(f"numbers = 'fixed' with model {', '.join(own)}", allowed="float64, float32",
                          mend="models of one's own have no integer kernel; the chip's bits count for memory and "
                          "packets all the same")
