"""Settings of a state-space import: given by the caller, else in the file's metadata, else told by its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from importers.checkpoint import Checkpoint
from importers.resolver import Resolver
from importers.state_space.names import Layout
from neurosim.errors import DataError, OptionError

KINDS = {"lif": "lif", "spiking_ssm": "lif", "binary": "binary", "binary_s4d": "binary", "gsu": "gsu", "gelu": "gelu",
         "s4d": "gelu"}
NORMS = ("none", "batch_pre", "batch_post", "layer_pre", "layer_post")
COMPARATORS, ACTIVATIONS = (">=", ">"), ("none", "gelu")
DISCRETIZATIONS, POOLINGS = ("zoh", "bilinear"), ("mean", "last")
TRANSFORMS, SCOPES = ("exp", "softplus", "none"), ("vector", "tensor")
# Options that only some kinds have.
KINDS_WITH = {"leak": ("lif",), "threshold": ("lif", "binary"), "comparator": ("lif", "binary"),
              "delta_factor": ("gsu",), "delta_scope": ("gsu",), "delta": ("gsu",), "activation": ("gsu",)}
NETWORK_NAMES = {"lif": "a SpikingSSM", "binary": "a Binary S4D", "gsu": "a GSU network", "gelu": "an S4D network"}


@dataclass(frozen=True)
class Settings:
    """What the tensors of a state-space network do not say. See `importers.state_space.import_state_space`."""

    kind: str
    norm: str
    leak: float
    comparator: str
    threshold: float
    delta_factor: float
    delta_scope: str
    delta: float
    activation: str
    norm_epsilon: float
    discretization: str
    dt_transform: str
    real_transform: str
    pooling: str

    @property
    def norm_before(self) -> bool:
        """Whether norms stand before the blocks."""
        return self.norm.endswith("_pre")

    @property
    def norm_behind(self) -> bool:
        """Whether norms stand behind the blocks, in the stream."""
        return self.norm.endswith("_post")


class LayoutResolver(Resolver):
    """Knows the names of the checkpoint's keys as well."""

    def __init__(self, checkpoint: Checkpoint, layout: Layout) -> None:
        super().__init__(checkpoint)
        self.layout = layout


def resolve(resolver: LayoutResolver, options: dict[str, Any]) -> Settings:
    """Resolve all settings, and refuse what the graph cannot express."""
    kind = resolve_kind(resolver, options["kind"])
    _refuse_foreign(resolver, kind)
    for name, kinds in KINDS_WITH.items():
        if options[name] is not None and kind not in kinds:
            raise OptionError(f"{name} = {options[name]!r} for kind {kind}", allowed=f"with kind {' or '.join(kinds)}")
    fires, gated = kind in KINDS_WITH["comparator"], kind == "gsu"
    norm = resolve_norm(resolver, options["norm"])
    scope = resolver.choice("delta_scope", options["delta_scope"], "vector", SCOPES) if gated else ""
    return Settings(
        kind=kind,
        norm=norm,
        leak=resolver.from_zero("leak", options["leak"], 0.125, "tau") if kind == "lif" else 0.0,
        comparator=resolver.choice("comparator", options["comparator"], ">=", COMPARATORS) if fires else "",
        threshold=resolve_threshold(resolver, kind, options["threshold"]),
        delta_factor=resolver.from_zero("delta_factor", options["delta_factor"], 0.15) if gated else 0.0,
        delta_scope=scope,
        delta=resolve_delta(resolver, scope, options["delta"]),
        activation=resolver.choice("activation", options["activation"], "gelu", ACTIVATIONS) if gated else "",
        norm_epsilon=resolver.from_zero("norm_epsilon", options["norm_epsilon"], 1e-5, "norm_eps"),
        discretization=resolver.choice("discretization", options["discretization"], "zoh", DISCRETIZATIONS),
        dt_transform=resolver.choice("dt_transform", options["dt_transform"], "exp", TRANSFORMS[:2]),
        real_transform=resolver.choice("real_transform", options["real_transform"], "exp", TRANSFORMS),
        pooling=resolver.choice("pooling", options["pooling"], "mean" if has_part(resolver.checkpoint, "decoder")
                                else "last", POOLINGS),
    )


def has_part(checkpoint: Checkpoint, part: str) -> bool:
    """Return whether the file has any key of `encoder` or `decoder`."""
    return any(key.startswith(f"{part}.") for key in checkpoint.tensors)


def resolve_delta(resolver: LayoutResolver, scope: str, given: float | None) -> float:
    """Return the fixed threshold of the ternary units in scope `tensor`; elsewhere 0, unused."""
    if scope == "tensor":
        if given is None and resolver.metadata("delta") is None:
            raise OptionError("delta_scope = 'tensor' without `delta`: the largest magnitude of a whole sequence is "
                              "known only behind its end", allowed="a number from 0",
                              mend="give `delta`: delta_factor times the largest |y| seen in training")
        return resolver.from_zero("delta", given, 0.0)
    if given is not None:
        raise OptionError(f"delta = {given!r}", allowed="with delta_scope tensor")
    return 0.0


