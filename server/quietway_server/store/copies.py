"""Copies of the database: one that is taken while the relay serves, and one that is put back.

Rules: a copy appears under its name whole, durable, checked, and for this user alone, or not at
all. In a copy no row lies in the order in which it came. One that is put back says so: every
mailbox goes on from a number that no reader has seen, witnesses are forgotten, and so are one-time
codes, which may have been used since.

Spec: docs/spec/relay-protocol.md, "A store that was put back"; docs/reference/operating.md.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from typing import TYPE_CHECKING, Final

import sqlcipher3.dbapi2
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from quietway_server.errors import StartError
from quietway_server.store.database import find_revision, open_engine, prepare_schema
from quietway_server.store.key_file import sync_folder
from quietway_server.store.mixing import Counted, Fresh
from quietway_server.store.sql_operating import begin_era
from quietway_server.store.texts import SqliteDriver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from quietway_schemas.instants import Instant

_MIXED_ROWS: Final = 200
_BESIDE: Final = ("-wal", "-shm", "-journal")
FORMER: Final = "-before-restore"


def copy_database(database: Path, to: Path) -> int:
    """Copy a database, whether or not a relay serves it.

    Returns:
        How large the copy is, in bytes.

    Raises:
        StartError: It can't be copied; the sentence says what to do.
    """
    if not database.exists():
        raise StartError(f"There is no relay's database at {database}: name it with --database.")
    if to.exists():
        raise StartError(f"{to} is there already: choose another name for the backup.")
    with _drafting(to) as draft:
        _write_into(database, draft)
        with _open(draft) as engine:
            _mix(engine)
            _check(engine, draft)
        draft.chmod(0o600)
        _sync(draft)
        draft.replace(to)
        sync_folder(to)
    return to.stat().st_size


@contextlib.contextmanager
def drafted_restore(copy: Path, database: Path, *, now: Instant) -> Iterator[Path]:
    """Prepare a copy to be put back, beside the database; put it there when the context ends well.

    Args:
        copy: The backup, which stays as it is.
        database: Where it goes. What is there now is kept under `FORMER`.
        now: When it is put back.

    Yields:
        The database to be, migrated and marked; what is still done to it is kept.

    Raises:
        StartError: It can't be used; the sentence says what to do. Nothing was changed.
    """
    if not copy.is_file():
        raise StartError(f"There is no backup at {copy}: name the file that `backup` made.")
    with _drafting(database) as draft:
        shutil.copyfile(copy, draft)
        draft.chmod(0o600)
        try:
            with _open(draft) as engine:
                _check(engine, copy)
                prepare_schema(engine)
                _mark(engine, now)
        except StartError as error:
            # The draft has a name that the operator never saw.
            raise StartError(str(error).replace(str(draft), str(copy))) from None
        yield draft
        with _open(draft) as engine:
            _check(engine, copy)
        _sync(draft)
        _set_aside(database)
        draft.replace(database)
        sync_folder(database)


@contextlib.contextmanager
def _drafting(final: Path) -> Iterator[Path]:
    """Give a name for a file that becomes `final`, and leave nothing under it."""
    draft = final.with_name(f"{final.name}.{secrets.token_hex(8)}")
    try:
        yield draft
    except OSError as error:
        raise StartError(
            f"{final} can't be written ({error.strerror}): make room, or give this user the right"
            " to write there."
        ) from None
    finally:
        for ending in ("", *_BESIDE, "-reserve"):
            draft.with_name(draft.name + ending).unlink(missing_ok=True)


def _write_into(database: Path, draft: Path) -> None:
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.close(descriptor)
    connection = sqlcipher3.dbapi2.connect(str(database), isolation_level=None)
    try:
        # One consistent view, in the order of keys: no page tells what came when.
        connection.execute("VACUUM INTO ?", (str(draft),))
    except sqlcipher3.dbapi2.Error:
        raise StartError(
            f"The database {database} can't be copied: check that it is a quietway relay's file,"
            " that it is whole, and that there is room for the copy."
        ) from None
    finally:
        connection.close()


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Engine]:
    engine = open_engine(path)
    try:
        yield engine
        with contextlib.closing(engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()


def _mix(engine: Engine) -> None:
    moved = _MIXED_ROWS
    while moved >= _MIXED_ROWS:
        with engine.begin() as connection:
            driver = SqliteDriver(connection)
            fresh = Fresh(Counted(driver))
            moved = fresh.mix_envelopes(driver, now=None, limit=_MIXED_ROWS)


def _check(engine: Engine, named: Path) -> None:
    try:
        with engine.begin() as connection:
            found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            revision = find_revision(connection)
    except DBAPIError:
        found, revision = [], None
    if found != ["ok"] or revision is None:
        raise StartError(
            f"{named} is not a whole database of a quietway relay: use another copy, or check the"
            " disk that this one came from."
        )


def _mark(engine: Engine, now: Instant) -> None:
    with engine.begin() as connection:
        begin_era(connection, now)


def _set_aside(database: Path) -> None:
    """Keep what is there under another name, and leave no write-ahead log behind for the copy."""
    if not database.exists():
        return
    with contextlib.suppress(StartError), _open(database):
        pass  # opening and closing writes its log back
    former = database.with_name(database.name + FORMER)
    for ending in _BESIDE:
        beside = database.with_name(database.name + ending)
        former.with_name(former.name + ending).unlink(missing_ok=True)
        if beside.exists():
            beside.replace(former.with_name(former.name + ending))
    former.unlink(missing_ok=True)
    os.link(database, former)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
