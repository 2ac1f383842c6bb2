"""What a chip file holds, and in which ranges.

A chip is data: numbers with a source, limits and capabilities. Nothing here knows how it is simulated.
Every figure carries its unit in its key, an interval, a basis and a source (`hw_models/sources.yaml`).
The descriptions are what an error message tells the user to give.

Rules between fields stand in `hw_models.checks`; rules of one field stand here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Basis = Literal["measured", "simulated", "scaled", "assumed"]
Sync = Literal["barrier", "tick", "free_running"]
# Widest figure taken: a second in nanoseconds is 1e9, a joule in picojoules 1e12; more is a slip of units.
MAX_FIGURE = 1e12


class Strict(BaseModel):
    """Base: unknown keys are faults, `true` is not 1, infinities are refused, objects are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Figure(Strict):
    """A physical figure; its unit stands in the key that holds it.

    `original` and `rule` keep what a scaled figure was scaled from, and how.
    `source` is a key of `hw_models/sources.yaml`, then, after a comma, the place in it; or `user`.
    """

    value: float = Field(ge=0, le=MAX_FIGURE, description="the nominal value, in the unit that its key names")
    low: float = Field(ge=0, le=MAX_FIGURE, description="the lower end of the interval, at most `value`")
    high: float = Field(ge=0, le=MAX_FIGURE, description="the upper end of the interval, at least `value`")
    basis: Basis = Field(description="how the figure was come by; a guess is `assumed`")
    source: str = Field(min_length=1, description="a key of hw_models/sources.yaml, or `user` for a figure of your own")
    condition: str | None = Field(default=None, description="the condition it holds under, such as the supply voltage")
    original: float | None = Field(default=None, description="the published figure that `value` was scaled from")
    rule: str | None = Field(default=None, description="the rule by which `value` follows from `original`")

    @model_validator(mode="after")
    def _ordered(self) -> Figure:
        if not self.low <= self.value <= self.high:
            raise PydanticCustomError(
                "figure_order",
                "low {low}, value {value}, high {high}",
                {
                    "low": self.low,
                    "value": self.value,
                    "high": self.high,
                    "allowed": "low <= value <= high",
                    "mend": "widen low and high until they hold the value",
                },
            )
        return self


# A figure that only a chip with `unpublished` may leave out.
Published = Figure | None


class Cost(Strict):
    """What one countable event costs."""

    energy_pj: Figure = Field(description="the energy of one such event, in picojoules")
    latency_ns: Figure = Field(description="the time that one such event takes, in nanoseconds")


class CoreCosts(Strict):
    """One entry per event that a core books; the keys are the events' names."""

    soma_active: Cost = Field(description="the update of a simple soma that has input, state or bias")
    soma_inactive: Cost = Field(description="the update of a simple soma with none of them")
    program_active: Cost = Field(description="the update of a programmed soma that has input, state or bias")
    program_inactive: Cost = Field(description="the update of a programmed soma with none of them")
    mode_update: Cost = Field(description="the advance of one complex mode of a state-space soma")
    spike_out: Cost = Field(description="an output of a soma that fires")
    packet_out: Cost = Field(description="a packet injected into the network")
    packet_in: Cost = Field(description="a packet accepted, with its axon look-up")
    synapse_read: Cost = Field(description="a word of synaptic memory read, over and above the synaptic operations")
    synapse_dense: Cost = Field(description="a synaptic operation out of a dense row")
    synapse_sparse: Cost = Field(description="a synaptic operation out of a sparse row")
    synapse_conv: Cost = Field(description="a synaptic operation out of a shared convolution kernel")
    dendrite: Cost = Field(description="a charge added to a dendrite, over and above the synaptic operation")
    advance_exp: Cost | None = Field(
        default=None, description="an exponential of a closed-form advance; needed on free-running chips alone"
    )
    advance_multiply: Cost | None = Field(
        default=None, description="a multiplication of a closed-form advance; needed on free-running chips alone"
    )


