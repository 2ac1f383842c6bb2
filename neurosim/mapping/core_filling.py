"""One core being filled: what it holds so far, and whether more neurons fit."""

from __future__ import annotations

import itertools

import numpy as np

from neurosim.machine import Int64Array
from neurosim.mapping.axons import Slice
from neurosim.mapping.limits import shared_bits, synapse_format
from neurosim.mapping.resources import Demand

Limits = dict[str, int | None]


class CoreFilling:
    """The core being filled: what it holds so far, and whether a slice still fits."""

    def __init__(self, demand: Demand, limits: Limits) -> None:
        self.demand, self.limits = demand, limits
        self.slices: list[Slice] = []
        self.holds_row = np.zeros(demand.n_rows, bool)
        self.profiles: Int64Array = np.zeros(0, np.int64)
        self.thresholds: Int64Array = np.zeros(0, np.int64)
        self.formats: set[tuple[int, int, bool]] = set()
        self.counts_sets = any(limits[name] is not None for name in ("profiles", "thresholds", "synapse_formats"))
        self.used = dict.fromkeys(("neurons", "axons_in", "synapse_words", "state_bits", "soma_ps"), 0)

    def room(self, population: int, start: int, guess: int = 0) -> int:
        """Return how many neurons of `population`, from `start` on, still fit.

        guess : what may be about right, such as the room of the core before; 0: nobody knows. Trials take time by the
        neurons tried, so the search begins there, in steps that double
        """
        size = self.demand.network.populations[population].size
        low, high = 0, min(size - start, self._simple_room(population))     # the room is from low to high
        tried, step = min(guess or high, high), max(guess // 128, 1)
        outcomes = {True, False} if not guess else set()
        while low < high:
            fits = self.first_exceeded(Slice(population, start, start + tried)) is None
            outcomes.add(fits)
            low, high = (tried, high) if fits else (low, tried - 1)
            tried, step = tried + step if fits else tried - step, 2 * step
            if len(outcomes) == 2 or not low < tried <= high:
                tried = (low + high + 1) // 2
        return low

    def room_for(self, piece: Slice) -> int:
        """Return the neurons of `piece` if it fits whole, else 0."""
        return piece.size if self.first_exceeded(piece) is None else 0

    def first_exceeded(self, cut: Slice) -> tuple[str, int, int] | None:
        """Return (resource, need, have) of the first limit that `cut` would exceed, or None."""
        used, _ = self._with(cut)
        for resource, have in self.limits.items():
            if have is not None and used.get(resource, 0) > have:
                return resource, used[resource], have
        return None

    def add(self, cut: Slice) -> None:
        """Put `cut` on the core."""
        self.profiles, self.thresholds, self.formats = self._sets(cut)
        self.used, rows = self._with(cut)
        self.holds_row[rows] = True
        self.slices.append(cut)

    def _simple_room(self, population: int) -> int:
        """Return the room that limits proportional to the number of neurons leave."""
        room = [limit - self.used["neurons"] for limit in [self.limits["neurons"]] if limit is not None]
        for resource, each in (("state_bits", self.demand.state_bits), ("soma_ps", self.demand.soma_ps)):
            limit = self.limits.get(resource)
            if limit is not None and each[population] > 0:
                room.append((limit - self.used[resource]) // int(each[population]))
        return max(0, min(room))

    def _sets(self, cut: Slice) -> tuple[Int64Array, Int64Array, set[tuple[int, int, bool]]]:
        """Return all distinct parameter sets, thresholds and synapse formats with `cut`."""
        demand, span = self.demand, slice(cut.start, cut.stop)
        if not self.counts_sets:
            return self.profiles, self.thresholds, self.formats
        return (np.union1d(self.profiles, demand.profile[cut.population][span]),
                np.union1d(self.thresholds, demand.threshold[cut.population][span]),
                self.formats | {synapse_format(item) for item in demand.incoming[cut.population]})

    def _with(self, cut: Slice) -> tuple[dict[str, int], Int64Array]:
        """Return what would be used with `cut`, and the rows it adds."""
        demand = self.demand
        axons = [item.axons(cut.start, cut.stop, self.used["neurons"]) for item in demand.incoming[cut.population]]
        rows = union([item.rows for item in axons])
        rows = rows[~self.holds_row[rows]]
        profiles, thresholds, formats = self._sets(cut)
        used = {
            "neurons": self.used["neurons"] + cut.size,
            "axons_in": self.used["axons_in"] + len(rows),
            "synapse_words": self.used["synapse_words"] + sum(item.stored for item in axons),
            "state_bits": self.used["state_bits"] + cut.size * int(demand.state_bits[cut.population]),
            "soma_ps": self.used["soma_ps"] + cut.size * int(demand.soma_ps[cut.population]),
            "profiles": len(profiles), "thresholds": len(thresholds), "synapse_formats": len(formats),
        }
        if demand.chip.core.synapse_memory.packing == "crossbar":
            used["synapse_words"] = used["axons_in"]
        used["shared_bits"] = shared_bits(used, demand.chip)
        return used, rows


def union(parts: list[Int64Array]) -> Int64Array:
    """Return the distinct numbers of ascending lists, ascending."""
    parts = sorted((part for part in parts if len(part)), key=lambda part: int(part[0]))
    if all(before[-1] < part[0] for before, part in itertools.pairwise(parts)):      # rows of different populations
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int64), *parts])
    return np.unique(np.concatenate(parts))
