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

from quietway_server.store.tables import ENVELOPE_TABLES, lanes, mailboxes, seen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Column, Connection, Select, Table
    from sqlalchemy.sql import ClauseElement

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


def write_insert(table: Table, *columns: str) -> str:
    """Write the insertion of these columns, in their order."""
    return write(insert(table), column_keys=columns)


REMEMBER: Final = write_insert(seen, "mailbox", "envelope_id", "record_hash", "expires_minute")
KEEP: Final = {
    of: write_insert(
        table,
        "mailbox",
        "seq",
        "envelope_id",
        "suite",
        "epoch",
        "withdraw_hash",
        "expires_minute",
        "sealed",
    )
    for of, table in ENVELOPE_TABLES.items()
}
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
