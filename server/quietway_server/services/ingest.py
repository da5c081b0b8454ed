"""Take in envelopes: check the right to send, recognise what came before, number what is new.

Theory of operation: whatever batches have queued when the writing thread is ready are judged
together, each by itself and in the order in which they came: what is asked of the store, and what
is written to it, is asked and written once for all of them.

Rules: a batch is taken whole or not at all, and every check runs before the first write. What the
relay answers says nothing about whether a mailbox exists: no such mailbox and no such lane look
alike. Nothing records which lane an envelope came through.

Spec: docs/spec/relay-protocol.md, "Submitting".
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from quietway_crypto.lanes import hash_capability
from quietway_server.core.quota import CRISIS
from quietway_server.core.retention import expiry_of, sendable_weeks
from quietway_server.core.soundness import hash_record
from quietway_server.errors import RefusedError
from quietway_server.metrics import count
from quietway_server.rows import Arrival
from quietway_server.services.wake_reasons import Reason, queue_for_arrivals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_schemas.instants import Instant
    from quietway_server.core.capacity import Urgent
    from quietway_server.core.quota import Quota
    from quietway_server.ports import Clock, Delivery, Transaction
    from quietway_server.services.writer import Writer


@dataclass(frozen=True, slots=True)
class Ingest:
    """Accepts batches. `draw` gives a random number below another, for when readers are woken."""

    writer: Writer
    delivery: Delivery
    clock: Clock
    quota: Quota
    draw: Callable[[int], int] = secrets.randbelow

    async def submit(
        self,
        capability: bytes,
        records: Sequence[SubmissionRecord],
        *,
        body_bytes: int,
        urgent: Urgent | None = None,
    ) -> int:
        """Store a batch durably, then wake its readers.

        Args:
            capability: What was shown.
            records: The batch.
            body_bytes: What the batch holds in memory.
            urgent: What was found of the capability, where it is for alarms.

        Returns:
            How many records the batch has; those that came before count too.

        Raises:
            RefusedError: `not_found`, `conflict`, `mailbox_full`, `over_quota`, `overloaded`.
            StoreError: The batch was not stored.
        """
        batch = Batch.of(records, lane=hash_capability(capability))
        alarm = partial(self.is_alarm, batch=batch)
        self._wake(
            await self.writer.run(
                self.accept, batch, body_bytes=body_bytes, urgent=urgent, alarm=alarm
            )
        )
        return len(records)

    def hand_in(
        self,
        lane: bytes,
        records: Sequence[SubmissionRecord],
        settle: Callable[[BaseException | None], None],
        *,
        body_bytes: int,
        urgent: Urgent | None = None,
    ) -> None:
        """Hand in a batch, and do not wait for it.

        Args:
            lane: The hash of the capability that was shown.
            records: The batch.
            settle: Is told when the batch is durable, or with the error of `submit`.
            body_bytes: What the batch holds in memory.
            urgent: What was found of the capability, where it is for alarms.

        Raises:
            RefusedError: `overloaded`.
        """

        def wake(arrivals: list[Arrival] | None, error: BaseException | None) -> None:
            self._wake(arrivals or [])
            settle(error)

        batch = Batch.of(records, lane=lane)
        alarm = partial(self.is_alarm, batch=batch)
        self.writer.hand_in(
            self.accept, batch, wake, body_bytes=body_bytes, urgent=urgent, alarm=alarm
        )

    def _wake(self, arrivals: list[Arrival]) -> None:
        count("envelopes_accepted", len(arrivals))
        for arrival in arrivals:
            self.delivery.wake(arrival.record.header.mailbox.value, arrival.seq)

    def is_alarm(self, transaction: Transaction, *, batch: Batch) -> bool:
        """Tell whether a batch came through a lane for alarms: a full disk still takes those."""
        boxes = transaction.find_mailboxes({mailbox for mailbox, _ in batch.keys})
        shown = {
            (row.agency, week, batch.lane)
            for week in sendable_weeks(now=self.clock.now())
            for row in boxes.values()
        }
        return any(lane.kind == CRISIS for lane in transaction.find_lanes(shown))

    def accept(
        self, transaction: Transaction, batches: Sequence[Batch]
    ) -> list[list[Arrival] | RefusedError]:
        """Run in the writing thread: decide on all batches, then write what is new."""
        ledger = Ledger(transaction, batches, quota=self.quota, now=self.clock.now())
        outcomes: list[list[Arrival] | RefusedError] = []
        for batch in batches:
            try:
                outcomes.append(ledger.take(batch))
            except RefusedError as refused:
                outcomes.append(refused)
        transaction.append(ledger.arrivals)
        queue_for_arrivals(transaction, ledger.reasons, now=ledger.now, draw=self.draw)
        transaction.count_uses({lane: used for lane, used in ledger.used.items() if used})
        return outcomes


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that are stored together or not at all, with what the decision needs.

    Attributes:
        records: The records.
        keys: (mailbox, envelope id) of each.
        hashes: SHA-256 of each record's bytes.
        lane: The hash of the capability that was shown.
    """

    records: tuple[SubmissionRecord, ...]
    keys: tuple[tuple[bytes, bytes], ...]
    hashes: tuple[bytes, ...]
    lane: bytes

    @classmethod
    def of(cls, records: Sequence[SubmissionRecord], *, lane: bytes) -> Batch:
        """Prepare a batch, outside the writing thread."""
        headers = [record.header for record in records]
        return cls(
            tuple(records),
            tuple((header.mailbox.value, header.envelope_id.value) for header in headers),
            tuple(hash_record(record) for record in records),
            lane,
        )


