"""Take ladders of alerts, and the claims that stop them.

Theory of operation: a ladder is judged by the same ledger as any batch of envelopes, as if all its
alerts were sent now; those of a tier that is due at once are, the others are held. A claim needs no
lane: whoever shows the secret of a place could open an alert. What comes of either is one commit.

Rules: every check runs before the first write. Who may not, and what is not there, look alike. The
same bytes again are answered like the first time, and do nothing again. Nothing records which lane
a ladder came through.

Spec: docs/spec/holds.md, "The ladder", "Claim".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from quietway_crypto.encoding import TAG_CANCEL, hash_tagged
from quietway_crypto.lanes import hash_capability
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.holds import Claim, Ladder
from quietway_schemas.instants import SECOND
from quietway_server.core.holds import (
    Claimed,
    Place,
    Placed,
    Tier,
    Use,
    is_first,
    release_expiry,
    step,
)
from quietway_server.core.retention import expiry_of
from quietway_server.core.soundness import hash_record
from quietway_server.errors import RefusedError
from quietway_server.metrics import count
from quietway_server.rows import Arrival, HeldAlert
from quietway_server.services.ingest import Batch, Ledger
from quietway_server.services.ladders import carry_out, deliver, find_emptied, next_look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_server.core.capacity import Urgent
    from quietway_server.core.quota import Quota
    from quietway_server.ports import Clock, Delivery, Transaction
    from quietway_server.services.escalator import Escalator
    from quietway_server.services.ingest import Ingest
    from quietway_server.services.reader import Reader
    from quietway_server.services.writer import Writer


@dataclass(frozen=True, slots=True)
class Holds:
    """Accepts ladders and claims."""

    writer: Writer
    delivery: Delivery
    clock: Clock
    quota: Quota
    escalator: Escalator
    ingest: Ingest
    reader: Reader

    async def place(
        self, capability: bytes, hold: bytes, body: bytes, *, urgent: Urgent | None = None
    ) -> int:
        """Take a ladder durably; what is due at once has arrived then.

        Args:
            capability: Opens a lane of all its mailboxes.
            hold: Its id, 16 bytes.
            body: The ladder, packed.
            urgent: What the capability opens, where that is for alarms.

        Returns:
            How many places it has.

        Raises:
            EnvelopeError: It does not have the one form.
            RefusedError: `not_found`, `conflict`, `mailbox_full`, `over_quota`, `overloaded`.
            StoreError: Nothing was stored.
        """
        ladder = Ladder.unpack(body)
        placing = _Placing.of(hold, ladder, body=body, lane=hash_capability(capability))
        work = partial(self._place, placing=placing)
        # Where the disk is full, an alarm may use what is set aside.
        alarm = partial(self.ingest.is_alarm, batch=placing.batch)
        arrived = await self.writer.write(work, body_bytes=len(body), urgent=urgent, alarm=alarm)
        self._wake(arrived)
        count("ladders_accepted")
        self.escalator.notice()
        return len(ladder.places)

    async def claim(self, hold: bytes, body: bytes) -> bool:
        """Take a claim durably: its words, and then all that is held, have arrived.

        Args:
            hold: The ladder's id.
            body: The claim, packed.

        Returns:
            Whether it is the first one.

        Raises:
            EnvelopeError: It does not have the one form.
            RefusedError: `not_found`, `conflict`, `over_quota`, `overloaded`.
            StoreError: Nothing was stored.
        """
        claiming = _Claiming(
            hold, Claim.unpack(body), hashlib.sha256(body).digest(), self.escalator.elapsed(hold)
        )
        # Who shows nothing that stops something takes nobody's turn, and no reserve; and a claim
        # that was taken is answered out of what stands there, however often it comes.
        is_known, answer = await self.reader.read(partial(_look_up, claiming=claiming))
        if answer is not None:
            return answer
        first, arrived = await self.writer.write(
            partial(self._claim, claiming=claiming),
            body_bytes=len(body),
            goes_first=is_known,
            alarm=lambda _: is_known,
        )
        self._wake(arrived)
        count("holds_claimed", int(first and bool(arrived)))
        return first

    def _place(self, transaction: Transaction, placing: _Placing) -> list[Arrival]:
        """Run in the writing thread."""
        now = self.clock.now()
        before = transaction.find_hold(placing.hold)
        if before is not None and before.key == placing.key:
            return []
        ledger = Ledger(transaction, [placing.batch], quota=self.quota, now=now)
        # What came before, by another door, is there already: it is neither sent nor held again.
        new = ledger.take(placing.batch)
        state, _ = step(before, Placed(placing.key, placing.tiers, now))
        assert state is not None  # noqa: S101, placing makes a ladder, or refuses
        transaction.count_uses({lane: used for lane, used in ledger.used.items() if used})
        transaction.remember(new)
        transaction.keep_hold(placing.hold, state, due_ms=next_look(state))
        alerts = placing.assign({arrival.record for arrival in new})
        transaction.hold_alerts(
            placing.hold, [alert for alert in alerts if not state.tiers[alert.tier].is_released]
        )
        at_once = [alert.record for alert in alerts if state.tiers[alert.tier].is_released]
        emptied = find_emptied(transaction, state.mailboxes)
        arrived = deliver(transaction, at_once, expires=release_expiry(state, now=now))
        transaction.queue_wakes(
            {arrival.record.header.mailbox.value for arrival in arrived},
            due=now,
            emptied=emptied,
        )
        return arrived

    def _claim(self, transaction: Transaction, claiming: _Claiming) -> tuple[bool, list[Arrival]]:
        """Run in the writing thread."""
        now = self.clock.now()
        before = transaction.find_hold(claiming.hold)
        claimed = Claimed(claiming.secret, claiming.key, now, claiming.elapsed_ms)
        after, effects = step(before, claimed)
        assert before is not None  # noqa: S101, else it was refused
        assert after is not None  # noqa: S101, a claim makes nobody forget
        if after is before:
            return is_first(after, claiming.key), []
        new = _find_new(transaction, claiming.claim.records, before.mailboxes)
        expires = expiry_of(EnvelopeClass.FLASH, now=now)
        transaction.remember([Arrival(record, 0, hash_record(record), expires) for record in new])
        arrived = carry_out(transaction, claiming.hold, before, after, effects, now=now, words=new)
        return is_first(after, claiming.key), arrived

    def _wake(self, arrived: Sequence[Arrival]) -> None:
        for arrival in arrived:
            self.delivery.wake(arrival.record.header.mailbox.value, arrival.seq)


@dataclass(frozen=True, slots=True)
class _Placing:
    """A ladder on its way into the store.

    Attributes:
        hold: Its id.
        key: The hash of its body.
        batch: All its alerts, as the ledger judges them.
        tiers: As the core takes them.
        numbers: Of which tier each alert is.
    """

    hold: bytes
    key: bytes
    batch: Batch
    tiers: tuple[Tier, ...]
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, hold: bytes, ladder: Ladder, *, body: bytes, lane: bytes) -> _Placing:
        """Prepare a ladder, outside the writing thread."""
        return cls(
            hold,
            hashlib.sha256(body).digest(),
            Batch.of([place.record for place in ladder.places], lane=lane),
            tuple(
                Tier(
                    tier.due * SECOND,
                    tuple(
                        Place(place.record.header.mailbox.value, place.cancel_hash)
                        for place in tier.places
                    ),
                )
                for tier in ladder.tiers
            ),
            tuple(number for number, tier in enumerate(ladder.tiers) for _ in tier.places),
        )

    def assign(self, new: set[SubmissionRecord]) -> list[HeldAlert]:
        """Give those alerts that are new, each with its tier, lowest first."""
        pairs = zip(self.numbers, self.batch.records, strict=True)
        return [HeldAlert(number, record) for number, record in pairs if record in new]


@dataclass(frozen=True, slots=True)
class _Claiming:
    """A claim on its way into the store: for which ladder, the hash of its body, and its age."""

    hold: bytes
    claim: Claim
    key: bytes
    elapsed_ms: int

    @property
    def secret(self) -> bytes:
        """The cancel hash that it shows the preimage of."""
        return hash_tagged(TAG_CANCEL, self.claim.secret)


def _look_up(transaction: Transaction, *, claiming: _Claiming) -> tuple[bool, bool | None]:
    """Tell whether a claim shows what stops a ladder, and its answer where it was taken before."""
    held = transaction.find_hold(claiming.hold)
    if held is None or claiming.secret not in held.cancel_hashes:
        return False, None
    is_taken = Use(claiming.secret, claiming.key) in held.claims
    return True, is_first(held, claiming.key) if is_taken else None


def _find_new(
    transaction: Transaction, records: Sequence[SubmissionRecord], addressed: frozenset[bytes]
) -> list[SubmissionRecord]:
    """Leave out what goes to others than the ladder addresses, and what is there already.

    Raises:
        RefusedError: `conflict`: an envelope id came before with other bytes.
    """
    keys = [(record.header.mailbox.value, record.header.envelope_id.value) for record in records]
    seen = transaction.find_seen([key for key in keys if key[0] in addressed])
    new: list[SubmissionRecord] = []
    for index, (record, key) in enumerate(zip(records, keys, strict=True)):
        if key in seen and seen[key] != hash_record(record):
            raise RefusedError("conflict", index=index)
        if key not in seen and key[0] in addressed:
            new.append(record)
    return new
