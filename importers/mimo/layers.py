"""A state space that mixes channels (S5): read from a parameter tree, and built of modes that are neurons.

    h <- a h + B u;   y = 2 Re(C h) + D u        a: complex128[mode], B [mode, in], C [out, mode]

    u -- Re B, Im B --> modes -- 2 Re C, -2 Im C --> y
    u --------------------- D ---------------------> y

Where the step's length is the token's own (Event-SSM), the modes are `event_mode`, and an input neuron sends the
interval to all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from importers.checkpoint import FloatArray
from importers.discretise import ComplexArray, discretise
from importers.files.parameter_trees import Tree
from importers.graph_builder import Affine, GraphBuilder, Norm
from importers.mimo.event_windows import Window
from neurosim.errors import DataError

MOST_DAMPED = -1e-4     # what `clip_eigs` clips the poles' real parts to


@dataclass(frozen=True)
class StateSpace:
    """Continuous in time. `c_reversed` reads the same modes run from the sequence's end; d per channel or [out, in].

    poles : complex128[mode];  step : float64[mode];  b : [mode, in];  c, c_reversed : [out, mode]
    parts : 2 where one of each conjugate pair is stored, 1 where all are
    """

    poles: ComplexArray
    step: FloatArray
    b: ComplexArray
    c: ComplexArray
    c_reversed: ComplexArray | None
    d: FloatArray
    parts: float


@dataclass(frozen=True)
class Block:
    """A state space with what stands around it.

    gate : half_glu1, half_glu2, full_glu, gelu, or none;  gelu : its form, tanh or exact
    value, opening : the Dense layers of the gate; skip : that of the residual stream where the width changes
    """

    space: StateSpace
    gate: str
    value: Affine | None = None
    opening: Affine | None = None
    skip: Affine | None = None
    norm: Norm | None = None
    gelu: str = "tanh"


def read_space(tree: Tree, prefix: str, target: str, *, step_rescale: float, clip_eigs: bool, conj_sym: bool
               ) -> StateSpace:
    """Read Lambda_re, Lambda_im, B, C (or C1, C2), D, log_step below `prefix`."""
    shape = tree.shape(f"{prefix}B")
    if len(shape) != 3 or 0 in shape:
        raise DataError(f"{tree.path}: {prefix}B has shape {shape}", allowed="(modes, inputs, 2)")
    n_modes, n_inputs = shape[:2]
    real = tree.take(f"{prefix}Lambda_re", (n_modes,), target=f"{target} poles")
    poles = (np.minimum(real, MOST_DAMPED) if clip_eigs else real) \
        + 1j * tree.take(f"{prefix}Lambda_im", (n_modes,), target=f"{target} poles")
    with np.errstate(over="ignore"):
        step = step_rescale * np.exp(tree.take(f"{prefix}log_step", (n_modes,), (n_modes, 1), target=f"{target} poles",
                                               reason="step = step_rescale exp(log_step)"))
    tree.derived(f"{prefix}log_step", "step", step)
    with np.errstate(divide="ignore", invalid="ignore"):
        tree.derived(f"{prefix}Lambda_re", "1 / pole", 1 / poles)
    b = _pairs(tree, f"{prefix}B", (n_modes, n_inputs), f"weights into {target}")
    c, c_reversed = _read_c(tree, prefix, n_modes, target)
    n_outputs = len(c)
    shapes = ((n_inputs,), (1, n_inputs)) if len(tree.shape(f"{prefix}D")) == 1 and n_inputs == n_outputs \
        else ((n_outputs, n_inputs),)
    d = tree.take(f"{prefix}D", *shapes, target=f"weights past {target}")
    return StateSpace(poles, step, b, c, c_reversed, d, 2.0 if conj_sym else 1.0)


def _pairs(tree: Tree, key: str, shape: tuple[int, int], target: str) -> ComplexArray:
    values = tree.take(key, (*shape, 2), target=target)
    return values[..., 0] + 1j * values[..., 1]


def _read_c(tree: Tree, prefix: str, n_modes: int, target: str) -> tuple[ComplexArray, ComplexArray | None]:
    """Return C of the forward modes and, of a bidirectional network, that of the reversed ones."""
    to = f"weights from {target}"
    if f"{prefix}C1" in tree:
        n_outputs = (tree.shape(f"{prefix}C1") or (1,))[0]
        return (_pairs(tree, f"{prefix}C1", (n_outputs, n_modes), to),
                _pairs(tree, f"{prefix}C2", (n_outputs, n_modes), to))
    shape = tree.shape(f"{prefix}C")
    n_columns = shape[1] if len(shape) == 3 and shape[1] == 2 * n_modes else n_modes
    c = _pairs(tree, f"{prefix}C", (shape[0] if shape else 1, n_columns), to)
    return (c[:, :n_modes], c[:, n_modes:]) if n_columns > n_modes else (c, None)


def add_space(graph: GraphBuilder, source: str, name: str, space: StateSpace, discretization: str, *, gelu: str = "",
              intervals: str = "", window: Window | None = None) -> str:
    """Add the modes and the population `name`.y that sums what they send; return its name.

    gelu : the form of the GELU that y is; empty: none
    intervals : the population that sends each token's interval; without one, all steps are alike
    window : of each window of tokens one goes on; what is added behind the modes has its period
    """
    width, modes = len(space.c), [f"{name}.modes"]
    gain = _add_modes(graph, modes[0], space, discretization, intervals)
    if space.c_reversed is not None:
        modes.append(f"{name}.modes_reversed")
        _add_modes(graph, modes[1], space, discretization, intervals, direction="reversed")
    for population in modes:
        weights = (gain[:, None] * space.b).T
        graph.dense(source, population, "real", weights.real)
        graph.dense(source, population, "imag", weights.imag)
        if intervals:
            graph.dense(intervals, population, "interval", np.ones((1, len(gain))))
    passed, delay, first = source, 0, 0
    if window:
        (passed, delay), first = window.passed(source), window.first
        graph.period = window.period
    y = graph.add(f"{name}.y", "gelu", width, form=gelu) if gelu else graph.add(f"{name}.y", "linear", width)
    for population, c in zip(modes, (space.c, space.c_reversed), strict=False):
        assert c is not None
        graph.dense(population, y, "input", space.parts * c.real.T, "graded_real", first)
        graph.dense(population, y, "input", -space.parts * c.imag.T, "graded_imag", first)
    if space.d.ndim == 1:
        graph.one_to_one(passed, y, "input", space.d, delay_steps=delay)
    else:
        graph.dense(passed, y, "input", space.d.T, delay_steps=delay)
    return y


def _add_modes(graph: GraphBuilder, name: str, space: StateSpace, discretization: str, intervals: str,
               direction: str = "forward") -> ComplexArray:
    """Add the modes; return the input gain of each.

    zoh      an input that lasts until the next token: (a - 1) / pole; of events a = exp(pole step interval) is the
             neuron's, and 1 / pole the weights'
    async    (exp(pole step) - 1) / pole, whatever the interval
    dirac    1
    """
    n_modes, rate = len(space.poles), space.poles * space.step
    if not intervals:
        a, gain = discretise(space.step, space.poles, discretization)
        graph.add(name, "mode", n_modes, {"a_real": a.real, "a_imag": a.imag}, direction=direction)
        return gain
    graph.add(name, "event_mode", n_modes, {"rate_real": rate.real, "rate_imag": rate.imag}, direction=direction,
              hold="zero" if discretization == "zoh" else "none")
    if discretization == "zoh":
        return 1 / space.poles
    return (np.exp(rate) - 1) / space.poles if discretization == "async" else np.ones(n_modes, np.complex128)


def add_gate(graph: GraphBuilder, source: str, name: str, block: Block, discretization: str, intervals: str = "",
             window: Window | None = None) -> str:
    """Add state space and gate of a block; return the population that the residual stream may join at port `skip`.

    half_glu1   g = gelu(y);  g sigmoid(opening(g))          full_glu   g = gelu(y);  value(g) sigmoid(opening(g))
    half_glu2   y sigmoid(opening(gelu(y)))                  gelu       gelu(y)
    """
    form = "" if block.gate in ("half_glu2", "none") else block.gelu
    y = add_space(graph, source, name, block.space, discretization, gelu=form, intervals=intervals,
                  window=window)
    if block.gate in ("gelu", "none"):
        return y
    assert block.opening is not None
    width = len(block.opening.bias)
    curved = y
    if block.gate == "half_glu2":
        curved = graph.add(f"{name}.gelu", "gelu", width, form=block.gelu)
        graph.one_to_one(y, curved, "input", np.ones(width))
    value_bias = block.value.bias if block.value else np.zeros(width)
    glu = graph.add(f"{name}.glu", "glu", width, {"value_bias": value_bias, "gate_bias": block.opening.bias})
    if block.value:
        graph.dense(curved, glu, "value", block.value.weights)
    else:
        graph.one_to_one(y, glu, "value", np.ones(width))
    graph.dense(curved, glu, "gate", block.opening.weights)
    return glu


def add_skip(graph: GraphBuilder, stream: str, gate: str, name: str, skip: Affine | None, delay_steps: int = 0) -> str:
    """Let the residual stream join a block's output, through a Dense where the width changes; return the new stream."""
    if gate.endswith(".glu"):
        target, port = gate, "skip"
        if skip is not None and np.any(skip.bias):
            added = graph.add(f"{name}.skip", "linear", len(skip.bias), {"bias": skip.bias})
            graph.dense(stream, added, "input", skip.weights, delay_steps=delay_steps)
            graph.one_to_one(added, target, port, np.ones(len(skip.bias)))
            return target
    else:
        target = graph.add(f"{name}.sum", "linear", graph.size(gate), {"bias": skip.bias if skip else 0.0})
        port = "input"
        graph.one_to_one(gate, target, port, np.ones(graph.size(gate)))
    if skip is None:
        graph.one_to_one(stream, target, port, np.ones(graph.size(stream)), delay_steps=delay_steps)
    else:
        graph.dense(stream, target, port, skip.weights, delay_steps=delay_steps)
    return target
