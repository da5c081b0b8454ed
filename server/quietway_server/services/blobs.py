"""Keep sealed files: take them in part by part, give them out piece by piece.

Theory of operation: a part is a job of the writing thread like any other, so its answer means that
it is durable. A blob is stored in rows of 64 KiB, so that a range of it is read, and a client's
break is healed, without ever holding the whole. Whoever fetches is read to row by row, each with a
view of its own: a blob that goes away meanwhile ends the answer early.

Rules: nothing says who wrote a blob or who fetched it. Unknown, not whole, expired, and asked for
with another secret are one answer. Deleting marks a blob as expired, and the sweep takes its rows.

Spec: docs/spec/blobs.md, "At the relay".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quietway_crypto.blob_rights import hash_opening, hash_writer
from quietway_crypto.blob_sizes import CHUNK_BYTES
from quietway_crypto.encoding import constant_time_equal
from quietway_crypto.lanes import hash_capability
from quietway_server.core.decoys import DECOY_HASH
from quietway_server.core.quota import BLOB_PART_BYTES
from quietway_server.core.retention import blob_expiry, sendable_weeks, unfinished_expiry
from quietway_server.errors import RefusedError
from quietway_server.rows import BlobRow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from quietway_schemas.instants import Instant
    from quietway_server.core.quota import BlobQuota
    from quietway_server.ports import Clock, Transaction
    from quietway_server.services.reader import Reader
    from quietway_server.services.writer import Writer

RANGE_FIELD = "content-range"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a blob, as it was sent.

    Attributes:
        blob: The blob's id.
        capability: What the lane header showed.
        opening_hash: The hash of the secret that fetches.
        writer: The secret that goes on writing.
        first: Where the part begins in the blob.
        total: How large the blob will be.
        body: The part.
    """

    blob: bytes
    capability: bytes
    opening_hash: bytes
    writer: bytes
    first: int
    total: int
    body: bytes

    @property
    def end(self) -> int:
        """Where the part ends: the first byte after it."""
        return self.first + len(self.body)

    def check_form(self) -> None:
        """Refuse a part that does not lie on the grid of 64 KiB.

        Raises:
            RefusedError: `invalid_field`.
        """
        is_sized = 1 <= len(self.body) <= BLOB_PART_BYTES and self.end <= self.total
        begins = self.first % CHUNK_BYTES == 0
        if not (is_sized and begins and (self.end % CHUNK_BYTES == 0 or self.end == self.total)):
            raise RefusedError("invalid_field", field=RANGE_FIELD)

    def rows(self) -> list[bytes]:
        """Give the part as rows of 64 KiB."""
        return [self.body[at : at + CHUNK_BYTES] for at in range(0, len(self.body), CHUNK_BYTES)]


