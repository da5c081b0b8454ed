"""What PostgreSQL's errors mean to the relay: an outage that passes, no room, a bug.

Rules: a database that is away, that shuts down, that has no place for one more connection, or that
only reads at the moment will be back: nothing of that ends the relay. PostgreSQL itself stops where
its disk fails, and is then away. An error's text may repeat a row, so it is never passed on.

Spec: docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError

from quietway_server.errors import (
    StatementFailedError,
    StorageAwayError,
    StorageBusyError,
    StorageConflictError,
    StorageFullError,
    StoreError,
)

DATABASE_ERRORS: Final = (
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    EOFError,
    OSError,
)
"""All that a statement may end with."""
_WRONG_VALUE: Final = "22000"
_FULL: Final = frozenset({"53100"})
# A deadlock, a view that is too old.
_CONFLICT: Final = frozenset({"40P01", "40001"})
# A lock that was not to be had, a statement that took too long.
_BUSY: Final = frozenset({"55P03", "57014"})
# Read-only (a standby), idle for too long within a transaction.
_AWAY: Final = frozenset({"25006", "25P03", "25P04"})
# Connections, resources, the operator's intervention, and what PostgreSQL itself met.
_AWAY_CLASSES: Final = ("08", "53", "57", "58", "XX")


def as_store_error(error: BaseException) -> StoreError:
    """Tell what passes from what does not.

    Args:
        error: One of `DATABASE_ERRORS`.
    """
    state = find_state(error)
    if state is None or state in _AWAY:
        return StorageAwayError()
    if state in _FULL:
        return StorageFullError()
    if state in _CONFLICT:
        return StorageConflictError()
    if state in _BUSY:
        return StorageBusyError()
    return StorageAwayError() if state.startswith(_AWAY_CLASSES) else StatementFailedError()


def find_state(error: BaseException) -> str | None:
    """Give the five characters that PostgreSQL named an error by; None where it said nothing."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig.__cause__ or error.orig
    if isinstance(error, asyncpg.DataError):
        return _WRONG_VALUE  # the driver itself refuses a value
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else None
