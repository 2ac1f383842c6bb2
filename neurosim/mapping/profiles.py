"""Distinct parameter sets of neurons, which some cores hold in small numbers.

A core may keep thresholds apart from the other parameters, and some parameters for each neuron by itself; then they
are no part of the sets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hw_models.core_schema import Capabilities
from neurosim.graph import Network, Population
from neurosim.machine import Int64Array

THRESHOLD = "threshold"


def number_profiles(network: Network, able: Capabilities) -> tuple[tuple[Int64Array, ...], tuple[Int64Array, ...]]:
    """Return the numbers of the parameter sets and of the thresholds; int64[neuron] of each population.

    Populations of one model and the same attributes may share sets. Where the chip does not limit them nobody asks:
    all 0.
    """
    none = tuple(np.zeros(population.size, np.int64) for population in network.populations)
    if able.parameter_profiles is None:
        return none, none
    apart = {THRESHOLD} if able.threshold_profiles is not None else set()
    left_out = {*able.own_parameters, *apart}
    sets = _numbered(network, lambda name: name not in left_out)
    return sets, _numbered(network, lambda name: name == THRESHOLD) if apart else none


def parameter_table(population: Population, kept: Callable[[str], bool] = bool) -> NDArray[np.float64]:
    """Return the parameters in the row order of the model; float64[row, neuron], a row per mode for per-mode ones.

    kept : whether a parameter is wanted, by name
    """
    rows = [population.parameters[parameter.name].reshape(population.size, -1).T
            for parameter in population.spec.parameters if kept(parameter.name)]
    return np.concatenate(rows) if rows else np.zeros((0, population.size))


def _numbered(network: Network, kept: Callable[[str], bool]) -> tuple[Int64Array, ...]:
    """Return equal numbers where neurons of one model have the same parameters, of those kept."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, population in enumerate(network.populations):
        key = (population.model, population.n_modes, *sorted(population.attributes.items()))
        groups.setdefault(key, []).append(number)
    profiles: dict[int, Int64Array] = {}
    n_profiles = 0
    for members in groups.values():
        tables = [parameter_table(network.populations[number], kept).T for number in members]
        inverse = _row_numbers(np.concatenate(tables))
        for number, part in zip(members, np.split(inverse, np.cumsum([len(table) for table in tables])[:-1]),
                                strict=True):
            profiles[number] = part + n_profiles
        n_profiles += int(inverse.max(initial=0)) + 1
    return tuple(profiles[number] for number in range(len(network.populations)))


def _row_numbers(table: NDArray[np.float64]) -> Int64Array:
    """Return equal numbers for equal rows."""
    if table.shape[1] == 0:
        return np.zeros(len(table), np.int64)
    if np.all(table == table[0]):
        return np.zeros(len(table), np.int64)
    return np.unique(table, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
