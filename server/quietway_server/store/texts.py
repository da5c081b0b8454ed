"""The statements that run for every group of envelopes, as text for the driver.

Theory of operation: rows come by the hundred, and what SQLAlchemy does for each value of a row
costs more than the row. So these few are written by SQLAlchemy Core, once, and run with plain
tuples. Where a statement asks for many keys, one text serves up to a power of two of them: the last
key is repeated, which changes no answer.

Rules: values are always bound, never written into a text. Bytes, numbers and text go in and come
out as they are: a column of another type has no business here.

Spec: docs/decisions/relay-storage.md.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, insert, select, tuple_, update
from sqlalchemy.dialects import sqlite

from quietway_server.store.tables import lanes, mailboxes, seen

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
SEEN_KEY: Final = (seen.c.mailbox, seen.c.envelope_id)
LANE_KEY: Final = (lanes.c.agency, lanes.c.week, lanes.c.digest)


def write(statement: ClauseElement, **options: Any) -> str:  # as `compile` takes them
    """Write a statement as the driver takes it."""
    return str(statement.compile(dialect=sqlite.dialect(), **options))


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows, many with each statement.

    Between two statements the interpreter may let another thread go first, and it does.

    Args:
        connection: Where to insert.
        table: The table.
        rows: Values in the order of its columns, without a row id.
    """
    at = 0
    while at < len(rows):
        count = min(MOST_ROWS, 1 << (len(rows) - at).bit_length() - 1)
        values = tuple(chain.from_iterable(rows[at : at + count]))
        connection.exec_driver_sql(_write_insert(table, count), values)
        at += count


@cache
def _write_insert(table: Table, count: int) -> str:
    names = [column.name for column in table.columns if column.name != "id"]
    return write(insert(table).values([dict.fromkeys(names, 0)] * count))


MOVE: Final = write(
    update(mailboxes)
    .values(latest_seq=bindparam("latest"), waiting=mailboxes.c.waiting + bindparam("more"))
    .where(mailboxes.c.mailbox == bindparam("of"))
)
"""Takes (latest, more, mailbox)."""
COUNT: Final = write(
    update(lanes)
    .values(used=lanes.c.used + bindparam("more"))
    .where(*(column == bindparam(f"of_{column.name}") for column in LANE_KEY))
)
"""Takes (more, agency, week, digest)."""


def find_by_key(
    connection: Connection,
    columns: tuple[Column[Any], ...],
    key: tuple[Column[Any], ...],
    wanted: Collection[Sequence[object]],
) -> Iterable[tuple[Any, ...]]:
    """Give the rows with these keys.

    Args:
        connection: Where to ask.
        columns: What to give.
        key: The columns that the keys are made of.
        wanted: The keys.
    """
    if not wanted:
        return ()
    count = 1 << (len(wanted) - 1).bit_length()
    keys = [*wanted]
    keys += keys[-1:] * (count - len(keys))
    text = _write_search(columns, key, count)
    rows: Iterable[Any] = connection.exec_driver_sql(text, tuple(chain.from_iterable(keys)))
    return rows


@cache
def _write_search(
    columns: tuple[Column[Any], ...], key: tuple[Column[Any], ...], count: int
) -> str:
    nothing = [tuple(b"" for _ in key)] * count
    among = tuple_(*key).in_(nothing) if len(key) > 1 else key[0].in_([b""] * count)
    search: Select[Any] = select(*columns).where(among)
    return write(search, compile_kwargs={"render_postcompile": True})
