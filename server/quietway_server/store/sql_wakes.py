"""Where devices are woken and who is to be woken, in the tables of any SQL database.

Rules: as for the store as a whole. A wake-up is claimed by moving its due time, in a commit before
anything is sent; where several relays share one database each row is claimed by one of them.

Spec: docs/spec/wake-ups.md, "When a wake-up is due" and "Trying, and trying again".
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, or_, select, update

from quietway_schemas.instants import SECOND, Instant
from quietway_server.core.waking import LONGEST_WAIT_MS, NO_MAILBOX
from quietway_server.rows import DueWake
from quietway_server.store.tables import mailboxes, pending_wakes, wake_endpoints

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement

    from quietway_server.store.statements import Connection, Driver

WAKE_ID_BYTES: Final = 16
_ENDPOINT_KEY: Final = (wake_endpoints.c.mailbox,)


class SqlWakes:
    """The wake-ups' part of a transaction."""

    _connection: Connection
    _driver: Driver

    def replace_endpoints(self, mailbox: bytes, sealed: bytes | None) -> None:
        """Put a mailbox's endpoints in the place of those before; None takes them away."""
        self._connection.execute(delete(wake_endpoints).where(wake_endpoints.c.mailbox == mailbox))
        if sealed is None:
            self._connection.execute(
                delete(pending_wakes).where(pending_wakes.c.mailbox == mailbox)
            )
            return
        self._connection.execute(insert(wake_endpoints).values(mailbox=mailbox, sealed=sealed))

    def find_wakeable(self, wanted: Collection[bytes]) -> set[bytes]:
        """Tell which of these mailboxes have endpoints. It looks into the index alone."""
        rows = self._driver.find(_ENDPOINT_KEY, _ENDPOINT_KEY, [(of,) for of in wanted])
        return {bytes(row[0]) for row in rows}

    def find_any_endpoints(self) -> tuple[bytes, bytes] | None:
        """Give a mailbox that has endpoints, and these; None where none has."""
        row = self._connection.execute(select(wake_endpoints).limit(1)).first()
        return None if row is None else (bytes(row.mailbox), bytes(row.sealed))

    def forget_endpoints(self) -> int:
        """Take away all endpoints and pending wake-ups; tell how many mailboxes had some."""
        self._connection.execute(delete(pending_wakes))
        self.replace_endpoints(NO_MAILBOX, None)
        return int(self._connection.execute(delete(wake_endpoints)).rowcount)

    def queue_wakes(
        self, mailboxes: Collection[bytes], *, due: Instant, emptied: Collection[bytes] = ()
    ) -> None:
        """Let mailboxes be woken at a time; one pending each, the earlier time counts."""
        wanted = self.find_wakeable(mailboxes)
        if not wanted:
            return
        second = _round_up(due)
        of, when = pending_wakes.c.mailbox, pending_wakes.c.due_second
        if over := wanted.intersection(emptied):
            self._connection.execute(delete(pending_wakes).where(of.in_(over)))
        self._connection.execute(
            update(pending_wakes).where(of.in_(wanted), when > second).values(due_second=second)
        )
        held = self._connection.execute(select(of).where(of.in_(wanted))).scalars()
        new = sorted(wanted - {bytes(mailbox) for mailbox in held})
        if new:
            self._connection.execute(insert(pending_wakes), [_new_row(box, second) for box in new])

    def claim_wakes(self, *, now: Instant, until: Instant, limit: int) -> list[DueWake]:
        """Take wake-ups that are due; drop those of mailboxes in which nothing waits."""
        rows = self._connection.execute(
            select(pending_wakes, wake_endpoints.c.sealed, mailboxes.c.waiting)
            .join(wake_endpoints, wake_endpoints.c.mailbox == pending_wakes.c.mailbox)
            .join(mailboxes, mailboxes.c.mailbox == pending_wakes.c.mailbox)
            .where(_is_due(now))
            .order_by(pending_wakes.c.due_second)
            .limit(limit)
            # Several relays take different rows; SQLite, with one writer, leaves this out.
            .with_for_update(of=pending_wakes, skip_locked=True)
        ).all()
        dropped = [row.mailbox for row in rows if row.waiting <= 0]
        second = _round_up(until)
        self._connection.execute(delete(pending_wakes).where(pending_wakes.c.mailbox.in_(dropped)))
        claimed = [row for row in rows if row.waiting > 0]
        self._connection.execute(
            update(pending_wakes)
            .where(pending_wakes.c.mailbox.in_([row.mailbox for row in claimed]))
            .values(due_second=second)
        )
        return [
            DueWake(
                bytes(row.mailbox),
                bytes(row.wake_id),
                row.attempt,
                bool(row.taken),
                bytes(row.sealed),
                second * SECOND,
            )
            for row in claimed
        ]

    def settle_wake(self, wake: DueWake, *, due: Instant | None) -> None:
        """Write down what became of a wake-up that was claimed; one that is due anew stays so."""
        until = wake.until // SECOND
        when = pending_wakes.c.due_second
        mine = (pending_wakes.c.mailbox == wake.mailbox, pending_wakes.c.wake_id == wake.wake_id)
        if due is None:
            self._connection.execute(delete(pending_wakes).where(*mine, when == until))
            anew = {"attempt": 0, "taken": False, "wake_id": secrets.token_bytes(WAKE_ID_BYTES)}
            self._connection.execute(
                update(pending_wakes).where(*mine, when < until).values(**anew)
            )
            return
        tried = {"attempt": wake.attempt, "taken": wake.taken}
        again = update(pending_wakes).where(*mine)
        self._connection.execute(again.where(when < until).values(**tried))
        self._connection.execute(
            again.where(when == until).values(**tried, due_second=_round_up(due))
        )

    def count_due_wakes(self, *, now: Instant) -> int:
        """Count the wake-ups whose time has come."""
        return int(
            self._connection.execute(
                select(func.count()).select_from(pending_wakes).where(_is_due(now))
            ).scalar_one()
        )


def _is_due(now: Instant) -> ColumnElement[bool]:
    when = pending_wakes.c.due_second
    # Nothing is put off for so long: the clock stood ahead when it was written, and was put back.
    return or_(when <= now // SECOND, when > (now + LONGEST_WAIT_MS) // SECOND)


def _round_up(instant: Instant) -> int:
    return -(-instant // SECOND)


def _new_row(mailbox: bytes, second: int) -> dict[str, Any]:  # each column has its own type
    return {
        "mailbox": mailbox,
        "wake_id": secrets.token_bytes(WAKE_ID_BYTES),
        "due_second": second,
        "attempt": 0,
        "taken": False,
    }
