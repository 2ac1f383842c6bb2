"""Loops of a NIR graph: where the delay of one time step sits that a loop of steps needs.

NIR's equations run in continuous time, where a loop needs no delay. In time steps a neuron's spike reaches itself one
step later. A loop through one neuron node has only one place for that; a loop through several needs the user's word.
"""

from __future__ import annotations

from collections.abc import Mapping

from importers.nir.flat import Edge, FlatGraph
from neurosim.errors import DataError, OptionError, nearest


def implied_delays(graph: FlatGraph, delayed: set[str], feedback: tuple[str, ...], *, at_start: bool) -> set[Edge]:
    """Return the edges that carry a delay of one step because they close a loop.

    Parameters
    ----------
    delayed : Delay nodes whose every delay is at least one step, which are delay enough for a loop
    feedback : edges `source->target` named by the user
    at_start : put the delay behind the neuron, so that a bias within the loop acts at the first step; otherwise
        before it, so that nothing comes out of the loop at the first step

    Raises
    ------
    DataError      a loop without a neuron, or through several neurons without a delay
    OptionError    `feedback` names no edge
    """
    cut = {_parsed(graph, text) for text in feedback}
    targets = {node: [] if node in delayed else [other for other in found if (node, other) not in cut]
               for node, found in graph.targets().items()}
    implied = set(cut)
    for loop in components(targets):
        members = set(loop)
        neurons = [node for node in loop if graph.nodes[node].role == "neuron"]
        if not neurons:
            raise DataError(f"{graph.path}: loop without a neuron: {' -> '.join(loop)}",
                            allowed="loops through a neuron or a Delay", mend="put a neuron or a Delay into the loop")
        if len(neurons) > 1:
            raise DataError(f"{graph.path}: loop without delay through {len(neurons)} neuron nodes: "
                            f"{', '.join(neurons[:6])}",
                            allowed="a Delay in it, or the name of the edge that leads back",
                            mend=f"feedback=('{neurons[-1]}->{targets[neurons[-1]][0]}',) delays that edge by one step")
        neuron = neurons[0]
        if at_start:
            implied |= {(neuron, other) for other in targets[neuron] if other in members}
        else:
            implied |= {(node, neuron) for node in loop if neuron in targets[node]}
    return implied


def _parsed(graph: FlatGraph, text: str) -> Edge:
    source, _, target = text.partition("->")
    edge = (source.strip(), target.strip())
    if edge not in graph.edges:
        shown = [f"{a}->{b}" for a, b in graph.edges]
        raise OptionError(f"feedback = {text!r} is no edge of the graph", allowed=", ".join(shown[:12]),
                          mend=nearest(text, shown))
    return edge


def stateless_order(graph: FlatGraph) -> list[str]:
    """Return the weighted and light nodes, each after those it takes from.

    Raises
    ------
    DataError      a loop among them
    """
    is_open = {name for name, node in graph.nodes.items() if node.role in ("weighted", "light")}
    targets, sources = graph.targets(), graph.sources()
    missing = {name: sum(source in is_open for source in sources[name]) for name in is_open}
    ready = [name for name in graph.nodes if name in is_open and missing[name] == 0]
    order: list[str] = []
    while ready:
        name = ready.pop()
        order.append(name)
        for target in targets[name]:
            if target in is_open:
                missing[target] -= 1
                if missing[target] == 0:
                    ready.append(target)
    left = is_open - set(order)
    if left:
        raise DataError(f"{graph.path}: loop without a neuron among {', '.join(sorted(left)[:6])}",
                        allowed="loops through a neuron", mend="put a neuron into the loop")
    return order


def components(targets: Mapping[str, list[str]]) -> list[list[str]]:
    """Return the strongly connected components that hold a loop (Tarjan 1972, without recursion)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    found: list[list[str]] = []
    for root in targets:
        work = [(root, iter(targets[root]))] if root not in number else []
        while work:
            node, rest = work[-1]
            if node not in number:
                number[node] = lowest[node] = len(number)
                stack.append(node)
                on_stack.add(node)
            for other in rest:
                if other not in number:
                    work.append((other, iter(targets[other])))
                    break
                if other in on_stack:
                    lowest[node] = min(lowest[node], number[other])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[node])
                if lowest[node] == number[node]:
                    found.append(_component(node, stack, on_stack))
    return [loop for loop in found if len(loop) > 1 or loop[0] in targets[loop[0]]]


def _component(node: str, stack: list[str], on_stack: set[str]) -> list[str]:
    at = stack.index(node)
    members = stack[at:]
    del stack[at:]
    on_stack.difference_update(members)
    return members