class Capabilities(Strict):
    """What a core can compute. A neuron model declares what it needs; lowering compares.

    `assumed` names the fields below that no publication states: a mapping that rests on one of them is a study, not a
    prediction.
    """

    source: str = Field(
        default="user", min_length=1, description="a key of hw_models/sources.yaml, or `user` for a chip of your own"
    )
    assumed: list[str] = Field(default=[], description="the names of the capabilities that are assumed, e.g. []")

    models: list[str] | Literal["any"] = Field(
        default="any", description="the names of the neuron models that the core supports, or `any`"
    )
    graded_output: bool = Field(description="`true` where packets may carry a value")
    ternary_output: bool = Field(description="`true` where spikes may carry a sign")
    dendrite_operators: list[Literal["sum", "max", "max_abs"]] = Field(
        min_length=1, description="the ways in which a dendrite joins charges, e.g. [sum]"
    )
    dendrite_ports: Annotated[
        int, Field(ge=1, le=64, description="the number of accumulators of one neuron, e.g. 1")
    ]
    multiply: bool = Field(description="`true` where a soma can multiply two state words")
    lookup_table: bool = Field(description="`true` where a soma has exp, sigmoid, erf and roots by table or program")
    complex_state: bool = Field(description="`true` where one soma can hold the complex modes of an S4D channel")
    gated_update: bool = Field(description="`true` where a population may skip the update of a time step")
    programmable: bool = Field(description="`true` where the soma is microcode rather than a fixed function")
    refractory: bool = Field(description="`true` where a soma can rest after a spike")
    convolution: bool = Field(
        default=False, description="`true` where a core keeps a convolution's kernel once for all neurons that share it"
    )
    factor_leak: bool = Field(
        default=True,
        description="`true` where a potential can decay by a factor; `false`: it stays (leak 1) or is emptied (leak 0)",
    )
    max_state_words: Annotated[int, Field(ge=1, le=65536)] | None = Field(
        description="the most state words of one neuron, or null where only memory bounds it"
    )
    parameter_profiles: Annotated[int, Field(ge=1, le=65536)] | None = Field(
        description="the number of distinct parameter sets of a core, or null where every neuron has its own"
    )
    threshold_profiles: Annotated[int, Field(ge=1, le=65536)] | None = Field(
        default=None,
        description="the number of distinct thresholds of a core, kept apart from its parameter sets, or null",
    )
    own_parameters: list[str] = Field(
        default=[], description="the parameters that are no part of a parameter set, each neuron's own, e.g. [bias]"
    )


class SynapseMemory(Strict):
    """Synaptic memory of a core and how synapses are packed into it.

    `packing: loihi_64bit`: per axon, blocks of at most `block_synapses`, each
    n * (weight_bits + delay_bits + tag_bits + index_bits) + header_bits rounded up to whole words.
    `packing: words`: per axon, n * (weight_bits + delay_bits + index_bits of sparse rows), rounded up to whole words.
    Dense rows carry no index.
    `packing: crossbar`: a word is a row of the crossbar, one bit for each neuron. An axon has a row and one of
    `axon_types`; a synapse is a bit, and its weight the one that its neuron keeps for the axon's type.
    """

    words: Annotated[int, Field(ge=1, le=2**31, description="the words of synaptic memory of one core, e.g. 16384")]
    word_bits: Annotated[int, Field(ge=8, le=4096, description="the width of a word in bits, e.g. 64")]
    packing: Literal["loihi_64bit", "words", "crossbar"] = Field(description="the way synapses are packed into words")
    block_synapses: Annotated[
        int, Field(ge=1, le=65536, description="the most synapses of one block, e.g. 64")
    ] = 64
    index_bits: Annotated[int, Field(ge=0, le=32, description="the bits of a target index in a sparse row, e.g. 10")]
    delay_bits: Annotated[int, Field(ge=0, le=16, description="the bits of a delay stored with each synapse, e.g. 6")]
    tag_bits: Annotated[int, Field(ge=0, le=8, description="the bits of a tag stored with each synapse, e.g. 0")] = 0
    header_bits: Annotated[int, Field(ge=0, le=64, description="the bits of a block's header, e.g. 10")] = 0
    weight_bits_choices: list[Annotated[int, Field(ge=0, le=32)]] = Field(
        default=[], description="the widths that a stored weight may have, ascending; empty: every width"
    )
    index_bits_choices: list[Annotated[int, Field(ge=0, le=32)]] = Field(
        default=[],
        description="the widths that a stored index may have, ascending: the first that counts the neurons of the core "
        "is taken; empty: `index_bits`",
    )
    max_formats: Annotated[int, Field(ge=1, le=65536)] | None = Field(
        default=None, description="the distinct formats of synapses that a core holds, or null: no such limit"
    )
    axon_types: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None, description="the types of axons, hence weights of a neuron; with `packing: crossbar` alone"
    )


