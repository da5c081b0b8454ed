"""Run statements as texts on SQLite's own cursor.

Theory of operation: each statement is written in SQLite's words once, and runs with plain tuples
within the transaction that SQLAlchemy has begun. Where a statement asks for many keys, one text
serves up to a power of two of them: the last key is repeated, which changes no answer.

Rules: values are always bound, never written into a text. Bytes, numbers and text go in and come
out as they are: a column of another type has no business here.

Spec: docs/decisions/relay-storage.md.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select, tuple_
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Column, Connection, Select, Table
    from sqlalchemy.sql import ClauseElement

MOST_ROWS: Final = 32


class SqliteDriver:
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
        values = tuple(chain.from_iterable(keys))
        self._cursor.execute(_write_search(columns, key, count), values)
        return self._cursor.fetchall()

    def ask(
        self, statement: ClauseElement, values: tuple[object, ...]
    ) -> Iterable[tuple[Any, ...]]:
        """Give the rows that a question finds."""
        self._cursor.execute(_write(statement), values)
        return self._cursor.fetchall()

    def change(self, statement: ClauseElement, rows: Sequence[tuple[object, ...]]) -> int:
        """Run a change for each of these rows of values; tell how many rows it changed."""
        self._cursor.executemany(_write(statement), rows)
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
def _write(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=sqlite.dialect()))


@cache
def _write_insert(table: Table, count: int) -> str:
    names = [column.name for column in table.columns]
    # A row that breaks a rule undoes the whole transaction, so that SQLite need not keep a copy of
    # each page for undoing this one statement.
    rows = insert(table).prefix_with("OR FAIL").values([dict.fromkeys(names, 0)] * count)
    return str(rows.compile(dialect=sqlite.dialect()))


@cache
def _write_search(
    columns: tuple[Column[Any], ...], key: tuple[Column[Any], ...], count: int
) -> str:
    nothing = [tuple(b"" for _ in key)] * count
    among = tuple_(*key).in_(nothing) if len(key) > 1 else key[0].in_([b""] * count)
    search: Select[Any] = select(*columns).where(among)
    options = {"render_postcompile": True}
    return str(search.compile(dialect=sqlite.dialect(), compile_kwargs=options))