def resolve_threshold(resolver: LayoutResolver, kind: str, given: float | None) -> float:
    """Return the threshold of `binary`, or of `lif` without thresholds of its own; elsewhere 0, unused."""
    if kind == "binary":
        return resolver.number("threshold", given, 0.0, lambda value: True, "a number")
    if kind != "lif":
        return 0.0
    if not any(key.endswith(".ln_vth") for key in resolver.checkpoint.tensors):
        return resolver.number("threshold", given, 1.0, lambda value: value > 0, "a number above 0")
    if given is not None:
        raise OptionError(f"threshold = {given!r}", allowed="nothing: the file has thresholds (ln_vth)")
    return 0.0


def resolve_kind(resolver: LayoutResolver, given: str) -> str:
    """Return `lif`, `binary`, `gsu` or `gelu`; refuse to guess between the last and `binary`, whose keys are alike."""
    checkpoint, allowed = resolver.checkpoint, ", ".join(KINDS)
    kind = resolver.value("kind", None if given == "auto" else given, "", KINDS.__getitem__, allowed)
    if kind:
        return str(kind)
    if resolver.layout.key("block", 0, "w") in checkpoint:
        return str(resolver.note("kind", "gsu", "keys"))
    if any(".ln_vth" in key or ".neuron." in key for key in checkpoint.tensors):
        return str(resolver.note("kind", "lif", "keys"))
    if resolver.layout.name != "s4_layers":
        resolver.notes.append("kind = gelu is that of the class with these keys; option `kind`")
        return str(resolver.note("kind", "gelu", "keys"))
    raise DataError(f"{checkpoint.path}: kind of network: Binary S4D and S4D with GELU have the same keys",
                    allowed=allowed, mend="give the option `kind`, or store `kind` in the file's metadata")


def resolve_norm(resolver: LayoutResolver, given: str) -> str:
    """Return one of NORMS. See `import_state_space` for what is told by what."""
    checkpoint = resolver.checkpoint
    family = norm_family(checkpoint, resolver.layout)
    if given != "auto":
        if given not in NORMS:
            raise OptionError(f"norm = {given!r}", allowed=", ".join(("auto", *NORMS)))
        if given != "none" and not given.startswith(family):
            raise OptionError(f"norm = {given!r}, but {checkpoint.path} has "
                              f"{'no norms' if family == 'none' else f'the keys of a {family} norm'}",
                              allowed="none" if family == "none" else f"none, {family}_pre, {family}_post")
        return str(resolver.note("norm", given, "given"))
    if family == "none":
        return str(resolver.note("norm", "none", "keys"))
    stated, before = resolver.metadata("norm"), resolver.metadata("prenorm")
    if stated is not None and stated != family:
        raise DataError(f"{checkpoint.path}: metadata norm = {stated!r}, but the keys are those of a {family} norm",
                        mend="give the option `norm`")
    if before is not None:
        if before.lower() not in {"true", "false"}:
            raise DataError(f"{checkpoint.path}: metadata prenorm = {before!r}", allowed="true, false",
                            mend="give the option `norm`")
        return str(resolver.note("norm", f"{family}_{'pre' if before.lower() == 'true' else 'post'}", "metadata"))
    if resolver.layout.final_norm:
        before_blocks = f"{resolver.layout.final_norm}.weight" in checkpoint
        return str(resolver.note("norm", f"{family}_{'pre' if before_blocks else 'post'}", "keys"))
    return _norm_by_keys(resolver, family)


def norm_family(checkpoint: Checkpoint, layout: Layout) -> str:
    """Return `batch`, `layer` or `none`."""
    if not layout.norm:
        return "none"
    if layout.key("norm", 0, "running_mean") in checkpoint:
        return "batch"
    return "layer" if layout.key("norm", 0, "weight") in checkpoint else "none"


def _norm_by_keys(resolver: LayoutResolver, family: str) -> str:
    tensors = resolver.checkpoint.tensors
    weights = [values for key, values in tensors.items() if key.startswith("norms.") and key.endswith(".weight")]
    biases = [values for key, values in tensors.items() if key.startswith("norms.") and key.endswith(".bias")]
    if all(np.ptp(weight) == 0 for weight in weights) and not any(bias.any() for bias in biases):
        raise DataError(f"{resolver.checkpoint.path}: norm: scale and shift of every norm are untrained, as if not in "
                        "use (published SpikingSSM code computes a post-norm and discards it)",
                        allowed=f"none, {family}_pre, {family}_post", mend="give the option `norm`")
    norm = "batch_pre" if family == "batch" else "layer_post"
    resolver.notes.append(f"norm = {norm} is a guess: keys do not tell where the norm stands; option `norm`")
    return str(resolver.note("norm", norm, "keys"))


def _refuse_foreign(resolver: LayoutResolver, kind: str) -> None:
    """Refuse variants that metadata announces and the graph would silently get wrong."""
    shape = resolver.checkpoint.shape(resolver.layout.key("kernel", 0, "C"))
    required = {"causal": "false" if len(shape) == 4 and shape[0] == 2 else "true"}
    if kind == "lif":
        required["reset"] = "hard"
    if kind == "gsu":
        required["shared_w"] = str(resolver.layout.key("block", 0, "w2") not in resolver.checkpoint).lower()
    for key, value in required.items():
        stored = resolver.metadata(key)
        if stored is not None and stored.lower() != value:
            raise DataError(f"{resolver.checkpoint.path}: metadata {key} = {stored!r}", allowed=value,
                            mend="this variant cannot be imported, or the metadata are not those of the keys")
