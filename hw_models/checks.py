"""Rules between the fields of a chip file, and the sources of its figures.

A check reads plain data, so that its fault is reported together with those of the schema: it is passed over only
where one of the values it reads is itself at fault. To add a rule, write a generator and add it to `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from hw_models.explain import nearest, validate
from hw_models.located import ConfigError, Fault, KeyPath, Located, dotted, read_located, shown
from hw_models.schema import Capabilities, Strict

SOURCES_PATH = Path(__file__).parent / "sources.yaml"
PS_PER_NS = 1_000


class Source(Strict):
    """An entry of the bibliography."""

    title: str = Field(description="the title")
    authors: str = Field(description="the authors")
    year: int = Field(ge=1900, le=2100, description="the year")
    where: str = Field(description="where it can be found")
    access: Literal["first_hand", "second_hand", "recalled", "none"] = Field(
        description="whether the figures were read in the work itself, in a quotation of it, or written from memory"
    )
    note: str | None = Field(default=None, description="what to know before relying on it")


@lru_cache(maxsize=1)
def load_sources() -> dict[str, Source]:
    """Return the bibliography; raise ConfigError where an entry is wrong."""
    located = read_located(SOURCES_PATH, "hw_models/sources.yaml")
    sources: dict[str, Source] = {}
    faults = list(located.faults)
    for key, entry in located.value.items():
        lines = {path[1:]: line for path, line in located.lines.items() if path[:1] == (key,)}
        source, entry_faults, _ = validate(Source, Located(f"{located.file}: {key}", entry, lines))
        faults.extend(entry_faults)
        if source is not None:
            sources[key] = source
    if faults:
        raise ConfigError(faults)
    return sources


def source_key(source: str) -> str:
    """Return the bibliography key of `davies2018, table 2`: what stands before the comma."""
    return source.partition(",")[0].strip()


class Problem(NamedTuple):
    """A broken rule. `paths[0]` is the field that is named; the others took part."""

    paths: tuple[KeyPath, ...]
    allowed: str
    mend: str
    value: str | None = None


class _UnreadableError(Exception):
    """A value that a check needs is missing or at fault."""


class View:
    """The values of a chip file that are in order by themselves."""

    def __init__(self, located: Located, faulty: Sequence[KeyPath]) -> None:
        self._located = located
        self._faulty = faulty

    def get(self, name: str) -> Any:
        """Return the value of a dotted field; raise _UnreadableError where it, or what it is part of, is at fault."""
        path = _path(name)
        for bad in self._faulty:
            shorter = min(len(bad), len(path))
            if bad[:shorter] == path[:shorter]:
                raise _UnreadableError
        try:
            return self._located.get(path)
        except KeyError:
            raise _UnreadableError from None

    def optional(self, name: str) -> Any:
        """Return what `get` does, and None where an optional field is absent or null."""
        return self._located.optional(_path(name))

    def ps(self, name: str) -> int:
        """Return the nominal value of a figure in nanoseconds as whole picoseconds."""
        return round(float(self.get(f"{name}.value")) * PS_PER_NS)


Check = Callable[[View], Iterator[Problem]]


def run_checks(located: Located, faulty: Sequence[KeyPath], file_stem: str | None) -> list[Fault]:
    """Return the faults of all rules between fields.

    Parameters
    ----------
    located : data of a chip file, options applied
    faulty : paths at which the schema found faults
    file_stem : of a chip in the library, which must be its name; None for a user's own file
    """
    view = View(located, faulty)
    problems = [*_sources(located.value, ()), *_scaled(located.value, ()), *_name(view, file_stem)]
    for check in CHECKS:
        try:
            problems.extend(check(view))
        except _UnreadableError:
            continue
    return [_fault(located, problem) for problem in problems]


def _fault(located: Located, problem: Problem) -> Fault:
    """Place the fault at the option that took part in it, or else at the named field."""
    named = problem.paths[0]
    value = shown(located.get(named)) if problem.value is None else problem.value
    places = [located.place(path) for path in problem.paths]
    file, line = next((place for place in places if place[1] is None), places[0])
    return Fault(file, line, dotted(named), value, problem.allowed, problem.mend)


def _path(name: str) -> KeyPath:
    return tuple(int(key) if key.isdecimal() else key for key in name.split("."))


def _sources(value: Any, path: KeyPath) -> Iterator[Problem]:
    """Every figure's source is listed in sources.yaml, or the user's own."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key == "source" and isinstance(item, str) and item:
            known = load_sources()
            if source_key(item) not in known and source_key(item) != "user":
                match = nearest(source_key(item), known)
                advice = f"write `{match}`, or " if match else ""
                yield Problem(((*path, "source"),), "a key of hw_models/sources.yaml, or `user`",
                              f"{advice}list the source in hw_models/sources.yaml, or write `user` for your own figure")
        else:
            yield from _sources(item, (*path, key))


