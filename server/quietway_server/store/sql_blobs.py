"""Sealed files in a database: a row for each, and its bytes in rows of 64 KiB.

Rules: as for the store as a whole. A blob's bytes are only ever added at its end. What has expired
is taken away in pieces, so that overwriting a large blob keeps nobody from writing.

Spec: docs/spec/blobs.md, "At the relay".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, insert, select, update

from quietway_schemas.instants import MINUTE
from quietway_server.rows import BlobRow, OpenLane
from quietway_server.store.sql_directory import SqlDirectory
from quietway_server.store.tables import blob_chunks, blobs, lane_blobs, lanes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class SqlBlobs(SqlDirectory):
    """The blobs' part of a transaction in a database."""

    def find_open_lane(self, digest: bytes, weeks: Collection[str]) -> OpenLane | None:
        """Give the lane that a capability opens in one of these weeks, whoever published it."""
        week = self._connection.execute(
            select(lanes.c.week)
            .where(lanes.c.digest == digest, lanes.c.week.in_(weeks))
            .order_by(lanes.c.week)
            .limit(1)
        ).scalar()
        if week is None:
            return None
        charged = self._connection.execute(
            select(lane_blobs.c.charged_bytes).where(
                lane_blobs.c.week == week, lane_blobs.c.digest == digest
            )
        ).scalar()
        return OpenLane(str(week), digest, int(charged or 0))

    def charge_lane(self, lane: OpenLane, more: int) -> None:
        """Add to what a lane was charged for blobs in its week, in bytes."""
        of_lane = (lane_blobs.c.week == lane.week, lane_blobs.c.digest == lane.digest)
        charged = lane.charged + more
        changed = self._connection.execute(
            update(lane_blobs).where(*of_lane).values(charged_bytes=charged)
        )
        if not changed.rowcount:
            self._connection.execute(
                insert(lane_blobs).values(week=lane.week, digest=lane.digest, charged_bytes=charged)
            )

    def find_blob(self, blob: bytes) -> BlobRow | None:
        """Give a blob, without its bytes."""
        row = self._connection.execute(select(blobs).where(blobs.c.blob == blob)).one_or_none()
        if row is None:
            return None
        return BlobRow(
            row.blob,
            row.opening_hash,
            row.writer_hash,
            row.total_bytes,
            row.stored_bytes,
            row.expires_minute * MINUTE,
        )

    def keep_blob(self, row: BlobRow) -> None:
        """Keep a new blob, or how far one has come and when it ends."""
        moved = {"stored_bytes": row.stored, "expires_minute": row.expires // MINUTE}
        changed = self._connection.execute(
            update(blobs).where(blobs.c.blob == row.blob).values(**moved)
        )
        if not changed.rowcount:
            self._connection.execute(
                insert(blobs).values(
                    blob=row.blob,
                    opening_hash=row.opening_hash,
                    writer_hash=row.writer_hash,
                    total_bytes=row.total,
                    **moved,
                )
            )

    def add_blob_chunks(self, blob: bytes, first: int, chunks: Sequence[bytes]) -> None:
        """Add bytes at a blob's end, in rows numbered from `first`."""
        self._connection.execute(
            insert(blob_chunks),
            [
                {"blob": blob, "number": number, "chunk": chunk}
                for number, chunk in enumerate(chunks, first)
            ],
        )

    def blob_chunk(self, blob: bytes, number: int) -> bytes | None:
        """Give one row of a blob's bytes."""
        chunk = self._connection.execute(
            select(blob_chunks.c.chunk).where(
                blob_chunks.c.blob == blob, blob_chunks.c.number == number
            )
        ).scalar()
        return None if chunk is None else bytes(chunk)

    def blob_bytes(self) -> int:
        """Count what all blobs take, or will take when they are whole, in bytes."""
        return int(
            self._connection.execute(
                select(func.coalesce(func.sum(blobs.c.total_bytes), 0))
            ).scalar_one()
        )

    def sweep_blobs(self, *, minute: int, oldest_week: str, limit: int) -> int:
        """Take away what has expired, at most `limit` rows of bytes; tell how many rows went."""
        self._connection.execute(delete(lane_blobs).where(lane_blobs.c.week < oldest_week))
        expired = select(blobs.c.blob).where(blobs.c.expires_minute <= minute)
        rows = self._connection.execute(
            select(blob_chunks.c.blob, blob_chunks.c.number)
            .where(blob_chunks.c.blob.in_(expired))
            .limit(limit)
        ).all()
        if rows:
            self._connection.execute(
                delete(blob_chunks).where(
                    blob_chunks.c.blob == bindparam("of"), blob_chunks.c.number == bindparam("at")
                ),
                [{"of": row.blob, "at": row.number} for row in rows],
            )
        with_bytes = select(blob_chunks.c.blob).where(blob_chunks.c.blob == blobs.c.blob)
        gone = self._connection.execute(
            delete(blobs).where(blobs.c.expires_minute <= minute, ~with_bytes.exists())
        )
        return len(rows) + int(gone.rowcount)
