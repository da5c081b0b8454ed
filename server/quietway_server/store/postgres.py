"""The store in a PostgreSQL database that several relays may share.

Rules: what a transaction does is said in `sql_transaction`, for every database. A writing one takes
the database's one lock before anything else, so that whatever it reads was left by the last writer,
in whatever process. A reading one sees one moment. A connection that breaks is an outage: what was
asked fails, and the next transaction connects anew. Numbers of rows are drawn at random.

Spec: docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from quietway_schemas.instants import MINUTE
from quietway_server.errors import StartError, StorageAwayError
from quietway_server.store.database import prepare_tables
from quietway_server.store.mixing import FIRST_FRESH, Fresh
from quietway_server.store.postgres_database import make_engine
from quietway_server.store.postgres_driver import PostgresDriver
from quietway_server.store.postgres_errors import DATABASE_ERRORS, as_store_error, find_state
from quietway_server.store.postgres_session import Session
from quietway_server.store.sql_transaction import SqlTransaction
from quietway_server.store.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.instants import Instant
    from quietway_server.rows import BookEntry
    from quietway_server.store.statements import Driver

WRITERS_LOCK: Final = 0x7175_6965_7477_6179
"""The name of the one lock; nothing else in the database may take it."""
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_TAKE_NONCE: Final = (
    "INSERT INTO nonces (digest, expires_minute) VALUES ($1, $2) ON CONFLICT DO NOTHING"
)
_VACUUMED: Final = tuple(table.name for table in metadata.sorted_tables)
_NO_PLACE: Final = frozenset({"3D000", "28P01", "28000", "42501"})


def begin_writing() -> str:
    """Give what begins a writing transaction: nobody else writes until its end."""
    return f"BEGIN; SELECT pg_advisory_xact_lock({WRITERS_LOCK})"


class Drawn:
    """Row numbers drawn at random: two relays need no counter, and numbers tell no order."""

    def fresh(self, envelope_class: EnvelopeClass) -> int:
        """Give the next row's number."""
        del envelope_class  # there is room for all in one range
        return FIRST_FRESH + secrets.randbelow(FIRST_FRESH)

    def mixed(self, driver: Driver, envelope_class: EnvelopeClass) -> Iterator[int]:
        """Give numbers for rows that are put back."""
        del driver, envelope_class
        while True:
            yield secrets.randbelow(FIRST_FRESH)


class PostgresStore:
    """The rows of a relay in a database that others may serve, too.

    Args:
        address: As `postgresql://user@host/name`; its tables are made, or migrated, if need be.
        password: Instead of the one in the address.

    Raises:
        StartError: The database can't be used as it is.
    """

    def __init__(self, address: str, *, password: str | None = None) -> None:
        self._engine = make_engine(address, password=password)
        self._one_writer = threading.Lock()
        self._one_reader = threading.Lock()
        self._readers: dict[int, Session] = {}
        self._fresh = Fresh(Drawn())
        self._writer = Session(self._engine)
        try:
            self._start()
        except BaseException:
            self._writer.close()
            raise

    def begin_era(self, now: Instant) -> None:
        """Say that PostgreSQL has put an older copy of the database back.

        Args:
            now: When.

        Raises:
            StoreError: Nothing was changed.
        """
        with self.writing() as transaction:
            transaction.begin_era(now)

    def _start(self) -> None:
        try:
            self._writer.connect()
            self._writer.run(self._prepare())
        except StorageAwayError as error:
            raise _as_start_error(error.__cause__) from None
        except (*DATABASE_ERRORS, SQLAlchemyError) as error:
            raise _as_start_error(error) from None

    async def _prepare(self) -> None:
        async with self._engine.execution_options(
            isolation_level="READ COMMITTED"
        ).begin() as connection:
            await _lock(connection)
            await connection.run_sync(prepare_tables)

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        """Open the writing transaction; leaving it well commits durably, an exception undoes it.

        Where the connection breaks at the very end, it may have been committed all the same.
        """
        with self._one_writer, self._transaction(self._writer, begin_writing()) as transaction:
            yield transaction
            transaction.flush()
        self._fresh.note(transaction.arrived)
        self._fresh.forget(transaction.mixed)

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """Open a consistent view for reading."""
        with self._transaction(self._find_reader(), _READ) as transaction:
            yield transaction

    @contextlib.contextmanager
    def _transaction(self, session: Session, begin: str) -> Iterator[SqlTransaction]:
        session.begin(begin)
        try:
            yield SqlTransaction(session, PostgresDriver(session), self._fresh)
            session.end("COMMIT")
        except DATABASE_ERRORS as error:
            told = as_store_error(error)
            _undo(session, is_broken=isinstance(told, StorageAwayError))
            raise told from None
        except BaseException:
            _undo(session)
            raise

    def take_nonce(self, digest: bytes, *, expires: Instant) -> bool:
        """Take a nonce for all relays; tell whether it was there to be taken.

        Args:
            digest: Its SHA-256.
            expires: When it may be forgotten.

        Raises:
            StoreError: It is not known.
        """
        session = self._find_reader()
        session.begin("SELECT")
        taking = session.raw.execute(_TAKE_NONCE, digest, expires // MINUTE)
        try:
            return bool(session.run(taking) == "INSERT 0 1")
        except DATABASE_ERRORS as error:
            session.drop()
            raise as_store_error(error) from None

    def read_book(self, first: int) -> tuple[int, list[BookEntry]]:
        """Say that no book is kept: the database's own backups are the operator's."""
        return first, []

    def replace_book(self, entries: Iterable[BookEntry]) -> None:
        """Keep no book."""

    def tidy(self) -> None:
        """Free the places of rows that were deleted, so that others are written over them.

        Raises:
            StoreError: They stay as they are.
        """
        with contextlib.closing(Session(self._engine)) as session:
            session.begin("SELECT")
            try:
                for name in _VACUUMED:
                    session.run(session.raw.execute(f"VACUUM (SKIP_LOCKED) {name}", timeout=None))
            except DATABASE_ERRORS as error:
                raise as_store_error(error) from None

    def make_room(self, *, for_alarms: bool = False) -> bool:  # noqa: ARG002, as the port says
        """Give up nothing: the disk is the database's own."""
        return False

    def restore_reserve(self) -> bool:
        """Set nothing aside, and find nothing missing."""
        return True

    def close(self) -> None:
        """Close all connections."""
        for session in (self._writer, *self._readers.values()):
            session.close()

    def _find_reader(self) -> Session:
        """Find the session in which this thread reads: each has one, and keeps it."""
        thread = threading.get_ident()
        with self._one_reader:
            if thread not in self._readers:
                self._readers[thread] = Session(self._engine)
            return self._readers[thread]


async def _lock(connection: AsyncConnection) -> None:
    await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")


def _undo(session: Session, *, is_broken: bool = False) -> None:
    if is_broken:
        session.drop()
        return
    try:
        session.end("ROLLBACK")
    except (*DATABASE_ERRORS, StorageAwayError):
        # It undoes the transaction itself when the connection goes.
        session.drop()


def _as_start_error(error: BaseException | None) -> StartError:
    if isinstance(error, StartError):
        return error
    if error is not None and find_state(error) in _NO_PLACE:
        return StartError(
            "PostgreSQL does not let the relay in: check the user, the password and the name of the"
            " database, and that the user may make tables there."
        )
    return StartError(
        "The database can't be reached: check that PostgreSQL runs, and the address that --database"
        " gives."
    )
