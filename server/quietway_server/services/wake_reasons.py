"""Why the readers of mailboxes are to be woken: envelopes came.

Rules: it is written in the commit that keeps the envelopes. Where nobody left an endpoint it costs
one look into an index for a whole group of batches, and nothing is written. Nothing of the reason
is kept but the time.

Spec: docs/spec/wake-ups.md, "When a wake-up is due".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_server.core.quota import CRISIS
from quietway_server.core.waking import CHANCES, wake_due

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quietway_schemas.instants import Instant
    from quietway_server.ports import Transaction


@dataclass(frozen=True, slots=True)
class Reason:
    """An envelope came: where, through which kind of lane, and how many waited there before."""

    mailbox: bytes
    kind: str
    waiting: int


def queue_for_arrivals(
    transaction: Transaction,
    reasons: Sequence[Reason],
    *,
    now: Instant,
    draw: Callable[[int], int],
) -> None:
    """Let the readers of these mailboxes be woken, those in a crisis at once.

    Args:
        transaction: The one that keeps the envelopes.
        reasons: What came.
        now: The time.
        draw: Gives a random number below another.
    """
    wakeable = transaction.find_wakeable({reason.mailbox for reason in reasons})
    due: dict[bytes, Instant] = {}
    for reason in reasons:
        if reason.mailbox not in wakeable:
            continue
        when = wake_due(
            is_crisis=reason.kind == CRISIS,
            waiting=reason.waiting,
            now=now,
            chance=draw(CHANCES),
        )
        due[reason.mailbox] = min(when, due.get(reason.mailbox, when))
    emptied = {reason.mailbox for reason in reasons if not reason.waiting}
    for when in sorted(set(due.values())):
        boxes = [of for of, its in due.items() if its == when]
        transaction.queue_wakes(boxes, due=when, emptied=emptied)
