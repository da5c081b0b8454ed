"""The line of upgrades: a few sockets are being opened, the others wait where it is cheap.

Theory of operation: to open a socket costs the event loop some milliseconds, in pieces; when
thousands come back at once and all are begun at once, each piece waits for thousands of others,
alarms between them, and clients give up on what is nearly done and begin anew. So a few are under
way, and the next begins when one has its answer: the pace is whatever this machine does. A waiting
connection has shown its head and costs nothing further.

Where the line is longer than what this pace serves in a few seconds, who asks is told at once when
to come back: who waits in vain asks again, and costs once more. Each is told another time, one
after the other, so that they come as they can be served, and the line never quite runs out.

Rules: who waited too long after all is told to come back, too. Who is gone waits no more.

Spec: docs/spec/relay-protocol.md, "Under load".
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from quietway_server.core.turns import Appointments, Pace

AT_ONCE: Final = 16
MOST_WAITING: Final = 8192
PATIENT_SECONDS: Final = 4.0
"""For how long one who asks is let wait, as the pace is: less than half of what clients do."""
LONGEST_SECONDS: Final = 8.0
FIRST_PACE: Final = 250.0
EAGERNESS: Final = 1.5
"""How much faster they are called back than they are served, for the pace of a storm is low.

Who comes too early waits in the line, or is told another time, which costs a tenth of an upgrade.
Who comes too late leaves the relay idle.
"""
LATEST_SECONDS: Final = 20.0
"""The latest time that is told: a pace that was low for a moment sends nobody away for long."""


class Upgrading(Protocol):
    """A connection that asks to become a socket."""

    def go_on(self) -> None:
        """Begin the upgrade."""
        ...

    def turn_away(self, retry_after: int) -> None:
        """Refuse it, and say in how many seconds to come back."""
        ...


class Upgrades:
    """Whose upgrade goes on. A connection is known by its transport, which outlives the upgrade.

    Args:
        at_once: How many are under way at once.
        most_waiting: How many may wait beside them.
        patient_seconds: How long the wait may be that one begins.
        longest_seconds: For how long one may wait.
    """

    def __init__(
        self,
        *,
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
        patient_seconds: float = PATIENT_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._patient_seconds = patient_seconds
        self._longest_seconds = longest_seconds
        self._under_way: set[asyncio.Transport] = set()
        self._line: dict[asyncio.Transport, tuple[float, Upgrading]] = {}
        self._pace = Pace(FIRST_PACE)
        self._appointments = Appointments(LATEST_SECONDS)

    def ask(self, transport: asyncio.Transport, upgrading: Upgrading) -> None:
        """Let an upgrade go on now, or in its turn, or say when to ask again."""
        if not self._line and len(self._under_way) < self._at_once:
            self._pace.note_idle()
            self._under_way.add(transport)
            upgrading.go_on()
        elif self._is_short():
            self._line[transport] = (asyncio.get_running_loop().time(), upgrading)
        else:
            self._turn_away(upgrading)

    def leave(self, transport: asyncio.Transport) -> None:
        """Note that an upgrade was answered, or that whoever asked is gone."""
        self._line.pop(transport, None)
        if transport in self._under_way:
            self._under_way.remove(transport)
            loop = asyncio.get_running_loop()
            if self._line:
                self._pace.note_served(now=loop.time())
            loop.call_soon(self._let_in)

    def _is_short(self) -> bool:
        """Tell whether one more who waits will be served in time, as the pace is."""
        return len(self._line) < self._most_waiting and self._wait < self._patient_seconds

    @property
    def _wait(self) -> float:
        """How many seconds those take who wait."""
        return len(self._line) / self._pace.per_second

    def _let_in(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._line and len(self._under_way) < self._at_once:
            transport = next(iter(self._line))
            since, upgrading = self._line.pop(transport)
            if now - since > self._longest_seconds:
                self._turn_away(upgrading)
            else:
                self._under_way.add(transport)
                upgrading.go_on()

    def _turn_away(self, upgrading: Upgrading) -> None:
        now, pace = asyncio.get_running_loop().time(), EAGERNESS * self._pace.per_second
        upgrading.turn_away(self._appointments.make(now=now, wait=self._wait / 2, pace=pace))
