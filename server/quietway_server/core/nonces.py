"""The memory of nonces: a request that was seen once is not taken twice.

Rules: bounded, for all and for each signer. When a signer comes with more than its share, its own
oldest entries go, and everything that it signed at their time or before is refused; so forgetting
never lets a replay in, and who forces it harms itself only. When the whole is full, which takes a
hundred signers at their limit, the oldest entries of all go in the same way. It lives as long as
the process: what is signed before a restart could be replayed after it within the window, by
someone who broke TLS, and would read sealed bytes or repeat an acknowledgement.

Spec: docs/spec/relay-protocol.md, "Signed requests" and "Nonces"; docs/decisions/relay-nonces.md.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Final

from quietway_server.errors import RefusedError

LIMIT: Final = 200_000
SHARE: Final = 2_000


@dataclass(slots=True)
class _Signer:
    """What is remembered of one signer: its entries by age, and what is too old to be taken."""

    by_age: list[tuple[int, str]] = field(default_factory=list)
    floor: int = -1


class NonceMemory:
    """Remembers nonces for as long as their signatures are young enough to be taken.

    Args:
        window_seconds: How far a signature's time may be from ours.
        limit: How many nonces are remembered.
        share: How many of one signer.
    """

    def __init__(self, *, window_seconds: int, limit: int = LIMIT, share: int = SHARE) -> None:
        self._window = window_seconds
        self._limit = limit
        self._share = share
        self._known: set[tuple[str, str]] = set()
        self._by_age: list[tuple[int, str, str]] = []
        self._signers: dict[str, _Signer] = {}
        self._floor = -1

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, nonce: str, *, signer: str, created: int, now_seconds: int) -> None:
        """Take a nonce of a signer for the first and only time.

        Args:
            nonce: What was signed.
            signer: The key id by which it was signed.
            created: When, in seconds.
            now_seconds: The time.

        Raises:
            RefusedError: `not_authenticated`: it was seen, or is as old as what had to be
            forgotten.
        """
        self._forget(older_than=now_seconds - self._window)
        held = self._signers.get(signer)
        floor = self._floor if held is None else max(self._floor, held.floor)
        if (signer, nonce) in self._known or created <= floor:
            raise RefusedError("not_authenticated")
        if held is None:
            held = self._signers[signer] = _Signer()
        self._known.add((signer, nonce))
        heapq.heappush(self._by_age, (created, signer, nonce))
        heapq.heappush(held.by_age, (created, nonce))
        self._keep_to_share(signer, held)
        while len(self._known) > self._limit:
            self._floor = max(self._floor, self._pop())

    def _keep_to_share(self, signer: str, held: _Signer) -> None:
        """Forget the oldest of who has too many, and take nothing as old of it any more."""
        while len(held.by_age) > self._share:
            held.floor, nonce = heapq.heappop(held.by_age)
            self._known.discard((signer, nonce))
        if len(self._by_age) > 2 * self._limit:
            # What went with a share still stands here; now it is most of what does.
            self._by_age = [each for each in self._by_age if each[1:] in self._known]
            heapq.heapify(self._by_age)

    def _forget(self, *, older_than: int) -> None:
        while self._by_age and self._by_age[0][0] < older_than:
            self._pop()

    def _pop(self) -> int:
        """Forget the oldest of all, which is also the oldest of its signer, or went before."""
        created, signer, nonce = heapq.heappop(self._by_age)
        if (signer, nonce) in self._known:
            self._known.discard((signer, nonce))
            held = self._signers[signer]
            heapq.heappop(held.by_age)
            if not held.by_age:
                # Its floor is below that of all, or out of the window: nothing is let in.
                del self._signers[signer]
        return created
