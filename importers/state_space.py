"""Trained state-space networks: SpikingSSM, Binary S4D, GSU, and S4D with GELU.

Key names are those of the published code, with or without a `model.` before them: `encoder.{weight,bias}`,
`s4_layers.i.{D, ln_vth, kernel.{C, log_dt, log_A_real, A_imag}, output_linear.0.{weight,bias}}`,
`norms.i.{weight,bias,running_mean,running_var}`, `decoder.{weight,bias}`; a GSU layer has `w`, `b`, `c` in place of
`output_linear`; a kernel with trainable B has `inv_dt`, `A_real`, `A_imag`, `B`. Derived numbers (discrete poles, input
gains, thresholds, folded norms) are computed in float64 from the stored weights.

Sources
-------
Gu et al., arXiv 2206.11893 (S4D); Shen et al., AAAI 2025 (SpikingSSM), https://github.com/shenshuaijie/SDN;
Stan and Rhodes, Scientific Reports 14 (2024) (Binary S4D, GSU).
"""

from __future__ import annotations

from pathlib import Path

from importers.checkpoint import Checkpoint, bare_key
from importers.result import ImportReport, ImportResult
from importers.state_space_graph import build
from importers.state_space_settings import NETWORK_NAMES, Resolver, Settings, resolve
from importers.state_space_weights import read_weights
from importers.tensors import TensorFile, load_tensors
from neurosim.graph import Network


def recognises(source: TensorFile) -> bool:
    """Return whether the keys are those of a state-space network."""
    return any(bare_key(key).startswith("s4_layers.") for key in source.tensors)


def import_state_space(
    source: str | Path | TensorFile, *, kind: str = "auto", name: str | None = None, norm: str = "auto",
    leak: float | None = None, comparator: str | None = None, threshold: float | None = None,
    delta_factor: float | None = None, activation: str | None = None, norm_epsilon: float | None = None,
    discretization: str | None = None, pooling: str | None = None, fold_b: bool = False,
) -> ImportResult:
    """Read a trained state-space network.

    What is not given comes from the file's metadata (`kind`, `norm` with `prenorm`, `tau` for the leak, `norm_eps`,
    the others by their own names), else from the keys, else from the defaults below. The report says which.

    Parameters
    ----------
    kind : `lif` (SpikingSSM), `binary` (Binary S4D), `gsu`, `gelu` (S4D), or `auto`; the keys of `binary` and `gelu`
        are the same, so that one of the two must be stated
    name : of the network; the file's name by default
    norm : `none`, `batch_pre`, `batch_post`, `layer_pre`, `layer_post`, or `auto`.
        The published SpikingSSM code computes the norm after the block and then discards it, so that its models with
        `prenorm: false` (ListOps, sCIFAR, sMNIST, psMNIST, DVS Gesture) hold norms in the file that never act: import
        them with `none`. `auto` follows metadata; without it, it takes a BatchNorm to stand before the block and a
        LayerNorm after it, and refuses to guess where scale and shift look untrained.
    leak : of the `lif` membrane per token, default 0.125
    comparator : `>=` (default) or `>`
    threshold : of `binary`, default 0; of `lif` without `ln_vth`, default 1
    delta_factor : ternary threshold of `gsu` as a part of the largest magnitude, default 0.15
    activation : of the product in `gsu`, `gelu` (default) or `none`
    norm_epsilon : default 1e-5
    discretization : `zoh` (default) or `bilinear`
    pooling : `mean` (default): the readout is the running mean of the decoder, which after the last token equals the
        decoder of the mean; `last`: the decoder of each token
    fold_b : multiply the input gain b into c

    Raises
    ------
    DataError       the file, its keys, shapes or values
    OptionError     an option that is unknown or contradicts the file
    """
    loaded = source if isinstance(source, TensorFile) else load_tensors(source)
    checkpoint = Checkpoint(loaded)
    resolver = Resolver(checkpoint)
    settings = resolve(resolver, {
        "kind": kind, "norm": norm, "leak": leak, "comparator": comparator, "threshold": threshold,
        "delta_factor": delta_factor, "activation": activation, "norm_epsilon": norm_epsilon,
        "discretization": discretization, "pooling": pooling})
    weights = read_weights(checkpoint, settings)
    lines = checkpoint.report_lines(NETWORK_NAMES[settings.kind])
    graph = build(weights, settings, fold_b=fold_b)
    network = Network(name or Path(loaded.path).stem, tuple(graph.populations), tuple(graph.projections), ("readout",),
                      _metadata(loaded, settings))
    return ImportResult(network, ImportReport(lines, resolver.found, (*loaded.notes, *resolver.notes)))


def _metadata(source: TensorFile, settings: Settings) -> dict[str, str]:
    """Return the file's metadata, with what was resolved."""
    return {**source.metadata, "importer": "state_space", "source": Path(source.path).name, "kind": settings.kind,
            "norm": settings.norm}
