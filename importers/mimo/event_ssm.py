"""Trained Event-SSM networks: S5 layers whose tokens are events, each with the interval to the next one.

Names of the published code, nested with `/` or `.`, with or without the collection `params` before them:

| part | names |
|---|---|
| encoder | `encoder/encoder/embedding` [symbol, width] |
| layer | `encoder/stages_i/SequenceLayer_j/S5SSM_0/{Lambda_re, Lambda_im, B, C, D, log_step}` |
| gate | `…/Dense_0/{kernel,bias}`: y sigmoid(Dense(gelu(y))); `…/Dense_1`: the stream, where its width changes |
| norm | `…/LayerNorm_0/{scale,bias}` or `…/BatchNorm_0/{scale,bias}` with `batch_stats/…/BatchNorm_0/{mean,var}` |
| decoder | `decoder/{kernel,bias}` |

What the published networks expect, and the graph does not do for the user:

* The interval of token k is that *after* it, t[k + 1] - t[k], in milliseconds, and the last event is dropped: the state
  is decayed by it in the same step in which the event is added. Input `interval` takes it as it is.
* Token -1 is padding: no neuron of `input` sends (a row of zeros), and the encoder gives a zero vector.
* A DVS event is token x y + size polarity with the sensor's 2-D size, an audio event its channel.
* With `pooling_stride` above 1, the first layer of every stage pools (`event_windows`): of each window of so many
  tokens one goes on, with the sum of their intervals. The states of that layer see every token, and index 0 of each
  window is read, not its last; the stream beside it is pooled by `pooling_mode`. Strides of stages multiply. A window
  that the end of a sequence cuts short is dropped: a recording shorter than stride ** stages has no answer but 0.
  Delays reach (stride - 1) stride ** (stages - 1) tokens, which the chip's `max_delay_steps` must allow.

Source: Schöne et al., arXiv 2404.18508; Efficient-Scalable-Machine-Learning/event-ssm (d9ceb07).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from importers.files.parameter_trees import STATISTICS, Tree, tree_key
from importers.files.tensors import TensorFile, load_tensors
from importers.graph_builder import GraphBuilder
from importers.mimo.event_windows import MODES, SHORTEST, Window
from importers.mimo.layers import Block, read_space
from importers.mimo.s5 import EPSILONS, FORMS, PLACES, add_block, add_encoder, space_options
from importers.resolver import Resolver
from importers.result import ImportReport, ImportResult, Support, imported
from neurosim.errors import DataError, OptionError
from neurosim.graph import MOST_PERIOD

SUPPORTS = (
    Support("Event-SSM layer", "`event_mode`, dense projections, `linear`", "the interval is an input of its own"),
    Support("async, dirac, zoh", "`event_mode`", "`step_rescale`, `clip_eigs`, `conj_sym`"),
    Support("gate", "`gelu`, `glu`", "y sigmoid(Dense(gelu(y))); Dense on the stream where widths differ"),
    Support("embedding", "`input` of spikes, one per symbol", "padding (-1) is a token without a spike"),
    Support("pool, last, timepool", "`running_mean`; `linear`; `gsu`, `integrator`, `layer_norm`",
            "timepool weighs by interval + 1e-6"),
    Support("pooling_stride above 1", "populations with a period, delays within a window",
            "`pooling_mode` last, avgpool, timepool; intervals are summed; delays up to (stride - 1) "
            "stride ** (stages - 1) tokens"),
)
METHODS = ("async", "dirac", "zoh")
POOLINGS = ("mean", "last", "timepool")
MOST_STRIDE = 1024
_LAYER = re.compile(r"^((?:encoder\.)?stages_(\d+)\.SequenceLayer_(\d+)\.)S5SSM_0\.")


def recognises(source: TensorFile) -> bool:
    """Return whether the keys are those of an Event-SSM network."""
    return any(_LAYER.match(tree_key(key)) for key in source.tensors)


def import_event_ssm(
    source: str | Path | TensorFile, *, name: str | None = None, discretization: str | None = None,
    norm_place: str | None = None, norm_epsilon: float | None = None, pooling: str | None = None,
    pooling_stride: int | None = None, pooling_mode: str | None = None, conj_sym: bool | None = None,
    clip_eigs: bool | None = None, step_rescale: float | None = None, gelu: str | None = None,
) -> ImportResult:
    """Read a trained Event-SSM network.

    What is not given comes from the file's metadata under the same name, else from the keys, else from the defaults.

    Parameters
    ----------
    discretization : `async` (default, as in all published configurations), `dirac` or `zoh`
    norm_place : `pre` (default) or `post`: before or behind the block
    norm_epsilon : default 1e-6 of a LayerNorm, 1e-5 of a BatchNorm
    pooling : of the head: `mean` (default), `last`, or `timepool`, which weighs every token by its interval
    pooling_stride : tokens of which the first layer of each stage passes on one; default 1, from 1 to 1024
    pooling_mode : with a stride above 1: `last` (default; index 0 of each window), `avgpool` or `timepool`
    conj_sym, clip_eigs, step_rescale, gelu : as in `importers.mimo.s5`

    Raises
    ------
    DataError       the file, its keys, shapes or values
    OptionError     an option that is unknown or contradicts the file
    """
    loaded = source if isinstance(source, TensorFile) else load_tensors(source)
    tree = Tree(loaded)
    prefixes = _prefixes(tree)
    resolver = Resolver(tree)
    stride, mode = _resolve_windows(resolver, prefixes, pooling_stride, pooling_mode)
    form = resolver.choice("gelu", gelu, "tanh", FORMS)
    spaces = space_options(resolver, step_rescale=step_rescale, clip_eigs=clip_eigs, conj_sym=conj_sym)
    method = resolver.choice("discretization", discretization, "async", METHODS)
    place = resolver.choice("norm_place", norm_place, "pre", PLACES)
    family = "batch" if f"{prefixes[0]}BatchNorm_0.scale" in tree else "layer"
    epsilon = resolver.from_zero("norm_epsilon", norm_epsilon, EPSILONS[family])
    head = resolver.choice("pooling", pooling, "mean", POOLINGS)
    graph = GraphBuilder()
    stream, width = _add_inputs(graph, tree, prefixes[0])
    intervals = "interval"
    for layer, prefix in enumerate(prefixes):
        block = _read_block(tree, prefix, f"layer{layer}", width, spaces, epsilon, place, form)
        pools = stride > 1 and prefix.endswith("SequenceLayer_0.")
        window = Window(graph, f"layer{layer}", stride, mode, intervals) if pools else None
        stream = add_block(graph, stream, f"layer{layer}", block, method, place, epsilon, residual=True,
                           intervals=intervals, window=window)
        if window and (layer + 1 < len(prefixes) or head == "timepool"):
            intervals = window.summed_intervals()
        width = graph.size(stream)
    _add_readout(graph, tree, stream, head, intervals)
    lines = tree.report_lines("an Event-SSM network")
    report = ImportReport(lines, resolver.found, tuple(resolver.notes))
    return imported(loaded, name, graph.populations, graph.projections, report, importer="event_ssm")


def _resolve_windows(resolver: Resolver, prefixes: list[str], stride: int | None, mode: str | None) -> tuple[int, str]:
    """Return stride and mode of the windows; say what is a guess."""
    def parse(text: str) -> int:
        if not 1 <= int(text) <= MOST_STRIDE:
            raise ValueError
        return int(text)

    found = int(resolver.value("pooling_stride", stride, 1, parse, f"integer from 1 to {MOST_STRIDE}"))
    n_stages = sum(prefix.endswith("SequenceLayer_0.") for prefix in prefixes)
    if found ** n_stages > MOST_PERIOD:
        raise OptionError(f"pooling_stride = {found} in each of {n_stages} stages: too few tokens are left",
                          allowed=f"stride ** stages up to {MOST_PERIOD}")
    if resolver.found["pooling_stride"].endswith("(default)"):
        resolver.notes.append("pooling_stride = 1 is an assumption: no file tells it")
    if found == 1:
        if mode is not None:
            raise OptionError(f"pooling_mode = {mode!r} with pooling_stride 1", allowed="a stride above 1",
                              mend="give pooling_stride, or leave pooling_mode out")
        return 1, MODES[0]
    kept = resolver.choice("pooling_mode", mode, "last", MODES)
    if resolver.found["pooling_mode"].endswith("(default)"):
        resolver.notes.append("pooling_mode = last is an assumption: no file tells it; published configurations have "
                              "avgpool or timepool")
    return found, kept


def _prefixes(tree: Tree) -> list[str]:
    found = sorted({(int(match.group(2)), int(match.group(3)), match.group(1))
                    for match in map(_LAYER.match, tree.tensors) if match})
    places = [place[:2] for place in found]
    expected: list[tuple[int, int]] = []
    for stage, layer in places:
        following = (stage, layer) in ((expected[-1][0], expected[-1][1] + 1), (expected[-1][0] + 1, 0)) \
            if expected else (stage, layer) == (0, 0)
        if not following:
            raise DataError(f"{tree.path}: layers of stages numbered {', '.join(map(str, places)) or 'not at all'}",
                            allowed="stages_0/SequenceLayer_0, … without gaps")
        expected.append((stage, layer))
    return [prefix for _, _, prefix in found]


def _read_block(tree: Tree, prefix: str, target: str, width: int, spaces: dict[str, float | bool], epsilon: float,
                place: str, form: str) -> Block:
    space = read_space(tree, f"{prefix}S5SSM_0.", f"{target}.modes", step_rescale=float(spaces["step_rescale"]),
                       clip_eigs=bool(spaces["clip_eigs"]), conj_sym=bool(spaces["conj_sym"]))
    if np.any(space.poles.real > 0):
        worst = int(np.argmax(space.poles.real))
        raise DataError(f"{tree.path}: {prefix}S5SSM_0.Lambda_re[{worst}] = {space.poles.real[worst]:g}: its mode "
                        "grows without end", allowed="numbers up to 0", mend="give clip_eigs, if it was trained so")
    if space.c_reversed is not None:
        raise DataError(f"{tree.path}: {prefix}S5SSM_0.C has shape {tree.shape(f'{prefix}S5SSM_0.C')}",
                        allowed="(outputs, modes, 2): Event-SSM has one direction")
    n_outputs = len(space.c)
    opening = tree.dense(f"{prefix}Dense_0", f"{target}.glu gate", n_outputs, n_outputs)
    skip = tree.dense(f"{prefix}Dense_1", f"{target}.glu skip", width, n_outputs) \
        if f"{prefix}Dense_1.kernel" in tree else None
    if skip is None and n_outputs != width:
        raise DataError(f"{tree.path}: {prefix}Dense_1.kernel is missing", allowed=f"({width}, {n_outputs}): the "
                        "stream has another width than the block")
    names = [f"{prefix}{name}" for name in ("LayerNorm_0", "BatchNorm_0") if f"{prefix}{name}.scale" in tree]
    if names and names[0].endswith("BatchNorm_0") and f"{STATISTICS}.{names[0]}.mean" not in tree:
        raise DataError(f"{tree.path}: {STATISTICS}.{names[0]}.mean is missing",
                        mend="save the collection batch_stats beside params")
    norm_width = width if place == "pre" else n_outputs
    norm = tree.norm(names[0], norm_width, epsilon, f"{target}.norm") if names else None
    return Block(space, "half_glu2", None, opening, skip, norm, form)


def _add_inputs(graph: GraphBuilder, tree: Tree, prefix: str) -> tuple[str, int]:
    """Add symbols, encoder and intervals; return the stream and its width."""
    shape = tree.shape(f"{prefix}S5SSM_0.B")
    width = shape[1] if len(shape) == 3 else 1
    stream = add_encoder(graph, tree, "encoder.encoder", width)
    graph.add("interval", "input", 1, payload="graded")
    return stream, width


def _add_readout(graph: GraphBuilder, tree: Tree, stream: str, pooling: str, intervals: str) -> None:
    """Add the decoder behind the pooling, which for a linear decoder may also come behind it.

    timepool   sum_k (interval_k + 1e-6) decoder_k / sum_k (interval_k + 1e-6)
    """
    decoder = tree.dense("decoder", "readout", graph.size(stream))
    size = len(decoder.bias)
    name = "decoder" if pooling == "timepool" else "readout"
    graph.add(name, "running_mean" if pooling == "mean" else "linear", size, {"bias": decoder.bias})
    graph.dense(stream, name, "input", decoder.weights)
    if pooling != "timepool":
        return
    graph.add("weighted", "gsu", size, {"graded_bias": SHORTEST})
    graph.one_to_one("decoder", "weighted", "ternary_branch", np.ones(size))
    graph.dense(intervals, "weighted", "graded_branch", np.ones((1, size)))
    graph.add("total", "integrator", size)
    graph.one_to_one("weighted", "total", "input", np.ones(size))
    graph.add("elapsed", "integrator", 1, {"bias": SHORTEST})
    graph.one_to_one(intervals, "elapsed", "input", np.ones(1))
    graph.add("elapsed_square", "center", 1)
    graph.one_to_one("elapsed", "elapsed_square", "value", np.ones(1))
    # value / sqrt(variance), with the square of the time elapsed for a variance.
    graph.add("readout", "layer_norm", size, {"epsilon": 0.0})
    graph.one_to_one("total", "readout", "value", np.ones(size))
    graph.dense("elapsed_square", "readout", "variance", np.ones((1, size)), "square")
