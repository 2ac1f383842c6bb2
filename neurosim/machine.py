"""The placed network as flat arrays; the only thing an engine reads.

`mapping.lower` makes a Machine out of a network, a placement and a chip; nothing in it names a chip figure: all
durations are resolved to integer picoseconds, all counts to integers. Arrays are grouped by who sweeps them.

Two halves, for the two passes of one time step:

* **function**: `Populations`, `Projections`, `Synapses`, `Fixed`: what the neurons compute, wherever they are placed.
* **time**: `Slices`, `Cores`, `Packets`, `Destinations`, `Trees`, `Noc`: where they are, and what each packet costs.

Words: a *neuron id* is global: population by population in the order of the network. An *output row* is
`populations.first_row[population] + neuron * n_outputs + output`. A *core* here is a used core (0 … n_cores − 1);
its place on the chip is `cores.physical`. Input and output ports are pseudo-cores behind the true ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Int8Array = NDArray[np.int8]
Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]

# Projection kinds
DENSE, SPARSE, ONE_TO_ONE, CONVOLUTION = 0, 1, 2, 3
# Port operators
SUM, MAX, MAX_ABS = 0, 1, 2
# Output kinds
SPIKE, TERNARY, GRADED = 0, 1, 2
# Directions of links out of a router, in the order of branches of a multicast packet
EAST, WEST, NORTH, SOUTH = 0, 1, 2, 3
# Kinds of link: between two routers of a chip, between two chips, from a router into a core
EAST_WEST, NORTH_SOUTH, BETWEEN_CHIPS, EJECTION = 0, 1, 2, 3
N_LINK_KINDS = 4
N_OPTIONS = 4
UNLIMITED = -1
# Numbers that describe a convolution, in row_pointer. A shape is channels, height, width; strides say by how much a
# neuron's number rises per channel, row, column.
(GEOMETRY_IN_SHAPE, GEOMETRY_IN_STRIDE, GEOMETRY_OUT_SHAPE, GEOMETRY_OUT_STRIDE, GEOMETRY_KERNEL, GEOMETRY_STEP,
 GEOMETRY_PADDING, GEOMETRY_DILATION, GEOMETRY_GROUPS) = 0, 3, 6, 9, 12, 14, 16, 18, 20
N_GEOMETRY = 21


class Populations(NamedTuple):
    """One entry per population, in the order of the network.

    Tables of a population are slices of flat arrays, row-major (row, neuron):
    parameters [n_parameter_rows, size], state [n_state_rows, size], charge [n_ports, size], output [n_outputs, size].
    """

    model: Int32Array             # index into model_specs.MODEL_SPECS
    size: Int64Array
    first_neuron: Int64Array      # neuron id of its neuron 0
    first_row: Int64Array         # output row of its neuron 0
    stage: Int64Array             # pipeline stage: token k is updated in time step stage + k * interval
    phase: Int64Array             # whole sequences that pass before its first token; 0 on streaming schedules
    backward: Int8Array           # 1: takes the tokens of a sample from the last to the first
    period: Int64Array            # takes tokens with (token + 1) % period == 0 alone, and rests at the others
    reset_period: Int64Array      # state is emptied before tokens with (token - reset_offset) % reset_period == 0
    reset_offset: Int64Array      # 0 to reset_period - 1; reset_period 0: never
    n_modes: Int64Array
    n_ports: Int64Array
    n_outputs: Int64Array
    first_output: Int64Array      # index of its output 0 among all outputs
    options: Int32Array           # [population, N_OPTIONS] index of each attribute's choice
    parameter_start: Int64Array   # into Synapses.parameters
    n_parameter_rows: Int64Array
    state_start: Int64Array       # into the flat state of a run
    n_state_rows: Int64Array
    charge_start: Int64Array      # into the flat charges of a run
    output_start: Int64Array      # into the flat outputs of a run
    port_start: Int64Array        # into `port_operator`
    port_operator: Int8Array      # [port of population] SUM, MAX or MAX_ABS
    input_start: Int64Array       # first column in the input data; -1 where the population is no input
    last_only: Int8Array          # 1: packets leave only at the last token that it takes (read-outs)
    change_threshold: Float64Array  # [output] changes of at least so much are sent; -1: values are sent


class Projections(NamedTuple):
    """One entry per projection and delay, sorted by target, then by order in the network, then by delay.

    This order, then the source neuron, is the canonical order of sums.
    """

    source: Int64Array
    target: Int64Array
    port: Int64Array
    output: Int64Array            # of the source, 0 … n_outputs − 1
    delay_tokens: Int64Array      # logical delay d, in the order in which the source takes tokens
    delay_steps: Int64Array       # machine delay: interval * d + stage(target) − stage(source), at least 1
    kind: Int8Array               # DENSE, SPARSE, ONE_TO_ONE, CONVOLUTION
    weight_start: Int64Array      # into Synapses.weights; dense rows are [pre, post], a kernel [height, width, in, out]
    pointer_start: Int64Array     # into Synapses.row_pointer; sparse: n_pre + 1 entries relative to weight_start;
                                  # convolution: N_GEOMETRY numbers, GEOMETRY_…
    target_start: Int64Array      # [population + 1] the projections into each population


class Synapses(NamedTuple):
    """Weights and parameters, flat. float64 here; a float32 run casts them."""

    weights: Float64Array
    targets: Int32Array           # [same index as weights of sparse projections, 0 elsewhere]: target neuron
    row_pointer: Int64Array
    parameters: Float64Array


# Columns of Fixed.constants. A slot is a group of four: bits, 1 if signed, overflow and rounding (codes of `numbers`).
SLOT_BITS, SLOT_SIGNED, SLOT_OVERFLOW, SLOT_ROUNDING = 0, 1, 2, 3
N_PORT_SLOTS = 3
(PORT_SLOT, STATE_SLOT, SECOND_STATE_SLOT, INTERNAL_SLOT, OUTPUT_SLOT, SECOND_OUTPUT_SLOT) = 0, 12, 16, 20, 24, 28
(DECAY_SHIFT, LEAK_SHIFT, TABLE_START, TABLE_X_FRACTION, TABLE_Y_FRACTION, TABLE_STEP_SHIFT, STREAM_KEY, STRICT,
 PAYLOAD_SHIFT) = range(32, 41)
N_FIXED_CONSTANTS = 41


class Fixed(NamedTuple):
    """The network in integers: what a fixed-point run takes in place of `Synapses.weights` and `parameters`.

    A charge is converted from the sum of (weight integer) x (payload integer) of each projection, per target neuron:
    sum * mantissa / 2**shift, rounded once. Parameter rows are those of the kernels in `models.fixed`.
    """

    constants: Int64Array         # [population, N_FIXED_CONSTANTS] slots, shifts, look-up table
    parameters: Int64Array        # flat, as Synapses.parameters
    parameter_start: Int64Array   # [population]
    n_parameter_rows: Int64Array  # [population]
    weights: Int64Array           # laid out as Synapses.weights
    conversion_start: Int64Array  # [projection] into mantissa and shift
    mantissa: Int64Array          # [projection, target neuron] flat; 1, or 2**14 to 2**15 where scales are free
    shift: Int64Array             # [projection, target neuron] -62 to 62; right where positive
    table: Int64Array             # look-up tables, one after the other
    output_scale: Float64Array    # [output] what the integer 1 stands for; 1 of spikes


class Neurons(NamedTuple):
    """The function half of a machine, without a chip: enough to compute what the network computes."""

    populations: Populations
    projections: Projections
    synapses: Synapses
    fixed: Fixed | None           # None: not quantised
    population_names: tuple[str, ...]
    readouts: tuple[int, ...]
    n_inputs: int


class Slices(NamedTuple):
    """Contiguous neurons of one population on one core, sorted by population, then start (= neuron id)."""

    population: Int64Array
    start: Int64Array             # first neuron within the population
    stop: Int64Array
    core: Int64Array
    active_ps: Int64Array         # one update of an active soma, modes included
    inactive_ps: Int64Array
    event_active: Int64Array      # index into events.CORE_EVENTS: soma_active or program_active; -1: not booked
    event_inactive: Int64Array
    population_start: Int64Array  # [population + 1] the slices of each population


class Cores(NamedTuple):
    """One entry per used core, then the port cores."""

    physical: Int64Array          # core number on the chip; -1 for a port
    tile: Int64Array
    is_port: Int8Array
    overlapped: Int8Array         # 1: soma phase and synapse phase run at once
    spike_out_ps: Int64Array
    packet_out_ps: Int64Array


class Packets(NamedTuple):
    """What each output row sends when it fires. Packet order within a row = destination order."""

    row_start: Int64Array         # [output row + 1] the packets of each row
    destination_start: Int64Array # [packet + 1] its destinations: one each for unicast, all of them for multicast
    flits: Int64Array
    hops_ew: Int32Array           # links crossed, over the whole tree; those between chips apart
    hops_ns: Int32Array
    hops_chip: Int32Array
    tree: Int64Array              # root in Trees, for packets with more than one destination tile; else -1


class Destinations(NamedTuple):
    """What a packet does at one destination core."""

    core: Int64Array
    service_ps: Int64Array        # time the core spends on it
    words: Int32Array             # words of synaptic memory read
    dense: Int32Array             # synaptic operations of each kind
    sparse: Int32Array
    conv: Int32Array
    local: Int8Array              # 1: same core and the chip delivers it without the network


class Trees(NamedTuple):
    """Multicast trees. A node is a packet at a router; its branches are tried in order of direction, then core."""

    router: Int64Array            # [node]
    branch_start: Int64Array      # [node + 1]
    link: Int64Array              # [branch] link index (see Noc)
    child: Int64Array             # [branch] node behind the link; -1 where the link ejects into a core
    destination: Int64Array       # [branch] index into Destinations where it ejects; else -1


# How populations of a free-running chip are updated: by each packet, by the leak clock, or once all that feeds them has
# said that a token is done. See mapping.advance.
LAZY, TICKED, TOKEN = 0, 1, 2


class TokenFlow(NamedTuple):
    """Tokens that time themselves by end-of-token markers; see `mapping.join`.

    A *channel* leads from a slice to a core: its packets, then a marker. Somebody who *waits* is a slice, or, as number
    n_slices, the input port. Lists of the same entries in two orders: `wait_…` by channel, `need_…` by who waits.
    """

    in_flight: int                # a token enters once the one so many before it has left the network
    n_slots: int                  # tokens that may have packets on their way at once
    order: Int64Array             # [population] as values are computed: sources first
    clocked: Int8Array            # [population] 1: its interval is the time from token to token
    marker_row: int               # the output row, behind all true ones, of slice 0's markers
    shown_row: Int64Array         # [slice] the output row under which packet tables list them: its neuron 0's
    channel: Int64Array           # [destination] the channel that a packet belongs to; -1: nobody waits for it
    channel_slice: Int64Array     # [channel] the slice that speaks
    wait_start: Int64Array        # [channel + 1]
    wait_who: Int64Array          # who waits for the channel, ascending
    need_start: Int64Array        # [n_slices + 2]
    need_channel: Int64Array      # what is waited for
    need_delay: Int64Array        # how many tokens back


class FreeRunning(NamedTuple):
    """What a free-running chip does without time steps. See engine.contract."""

    token_period_ps: int          # between two tokens of inputs without times of their own
    step_ps: int                  # the time that one step of the network's decays stands for
    tick_ps: int                  # period of the leak clock; 0 without ticked populations
    tick_stages: int              # ticked populations on the longest way: ticks that the last token needs
    advance: Int8Array            # [population] LAZY, TICKED, or all of them TOKEN
    advance_ps: Int64Array        # [population] time of one closed-form advance, on top of the update
    advance_exp: Int64Array       # [population] exponentials of one
    advance_multiply: Int64Array  # [population] multiplications of one
    skips_zero: bool              # a zero weight is no synapse: the packet does not touch the neuron
    outgoing_start: Int64Array    # [output + 1] into `outgoing`
    outgoing: Int64Array          # the projections out of each output, in the order of the table of projections
    core_start: Int64Array        # [core + 1] into `core_slice`
    core_slice: Int64Array        # the slices of each core, by population, then start
    tokens: TokenFlow | None      # None: no markers, packets are served as they come


class Noc(NamedTuple):
    """Routers and links of the chips in use: their meshes joined to one, tiles numbered row by row over all of it.

    Link index: `4 * router + direction` for links between routers, `4 * n_tiles + core` for the link into a core.
    """

    n_tiles: int
    columns: int
    rows: int
    cores_per_tile: int
    chip_columns: int             # tiles of one chip; `columns` and `rows` are multiples
    chip_rows: int
    torus: int                    # 1: each row and column is a ring
    y_first: int                  # 1: north-south before east-west
    link_target: Int64Array       # [link] router behind it; -1 where there is none (mesh edge)
    link_kind: Int8Array          # [link] EAST_WEST … EJECTION
    hop_ps: Int64Array            # [kind] router + link (or ejection) latency
    cycle_ps: Int64Array          # [kind] one flit on the link
    credit_ps: int
    buffer_packets: int           # slots of an input FIFO; UNLIMITED: one unbounded queue per output
    core_in_packets: int          # slots of a core's input queue; UNLIMITED


@dataclass(frozen=True)
class Schedule:
    """When populations update. See mapping.schedule.

    interval : time steps between two tokens
    depth : stages, so that n tokens take (n − 1) * interval + depth time steps
    n_phases : times that a whole sequence passes, one after the other; 1 on streaming schedules
    sequence_length : tokens of the longest sequence that buffers hold; 0 on streaming schedules: any
    """

    name: str
    interval: int
    depth: int
    n_phases: int = 1
    sequence_length: int = 0

    def n_steps(self, n_tokens: int) -> int:
        """Return the time steps of a sample of `n_tokens`."""
        return (self.n_phases * n_tokens - 1) * self.interval + self.depth


@dataclass(frozen=True)
class Machine:
    """A network placed on a chip.

    population_names, output_names : for traces; outputs in the order of `first_output`
    output_kind : int8[output] SPIKE, TERNARY or GRADED
    n_inputs : columns of the input data
    barrier_ps, nominal_step_ps : durations of the chip
    tick_ps : time between two ticks of the clock that begins the time steps; 0: there is none
    late_steps : whether a step may last beyond the next tick; if not, the run ends with an error
    fixed : the network in integers; None: not quantised
    free : how time goes on a free-running chip; None: in steps
    provenance : resolved network name, chip (JSON), mapping options, seed: whatever a trace must keep, as strings
    utilisation : rows for `neurosim map`: one mapping per core, resource -> (used, limit)
    """

    schedule: Schedule
    populations: Populations
    projections: Projections
    synapses: Synapses
    slices: Slices
    cores: Cores
    packets: Packets
    destinations: Destinations
    trees: Trees
    noc: Noc
    population_names: tuple[str, ...]
    output_names: tuple[str, ...]
    output_kind: Int8Array
    output_population: Int64Array
    readouts: tuple[int, ...]
    n_inputs: int
    barrier_ps: int
    nominal_step_ps: int
    fixed: Fixed | None = None
    free: FreeRunning | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    utilisation: tuple[Mapping[str, tuple[int, int]], ...] = ()
    tick_ps: int = 0
    late_steps: bool = True

    @property
    def n_populations(self) -> int:
        """Populations, inputs included."""
        return len(self.population_names)

    @property
    def n_neurons(self) -> int:
        """Neurons, inputs included."""
        return int(self.populations.size.sum())

    @property
    def n_cores(self) -> int:
        """Used cores, without ports."""
        return int((self.cores.is_port == 0).sum())

    @property
    def n_chips(self) -> int:
        """Chips in use, those that packets only pass included."""
        return self.noc.n_tiles // (self.noc.chip_columns * self.noc.chip_rows)
