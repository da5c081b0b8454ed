"""One connection to PostgreSQL, and the small event loop in which it lives.

Theory of operation: asyncpg is called from event loops, and the store from threads that have none.
So each session has a loop of its own, which runs only while a statement runs, in the thread that
asked: no hop to another thread, and no waiting for the loop in which sockets are served. At the
start of the relay that thread has a loop already; then another thread runs the session's.

Rules: a connection is used only after what durability stands on was read back from it. One that
broke is given up. Connecting is tried again after a pause that grows to two seconds; whoever comes
meanwhile is told at once that the database is away.

Spec: docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from quietway_server.errors import StartError, StorageAwayError, StorageFailedError
from quietway_server.store.postgres_database import check_durable
from quietway_server.store.postgres_errors import DATABASE_ERRORS, as_store_error

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    import asyncpg
    from sqlalchemy import CursorResult
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
    from sqlalchemy.sql import Executable

T = TypeVar("T")

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0


class Session:
    """One connection, used by one thread at a time.

    Args:
        engine: Makes connections.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # The plain loop: begun and ended for each statement, it costs less than uvloop does.
        self._loop = asyncio.new_event_loop()
        self._connection: AsyncConnection | None = None
        self._raw: asyncpg.Connection[Any] | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._not_before = 0.0

    @property
    def raw(self) -> asyncpg.Connection[Any]:
        """The driver's own connection.

        Raises:
            StorageAwayError: There is none.
        """
        if self._raw is None:
            raise StorageAwayError
        return self._raw

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a statement to its end, and block until then."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._loop.run_until_complete(work)
        return _run_apart(self._loop, work)

    def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement of SQLAlchemy Core, once or for each of several sets of values."""
        if self._connection is None:
            raise StorageAwayError
        return self.run(self._connection.execute(statement, parameters))

    def begin(self, text: str) -> None:
        """Begin a transaction, on a new connection where the former is gone.

        Args:
            text: What begins it; nothing else has run yet, so it may be run again.

        Raises:
            StoreError: It did not begin.
        """
        if self._raw is not None:
            try:
                self.run(self._raw.execute(text))
            except DATABASE_ERRORS as error:
                told = as_store_error(error)
                self.drop()
                if not isinstance(told, StorageAwayError):
                    raise told from None
            else:
                return
        try:
            self.connect()
        except StartError:
            # What was promised at the start is promised no longer.
            raise StorageFailedError from None
        try:
            self.run(self.raw.execute(text))
        except DATABASE_ERRORS as error:
            self.drop()
            raise as_store_error(error) from None

    def end(self, text: str) -> None:
        """End a transaction, well or not."""
        self.run(self.raw.execute(text))

    def connect(self) -> None:
        """Connect, unless it was tried a moment ago.

        Raises:
            StorageAwayError: There is no connection to be had now.
            StartError: The database does not promise what durability stands on.
        """
        if time.monotonic() < self._not_before:
            raise StorageAwayError
        try:
            self.run(self._connect())
        except StartError:
            self.drop()
            raise
        except (*DATABASE_ERRORS, SQLAlchemyError) as error:
            self.drop()
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            raise StorageAwayError from error
        self._pause, self._not_before = FIRST_PAUSE_SECONDS, 0.0

    async def _connect(self) -> None:
        self._connection = await self._engine.connect()
        pooled = await self._connection.get_raw_connection()
        self._raw = pooled.driver_connection
        await check_durable(self.raw)

    def drop(self) -> None:
        """Give the connection up, at once."""
        raw, self._raw = self._raw, None
        connection, self._connection = self._connection, None
        if connection is not None:
            self.run(_let_go(connection, raw))

    def close(self) -> None:
        """Close the connection and the loop."""
        self.drop()
        self._loop.close()


async def _let_go(connection: AsyncConnection, raw: asyncpg.Connection[Any] | None) -> None:
    if raw is not None:
        # No farewell: whoever is at the other end may be gone, or hang.
        raw.terminate()
    with contextlib.suppress(Exception):  # whatever it says to that, nobody uses it any more
        await connection.invalidate()
        await connection.close()


def _run_apart(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    outcome: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(loop.run_until_complete(work))
        except BaseException as error:  # noqa: BLE001, whoever waits is told
            errors.append(error)

    thread = threading.Thread(target=run, name="quietway-session")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]
