"""What a machine of a free-running chip has besides: clocks, advances, and where each packet finds its neurons."""

from __future__ import annotations

import numpy as np

from hw_models.schema import Chip
from hw_models.unpublished import core_costs
from neurosim.graph import Network
from neurosim.machine import TICKED, FreeRunning, Int64Array, Projections, Slices, TokenFlow
from neurosim.mapping.advance import plan_advance, step_ps
from neurosim.mapping.options import MappingOptions
from neurosim.units import ns_to_ps


def lower_free_running(network: Network, chip: Chip, options: MappingOptions, projections: Projections,
                       slices: Slices, n_cores: int, tokens: TokenFlow | None) -> FreeRunning | None:
    """Return the tables of a free-running chip, None for any other; `n_cores` includes the ports."""
    if chip.free_running is None:
        return None
    advance = plan_advance(network, chip, options)
    clock = chip.free_running.leak_clock_ns
    specs = [item.spec for item in network.populations]
    n_modes = [max(1, item.n_modes) for item in network.populations]
    exponentials = np.array([spec.advance_exp * n for spec, n in zip(specs, n_modes, strict=True)], np.int64)
    products = np.array([spec.advance_multiply * n for spec, n in zip(specs, n_modes, strict=True)], np.int64)
    outputs = np.cumsum([0] + [len(spec.outputs) for spec in specs])
    by_output, outgoing = _grouped(outputs[projections.source] + projections.output, int(outputs[-1]))
    by_core, core_slice = _grouped(slices.core, n_cores)
    costs = core_costs(chip)
    assert costs.advance_exp is not None and costs.advance_multiply is not None, "checked with the chip"
    return FreeRunning(
        token_period_ps=ns_to_ps(chip.free_running.token_period_ns.value), step_ps=step_ps(chip, options),
        tick_ps=ns_to_ps(clock.value) if clock is not None and np.any(advance.mode == TICKED) else 0,
        tick_stages=advance.tick_stages, advance=advance.mode,
        advance_ps=(exponentials * ns_to_ps(costs.advance_exp.latency_ns.value)
                    + products * ns_to_ps(costs.advance_multiply.latency_ns.value)),
        advance_exp=exponentials, advance_multiply=products, skips_zero=chip.core.pipeline.skip_zero_weights,
        outgoing_start=by_output, outgoing=outgoing, core_start=by_core, core_slice=core_slice, tokens=tokens)


def _grouped(group: Int64Array, n_groups: int) -> tuple[Int64Array, Int64Array]:
    """Return where each group begins, and its members in their order."""
    counts = np.bincount(group, minlength=n_groups)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), np.argsort(group, kind="stable").astype(np.int64)
