"""Look at a PostgreSQL database without changing it: for the doctor, and for a report.

Rules: nothing is made that is missing. Whether its pages are whole is for PostgreSQL to say.

Spec: docs/reference/operating.md, "Doctor", "On PostgreSQL".
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from quietway_server.errors import StartError, StorageAwayError
from quietway_server.store.database import HEAD
from quietway_server.store.inspecting import Inspection
from quietway_server.store.postgres_database import make_engine
from quietway_server.store.postgres_errors import DATABASE_ERRORS
from quietway_server.store.postgres_session import Session
from quietway_server.store.tables import metadata

if TYPE_CHECKING:
    import asyncpg

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"
_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


def inspect_postgres(address: str, *, password: str | None) -> Inspection:
    """Look at a database.

    Args:
        address: As `postgresql://user@host/name`.
        password: Instead of the one in the address.

    Raises:
        StartError: It can't be read, or does not promise what durability stands on.
    """
    with contextlib.closing(Session(make_engine(address, password=password))) as session:
        try:
            session.connect()
            return session.run(_inspect(session.raw))
        except (*DATABASE_ERRORS, StorageAwayError):
            raise StartError(
                "The database can't be read: check that PostgreSQL runs, the address that"
                " --database gives, and that the user may read the relay's tables."
            ) from None


async def _inspect(raw: asyncpg.Connection[object]) -> Inspection:
    async with raw.transaction(isolation="repeatable_read", readonly=True):
        tables = {row[0] for row in await raw.fetch(_TABLES)}
        revision = checkpoint = None
        if "alembic_version" in tables:
            revision = await raw.fetchval("SELECT version_num FROM alembic_version")
        if "log_head" in tables:
            checkpoint = await raw.fetchval("SELECT checkpoint FROM log_head")
        found = {name: await raw.fetchval(f"SHOW {name}") for name in _SETTINGS}
        return Inspection(
            version=str(await raw.fetchval("SHOW server_version")),
            # What is not as it must be has refused the connection; what is stronger is well.
            pragmas=tuple((name, value, value) for name, value in found.items()),
            revision=revision,
            head=HEAD,
            is_whole=True,
            checkpoint=checkpoint,
            rows={
                table.name: await raw.fetchval(f"SELECT count(*) FROM {table.name}")  # noqa: S608, a table's own name
                for table in metadata.sorted_tables
                if table.name in tables
            },
        )
