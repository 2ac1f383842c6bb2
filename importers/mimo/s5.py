"""Trained S5 networks: state spaces that mix channels, from Flax parameter trees (npz, MessagePack, safetensors).

Names of the published code, nested with `/` or `.`, with or without the collection `params` before them:

| part | names |
|---|---|
| encoder | `encoder/encoder/{kernel,bias}`; a table without bias is `embedding` |
| layer | `encoder/layers_i/seq/{Lambda_re, Lambda_im, B, C or C1 and C2, D, log_step}` |
| gate | `encoder/layers_i/{out1,out2}/{kernel,bias}` |
| norm | `encoder/layers_i/norm/{scale,bias}`, of a BatchNorm `batch_stats/encoder/layers_i/norm/{mean,var}` |
| decoder | `decoder/{kernel,bias}` |

Also the stack alone (`layers_i/…`), and one layer alone (`seq/…` or `Lambda_re`, …), whose input and output are its
own. With C1 and C2, or a C of twice as many columns as there are modes, the network is bidirectional: a second set of
modes takes the sequence from its end, the token itself included (unlike S4's reversed kernel, which is shifted by one).

Source: Smith, Warrington, Linderman, arXiv 2208.04933; https://github.com/lindermanlab/S5 (3c18fdb).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from importers.discretise import METHODS
from importers.files.parameter_trees import Tree, tree_key
from importers.files.tensors import TensorFile, load_tensors
from importers.graph_builder import Affine, GraphBuilder, add_norm
from importers.mimo.event_windows import Window
from importers.mimo.layers import Block, add_gate, add_skip, read_space
from importers.resolver import Resolver
from importers.result import ImportReport, ImportResult, Support, imported
from importers.state_space.settings import POOLINGS
from neurosim.errors import DataError

SUPPORTS = (
    Support("S5 layer", "`mode`, dense projections, `linear`", "one neuron per mode; B holds the input gain"),
    Support("ZOH, bilinear, dirac", "`mode`", "`step_rescale`, `clip_eigs`, `conj_sym`"),
    Support("half_glu1, half_glu2, full_glu, gelu", "`gelu`, `glu`", "the first two have the same keys: state it"),
    Support("bidirectional (C1, C2)", "`mode` forward and reversed", "schedule `whole_sequence`"),
    Support("BatchNorm, LayerNorm", "`linear`; `reduce`, `center`, `layer_norm`", "before or behind the block"),
    Support("mean, last pooling", "`running_mean`, `linear`"),
)
GATES = ("half_glu1", "half_glu2", "full_glu", "gelu")
PLACES = ("pre", "post")
# Flax's own defaults.
EPSILONS = {"batch": 1e-5, "layer": 1e-6}
FORMS = ("tanh", "exact")
_LAYER = re.compile(r"^((?:encoder\.)?layers_(\d+)\.)seq\.(?:Lambda_re|Lambda_im|B|log_step)$")


@dataclass(frozen=True)
class Layout:
    """Prefix of each layer, ascending; `alone`: one layer without stream, encoder and decoder."""

    prefixes: tuple[str, ...]
    alone: bool

    def space(self, layer: int) -> str:
        """Return what stands before `Lambda_re`."""
        return self.prefixes[layer] if self.alone else f"{self.prefixes[layer]}seq."


def recognises(source: TensorFile) -> bool:
    """Return whether the keys are those of an S5 network or layer."""
    keys = [tree_key(key) for key in source.tensors]
    return any(_LAYER.match(key) or key in ("Lambda_re", "seq.Lambda_re") for key in keys)


def import_s5(
    source: str | Path | TensorFile, *, name: str | None = None, discretization: str | None = None,
    activation: str | None = None, norm_place: str | None = None, norm_epsilon: float | None = None,
    pooling: str | None = None, conj_sym: bool | None = None, clip_eigs: bool | None = None,
    step_rescale: float | None = None, gelu: str | None = None,
) -> ImportResult:
    """Read a trained S5 network.

    What is not given comes from the file's metadata under the same name, else from the keys, else from the defaults.

    Parameters
    ----------
    discretization : `zoh` (default), `bilinear` or `dirac`
    activation : `half_glu1`, `half_glu2` (same keys: one of them must be stated), `full_glu`, `gelu` (by the keys)
    norm_place : `pre` (default) or `post`: before or behind the block
    norm_epsilon : default 1e-6 of a LayerNorm, 1e-5 of a BatchNorm
    pooling : `mean` (default; running mean of the decoder) or `last`
    conj_sym : one of each pair of conjugate modes is stored, and y = 2 Re(C h) (default); else y = Re(C h)
    clip_eigs : real parts of the poles are at most -1e-4; default no
    step_rescale : factor of all steps, such as 2 for every second sample; default 1
    gelu : `tanh` (default, as JAX's is) or `exact`, up to 5e-4 away

    Raises
    ------
    DataError       the file, its keys, shapes or values
    OptionError     an option that is unknown or contradicts the file
    """
    loaded = source if isinstance(source, TensorFile) else load_tensors(source)
    tree = Tree(loaded)
    layout = _layout(tree)
    resolver = Resolver(tree)
    form = resolver.choice("gelu", gelu, "tanh", FORMS)
    spaces = space_options(resolver, step_rescale=step_rescale, clip_eigs=clip_eigs, conj_sym=conj_sym)
    method = resolver.choice("discretization", discretization, "zoh", METHODS)
    gate = _resolve_gate(resolver, layout, activation)
    place, epsilon = _resolve_norm(resolver, layout, norm_place, norm_epsilon)
    blocks = [_read_block(tree, layout, layer, gate, form, spaces, epsilon) for layer in range(len(layout.prefixes))]
    graph = GraphBuilder()
    stream = _add_input(graph, tree, layout, blocks[0])
    for layer, block in enumerate(blocks):
        stream = add_block(graph, stream, f"layer{layer}", block, method, place, epsilon, residual=not layout.alone)
    _add_readout(graph, tree, stream, resolver, pooling)
    lines = tree.report_lines("an S5 network")
    report = ImportReport(lines, resolver.found, tuple(resolver.notes))
    return imported(loaded, name, graph.populations, graph.projections, report, importer="s5")


def space_options(resolver: Resolver, *, step_rescale: float | None, clip_eigs: bool | None, conj_sym: bool | None
                  ) -> dict[str, float | bool]:
    """Resolve what `read_space` needs."""
    def flag(option: str, given: bool | None, default: bool) -> bool:
        table = {"true": True, "false": False, "True": True, "False": False}
        return bool(resolver.value(option, given, default, table.__getitem__, "true, false"))

    rescale = resolver.number("step_rescale", step_rescale, 1.0, lambda value: value > 0, "a number above 0")
    return {"step_rescale": rescale, "clip_eigs": flag("clip_eigs", clip_eigs, False),
            "conj_sym": flag("conj_sym", conj_sym, True)}


def _layout(tree: Tree) -> Layout:
    found = sorted({(int(match.group(2)), match.group(1)) for match in map(_LAYER.match, tree.tensors) if match})
    if not found:
        return Layout(("seq." if "seq.Lambda_re" in tree else "",), True)
    numbers = [number for number, _ in found]
    if numbers != list(range(len(found))):
        raise DataError(f"{tree.path}: layers numbered {', '.join(map(str, numbers))}",
                        allowed="layers_0, layers_1, … without gaps")
    return Layout(tuple(prefix for _, prefix in found), False)


def _resolve_gate(resolver: Resolver, layout: Layout, given: str | None) -> str:
    tree, prefix = resolver.checkpoint, layout.prefixes[0]
    outer = "" if layout.alone else prefix
    if f"{outer}out2.kernel" not in tree:
        by_keys, allowed = "none" if layout.alone else "gelu", ["none", "gelu"]
    elif f"{outer}out1.kernel" in tree:
        by_keys, allowed = "full_glu", ["full_glu"]
    else:
        by_keys, allowed = "", ["half_glu1", "half_glu2"]
    gate = resolver.value("activation", given, by_keys, {item: item for item in allowed}.__getitem__,
                          ", ".join(allowed) + ", by the keys of the file")
    if not gate:
        raise DataError(f"{tree.path}: activation: half_glu1 and half_glu2 have the same keys",
                        allowed="half_glu1, half_glu2", mend="give the option `activation`")
    return str(gate)


def _resolve_norm(resolver: Resolver, layout: Layout, place: str | None, epsilon: float | None) -> tuple[str, float]:
    """Return where norms stand and their epsilon; say what is a guess."""
    tree, prefix = resolver.checkpoint, "" if layout.alone else layout.prefixes[0]
    if f"{prefix}norm.scale" not in tree:
        return "none", 0.0
    family = "batch" if f"batch_stats.{prefix}norm.mean" in tree else "layer"
    if family == "layer":
        resolver.notes.append("norms: without `batch_stats` in the file they are taken for LayerNorms")
    found = resolver.choice("norm_place", place, "pre", PLACES)
    if resolver.found["norm_place"].endswith("(default)"):
        resolver.notes.append("norm_place = pre is a guess: keys do not tell; option `norm_place`")
    return found, resolver.from_zero("norm_epsilon", epsilon, EPSILONS[family])


def _read_block(tree: Tree, layout: Layout, layer: int, gate: str, form: str, spaces: dict[str, float | bool],
                epsilon: float) -> Block:
    prefix, target = "" if layout.alone else layout.prefixes[layer], f"layer{layer}"
    space = read_space(tree, layout.space(layer), f"{target}.modes", step_rescale=float(spaces["step_rescale"]),
                       clip_eigs=bool(spaces["clip_eigs"]), conj_sym=bool(spaces["conj_sym"]))
    width = len(space.c)
    value = tree.dense(f"{prefix}out1", f"{target}.glu value", width, width) if gate == "full_glu" else None
    opening = tree.dense(f"{prefix}out2", f"{target}.glu gate", width, width) if "glu" in gate else None
    norm = tree.norm(f"{prefix}norm", width, epsilon, f"{target}.norm") if f"{prefix}norm.scale" in tree else None
    return Block(space, gate, value, opening, None, norm, form)


def add_block(graph: GraphBuilder, stream: str, name: str, block: Block, method: str, place: str, epsilon: float, *,
              residual: bool, intervals: str = "", window: Window | None = None) -> str:
    """Add one block between `stream` and the stream it returns, which goes on with the period of `window`."""
    source = stream
    if block.norm and place == "pre":
        source = add_norm(graph, stream, f"{name}.norm", block.norm, epsilon)
    added = add_gate(graph, source, name, block, method, intervals, window)
    if residual:
        passed, delay = window.passed(stream) if window else (stream, 0)
        added = add_skip(graph, passed, added, name, block.skip, delay)
    if block.norm and place == "post":
        return add_norm(graph, added, f"{name}.norm", block.norm, epsilon)
    return added


def _add_input(graph: GraphBuilder, tree: Tree, layout: Layout, first: Block) -> str:
    """Add input and encoder; without an encoder the input is the stream."""
    width = first.space.b.shape[1]
    for prefix in ("encoder.encoder", "encoder.encoder.layers"):
        if f"{prefix}.embedding" in tree or f"{prefix}.kernel" in tree:
            return add_encoder(graph, tree, prefix, width)
    return graph.add("input", "input", width, payload="graded")


def add_encoder(graph: GraphBuilder, tree: Tree, prefix: str, width: int) -> str:
    """Add a Dense encoder, or a table with one input neuron per symbol."""
    if f"{prefix}.embedding" in tree:
        shape = tree.shape(f"{prefix}.embedding")
        table = tree.take(f"{prefix}.embedding", (shape[0] if shape else 1, width), target="encoder",
                          reason="a table: one input per symbol")
        encoder, payload = Affine(table, np.zeros(width)), "spike"
    else:
        encoder, payload = tree.dense(prefix, "encoder", None, width), "graded"
    graph.add("input", "input", len(encoder.weights), payload=payload)
    graph.add("encoder", "linear", width, {"bias": encoder.bias})
    graph.dense("input", "encoder", "input", encoder.weights)
    return "encoder"


def _add_readout(graph: GraphBuilder, tree: Tree, stream: str, resolver: Resolver, pooling: str | None) -> None:
    width, has_decoder = graph.size(stream), tree.has("decoder.")
    found = resolver.choice("pooling", pooling, "mean" if has_decoder else "last", POOLINGS)
    model = "running_mean" if found == "mean" else "linear"
    if has_decoder:
        decoder = tree.dense("decoder", "readout", width)
        graph.add("readout", model, len(decoder.bias), {"bias": decoder.bias})
        graph.dense(stream, "readout", "input", decoder.weights)
    else:
        graph.add("readout", model, width)
        graph.one_to_one(stream, "readout", "input", np.ones(width))
