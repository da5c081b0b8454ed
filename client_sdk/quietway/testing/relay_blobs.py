"""The blobs of the relay in memory, by the real rules.

Spec: docs/spec/blobs.md, "At the relay".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.ports import BlobStored
from quietway.testing.relay_refusal import make_refusal
from quietway_crypto.blob_rights import hash_opening, hash_writer
from quietway_crypto.blob_sizes import CHUNK_BYTES
from quietway_schemas.instants import DAY, round_up_to_minute

if TYPE_CHECKING:
    from quietway.ports import BlobPart
    from quietway_schemas.instants import Instant

PART_BYTES: Final = 1_048_576
LARGEST_BLOB: Final = 64 * 1_048_576
LANE_BLOB_BYTES: Final = 256 * 1_048_576
_WHOLE_MS: Final = 30 * DAY
_UNFINISHED_MS: Final = DAY


@dataclass(slots=True)
class HeldBlob:
    """One blob: its hashes, its size, what is here of it, and when it is dropped."""

    opening_hash: bytes
    writer_hash: bytes
    total: int
    expires: Instant
    body: bytes = b""

    @property
    def stored(self) -> BlobStored:
        """How much is here."""
        return BlobStored(len(self.body), self.expires)


class RelayBlobs:
    """All blobs of a relay."""

    def __init__(self) -> None:
        self.held: dict[bytes, HeldBlob] = {}
        self._charged: dict[bytes, int] = {}

    def sweep(self, *, now: Instant) -> None:
        """Drop what is over."""
        for blob_id in [key for key, held in self.held.items() if held.expires <= now]:
            del self.held[blob_id]

    def put(self, lane: bytes, part: BlobPart, *, now: Instant) -> BlobStored:
        """Store a part that follows, or recognise one that is stored already.

        Raises:
            RelayRefused: As the real one.
        """
        end = part.first + len(part.body)
        _check_form(part, end)
        held = self.held.get(part.blob_id)
        if held is None:
            held = self._begin(lane, part, now=now)
        same = (held.opening_hash, held.writer_hash, held.total)
        if same != (part.opening_hash, hash_writer(part.writer), part.total):
            raise make_refusal("conflict")
        known = held.body[part.first : end]
        if part.first > len(held.body) or (known and end > len(held.body)):
            raise make_refusal("invalid_field")
        if known and known != part.body:
            raise make_refusal("conflict")
        if not known:
            held.body += part.body
            if end == part.total:
                held.expires = round_up_to_minute(now + _WHOLE_MS)
        return held.stored

    def find_written(self, blob_id: bytes, writer: bytes) -> HeldBlob | None:
        """Give a blob to its writer."""
        held = self.held.get(blob_id)
        return held if held is not None and held.writer_hash == hash_writer(writer) else None

    def fetch(self, blob_id: bytes, opening: bytes, *, first: int, last: int) -> bytes:
        """Give a range of a whole blob to whoever shows its secret.

        Raises:
            RelayRefused: As the real one.
        """
        held = self.held.get(blob_id)
        if held is None or len(held.body) < held.total:
            raise make_refusal("not_found")
        if held.opening_hash != hash_opening(opening):
            raise make_refusal("not_found")
        if first >= held.total:
            raise make_refusal("range_not_satisfiable")
        return held.body[first : last + 1]

    def delete(self, blob_id: bytes, writer: bytes) -> None:
        """Drop a blob of this writer; nothing happens where there is none."""
        if self.find_written(blob_id, writer) is not None:
            del self.held[blob_id]

    def _begin(self, lane: bytes, part: BlobPart, *, now: Instant) -> HeldBlob:
        if part.first:
            raise make_refusal("invalid_field")
        charged = self._charged.get(lane, 0) + part.total
        if charged > LANE_BLOB_BYTES:
            raise make_refusal("over_quota")
        self._charged[lane] = charged
        expires = round_up_to_minute(now + _UNFINISHED_MS)
        held = HeldBlob(part.opening_hash, hash_writer(part.writer), part.total, expires)
        self.held[part.blob_id] = held
        return held


def _check_form(part: BlobPart, end: int) -> None:
    is_sized = 1 <= len(part.body) <= PART_BYTES and end <= part.total
    ends = end % CHUNK_BYTES == 0 or end == part.total
    if not (is_sized and part.first % CHUNK_BYTES == 0 and ends):
        raise make_refusal("invalid_field")
    if part.total > LARGEST_BLOB:
        raise make_refusal("too_large")
