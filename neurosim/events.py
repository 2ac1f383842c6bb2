"""Kinds of countable event.

The engine books how often each happened, per core and time step; the report multiplies by the chip's
figure of the same name. The order is part of the trace format: append, never insert.
"""

from __future__ import annotations

# Booked per core.
CORE_EVENTS: tuple[str, ...] = (
    "soma_active",       # update of a simple soma (LIF class) that had input, state or bias
    "soma_inactive",     # update of a simple soma with none of them
    "program_active",    # update of a programmed soma (state space, gates, norms), with input, state or bias
    "program_inactive",  # update of a programmed soma with none of them
    "mode_update",       # one complex mode of a state-space soma advanced (active updates only)
    "spike_out",         # an output of a soma fired: spike, ternary spike or graded value
    "packet_out",        # a packet injected
    "packet_in",         # a packet accepted (axon_in look-up)
    "synapse_read",      # a word of synaptic memory read
    "synapse_dense",     # a synaptic operation out of a dense row
    "synapse_sparse",    # a synaptic operation out of a sparse or one-to-one row
    "synapse_conv",      # a synaptic operation out of a shared convolution kernel
    "dendrite",          # a charge added to a dendrite (one per synaptic operation)
    "advance_exp",       # an exponential of a closed-form advance (free-running chips)
    "advance_multiply",  # a multiplication of one
)
# Booked per chip.
CHIP_EVENTS: tuple[str, ...] = (
    "hop_ew",            # a packet crossed an east-west link (times flits: see flit_hop_*)
    "hop_ns",            # a packet crossed a north-south link
    "flit_hop_ew",       # a flit crossed an east-west link
    "flit_hop_ns",       # a flit crossed a north-south link
    "tile_local",        # a packet left the network into a core (one per destination reached over a router)
    "input_packet",      # a packet that entered the chip through an input port
    "output_packet",     # a packet that left the chip through an output port
    "barrier",           # a barrier passed, or a tick
    "chip_hop",          # a packet crossed a link between two chips (not booked as hop_*)
    "flit_chip_hop",     # a flit crossed a link between two chips
)

CORE_EVENT_INDEX: dict[str, int] = {name: index for index, name in enumerate(CORE_EVENTS)}
CHIP_EVENT_INDEX: dict[str, int] = {name: index for index, name in enumerate(CHIP_EVENTS)}
N_CORE_EVENTS = len(CORE_EVENTS)
N_CHIP_EVENTS = len(CHIP_EVENTS)