class LayerClass(Strict):
    """Cores with layer memories of one size, in the order of the physical cores."""

    cores: Annotated[int, Field(ge=1, le=65536, description="the number of such cores, e.g. 3")]
    kernel_entries: Annotated[int, Field(ge=1, le=2**31, description="the weights that such a core holds, e.g. 16384")]
    neuron_entries: Annotated[int, Field(ge=1, le=2**31, description="the neurons that such a core holds, e.g. 65536")]


class LayerMemory(Strict):
    """One core holds one layer: a population that is fed by a convolution or by a dense projection.

    A layer of f channels of fy x fx neurons, fed from c channels by kernels of ky x kx, takes
    c * 2**(ceil(log2(kx * ky)) + ceil(log2(f))) kernel entries and f * 2**(ceil(log2(fx)) + ceil(log2(fy))) neuron
    entries. A dense projection is a convolution whose kernel is as large as its input.
    """

    classes: list[LayerClass] = Field(min_length=1, description="the cores of the chip by the size of their memories")
    max_input_size: Annotated[int, Field(ge=1, le=65536, description="the most rows or columns of the input, e.g. 128")]
    max_output_size: Annotated[int, Field(ge=1, le=65536, description="the most rows or columns of a layer, e.g. 64")]
    max_channels: Annotated[int, Field(ge=1, le=65536, description="the most channels, in or out, e.g. 1024")]
    max_kernel_size: Annotated[int, Field(ge=1, le=65536, description="the most rows or columns of a kernel, e.g. 16")]
    strides: list[Annotated[int, Field(ge=1, le=65536)]] = Field(
        min_length=1, description="the strides of a convolution, e.g. [1, 2, 4, 8]"
    )
    max_padding: Annotated[int, Field(ge=0, le=65536, description="the most rows or columns of padding, e.g. 7")]
    pool_sizes: list[Annotated[int, Field(ge=1, le=65536)]] = Field(
        min_length=1, description="the sizes of sum pooling behind a layer, e.g. [1, 2, 4]"
    )
    max_destinations: Annotated[int, Field(ge=1, le=65536, description="the most cores that a core sends to, e.g. 2")]


class CorePipeline(Strict):
    """`serial`: arrivals are served after the soma phase. `overlapped`: both phases at once."""

    kind: Literal["serial", "overlapped"] = Field(description="whether arrivals wait for the end of the soma phase")
    skip_zero_weights: bool = Field(description="`true` where a zero weight costs no synaptic operation")
    row_fetch: Literal["serial", "overlapped"] = Field(
        default="serial",
        description="whether the words of a packet are read before its synaptic operations, or while they go on",
    )


