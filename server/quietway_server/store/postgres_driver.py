"""Run statements for many rows on asyncpg's own calls.

Theory of operation: each statement is written in PostgreSQL's words once. Many keys or rows go over
in one statement, as one array for each column: a change is rewritten so that its values come out of
those arrays. New rows go in likewise: COPY would take two trips where this takes one.

Rules: values are always bound. The transaction has begun on this very connection. Of the rows of
one change no two may touch one row of the table.

Spec: docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BindParameter, Boolean, LargeBinary, String, column, func
from sqlalchemy.dialects.postgresql import ARRAY, asyncpg
from sqlalchemy.sql import visitors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Column, Table
    from sqlalchemy.sql import ClauseElement

    from quietway_server.store.postgres_session import Session

_DIALECT: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]  # it has no types of its own


class PostgresDriver:
    """Runs texts on the driver's own connection.

    Args:
        session: One on which a transaction has begun.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

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
            wanted: The keys, each once.
        """
        if not wanted:
            return ()
        arrays = [list(each) for each in zip(*wanted, strict=True)]
        return self._fetch(_write_search(columns, key), arrays)

    def ask(
        self, statement: ClauseElement, values: tuple[object, ...]
    ) -> Iterable[tuple[Any, ...]]:
        """Give the rows that a question finds."""
        return self._fetch(_write(statement), values)

    def change(self, statement: ClauseElement, rows: Sequence[tuple[object, ...]]) -> int:
        """Run a change for each of these rows of values; tell how many rows it changed."""
        if not rows:
            return 0
        if len(rows) == 1:
            return self._change(_write(statement), rows[0])
        arrays = [list(each) for each in zip(*rows, strict=True)]
        return self._change(_write_for_many(statement), arrays)

    def insert(self, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows, all at once.

        Args:
            table: The table.
            rows: Values in the order of its columns.
        """
        if rows:
            arrays = [list(each) for each in zip(*rows, strict=True)]
            self._change(_write_insert(table), arrays)

    def _fetch(self, text: str, values: Iterable[object]) -> Iterable[tuple[Any, ...]]:
        return self._session.run(self._session.raw.fetch(text, *values))

    def _change(self, text: str, values: Iterable[object]) -> int:
        # Such as "UPDATE 3".
        status = self._session.run(self._session.raw.execute(text, *values))
        return int(status.rpartition(" ")[2])


@cache
def _write(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=_DIALECT))


@cache
def _write_insert(table: Table) -> str:
    arrays = ", ".join(
        f"${at}::{_name_type(each)}[]" for at, each in enumerate(table.columns, start=1)
    )
    return f"INSERT INTO {table.name} SELECT * FROM unnest({arrays})"  # noqa: S608, names of our own tables


@cache
def _write_search(columns: tuple[Column[Any], ...], key: tuple[Column[Any], ...]) -> str:
    names = ", ".join(f"{each.table.name}.{each.name}" for each in columns)
    table = columns[0].table.name
    among = ", ".join(f"{each.table.name}.{each.name}" for each in key)
    arrays = ", ".join(f"${at}::{_name_type(each)}[]" for at, each in enumerate(key, start=1))
    return f"SELECT {names} FROM {table} WHERE ({among}) IN (SELECT * FROM unnest({arrays}))"  # noqa: S608, names of our own tables


def _name_type(of: Column[Any]) -> str:
    if isinstance(of.type, String):
        return "text"
    if isinstance(of.type, Boolean):
        return "boolean"
    return "bytea" if isinstance(of.type, LargeBinary) else "bigint"


@cache
def _write_for_many(statement: ClauseElement) -> str:
    """Let the values of a change come out of arrays, one for each value that it takes."""
    written: Any = statement.compile(dialect=_DIALECT)
    order = list(written.positiontup or ())
    kinds = {name: written.binds[name].type for name in order}
    arrays = [BindParameter(f"all_{name}", type_=ARRAY(kinds[name])) for name in order]
    given = func.unnest(*arrays).table_valued(
        *(column(name, kinds[name]) for name in order), name="given"
    )
    given = given.render_derived()

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, BindParameter) and element.key in kinds:
            return given.c[element.key]
        return None

    many: Any = visitors.replacement_traverse(statement, {}, replace)
    return str(many.compile(dialect=_DIALECT))
