# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Tables of the network-on-chip and what a run of it keeps: few wide arrays, whose columns have names.

Numba's compile time grows with the arrays that a call passes on. Times are ticks from the start of the time step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import driver, maker
from neurosim.noc.streams import Streams, make_streams
from neurosim.noc.wheel import EMPTY, Wheel, make_wheel


class NetworkTables(NamedTuple):
    """What does not change during a run. Links and routers as in machine.Noc; durations in ticks."""

    scalar: NDArray[np.int64]            # N_TILES … ID_SHIFT
    route: NDArray[np.uint8]             # [tile, destination tile] direction; none in networks too large for it
    link_target: NDArray[np.int64]       # [link]
    link_kind: NDArray[np.uint8]         # [link]
    core_tile: NDArray[np.int64]         # [core]
    branch_start: NDArray[np.int64]      # [node + 1] multicast trees, as in machine.Trees
    branch: NDArray[np.int64]            # [branch, 3] BRANCH_LINK, BRANCH_CHILD, BRANCH_DESTINATION
    turn: NDArray[np.uint8]              # [place to go] direction, HERE where it is reached; see `word_kernels`
    core_word: NDArray[np.int64]         # [core, 2] TO_CORE, FROM_CORE; their sum is the word of a packet
    link_word: NDArray[np.int64]         # [link] what crossing it adds to the word of a packet


# NetworkTables.scalar. UNIFORM is 1 where all packets have the same number of flits. HOP + kind of link, CYCLE + kind;
# within a chip all links have one cycle. Words of packets: bits of the place to go, first bit of the core, of the
# packet's id; ID_SHIFT is 0 where a word has too few bits for this network.
N_TILES, COLUMNS, ROWS, TORUS, Y_FIRST, CREDIT, BUFFER_PACKETS, CORE_IN_PACKETS, UNIFORM = 0, 1, 2, 3, 4, 5, 6, 7, 8
HOP, CYCLE = 9, 13
PLACE_BITS, CORE_SHIFT, ID_SHIFT = 17, 18, 19
# NetworkTables.branch
BRANCH_LINK, BRANCH_CHILD, BRANCH_DESTINATION = 0, 1, 2
TO_CORE, FROM_CORE = 0, 1
HERE = 4                                 # NetworkTables.turn


class Traffic(NamedTuple):
    """The packets of one time step, by packet id."""

    packet: NDArray[np.int64]            # [packet, 8] INJECT … DESTINATION
    first_of_core: NDArray[np.int64]     # [core] −1: the core injects nothing


# Traffic.packet: time of injection; source core; the next packet of that core (−1 at the end); destination core of a
# unicast packet (−1: follow `tree`); root node; flits; index of its sink (unicast) or of destination 0 (multicast);
# its first entry in machine.Destinations.
INJECT, CORE, NEXT, TARGET, TREE, FLITS, SINK, DESTINATION = 0, 1, 2, 3, 4, 5, 6, 7
N_PACKET_COLUMNS = 8
# Table of destinations of the step's packets, int64[sink, 4]: ticks the core spends on it; arrival; core; next of the
# sinks that its core sends to itself. Table of loads, int64[link, 2].
SINK_SERVICE, SINK_ARRIVAL, SINK_CORE, SINK_NEXT_LOCAL = 0, 1, 2, 3
N_SINK_COLUMNS = 4
LOAD_PACKETS, LOAD_BUSY = 0, 1


class NetworkState(NamedTuple):
    """Scratch of one run, sized by `make_state`."""

    wheel: Wheel
    flight: NDArray[np.uint32]           # [flight, 8] POSITION … BEHIND; packets first, then copies
    port: NDArray[np.int64]              # [port, 8] finite buffers: input ports of routers
    link: NDArray[np.int64]              # [link + 1, 8] and one that no packet takes
    core: NDArray[np.int64]              # [core, 5]
    fifo: NDArray[np.uint32]             # [port, slot] flights behind the head (ports fed by links)
    slot_free: NDArray[np.int64]         # [link + 1, slot] when the slot behind the link is free again
    lists: NDArray[np.uint32]            # [flight, 3] MARKED (links or flights), FREE_FLIGHT (stack), ARRIVED_NEXT
    stack: NDArray[np.int64]             # [5] N_FREE (size of that stack), N_USED (first flight never used), …
    words: Words
    streams: Streams


class Words(NamedTuple):
    """Where packets of one length are while buffers are unlimited: a word each; see `word_kernels`."""

    word: NDArray[np.int64]              # slots of the wheel one behind the other, then three parts of one per flight
    filled: NDArray[np.int64]            # [slot] words in it
    road: NDArray[np.int64]              # [link, 8] R_FREE … R_DELAY
    entry: NDArray[np.int64]             # [core, 4] E_WORD … E_FOLLOWING
    served: NDArray[np.int64]            # [request of this tick, 2] V_PLACE, V_BEFORE
    time: NDArray[np.int64]              # [ejected in this tick] its arrival


