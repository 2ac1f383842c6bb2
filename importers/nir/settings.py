"""What a NIR file does not say: the time step, the unit of time constants, how equations become steps, how resets act.

NIR holds differential equations without a time step; each framework that reads or writes it has conventions of its
own. A preset names them; an option given by itself wins over the preset.

* `generic`: forward Euler, v <- v + dt / tau (v_leak - v + r i), dt = 1e-4 s as in the paper's experiments, reset to
  v_reset within the step, comparator `>`, the synaptic current of this step drives the membrane.
* `snntorch`: the same: its exporter writes tau = dt / (1 - beta), r = tau / dt (so that a weight adds itself once per
  spike), dt = 1e-4 s. It writes v_reset = 0 for a subtractive reset too: where the network was trained with it, give
  `reset = soft_delayed`, which is snnTorch's default. The recurrent weights' bias acts from the first step on.
* `norse`: Norse reading NIR (leaky integrator, then LIFBox): Euler; the recurrent path is silent at the first step.
* `norse_export`: what Norse 1.1.0 writes: dt = 1e-3 s, time constants times dt. A CubaLIF was an LIFCell: the current
  jumps by the input itself, and the membrane sees the current of the step before.
* `sinabs`: tau counted in time steps, decay exp(-1 / tau), input times 1 - exp(-1 / tau) (`norm_input`), comparator
  `>=`, the threshold is subtracted. Several spikes per step, its default, are one spike here.
* `spikingjelly`: Euler with dt = 1e-4 s (tau dt, r = 1 or tau; IF: r = 1 / dt), comparator `>=`, hard reset.
* `rockpool`: decay exp(-dt / tau), the inverse of its exporter's r = tau exp(-dt / tau) / dt, subtractive reset,
  comparator `>=`, weights stored (in, out).
* `lava`: Euler; every layer answers one step later, a recurrence included.
* `nengo`: the exact solution for an input that is constant within the step.

Sources: Pedersen et al., "Neuromorphic intermediate representation", Nature Communications 15 (2024), and the
recordings beside its experiments; the exporters of snnTorch 1.0.0, Norse 1.1.0, sinabs 3.1.3, SpikingJelly 2.0.0 and
Rockpool 3.1.0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from importers.nir.flat import FlatGraph
from neurosim.errors import OptionError, check_choice

CHOICES: dict[str, tuple[str, ...]] = {
    "tau_unit": ("s", "ms", "steps", "s*dt"),
    "integration": ("euler", "exact", "exponential", "rockpool"),
    "synapse": ("integrated", "jump"),
    "current": ("new", "previous"),
    "comparator": (">", ">="),
    "reset": ("hard", "soft", "soft_delayed", "hard_delayed"),
    "recurrent_start": ("bias", "silent"),
    "weight_layout": ("out,in", "in,out"),
    "payload": ("graded", "spike"),
}
DEFAULTS: dict[str, Any] = {
    "dt": 1e-4, "tau_unit": "s", "integration": "euler", "synapse": "integrated", "current": "new", "comparator": ">",
    "reset": "hard", "recurrent_start": "bias", "layer_delay_steps": 0, "weight_layout": "out,in",
    "payload": "graded", "feedback": (),
}
PRESETS: dict[str, dict[str, Any]] = {
    "generic": {},
    "snntorch": {},
    "norse": {"recurrent_start": "silent"},
    "norse_export": {"dt": 1e-3, "tau_unit": "s*dt", "synapse": "jump", "current": "previous",
                     "recurrent_start": "silent"},
    "sinabs": {"tau_unit": "steps", "integration": "exact", "comparator": ">=", "reset": "soft",
               "recurrent_start": "silent"},
    "spikingjelly": {"comparator": ">="},
    "rockpool": {"integration": "rockpool", "comparator": ">=", "reset": "soft", "weight_layout": "in,out"},
    "lava": {"layer_delay_steps": 1},
    "nengo": {"integration": "exact"},
}
UNIT_GAIN_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Settings:
    """Resolved options. See `importers.nir.import_nir`."""

    framework: str
    dt: float
    tau_unit: str
    integration: str
    synapse: str
    current: str
    comparator: str
    reset: str
    recurrent_start: str
    layer_delay_steps: int
    weight_layout: str
    payload: str
    feedback: tuple[str, ...]

    @property
    def step(self) -> float:
        """The time step in the unit of the file's time constants."""
        return {"s": self.dt, "ms": self.dt * 1e3, "steps": 1.0, "s*dt": self.dt * self.dt}[self.tau_unit]

    @property
    def delay_step(self) -> float:
        """The time step in the unit of the file's delays."""
        return {"s": self.dt, "ms": self.dt * 1e3, "steps": 1.0, "s*dt": self.dt}[self.tau_unit]

    @property
    def integrator_steps(self) -> float:
        """Time steps in a unit of time: an integrator without leak adds r / integrator_steps times its input."""
        return 1.0 if self.tau_unit in ("steps", "s*dt") else 1.0 / self.step


