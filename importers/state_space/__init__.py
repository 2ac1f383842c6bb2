"""Trained state-space networks: SpikingSSM, Binary S4D, GSU, and S4D with GELU.

Key names are those of the published code, with or without a `model.` before them:

| code | keys |
|---|---|
| SpikingSSM, S4D example | `s4_layers.i.{D, ln_vth, kernel.…, output_linear.0.{weight,bias}}`, `norms.i.…` |
| S4Block (`train.py`) | `layers.i.layer.layer.{D, kernel.…}`, `layers.i.layer.output_linear.0.…`, `layers.i.norm.norm.…`, `norm.norm.…` behind the last layer |
| one module alone | `D, kernel.…, output_linear.0.…` (S4D), `layer.D, layer.kernel.…, …` (S4Block): input and output of its width, no residual stream |
| kernel | `C, log_dt, log_A_real, A_imag` (B = 1), or `C, inv_dt, A_real, A_imag, B` (trainable) |
| both ends | `encoder.{weight,bias}` or `encoder.0.…`, without bias a table of embeddings; `decoder.{weight,bias}` or `decoder.0.output_transform.…` |
| GSU | `w`, `b`, `c` of the block in place of `output_linear`; `w2` if the graded branch has weights of its own |

Without any key of an encoder (decoder), the input (the read-out) is the stream. A kernel whose C has two entries in
front is bidirectional: its network needs the schedule `whole_sequence`. The whole sequence means what is presented:
SpikingSSM ignores lengths, so that padding behind a sequence changes its result, and must be presented as in training.
Derived numbers (discrete poles, input gains, thresholds, folded norms) are computed in float64 from the stored weights.

What no source states about GSU is a parameter:

| parameter | default | why |
|---|---|---|
| `delta_factor` | 0.15 | Δ = 0.15 max in both re-implementations that were found |
| `delta_scope` | `vector` | the maximum of one token's vector is causal; `tensor`, that of the whole sequence, is not, and takes a `delta` found in training |
| shared W | by the keys | the formula has one W; `w2` makes it two |
| `activation` | `gelu` | "+ GSU & GELU" is how the published results are named; `none` is the bare formula |
| `norm` | by the keys | re-implementations differ: none, or a LayerNorm behind each block |

Sources
-------
Gu et al., arXiv 2206.11893 (S4D); state-spaces/s4 e757cef (key names); Shen et al., AAAI 2025 (SpikingSSM),
https://github.com/shenshuaijie/SDN; Stan and Rhodes, Scientific Reports 14 (2024) (Binary S4D, GSU).
"""  # noqa: E501 (tables)

from __future__ import annotations

from pathlib import Path

from importers.checkpoint import Checkpoint
from importers.files.tensors import TensorFile, load_tensors
from importers.result import ImportReport, ImportResult, Support, imported
from importers.state_space.graph import build
from importers.state_space.names import find_layout, layout_of
from importers.state_space.settings import NETWORK_NAMES, LayoutResolver, resolve
from importers.state_space.weights import read_weights

SUPPORTS = (
    Support("SpikingSSM", "`ssm_lif`, `glu`", "leak 0.125, hard reset, `>=`; both kernels; thresholds exp(ln_vth)"),
    Support("Binary S4D", "`ssm_heaviside`, `glu`", "threshold 0 unless given"),
    Support("GSU", "`ssm`, `reduce`, `ternary`, `gsu`", "one W or two; see `importers.state_space` for its parameters"),
    Support("S4D, S4Block with GELU", "`ssm`, `glu`", "also one module alone; n_ssm below the width; ZOH, bilinear"),
    Support("bidirectional kernels", "`ssm` forward and reversed, `lif` or `gelu`", "schedule `whole_sequence`"),
    Support("BatchNorm", "folded into weights and biases", "`linear` where it stands behind a block"),
    Support("LayerNorm", "`reduce`, `center`, `layer_norm`", "its sums are packets"),
    Support("post-norm of SpikingSSM", "dropped", "published code computes it and discards it: `norm = none`"),
    Support("SDN surrogate", "dropped", "153 numbers per layer; the membrane itself is simulated"),
    Support("embeddings", "`input` of spikes, one per token of the vocabulary", ""),
    Support("DPLR kernels (`P`, `l_kernel`)", "refused", "their modes mix with each other"),
    Support("`channels` above 1", "refused", "several outputs per channel"),
    Support("retrieval head", "refused", "it compares two documents; a network takes one sequence per sample"),
)


