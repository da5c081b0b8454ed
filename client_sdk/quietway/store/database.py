"""Opens the encrypted database file, and translates what can go wrong with it.

SQLCipher encrypts every page of the database and its journal under a raw 32-byte key. The settings
that durability and erasure rest on (`WAL`, `FULL`, `secure_delete`) are set here and read back: a
build that ignores one is refused. SQLCipher's own log is switched off, since it would name files
and errors outside our folder.

Spec: docs/decisions/one-row-store.md.
"""

from __future__ import annotations

import os
from binascii import hexlify
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool
from sqlcipher3 import dbapi2

from quietway.errors import StorageFull, StoreDamaged
from quietway.files import PRIVATE_FILE, telling_full_disk
from quietway.store import DATABASE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from quietway_crypto.secret import Secret

_Result = TypeVar("_Result")
PART: Final = "store"
_FULL_TEXT: Final = "full"
_SETTINGS: Final = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("secure_delete", "ON", 1),
    ("temp_store", "MEMORY", 2),
)


def open_engine(folder: Path, *, key: Secret) -> Engine:
    """Open the database of a folder, and make the file where there is none.

    Args:
        folder: The device's folder; its lock must be held.
        key: 32 bytes.

    Raises:
        StoreDamaged: The file is no database under this key.
        StorageFull: There is no room.
    """
    path = folder / DATABASE_FILE
    _make_private_file(path)
    # One connection for good, used by one thread at a time: the store's own.
    engine = create_engine(
        "sqlite://",
        module=dbapi2,
        creator=lambda: _connect(path, key),
        poolclass=StaticPool,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)
    translating(lambda: engine.connect().close())
    return engine


def gather_into_one_file(engine: Engine) -> None:
    """Bring what stands in the journal into the database file, so that a copy of it is whole."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def translating(work: Callable[[], _Result]) -> _Result:
    """Do something with the database, and turn its errors into ours.

    Nothing of theirs is kept, as text or as cause: they quote what was written.

    Raises:
        StorageFull, StoreDamaged: In place of what the database said.
    """
    try:
        return work()
    except DatabaseError as failed:
        named = _name(failed.orig)
    except dbapi2.DatabaseError as failed:
        named = _name(failed)
    # Raised out here: the database's own error holds the rows, and would be our error's context.
    raise named


def _name(failed: BaseException | None) -> StorageFull | StoreDamaged:
    # sqlcipher3 has no error codes; this is the text of SQLITE_FULL in every version of SQLite.
    full = isinstance(failed, dbapi2.OperationalError) and _FULL_TEXT in str(failed)
    return StorageFull() if full else StoreDamaged(PART)


def _connect(path: Path, key: Secret) -> dbapi2.Connection:
    connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA cipher_log_level = NONE")
        _give_key(connection, key)
        _demand_settings(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _give_key(connection: dbapi2.Connection, key: Secret) -> None:
    # The raw form: SQLCipher derives nothing, since the key is random already. No statement, whose
    # text would stay in memory; what is handed over is cleared.
    raw_form = bytearray(b"x'" + hexlify(key.reveal()) + b"'")
    connection.set_key(raw_form)
    raw_form[:] = bytes(len(raw_form))


def _demand_settings(connection: dbapi2.Connection) -> None:
    for name, value, expected in _SETTINGS:
        connection.execute(f"PRAGMA {name} = {value}")
        if connection.execute(f"PRAGMA {name}").fetchone()[0] != expected:
            raise StoreDamaged(PART)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _make_private_file(path: Path) -> None:
    # The journal files take their mode from this one.
    with telling_full_disk():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