def resolve(graph: FlatGraph, framework: str, given: Mapping[str, Any]) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and for the report each as `value (given | preset … | default)`.

    framework : a preset, or `auto`
    given : option -> value; None where it is left to the preset

    Raises
    ------
    OptionError    an unknown preset or an option outside its range
    """
    check_choice("framework", framework, ["auto", *PRESETS])
    chosen, why = (framework, "given") if framework != "auto" else detected(graph)
    values, origins = {}, {"framework": f"{chosen} ({why})"}
    for name, default in DEFAULTS.items():
        if given.get(name) is not None:
            values[name], origin = given[name], "given"
        elif name in PRESETS[chosen]:
            values[name], origin = PRESETS[chosen][name], f"preset {chosen}"
        else:
            values[name], origin = default, "default"
        _check(name, values[name])
        origins[name] = f"{', '.join(values[name]) or 'none' if name == 'feedback' else values[name]} ({origin})"
    values["feedback"] = tuple(values["feedback"])
    return Settings(chosen, **values), origins


def _check(name: str, value: Any) -> None:
    if name in CHOICES:
        check_choice(name, value, CHOICES[name])
    elif name == "dt":
        if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
            raise OptionError(f"dt = {value!r}", allowed="a number of seconds above 0", mend="1e-4 is usual in NIR")
    elif name == "layer_delay_steps":
        if isinstance(value, bool) or value not in (0, 1):
            raise OptionError(f"layer_delay_steps = {value!r}", allowed="0 or 1")
    elif not isinstance(value, tuple) or not all(isinstance(item, str) and "->" in item for item in value):
        raise OptionError(f"feedback = {value!r}", allowed="edges that carry a delay of one step, as ('lif2->lif1',)")


def detected(graph: FlatGraph) -> tuple[str, str]:
    """Return the preset that the numbers call for, and why; `generic` where they do not say."""
    nodes = [node for node in graph.nodes.values() if node.role == "neuron"]
    tau = _all(nodes, "tau", "tau_mem", "tau_syn")
    unit = [_all([node], "r") * DEFAULTS["dt"] / _all([node], name) for node in nodes
            for name in ("tau", "tau_mem") if name in node.fields and _compatible(node.fields["r"], node.fields[name])]
    if tau.size == 0 or tau.min() <= 0:
        return "generic", "nothing in the file tells"
    if all(np.abs(values - 1).max() < UNIT_GAIN_TOLERANCE for values in unit) and unit:
        return "snntorch", "r dt / tau = 1 with dt = 1e-4, as its exporter writes"
    if tau.min() >= 1:
        return "sinabs", "time constants from 1 on: counted in steps"
    if tau.max() < DEFAULTS["dt"] and np.all(_all(nodes, "r") == 1):
        return "norse_export", "r = 1 and time constants far below 1e-4 s: multiplied by the time step"
    return "generic", "nothing in the file tells"


def _compatible(first: Any, second: Any) -> bool:
    return np.size(first) == np.size(second) or 1 in (np.size(first), np.size(second))


def _all(nodes: list[Any], *names: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    found = [np.ravel(np.asarray(node.fields[name], np.float64)) for node in nodes for name in names
             if name in node.fields and not isinstance(node.fields[name], str)]
    return np.concatenate(found) if found else np.zeros(0)
