"""What a chip file holds, and in which ranges.

A chip is data: numbers with a source, limits and capabilities. Nothing here knows how it is simulated.
Every figure carries its unit in its key, an interval, a basis and a source (`hw_models/sources.yaml`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Basis = Literal["measured", "simulated", "scaled", "assumed"]
Sync = Literal["barrier", "tick", "free_running"]


class Strict(BaseModel):
    """Base: unknown keys are faults, objects are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(Strict):
    """A physical figure; its unit stands in the key that holds it.

    `original` and `rule` keep what a scaled figure was scaled from, and how.
    """

    value: float = Field(ge=0)
    low: float = Field(ge=0)
    high: float = Field(ge=0)
    basis: Basis
    source: str = Field(min_length=1)
    condition: str | None = None
    original: float | None = None
    rule: str | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Figure:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"low {self.low} <= value {self.value} <= high {self.high} does not hold")
        return self


class Cost(Strict):
    """What one countable event costs."""

    energy_pj: Figure
    latency_ns: Figure


class CoreCosts(Strict):
    """One entry per event of `neurosim.events.CORE_EVENTS` that a core books."""

    soma_active: Cost
    soma_inactive: Cost
    program_active: Cost
    program_inactive: Cost
    mode_update: Cost
    spike_out: Cost
    packet_out: Cost
    packet_in: Cost
    synapse_read: Cost
    synapse_dense: Cost
    synapse_sparse: Cost
    synapse_conv: Cost
    dendrite: Cost


class Capabilities(Strict):
    """What a core can compute. A neuron model declares what it needs; lowering compares."""

    models: list[str] | Literal["any"] = "any"            # names of neuron models with hardware or microcode support
    graded_output: bool                                    # packets may carry a value
    ternary_output: bool                                   # signed spikes
    dendrite_operators: list[Literal["sum", "max", "max_abs"]]
    dendrite_ports: Annotated[int, Field(ge=1, le=64)]     # accumulators per neuron
    multiply: bool                                         # soma can multiply two state words
    lookup_table: bool                                     # exp, sigmoid, erf, square root by table or program
    complex_state: bool                                    # `ssm: fused` somata with complex modes
    gated_update: bool                                     # a population may skip the update of a time step
    programmable: bool                                     # soma is microcode, not a fixed function
    refractory: bool
    max_state_words: Annotated[int, Field(ge=1)] | None    # state words of one neuron; None: only memory bounds it
    parameter_profiles: Annotated[int, Field(ge=1)] | None # distinct parameter sets per core; None: per neuron


class SynapseMemory(Strict):
    """Synaptic memory of a core and how synapses are packed into it.

    `packing: loihi_64bit`: per axon, blocks of at most `block_synapses`, each
    n * (weight_bits + delay_bits + tag_bits + index_bits) + header_bits rounded up to whole words.
    `packing: words`: per axon, n * (weight_bits + delay_bits + index_bits of sparse rows), rounded up to whole words.
    Dense rows carry no index.
    """

    words: Annotated[int, Field(ge=1)]                     # per core; each `word_bits` wide
    word_bits: Annotated[int, Field(ge=8, le=4096)]
    packing: Literal["loihi_64bit", "words"]
    block_synapses: Annotated[int, Field(ge=1)] = 64
    index_bits: Annotated[int, Field(ge=0, le=32)]
    delay_bits: Annotated[int, Field(ge=0, le=16)]
    tag_bits: Annotated[int, Field(ge=0, le=8)] = 0
    header_bits: Annotated[int, Field(ge=0, le=64)] = 0


class CorePipeline(Strict):
    """`serial`: arrivals are served after the soma phase. `overlapped`: both phases at once."""

    kind: Literal["serial", "overlapped"]
    skip_zero_weights: bool


