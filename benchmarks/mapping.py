"""Mapping: how fast large networks are cut and placed, and how good placements are.

`python benchmarks/mapping.py [--large] [--json FILE]`; --large also maps a million neurons, which takes 4 GB.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from harness import Figure, Progress, environment, figures_table, parser_of, pin, print_environment, write_figures
from scale_networks import local_network, pilotnet_like, random_network

from hw_models.load import load_chip
from hw_models.schema import Chip
from neurosim.graph import Network, OneToOneWeights, Population, Projection
from neurosim.mapping import MappingResult, map_with_details
from neurosim.mapping.axons import axon_table, row_cores
from neurosim.mapping.board import Board, make_board
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.place_bound import least_cost
from neurosim.mapping.resources import measure_demand
from neurosim.resolve import resolve

CHIP = "loihi2"


def main() -> None:
    """Print the figures."""
    parser = parser_of(__doc__, 1, "mappings of each network, of which the fastest counts")
    parser.add_argument("--large", action="store_true", help="map a million neurons too")
    arguments = parser.parse_args()
    where, tell = environment(pin()), Progress()
    figures = [*speed(arguments.large, arguments.repeat, tell), *chains_and_grids(tell), *gains(tell)]
    tell.clear()
    print_environment(where)
    print(figures_table(figures))
    write_figures(arguments.json, where, "python benchmarks/mapping.py" + " --large" * arguments.large, figures)


def speed(large: bool, repeat: int, tell: Progress) -> list[Figure]:
    """Return the CPU seconds that mappings take, kernels loaded."""
    map_with_details(local_network(4000, 80, 400), load_chip(CHIP))
    cases: list[tuple[str, Callable[[], Network], tuple[str, ...], float | None]] = [
        ("100,000 neurons, 10 M synapses", lambda: local_network(100_000, 100, 1000), (), 10.0),
        ("8,192 neurons, 819,200 synapses, all cores talk to all", lambda: random_network(8192, 100), (), 10.0)]
    if large:
        cases.append(("1 M neurons, 200 M synapses", lambda: local_network(1_000_000, 200, 2000),
                      ("grid.columns=8", "grid.rows=8"), 120.0))
    figures = []
    for name, make, settings, target in cases:
        tell(f"mapping {name}")
        network, chip = make(), load_chip(CHIP, list(settings))
        best, wall = np.inf, np.inf
        for _ in range(repeat):
            started, started_wall = time.process_time(), time.perf_counter()
            placed = map_with_details(network, chip)
            best, wall = min(best, time.process_time() - started), min(wall, time.perf_counter() - started_wall)
        cores = f"{placed.partition.n_cores} cores, {wall:.1f} s wall"
        figures.append(Figure("map", f"{name}: cut, placed, lowered", best, "CPU s", at_most=target, note=cores))
    return figures


def chains_and_grids(tell: Progress) -> list[Figure]:
    """Return the links of placements over the fewest there can be."""
    chip = load_chip("generic-mesh", ["noc.columns=16", "noc.rows=16", "core.max_neurons=1"])
    figures = []
    for name, edges, n_cores in (("chain of 200 cores", [(core, core + 1) for core in range(199)], 200),
                                 ("grid of 14 x 16 cores", _grid(14, 16), 224)):
        tell(name)
        order = np.random.default_rng(0).permutation(n_cores)       # named in any order
        network = _wired(n_cores, [(int(order[a]), int(order[b])) for a, b in edges])
        placement = map_with_details(network, chip).placement
        figures.append(Figure("map", f"{name}, named in any order: links to the optimum", placement.cost / len(edges),
                              "ratio", at_most=1.0, note=f"naive {placement.naive_cost / len(edges):.1f}"))
    return figures


def gains(tell: Progress) -> list[Figure]:
    """Return how many times fewer links packets cross than in naive order, and how far the bound is."""
    digits = resolve("digits", None)
    plain = MappingOptions()
    figures = []
    for name, network, chip, options in (
            ("digits", digits.network, digits.chip, digits.mapping),
            ("PilotNet-like", pilotnet_like(), load_chip(CHIP), plain),
            ("random, 8,192 neurons, 100 synapses each", random_network(8192, 100), load_chip("loihi"), plain),
            ("local, 20,000 neurons", local_network(20_000, 100, 1000), load_chip(CHIP), plain)):
        tell(f"placing {name}")
        mapped = map_with_details(network, chip, options)
        placement, bound = mapped.placement, least_cost(_board(mapped, chip))
        figures.append(Figure("map", f"{name}: links in naive order over links placed",
                              placement.naive_cost / placement.cost, "ratio", at_least=1.0,
                              note=f"{mapped.partition.n_cores} cores"))
        figures.append(Figure("map", f"{name}: links placed over the lower bound", placement.cost / bound, "ratio",
                              note="no placement is below 1; how near one comes is not known"))
    return figures


def _board(mapped: MappingResult, chip: Chip) -> Board:
    demand = measure_demand(mapped.fitted.network, chip, mapped.staging)
    axons, source_core = axon_table(demand, mapped.partition), row_cores(demand, mapped.partition)
    return make_board(chip, mapped.partition, axons, source_core, np.ones(demand.n_rows))


def _grid(columns: int, rows: int) -> list[tuple[int, int]]:
    number = np.arange(columns * rows).reshape(rows, columns)
    return [*zip(number[:, :-1].ravel().tolist(), number[:, 1:].ravel().tolist(), strict=True),
            *zip(number[:-1].ravel().tolist(), number[1:].ravel().tolist(), strict=True)]


def _wired(n_cores: int, edges: list[tuple[int, int]]) -> Network:
    """Return a network with a neuron for each core and a synapse for each edge."""
    weights = OneToOneWeights(np.ones(1))
    return Network("wired", tuple(Population(f"n{core}", "lif", 1, {"leak": 0.5}) for core in range(n_cores)),
                   tuple(Projection(f"n{a}", f"n{b}", weights, delay_steps=1) for a, b in edges))


if __name__ == "__main__":
    main()
