"""Ladders and claims over the network: what a relay is to release by itself, and what stops it.

Both go over the wire that keeps no connection and signs nothing, so that the relay can't put them,
or one of them and a device, together by their connection.

Spec: docs/spec/holds.md, "The ladder", "Claim".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import RelayUnreachable
from quietway.transport.answers import check_answer
from quietway.transport.asking import JSON, SMALL_BYTES
from quietway_crypto.encoding import encode_base64
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import Count, WireModel

if TYPE_CHECKING:
    from quietway.ports import Clock
    from quietway.transport.wire import Wire
    from quietway_schemas.holds import Claim, Ladder

LADDER: Final = "application/vnd.quietway.ladder"
CLAIM: Final = "application/vnd.quietway.claim"
_CREATED: Final = 201
_OK: Final = 200


class _Accepted(WireModel):
    """The relay's word that a ladder is durable."""

    accepted: Count


class _Claimed(WireModel):
    """The relay's word that a claim is durable."""

    first: bool


class HoldWire:
    """The ladders of one relay.

    Args:
        wire: One that keeps no connection.
        clock: This machine's.
    """

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock

    async def place(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        """Hand over a ladder; durable there on return."""
        headers = {"content-type": LADDER, "quietway-lane": encode_base64(capability)}
        raw = await self._ask("PUT", _path(hold_id), ladder.pack(), headers, status=_CREATED)
        try:
            told = _Accepted.from_body(raw, max_bytes=SMALL_BYTES)
        except SchemaError:
            raise RelayUnreachable from None
        if told.accepted != len(ladder.places):
            raise RelayUnreachable

    async def claim(self, hold_id: bytes, claim: Claim) -> bool:
        """Hand over a claim; durable there on return."""
        path, headers = f"{_path(hold_id)}/claim", {"content-type": CLAIM}
        raw = await self._ask("POST", path, claim.pack(), headers, status=_OK)
        try:
            return _Claimed.from_body(raw, max_bytes=SMALL_BYTES).first
        except SchemaError:
            raise RelayUnreachable from None

    async def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str], *, status: int
    ) -> bytes:
        answer = await self._wire.ask(
            method, path, body=body, headers=headers, limit_bytes=SMALL_BYTES
        )
        return check_answer(answer, status=status, media_type=JSON, now=self._clock.now())


def _path(hold_id: bytes) -> str:
    return f"/v1/holds/{encode_base64(hold_id)}"
