"""The store in one SQLite file: one writing transaction at a time, any number of readers beside it.

Rules: what a transaction does is said in `sql_transaction`, for every database; here is what SQLite
alone has: its file, its one writer, its log. When the disk is full, a reserve beside the file is
given up, so that alarms, and acknowledging, which makes room, still work.

Spec: docs/spec/relay-protocol.md; docs/decisions/relay-storage.md.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import sqlcipher3.dbapi2
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from quietway_server.log import log_event
from quietway_server.store.database import (
    READING,
    as_store_error,
    count_pages,
    is_damage,
    open_engine,
    prepare_schema,
)
from quietway_server.store.log_book import LogBook
from quietway_server.store.mixing import Counted, Fresh
from quietway_server.store.reserve import KEPT_FROM_ALARMS, RESERVE_BYTES, Reserve
from quietway_server.store.soundness import check_tables, counts_add_up, damaged, read_reach
from quietway_server.store.sql_transaction import SqlTransaction
from quietway_server.store.tables import ENVELOPE_TABLES
from quietway_server.store.texts import SqliteDriver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.instants import Instant
    from quietway_server.rows import BookEntry, StoredEnvelope


class SqliteStore:
    """The rows of a relay in one file.

    Args:
        path: The database file; it is made, or migrated, where it has to be.
        max_bytes: The most that the file may grow to; None for no limit but the disk.
        book: Where the log's book is kept; None for nowhere.

    Raises:
        StartError: The file can't be used as it is.
    """

    def __init__(
        self, path: Path, *, max_bytes: int | None = None, book: Path | None = None
    ) -> None:
        reach = read_reach(path)
        self._engine = open_engine(path, max_bytes=max_bytes)
        try:
            if reach and reach.is_beyond(read_reach(path)):
                log_event("log_cut_short", failed=True)
            check_tables(self._engine, path)
            prepare_schema(self._engine)
            # The one connection that writes: taking one from the pool for each group costs more
            # than the first ten rows.
            self._writing = self._engine.connect()
            with self._writing.begin():
                self._fresh = Fresh(Counted(SqliteDriver(self._writing)))
                if not counts_add_up(self._writing):
                    log_event("database_damaged", failed=True)
        except DBAPIError as error:
            self._engine.dispose()
            raise (damaged(path) if is_damage(error.orig) else as_store_error(error.orig)) from None
        except BaseException:
            self._engine.dispose()
            raise
        self._one_writer = threading.Lock()
        self._book = None if book is None else LogBook(book)
        self._readers: dict[int, Connection] = {}
        self._max_bytes = max_bytes
        self._log_path = path.with_name(path.name + "-wal")
        self._reserve = Reserve(path.with_name(path.name + "-reserve"))
        self._reserve.restore()

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqliteTransaction]:
        """Open the writing transaction; leaving it well commits durably, an exception undoes it."""
        try:
            with self._one_writer, self._writing.begin():
                if self._book is not None:
                    self._book.begin()
                transaction = SqliteTransaction(
                    self._writing, SqliteDriver(self._writing), self._fresh
                )
                yield transaction
                transaction.flush()
                if self._book is not None and transaction.logged:
                    self._book.note(transaction, transaction.logged)
            self._fresh.note(transaction.arrived)
            self._fresh.forget(transaction.mixed)
        except (DBAPIError, sqlcipher3.dbapi2.Error) as error:
            if self._book is not None:
                self._book.take_back()
            raise as_store_error(getattr(error, "orig", error)) from None

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqliteTransaction]:
        """Open a consistent view for reading."""
        try:
            connection = self._find_reader()
            with connection.begin():
                yield SqliteTransaction(connection, SqliteDriver(connection), self._fresh)
        except (DBAPIError, sqlcipher3.dbapi2.Error) as error:
            if is_damage(getattr(error, "orig", error)):
                log_event("database_damaged", failed=True)
            raise as_store_error(getattr(error, "orig", error)) from None

    def _find_reader(self) -> Connection:
        """Find the connection on which this thread reads: each has one, and keeps it."""
        thread = threading.get_ident()
        if thread not in self._readers:
            options = {READING: True}
            self._readers[thread] = self._engine.connect().execution_options(**options)
        return self._readers[thread]

    def take_nonce(self, digest: bytes, *, expires: Instant) -> bool:
        """Take any nonce: only one relay serves the file, and it remembers by itself."""
        del digest, expires
        return True

    def read_book(self, first: int) -> tuple[int, list[BookEntry]]:
        """Give how long the log's book is, and its entries from a place on, in order."""
        return (first, []) if self._book is None else self._book.read(first)

    def replace_book(self, entries: Iterable[BookEntry]) -> None:
        """Write the log's book anew, where one is kept."""
        if self._book is not None:
            self._book.replace(entries)

    def tidy(self) -> None:
        """Write the log back and empty it: it still holds what was deleted from the file.

        Raises:
            StoreError: The log stays as it is.
        """
        try:
            if self._book is not None:
                # Holding the database, because another process may write the book too.
                with self._one_writer, self._writing.begin():
                    self._book.tidy()
            with contextlib.closing(self._engine.raw_connection()) as raw:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (DBAPIError, sqlcipher3.dbapi2.Error) as error:
            raise as_store_error(getattr(error, "orig", error)) from None

    def make_room(self, *, for_alarms: bool = False) -> bool:
        """Give up the reserve or its half, and empty the log; False if neither gave room."""
        kept = KEPT_FROM_ALARMS if for_alarms else 0
        self._allow(RESERVE_BYTES - kept)
        gave = self._reserve.release(keep=kept) or self._log_path.stat().st_size > 0
        with contextlib.suppress(Exception):  # the retry that follows tells whether it helped
            self.tidy()
        return gave

    def restore_reserve(self) -> bool:
        """Set the reserve aside again; tell whether it stands."""
        if self._reserve.restore():
            self._allow(0)
            return True
        return False

    def _allow(self, more: int) -> None:
        """Let the file grow beyond what the operator gave it by so many bytes."""
        if self._max_bytes:
            with self._one_writer:
                cursor = self._writing.connection.cursor()
                cursor.execute(f"PRAGMA max_page_count={count_pages(self._max_bytes + more)}")

    def close(self) -> None:
        """Close all connections."""
        for connection in (self._writing, *self._readers.values()):
            connection.close()
        self._engine.dispose()


class SqliteTransaction(SqlTransaction):
    """One transaction on the file; what it can't read of a mailbox, it leaves out."""

    def _read_after(
        self, of: EnvelopeClass, mailbox: bytes, after: int, limit: int
    ) -> list[StoredEnvelope]:
        try:
            return super()._read_after(of, mailbox, after, limit)
        except sqlcipher3.dbapi2.DatabaseError as error:
            if not is_damage(error):
                raise
            log_event("database_damaged", failed=True)
        return self._read_one_by_one(of, mailbox, after, limit)

    def _read_one_by_one(
        self, of: EnvelopeClass, mailbox: bytes, after: int, limit: int
    ) -> list[StoredEnvelope]:
        """Read by the numbers that the index names, and pass over those that can't be read."""
        table = ENVELOPE_TABLES[of]
        numbers = self._connection.execute(
            select(table.c.seq)
            .where(table.c.mailbox == mailbox, table.c.seq > after)
            .order_by(table.c.seq)
        )
        found: list[StoredEnvelope] = []
        for number in numbers.scalars().all():
            if len(found) == limit:
                break
            with contextlib.suppress(sqlcipher3.dbapi2.DatabaseError):
                found += super()._read_after(of, mailbox, number - 1, 1)
        return found