class Core(Strict):
    """Limits, memories, formats and costs of one core."""

    max_neurons: Annotated[
        int, Field(ge=1, le=65536, description="the number of neurons one core can hold, e.g. 1024")
    ]
    max_axons_in: Annotated[
        int, Field(ge=1, le=2**31, description="the distinct (source neuron, output) that a core serves, e.g. 4096")
    ]
    max_axons_out: Annotated[
        int, Field(ge=1, le=2**31, description="the (neuron, output, destination core) edges of a core, e.g. 4096")
    ]
    max_fan_in: Annotated[int, Field(ge=1, le=2**31)] | None = Field(
        description="the most synapses of one neuron, or null where only memory bounds it"
    )
    max_fan_out: Annotated[int, Field(ge=1, le=2**31)] | None = Field(
        description="the most destination cores of one neuron output, or null where there is no such limit"
    )
    max_fan_out_synapses: Annotated[int, Field(ge=1, le=2**31)] | None = Field(
        default=None, description="the most synapses that a neuron of a core feeds, or null where there is no limit; "
        "those onto read-outs do not count on chips with `network_limits`"
    )
    axon_in_bits: Annotated[
        int, Field(ge=0, le=4096, description="the bits of `shared_memory_bits` that an incoming axon takes, e.g. 32")
    ] = 0
    axon_out_bits: Annotated[
        int, Field(ge=0, le=4096, description="the bits of `shared_memory_bits` that an outgoing axon takes, e.g. 32")
    ] = 0
    shared_axon_slots: Annotated[
        int, Field(ge=1, le=64, description="the places of `max_axons_out` that an axon into a shared kernel takes")
    ] = 1
    layer_memory: LayerMemory | None = Field(
        default=None, description="the memory of cores that hold one layer each, or null"
    )
    max_delay_steps: Annotated[
        int, Field(ge=1, le=65536, description="the longest machine delay of a projection in time steps, e.g. 62")
    ]
    synapse_memory: SynapseMemory = Field(description="the synaptic memory of one core")
    state_memory_bits: Annotated[
        int, Field(ge=1, le=2**40, description="the bits for state, parameters and delay buffers, e.g. 524288")
    ]
    shared_memory_bits: Annotated[int, Field(ge=1, le=2**40)] | None = Field(
        description="the bits of the pool that synapses and state share, or null where they are apart"
    )
    weight_bits: Annotated[int, Field(ge=1, le=32, description="the bits of a weight with its sign, e.g. 8")]
    state_bits: Annotated[int, Field(ge=1, le=64, description="the bits of a state word with its sign, e.g. 24")]
    parameter_bits: Annotated[int, Field(ge=1, le=64, description="the bits of a neuron parameter, e.g. 16")]
    accumulator_bits: Annotated[
        int, Field(ge=1, le=64, description="the bits of a dendritic accumulator or delay slot, e.g. 24")
    ]
    state_space: Literal["fused", "expanded"] = Field(
        default="fused", description="how state-space channels are mapped by default: one soma, or a neuron per mode"
    )
    pipeline: CorePipeline = Field(description="how a core overlaps its phases")
    core_in_packets: Annotated[int, Field(ge=1, le=4096)] | Literal["unlimited"] = Field(
        description="the packets that wait before a core, or `unlimited`"
    )
    capabilities: Capabilities = Field(description="what a core can compute")
    costs: CoreCosts | None = Field(
        description="what each event of a core costs, or null where `unpublished` says why that is not known"
    )


class NocCosts(Strict):
    """Energy of one packet (or flit) over one link; time is in `Noc`."""

    hop_ew_pj: Figure = Field(description="the energy of a packet over an east-west link, in picojoules")
    hop_ns_pj: Figure = Field(description="the energy of a packet over a north-south link, in picojoules")
    flit_hop_ew_pj: Figure = Field(description="the energy of each flit over an east-west link, beside the packet's")
    flit_hop_ns_pj: Figure = Field(description="the energy of each flit over a north-south link, beside the packet's")
    tile_local_pj: Figure = Field(description="the energy of a packet from a router into a core, in picojoules")


