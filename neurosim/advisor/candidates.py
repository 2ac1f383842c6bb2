"""Which options could help a network on a chip. What they bring is measured, not guessed, in `advise`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hw_models.schema import Chip
from neurosim.advisor.result import EFFECTS, Row
from neurosim.graph import Network
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.rewrites.expand import MODELS as STATE_SPACES
from neurosim.mapping.rewrites.expand import is_fused
from neurosim.mapping.rewrites.fold_norms import fold_norms
from neurosim.mapping.rewrites.sigma_delta import OFF

# Thresholds of sigma-delta coding, in parts of what an output is worth: its root mean square.
PARTS = (0.0, 0.02, 0.1)


@dataclass(frozen=True)
class Candidate:
    """Options to try. `group`: of those of one group only the best can be taken."""

    name: str
    group: str
    settings: tuple[str, ...]
    changes: str


_EVENED = Candidate("as many cores, evened out", "cores", ("mapping.strategy=balanced",), "nothing")


def rewrites(network: Network, options: MappingOptions, chip: Chip) -> list[Candidate]:
    """Return the rewrites that apply to the network as it came, beside those that the options have chosen already."""
    found = []
    if any(is_fused(item) and not item.codings for item in network.populations):
        is_expanded = options.ssm == "expanded" or (options.ssm == "auto" and chip.core.state_space == "expanded")
        found.append(Candidate("one soma per state-space channel", "ssm", ("mapping.ssm=fused",), "nothing")
                     if is_expanded else
                     Candidate("a neuron per state-space mode", "ssm", ("mapping.ssm=expanded",), "nothing"))
    if not options.fold_b and any(_has_b(network, item.name) for item in network.populations):
        found.append(Candidate("input gain B into C", "fold_b", ("mapping.fold_b=true",), "rounding"))
    plain = not network.is_quantised
    if plain and not options.fold_norms and fold_norms(network) is not network:
        found.append(Candidate("norms into their neighbours", "fold_norms", ("mapping.fold_norms=true",), "rounding"))
    if plain and options.glu == "keep" and any(item.model == "glu" for item in network.populations):
        found.append(Candidate("ReLU for gated linear units", "glu", ("mapping.glu=relu",), "the function"))
    takes_most = any(item.port in ("max", "max_abs") for item in network.projections)
    if plain and takes_most and options.max == "dendrite":
        found.append(Candidate("maxima by trees of pairs", "max", ("mapping.max=tree",), "rounding"))
    return found


def codings(options: MappingOptions, sizes: Mapping[str, float]) -> list[Candidate]:
    """Return sigma-delta coding with several thresholds.

    sizes : population that can be coded -> root mean square of what it sends
    """
    if options.sigma_delta != OFF or not any(sizes.values()):
        return []
    found = []
    for part in PARTS:
        if part == 0:
            settings, name = "mapping.sigma_delta=0", "sigma-delta, every change"
        else:
            listed = ", ".join(f"{who}: {_short(part * size)}" for who, size in sizes.items())
            settings, name = f"mapping.sigma_delta={{{listed}}}", f"sigma-delta, changes from {100 * part:g} %"
        found.append(Candidate(name, "sigma_delta", (settings,), "small changes" if part else "nothing"))
    return found


def partitions(network: Network, options: MappingOptions, chip: Chip, given: Row,
               cores_of: Mapping[str, int]) -> list[Candidate]:
    """Return other ways to cut the network into cores.

    cores_of : population -> cores that it lies on
    """
    found: list[Candidate] = []
    if not given.fits or given.cores is None:
        return found
    n_more = min(2 * given.cores, chip.n_grid_cores)
    if options.strategy == "pack" and not options.cores:
        found.append(_EVENED)
    if n_more > given.cores and not options.cores:
        found.append(Candidate(f"evened out over {n_more} cores", "cores",
                               ("mapping.strategy=balanced", f"mapping.n_cores={n_more}"), "nothing"))
    if options.strategy == "pack" and given.bound is not None and given.bound.populations:
        who = max(given.bound.populations, key=lambda name: cores_of.get(name, 0))
        wanted = min(2 * cores_of.get(who, 1), network.population(who).size)
        if wanted > cores_of.get(who, 1):
            found.append(Candidate(f"{who}, which binds, over {wanted} cores", "cores",
                                   (f"mapping.cores.{who}={wanted}",), "nothing"))
    return found


def together(chosen: list[Candidate]) -> Candidate | None:
    """Return several candidates at once, None of fewer than two."""
    if len(chosen) < 2:
        return None
    if any(item.group == "ssm" for item in chosen):     # counts of cores were those of another network
        chosen = [_EVENED if item.group == "cores" else item for item in chosen]
    settings = [setting for item in chosen for setting in item.settings]
    changes = max((item.changes for item in chosen), key=EFFECTS.index)
    return Candidate("together: " + "; ".join(item.name for item in chosen), "", tuple(settings), changes)


def notes(network: Network) -> tuple[str, ...]:
    """Return what there is to say about rewrites that have nothing left to do, or are not built."""
    found = []
    if any(item.model == "layer_norm" for item in network.populations):
        found.append("LayerNorm divides by a number that comes with every token: its gain and bias alone fold into "
                     "what is behind it (mapping.fold_norms); a BatchNorm would fold whole (train with it)")
    if any(item.model in STATE_SPACES and item.codings for item in network.populations):
        found.append("the network has formats: rewrites of its neurons come before them: quantise with "
                     "--set mapping.…")
    return tuple(found)


def _has_b(network: Network, name: str) -> bool:
    population = network.population(name)
    if population.model not in STATE_SPACES or population.codings:
        return False
    return bool(np.any(population.parameters["b_real"] != 1) or np.any(population.parameters["b_imag"] != 0))


def _short(value: float) -> str:
    return f"{value:.2g}"
