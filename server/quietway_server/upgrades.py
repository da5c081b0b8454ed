"""The line of upgrades: a few sockets are being opened, the others wait where it is cheap.

Theory of operation: to open a socket costs the event loop some milliseconds, in pieces; when
thousands come back at once and all are begun at once, each piece waits for thousands of others,
alarms between them, and clients give up on what is nearly done and begin anew. So a few are under
way, and the next begins when one has its answer: the pace is whatever this machine does. A waiting
connection has shown its head and costs nothing further.

Rules: who waits too long is told to come back, at little cost. Who is gone waits no more.

Spec: docs/spec/relay-protocol.md, "Under load".
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

AT_ONCE: Final = 16
MOST_WAITING: Final = 8192
LONGEST_SECONDS: Final = 8.0


class Upgrading(Protocol):
    """A connection that asks to become a socket."""

    def go_on(self) -> None:
        """Begin the upgrade."""
        ...

    def turn_away(self) -> None:
        """Refuse it, and say when to come back."""
        ...


class Upgrades:
    """Whose upgrade goes on. A connection is known by its transport, which outlives the upgrade.

    Args:
        at_once: How many are under way at once.
        most_waiting: How many may wait beside them.
        longest_seconds: For how long one may wait.
    """

    def __init__(
        self,
        *,
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._longest_seconds = longest_seconds
        self._under_way: set[asyncio.Transport] = set()
        self._line: dict[asyncio.Transport, tuple[float, Upgrading]] = {}

    def ask(self, transport: asyncio.Transport, upgrading: Upgrading) -> None:
        """Let an upgrade go on now, or in its turn."""
        if not self._line and len(self._under_way) < self._at_once:
            self._under_way.add(transport)
            upgrading.go_on()
        elif len(self._line) < self._most_waiting:
            self._line[transport] = (asyncio.get_running_loop().time(), upgrading)
        else:
            upgrading.turn_away()

    def leave(self, transport: asyncio.Transport) -> None:
        """Note that an upgrade was answered, or that whoever asked is gone."""
        self._line.pop(transport, None)
        if transport in self._under_way:
            self._under_way.remove(transport)
            asyncio.get_running_loop().call_soon(self._let_in)

    def _let_in(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._line and len(self._under_way) < self._at_once:
            transport = next(iter(self._line))
            since, upgrading = self._line.pop(transport)
            if now - since > self._longest_seconds:
                upgrading.turn_away()
            else:
                self._under_way.add(transport)
                upgrading.go_on()
