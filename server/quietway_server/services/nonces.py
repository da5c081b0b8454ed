"""Take a nonce for all relays that share a database, after this one has taken it for itself.

Rules: what is kept is the nonce's hash and a whole hour; nothing says who asked. As long as the
database is away nothing that is signed is taken: a replay could not be told.

Spec: docs/spec/relay-protocol.md, "Signed requests";
docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_protocol.request_signature import SKEW_MS
from quietway_schemas.instants import HOUR
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant
    from quietway_server.services.reader import Reader


@dataclass(frozen=True, slots=True)
class SharedNonces:
    """The nonces that relays take from each other."""

    reader: Reader

    async def take(self, nonce: str, *, created: Instant) -> None:
        """Take a nonce for the first and only time.

        Args:
            nonce: As it was signed.
            created: When, by the signature.

        Raises:
            RefusedError: `not_authenticated`: another relay took it.
            StoreError: It is not known whether one did.
        """
        digest = hashlib.sha256(nonce.encode()).digest()
        expires = -(-(created + SKEW_MS) // HOUR) * HOUR
        if not await self.reader.apart(lambda store: store.take_nonce(digest, expires=expires)):
            raise RefusedError("not_authenticated")
