"""What the file of a chip says of its cores: costs, capabilities, memories, limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hw_models.figures import Cost, Strict


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
