"""What each neuron model declares: ports, outputs, parameters, state words, attributes, needs. Data only.

The equations and kernels stand in `neurosim.models`, one file per model, in the order of `MODEL_SPECS`.
Row order of parameters, state words, ports, outputs and attributes is the order in which kernels see them.
A parameter or state word with `per_mode` has one row per complex mode (rows `first … first + n_modes − 1`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PortOperator = Literal["sum", "max", "max_abs"]
OutputKind = Literal["spike", "ternary", "graded"]
CostClass = Literal["soma", "program", "none"]


@dataclass(frozen=True)
class PortSpec:
    """A dendritic input. `max` rests at 0: it yields max(0, largest charge); `max_abs` the largest magnitude."""

    name: str
    operator: PortOperator = "sum"


@dataclass(frozen=True)
class OutputSpec:
    """An output of the soma; a packet is sent where its value is not zero."""

    name: str
    kind: OutputKind


@dataclass(frozen=True)
class ParameterSpec:
    """A number per neuron (or per neuron and mode). `default` None: must be given."""

    name: str
    default: float | None
    per_mode: bool = False
    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True)
class StateSpec:
    """A state word per neuron (or per neuron and mode); all start at 0."""

    name: str
    per_mode: bool = False


@dataclass(frozen=True)
class AttributeSpec:
    """A choice that is the same for the whole population; kernels see its index."""

    name: str
    choices: tuple[str, ...]
    default: str


@dataclass(frozen=True)
class ModelSpec:
    """Everything that graph, mapping and engines need to know of a model besides its kernel.

    silent_between_events : without input it neither fires nor sends, so that on a free-running chip its state may be
        advanced when the next packet comes, over any time; where that hangs on parameters: see `mapping.advance`
    advance_exp, advance_multiply : exponentials (real or complex) and multiplications of one such advance; for models
        with modes, of each mode
    """

    name: str
    summary: str
    ports: tuple[PortSpec, ...]
    outputs: tuple[OutputSpec, ...]
    parameters: tuple[ParameterSpec, ...] = ()
    state: tuple[StateSpec, ...] = ()
    attributes: tuple[AttributeSpec, ...] = ()
    cost_class: CostClass = "program"
    needs: frozenset[str] = frozenset()
    has_modes: bool = False
    silent_between_events: bool = False
    advance_exp: int = 0
    advance_multiply: int = 0

    def port_index(self, name: str) -> int:
        """Return the index of port `name`; raise KeyError if the model has none."""
        return _index(name, [port.name for port in self.ports])

    def output_index(self, name: str) -> int:
        """Return the index of output `name`; raise KeyError if the model has none."""
        return _index(name, [output.name for output in self.outputs])

    def n_parameter_rows(self, n_modes: int) -> int:
        """Return the rows of the parameter table."""
        return sum(n_modes if parameter.per_mode else 1 for parameter in self.parameters)

    def n_state_rows(self, n_modes: int) -> int:
        """Return the rows of the state table."""
        return sum(n_modes if word.per_mode else 1 for word in self.state)


def _index(name: str, names: list[str]) -> int:
    if name not in names:
        raise KeyError(name)
    return names.index(name)


_COMPARATOR = AttributeSpec("comparator", (">=", ">"), ">=")
_STRICT = AttributeSpec("comparator", _COMPARATOR.choices, ">")
_RESET = AttributeSpec("reset", ("hard", "soft", "none"), "hard")
_SPIKE = (OutputSpec("spike", "spike"),)
_GRADED = (OutputSpec("graded", "graded"),)
_BOTH_PARTS = (OutputSpec("graded_real", "graded"), OutputSpec("graded_imag", "graded"))
_INPUT = (PortSpec("input"),)
_SSM_PARAMETERS = (
    ParameterSpec("a_real", None, per_mode=True),
    ParameterSpec("a_imag", None, per_mode=True),
    ParameterSpec("b_real", 1.0, per_mode=True),
    ParameterSpec("b_imag", 0.0, per_mode=True),
    ParameterSpec("c_real", None, per_mode=True),
    ParameterSpec("c_imag", None, per_mode=True),
    ParameterSpec("d", 0.0),
    ParameterSpec("bias", 0.0),
)
_SSM_STATE = (StateSpec("h_real", per_mode=True), StateSpec("h_imag", per_mode=True))
_SSM_NEEDS = frozenset({"programmable", "multiply", "complex_state"})
_CODING = AttributeSpec("coding", ("corrected", "plain", "cumulative"), "corrected")
_ENCODER_STATE = (StateSpec("activation"), StateSpec("residue"), StateSpec("error"))

MODEL_SPECS: tuple[ModelSpec, ...] = (
    ModelSpec("input", "values given from outside", (), _GRADED,
              attributes=(AttributeSpec("payload", ("graded", "spike"), "graded"),), cost_class="none"),
    ModelSpec("lif", "leaky integrate-and-fire", _INPUT, _SPIKE,
              (ParameterSpec("leak", None), ParameterSpec("threshold", 1.0), ParameterSpec("reset_value", 0.0),
               ParameterSpec("bias", 0.0), ParameterSpec("refractory_steps", 0.0, low=0, high=63)),
              (StateSpec("potential"), StateSpec("refractory")), (_COMPARATOR, _RESET), cost_class="soma",
              silent_between_events=True, advance_exp=1, advance_multiply=1),
    ModelSpec("cuba", "current-based leaky integrate-and-fire", _INPUT, _SPIKE,
              (ParameterSpec("current_leak", None), ParameterSpec("leak", None), ParameterSpec("threshold", 1.0),
               ParameterSpec("reset_value", 0.0), ParameterSpec("bias", 0.0),
               ParameterSpec("refractory_steps", 0.0, low=0, high=63)),
              (StateSpec("current"), StateSpec("potential"), StateSpec("refractory")), (_COMPARATOR, _RESET),
              cost_class="soma"),
    ModelSpec("linear", "sum of inputs plus bias, sent as a graded value", _INPUT, _GRADED,
              (ParameterSpec("bias", 0.0),), needs=frozenset({"programmable"}), silent_between_events=True),
    ModelSpec("relu", "rectified sum of inputs plus bias", _INPUT, _GRADED, (ParameterSpec("bias", 0.0),),
              needs=frozenset({"programmable"}), silent_between_events=True),
    ModelSpec("gelu", "Gaussian error linear unit of the sum of inputs plus bias", _INPUT, _GRADED,
              (ParameterSpec("bias", 0.0),), (), (AttributeSpec("form", ("exact", "tanh"), "exact"),),
              needs=frozenset({"programmable", "multiply", "lookup_table"}), silent_between_events=True),
    ModelSpec("ssm", "S4D channel: complex diagonal state space, real output", _INPUT, _GRADED, _SSM_PARAMETERS,
              _SSM_STATE, (AttributeSpec("activation", ("none", "gelu", "relu"), "none"),), needs=_SSM_NEEDS,
              has_modes=True, silent_between_events=True, advance_exp=1, advance_multiply=4),
    ModelSpec("ssm_heaviside", "Binary S4D: S4D channel and Heaviside", _INPUT, _SPIKE,
              (*_SSM_PARAMETERS, ParameterSpec("threshold", 0.0)), _SSM_STATE, (_COMPARATOR,), needs=_SSM_NEEDS,
              has_modes=True),
    ModelSpec("ssm_lif", "SpikingSSM: S4D channel and leaky integrate-and-fire", _INPUT, _SPIKE,
              (*_SSM_PARAMETERS, ParameterSpec("threshold", 1.0, low=5e-324), ParameterSpec("leak", 0.125)),
              (*_SSM_STATE, StateSpec("potential")), (_COMPARATOR,), needs=_SSM_NEEDS, has_modes=True),
    ModelSpec("ternary", "ternary spike of a value, threshold from the vector's maximum or fixed (GSU)",
              (PortSpec("value"), PortSpec("threshold")), (OutputSpec("ternary", "ternary"),),
              (ParameterSpec("delta_factor", 0.15, low=0), ParameterSpec("delta", 0.0, low=0)), (),
              (AttributeSpec("delta_scope", ("vector", "tensor"), "vector"),),
              needs=frozenset({"programmable", "multiply"})),
    ModelSpec("gsu", "gated spiking unit: product of the ternary and the graded branch, plus skip",
              (PortSpec("ternary_branch"), PortSpec("graded_branch"), PortSpec("skip")), _GRADED,
              (ParameterSpec("ternary_bias", 0.0), ParameterSpec("graded_bias", 0.0)), (),
              (AttributeSpec("activation", ("none", "gelu"), "none"),),
              needs=frozenset({"programmable", "multiply", "lookup_table"})),
    ModelSpec("glu", "gated linear unit: value * sigmoid(gate) + skip",
              (PortSpec("value"), PortSpec("gate"), PortSpec("skip")), _GRADED,
              (ParameterSpec("value_bias", 0.0), ParameterSpec("gate_bias", 0.0)),
              needs=frozenset({"programmable", "multiply", "lookup_table"})),
    ModelSpec("reduce", "reduction neuron: sum + max + max_abs + bias",
              (PortSpec("sum"), PortSpec("max", "max"), PortSpec("max_abs", "max_abs")), _GRADED,
              (ParameterSpec("bias", 0.0),), needs=frozenset({"programmable"})),
    ModelSpec("center", "value minus mean, and its square (LayerNorm)", (PortSpec("value"), PortSpec("mean")),
              (OutputSpec("graded", "graded"), OutputSpec("square", "graded")),
              needs=frozenset({"programmable", "multiply"})),
    ModelSpec("layer_norm", "centred value over standard deviation, scaled and shifted (LayerNorm)",
              (PortSpec("value"), PortSpec("variance")), _GRADED,
              (ParameterSpec("scale", 1.0), ParameterSpec("bias", 0.0), ParameterSpec("epsilon", 1e-5, low=0)),
              needs=frozenset({"programmable", "multiply", "lookup_table"})),
    ModelSpec("integrator", "leaky integral of its input, read out", _INPUT, _GRADED,
              (ParameterSpec("leak", 1.0), ParameterSpec("bias", 0.0)), (StateSpec("potential"),),
              needs=frozenset({"programmable"}), silent_between_events=True, advance_exp=1, advance_multiply=1),
    ModelSpec("running_mean", "mean of its inputs over the tokens so far, read out", _INPUT, _GRADED,
              (ParameterSpec("bias", 0.0),), (StateSpec("total"), StateSpec("count")),
              needs=frozenset({"programmable", "multiply"})),
    ModelSpec("resonator", "resonate-and-fire: a complex state that turns and decays",
              (PortSpec("real"), PortSpec("imag")), _SPIKE,
              (ParameterSpec("a_real", None), ParameterSpec("a_imag", None), ParameterSpec("threshold", 1.0),
               ParameterSpec("reset_margin", 1e-5, low=0)),
              (StateSpec("real"), StateSpec("imag")), (AttributeSpec("firing", ("phase", "izhikevich"), "phase"),),
              needs=frozenset({"programmable", "multiply"})),
    ModelSpec("sigma_delta", "sum of received changes, rectified; sends the change of it", _INPUT, _GRADED,
              (ParameterSpec("threshold", 0.0, low=0), ParameterSpec("bias", 0.0)),
              (StateSpec("sigma"), *_ENCODER_STATE), (AttributeSpec("activation", ("relu", "none"), "relu"), _CODING),
              needs=frozenset({"programmable"}), silent_between_events=True),
    ModelSpec("delta", "sends the change of its input", _INPUT, _GRADED, (ParameterSpec("threshold", 0.0, low=0),),
              _ENCODER_STATE, (_CODING,), needs=frozenset({"programmable"})),
    ModelSpec("brf", "balanced resonate-and-fire: turns, decays, and is held back after each spike; no reset", _INPUT,
              _SPIKE,
              (ParameterSpec("omega", None), ParameterSpec("damping", None), ParameterSpec("threshold", 1.0),
               ParameterSpec("refractory_decay", 0.9), ParameterSpec("refractory_gain", 0.01)),
              (StateSpec("u"), StateSpec("v"), StateSpec("q")),
              (_STRICT, AttributeSpec("refractory", ("on", "off"), "on")),
              needs=frozenset({"programmable", "multiply"})),
    ModelSpec("alif", "leaky integrate-and-fire with a threshold that rises with each spike", _INPUT, _SPIKE,
              (ParameterSpec("leak", None), ParameterSpec("adaptation_leak", None), ParameterSpec("threshold", 0.01),
               ParameterSpec("beta", 1.8), ParameterSpec("input_gain", 1.0)),
              (StateSpec("potential"), StateSpec("adaptation")), (_STRICT,),
              needs=frozenset({"programmable", "multiply"})),
    ModelSpec("mode", "one complex mode of a state space: turns and decays, sends both parts",
              (PortSpec("real"), PortSpec("imag")), _BOTH_PARTS,
              (ParameterSpec("a_real", None), ParameterSpec("a_imag", None)),
              (StateSpec("h_real"), StateSpec("h_imag")), needs=frozenset({"programmable", "multiply"}),
              silent_between_events=True, advance_exp=1, advance_multiply=4),
    ModelSpec("event_mode", "one complex mode of a state space, decaying over the interval that each token brings",
              (PortSpec("real"), PortSpec("imag"), PortSpec("interval")), _BOTH_PARTS,
              (ParameterSpec("rate_real", None, high=0.0), ParameterSpec("rate_imag", None)),
              (StateSpec("h_real"), StateSpec("h_imag")), (AttributeSpec("hold", ("none", "zero"), "none"),),
              needs=frozenset({"programmable", "multiply", "lookup_table"}), silent_between_events=True,
              advance_exp=1, advance_multiply=4),
    ModelSpec("scaled_lif", "leaky integrate-and-fire whose threshold divides the current (SpikingSSM)", _INPUT, _SPIKE,
              (ParameterSpec("threshold", 1.0, low=5e-324), ParameterSpec("leak", 0.125)), (StateSpec("potential"),),
              (_COMPARATOR,), cost_class="soma", silent_between_events=True, advance_exp=1, advance_multiply=1),
    ModelSpec("bit_shift_lif", "integrate-and-fire in whole numbers with two currents, decays by shifts, counts of "
              "spikes (Xylo)", (PortSpec("first"), PortSpec("second")), _GRADED,
              (ParameterSpec("first_shift", 1.0, low=0, high=30), ParameterSpec("second_shift", 1.0, low=0, high=30),
               ParameterSpec("membrane_shift", 1.0, low=0, high=30), ParameterSpec("threshold", 1.0, low=5e-324),
               ParameterSpec("bias", 0.0), ParameterSpec("most_spikes", 31.0, low=0, high=2**20)),
              (StateSpec("first_current"), StateSpec("second_current"), StateSpec("potential")), cost_class="soma",
              needs=frozenset({"programmable"})),
)
# Models of the user's own come to stand behind these: neurosim.own_models.
SPEC_BY_NAME: dict[str, ModelSpec] = {spec.name: spec for spec in MODEL_SPECS}
MODEL_INDEX: dict[str, int] = {spec.name: index for index, spec in enumerate(MODEL_SPECS)}
SPEC_BY_INDEX: dict[int, ModelSpec] = dict(enumerate(MODEL_SPECS))
