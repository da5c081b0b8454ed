"""Look at a database without changing it: for the doctor, and for a report.

Rules: the file is opened for reading only. Counts leave here, and the head of the log, which is
public; no row does.

Spec: docs/reference/operating.md, "Doctor".
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlcipher3.dbapi2

from quietway_server.errors import StartError
from quietway_server.store.database import HEAD, PAGE_BYTES
from quietway_server.store.tables import metadata

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a database is like.

    Attributes:
        version: Of SQLite's library, or of PostgreSQL.
        pragmas: What durability stands on: name, as it is, as it must be.
        revision: Of its tables, or None.
        head: The newest revision that this program knows.
        is_whole: Whether its pages fit together.
        checkpoint: The signed head of the log; None where none was begun.
        rows: How many rows each table has.
    """

    version: str
    pragmas: tuple[tuple[str, object, object], ...]
    revision: str | None
    head: str
    is_whole: bool
    checkpoint: str | None
    rows: dict[str, int]

    @property
    def is_known(self) -> bool:
        """Whether the revision is not a later one than this program knows."""
        return self.revision is None or self.revision <= self.head


def inspect_database(database: Path) -> Inspection:
    """Look at a database.

    Raises:
        StartError: It can't be read.
    """
    try:
        with contextlib.closing(
            sqlcipher3.dbapi2.connect(f"file:{database}?mode=ro", uri=True)
        ) as connection:
            return _inspect(connection)
    except sqlcipher3.dbapi2.Error:
        raise StartError(
            f"The database {database} can't be read: check that it is a quietway relay's file, and"
            " that this user may read it."
        ) from None


def _inspect(connection: sqlcipher3.dbapi2.Connection) -> Inspection:
    def ask(statement: str) -> object:
        row = connection.execute(statement).fetchone()
        return None if row is None else row[0]

    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    revision = (
        ask("SELECT version_num FROM alembic_version") if "alembic_version" in tables else None
    )
    checkpoint = ask("SELECT checkpoint FROM log_head") if "log_head" in tables else None
    return Inspection(
        version=sqlcipher3.dbapi2.sqlite_version,
        pragmas=(
            ("journal_mode", ask("PRAGMA journal_mode"), "wal"),
            ("page_size", ask("PRAGMA page_size"), PAGE_BYTES),
        ),
        revision=None if revision is None else str(revision),
        head=HEAD,
        is_whole=ask("PRAGMA quick_check") == "ok",
        checkpoint=None if checkpoint is None else str(checkpoint),
        rows={
            name: int(str(ask(f'SELECT count(*) FROM "{name}"')))  # noqa: S608, a table's own name
            for name in sorted(table.name for table in metadata.sorted_tables)
            if name in tables
        },
    )
