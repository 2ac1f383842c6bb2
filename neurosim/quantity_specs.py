"""What each neuron model stores in fixed point: its quantities, their roles, and which of them share one scale.

A quantity has a `Coding` of its own in a population's `codings`, by these names. Its format's rounding is what happens
to a value on its way into it, its overflow what happens where it does not fit:

| role | what it is; the chip's bits |
|---|---|
| charge | what a port's dendrite gathered, converted once per projection, after its sum; core.accumulator_bits |
| state | a word of state: `h` all of h_real and h_imag, `u` u and v, `real`, `imag` also ports; core.state_bits |
| parameter | a parameter, `a` for its real and imaginary parts of all modes; core.parameter_bits |
| state | a word of state, `h` for h_real and h_imag of all modes, `real` and `imag` also for ports; core.state_bits |
| parameter | a parameter, `a` for both parts of all modes (`event_mode`: of its table of powers); core.parameter_bits |
| gain | a parameter of the state-space models that multiplies like a weight (b, c, d); core.weight_bits |
| internal | between state and output: `y` of the state-space models, `product` of the gated unit; core.state_bits |
| payload | a graded output, as packets carry it; noc.payload_bits |

Where a family is public, its rounding is part of it (`FAMILY_ROUNDING`). `lava_wrap` is for `current` of `cuba` alone.

`same_scale` lists quantities whose integers are added or compared, so that one scale serves them all. A parameter named
in `step_of` is a multiple of that quantity's step: it may be coarser by a power of two, not finer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["charge", "state", "parameter", "gain", "internal", "payload"]


@dataclass(frozen=True)
class QuantitySpec:
    """One quantity of a model. `step_of`: the quantity in whose units the parameter is counted, if any."""

    name: str
    role: Role
    step_of: str = ""


@dataclass(frozen=True)
class ModelQuantities:
    """The quantities of a model. `table`: it reads a look-up table (sigmoid or the normal distribution)."""

    quantities: tuple[QuantitySpec, ...]
    same_scale: tuple[tuple[str, ...], ...] = ()
    table: bool = False

    def names(self) -> tuple[str, ...]:
        """Return the names, in order."""
        return tuple(quantity.name for quantity in self.quantities)


def _charge(*names: str) -> tuple[QuantitySpec, ...]:
    return tuple(QuantitySpec(name, "charge") for name in names)


def _state(*names: str) -> tuple[QuantitySpec, ...]:
    return tuple(QuantitySpec(name, "state") for name in names)


def _steps(of: str, *names: str) -> tuple[QuantitySpec, ...]:
    return tuple(QuantitySpec(name, "parameter", of) for name in names)


def _factors(*names: str) -> tuple[QuantitySpec, ...]:
    return tuple(QuantitySpec(name, "parameter") for name in names)


_GRADED = (QuantitySpec("graded", "payload"),)
_BOTH_PARTS = (QuantitySpec("graded_real", "payload"), QuantitySpec("graded_imag", "payload"))
_LEAK = QuantitySpec("leak", "parameter")
_SSM = (*_charge("input"), *_state("h"), QuantitySpec("a", "parameter"), QuantitySpec("b", "gain"),
        QuantitySpec("c", "gain"), QuantitySpec("d", "gain"), *_steps("input", "bias"), QuantitySpec("y", "internal"))

MODEL_QUANTITIES: dict[str, ModelQuantities] = {
    "input": ModelQuantities(_GRADED),
    "lif": ModelQuantities((*_charge("input"), *_state("potential"), _LEAK,
                            *_steps("potential", "threshold", "reset_value", "bias")), (("input", "potential"),)),
    "cuba": ModelQuantities((*_charge("input"), *_state("current", "potential"),
                             QuantitySpec("current_leak", "parameter"), _LEAK,
                             *_steps("potential", "threshold", "reset_value", "bias")),
                            (("input", "current", "potential"),)),
    "linear": ModelQuantities((*_charge("input"), *_steps("input", "bias"), *_GRADED)),
    "relu": ModelQuantities((*_charge("input"), *_steps("input", "bias"), *_GRADED)),
    "gelu": ModelQuantities((*_charge("input"), *_steps("input", "bias"), *_GRADED), table=True),
    "ssm": ModelQuantities((*_SSM, *_GRADED), table=True),
    "ssm_heaviside": ModelQuantities((*_SSM, *_steps("y", "threshold"))),
    "ssm_lif": ModelQuantities((*_SSM, *_state("potential"), _LEAK), (("y", "potential"),)),
    "ternary": ModelQuantities((*_charge("value", "threshold"), QuantitySpec("delta_factor", "parameter"),
                                *_steps("value", "delta")), (("value", "threshold"),)),
    "gsu": ModelQuantities((*_charge("ternary_branch", "graded_branch", "skip"),
                            *_steps("ternary_branch", "ternary_bias"), *_steps("graded_branch", "graded_bias"),
                            QuantitySpec("product", "internal"), *_GRADED), table=True),
    "glu": ModelQuantities((*_charge("value", "gate", "skip"), *_steps("value", "value_bias"),
                            *_steps("gate", "gate_bias"), *_GRADED), table=True),
    "reduce": ModelQuantities((*_charge("sum", "max", "max_abs"), *_steps("sum", "bias"), *_GRADED),
                              (("sum", "max", "max_abs"),)),
    "center": ModelQuantities((*_charge("value", "mean"), *_GRADED, QuantitySpec("square", "payload")),
                              (("value", "mean"),)),
    "layer_norm": ModelQuantities((*_charge("value", "variance"), QuantitySpec("scale", "parameter"),
                                   *_steps("graded", "bias"), *_steps("variance", "epsilon"), *_GRADED)),
    "integrator": ModelQuantities((*_charge("input"), *_state("potential"), _LEAK, *_steps("potential", "bias"),
                                   *_GRADED), (("input", "potential"),)),
    "running_mean": ModelQuantities((*_charge("input"), *_state("total"), *_steps("total", "bias"), *_GRADED),
                                    (("input", "total"),)),
    "resonator": ModelQuantities((*_state("real", "imag"), QuantitySpec("a", "parameter"),
                                  *_steps("real", "threshold")), (("real", "imag"),)),
    "sigma_delta": ModelQuantities((*_charge("input"), *_state("sigma"), *_steps("sigma", "threshold", "bias"),
                                    *_GRADED), (("input", "sigma"),)),
    "delta": ModelQuantities((*_charge("input"), *_steps("input", "threshold"), *_GRADED)),
    "brf": ModelQuantities((*_charge("input"), *_state("u", "q"), *_factors("omega", "damping"),
                            *_steps("u", "threshold"), *_factors("refractory_decay", "refractory_gain")),
                           (("input", "u", "q"),)),
    "alif": ModelQuantities((*_charge("input"), *_state("potential", "adaptation"), _LEAK,
                             *_factors("adaptation_leak"), *_steps("potential", "threshold"),
                             *_factors("beta", "input_gain")), (("input", "potential", "adaptation"),)),
    "mode": ModelQuantities((*_charge("real", "imag"), *_state("h"), QuantitySpec("a", "parameter"), *_BOTH_PARTS),
                            (("real", "imag", "h"),)),
    "event_mode": ModelQuantities((*_charge("real", "imag", "interval"), *_state("h"), QuantitySpec("a", "parameter"),
                                   *_BOTH_PARTS), (("real", "imag", "h"),)),
    "scaled_lif": ModelQuantities((*_charge("input"), *_state("potential"), *_steps("potential", "threshold"), _LEAK),
                                  (("input", "potential"),)),
    "bit_shift_lif": ModelQuantities((*_charge("first", "second"), *_state("current", "potential"),
                                      *_steps("potential", "threshold", "bias"), *_GRADED),
                                     (("first", "second", "current", "potential"),)),
}

# (model, quantity) -> the only rounding that its kernel knows.
FAMILY_ROUNDING: dict[tuple[str, str], str] = {
    ("cuba", "current"): "toward_zero", ("cuba", "potential"): "toward_zero",
    ("resonator", "real"): "toward_zero", ("resonator", "imag"): "toward_zero",
    ("sigma_delta", "graded"): "floor", ("delta", "graded"): "floor", ("event_mode", "h"): "toward_zero",
}
# (model, quantity) -> the only overflows; `error` saturates and ends the run.
FAMILY_OVERFLOW: dict[tuple[str, str], tuple[str, ...]] = {
    ("cuba", "potential"): ("saturate", "error"),
    ("resonator", "real"): ("saturate", "error"), ("resonator", "imag"): ("saturate", "error"),
}
