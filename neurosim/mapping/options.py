"""What the user may choose about the mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from neurosim.errors import OptionError

Strategy = Literal["pack", "balanced"]
PlacementName = Literal["annealing", "naive", "linear", "random"]
MaxForm = Literal["dendrite", "tree", "auto"]
GateForm = Literal["keep", "relu"]
StateSpaceForm = Literal["auto", "fused", "expanded"]
ScheduleName = Literal["pipelined", "fall_through", "whole_sequence"]
AdvanceName = Literal["auto", "lazy", "tick"]
JoinName = Literal["off", "markers"]
MOST_IN_FLIGHT = 4096
MOST_STEP_NS = 1e12
EVERY = "*"         # in `advance`: the populations that are not named


@dataclass(frozen=True)
class MappingOptions:
    """Choices of the mapping; none of them changes a spike, except rewrites: `fold_b`, `fold_norms` and `max` round
    differently, `sigma_delta` with a threshold loses small changes, `glu` computes something else.

    strategy : `pack` fills core after core in stage order; `balanced` uses as many cores (or `n_cores`) and evens
        out their soma time
    placement : `annealing` starts from `naive` and is never worse; `naive` and `linear` place core i on physical
        core i; `random` draws places
    schedule : see `mapping.schedule`
    seed : of `annealing` and `random`
    max_neurons_per_core : a tighter limit than the chip's
    n_cores : cores that `balanced` may use; None: as many as `pack` needs
    cores : population -> cores of its own: how many, over which it is spread evenly, or the neurons of each; the other
        populations share further cores
    sequence_length : tokens that the buffers of schedule `whole_sequence` hold
    ssm : S4D channels as one soma (`fused`), or as a neuron per complex mode (`expanded`); `auto`: as the chip prefers;
        see `mapping.rewrites.expand`
    max : the largest of many values in the `dendrite`, or by a `tree` of pairs where sums are all there is; `auto`: as
        the chip is able; see `mapping.rewrites.max_tree`
    glu : `keep` gated linear units, or put a `relu` in their place, which is another function; see
        `mapping.rewrites.relu_gates`
    sigma_delta : `off`, or the least change that graded outputs send (0: all), for all of them, or population ->
        least change; see `mapping.rewrites.sigma_delta`
    fold_b : fold the input gain of state-space channels into their read-out; see
        `mapping.rewrites.fold_b`
    fold_norms : fold gains and shifts of norms into the weights and biases of their neighbours; see
        `mapping.rewrites.fold_norms`
    advance : population (`*`: all others) -> how it is updated on a free-running chip, `lazy`, `tick` or `auto`; see
        `mapping.advance`
    join : `off`, or `markers`: on a free-running chip, populations wait until all that feeds them has sent what belongs
        to a token, which end-of-token packets tell; see `mapping.join`
    tokens_in_flight : with `join: markers`, the tokens that the network holds at once; a later one waits at the port
    step_ns : the time that one step of the network's decays stands for on a free-running chip; None: a period of the
        leak clock, or where there is none, of the tokens
    readout_every_token : read-outs send their value at every token instead of the last one only
    allow_fan_out_split : copy spikes and values by splitter neurons where a neuron would send to more places than the
        chip lets it; the copies are exact, and cost neurons and a time step of latency; see `mapping.copies`
    allow_fan_in_split : add partial sums up in relay neurons where a neuron has more synapses or sources than it can,
        on chips whose packets carry values; the same up to rounding; see `mapping.rewrites.split_fan_in`
    """

    strategy: Strategy = "pack"
    placement: PlacementName = "annealing"
    schedule: ScheduleName = "pipelined"
    seed: int = 0
    max_neurons_per_core: int | None = None
    n_cores: int | None = None
    cores: Mapping[str, int | list[int]] = field(default_factory=dict)
    sequence_length: int | None = None
    ssm: StateSpaceForm = "auto"
    max: MaxForm = "dendrite"
    glu: GateForm = "keep"
    sigma_delta: float | Literal["off"] | Mapping[str, float] = "off"
    fold_b: bool = False
    fold_norms: bool = False
    advance: Mapping[str, AdvanceName] = field(default_factory=dict)
    join: JoinName = "off"
    tokens_in_flight: int = 4
    step_ns: float | None = None
    readout_every_token: bool = False
    allow_fan_out_split: bool = True
    allow_fan_in_split: bool = False

    def __post_init__(self) -> None:
        _check_choice("strategy", self.strategy, get_args(Strategy))
        _check_choice("placement", self.placement, get_args(PlacementName))
        _check_choice("schedule", self.schedule, get_args(ScheduleName))
        _check_choice("ssm", self.ssm, get_args(StateSpaceForm))
        _check_choice("max", self.max, get_args(MaxForm))
        _check_choice("glu", self.glu, get_args(GateForm))
        _check_sigma_delta(self.sigma_delta)
        _check_least("seed", self.seed, 0)
        _check_least("max_neurons_per_core", self.max_neurons_per_core, 1)
        _check_least("n_cores", self.n_cores, 1)
        _check_least("sequence_length", self.sequence_length, 1)
        _check_cores(self.cores, self.strategy)
        _check_advance(self.advance)
        _check_choice("join", self.join, get_args(JoinName))
        _check_least("tokens_in_flight", self.tokens_in_flight, 1)
        if self.tokens_in_flight > MOST_IN_FLIGHT:
            raise OptionError(f"tokens_in_flight = {self.tokens_in_flight}",
                              allowed=f"integer from 1 to {MOST_IN_FLIGHT}")
        if self.step_ns is not None and (isinstance(self.step_ns, bool) or not isinstance(self.step_ns, int | float)
                                         or not 1e-3 <= self.step_ns <= MOST_STEP_NS):
            raise OptionError(f"step_ns = {self.step_ns!r}", allowed=f"number from 0.001 to {MOST_STEP_NS:g}")
        if self.n_cores is not None and self.strategy != "balanced":
            raise OptionError(f"n_cores = {self.n_cores} with strategy = {self.strategy!r}",
                              mend="n_cores belongs to strategy 'balanced'")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"{name} = {value!r}", allowed=", ".join(choices))


def _check_least(name: str, value: int | None, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise OptionError(f"{name} = {value!r}", allowed=f"integer from {least}")


def _check_sigma_delta(given: Any) -> None:
    for name, value in given.items() if isinstance(given, Mapping) else [("", given)]:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and 0 <= value < float("inf")) and not (value == "off" and not name):
            raise OptionError(f"sigma_delta{'.' if name else ''}{name} = {value!r}",
                              allowed="a number from 0" + ("" if name else ", or off"),
                              mend="give the least change that is sent, such as 0.01; 0 sends every change")


def _check_advance(advance: Any) -> None:
    names = get_args(AdvanceName)
    if not isinstance(advance, Mapping):
        raise OptionError(f"advance = {advance!r}", allowed=f"population -> {', '.join(names)}",
                          mend=f"name the population, or all of them: mapping.advance.{EVERY}=tick")
    for name, choice in advance.items():
        _check_choice(f"advance.{name}", choice, names)


def _check_cores(cores: Any, strategy: str) -> None:
    if not isinstance(cores, Mapping):
        raise OptionError(f"cores = {cores!r}", allowed="population -> number of cores, or neurons of each core",
                          mend="name the population, as in mapping.cores.encoder=2")
    for name, given in cores.items():
        numbers = given if isinstance(given, list) else [given]
        if not numbers or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in numbers):
            raise OptionError(f"cores.{name} = {given!r}", allowed="a number of cores from 1, or a list of the neurons "
                              "of each core, such as [100, 100, 56]")
    if cores and strategy != "pack":
        raise OptionError(f"cores with strategy = {strategy!r}", allowed="strategy 'pack'")
