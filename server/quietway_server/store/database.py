"""Open the SQLite file of a relay, and refuse one that could lose what was accepted.

Rules: SQLite comes from `sqlcipher3` (no key: the rows are sealed already), because the SQLite of
many systems can corrupt a WAL. What makes an accepted envelope durable (WAL, synchronous FULL) and
a deleted one gone (secure_delete) is set on each connection and then read back; a difference stops
the relay at its start.

Spec: docs/spec/relay-protocol.md, "Ground rules"; docs/decisions/relay-storage.md.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

import sqlcipher3.dbapi2
from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from quietway_server.errors import (
    StartError,
    StatementFailedError,
    StorageBusyError,
    StorageFailedError,
    StorageFullError,
    StoreError,
)
from quietway_server.store.soundness import damaged
from quietway_server.store.tables import feed, metadata

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

OLDEST_SQLITE: Final = (3, 51, 3)
PAGE_BYTES: Final = 8192
HEAD: Final = "0007"
READING: Final = "quietway_reading"
_SQLITE_FULL: Final = 13
_SQLITE_CORRUPT: Final = 11
_SQLITE_DAMAGED: Final = frozenset({_SQLITE_CORRUPT, 26})
# Held by another, or no file left to open it with: what was not begun can be begun again.
_SQLITE_HELD: Final = frozenset({5, 6, 14})
# Wrong SQL, too big, against a constraint, of another type, misused, out of range.
_SQLITE_BUG: Final = frozenset({1, 18, 19, 20, 21, 25})
_BUSY_MS: Final = 5000
# Bytes go in as they are. Without this the driver asks each value in vain whether it adapts itself,
# which costs more than storing it.
sqlcipher3.dbapi2.register_adapter(bytes, bytes)
_SETTLED: Final = (
    ("journal_mode", "wal"),
    ("synchronous", 2),
    ("secure_delete", 1),
    ("page_size", PAGE_BYTES),
)


def open_engine(path: Path, *, max_bytes: int | None = None) -> Engine:
    """Open the database file, creating it where it is missing.

    Args:
        path: The file; its folder must exist.
        max_bytes: The most that the file may grow to; None for no limit but the disk.

    Raises:
        StartError: SQLite is too old, the file can't be written, or a setting did not take.
    """
    _check_version(sqlcipher3.dbapi2.sqlite_version_info)
    engine = create_engine(
        f"sqlite:///{path}",
        module=sqlcipher3.dbapi2,
        connect_args={"isolation_level": None, "timeout": _BUSY_MS / 1000},
        pool_size=4,
        hide_parameters=True,
    )
    event.listen(engine, "connect", lambda raw, _record: _settle(raw, max_bytes))
    event.listen(engine, "begin", _begin)
    try:
        with engine.connect() as connection:
            check_settings(connection)
    except DBAPIError as error:
        engine.dispose()
        if is_cut_short(error.orig):
            raise damaged(path) from None
        raise StartError(
            f"The database {path} can't be opened for writing: check that it is a quietway relay's"
            " file and that this user owns it and its folder."
        ) from None
    return engine


def check_settings(connection: Connection) -> None:
    """Read back what durability and erasure stand on.

    Raises:
        StartError: A setting did not take.
    """
    for name, wanted in _SETTLED:
        found = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        if found != wanted:
            raise StartError(
                f"SQLite's {name} is {found!r} and must be {wanted!r}: keep the database on a local"
                " disk that allows it, or start with a new file."
            )


def prepare_schema(engine: Engine) -> None:
    """Bring the tables to this version: make them in a new file, migrate those of an older one.

    Raises:
        StartError: The file was written by a newer relay.
    """
    with engine.begin() as connection:
        prepare_tables(connection)


def prepare_tables(connection: Connection) -> None:
    """Make the tables in an empty database, or migrate them, within a transaction that has begun.

    Raises:
        StartError: They were written by a newer relay.
    """
    revision = find_revision(connection)
    if revision is None and not inspect(connection).get_table_names():
        _make_tables(connection)
    elif revision != HEAD:
        # Alembic takes longer to import than the relay to start, and is hardly ever needed.
        importlib.import_module("quietway_server.store.upgrade").upgrade(connection)


def find_revision(connection: Connection) -> str | None:
    """Name the revision that the file's tables have; None where it was never written down."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def count_pages(count: int) -> int:
    """Tell how many pages so many bytes are; at least one."""
    return max(count // PAGE_BYTES, 1)


def as_store_error(error: BaseException | None) -> StoreError:
    """Tell what passes (full, held by another, a bug) from a failure of the disk, which does not.

    Args:
        error: What the database's driver raised.
    """
    code = getattr(error, "sqlite_errorcode", None)
    # The low byte is the kind of the error; the rest says where it happened.
    kind = code & 0xFF if isinstance(code, int) else None
    if kind == _SQLITE_FULL:
        return StorageFullError()
    if kind in _SQLITE_BUG:
        return StatementFailedError()
    return StorageBusyError() if kind in _SQLITE_HELD else StorageFailedError()


def is_cut_short(error: BaseException | None) -> bool:
    """Tell whether a database is one of SQLite's, and not whole."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF == _SQLITE_CORRUPT


def is_damage(error: BaseException | None) -> bool:
    """Tell whether the file is not what SQLite wrote."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _SQLITE_DAMAGED


def _check_version(found: tuple[int, ...]) -> None:
    if found < OLDEST_SQLITE:
        raise StartError(
            f"SQLite {'.'.join(map(str, found))} can corrupt its write-ahead log: install"
            " sqlcipher3 0.6.4 or newer."
        )


def _settle(raw: Any, max_bytes: int | None) -> None:  # the DB-API has no type of its own
    cursor = raw.cursor()
    for pragma in (
        f"page_size={PAGE_BYTES}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "trusted_schema=OFF",
        "cell_size_check=ON",
        "temp_store=MEMORY",
        *([f"max_page_count={count_pages(max_bytes)}"] if max_bytes else []),
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get(READING, False)
    connection.connection.cursor().execute("BEGIN" if reading else "BEGIN IMMEDIATE")


def _make_tables(connection: Connection) -> None:
    metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE nonces SET UNLOGGED"))
    connection.execute(feed.insert().values(id=1, latest_change=0))
    connection.execute(
        text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    )
    connection.execute(
        text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD}
    )