def _scaled(value: Any, path: KeyPath) -> Iterator[Problem]:
    """A scaled figure keeps what it was scaled from, and the rule."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, dict) and item.get("basis") == "scaled":
            for kept in ("original", "rule"):
                if item.get(kept) is None:
                    yield Problem(((*path, key, kept),), "given with `basis: scaled`",
                                  "give the published figure in `original` and calls of hw_models.scaling in `rule`, "
                                  "or write `basis: assumed`", "(missing)")
        yield from _scaled(item, (*path, key))


def _name(view: View, file_stem: str | None) -> Iterator[Problem]:
    try:
        name = view.get("name")
    except _UnreadableError:
        return
    if file_stem is not None and name != file_stem:
        yield Problem((("name",),), f"`{file_stem}`, the name of the file", "rename the chip or the file")


def _ports_on_chip(view: View) -> Iterator[Problem]:
    n_tiles = view.get("noc.columns") * view.get("noc.rows")
    for port in ("input_port", "output_port"):
        if view.get(f"{port}.tile") >= n_tiles:
            yield Problem((_path(f"{port}.tile"), _path("noc.columns"), _path("noc.rows")),
                          f"integer from 0 to {n_tiles - 1}, since the chip has {n_tiles} tiles",
                          "move the port to a tile of the chip, e.g. 0")


def _hop_takes_time(view: View) -> Iterator[Problem]:
    """A hop of no time would make arrival and departure simultaneous, and their order undefined."""
    for link in ("noc.link_latency_ew_ns", "noc.link_latency_ns_ns"):
        if view.ps("noc.router_latency_ns") + view.ps(link) < 1:
            yield Problem((_path(f"{link}.value"), _path("noc.router_latency_ns.value")),
                          "router and link latency together at least 0.001 ns (1 ps)",
                          "give the router or the link a latency, e.g. 1.0")


def _credit_takes_time(view: View) -> Iterator[Problem]:
    return _at_least_1_ps(view, "noc.credit_latency_ns", "a slot freed at once would be taken in the same instant")


def _cycle_takes_time(view: View) -> Iterator[Problem]:
    return _at_least_1_ps(view, "noc.link_cycle_ns", "a link of no cycle would have no bandwidth limit")


def _at_least_1_ps(view: View, name: str, reason: str) -> Iterator[Problem]:
    if view.ps(name) < 1:
        yield Problem((_path(f"{name}.value"),), f"at least 0.001 ns (1 ps): {reason}", "give a time, e.g. 1.0")


def _torus_is_unbuffered(view: View) -> Iterator[Problem]:
    if view.get("noc.topology") == "torus" and view.get("noc.buffer_packets") != "unlimited":
        yield Problem((_path("noc.buffer_packets"), _path("noc.topology")),
                      "`unlimited` on a torus: without virtual channels the channels of a ring depend on each other "
                      "in a cycle, and finite buffers can deadlock",
                      "write `buffer_packets: unlimited` or `topology: mesh`")


def _finite_core_input(view: View) -> Iterator[Problem]:
    if view.get("core.core_in_packets") == "unlimited":
        return
    path = _path("core.core_in_packets")
    if view.get("core.pipeline.kind") != "overlapped":
        yield Problem((path, _path("core.pipeline.kind")),
                      "`unlimited` on a serial core: it accepts nothing while it sends, and full inputs can deadlock",
                      "write `core_in_packets: unlimited` or `pipeline.kind: overlapped`")
    if view.get("noc.buffer_packets") == "unlimited":
        yield Problem((path, _path("noc.buffer_packets")),
                      "`unlimited` with unlimited router buffers: without back-pressure nobody can wait for an input",
                      "write `core_in_packets: unlimited` or give `noc.buffer_packets` a number")
    if view.get("noc.self_delivery") != "network":
        yield Problem((path, _path("noc.self_delivery")),
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
            yield Problem((_path("noc.payload_bits"), _path(f"core.capabilities.{kind}")),
                          f"at least 1, since `{kind}: true` lets packets carry {words}",
                          f"give the payload bits, e.g. 8, or write `{kind}: false`")


def _accumulator_holds_weight(view: View) -> Iterator[Problem]:
    if view.get("core.weight_bits") > view.get("core.accumulator_bits"):
        yield Problem((_path("core.weight_bits"), _path("core.accumulator_bits")),
                      f"at most {view.get('core.accumulator_bits')}, the bits of the accumulator",
                      "narrow the weights or widen core.accumulator_bits")


def _loihi_words(view: View) -> Iterator[Problem]:
    memory = "core.synapse_memory"
    if view.get(f"{memory}.packing") == "loihi_64bit" and view.get(f"{memory}.word_bits") != 64:
        yield Problem((_path(f"{memory}.word_bits"), _path(f"{memory}.packing")), "64 with `packing: loihi_64bit`",
                      "write `word_bits: 64` or `packing: words`")


def _synapse_fits_memory(view: View) -> Iterator[Problem]:
    memory = "core.synapse_memory"
    size_bits = view.get(f"{memory}.words") * view.get(f"{memory}.word_bits")
    if view.get("core.weight_bits") > size_bits:
        yield Problem((_path(f"{memory}.words"), _path("core.weight_bits")), "room for one weight at least",
                      "give the words of synaptic memory of one core, e.g. 16384")


def _dendrite_operators_once(view: View) -> Iterator[Problem]:
    operators = view.get("core.capabilities.dendrite_operators")
    if len(set(operators)) < len(operators):
        yield Problem((_path("core.capabilities.dendrite_operators"),), "each operator once", "remove the repetition")


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
            yield Problem((_path("grid.link_latency_ns.value"), _path("noc.router_latency_ns.value")),
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
                yield Problem((_path(name),), "given, unless `unpublished` says why nothing per event is known",
                              "give what is missing; a guess is `basis: assumed` with a wide interval")
        return
    for name in ("core.costs", "noc.costs"):
        if view.optional(name) is not None:
            yield Problem((_path(name), ("unpublished",)), "null with `unpublished`",
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
        yield Problem((_path(f"{memory}.axon_types"), _path(f"{memory}.packing")),
                      "a number with `packing: crossbar`, and null with any other",
                      "give the types of axons, e.g. 4" if crossbar else "remove axon_types",
                      "(missing)" if types is None else None)
    for limit, size in (("max_neurons", "word_bits"), ("max_axons_in", "words")):
        if crossbar and view.get(f"core.{limit}") > view.get(f"{memory}.{size}"):
            yield Problem((_path(f"core.{limit}"), _path(f"{memory}.{size}")),
                          f"at most {view.get(f'{memory}.{size}')}, the {size} of the crossbar",
                          f"lower core.{limit} or raise {memory}.{size}")


def _ascending_choices(view: View) -> Iterator[Problem]:
    for name, least in (("weight_bits_choices", view.get("core.weight_bits")), ("index_bits_choices", 0)):
        path = f"core.synapse_memory.{name}"
        choices = view.optional(path) or []
        if any(b <= a for a, b in zip(choices, choices[1:], strict=False)) or (choices and choices[-1] < least):
            yield Problem((_path(path), _path("core.weight_bits")),
                          "ascending widths" + (f", the last at least core.weight_bits = {least}" if least else ""),
                          "list every width once, the narrowest first")
    choices = view.optional("core.synapse_memory.index_bits_choices") or []
    if choices and 2 ** choices[-1] < view.get("core.max_neurons"):
        yield Problem((_path("core.synapse_memory.index_bits_choices"), _path("core.max_neurons")),
                      f"a last width that counts {view.get('core.max_neurons')} neurons", "add a wider index")


def _profiles_apart(view: View) -> Iterator[Problem]:
    """What is kept apart from the parameter sets needs parameter sets to be apart from."""
    able = "core.capabilities"
    for name in ("threshold_profiles", "own_parameters"):
        given = view.optional(f"{able}.{name}")
        if given and view.get(f"{able}.parameter_profiles") is None:
            yield Problem((_path(f"{able}.{name}"), _path(f"{able}.parameter_profiles")),
                          "a chip whose cores have parameter sets",
                          f"give {able}.parameter_profiles a number, or remove {name}")


def _axons_in_the_pool(view: View) -> Iterator[Problem]:
    for name in ("axon_in_bits", "axon_out_bits"):
        if view.optional(f"core.{name}") and view.get("core.shared_memory_bits") is None:
            yield Problem((_path(f"core.{name}"), _path("core.shared_memory_bits")), "0 without a shared pool",
                          f"give core.shared_memory_bits a number, or write `{name}: 0`")


def _layer_cores(view: View) -> Iterator[Problem]:
    if view.optional("core.layer_memory") is None:
        return
    n_cores = view.get("noc.columns") * view.get("noc.rows") * view.get("noc.cores_per_tile")
    listed = sum(entry["cores"] for entry in view.get("core.layer_memory.classes"))
    if listed != n_cores:
        yield Problem((_path("core.layer_memory.classes"), _path("noc.columns"), _path("noc.rows"),
                       _path("noc.cores_per_tile")), f"{n_cores} cores in all classes together, as the chip has",
                      "list every core of the chip in one class", f"{listed} cores")
    if not view.get("core.capabilities.convolution"):
        yield Problem((_path("core.capabilities.convolution"), _path("core.layer_memory")),
                      "true where cores hold layers", "write `convolution: true`")


CHECKS: tuple[Check, ...] = (
    _unpublished_or_whole, _assumed_capabilities_exist,
    _ports_on_chip, _hop_takes_time, _credit_takes_time, _cycle_takes_time, _torus_is_unbuffered, _finite_core_input,
    _barrier_sorted, _payload_for_outputs, _accumulator_holds_weight, _loihi_words, _synapse_fits_memory,
    _dendrite_operators_once, _sync_has_its_block, _tick_takes_time, _free_running_costs, _grid_takes_time, _crossbar,
    _ascending_choices, _profiles_apart, _axons_in_the_pool, _layer_cores,
)
