"""A way on which requests and envelopes are doubled, delayed a hundredfold and put out of order.

Below TCP none of that reaches a program, so it is done where a proxy does it: whole requests and
whole envelopes, at the `Relay` port. A request is handed over twice; or its sender is told nothing,
tries again, and the first one arrives after up to a hundred later ones. Envelopes are given out
twice, in any order within a hundred, or not before a later look. One seed decides everything.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from quietway.errors import RelayUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from random import Random

    from quietway.ports import Arrival, Mailbox, Relay, Welcome

FAR: Final = 100
DOUBLED: Final = 0.1
DELAYED: Final = 0.1
WITHHELD: Final = 0.1


class DisorderlyRelay:
    """A relay as it looks from behind that way.

    Attributes:
        done: How often each thing was done.
        calm: True once everything shall arrive.
    """

    def __init__(self, relay: Relay, draw: Random) -> None:
        self.done: Counter[str] = Counter()
        self.calm = False
        self._relay = relay
        self._draw = draw
        self._late: list[tuple[int, bytes, Sequence[bytes]]] = []
        self._submitted = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._relay, name)

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        """Hand over once, twice, or much later while the sender knows nothing."""
        self._submitted += 1
        await self._hand_over_late(self._submitted)
        if not self.calm and self._draw.random() < DELAYED:
            self.done["delayed"] += 1
            due = self._submitted + self._draw.randint(1, FAR)
            self._late.append((due, capability, records))
            raise RelayUnreachable
        await self._relay.submit(capability, records)
        if not self.calm and self._draw.random() < DOUBLED:
            self.done["doubled requests"] += 1
            await self._relay.submit(capability, records)

    async def open_mailbox(self, *, live: bool, **hello: Any) -> Mailbox:
        """Open the mailbox, whose envelopes come in disorder."""
        await self._hand_over_late(self._submitted + FAR if self.calm else self._submitted)
        opened = await self._relay.open_mailbox(live=live, **hello)
        return opened if self.calm else _DisorderlyMailbox(opened, self._draw, self.done)

    async def _hand_over_late(self, now: int) -> None:
        due = [late for late in self._late if late[0] <= now]
        self._late = [late for late in self._late if late[0] > now]
        for _, capability, records in due:
            await self._relay.submit(capability, records)


class _DisorderlyMailbox:
    def __init__(self, mailbox: Mailbox, draw: Random, done: Counter[str]) -> None:
        self._mailbox = mailbox
        self._draw = draw
        self._done = done

    @property
    def welcome(self) -> Welcome:
        return self._mailbox.welcome

    async def arrivals(self) -> AsyncIterator[Arrival]:
        window: list[Arrival] = []
        async for arrival in self._mailbox.arrivals():
            fate = self._draw.random()
            self._done["withheld"] += fate < WITHHELD
            self._done["doubled envelopes"] += fate > 1 - DOUBLED
            window += [arrival] * ((fate >= WITHHELD) + (fate > 1 - DOUBLED))
            while len(window) > FAR:
                yield self._take_one(window)
        while window:
            yield self._take_one(window)

    def _take_one(self, window: list[Arrival]) -> Arrival:
        taken = self._draw.randrange(len(window))
        self._done["out of order"] += taken > 0
        return window.pop(taken)

    async def acknowledge(self, seqs: Sequence[int]) -> None:
        await self._mailbox.acknowledge(seqs)

    async def aclose(self) -> None:
        await self._mailbox.aclose()
