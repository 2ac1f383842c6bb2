"""Rules between the fields of a chip file.

A rule reads plain data, so that its fault is reported together with those of the schema: it is passed over only where
one of the values it reads is itself at fault. To add a rule, write a generator and add it to `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Iterator

from hw_models.core_schema import Capabilities
from hw_models.explain import nearest
from hw_models.view import Check, Problem, View, path_of


def _ports_on_chip(view: View) -> Iterator[Problem]:
    n_tiles = view.get("noc.columns") * view.get("noc.rows")
    for port in ("input_port", "output_port"):
        if view.get(f"{port}.tile") >= n_tiles:
            yield Problem((path_of(f"{port}.tile"), path_of("noc.columns"), path_of("noc.rows")),
                          f"integer from 0 to {n_tiles - 1}, since the chip has {n_tiles} tiles",
                          "move the port to a tile of the chip, e.g. 0")


def _hop_takes_time(view: View) -> Iterator[Problem]:
    """A hop of no time would make arrival and departure simultaneous, and their order undefined."""
    for link in ("noc.link_latency_ew_ns", "noc.link_latency_ns_ns"):
        if view.ps("noc.router_latency_ns") + view.ps(link) < 1:
            yield Problem((path_of(f"{link}.value"), path_of("noc.router_latency_ns.value")),
                          "router and link latency together at least 0.001 ns (1 ps)",
                          "give the router or the link a latency, e.g. 1.0")


def _credit_takes_time(view: View) -> Iterator[Problem]:
    return _at_least_1_ps(view, "noc.credit_latency_ns", "a slot freed at once would be taken in the same instant")


def _cycle_takes_time(view: View) -> Iterator[Problem]:
    return _at_least_1_ps(view, "noc.link_cycle_ns", "a link of no cycle would have no bandwidth limit")


def _at_least_1_ps(view: View, name: str, reason: str) -> Iterator[Problem]:
    if view.ps(name) < 1:
        yield Problem((path_of(f"{name}.value"),), f"at least 0.001 ns (1 ps): {reason}", "give a time, e.g. 1.0")


def _torus_is_unbuffered(view: View) -> Iterator[Problem]:
    if view.get("noc.topology") == "torus" and view.get("noc.buffer_packets") != "unlimited":
        yield Problem((path_of("noc.buffer_packets"), path_of("noc.topology")),
                      "`unlimited` on a torus: without virtual channels the channels of a ring depend on each other "
                      "in a cycle, and finite buffers can deadlock",
                      "write `buffer_packets: unlimited` or `topology: mesh`")


def _finite_core_input(view: View) -> Iterator[Problem]:
    if view.get("core.core_in_packets") == "unlimited":
        return
    path = path_of("core.core_in_packets")
    if view.get("core.pipeline.kind") != "overlapped":
        yield Problem((path, path_of("core.pipeline.kind")),
                      "`unlimited` on a serial core: it accepts nothing while it sends, and full inputs can deadlock",
                      "write `core_in_packets: unlimited` or `pipeline.kind: overlapped`")
    if view.get("noc.buffer_packets") == "unlimited":
        yield Problem((path, path_of("noc.buffer_packets")),
                      "`unlimited` with unlimited router buffers: without back-pressure nobody can wait for an input",
                      "write `core_in_packets: unlimited` or give `noc.buffer_packets` a number")
    if view.get("noc.self_delivery") != "network":
        yield Problem((path, path_of("noc.self_delivery")),
                      "`unlimited` where packets to oneself skip the network: their order at a full input is undefined",
                      "write `core_in_packets: unlimited` or `self_delivery: network`")


def _barrier_sorted(view: View) -> Iterator[Problem]:
    tiles = [view.get(f"barrier.{index}.tiles") for index in range(len(view.get("barrier")))]
    for index in range(1, len(tiles)):
        if tiles[index] <= tiles[index - 1]:
            yield Problem((("barrier", index, "tiles"),),
                          f"more than {tiles[index - 1]}, the tiles of the entry before",
                          "list the barrier latencies with the fewest tiles first, each number once")


def _payload_for_outputs(view: View) -> Iterator[Problem]:
    payload_bits = view.get("noc.payload_bits")
    for kind, words in (("graded_output", "a value"), ("ternary_output", "a sign")):
        if view.get(f"core.capabilities.{kind}") and payload_bits < 1:
            yield Problem((path_of("noc.payload_bits"), path_of(f"core.capabilities.{kind}")),
                          f"at least 1, since `{kind}: true` lets packets carry {words}",
                          f"give the payload bits, e.g. 8, or write `{kind}: false`")


def _accumulator_holds_weight(view: View) -> Iterator[Problem]:
    if view.get("core.weight_bits") > view.get("core.accumulator_bits"):
        yield Problem((path_of("core.weight_bits"), path_of("core.accumulator_bits")),
                      f"at most {view.get('core.accumulator_bits')}, the bits of the accumulator",
                      "narrow the weights or widen core.accumulator_bits")


def _loihi_words(view: View) -> Iterator[Problem]:
    memory = "core.synapse_memory"
    if view.get(f"{memory}.packing") == "loihi_64bit" and view.get(f"{memory}.word_bits") != 64:
        yield Problem((path_of(f"{memory}.word_bits"), path_of(f"{memory}.packing")), "64 with `packing: loihi_64bit`",
                      "write `word_bits: 64` or `packing: words`")


def _synapse_fits_memory(view: View) -> Iterator[Problem]:
    memory = "core.synapse_memory"
    size_bits = view.get(f"{memory}.words") * view.get(f"{memory}.word_bits")
    if view.get("core.weight_bits") > size_bits:
        yield Problem((path_of(f"{memory}.words"), path_of("core.weight_bits")), "room for one weight at least",
                      "give the words of synaptic memory of one core, e.g. 16384")


def _dendrite_operators_once(view: View) -> Iterator[Problem]:
    operators = view.get("core.capabilities.dendrite_operators")
    if len(set(operators)) < len(operators):
        yield Problem((path_of("core.capabilities.dendrite_operators"),), "each operator once", "remove the repetition")


def _sync_has_its_block(view: View) -> Iterator[Problem]:
    """`tick` and `free_running` stand where `sync` names them, and nowhere else; `barrier` likewise."""
    sync = view.get("sync")
    if view.optional("unpublished") is not None:
        return
    for name in ("tick", "free_running"):
        given = view.optional(name) is not None
        if (sync == name) != given:
            yield Problem((("sync",) if not given else (name,), ("sync",)),
                          f"a block `{name}` with `sync: {name}`, and with no other",
                          f"remove the block `{name}`" if given else f"add the block `{name}`, or change `sync`",
                          sync if not given else "(given)")
    if sync == "barrier" and not view.get("barrier"):
        yield Problem((("barrier",), ("sync",)), "one latency at least with `sync: barrier`",
                      "give the latency of a barrier, e.g. among 1 tile")


def _tick_takes_time(view: View) -> Iterator[Problem]:
    if view.optional("tick") is not None:
        yield from _at_least_1_ps(view, "tick.period_ns", "a clock of no period would have no time steps")


def _free_running_costs(view: View) -> Iterator[Problem]:
    if view.get("sync") != "free_running" or view.optional("unpublished") is not None:
        return
    for name in ("advance_exp", "advance_multiply"):
        if view.optional(f"core.costs.{name}") is None:
            yield Problem((("core", "costs", name), ("sync",)), "a cost, since a free-running core advances neurons by "
                          "the time gone by", "give its energy_pj and latency_ns", "(missing)")


def _grid_takes_time(view: View) -> Iterator[Problem]:
    if view.optional("grid") is not None:
        if view.ps("noc.router_latency_ns") + view.ps("grid.link_latency_ns") < 1:
            yield Problem((path_of("grid.link_latency_ns.value"), path_of("noc.router_latency_ns.value")),
                          "router and link latency together at least 0.001 ns (1 ps)",
                          "give the router or the link between chips a latency, e.g. 10.0")
        yield from _at_least_1_ps(view, "grid.link_cycle_ns", "a link of no cycle would have no bandwidth limit")
        chips = [entry["chips"] for entry in view.get("grid.barrier")]
        for index in range(1, len(chips)):
            if chips[index] <= chips[index - 1]:
                yield Problem((("grid", "barrier", index, "chips"),),
                              f"more than {chips[index - 1]}, the chips of the entry before",
                              "list the barrier latencies with the fewest chips first, each number once")
        if view.get("noc.topology") == "torus":
            yield Problem((("noc", "topology"), ("grid",)), "`mesh` in a grid of chips",
                          "write `topology: mesh`, or remove the grid")


# What a chip may leave out with the reason in `unpublished`, and must not otherwise.
_PUBLISHED = ("core.costs", "noc.costs", "noc.router_latency_ns", "noc.link_latency_ew_ns", "noc.link_latency_ns_ns",
              "noc.eject_latency_ns", "noc.link_cycle_ns", "noc.credit_latency_ns", "input_port.packet_latency_ns",
              "input_port.packet_pj", "output_port.packet_latency_ns", "output_port.packet_pj", "barrier_pj",
              "nominal_step_ns")


def _unpublished_or_whole(view: View) -> Iterator[Problem]:
    """A chip has every figure, or says why it has none per event; nothing in between."""
    if view.optional("unpublished") is None:
        for name in _PUBLISHED:
            if view.get(name) is None:
                yield Problem((path_of(name),), "given, unless `unpublished` says why nothing per event is known",
                              "give what is missing; a guess is `basis: assumed` with a wide interval")
        return
    for name in ("core.costs", "noc.costs"):
        if view.optional(name) is not None:
            yield Problem((path_of(name), ("unpublished",)), "null with `unpublished`",
                          "write `null`, or remove `unpublished`", "(given)")


def _assumed_capabilities_exist(view: View) -> Iterator[Problem]:
    able = view.get("core.capabilities")
    names = [name for name in Capabilities.model_fields if name not in ("source", "assumed")]
    for index, name in enumerate(able.get("assumed", [])):
        if name not in names:
            match = nearest(str(name), names)
            yield Problem((("core", "capabilities", "assumed", index),), f"one of {', '.join(names)}",
                          f"write `{match}`" if match else "remove it")


def _crossbar(view: View) -> Iterator[Problem]:
    """A row of the crossbar is a word: a bit for each neuron, a row for each axon, a type for each row."""
    memory = "core.synapse_memory"
    crossbar = view.get(f"{memory}.packing") == "crossbar"
    types = view.optional(f"{memory}.axon_types")
    if crossbar != (types is not None):
        yield Problem((path_of(f"{memory}.axon_types"), path_of(f"{memory}.packing")),
                      "a number with `packing: crossbar`, and null with any other",
                      "give the types of axons, e.g. 4" if crossbar else "remove axon_types",
                      "(missing)" if types is None else None)
    for limit, size in (("max_neurons", "word_bits"), ("max_axons_in", "words")):
        if crossbar and view.get(f"core.{limit}") > view.get(f"{memory}.{size}"):
            yield Problem((path_of(f"core.{limit}"), path_of(f"{memory}.{size}")),
                          f"at most {view.get(f'{memory}.{size}')}, the {size} of the crossbar",
                          f"lower core.{limit} or raise {memory}.{size}")


def _ascending_choices(view: View) -> Iterator[Problem]:
    for name, least in (("weight_bits_choices", view.get("core.weight_bits")), ("index_bits_choices", 0)):
        path = f"core.synapse_memory.{name}"
        choices = view.optional(path) or []
        if any(b <= a for a, b in zip(choices, choices[1:], strict=False)) or (choices and choices[-1] < least):
            yield Problem((path_of(path), path_of("core.weight_bits")),
                          "ascending widths" + (f", the last at least core.weight_bits = {least}" if least else ""),
                          "list every width once, the narrowest first")
    choices = view.optional("core.synapse_memory.index_bits_choices") or []
    if choices and 2 ** choices[-1] < view.get("core.max_neurons"):
        yield Problem((path_of("core.synapse_memory.index_bits_choices"), path_of("core.max_neurons")),
                      f"a last width that counts {view.get('core.max_neurons')} neurons", "add a wider index")


def _profiles_apart(view: View) -> Iterator[Problem]:
    """What is kept apart from the parameter sets needs parameter sets to be apart from."""
    able = "core.capabilities"
    for name in ("threshold_profiles", "own_parameters"):
        given = view.optional(f"{able}.{name}")
        if given and view.get(f"{able}.parameter_profiles") is None:
            yield Problem((path_of(f"{able}.{name}"), path_of(f"{able}.parameter_profiles")),
                          "a chip whose cores have parameter sets",
                          f"give {able}.parameter_profiles a number, or remove {name}")


def _axons_in_the_pool(view: View) -> Iterator[Problem]:
    for name in ("axon_in_bits", "axon_out_bits"):
        if view.optional(f"core.{name}") and view.get("core.shared_memory_bits") is None:
            yield Problem((path_of(f"core.{name}"), path_of("core.shared_memory_bits")), "0 without a shared pool",
                          f"give core.shared_memory_bits a number, or write `{name}: 0`")


def _layer_cores(view: View) -> Iterator[Problem]:
    if view.optional("core.layer_memory") is None:
        return
    n_cores = view.get("noc.columns") * view.get("noc.rows") * view.get("noc.cores_per_tile")
    listed = sum(entry["cores"] for entry in view.get("core.layer_memory.classes"))
    if listed != n_cores:
        yield Problem((path_of("core.layer_memory.classes"), path_of("noc.columns"), path_of("noc.rows"),
                       path_of("noc.cores_per_tile")), f"{n_cores} cores in all classes together, as the chip has",
                      "list every core of the chip in one class", f"{listed} cores")
    if not view.get("core.capabilities.convolution"):
        yield Problem((path_of("core.capabilities.convolution"), path_of("core.layer_memory")),
                      "true where cores hold layers", "write `convolution: true`")


CHECKS: tuple[Check, ...] = (
    _unpublished_or_whole, _assumed_capabilities_exist,
    _ports_on_chip, _hop_takes_time, _credit_takes_time, _cycle_takes_time, _torus_is_unbuffered, _finite_core_input,
    _barrier_sorted, _payload_for_outputs, _accumulator_holds_weight, _loihi_words, _synapse_fits_memory,
    _dendrite_operators_once, _sync_has_its_block, _tick_takes_time, _free_running_costs, _grid_takes_time, _crossbar,
    _ascending_choices, _profiles_apart, _axons_in_the_pool, _layer_cores,
)
