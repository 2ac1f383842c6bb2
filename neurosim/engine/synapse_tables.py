"""The synapses as the kernels read them: in the narrowest numbers that hold them exactly.

What a step costs is mostly the reading of synapses, so a weight takes no more bytes than it needs: float32 where that
is exact, int8 or int16 in fixed point, and a target of a population up to 65,536 neurons takes two bytes. The kernels
widen each weight before they multiply, so that no sum changes in any bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.machine import SPARSE, Machine

# SynapseTables.place: which weights, where; where the targets are, and whether in `long_target`
W_STORE, W_START, W_TARGET_START, W_LONG = 0, 1, 2, 3
N_PLACE_COLUMNS = 4
NARROW, MIDDLE, WIDE = 0, 1, 2
_STORES: dict[str, tuple[str, str, str]] = {
    "float32": ("float32", "float32", "float32"),
    "float64": ("float32", "float64", "float64"),
    "int64": ("int8", "int16", "int64"),
}
_MOST_SHORT = 2**16


class SynapseTables(NamedTuple):
    """Weights in three widths, and the targets of sparse rows in two."""

    place: NDArray[np.int64]            # [projection, N_PLACE_COLUMNS]
    narrow: NDArray[Any]                # float32, or int8
    middle: NDArray[Any]                # float32 or float64, or int16
    wide: NDArray[Any]                  # float32 or float64, or int64
    short_target: NDArray[np.uint16]
    long_target: NDArray[np.uint32]


def synapse_tables(machine: Machine, dtype: np.dtype[Any]) -> SynapseTables:
    """Return the weights of `machine` for a run in `dtype`; its integers where that is int64."""
    projections = machine.projections
    weights: NDArray[Any] = machine.synapses.weights
    if dtype == np.int64 and machine.fixed is not None:
        weights = machine.fixed.weights
    stores = [np.dtype(name) for name in _STORES[dtype.name]]
    n_projections = len(projections.source)
    place = np.zeros((n_projections, N_PLACE_COLUMNS), np.int64)
    found: tuple[list[NDArray[Any]], ...] = ([], [], [])
    starts = np.append(np.unique(projections.weight_start), len(weights))
    blocks = list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
    if dtype == np.float32:         # all in one store, as they are
        place[:, W_START] = projections.weight_start
        found[NARROW].append(_as(weights, stores[NARROW]))
        blocks = []
    for start, stop in blocks:
        block, of_block = weights[start:stop], projections.weight_start == start
        store = _narrowest(block, stores)
        place[of_block, W_STORE] = store
        place[of_block, W_START] = sum(len(earlier) for earlier in found[store])
        found[store].append(block.astype(stores[store]))
    short, long = _place_targets(machine, starts, place)
    narrow, middle, wide = (_joined(blocks, store) for blocks, store in zip(found, stores, strict=True))
    return SynapseTables(place, narrow, middle, wide, _joined(short, np.dtype(np.uint16)),
                         _joined(long, np.dtype(np.uint32)))


def _place_targets(machine: Machine, starts: NDArray[np.int64], place: NDArray[np.int64]
                   ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return the blocks of short and of long targets, and note in `place` where they will lie."""
    projections = machine.projections
    found: tuple[list[NDArray[Any]], ...] = ([], [])
    for projection in np.flatnonzero(projections.kind == SPARSE).tolist():
        start = int(projections.weight_start[projection])
        stop = int(starts[np.searchsorted(starts, start) + 1]) if start < starts[-1] else start
        is_long = int(machine.populations.size[projections.target[projection]] > _MOST_SHORT)
        place[projection, W_LONG] = is_long
        place[projection, W_TARGET_START] = sum(len(earlier) for earlier in found[is_long])
        found[is_long].append(_as(machine.synapses.targets[start:stop], np.dtype(np.uint32 if is_long else np.uint16)))
    return found[0], found[1]


def _narrowest(weights: NDArray[Any], stores: list[np.dtype[Any]]) -> int:
    """Return the first store that holds all weights exactly."""
    for index, store in enumerate(stores):
        with np.errstate(over="ignore"):
            if np.array_equal(weights.astype(store), weights):
                return index
    return WIDE


def _as(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values as `dtype`: the same memory where that will do (targets are not negative), as it may be large.

    Kernels are compiled for arrays that may be written, so one that may not is copied.
    """
    same = values.dtype == dtype or (values.dtype == np.int32 and dtype == np.uint32)
    if same and values.flags.writeable and values.flags.c_contiguous:
        return values.view(dtype)
    return values.astype(dtype)


def _joined(blocks: list[NDArray[Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return blocks one behind the other."""
    return blocks[0] if len(blocks) == 1 else np.concatenate([np.zeros(0, dtype), *blocks])
