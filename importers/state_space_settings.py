"""Settings of a state-space import: given by the caller, else in the file's metadata, else told by its keys."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from importers.checkpoint import Checkpoint
from neurosim.errors import DataError, InputError, OptionError

KINDS = {"lif": "lif", "spiking_ssm": "lif", "binary": "binary", "binary_s4d": "binary", "gsu": "gsu", "gelu": "gelu",
         "s4d": "gelu"}
NORMS = ("none", "batch_pre", "batch_post", "layer_pre", "layer_post")
COMPARATORS, ACTIVATIONS = (">=", ">"), ("none", "gelu")
DISCRETIZATIONS, POOLINGS = ("zoh", "bilinear"), ("mean", "last")
# Options that only some kinds have.
KINDS_WITH = {"leak": ("lif",), "threshold": ("lif", "binary"), "comparator": ("lif", "binary"),
              "delta_factor": ("gsu",), "activation": ("gsu",)}
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
    activation: str
    norm_epsilon: float
    discretization: str
    pooling: str


class Resolver:
    """Finds values and remembers where each came from."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.found: dict[str, str] = {}
        self.notes: list[str] = []

    def value(self, name: str, given: Any, default: Any, parse: Callable[[str], Any], allowed: str,
              metadata_key: str = "") -> Any:
        """Return option `name`: given, or metadata, or default; `parse` raises ValueError or KeyError if unusable."""
        stored = self.metadata(metadata_key or name)
        try:
            if given is not None:
                return self.note(name, parse(str(given)), "given")
            if stored is not None:
                return self.note(name, parse(stored), "metadata")
        except (ValueError, KeyError):
            raise self._unusable(name, given, metadata_key or name, stored, allowed) from None
        return self.note(name, default, "default")

    def number(self, name: str, given: float | None, default: float, accept: Callable[[float], bool], allowed: str,
               metadata_key: str = "") -> float:
        """Return a finite number that `accept` accepts."""
        def parse(text: str) -> float:
            value = float(text)
            if not (math.isfinite(value) and accept(value)):
                raise ValueError
            return value

        return float(self.value(name, given, default, parse, allowed, metadata_key))

    def from_zero(self, name: str, given: float | None, default: float, metadata_key: str = "") -> float:
        """Return a number that is not negative."""
        return self.number(name, given, default, lambda value: value >= 0, "a number from 0", metadata_key)

    def choice(self, name: str, given: str | None, default: str, choices: tuple[str, ...]) -> str:
        """Return one of `choices`."""
        table = {choice: choice for choice in choices}
        return str(self.value(name, given, default, table.__getitem__, ", ".join(choices)))

    def metadata(self, key: str) -> str | None:
        """Return a metadata string without the quotes that JSON puts around it."""
        stored = self.checkpoint.metadata.get(key)
        return None if stored is None else stored.strip().strip('"')

    def note(self, name: str, value: Any, origin: str) -> Any:
        """Remember where a value came from, and return it."""
        self.found[name] = f"{value} ({origin})"
        return value

    def _unusable(self, name: str, given: Any, metadata_key: str, stored: str | None, allowed: str) -> InputError:
        if given is not None:
            return OptionError(f"{name} = {given!r}", allowed=allowed)
        return DataError(f"{self.checkpoint.path}: metadata {metadata_key} = {stored!r}", allowed=allowed,
                         mend=f"give the option `{name}`")


def resolve(resolver: Resolver, options: dict[str, Any]) -> Settings:
    """Resolve all settings, and refuse what the graph cannot express."""
    kind = resolve_kind(resolver, options["kind"])
    _refuse_foreign(resolver, kind)
    for name, kinds in KINDS_WITH.items():
        if options[name] is not None and kind not in kinds:
            raise OptionError(f"{name} = {options[name]!r} for kind {kind}", allowed=f"with kind {' or '.join(kinds)}")
    fires, gated = kind in KINDS_WITH["comparator"], kind == "gsu"
    norm = resolve_norm(resolver, options["norm"])
    return Settings(
        kind=kind,
        norm=norm,
        leak=resolver.from_zero("leak", options["leak"], 0.125, "tau") if kind == "lif" else 0.0,
        comparator=resolver.choice("comparator", options["comparator"], ">=", COMPARATORS) if fires else "",
        threshold=resolve_threshold(resolver, kind, options["threshold"]),
        delta_factor=resolver.from_zero("delta_factor", options["delta_factor"], 0.15) if gated else 0.0,
        activation=resolver.choice("activation", options["activation"], "gelu", ACTIVATIONS) if gated else "",
        norm_epsilon=resolver.from_zero("norm_epsilon", options["norm_epsilon"], 1e-5, "norm_eps"),
        discretization=resolver.choice("discretization", options["discretization"], "zoh", DISCRETIZATIONS),
        pooling=resolver.choice("pooling", options["pooling"], "mean", POOLINGS),
    )


def resolve_threshold(resolver: Resolver, kind: str, given: float | None) -> float:
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


def resolve_kind(resolver: Resolver, given: str) -> str:
    """Return `lif`, `binary`, `gsu` or `gelu`; refuse to guess between the last and `binary`, whose keys are alike."""
    checkpoint, allowed = resolver.checkpoint, ", ".join(KINDS)
    kind = resolver.value("kind", None if given == "auto" else given, "", KINDS.__getitem__, allowed)
    if kind:
        return str(kind)
    if "s4_layers.0.w" in checkpoint:
        return str(resolver.note("kind", "gsu", "keys"))
    if any(".ln_vth" in key or ".neuron." in key for key in checkpoint.tensors):
        return str(resolver.note("kind", "lif", "keys"))
    raise DataError(f"{checkpoint.path}: kind of network: Binary S4D and S4D with GELU have the same keys",
                    allowed=allowed, mend="give the option `kind`, or store `kind` in the file's metadata")


def resolve_norm(resolver: Resolver, given: str) -> str:
    """Return one of NORMS. See `import_state_space` for what is told by what."""
    checkpoint = resolver.checkpoint
    family = norm_family(checkpoint)
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
    return _norm_by_keys(resolver, family)


def norm_family(checkpoint: Checkpoint) -> str:
    """Return `batch`, `layer` or `none`."""
    if "norms.0.running_mean" in checkpoint:
        return "batch"
    return "layer" if "norms.0.weight" in checkpoint else "none"


def _norm_by_keys(resolver: Resolver, family: str) -> str:
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


def _refuse_foreign(resolver: Resolver, kind: str) -> None:
    """Refuse variants that metadata announces and the graph would silently get wrong."""
    required = {"causal": "true"}
    if kind == "lif":
        required["reset"] = "hard"
    if kind == "gsu":
        required |= {"delta_scope": "vector", "shared_w": "true"}
    for key, value in required.items():
        stored = resolver.metadata(key)
        if stored is not None and stored.lower() != value:
            raise DataError(f"{resolver.checkpoint.path}: metadata {key} = {stored!r}", allowed=value,
                            mend="this variant cannot be imported")