class Ledger:
    """What a group of batches would change, kept while they are decided on, one by one."""

    def __init__(
        self, transaction: Transaction, batches: Sequence[Batch], *, quota: Quota, now: Instant
    ) -> None:
        keys = {key for batch in batches for key in batch.keys}
        self._quota = quota
        self.now = now
        self._mailboxes = transaction.find_mailboxes({mailbox for mailbox, _ in keys})
        # For a mailbox that is not there, a lane is looked for that is not there either.
        shown = {
            (row.agency if (row := self._mailboxes.get(mailbox)) else mailbox, week, batch.lane)
            for week in sendable_weeks(now=now)
            for batch in batches
            for mailbox, _ in batch.keys
        }
        self._lanes = {(lane.agency, lane.digest): lane for lane in transaction.find_lanes(shown)}
        self._seen = transaction.find_seen(keys)
        self._held = transaction.count_held(self._mailboxes)
        self._new = dict.fromkeys(self._mailboxes, 0)
        self.used = dict.fromkeys(self._lanes.values(), 0)
        self.arrivals: list[Arrival] = []
        self.reasons: list[Reason] = []

    def take(self, batch: Batch) -> list[Arrival]:
        """Take a batch whole, or leave no trace of it.

        Raises:
            RefusedError: `not_found`, `conflict`, `mailbox_full` or `over_quota`.
        """
        begun = len(self.arrivals)
        try:
            for index in range(len(batch.records)):
                self._take_record(batch, index)
        except RefusedError:
            self._put_back(batch, begun)
            raise
        return self.arrivals[begun:]

    def _take_record(self, batch: Batch, index: int) -> None:
        record, key, digest = batch.records[index], batch.keys[index], batch.hashes[index]
        row = self._mailboxes.get(key[0])
        lane = None if row is None else self._lanes.get((row.agency, batch.lane))
        if row is None or lane is None:
            raise RefusedError("not_found", index=index)
        if self._is_repeated(key, digest, index=index):
            return
        used = lane.used + self.used[lane]
        # What is held takes its place already: when its time comes it is not asked for room.
        waiting = row.waiting + self._held.get(row.mailbox, 0) + self._new[row.mailbox]
        self._quota.check_mailbox(waiting, used=used, kind=lane.kind, index=index)
        self._quota.check_lane(used, kind=lane.kind, index=index)
        self._seen[key] = digest
        self._new[row.mailbox] += 1
        self.used[lane] += 1
        expires = expiry_of(record.header.class_, now=self.now)
        seq = row.latest + self._new[row.mailbox]
        self.arrivals.append(Arrival(record, seq, digest, expires))
        self.reasons.append(Reason(row.mailbox, lane.kind, row.waiting))

    def _is_repeated(self, key: tuple[bytes, bytes], digest: bytes, *, index: int) -> bool:
        """Tell whether these bytes came before; other bytes under their id are a conflict."""
        known = self._seen.get(key)
        if known is not None and known != digest:
            raise RefusedError("conflict", index=index)
        return known is not None

    def _put_back(self, batch: Batch, begun: int) -> None:
        for arrival in self.arrivals[begun:]:
            header = arrival.record.header
            row = self._mailboxes[header.mailbox.value]
            del self._seen[row.mailbox, header.envelope_id.value]
            self._new[row.mailbox] -= 1
            self.used[self._lanes[row.agency, batch.lane]] -= 1
        del self.arrivals[begun:], self.reasons[begun:]