class Core(Strict):
    """Limits, memories, formats and costs of one core."""

    max_neurons: Annotated[int, Field(ge=1)]
    max_axons_in: Annotated[int, Field(ge=1)]              # distinct (source neuron, output) served
    max_axons_out: Annotated[int, Field(ge=1)]             # (neuron, output, destination core) edges
    max_fan_in: Annotated[int, Field(ge=1)] | None         # synapses of one neuron
    max_fan_out: Annotated[int, Field(ge=1)] | None        # destination cores of one neuron output
    max_delay_steps: Annotated[int, Field(ge=1)]           # machine delay of a projection
    synapse_memory: SynapseMemory
    state_memory_bits: Annotated[int, Field(ge=1)]         # state, parameters and delay buffers of a core
    shared_memory_bits: Annotated[int, Field(ge=1)] | None # one pool for synapses and state, over and above both limits
    weight_bits: Annotated[int, Field(ge=1, le=32)]
    state_bits: Annotated[int, Field(ge=1, le=64)]
    parameter_bits: Annotated[int, Field(ge=1, le=64)]
    accumulator_bits: Annotated[int, Field(ge=1, le=64)]   # one dendritic accumulator or delay slot
    pipeline: CorePipeline
    core_in_packets: Annotated[int, Field(ge=1)] | Literal["unlimited"]
    capabilities: Capabilities
    costs: CoreCosts


class NocCosts(Strict):
    """Energy of one packet (or flit) over one link; time is in `Noc`."""

    hop_ew_pj: Figure
    hop_ns_pj: Figure
    flit_hop_ew_pj: Figure
    flit_hop_ns_pj: Figure
    tile_local_pj: Figure


class Noc(Strict):
    """Network-on-chip: input-buffered virtual cut-through routers.

    Zero load: inject + hops * (router + link) + router + eject + (flits - 1) * cycle.
    """

    topology: Literal["mesh", "torus"]
    routing: Literal["xy", "yx"]
    columns: Annotated[int, Field(ge=1, le=1024)]
    rows: Annotated[int, Field(ge=1, le=1024)]
    cores_per_tile: Annotated[int, Field(ge=1, le=256)]
    router_latency_ns: Figure
    link_latency_ew_ns: Figure
    link_latency_ns_ns: Figure                             # north-south, in nanoseconds
    eject_latency_ns: Figure
    link_cycle_ns: Figure                                  # time of one flit on a link
    credit_latency_ns: Figure
    buffer_packets: Annotated[int, Field(ge=1)] | Literal["unlimited"]
    multicast: Literal["none", "tree"]
    flit_bits: Annotated[int, Field(ge=1)]
    header_bits: Annotated[int, Field(ge=1)]               # of a packet: address and control
    payload_bits: Annotated[int, Field(ge=0)]              # widest graded payload; 0: binary spikes only
    self_delivery: Literal["skip", "network"]              # packets that a core sends to itself
    costs: NocCosts


class Port(Strict):
    """A port through which packets enter or leave the chip, beside the router of a tile."""

    tile: Annotated[int, Field(ge=0)]
    packet_latency_ns: Figure                              # between two packets
    packet_pj: Figure


class BarrierLatency(Strict):
    """Barrier latency when `tiles` tiles take part; between entries linear, outside the nearest."""

    tiles: Annotated[int, Field(ge=1)]
    latency_ns: Figure


class Power(Strict):
    """Static power, never folded into an event's energy."""

    chip_idle_mw: Figure                                   # whole chip, always on
    core_active_mw: Figure                                 # more, for each core in use


class Chip(Strict):
    """A chip that need not exist."""

    name: str = Field(min_length=1)
    title: str
    process_nm: Annotated[float, Field(gt=0)]
    area_mm2: Annotated[float, Field(gt=0)] | None
    sync: Sync
    nominal_step_ns: Figure                                # duration of a time step at detail `functional`
    barrier: list[BarrierLatency] = Field(min_length=1)
    barrier_pj: Figure
    power: Power
    input_port: Port
    output_port: Port
    noc: Noc
    core: Core
    leaves_out: list[str]                                  # what the model does not cover, and where it bites

    @property
    def n_tiles(self) -> int:
        """Tiles on the chip."""
        return self.noc.columns * self.noc.rows

    @property
    def n_cores(self) -> int:
        """Cores on the chip."""
        return self.n_tiles * self.noc.cores_per_tile
