"""Self-timed tokens in the reference engine: which slice may take which token, by the markers served.

Who waits for whom stands in `mapping.join`. The compiled twin is `free_token_kernels`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from neurosim.machine import TokenFlow

if TYPE_CHECKING:
    from neurosim.engine.free_reference import FreeChip


class FreeTokens:
    """The tokens of one sample on their way. `next[slice]` is the token that a slice takes next."""

    def __init__(self, chip: FreeChip, flow: TokenFlow, n_tokens: int) -> None:
        self.chip, self.flow, self.n_tokens = chip, flow, n_tokens
        slices = chip.machine.slices
        self.period = chip.machine.populations.period[slices.population].tolist()
        self.next = [period - 1 for period in self.period]
        self._taking = [False] * len(self.period)
        self._n_due = self._n_entered = 0
        # By channel: the first token of which packets are to come or under way, the last one sent, packets under way.
        self._head = [self.period[source] - 1 for source in flow.channel_slice.tolist()]
        self._sent = [-1] * len(self._head)
        self._open: list[Counter[int]] = [Counter() for _ in self._head]

    def is_due(self) -> None:
        """The time of one more token has come."""
        self._n_due += 1
        self._enter()

    def book(self, token: int, sinks: list[int]) -> None:
        """A packet of a token will leave for `sinks`; a slice books all packets of a token before one leaves."""
        for channel in self.flow.channel[sinks].tolist():
            if channel >= 0:
                self._open[channel][token] += 1
                self._sent[channel] = token

    def served(self, sink: int, token: int) -> None:
        """A packet or a marker has been served."""
        channel = int(self.flow.channel[sink])
        if channel < 0:
            return
        self._open[channel][token] -= 1
        period, head = self.period[int(self.flow.channel_slice[channel])], self._head[channel]
        while self._head[channel] <= self._sent[channel] and self._open[channel][self._head[channel]] == 0:
            self._head[channel] += period
        if self._head[channel] > head:
            for who in self.flow.wait_who[self.flow.wait_start[channel]:self.flow.wait_start[channel + 1]].tolist():
                self._look(who)

    def is_done(self, index: int) -> None:
        """A slice has taken its token, and its markers are out."""
        self._taking[index] = False
        self.next[index] += self.period[index]
        self._look(index)

    def _look(self, who: int) -> None:
        """Have a slice take its next token, or the input port let one in, if all that it waits for is there."""
        if who == len(self.next):
            self._enter()
        elif not self._taking[who] and self.next[who] < self.n_tokens and self._is_there(who, self.next[who]):
            self._taking[who] = True
            self.chip.put_clock(int(self.chip.machine.slices.core[who]), who)

    def _enter(self) -> None:
        while self._n_entered < self._n_due and self._is_there(len(self.next), self._n_entered):
            self.chip.let_in(self._n_entered)
            self._n_entered += 1

    def _is_there(self, who: int, token: int) -> bool:
        """Return whether every channel that `who` waits for has brought its tokens up to those needed."""
        needs = range(self.flow.need_start[who], self.flow.need_start[who + 1])
        return all(self._head[self.flow.need_channel[need]] > token - self.flow.need_delay[need] for need in needs)