def recognises(source: TensorFile) -> bool:
    """Return whether the keys are those of a state-space network."""
    return find_layout(source.tensors) is not None


def import_state_space(
    source: str | Path | TensorFile, *, kind: str = "auto", name: str | None = None, norm: str = "auto",
    leak: float | None = None, comparator: str | None = None, threshold: float | None = None,
    delta_factor: float | None = None, delta_scope: str | None = None, delta: float | None = None,
    activation: str | None = None, norm_epsilon: float | None = None, discretization: str | None = None,
    dt_transform: str | None = None, real_transform: str | None = None, pooling: str | None = None,
    fold_b: bool = False,
) -> ImportResult:
    """Read a trained state-space network.

    What is not given comes from the file's metadata (`kind`, `norm` with `prenorm`, `tau` for the leak, `norm_eps`,
    the others by their own names), else from the keys, else from the defaults below. The report says which.

    Parameters
    ----------
    kind : `lif` (SpikingSSM), `binary` (Binary S4D), `gsu`, `gelu` (S4D), or `auto`; the keys of `binary` and `gelu`
        are the same, so that one of the two must be stated; for S4Block and S4D alone `auto` takes `gelu`
    name : of the network; the file's name by default
    norm : `none`, `batch_pre`, `batch_post`, `layer_pre`, `layer_post`, or `auto`.
        The published SpikingSSM code computes the norm after the block and then discards it, so that its models with
        `prenorm: false` (ListOps, sCIFAR, sMNIST, psMNIST, DVS Gesture) hold norms in the file that never act: import
        them with `none`. `auto` follows metadata; without it, it takes a BatchNorm to stand before the block and a
        LayerNorm after it, and refuses to guess where scale and shift look untrained. S4Block has a norm behind the
        last layer if and only if its norms stand before the blocks.
    leak : of the `lif` membrane per token, default 0.125
    comparator : `>=` (default) or `>`
    threshold : of `binary`, default 0; of `lif` without `ln_vth`, default 1
    delta_factor : ternary threshold of `gsu` as a part of the largest magnitude, default 0.15
    delta_scope : `vector` (default): of the activations' threshold, the largest of each token; `tensor`: the number
        `delta`, which must be given
    activation : of the product in `gsu`, `gelu` (default) or `none`
    norm_epsilon : default 1e-5
    discretization : `zoh` (default) or `bilinear`
    dt_transform : dt from `inv_dt`: `exp` (default) or `softplus`, which S4's own configurations choose
    real_transform : the pole's real part from `A_real`: `exp` (default), `softplus` or `none`
    pooling : `mean` (default): the readout is the running mean of the decoder, which after the last token equals the
        decoder of the mean; `last` (default without a decoder): the decoder of each token
    fold_b : multiply the input gain b into c

    Raises
    ------
    DataError       the file, its keys, shapes or values
    OptionError     an option that is unknown or contradicts the file
    """
    loaded = source if isinstance(source, TensorFile) else load_tensors(source)
    checkpoint = Checkpoint(loaded)
    layout = layout_of(checkpoint)
    resolver = LayoutResolver(checkpoint, layout)
    settings = resolve(resolver, {
        "kind": kind, "norm": norm, "leak": leak, "comparator": comparator, "threshold": threshold,
        "delta_factor": delta_factor, "delta_scope": delta_scope, "delta": delta, "activation": activation,
        "norm_epsilon": norm_epsilon, "discretization": discretization, "dt_transform": dt_transform,
        "real_transform": real_transform, "pooling": pooling})
    weights = read_weights(checkpoint, layout, settings)
    lines = checkpoint.report_lines(NETWORK_NAMES[settings.kind])
    graph = build(weights, settings, fold_b=fold_b)
    if any(population.direction == "reversed" for population in graph.populations):
        resolver.notes.append("bidirectional: needs the schedule whole_sequence; padding behind a sequence changes the "
                              "result, and belongs to the input as it did in training")
    report = ImportReport(lines, resolver.found, tuple(resolver.notes))
    return imported(loaded, name, graph.populations, graph.projections, report, importer="state_space",
                    kind=settings.kind, norm=settings.norm)
