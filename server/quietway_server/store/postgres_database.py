"""Open a PostgreSQL database for a relay, and refuse one that could lose what was accepted.

Rules: `fsync`, `full_page_writes` and `synchronous_commit` are read back from each connection. A
password comes from the address, from a file, or from PostgreSQL's own environment, and is shown
nowhere. Whoever waits for a lock, or hangs within a transaction, is ended by the database.

Spec: docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from quietway_server.errors import StartError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

OLDEST_POSTGRES: Final = 140_000
CONNECT_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 20.0
_SYNCED: Final = ("on", "remote_write", "remote_apply")
_SESSION: Final = {
    "application_name": "quietway-relay",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # Every statement finds its rows by an index, also in a table whose size is not known yet.
    "enable_seqscan": "off",
    "jit": "off",
}
_ASKED: Final = (
    "SELECT name, setting FROM pg_settings WHERE name IN"
    " ('fsync', 'full_page_writes', 'synchronous_commit', 'server_version_num')"
)


def make_engine(address: str, *, password: str | None = None) -> AsyncEngine:
    """Make what connects to a database; it connects to nothing yet.

    Args:
        address: As `postgresql://user@host/name`.
        password: Instead of the one in the address.
    """

    async def connect() -> asyncpg.Connection[Any]:
        # The driver reads the address itself, as the bus lets it do: what stands behind the
        # question mark, such as `sslmode=verify-full`, means the same in both places.
        try:
            return await asyncpg.connect(
                address,
                password=password,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
                server_settings=_SESSION,
            )
        except ValueError:
            raise StartError(
                "The address of the database can't be read: give --database a path, or"
                " postgresql://user@host/name."
            ) from None

    return create_async_engine(
        "postgresql+asyncpg://",
        # Each session keeps its connection, and each lives in another loop.
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        async_creator=connect,
    )


async def check_durable(raw: asyncpg.Connection[Any]) -> None:
    """Read back what durability stands on.

    Raises:
        StartError: A setting is not what it must be.
    """
    found = dict(await raw.fetch(_ASKED))
    if int(found["server_version_num"]) < OLDEST_POSTGRES:
        raise StartError("PostgreSQL must be of version 14 or newer: install a newer one.")
    for name in ("fsync", "full_page_writes"):
        if found[name] != "on":
            raise StartError(
                f"PostgreSQL's {name} is {found[name]!r} and must be 'on': set it in its"
                " configuration, and restart it."
            )
    if found["synchronous_commit"] not in _SYNCED:
        raise StartError(
            f"PostgreSQL's synchronous_commit is {found['synchronous_commit']!r} and must be 'on':"
            " set it for the relay's user, with ALTER ROLE."
        )
