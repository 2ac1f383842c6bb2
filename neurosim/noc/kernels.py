"""The network-on-chip, compiled: packets of one time step through routers and links, in whole ticks.

Semantics (the readable twin is `neurosim.engine.reference`): input-buffered virtual cut-through.

* A packet of f flits occupies a link for f * cycle from its start T; its head requests at the next router at
  T + hop; at the end it has arrived at T + hop + (f − 1) * cycle, as it does behind a link between two chips: such a
  link hands a packet on when the last flit has come.
* Finite buffers: each link feeds a FIFO of `buffer_packets` slots, each core has an unbounded injection FIFO. Only the
  head of a FIFO requests; it starts when the link is free and the next FIFO has a slot, reserved then and given back
  `credit` after the packet began to leave. The FIFO is read at the pace of the link, so its next head (or the next
  branch of a multicast packet) requests f * cycle after the last start.
* Unlimited buffers: one unbounded queue per output link; a packet joins all its branches' queues when its head comes.
  Requests of one link in one tick are grouped and sorted by packet id. Where all packets have the same length, links
  between routers serve them at once instead, and a packet that comes later in the same tick with a smaller id changes
  places with those before it.
* Within a tick: credits, then arrivals, then grants by (request time, packet id); a packet has at most one request per
  link, its branches go in order of direction, then core.

* A step begins with an idle network: it ends when all links are idle and all credits are back (QUIET_TIME).

Times are relative to the start of the time step, in ticks. Every kernel writes only the state and output arrays.
"""

from __future__ import annotations

from neurosim.noc.buffered_kernels import run_buffered
from neurosim.noc.flight_kernels import next_link
from neurosim.noc.state_kernels import (
    ARRIVED_NEXT,
    BRANCH_CHILD,
    BRANCH_DESTINATION,
    BRANCH_LINK,
    BUFFER_PACKETS,
    BUSIEST,
    BUSIEST_LINK,
    C_FIRST,
    CORE,
    CORE_IN_PACKETS,
    CREDIT,
    CYCLE,
    DESTINATION,
    FLITS,
    HERE,
    HOP,
    INJECT,
    LOAD_BUSY,
    LOAD_PACKETS,
    N_PACKET_COLUMNS,
    N_SINK_COLUMNS,
    N_TILES,
    NEXT,
    QUIET_TIME,
    SINK,
    SINK_ARRIVAL,
    SINK_CORE,
    SINK_NEXT_LOCAL,
    SINK_SERVICE,
    TARGET,
    TREE,
    NetworkState,
    NetworkTables,
    Traffic,
    make_state,
)
from neurosim.noc.unlimited_kernels import run_unlimited

__all__ = [
    "ARRIVED_NEXT", "BRANCH_CHILD", "BRANCH_DESTINATION", "BRANCH_LINK", "BUFFER_PACKETS", "BUSIEST",
    "BUSIEST_LINK", "CORE", "CORE_IN_PACKETS", "CREDIT", "CYCLE", "C_FIRST", "DESTINATION", "FLITS", "HERE", "HOP",
    "INJECT", "LOAD_BUSY", "LOAD_PACKETS", "NEXT", "N_PACKET_COLUMNS", "N_SINK_COLUMNS", "N_TILES", "QUIET_TIME",
    "SINK", "SINK_ARRIVAL", "SINK_CORE", "SINK_NEXT_LOCAL", "SINK_SERVICE", "TARGET", "TREE", "NetworkState",
    "NetworkTables", "Traffic", "make_state", "next_link", "run_buffered", "run_unlimited",
]
