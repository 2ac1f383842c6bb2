# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""One sample on a free-running chip, event by event: the compiled engine's main loop.

The rules stand in `engine.free_rules`, their readable twin is `engine.free_reference`.
"""

from __future__ import annotations

import numpy as np

from neurosim.engine.free_core_kernels import note_end, serve
from neurosim.engine.free_network_kernels import enter, grant, read_next, take_credit
from neurosim.engine.free_packet_kernels import accept, arrive, inject_due, put_clock
from neurosim.engine.free_state_kernels import (
    ARRIVAL,
    F_INPUT_PORT,
    F_MOST_JOBS,
    F_RECORDS_PACKETS,
    F_ROOM_NODES,
    F_ROOM_PACKETS,
    F_ROOM_SPIKES,
    F_SLOTS,
    F_TICK,
    HEAP_INDEX,
    HEAP_KEY,
    HEAP_KIND,
    HEAP_SIZE,
    LAST_TICK,
    N_ARRIVALS,
    N_DUE,
    N_ENTERED,
    N_FREE_NODES,
    N_FREE_PACKETS,
    N_IN_FLIGHT,
    N_JOBS,
    N_PORT,
    N_SPIKES,
    NOW,
    ON_CREDIT,
    ON_EJECT,
    ON_GRANT,
    ON_HOP,
    ON_INJECT,
    ON_LATE,
    ON_READY,
    ON_SERVE,
    ON_SERVED,
    ON_TAKEN,
    ON_TICK,
    ON_TOKEN,
    ROW,
    drop_first,
    push,
    row_from,
)
from neurosim.engine.free_token_kernels import enter_due
from neurosim.kernel import kernel, part

DONE, NEEDS_ROOM, RUNAWAY, STOPPED, DEADLOCK, NEEDS_TOKEN = 0, 1, 2, 3, 4, 5


@kernel
def begin_free(free, state, output):
    """Enter the first token and the first tick."""
    push(state.heap, state.counter, output.times[0], ARRIVAL, ON_TOKEN, np.int64(0))
    if free.scalar[F_TICK] > 0 and state.counter[LAST_TICK] > 0:
        push(state.heap, state.counter, free.scalar[F_TICK], ARRIVAL, ON_TICK, np.int64(0))


@kernel
def run_free(tables, network, free, fixed, sample, state, output, n_computed, stop):
    """Do what is due until nothing is left, or an array could become too small; return the status.

    NEEDS_TOKEN: tokens have entered, and `compute_token` is to say what neurons make of them, up to N_ENTERED - 1
    n_computed : tokens of which it has
    stop : int64[1]; whoever sets it ends the run
    """
    counter = state.counter
    while counter[HEAP_SIZE] > 0:
        if stop[0] != 0:
            return STOPPED
        if not _has_room(free, state, output):
            return NEEDS_ROOM
        if counter[N_ENTERED] > n_computed:
            return NEEDS_TOKEN
        now, kind, index = state.heap[0, HEAP_KEY] >> 2, state.heap[0, HEAP_KIND], state.heap[0, HEAP_INDEX]
        drop_first(state.heap, counter)
        counter[NOW] = now
        counter[ROW] = row_from(output.times, counter[ROW], now)
        if kind == ON_GRANT:
            grant(network, state, index, now)
        elif kind == ON_HOP:
            enter(network, tables.destination, state, index, state.node[index, N_PORT], now)
        elif kind == ON_SERVE:
            if serve(tables, network, free, fixed, sample, state, output, index, now):
                counter[N_JOBS] += 1
                if counter[N_JOBS] > free.scalar[F_MOST_JOBS]:
                    return RUNAWAY
        elif kind == ON_SERVED or kind == ON_TAKEN:
            note_end(tables, free, state, sample, kind, index, now)
        elif kind == ON_EJECT:
            arrive(tables, free, state, output, index, now)
        elif kind == ON_LATE:
            accept(tables, free, state, output, index, now)
        elif kind == ON_READY:
            read_next(network, tables.destination, state, index, now)
        elif kind == ON_CREDIT:
            take_credit(state, index, now)
        elif kind == ON_INJECT:
            inject_due(tables, network, free, state, output, index, now)
        else:
            _clock(free, state, output, kind, index, now)
    return DONE if counter[N_IN_FLIGHT] == 0 else DEADLOCK


@part
def _has_room(free, state, output):
    """Return whether every array can take what one event may bring."""
    counter, nodes = state.counter, free.scalar[F_ROOM_NODES]
    return (counter[N_FREE_NODES] >= nodes and counter[N_FREE_PACKETS] >= free.scalar[F_ROOM_PACKETS]
            and counter[HEAP_SIZE] + 2 * nodes <= state.heap.shape[0]
            and counter[N_SPIKES] + free.scalar[F_ROOM_SPIKES] <= output.spike.shape[0]
            and (free.scalar[F_RECORDS_PACKETS] == 0 or counter[N_ARRIVALS] + nodes <= output.arrival.shape[0]))


@part
def _clock(free, state, output, kind, index, now):
    """A token, or a tick, and the next of its kind."""
    heap, counter = state.heap, state.counter
    if kind == ON_TOKEN:
        if free.scalar[F_SLOTS] > 0:
            counter[N_DUE] += 1
            enter_due(free, state, now)
        else:
            put_clock(state, free.scalar[F_INPUT_PORT], index, now)
        if index + 1 < output.times.size:
            push(heap, counter, output.times[index + 1], ARRIVAL, ON_TOKEN, index + 1)
        return
    for core in free.ticked_core:
        put_clock(state, core, np.int64(0), now)
    if now + free.scalar[F_TICK] <= counter[LAST_TICK]:
        push(heap, counter, now + free.scalar[F_TICK], ARRIVAL, ON_TICK, np.int64(0))
