"""Self-timed tokens on free-running chips: who waits for whom, and the end-of-token markers that tell.

Gates, norms and residual joins gather in several ports, or over a vector, what belongs to one token; on a chip without
time steps nothing says when it is all there. With `mapping.join=markers` a slice (the neurons of a population on one
core) that is done with a token sends a *marker*, a packet without payload, behind its last packet to each core where
somebody waits for it. A slice takes a token once the markers of all slices that feed it have been served: a barrier
between neighbours instead of one for the whole chip, as in self-timed (asynchronous) dataflow circuits. The field
calls such packets end-of-frame or flush events, in stream processing punctuations.

Who waits: a slice for those that send to its core and whose population feeds its own, by the shortest delay among
those projections; a slice that nobody feeds without delay for the input port; the input port for the slices for which
nobody waits, so that a token enters only when the one `tokens_in_flight` before it has left the network. This bounds
what has to be kept: an accumulator for each port, neuron and token in flight (and token of delay), which counts as
memory.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import CapabilityError, OptionError
from neurosim.graph import Network
from neurosim.machine import Int64Array, Packets, Slices, TokenFlow
from neurosim.mapping.axons import AxonTable, Partition
from neurosim.mapping.connections import Connection
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.resources import Demand

MARKERS = "markers"


@dataclass(frozen=True)
class Channels:
    """Channels by (slice, core), and who waits for each.

    source, core : int64[channel]
    wait_channel, wait_who, wait_delay : int64[wait] by channel, then who waits
    """

    source: Int64Array
    core: Int64Array
    wait_channel: Int64Array
    wait_who: Int64Array
    wait_delay: Int64Array


def is_joined(chip: Chip, options: MappingOptions) -> bool:
    """Return whether populations wait for whole tokens.

    Raises
    ------
    OptionError            if the chip has time steps, or how populations advance is given as well
    CapabilityError        if its cores send no markers
    """
    if options.join != MARKERS:
        return False
    if chip.free_running is None:
        raise OptionError(f"mapping.join = {options.join!r} on chip {chip.name}, which has time steps",
                          allowed="off: a token takes a step there", mend="leave mapping.join out")
    if not chip.free_running.markers:
        raise CapabilityError(f"chip {chip.name} lacks end-of-token markers: its cores do not tell each other that a "
                              "token is done", mend="use a chip with free_running.markers: true, or mapping.join=off")
    if options.advance:
        raise OptionError(f"mapping.advance.{next(iter(options.advance))} with mapping.join = {options.join!r}",
                          allowed="one of both: with markers all populations take whole tokens",
                          mend="leave mapping.advance out")
    return True


def find_channels(demand: Demand, partition: Partition, axons: AxonTable, slices: Slices,
                  found: tuple[Connection, ...]) -> Channels:
    """Return who waits for whom; see the top of this module."""
    population, core = slices.population.tolist(), slices.core.tolist()
    is_input = [demand.network.populations[number].model == "input" for number in population]
    waits = _fed(partition, axons.core, _slice_of_row(demand, slices)[axons.row], slices, found)
    fed = {who for (_, _, who), delay in waits.items() if delay == 0}
    first_input = is_input.index(True)
    waits.update({(first_input, core[who], who): 0 for who in range(len(core)) if not is_input[who] and who not in fed})
    heard = {source for (source, _, _), delay in waits.items() if delay == 0}
    waits.update({(source, partition.input_port, len(core)): demand.staging.tokens_in_flight
                  for source in range(len(core)) if not is_input[source] and source not in heard})
    table = np.array([(*key, delay) for key, delay in sorted(waits.items())], np.int64).reshape(-1, 4)
    channels, number = np.unique(table[:, :2], axis=0, return_inverse=True)
    return Channels(channels[:, 0].copy(), channels[:, 1].copy(), number.reshape(-1).astype(np.int64),
                    table[:, 2].copy(), table[:, 3].copy())


def _fed(partition: Partition, core: Int64Array, source: Int64Array, slices: Slices, found: tuple[Connection, ...]
         ) -> dict[tuple[int, int, int], int]:
    """Return (slice, core, slice that waits there) -> tokens back, for the slices that send to another's core."""
    shortest: dict[tuple[int, int], int] = {}
    for item in found:
        pair = item.source, item.target
        shortest[pair] = min(shortest.get(pair, item.delay_tokens), item.delay_tokens)
    on_core: list[list[int]] = [[] for _ in range(partition.n_cores)]
    for number, at in enumerate(slices.core.tolist()):
        if at < partition.n_cores:
            on_core[at].append(number)
    waits = {}
    pairs = np.unique(np.stack([source, core], axis=1)[core < partition.n_cores], axis=0)
    for sender, at in pairs.tolist():
        for who in on_core[at]:
            pair = int(slices.population[sender]), int(slices.population[who])
            if pair in shortest:
                waits[sender, at, who] = shortest[pair]
    return waits