class Noc(Strict):
    """Network-on-chip: input-buffered virtual cut-through routers.

    Zero load: inject + hops * (router + link) + router + eject + (flits - 1) * cycle.
    """

    topology: Literal["mesh", "torus"] = Field(description="the shape of the network")
    routing: Literal["xy", "yx"] = Field(description="the dimension that a packet travels first")
    columns: Annotated[int, Field(ge=1, le=1024, description="the tiles from west to east, e.g. 8")]
    rows: Annotated[int, Field(ge=1, le=1024, description="the tiles from north to south, e.g. 4")]
    cores_per_tile: Annotated[int, Field(ge=1, le=256, description="the cores that share a router, e.g. 4")]
    router_latency_ns: Published = Field(description="the time a packet's head takes through a router, in nanoseconds")
    link_latency_ew_ns: Published = Field(description="the time over an east-west link, in nanoseconds")
    link_latency_ns_ns: Published = Field(description="the time over a north-south link, in nanoseconds")
    eject_latency_ns: Published = Field(description="the time from a router into a core, in nanoseconds")
    link_cycle_ns: Published = Field(description="the time that one flit occupies a link, in nanoseconds")
    credit_latency_ns: Published = Field(description="the time until a freed buffer slot is known upstream, in ns")
    buffer_packets: Annotated[int, Field(ge=1, le=4096)] | Literal["unlimited"] = Field(
        description="the packets that an input port of a router holds, or `unlimited`"
    )
    multicast: Literal["none", "tree"] = Field(description="how one packet reaches many cores")
    flit_bits: Annotated[int, Field(ge=1, le=65536, description="the bits of a flit, e.g. 32")]
    header_bits: Annotated[int, Field(ge=1, le=65536, description="the bits of address and control, e.g. 32")]
    payload_bits: Annotated[
        int, Field(ge=0, le=64, description="the bits of the widest graded payload; 0 for binary spikes only")
    ]
    self_delivery: Literal["skip", "network"] = Field(
        description="whether packets that a core sends to itself pass its router"
    )
    costs: NocCosts | None = Field(
        description="what each event of the network costs, or null where `unpublished` says why that is not known"
    )


class Port(Strict):
    """A port through which packets enter or leave the chip, beside the router of a tile."""

    tile: Annotated[int, Field(ge=0, le=2**20, description="the tile beside which the port lies, e.g. 0")]
    packet_latency_ns: Published = Field(description="the time between two packets, in nanoseconds")
    packet_pj: Published = Field(description="the energy of a packet through the port, in picojoules")


class BarrierLatency(Strict):
    """Barrier latency when `tiles` tiles take part; between entries linear, outside the nearest."""

    tiles: Annotated[int, Field(ge=1, le=2**20, description="the number of tiles that take part, e.g. 32")]
    latency_ns: Figure = Field(description="the time of a barrier among so many tiles, in nanoseconds")


class Tick(Strict):
    """A clock that begins the time steps, whether or not the work of the last one is done."""

    period_ns: Figure = Field(description="the time between two ticks, in nanoseconds, e.g. 1000000")
    overrun: Literal["late", "error"] = Field(
        description="what a step does that is not done in time: `late` delays the next one, `error` stops the run"
    )


class FreeRunning(Strict):
    """No time steps: packets are served on arrival."""

    token_period_ns: Figure = Field(
        description="the time between two tokens of inputs without times of their own, in nanoseconds"
    )
    leak_clock_ns: Figure | None = Field(
        description="the period of the clock that updates neurons between events, or null where there is none"
    )


class ChipBarrier(Strict):
    """Barrier latency when `chips` chips take part; between entries linear, outside the nearest."""

    chips: Annotated[int, Field(ge=2, le=2**20, description="the number of chips that take part, e.g. 32")]
    latency_ns: Figure = Field(description="the time of a barrier among so many chips, in nanoseconds")


class Grid(Strict):
    """Several equal chips side by side, whose meshes are joined by links between neighbours.

    A packet that crosses from one chip to the next pays the link between chips in place of a link of the mesh.
    """

    columns: Annotated[int, Field(ge=1, le=256, description="the chips from west to east, e.g. 4")]
    rows: Annotated[int, Field(ge=1, le=256, description="the chips from north to south, e.g. 8")]
    link_latency_ns: Figure = Field(description="the time over a link between two chips, in nanoseconds")
    link_cycle_ns: Figure = Field(description="the time that one flit occupies such a link, in nanoseconds")
    hop_pj: Figure = Field(description="the energy of a packet over such a link, in picojoules")
    flit_hop_pj: Figure = Field(description="the energy of each flit over such a link, beside the packet's")
    barrier: list[ChipBarrier] = Field(description="barrier latencies among chips, fewest chips first; may be empty")


