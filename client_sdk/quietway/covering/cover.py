"""What one device keeps in mind while it is on call: its next beat, and the one that is under way.

Nothing of it is on the disk: whoever restarts beats at once, and counts from there.

Spec: docs/spec/on-call.md, "Heartbeats".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.oncall.heard import RETURN_MS

if TYPE_CHECKING:
    from quietway.oncall.gaps import CoverGap
    from quietway.ports import Clock
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, by the wall clock and by the steady clock: whichever is further has passed."""

    wall: Instant
    steady: int

    @classmethod
    def of(cls, clock: Clock) -> Mark:
        """Take the moment of now."""
        return cls(clock.now(), clock.steady())

    def has_passed(self, clock: Clock, milliseconds: int) -> bool:
        """Say whether so much time has passed since, by either clock."""
        return max(clock.now() - self.wall, clock.steady() - self.steady) >= milliseconds


@dataclass(slots=True)
class Cover:
    """What is kept in mind.

    Attributes:
        turn: Held from reading what is known until what came of it is on the disk.
        beating: Held while a beat is decided about.
        has_rota: Set once a rota is known: before that there is nothing to watch.
        last: The last beat; None where this device was not on call before.
        wait_ms: How long after it the next one is due.
        sent_at: When the last beat was written.
        awaited: The oldest beat that has not come back; None where all have.
        is_told: Whether the program was told that beats do not come back.
        gaps_told: The gaps that the program was told of.
    """

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    beating: asyncio.Lock = field(default_factory=asyncio.Lock)
    has_rota: asyncio.Event = field(default_factory=asyncio.Event)
    last: Mark | None = None
    wait_ms: int = 0
    sent_at: Instant = 0
    awaited: Mark | None = None
    is_told: bool = False
    gaps_told: frozenset[CoverGap] = frozenset()

    def is_beat_due(self, clock: Clock) -> bool:
        """Say whether it is time for a beat; the first one always is."""
        return self.last is None or self.last.has_passed(clock, self.wait_ms)

    def note_beat(self, clock: Clock, wait_ms: int) -> None:
        """Note that a beat was written now."""
        self.last, self.wait_ms = Mark.of(clock), wait_ms
        self.sent_at = self.last.wall
        self.awaited = self.awaited or self.last

    def note_waiting(self, clock: Clock) -> None:
        """Note that a beat is under way, whoever wrote it."""
        self.awaited = self.awaited or Mark.of(clock)

    def note_return(self, sent_at: Instant) -> None:
        """Note that a beat that was sent at this time came back."""
        if sent_at >= self.sent_at:
            self.awaited, self.is_told = None, False

    def is_unreachable(self, clock: Clock) -> bool:
        """Say whether a beat should have come back by now."""
        return self.awaited is not None and self.awaited.has_passed(clock, RETURN_MS)

    def rest(self) -> None:
        """Be on call no more."""
        self.last, self.awaited, self.is_told = None, None, False
