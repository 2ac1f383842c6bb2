"""The primitives of NIR 1.0: the parameters each has in the file, and what it becomes here. Data only."""

from __future__ import annotations

from typing import NamedTuple

from importers.result import Support


class Primitive(NamedTuple):
    """A kind of node.

    role : `input`, `output`, `neuron` (has a state or a threshold), `weighted` (mixes neurons by weights), or `light`
        (moves, scales or delays each value by itself)
    required, optional : parameters in the file
    becomes, remark : for the table of what is supported
    """

    role: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    becomes: str
    remark: str = ""


_CONVOLUTION = ("weight", "stride", "padding", "dilation", "groups")
_POOL = ("kernel_size", "stride", "padding")
_FOLDED = "mapped where it stands alone between neurons; before another weighted node it is a `linear` population"
PRIMITIVES: dict[str, Primitive] = {
    "Input": Primitive("input", ("shape",), (), "input", "leading dimensions of 1 (a batch) are dropped with a note"),
    "Output": Primitive("output", (), ("shape",), "a readout of the population before it",
                        "after stateless nodes: a `linear` population of its own"),
    "Affine": Primitive("weighted", ("weight", "bias"), (), "dense projection, bias of the neurons", _FOLDED),
    "Linear": Primitive("weighted", ("weight",), ("bias",), "dense projection", _FOLDED),
    "Conv1d": Primitive("weighted", _CONVOLUTION, ("bias", "input_shape"), "convolution projection of height 1",
                        _FOLDED),
    "Conv2d": Primitive("weighted", _CONVOLUTION, ("bias", "input_shape"), "convolution projection",
                        "padding by numbers, 'same' or 'valid'; dilation; groups"),
    "SumPool2d": Primitive("weighted", _POOL, (), "convolution projection of ones, one group per channel", _FOLDED),
    "AvgPool2d": Primitive("weighted", _POOL, (), "convolution projection of 1 / area, one group per channel",
                           "zeros of the padding count, as in PyTorch"),
    "Scale": Primitive("light", ("scale",), (), "folded into weights",
                       "a `linear` population where a convolution's kernel cannot hold it"),
    "Flatten": Primitive("light", (), ("start_dim", "end_dim", "input_type"), "nothing: neurons keep their order"),
    "Delay": Primitive("light", ("delay",), (), "delay of the projection", "a whole number of time steps"),
    "Threshold": Primitive("neuron", ("threshold",), (), "lif without leak and reset", "fires above the threshold"),
    "I": Primitive("neuron", ("r",), (), "integrator"),
    "LI": Primitive("neuron", ("tau", "r", "v_leak"), (), "integrator"),
    "IF": Primitive("neuron", ("r", "v_threshold"), ("v_reset",), "lif with leak 1"),
    "LIF": Primitive("neuron", ("tau", "r", "v_leak", "v_threshold"), ("v_reset",), "lif"),
    "CubaLI": Primitive("neuron", ("tau_mem", "tau_syn", "r", "v_leak"), ("w_in",), "two integrators",
                        "`<name>.current` and `<name>`"),
    "CubaLIF": Primitive("neuron", ("tau_mem", "tau_syn", "r", "v_leak", "v_threshold"), ("v_reset", "w_in"), "cuba",
                         "a bias before it comes from a `lif` neuron that fires at every step"),
    "NIRGraph": Primitive("graph", (), (), "its nodes, named `<graph>.<node>`", "one Input and one Output"),
}

SUPPORTS = tuple(Support(f"NIR {kind}", item.becomes, item.remark) for kind, item in PRIMITIVES.items())
