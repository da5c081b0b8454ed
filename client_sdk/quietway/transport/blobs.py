"""Sealed files over the network: parts go up, ranges come down, and nobody says who they are.

Requests for blobs go over the wire that keeps no connection and signs nothing, so that the relay
can't put two of them, or one of them and a device, together by their connection.

Spec: docs/spec/blobs.md, "At the relay".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import RelayUnreachable
from quietway.ports import BlobStored
from quietway.transport.answers import check_answer
from quietway.transport.asking import JSON, SMALL_BYTES
from quietway_crypto.encoding import encode_base64
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import Count, WireModel

if TYPE_CHECKING:
    from quietway.ports import BlobPart, Clock
    from quietway.transport.wire import Wire

OCTETS: Final = "application/octet-stream"
_OK: Final = 200
_NOT_FOUND: Final = 404
_WRITER: Final = "quietway-blob-writer"
_STORED: Final = "quietway-blob-stored"
_EXPIRES: Final = "quietway-blob-expires"
_DIGITS: Final = 16


class _StoredPart(WireModel):
    """The relay's word on how much of a blob is durable."""

    stored: Count
    expires: Count


class BlobWire:
    """The blobs of one relay.

    Args:
        wire: One that keeps no connection.
        clock: This machine's.
    """

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock

    async def put_part(self, capability: bytes, part: BlobPart) -> BlobStored:
        """Upload a part; durable there on return."""
        last = part.first + len(part.body) - 1
        headers = {
            "content-type": OCTETS,
            "content-range": f"bytes {part.first}-{last}/{part.total}",
            "quietway-lane": encode_base64(capability),
            "quietway-blob": encode_base64(part.opening_hash),
            _WRITER: encode_base64(part.writer),
        }
        answer = await self._wire.ask(
            "PUT", _address(part.blob_id), body=part.body, headers=headers, limit_bytes=SMALL_BYTES
        )
        raw = check_answer(answer, status=201, media_type=JSON, now=self._clock.now())
        try:
            told = _StoredPart.from_body(raw, max_bytes=SMALL_BYTES)
        except SchemaError:
            raise RelayUnreachable from None
        return BlobStored(told.stored, told.expires)

    async def status(self, blob_id: bytes, writer: bytes) -> BlobStored | None:
        """Ask how much of a blob is stored; None where there is nothing of it."""
        headers = {_WRITER: encode_base64(writer)}
        answer = await self._wire.ask(
            "HEAD", _address(blob_id), headers=headers, limit_bytes=SMALL_BYTES
        )
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:  # a problem has no body here that could say which
            raise RelayUnreachable
        return BlobStored(
            _read_number(answer.headers.get(_STORED, "")),
            _read_number(answer.headers.get(_EXPIRES, "")),
        )

    async def get(self, blob_id: bytes, opening: bytes, *, first: int, last: int) -> bytes:
        """Fetch a range of a blob."""
        headers = {
            "quietway-blob-opening": encode_base64(opening),
            "range": f"bytes={first}-{last}",
        }
        wanted = last + 1 - first
        answer = await self._wire.ask(
            "GET", _address(blob_id), headers=headers, limit_bytes=max(wanted, SMALL_BYTES)
        )
        body = check_answer(answer, status=206, media_type=OCTETS, now=self._clock.now())
        if len(body) != wanted:
            raise RelayUnreachable
        return body

    async def delete(self, blob_id: bytes, writer: bytes) -> None:
        """Have a blob dropped; one that is not there is dropped already."""
        headers = {_WRITER: encode_base64(writer)}
        answer = await self._wire.ask(
            "DELETE", _address(blob_id), headers=headers, limit_bytes=SMALL_BYTES
        )
        if answer.status != _NOT_FOUND:
            check_answer(answer, status=204, media_type=None, now=self._clock.now())


def _address(blob_id: bytes) -> str:
    return f"/v1/blobs/{encode_base64(blob_id)}"


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise RelayUnreachable
    return int(text)