def _slice_of_row(demand: Demand, slices: Slices) -> Int64Array:
    """Return the slice that sends each output row."""
    owner = np.zeros(demand.n_rows, np.int64)
    for number, population in enumerate(slices.population.tolist()):
        n_outputs = len(demand.network.populations[population].spec.outputs)
        first = int(demand.first_row[population])
        owner[first + int(slices.start[number]) * n_outputs:first + int(slices.stop[number]) * n_outputs] = number
    return owner


def with_markers(axons: AxonTable, channels: Channels, n_rows: int) -> AxonTable:
    """Return the axons with those of markers behind them: row n_rows + slice, in the order of the channels."""
    none = np.zeros_like(channels.core)
    added = (n_rows + channels.source, channels.core, none, none, none, none)
    columns = (axons.row, axons.core, axons.words, axons.dense, axons.sparse, axons.conv)
    row, core, words, dense, sparse, conv = (np.concatenate(pair) for pair in zip(columns, added, strict=True))
    return AxonTable(row, core, words, dense, sparse, conv, axons.core_words)


def token_flow(demand: Demand, axons: AxonTable, slices: Slices, found: tuple[Connection, ...],
               channels: Channels) -> TokenFlow:
    """Return what the engines need to let tokens flow; `axons` are those without markers."""
    network, n_slices = demand.network, len(slices.population)
    n_outputs = np.array([len(item.spec.outputs) for item in network.populations], np.int64)[slices.population]
    keys = channels.source * (len(axons.core_words) + 2) + channels.core
    data = _slice_of_row(demand, slices)[axons.row] * (len(axons.core_words) + 2) + axons.core
    place = np.minimum(np.searchsorted(keys, data), len(keys) - 1)
    by_who = np.lexsort((channels.wait_channel, channels.wait_who))
    longest = max((item.delay_tokens for item in found), default=0)
    period = max(int(item.period) for item in network.populations)
    in_flight = demand.staging.tokens_in_flight
    return TokenFlow(
        in_flight=in_flight, n_slots=in_flight + longest + period,
        order=np.argsort(demand.staging.stage, kind="stable").astype(np.int64),
        clocked=np.array([item.model == "event_mode" for item in network.populations], np.int8),
        marker_row=demand.n_rows, shown_row=demand.first_row[slices.population] + slices.start * n_outputs,
        channel=np.concatenate([np.where(keys[place] == data, place, -1), np.arange(len(keys))]).astype(np.int64),
        channel_slice=channels.source,
        wait_start=np.searchsorted(channels.wait_channel, np.arange(len(keys) + 1)).astype(np.int64),
        wait_who=channels.wait_who,
        need_start=np.searchsorted(channels.wait_who[by_who], np.arange(n_slices + 2)).astype(np.int64),
        need_channel=channels.wait_channel[by_who], need_delay=channels.wait_delay[by_who])


def tokens_in_words(network: Network, slices: Slices, packets: Packets, tokens: TokenFlow) -> dict[str, Any]:
    """Return the tokens in flight, and by period of the populations that send them the marker packets of one token."""
    sent: Counter[str] = Counter()
    for population, count in zip(slices.population.tolist(), np.diff(packets.row_start[tokens.marker_row:]).tolist(),
                                 strict=True):
        sent[str(network.populations[population].period)] += count
    return {"in_flight": tokens.in_flight, "markers": dict(sent)}
