"""The statements that run for every group of envelopes, as text for the driver.

Theory of operation: rows come by the hundred and groups by the hundred a second, and what
SQLAlchemy does for each value and each statement costs more than the work. So these few are written
by SQLAlchemy Core, once, and run on the driver's own cursor with plain tuples, within the
transaction that SQLAlchemy has begun. Where a statement asks for many keys, one text serves up to a
power of two of them: the last key is repeated, which changes no answer.

Rules: values are always bound, never written into a text. Bytes, numbers and text go in and come
out as they are: a column of another type has no business here.

Spec: docs/decisions/relay-storage.md.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.dialects import sqlite

from quietway_server.store.tables import ENVELOPE_TABLES, devices, lanes, mailboxes, seen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Column, Connection, Select, Table
    from sqlalchemy.sql import ClauseElement

MOST_ROWS: Final = 32
MAILBOX_COLUMNS: Final = (
    mailboxes.c.mailbox,
    mailboxes.c.agency,
    mailboxes.c.latest_seq,
    mailboxes.c.acknowledged_seq,
    mailboxes.c.waiting,
    mailboxes.c.witness,
    mailboxes.c.witness_changed,
)
DEVICE_COLUMNS: Final = (
    devices.c.device,
    devices.c.agency,
    devices.c.mailbox,
    devices.c.identity_key,
    devices.c.listen_key,
)
SEEN_KEY: Final = (seen.c.mailbox, seen.c.envelope_id)
LANE_KEY: Final = (lanes.c.agency, lanes.c.week, lanes.c.digest)


def write(statement: ClauseElement, **options: Any) -> str:  # as `compile` takes them
    """Write a statement as the driver takes it."""
    return str(statement.compile(dialect=sqlite.dialect(), **options))


ARRIVED: Final = write(
    update(mailboxes)
    .values(latest_seq=bindparam("latest"), waiting=mailboxes.c.waiting + bindparam("more"))
    .where(mailboxes.c.mailbox == bindparam("of"))
)
"""Takes (latest, more, mailbox)."""
USED: Final = write(
    update(lanes)
    .values(used=lanes.c.used + bindparam("more"))
    .where(*(column == bindparam(f"of_{column.name}") for column in LANE_KEY))
)
"""Takes (more, agency, week, digest)."""
AFTER: Final = {
    of: write(
        select(table.c.seq, table.c.suite, table.c.epoch, table.c.envelope_id, table.c.sealed)
        .where(table.c.mailbox == bindparam("of"), table.c.seq > bindparam("after"))
        .order_by(table.c.seq)
        .limit(bindparam("most"))
    )
    for of, table in ENVELOPE_TABLES.items()
}
"""Takes (mailbox, after, most, 0)."""
DONE_WITH: Final = tuple(
    write(
        delete(table).where(
            table.c.mailbox == bindparam("of"),
            table.c.seq >= bindparam("low"),
            table.c.seq <= bindparam("high"),
        )
    )
    for table in ENVELOPE_TABLES.values()
)
"""Takes (mailbox, lowest number, highest number)."""
TAKEN_BACK: Final = tuple(
    write(
        delete(table).where(
            table.c.mailbox == bindparam("of"),
            table.c.seq == bindparam("number"),
            table.c.envelope_id == bindparam("named"),
            table.c.withdraw_hash == bindparam("digest"),
        )
    )
    for table in ENVELOPE_TABLES.values()
)
"""Takes (mailbox, number, envelope id, withdraw hash)."""
ACKNOWLEDGED: Final = write(
    update(mailboxes)
    .values(
        acknowledged_seq=func.max(
            mailboxes.c.acknowledged_seq, func.min(mailboxes.c.latest_seq, bindparam("highest"))
        ),
        waiting=mailboxes.c.waiting - bindparam("gone"),
    )
    .where(mailboxes.c.mailbox == bindparam("of"))
)
"""Takes (highest, gone, mailbox)."""


class Driver:
    """Runs texts on the driver's own cursor.

    Args:
        connection: One on which a transaction has begun.
    """

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.connection.cursor()

    def find(
        self,
        columns: tuple[Column[Any], ...],
        key: tuple[Column[Any], ...],
        wanted: Collection[Sequence[object]],
    ) -> Iterable[tuple[Any, ...]]:
        """Give the rows with these keys.

        Args:
            columns: What to give.
            key: The columns that the keys are made of.
            wanted: The keys.
        """
        if not wanted:
            return ()
        count = 1 << (len(wanted) - 1).bit_length()
        keys = [*wanted]
        keys += keys[-1:] * (count - len(keys))
        return self.ask(_write_search(columns, key, count), tuple(chain.from_iterable(keys)))

    def ask(self, text: str, values: tuple[object, ...]) -> Iterable[tuple[Any, ...]]:
        """Give the rows that a question finds."""
        self._cursor.execute(text, values)
        return self._cursor.fetchall()

    def change(self, text: str, rows: Sequence[tuple[object, ...]]) -> int:
        """Run a change for each of these rows of values; tell how many rows it changed."""
        self._cursor.executemany(text, rows)
        return int(self._cursor.rowcount)

    def insert(self, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows, many with each statement.

        Between two statements the interpreter may let another thread go first, and it does.

        Args:
            table: The table.
            rows: Values in the order of its columns.
        """
        at = 0
        while at < len(rows):
            count = min(MOST_ROWS, 1 << (len(rows) - at).bit_length() - 1)
            values = tuple(chain.from_iterable(rows[at : at + count]))
            self._cursor.execute(_write_insert(table, count), values)
            at += count


@cache
def _write_insert(table: Table, count: int) -> str:
    names = [column.name for column in table.columns]
    # A row that breaks a rule undoes the whole transaction, so that SQLite need not keep a copy of
    # each page for undoing this one statement.
    rows = insert(table).prefix_with("OR FAIL").values([dict.fromkeys(names, 0)] * count)
    return write(rows)


@cache
def _write_search(
    columns: tuple[Column[Any], ...], key: tuple[Column[Any], ...], count: int
) -> str:
    nothing = [tuple(b"" for _ in key)] * count
    among = tuple_(*key).in_(nothing) if len(key) > 1 else key[0].in_([b""] * count)
    search: Select[Any] = select(*columns).where(among)
    return write(search, compile_kwargs={"render_postcompile": True})
