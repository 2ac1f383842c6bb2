"""The network of a NIR graph whose nodes have been gone through, and the report on them."""

from __future__ import annotations

from importers.neurons import Neurons
from importers.nir.build import Builder, free_name
from importers.nir.flat import PORT, FlatNode
from importers.nir.terms import synapses
from importers.result import ReportLine
from neurosim.graph import Population, Projection


def assembled(builder: Builder) -> tuple[list[Population], list[Projection]]:
    """Return populations, by their distance from the inputs, and projections by target."""
    bias = free_name("bias", builder.names.values())
    by_name: dict[str, Population] = {}
    into: dict[str, list[Projection]] = {}
    sizes = {_output(found): _whole(found)[0].size for found in builder.made.values()}
    for name, found in builder.made.items():
        by_name.update((population.name, population) for population in _whole(found))
        target = _whole(found)[0].name
        into[target] = []
        for term in builder.incoming.get(name, []):
            weights, delay = synapses(term, sizes.get(term.source or "", 1))
            into[target].append(Projection(term.source or bias, target, weights, delay_steps=delay))
        for own in found.own_projections() if isinstance(found, Neurons) else ():
            into.setdefault(own.target, []).append(own)
    order = _by_distance(by_name, into)
    if any(projection.source == bias for found in into.values() for projection in found):
        by_name[bias] = bias_population(bias)
        order.append(bias)
        builder.notes.append(f"population {bias!r} fires at every step: it carries the biases that act on synaptic "
                             "currents, or start later")
    return [by_name[name] for name in order], [item for name in order for item in into.get(name, [])]


def _whole(found: Neurons | Population) -> list[Population]:
    if isinstance(found, Population):
        return [found]
    return [found.population, *([found.behind[0]] if found.behind else [])]


def _output(found: Neurons | Population) -> str:
    return found.output if isinstance(found, Neurons) else found.name


def _by_distance(by_name: dict[str, Population], into: dict[str, list[Projection]]) -> list[str]:
    """Return names by the number of projections from an input, then by name: independent of the order in the file."""
    targets: dict[str, set[str]] = {}
    for target, found in into.items():
        for projection in found:
            targets.setdefault(projection.source, set()).add(target)
    order, level = [], sorted(name for name, population in by_name.items() if population.model == "input")
    seen = set(level)
    while level:
        order += level
        level = sorted({target for name in level for target in targets.get(name, ())} - seen)
        seen.update(level)
    return [*order, *sorted(set(by_name) - seen)]


def bias_population(name: str) -> Population:
    """Return one neuron that fires at every step."""
    return Population(name, "lif", 1, {"leak": 0.0, "threshold": 0.5, "bias": 1.0})


def report_lines(builder: Builder) -> tuple[ReportLine, ...]:
    """Return one line per node, in the order of the file, and one per parameter that was not used."""
    lines = [_line(builder, node) for node in builder.graph.nodes.values()]
    return (*lines, *builder.graph.dropped)


def _line(builder: Builder, node: FlatNode) -> ReportLine:
    found = builder.made.get(node.name)
    if isinstance(found, Neurons):
        named = f"{found.population.model} {found.population.name}"
        return ReportLine(node.name, "mapped", f"{named}, {found.output}" if found.behind else named, node.kind)
    if found is not None:
        return ReportLine(node.name, "mapped", f"{found.model} {found.name}", node.kind)
    if node.role == "output":
        return ReportLine(node.name, "mapped", f"readout {', '.join(builder.readouts)}", node.kind)
    if node.kind == PORT:
        return ReportLine(node.name, "folded", "the edges through it", "end of an inner graph")
    behind = ", ".join(_reached(builder, node.name)) or "nothing"
    what = "the projection" if node.role == "weighted" else "the weights and delay"
    return ReportLine(node.name, "folded", f"{what} into {behind}", node.kind)


def _reached(builder: Builder, name: str) -> list[str]:
    """Return the populations that a folded node feeds."""
    targets, found, seen, open_nodes = builder.graph.targets(), [], {name}, [name]
    while open_nodes:
        for target in targets[open_nodes.pop()]:
            if target not in seen:
                seen.add(target)
                if target in builder.made:
                    found.append(builder.names[target])
                else:
                    open_nodes.append(target)
    return sorted(found)
