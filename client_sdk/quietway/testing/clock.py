"""A clock that stands still until a test moves it.

Partner apps test what a week does to them in a millisecond: they give a `FakeClock` to the client
and advance it. Who sleeps on it wakes when it was advanced far enough, and not before, so a test
decides what happens between two waits. It may be advanced from any thread; it never looks at the
machine's own clock.

Spec: docs/spec/envelope.md, "Conventions".
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant

START: Final[Instant] = 1_795_428_000_000
"""2026-11-23T10:00:00Z, a Monday morning: a week and a day have just begun."""

_MS: Final = 1_000


@dataclass(eq=False, slots=True)
class _Sleeper:
    wakes_at: Instant
    steady_at: int
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        # The sleeper's loop may run in another thread, or may have closed with its client.
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.woken.set)


class FakeClock:
    """A `Clock` under the test's hand.

    Attributes:
        rests: The short pauses that somebody asked for, in seconds. They pass at once.

    Args:
        start: Where it stands at first, in milliseconds since 1970-01-01T00:00:00Z.
    """

    __slots__ = ("_lock", "_now", "_sleepers", "_steady", "rests")

    def __init__(self, start: Instant = START) -> None:
        self._now = start
        self._steady = 0
        self._lock = threading.Lock()
        self._sleepers: list[_Sleeper] = []
        self.rests: list[float] = []

    def now(self) -> Instant:
        """Return where the clock stands, in milliseconds."""
        with self._lock:
            return self._now

    def steady(self) -> int:
        """Return how far the clock was advanced, in milliseconds; `set_by_hand` does not count."""
        with self._lock:
            return self._steady

    @property
    def sleepers(self) -> int:
        """How many are waiting for the clock to be advanced."""
        with self._lock:
            return len(self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move the clock on, and wake whoever has slept long enough.

        Args:
            seconds: How far; below zero it goes back, as a clock set by hand does.
        """
        with self._lock:
            self._steady += max(0, round(seconds * _MS))
        self.set_by_hand(seconds)

    def set_by_hand(self, seconds: float) -> None:
        """Set the clock on or back without any time passing, as a person or an attacker does."""
        with self._lock:
            self._now += round(seconds * _MS)
        self._wake_up()

    def stand_still(self, seconds: float) -> None:
        """Let time pass that the clock does not show, as one does that has stopped."""
        with self._lock:
            self._steady += round(seconds * _MS)
        self._wake_up()

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was advanced that far; a sleep of nothing lets others run."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = self._lie_down(seconds)
        try:
            await sleeper.woken.wait()
        finally:
            with self._lock:
                self._sleepers.remove(sleeper)

    async def rest(self, seconds: float) -> None:
        """Note a short pause, and let others run. No time passes: nobody waits for it."""
        self.rests.append(seconds)
        await asyncio.sleep(0)

    def _wake_up(self) -> None:
        # As a machine does it: whoever sleeps wakes by the time that passed, whatever a clock says.
        with self._lock:
            due = [
                sleeper
                for sleeper in self._sleepers
                if sleeper.wakes_at <= self._now or sleeper.steady_at <= self._steady
            ]
        for sleeper in due:
            sleeper.wake()

    def _lie_down(self, seconds: float) -> _Sleeper:
        with self._lock:
            length = round(seconds * _MS)
            loop = asyncio.get_running_loop()
            sleeper = _Sleeper(self._now + length, self._steady + length, loop)
            self._sleepers.append(sleeper)
        return sleeper
