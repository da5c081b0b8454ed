"""Take in envelopes: check the right to send, recognise what came before, number what is new.

Rules: a batch is taken whole or not at all, and every check runs before the first write. What the
relay answers says nothing about whether a mailbox exists: no such mailbox and no such lane look
alike. Nothing records which lane an envelope came through.

Spec: docs/spec/relay-protocol.md, "Submitting".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_crypto.lanes import hash_capability
from quietway_server.core.retention import expiry_of, sendable_weeks
from quietway_server.errors import RefusedError
from quietway_server.ports import Arrival

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_schemas.instants import Instant
    from quietway_server.core.quota import Quota
    from quietway_server.ports import Clock, Delivery, LaneRow, MailboxRow, Transaction
    from quietway_server.services.writer import Writer


@dataclass(frozen=True, slots=True)
class Ingest:
    """Accepts batches."""

    writer: Writer
    delivery: Delivery
    clock: Clock
    quota: Quota

    async def submit(
        self, capability: bytes, records: Sequence[SubmissionRecord], *, body_bytes: int
    ) -> int:
        """Store a batch durably, then wake its readers.

        Returns:
            How many records the batch has; those that came before count too.

        Raises:
            RefusedError: `not_found`, `conflict`, `mailbox_full`, `over_quota`, `overloaded`.
            StoreError: The batch was not stored.
        """
        digest, now = hash_capability(capability), self.clock.now()
        hashes = [hashlib.sha256(record.pack()).digest() for record in records]
        batch = _Batch(tuple(records), tuple(hashes), digest, now, self.quota)
        arrivals = await self.writer.write(batch.accept, body_bytes=body_bytes)
        for mailbox, latest in {
            arrival.record.header.mailbox.value: arrival.seq for arrival in arrivals
        }.items():
            self.delivery.wake(mailbox, latest)
        return len(records)


@dataclass(frozen=True, slots=True)
class _Batch:
    records: tuple[SubmissionRecord, ...]
    hashes: tuple[bytes, ...]
    capability_digest: bytes
    now: Instant
    quota: Quota

    def accept(self, transaction: Transaction) -> list[Arrival]:
        """Run in the writing thread: decide on all records, then write those that are new."""
        mailboxes = transaction.find_mailboxes({r.header.mailbox.value for r in self.records})
        agencies = {row.agency for row in mailboxes.values()}
        lanes = {
            lane.agency: lane
            for lane in transaction.find_lanes(
                self.capability_digest, sendable_weeks(now=self.now), agencies
            )
        }
        ledger = _Ledger(self.quota, mailboxes, lanes)
        ledger.seen.update(
            transaction.find_seen(mailboxes, {r.header.envelope_id.value for r in self.records})
        )
        arrivals = self._decide(ledger)
        transaction.append(arrivals)
        for agency, lane in lanes.items():
            if ledger.used.get(agency, 0):
                transaction.count_use(lane, ledger.used[agency])
        return arrivals

    def _decide(self, ledger: _Ledger) -> list[Arrival]:
        arrivals = []
        for index, (record, digest) in enumerate(zip(self.records, self.hashes, strict=True)):
            if ledger.is_repeated(record, digest, index=index):
                continue
            seq = ledger.take_number(record, index=index)
            expires = expiry_of(record.header.class_, now=self.now)
            arrivals.append(Arrival(record, seq, digest, expires))
        return arrivals


class _Ledger:
    """What a batch would change, kept while it is decided on."""

    def __init__(
        self, quota: Quota, mailboxes: dict[bytes, MailboxRow], lanes: dict[bytes, LaneRow]
    ) -> None:
        self._quota = quota
        self._mailboxes = mailboxes
        self._lanes = lanes
        self._new: dict[bytes, int] = {}
        self.used: dict[bytes, int] = {}
        self.seen: dict[tuple[bytes, bytes], bytes] = {}

    def is_repeated(self, record: SubmissionRecord, digest: bytes, *, index: int) -> bool:
        """Tell whether these bytes came before.

        Raises:
            RefusedError: `not_found`, or `conflict` where the id came before with other bytes.
        """
        row = self._mailboxes.get(record.header.mailbox.value)
        if row is None or row.agency not in self._lanes:
            raise RefusedError("not_found", index=index)
        key = (row.mailbox, record.header.envelope_id.value)
        known = self.seen.get(key)
        if known is None:
            self.seen[key] = digest
            return False
        if known != digest:
            raise RefusedError("conflict", index=index)
        return True

    def take_number(self, record: SubmissionRecord, *, index: int) -> int:
        """Give the next number of the record's mailbox.

        Raises:
            RefusedError: `mailbox_full` or `over_quota`.
        """
        row = self._mailboxes[record.header.mailbox.value]
        new, used = self._new.get(row.mailbox, 0), self.used.get(row.agency, 0)
        self._quota.check_mailbox(row.waiting + new, index=index)
        self._quota.check_lane(self._lanes[row.agency].used + used, index=index)
        self._new[row.mailbox] = new + 1
        self.used[row.agency] = used + 1
        return row.latest + new + 1
