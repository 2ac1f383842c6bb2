"""Trained recurrent networks of resonating and adaptive neurons: balanced resonate-and-fire, plain, adaptive LIF.

Key names are those of the published code: `hidden.linear.weight` (neurons, inputs + neurons: the columns of the inputs,
then those of the recurrence), perhaps `hidden.linear.mask` of that shape, `hidden.{omega, b_offset}` of resonators or
`hidden.{tau_mem, tau_adp}` of adaptive neurons; `out.{tau_mem, linear.weight}` of the leaky read-out. With w = |omega|:

    brf     damping = -dt (p(w) - |b_offset|), p(w) = (-1 + sqrt(1 - (dt w)**2)) / dt;  rf: damping = dt |b_offset|
    both    omega = dt w, charges dt times the current, so that dt is in the weights
    alif    leak = exp(-1 / |tau_mem|), input_gain = 1 - leak, adaptation_leak = exp(-1 / |tau_adp|)
    readout y <- a y + (1 - a) W spikes, a = exp(-1 / |out.tau_mem|), so that 1 - a is in the weights

Spikes come back to the hidden neurons one token later. A masked synapse does not exist.

Sources
-------
Higuchi, Kairat, Bohté, Otte, "Balanced Resonate-and-Fire Neurons", ICML 2024, arXiv 2402.14603;
https://github.com/AdaptiveAILab/brf-neurons, commit 5d45b0e; Yin, Corradi, Bohté, Nature Machine Intelligence 3 (2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from importers.checkpoint import Checkpoint, FloatArray, bare_key
from importers.files.tensors import TensorFile, load_tensors
from importers.graph_builder import GraphBuilder
from importers.resolver import Resolver
from importers.result import ImportReport, ImportResult, Support, imported
from neurosim.errors import DataError, OptionError
from neurosim.graph import DenseWeights, Projection, SparseWeights

KINDS = {"brf": "brf", "rf": "rf", "alif": "alif"}
READOUTS, INPUTS = ("last", "mean", "every"), ("graded", "spike")
# Options that only some kinds have.
KINDS_WITH = {"dt": ("brf", "rf"), "refractory_decay": ("brf",), "beta": ("alif",)}
THRESHOLDS = {"brf": 1.0, "rf": 1.0, "alif": 0.01}
NETWORK_NAMES = {"brf": "a balanced resonate-and-fire network", "rf": "a resonate-and-fire network",
                 "alif": "a network of adaptive neurons"}
_RESONATORS, _ADAPTIVE = ("hidden.omega", "hidden.b_offset"), ("hidden.tau_mem", "hidden.tau_adp")

SUPPORTS = (
    Support("hidden.omega, hidden.b_offset", "`brf`", "kind `brf` or `rf`: their keys are the same"),
    Support("hidden.tau_mem, hidden.tau_adp", "`alif`", "soft reset by the level that was passed"),
    Support("hidden.linear.weight", "two projections", "inputs; recurrence, one token later"),
    Support("hidden.linear.mask", "synapses left out", ""),
    Support("hidden.linear.bias", "refused", "the published networks have none"),
    Support("out.tau_mem, out.linear.weight, out.linear.bias", "`integrator`",
            "`readout=\"mean\"` adds a `running_mean` behind it"),
)


@dataclass(frozen=True)
class Settings:
    """What the tensors do not say. See `import_resonate`."""

    kind: str
    dt: float
    threshold: float
    refractory_decay: float
    beta: float
    readout: str
    inputs: str


def recognises(source: TensorFile) -> bool:
    """Return whether the keys are those of a recurrent network of resonators or adaptive neurons."""
    keys = {bare_key(key) for key in source.tensors}
    return {"hidden.linear.weight", "out.linear.weight"} <= keys and any(
        set(needed) <= keys for needed in (_RESONATORS, _ADAPTIVE))


def import_resonate(
    source: str | Path | TensorFile, *, kind: str = "auto", name: str | None = None, dt: float | None = None,
    threshold: float | None = None, refractory_decay: float | None = None, beta: float | None = None,
    readout: str | None = None, inputs: str | None = None,
) -> ImportResult:
    """Read a trained recurrent network of resonate-and-fire or adaptive neurons.

    What is not given comes from the file's metadata by the same names, else from the keys, else from the defaults
    below, which are those of the published code: the checkpoints hold none of these numbers. The report says which.

    Parameters
    ----------
    kind : `brf`, `rf`, `alif`, or `auto`; `brf` and `rf` have the same keys, so that one of the two must be stated
    name : of the network; the file's name by default
    dt : step of a resonator in seconds, default 0.01
    threshold : default 1 of resonators, 0.01 of adaptive neurons
    refractory_decay : of q per token, in `brf`; default 0.9
    beta : how far adaptation lifts the threshold, in `alif`; default 1.8
    readout : where the answer stands, which the task decides and no key tells. `last` (default): in the leaky read-out
        after the last token; `every`: in the same read-out at every token, to be run with `readout_tokens`; `mean`: in
        the mean of the read-outs so far, which a further population forms
    inputs : `graded` (default), or `spike` where all inputs are 0 or 1

    Raises
    ------
    DataError       the file, its keys, shapes or values
    OptionError     an option that is unknown or contradicts the file
    """
    loaded = source if isinstance(source, TensorFile) else load_tensors(source)
    checkpoint = Checkpoint(loaded)
    resolver = Resolver(checkpoint)
    settings = _resolve(resolver, {"kind": kind, "dt": dt, "threshold": threshold, "beta": beta, "readout": readout,
                                   "refractory_decay": refractory_decay, "inputs": inputs})
    graph = _build(checkpoint, settings)
    lines = checkpoint.report_lines(NETWORK_NAMES[settings.kind])
    _note_growth(resolver, graph, settings)
    if settings.readout == "every":
        resolver.notes.append("readout = every: the read-out answers at every token; ask for those of all tokens")
    report = ImportReport(lines, resolver.found, tuple(resolver.notes))
    return imported(loaded, name, graph.populations, graph.projections, report, importer="resonate",
                    kind=settings.kind, readout=settings.readout)


def _resolve(resolver: Resolver, options: dict[str, Any]) -> Settings:
    kind = _kind(resolver, options["kind"])
    for option, kinds in KINDS_WITH.items():
        if options[option] is not None and kind not in kinds:
            raise OptionError(f"{option} = {options[option]!r} for kind {kind}",
                              allowed=f"with kind {' or '.join(kinds)}")

    def number(option: str, default: float, allowed: str, most: float = np.inf, *, above: bool = False) -> float:
        if kind not in KINDS_WITH.get(option, (kind,)):
            return default
        return resolver.number(option, options[option], default,
                               lambda value: (value > 0 or (value == 0 and not above)) and value <= most, allowed)

    return Settings(
        kind=kind, dt=number("dt", 0.01, "a number above 0", above=True),
        threshold=number("threshold", THRESHOLDS[kind], "a number from 0"),
        refractory_decay=number("refractory_decay", 0.9, "a number from 0 to 1", 1.0),
        beta=number("beta", 1.8, "a number from 0"),
        readout=resolver.choice("readout", options["readout"], "last", READOUTS),
        inputs=resolver.choice("inputs", options["inputs"], "graded", INPUTS))


def _kind(resolver: Resolver, given: str) -> str:
    """Return the kind; refuse to guess between `brf` and `rf`, and what the keys contradict."""
    checkpoint = resolver.checkpoint
    possible = ("brf", "rf") if "hidden.omega" in checkpoint else ("alif",)
    kind = str(resolver.value("kind", None if given == "auto" else given, "", KINDS.__getitem__, ", ".join(KINDS)))
    if kind and kind not in possible:
        raise OptionError(f"kind = {kind!r}, but {checkpoint.path} has the keys of {' or '.join(possible)}",
                          allowed=", ".join(possible))
    if kind:
        return kind
    if len(possible) > 1:
        raise DataError(f"{checkpoint.path}: kind of network: balanced and plain resonate-and-fire have the same keys",
                        allowed=", ".join(possible),
                        mend="give the option `kind`, or store `kind` in the file's metadata")
    return str(resolver.note("kind", possible[0], "keys"))


# --- populations and projections -------------------------------------------------------------------------------------

def _build(checkpoint: Checkpoint, settings: Settings) -> GraphBuilder:
    """Return input -> hidden (recurrent) -> readout, perhaps with the mean behind it."""
    graph = GraphBuilder()
    n_hidden, n_inputs = _sizes(checkpoint)
    weights, kept = _hidden_weights(checkpoint, n_hidden, n_inputs)
    if settings.kind != "alif":
        weights = weights * settings.dt
    graph.add("input", "input", n_inputs, payload=settings.inputs)
    _add_hidden(graph, checkpoint, settings, n_hidden)
    graph.projections.append(_joined("input", weights[:n_inputs], kept[:n_inputs], 0))
    graph.projections.append(_joined("hidden", weights[n_inputs:], kept[n_inputs:], 1))
    _add_readout(graph, checkpoint, settings, n_hidden)
    return graph


def _sizes(checkpoint: Checkpoint) -> tuple[int, int]:
    """Return (hidden neurons, inputs)."""
    shape = checkpoint.shape("hidden.linear.weight")
    if len(shape) != 2 or not 0 < shape[0] < shape[1]:
        raise DataError(f"{checkpoint.path}: hidden.linear.weight has shape {shape}",
                        allowed="(neurons, inputs + neurons): the recurrence stands behind the inputs",
                        mend="check that the network is recurrent")
    return shape[0], shape[1] - shape[0]


def _hidden_weights(checkpoint: Checkpoint, n_hidden: int, n_inputs: int) -> tuple[FloatArray, FloatArray]:
    """Return weights and mask; [input or neuron, neuron]."""
    shape = (n_hidden, n_inputs + n_hidden)
    weights = checkpoint.take("hidden.linear.weight", shape,
                              target="input->hidden, hidden->hidden: weights one token later")
    if "hidden.linear.mask" not in checkpoint:
        return weights.T, np.ones(shape[::-1])
    mask = checkpoint.take("hidden.linear.mask", shape, target="hidden: synapses that exist", action="folded",
                           reason="all 1" if checkpoint.tensors["hidden.linear.mask"].all() else "0: no synapse")
    if not np.isin(mask, (0.0, 1.0)).all():
        raise DataError(f"{checkpoint.path}: hidden.linear.mask reaches {mask.min():g} to {mask.max():g}",
                        allowed="0 and 1", mend="multiply it into the weights and leave it out")
    return weights.T, mask.T


def _joined(source: str, weights: FloatArray, kept: FloatArray, delay_steps: int) -> Projection:
    """Return the projection to the hidden neurons: dense, or without the synapses that are masked."""
    values: DenseWeights | SparseWeights = DenseWeights(np.ascontiguousarray(weights))
    if not kept.all():
        pre, post = np.nonzero(kept)
        pointer = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=len(kept)))]).astype(np.int64)
        values = SparseWeights(pointer, post.astype(np.int64), weights[pre, post], kept.shape[1])
    return Projection(source, "hidden", values, "input", delay_steps=delay_steps)


def _add_hidden(graph: GraphBuilder, checkpoint: Checkpoint, settings: Settings, size: int) -> None:
    if settings.kind == "alif":
        leak = _leak(checkpoint, "hidden.tau_mem", size, "hidden.leak, hidden.input_gain")
        graph.add("hidden", "alif", size, {
            "leak": leak, "adaptation_leak": _leak(checkpoint, "hidden.tau_adp", size, "hidden.adaptation_leak"),
            "threshold": settings.threshold, "beta": settings.beta, "input_gain": 1 - leak})
        return
    omega, damping = _turning(checkpoint, settings, size)
    balanced = settings.kind == "brf"
    graph.add("hidden", "brf", size, {
        "omega": omega, "damping": damping, "threshold": settings.threshold,
        "refractory_decay": settings.refractory_decay, "refractory_gain": settings.dt if balanced else 0.0},
        refractory="on" if balanced else "off")


def _turning(checkpoint: Checkpoint, settings: Settings, size: int) -> tuple[FloatArray, FloatArray]:
    """Return omega and damping per token."""
    omega = settings.dt * np.abs(checkpoint.take("hidden.omega", (size,), target="hidden.omega"))
    target = "hidden.damping"
    damping = settings.dt * np.abs(checkpoint.take("hidden.b_offset", (size,), target=target))
    if settings.kind == "rf":
        return omega, damping
    if omega.max(initial=0.0) > 1:
        raise DataError(f"{checkpoint.path}: hidden.omega[{int(omega.argmax())}] times dt is {omega.max():g}",
                        allowed="up to 1: beyond, every state grows", mend="check the option `dt`")
    return omega, damping + (1 - np.sqrt(1 - omega**2))


def _note_growth(resolver: Resolver, graph: GraphBuilder, settings: Settings) -> None:
    """Say how many plain resonators lie outside the divergence boundary: they grow as long as a sample lasts."""
    if settings.kind != "rf":
        return
    hidden = graph.populations[1].parameters
    factor = np.hypot(1 - np.asarray(hidden["damping"]), np.asarray(hidden["omega"]))
    if factor.max(initial=0.0) > 1:
        resolver.notes.append(f"{np.count_nonzero(factor > 1)} of {len(factor)} neurons grow, by up to "
                              f"{factor.max():.4g} per token, and no fixed-point format holds them for long")


def _add_readout(graph: GraphBuilder, checkpoint: Checkpoint, settings: Settings, n_hidden: int) -> None:
    """Add the leaky read-out; the population that answers is called `readout`."""
    shape = checkpoint.shape("out.linear.weight")
    n_outputs = shape[0] if len(shape) == 2 else 0
    integrator = "integrator" if settings.readout == "mean" else "readout"
    weights = checkpoint.take("out.linear.weight", (max(n_outputs, 1), n_hidden), target=f"hidden->{integrator}")
    leak = _leak(checkpoint, "out.tau_mem", n_outputs, f"{integrator}.leak, and 1 - leak in the weights")
    bias = np.zeros(n_outputs)
    if "out.linear.bias" in checkpoint:
        bias = checkpoint.take("out.linear.bias", (n_outputs,), target=f"{integrator}.bias") * (1 - leak)
    graph.add(integrator, "integrator", n_outputs, {"leak": leak, "bias": bias})
    graph.dense("hidden", integrator, "input", weights.T * (1 - leak))
    if settings.readout == "mean":
        graph.add("readout", "running_mean", n_outputs)
        graph.one_to_one(integrator, "readout", "input", np.ones(n_outputs))


def _leak(checkpoint: Checkpoint, key: str, size: int, target: str) -> FloatArray:
    """Return exp(-1 / |tau|); 0 for a time constant of 0."""
    tau = np.abs(checkpoint.take(key, (size,), target=target))
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(-1 / tau))
