"""The lobby: connections that show no request, and how many connections there may be in all.

Theory of operation: before its head is whole, and between two requests, a connection is nobody's:
it costs a file and some memory, and anybody can open thousands. So when there are too many, the one
that has stood in the lobby longest goes. A storm of connections displaces itself; who connects and
asks at once is hardly ever in the lobby.

Rules: a connection with a request is never ended here. Some files are always left for the database.

Spec: docs/spec/relay-protocol.md, "Under load".
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio

FILES_KEPT: Final = 96
"""For the database, its log and shared memory in each thread, for listening, and for the system."""


class Guest(Protocol):
    """A connection in the lobby."""

    transport: asyncio.Transport


class Lobby:
    """Who waits without a request.

    Args:
        most: How many connections there may be in all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._guests: dict[Guest, None] = {}

    def enter(self, guest: Guest, *, connections: int) -> None:
        """Let a connection wait; when there are too many, the one that waited longest goes.

        Args:
            guest: It has no request now.
            connections: How many are open in all, this one among them.
        """
        self.leave(guest)
        self._guests[guest] = None
        if connections > self._most:
            oldest = next(iter(self._guests))
            self.leave(oldest)
            oldest.transport.abort()

    def leave(self, guest: Guest) -> None:
        """Note that a connection has a request now, or is gone."""
        self._guests.pop(guest, None)


def count_places(wanted: int) -> int:
    """Raise the limit of open files as far as the system lets us; give how many may be connections.

    Args:
        wanted: How many the operator wants.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415, it is not on every system

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = wanted + FILES_KEPT
        if soft != resource.RLIM_INFINITY and soft < needed:
            soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft != resource.RLIM_INFINITY:
            return max(1, min(wanted, soft - FILES_KEPT))
    return wanted
