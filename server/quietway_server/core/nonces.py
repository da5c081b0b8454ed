"""The memory of nonces: a request that was seen once is not taken twice.

Rules: bounded. When it is full, the oldest entries go and everything signed at their time or before
is refused, so that forgetting never lets a replay in. It lives as long as the process: what is
signed before a restart could be replayed after it within the window, by someone who broke TLS, and
would read sealed bytes or repeat an acknowledgement.

Spec: docs/spec/relay-protocol.md, "Signed requests"; docs/decisions/relay-nonces.md.
"""

from __future__ import annotations

import heapq
from typing import Final

from quietway_server.errors import RefusedError

LIMIT: Final = 200_000


class NonceMemory:
    """Remembers nonces for as long as their signatures are young enough to be taken.

    Args:
        window_seconds: How far a signature's time may be from ours.
        limit: How many nonces are remembered.
    """

    def __init__(self, *, window_seconds: int, limit: int = LIMIT) -> None:
        self._window = window_seconds
        self._limit = limit
        self._known: set[str] = set()
        self._by_age: list[tuple[int, str]] = []
        self._floor = -1

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, nonce: str, *, created: int, now_seconds: int) -> None:
        """Take a nonce for the first and only time.

        Raises:
            RefusedError: `not_authenticated`: it was seen, or is as old as what had to be
            forgotten.
        """
        self._forget(older_than=now_seconds - self._window)
        if nonce in self._known or created <= self._floor:
            raise RefusedError("not_authenticated")
        self._known.add(nonce)
        heapq.heappush(self._by_age, (created, nonce))
        while len(self._by_age) > self._limit:
            self._floor = self._pop()

    def _forget(self, *, older_than: int) -> None:
        while self._by_age and self._by_age[0][0] < older_than:
            self._pop()

    def _pop(self) -> int:
        created, nonce = heapq.heappop(self._by_age)
        self._known.discard(nonce)
        return created
