# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Self-timed tokens: which slice may take which token, by the markers served. Compiled twin of `free_tokens`.

What neurons make of a token does not depend on time: `compute_token` does it for all of them when the token enters,
and `free_core_kernels` tells it when each slice takes the token.
"""

from __future__ import annotations

import numpy as np

from neurosim.engine.free_packet_kernels import put_clock
from neurosim.engine.free_state_kernels import (
    A_CLOCKED,
    C_HEAD,
    C_SENT,
    F_INPUT_PORT,
    F_SLOTS,
    F_STEP,
    N_DUE,
    N_ENTERED,
    W_CHANNEL,
    W_DELAY,
    X_NEXT,
    X_PERIOD,
    X_TAKING,
)
from neurosim.engine.function_kernels import update_population
from neurosim.engine.tables import P_PERIOD, S_CORE
from neurosim.kernel import kernel, part


@kernel
def compute_token(tables, synapses, free, fixed, function, sample, times, token, said, was_active):
    """Have all populations that do not rest take a token, sources first; keep what they sent, and who was active.

    said, was_active : [slot, …], laid out as function.output and function.active
    """
    for population in free.order:
        if (token + 1) % tables.population[population, P_PERIOD] != 0:
            continue
        if free.population[population, A_CLOCKED] != 0:
            function.clock[population] = (np.float64(gone_ps(tables, times, population, token))
                                          / np.float64(free.scalar[F_STEP]))
        update_population(tables, synapses, fixed, function, sample, population, token)
    slot = token % free.scalar[F_SLOTS]
    for index in range(function.output.size):
        said[slot, index] = function.output[index]
    for neuron in range(function.active.size):
        was_active[slot, neuron] = function.active[neuron]


@part
def gone_ps(tables, times, population, token):
    """Return the time since the token that the population took before, or since the start."""
    before = token - tables.population[population, P_PERIOD]
    return times[token] - times[before] if before >= 0 else times[token]


@part
def enter_due(free, state, now):
    """Let tokens in whose time has come, as many as there is room for."""
    port, counter = state.slice_.shape[0], state.counter
    while counter[N_ENTERED] < counter[N_DUE] and _is_there(free, state, port, counter[N_ENTERED]):
        put_clock(state, free.scalar[F_INPUT_PORT], counter[N_ENTERED], now)
        counter[N_ENTERED] += 1


@part
def note_served(tables, free, state, n_tokens, sink, token, now):
    """A packet or a marker has been served: those that waited for it may go on."""
    channel = free.channel[sink]
    if channel < 0:
        return
    slots, channels = free.scalar[F_SLOTS], state.channel
    state.under_way[channel, token % slots] -= 1
    period, head = state.slice_[free.channel_source[channel], X_PERIOD], channels[channel, C_HEAD]
    while (channels[channel, C_HEAD] <= channels[channel, C_SENT]
           and state.under_way[channel, channels[channel, C_HEAD] % slots] == 0):
        channels[channel, C_HEAD] += period
    if channels[channel, C_HEAD] > head:
        for entry in range(free.wait_start[channel], free.wait_start[channel + 1]):
            _look(tables, free, state, n_tokens, free.wait_who[entry], now)


@part
def note_taken(tables, free, state, n_tokens, index, now):
    """A slice has taken its token, and its markers are out."""
    state.slice_[index, X_TAKING] = 0
    state.slice_[index, X_NEXT] += state.slice_[index, X_PERIOD]
    _look(tables, free, state, n_tokens, index, now)


@part
def _look(tables, free, state, n_tokens, who, now):
    """Have a slice take its next token, or the input port let one in, if all that it waits for is there."""
    slices = state.slice_
    if who == slices.shape[0]:
        enter_due(free, state, now)
    elif slices[who, X_TAKING] == 0 and slices[who, X_NEXT] < n_tokens and _is_there(free, state, who,
                                                                                     slices[who, X_NEXT]):
        slices[who, X_TAKING] = 1
        put_clock(state, tables.slice_[who, S_CORE], who, now)


@part
def _is_there(free, state, who, token):
    """Return whether every channel that `who` waits for has brought its tokens up to those needed."""
    for entry in range(free.need_start[who], free.need_start[who + 1]):
        if state.channel[free.need[entry, W_CHANNEL], C_HEAD] <= token - free.need[entry, W_DELAY]:
            return False
    return True
