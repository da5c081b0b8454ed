"""Sealed files in memory: the same promises, except that nothing outlives the process.

Spec: docs/spec/blobs.md, "At the relay".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway_schemas.instants import MINUTE
from quietway_server.rows import BlobRow, OpenLane

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


@dataclass(slots=True)
class BlobState:
    """What is kept of blobs."""

    blobs: dict[bytes, BlobRow] = field(default_factory=dict)
    chunks: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    charged: dict[tuple[str, bytes], int] = field(default_factory=dict)

    def copy(self) -> BlobState:
        """Give a copy that may be changed."""
        return BlobState(dict(self.blobs), dict(self.chunks), dict(self.charged))


class MemoryBlobs:
    """The blobs' part of a transaction on a state.

    Args:
        held: What is kept of blobs.
        lanes: The lanes that exist, as (agency, week, hash of a capability).
    """

    def __init__(self, held: BlobState, lanes: Iterable[tuple[bytes, str, bytes]]) -> None:
        self._held = held
        self._lanes_by_key = lanes

    def find_open_lane(self, digest: bytes, weeks: Collection[str]) -> OpenLane | None:
        """Give the lane that a capability opens in one of these weeks, whoever published it."""
        found = sorted(week for _, week, of in self._lanes_by_key if of == digest and week in weeks)
        if not found:
            return None
        return OpenLane(found[0], digest, self._held.charged.get((found[0], digest), 0))

    def charge_lane(self, lane: OpenLane, more: int) -> None:
        """Add to what a lane was charged for blobs in its week, in bytes."""
        self._held.charged[lane.week, lane.digest] = lane.charged + more

    def find_blob(self, blob: bytes) -> BlobRow | None:
        """Give a blob, without its bytes."""
        return self._held.blobs.get(blob)

    def keep_blob(self, row: BlobRow) -> None:
        """Keep a new blob, or how far one has come and when it ends."""
        self._held.blobs[row.blob] = row

    def add_blob_chunks(self, blob: bytes, first: int, chunks: Sequence[bytes]) -> None:
        """Add bytes at a blob's end, in rows numbered from `first`."""
        for number, chunk in enumerate(chunks, first):
            self._held.chunks[blob, number] = chunk

    def blob_chunk(self, blob: bytes, number: int) -> bytes | None:
        """Give one row of a blob's bytes."""
        return self._held.chunks.get((blob, number))

    def blob_bytes(self) -> int:
        """Count what all blobs take, or will take when they are whole, in bytes."""
        return sum(row.total for row in self._held.blobs.values())

    def sweep_blobs(self, *, minute: int, oldest_week: str, limit: int) -> int:
        """Take away what has expired, at most `limit` rows of bytes; tell how many rows went."""
        held = self._held
        for key in [key for key in held.charged if key[0] < oldest_week]:
            del held.charged[key]
        expired = {of for of, row in held.blobs.items() if row.expires // MINUTE <= minute}
        rows = [key for key in held.chunks if key[0] in expired][:limit]
        for row in rows:
            del held.chunks[row]
        gone = expired - {of for of, _ in held.chunks}
        for of in gone:
            del held.blobs[of]
        return len(rows) + len(gone)