# NetworkState.flight: where a packet (or a copy of a multicast packet) is and what it needs, in one cache line.
# POSITION is a router, for multicast a tree node; TILE is NONE for multicast; LINK is the last link taken (finite
# buffers) or the one requested (unlimited); NEXT_REQUEST and BEHIND belong to that request: the next one of the same
# link by packet id, and the router or node behind the link, or the sink where it ejects.
# OCCUPANCY is that of a link within a chip.
POSITION, TILE, EJECT_LINK, OCCUPANCY, PACKET, LINK, NEXT_REQUEST, BEHIND = 0, 1, 2, 3, 4, 5, 6, 7
N_FLIGHT_COLUMNS = 8
FRESH, NONE = EMPTY, EMPTY               # POSITION of a packet still at its source; TILE of a multicast packet
# NetworkState.port: FIFO (first slot behind the head; flights, the head included); when it can read its next head;
# branch of the head that is due; the head and its packet id; since when it requests a link, and the port that is next
# to start across that link (−1: none)
P_FIRST, P_COUNT, P_BUSY, P_BRANCH, P_HEAD, P_PACKET, P_SINCE, P_NEXT = 0, 1, 2, 3, 4, 5, 6, 7
P_PEAK = P_PACKET                        # most packets in it at once; where heads are words, which have the id
# NetworkState.link: end of the last occupation; packets and busy ticks of this step; unlimited: tick and head of its
# group of requests; finite: tick at which it was marked for evaluation, the port that is to start next (−1: none), the
# next slots behind it to be reserved and to be released (slots go round), what it waits for
L_FREE, L_PACKETS, L_BUSY, L_GROUP_TIME, L_GROUP_HEAD = 0, 1, 2, 3, 4
L_MARKED, L_FIRST, L_RESERVED, L_RELEASED, L_WAITS = 3, 4, 5, 6, 7
UNKNOWN_RELEASE, WAKE_PENDING = 1, 2     # L_WAITS
UNKNOWN = np.int64(1) << np.int64(62)    # slot_free of a slot whose packet has not begun to leave
# NetworkState.core: first packet not yet counted as injected and packets in the queue, for queue peaks; end of the last
# service (finite input queues); arrivals in order of time as a list of sinks: first, last
C_INJECTED, C_QUEUE, C_SERVER_FREE, C_FIRST, C_LAST = 0, 1, 2, 3, 4
# NetworkState.lists and stack
MARKED, FREE_FLIGHT, ARRIVED_NEXT = 0, 1, 2
# QUIET_TIME: when all links are idle and all credits are back. BUSIEST_LINK: the one that was occupied longest in this
# step, the first of equals (−1: none was), for BUSIEST ticks.
N_FREE, N_USED, QUIET_TIME, BUSIEST, BUSIEST_LINK = 0, 1, 2, 3, 4
# Words.road: end of the last occupation, the last request that it served, packets of this step, `link_word`,
# ticks that a packet holds it, ticks until it is behind it, its kind.
# Words.entry: the packet that a core injects at its event; when it injects the next one (-1: never), its word, and the
# packet after that.
# Words.served: where the packet is now, the request that the same link served before it in this tick (−1: none).
R_FREE, R_LAST, R_PACKETS, R_STEP, R_OCCUPANCY, R_DELAY, R_KIND = 0, 1, 2, 3, 4, 5, 6
E_WORD, E_NEXT_TIME, E_NEXT_WORD, E_FOLLOWING = 0, 1, 2, 3
V_PLACE, V_BEFORE = 0, 1
_MOST_SLOT_WORDS = 2**18                 # 2 MiB of slots: what finds no place there goes round by the linked lists


@driver
def make_state(n_links, n_cores, n_flights, n_slots, buffer_packets, core_in_packets):
    """Return the scratch for up to `n_flights` packets and copies (at most: all destinations of a step)."""
    depth = max(1, buffer_packets)
    slots = max(depth, core_in_packets)
    # Ports fed by links and injection ports share the numbering of links and ejection links.
    return NetworkState(
        make_wheel(n_slots, n_flights + 2 * n_links), np.zeros((n_flights, N_FLIGHT_COLUMNS), np.uint32),
        np.zeros((n_links, 8), np.int64), np.zeros((n_links + 1, 8), np.int64), np.zeros((n_cores, 5), np.int64),
        np.zeros((n_links, depth), np.uint32), np.zeros((n_links + 1, slots), np.int64),
        np.zeros((3, max(n_flights, n_links)), np.uint32).T, np.zeros(5, np.int64),
        _make_words(n_links, n_cores, n_slots, 0 if buffer_packets >= 0 else n_flights),
        make_streams(n_links, n_flights if buffer_packets >= 0 else 0, buffer_packets))


@maker
def _make_words(n_links, n_cores, n_slots, n_flights):
    """Return room for the words of `n_flights` packets and copies."""
    # Slots need no more room than there are links, each of which sends one packet at a time. Eight words more put the
    # beginnings of slots in different lines of the cache.
    room = min(n_links, max(8, _MOST_SLOT_WORDS // n_slots)) + 8 if n_flights > 0 else 0
    return Words(np.zeros(n_slots * room + 3 * n_flights, np.int64), np.zeros(n_slots, np.int64),
                 np.zeros((n_links, 8), np.int64), np.zeros((n_cores, 4), np.int64), np.zeros((n_flights, 2), np.int64),
                 np.zeros(n_flights, np.int64))