@dataclass(frozen=True, slots=True)
class Blobs:
    """The blobs of a relay."""

    writer: Writer
    reader: Reader
    clock: Clock
    quota: BlobQuota

    async def put_part(self, part: Part) -> BlobRow:
        """Store a part durably; a part that is stored already changes nothing.

        Raises:
            RefusedError: `invalid_field`, `too_large`, `not_found`, `conflict`, `over_quota`,
                `storage_full`, `overloaded`.
            StoreError: The part was not stored.
        """
        part.check_form()
        self.quota.check_size(part.total)
        return await self.writer.write(
            lambda transaction: self._accept(transaction, part), body_bytes=len(part.body)
        )

    async def status(self, blob: bytes, writer: bytes) -> BlobRow:
        """Tell its writer how much of a blob is stored.

        Raises:
            RefusedError: `not_found`.
        """
        return await self.reader.read(lambda transaction: self._written(transaction, blob, writer))

    async def find(self, blob: bytes, opening: bytes) -> BlobRow:
        """Find a whole blob for whoever shows the secret that fetches it.

        Raises:
            RefusedError: `not_found`.
        """
        row = await self.reader.read(lambda transaction: transaction.find_blob(blob))
        return check_fetch(row, opening, now=self.clock.now())

    async def read(self, row: BlobRow, first: int, last: int) -> AsyncIterator[bytes]:
        """Give the bytes of a blob from `first` to `last`, both included, row by row.

        Raises:
            RefusedError: `not_found`: the blob went away meanwhile.
        """
        for number in range(first // CHUNK_BYTES, last // CHUNK_BYTES + 1):
            chunk = await self._read_chunk(row.blob, number)
            start = number * CHUNK_BYTES
            yield chunk[max(first - start, 0) : last + 1 - start]

    async def delete(self, blob: bytes, writer: bytes) -> None:
        """Take a blob back: from now on nobody fetches it.

        Raises:
            RefusedError: `not_found`.
        """

        def mark(transaction: Transaction) -> None:
            row = self._written(transaction, blob, writer)
            transaction.keep_blob(replace(row, expires=0))

        await self.writer.write(mark, frees=True)

    async def _read_chunk(self, blob: bytes, number: int) -> bytes:
        chunk = await self.reader.read(lambda transaction: transaction.blob_chunk(blob, number))
        if chunk is None:
            raise RefusedError("not_found")
        return chunk

    def _written(self, transaction: Transaction, blob: bytes, writer: bytes) -> BlobRow:
        row = transaction.find_blob(blob)
        is_right = _is_writer(row, writer)
        if row is None or not is_right or row.expires <= self.clock.now():
            raise RefusedError("not_found")
        return row

    def _accept(self, transaction: Transaction, part: Part) -> BlobRow:
        """Run in the writing thread: every check comes before the first write."""
        now = self.clock.now()
        lane = transaction.find_open_lane(hash_capability(part.capability), sendable_weeks(now=now))
        if lane is None:
            raise RefusedError("not_found")
        row = transaction.find_blob(part.blob)
        if row is None:
            begun = self._begin(part, now)
            self.quota.check_lane(lane.charged + part.total)
            self.quota.check_all(transaction.blob_bytes() + part.total)
            transaction.charge_lane(lane, part.total)
            return _append(transaction, begun, part, now)
        check_same_blob(row, part, now=now)
        if part.first < row.stored:
            check_same_bytes(transaction, row, part)
        if part.end <= row.stored:
            return row
        if part.first != row.stored:
            raise RefusedError("invalid_field", field=RANGE_FIELD)
        return _append(transaction, row, part, now)

    def _begin(self, part: Part, now: Instant) -> BlobRow:
        if part.first:
            raise RefusedError("invalid_field", field=RANGE_FIELD)
        written = hash_writer(part.writer)
        expires = unfinished_expiry(now=now)
        return BlobRow(part.blob, part.opening_hash, written, part.total, 0, expires)


def check_fetch(row: BlobRow | None, opening: bytes, *, now: Instant) -> BlobRow:
    """Give a blob to whoever may fetch it; all others are told one thing.

    Raises:
        RefusedError: `not_found`: unknown, not whole, expired, or another secret.
    """
    is_right = constant_time_equal(hash_opening(opening), row.opening_hash if row else DECOY_HASH)
    if row is None or not is_right or not row.is_whole or row.expires <= now:
        raise RefusedError("not_found")
    return row


def check_same_blob(row: BlobRow, part: Part, *, now: Instant) -> None:
    """Refuse a part that belongs to another blob of the same id.

    Raises:
        RefusedError: `conflict`: other secrets, another size, or a blob whose time is over.
    """
    is_same = part.opening_hash == row.opening_hash and part.total == row.total
    if not (is_same and _is_writer(row, part.writer) and row.expires > now):
        raise RefusedError("conflict")


def check_same_bytes(transaction: Transaction, row: BlobRow, part: Part) -> None:
    """Refuse other bytes where some are stored already.

    Raises:
        RefusedError: `conflict`; or `invalid_field`, where only a beginning is stored.
    """
    if part.end > row.stored:
        raise RefusedError("invalid_field", field=RANGE_FIELD)
    first = part.first // CHUNK_BYTES
    for number, chunk in enumerate(part.rows(), first):
        if transaction.blob_chunk(row.blob, number) != chunk:
            raise RefusedError("conflict")


def _append(transaction: Transaction, row: BlobRow, part: Part, now: Instant) -> BlobRow:
    expires = blob_expiry(now=now) if part.end == row.total else row.expires
    moved = replace(row, stored=part.end, expires=expires)
    transaction.keep_blob(moved)
    transaction.add_blob_chunks(row.blob, part.first // CHUNK_BYTES, part.rows())
    return moved


def _is_writer(row: BlobRow | None, writer: bytes) -> bool:
    return constant_time_equal(hash_writer(writer), row.writer_hash if row else DECOY_HASH)