class Clock(Strict):
    """A clock that takes power as long as it runs, whatever happens."""

    frequency_mhz: Annotated[
        float, Field(gt=0, le=1e5, description="the frequency at which the chip is run, in megahertz, e.g. 75")
    ]
    power_mw_per_mhz: Figure = Field(description="the power of the idle clock, in milliwatts per megahertz")


class NetworkLimits(Strict):
    """The neurons of a chip that is made for one network of inputs, hidden and read-out neurons."""

    input_neurons: Annotated[int, Field(ge=1, le=2**31, description="the most inputs, e.g. 16")]
    hidden_neurons: Annotated[int, Field(ge=1, le=2**31, description="the most neurons that are not read out")]
    readout_neurons: Annotated[int, Field(ge=1, le=2**31, description="the most neurons that are read out, e.g. 8")]


class Power(Strict):
    """Static power, never folded into an event's energy."""

    chip_idle_mw: Figure = Field(description="the power of the whole chip, always on, in milliwatts")
    core_active_mw: Figure = Field(description="the power of each core in use on top of that, in milliwatts")
    clock: Clock | None = Field(
        default=None, description="a clock whose power goes with its frequency, or null where it is in the idle power"
    )


class Chip(Strict):
    """A chip that need not exist."""

    name: str = Field(min_length=1, description="the chip's name; of a file in hw_models/chips, the file's stem")
    title: str = Field(description="one line that says what the chip is")
    process_nm: Annotated[float, Field(gt=0, le=1e6, description="the process node in nanometres, e.g. 14")]
    area_mm2: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        description="the die area in square millimetres, or null where unknown"
    )
    sync: Sync = Field(description="how time steps are kept together")
    nominal_step_ns: Published = Field(description="the duration of a time step at detail `functional`, in nanoseconds")
    tick: Tick | None = Field(default=None, description="the clock of the time steps; with `sync: tick` alone")
    free_running: FreeRunning | None = Field(
        default=None, description="how time goes without steps; with `sync: free_running` alone"
    )
    barrier: list[BarrierLatency] = Field(description="barrier latencies, fewest tiles first; empty without a barrier")
    barrier_pj: Published = Field(description="the energy of one barrier or tick, in picojoules")
    grid: Grid | None = Field(default=None, description="chips side by side, or null where there is one alone")
    power: Power = Field(description="the static power")
    input_port: Port = Field(description="the port through which packets enter the chip")
    output_port: Port = Field(description="the port through which packets leave the chip")
    noc: Noc = Field(description="the network-on-chip")
    core: Core = Field(description="the cores")
    missing: list[str] = Field(
        default=[], description="what no publication states, and what stands in for it, e.g. []"
    )
    network_limits: NetworkLimits | None = Field(
        default=None, description="the most inputs, hidden and read-out neurons of the chip, or null"
    )
    leaves_out: list[str] = Field(description="what the model does not cover, and where that bites")
    unpublished: str | None = Field(
        default=None, description="why there are no figures per event; such a chip maps networks but does not run them"
    )

    @property
    def n_tiles(self) -> int:
        """Tiles on the chip."""
        return self.noc.columns * self.noc.rows

    @property
    def n_cores(self) -> int:
        """Cores on the chip."""
        return self.n_tiles * self.noc.cores_per_tile

    @property
    def n_chips(self) -> int:
        """Chips of the grid; 1 without one."""
        return 1 if self.grid is None else self.grid.columns * self.grid.rows

    @property
    def n_grid_cores(self) -> int:
        """Cores of all chips of the grid."""
        return self.n_cores * self.n_chips
