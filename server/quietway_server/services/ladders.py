"""Let something happen to a ladder, within one transaction.

Theory of operation: what a ladder becomes, and what has to be done for it, is said by `core.holds`.
Here it is done: alerts that were held are given the next numbers of their mailboxes, claims are
delivered, wake-ups are queued, and the new state is kept, all in the one commit. So whoever comes
second, in another thread or at another relay, finds it done; and whoever dies before the end has
done nothing.

Rules: nothing is refused for want of room here, because what was accepted is released. A mailbox
that is gone is passed over.

Spec: docs/spec/holds.md, "Release", "Claim", "Removal of devices".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_schemas.envelope import EnvelopeClass
from quietway_server.core.holds import (
    LIFE_MS,
    DeliverClaim,
    DropPlaces,
    Forget,
    Looked,
    Release,
    Removed,
    age_of,
    release_expiry,
    step,
)
from quietway_server.core.retention import expiry_of
from quietway_server.rows import Arrival

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_schemas.instants import Instant
    from quietway_server.core.holds import Effect, Ladder
    from quietway_server.ports import Transaction


@dataclass(frozen=True, slots=True)
class Found:
    """What a look came to: what arrived, and how late each tier was that went, in milliseconds."""

    arrived: tuple[Arrival, ...] = ()
    late_ms: tuple[int, ...] = ()


def look(transaction: Transaction, hold: bytes, *, now: Instant, elapsed_ms: int = 0) -> Found:
    """Release what is due of a ladder, or forget one that is over."""
    before = transaction.find_hold(hold)
    after, effects = step(before, Looked(now, elapsed_ms))
    if before is None or after is before:
        return Found()
    age = age_of(before, now=now, elapsed_ms=elapsed_ms)
    released = [effect.tier for effect in effects if isinstance(effect, Release)]
    arrived = carry_out(transaction, hold, before, after, effects, now=now)
    return Found(tuple(arrived), tuple(age - before.tiers[tier].due_ms for tier in released))


def close_mailboxes(
    transaction: Transaction, mailboxes: frozenset[bytes], *, now: Instant
) -> list[Arrival]:
    """Take mailboxes that are closed off all ladders; give what arrived elsewhere because of it."""
    arrived: list[Arrival] = []
    for hold in transaction.find_holds_of(mailboxes):
        before = transaction.find_hold(hold)
        after, effects = step(before, Removed(mailboxes))
        if before is not None and after is not before:
            arrived += carry_out(transaction, hold, before, after, effects, now=now)
    return arrived


def carry_out(
    transaction: Transaction,
    hold: bytes,
    before: Ladder,
    after: Ladder | None,
    effects: Sequence[Effect],
    *,
    now: Instant,
    words: Sequence[SubmissionRecord] = (),
) -> list[Arrival]:
    """Do what a step says, and keep what it makes of a ladder.

    Args:
        transaction: The writing transaction.
        hold: The ladder's id.
        before: The ladder as it was.
        after: What it becomes; None to forget it.
        effects: What is to be done, in this order.
        now: Wall time.
        words: The records of the claim, where there is one; they are remembered already.

    Returns:
        What arrived.
    """
    if after is not None:
        transaction.keep_hold(hold, after, due_ms=next_look(after))
    emptied = find_emptied(transaction, before.mailboxes) if effects else frozenset()
    arrived: list[Arrival] = []
    for effect in effects:
        match effect:
            case Release(tier=tier, mailboxes=mailboxes, wake_in_ms=wake_in_ms):
                alerts = transaction.take_alerts(hold, tier)
                arrived += deliver(transaction, alerts, expires=release_expiry(before, now=now))
                transaction.queue_wakes(mailboxes, due=now + wake_in_ms, emptied=emptied)
                # One tier's wake-up is not over because the next tier's comes beside it.
                emptied -= mailboxes
            case DeliverClaim():
                expires = expiry_of(EnvelopeClass.FLASH, now=now)
                arrived += deliver(transaction, words, expires=expires)
            case DropPlaces(mailboxes=mailboxes):
                transaction.drop_places(hold, mailboxes)
            case Forget():
                transaction.forget_hold(hold)
    return arrived


def deliver(
    transaction: Transaction, records: Collection[SubmissionRecord], *, expires: Instant
) -> list[Arrival]:
    """Give records that are remembered already the next numbers of their mailboxes."""
    rows = transaction.find_mailboxes({record.header.mailbox.value for record in records})
    latest = {mailbox: row.latest for mailbox, row in rows.items()}
    arrivals: list[Arrival] = []
    for record in records:
        mailbox = record.header.mailbox.value
        if mailbox in latest:
            latest[mailbox] += 1
            arrivals.append(Arrival(record, latest[mailbox], b"", expires))
    transaction.deliver(arrivals)
    return arrivals


def find_emptied(transaction: Transaction, mailboxes: Collection[bytes]) -> frozenset[bytes]:
    """Give those mailboxes in which nothing waits."""
    rows = transaction.find_mailboxes(mailboxes)
    return frozenset(mailbox for mailbox, row in rows.items() if not row.waiting)


def next_look(ladder: Ladder) -> int:
    """Tell at which age somebody must look at a ladder, in milliseconds."""
    held = [tier.due_ms for tier in ladder.tiers if not tier.is_released]
    return min(held, default=LIFE_MS)
