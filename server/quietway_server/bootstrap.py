"""Put a relay together: this is the one place where services meet their adapters.

Rules: nothing is decided here, and nothing here is imported by the rooms that it joins.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from quietway_protocol.request_signature import SKEW_MS
from quietway_server.core.nonces import NonceMemory
from quietway_server.core.quota import Quota
from quietway_server.delivery.local import LocalDelivery
from quietway_server.errors import StartError
from quietway_server.services.directory import Directory
from quietway_server.services.ingest import Ingest
from quietway_server.services.mailbox import Mailboxes
from quietway_server.services.reader import Reader
from quietway_server.services.relay import Relay
from quietway_server.services.sweeper import Sweeper
from quietway_server.services.writer import Writer
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway_schemas.instants import Instant
    from quietway_server.ports import Clock, Store
    from quietway_server.settings import Settings


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """Give the time in milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000


def open_store(settings: Settings) -> SqliteStore:
    """Open the database that the settings name, making its folder where it is missing.

    Raises:
        StartError: It can't be used; the sentence says what to do.
    """
    make_folder(settings)
    return SqliteStore(settings.database, max_bytes=settings.max_database_bytes or None)


def make_folder(settings: Settings) -> None:
    """Make the database's folder where it is missing.

    Raises:
        StartError: It can't be made; the sentence says what to do.
    """
    folder = settings.database.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        raise StartError(
            f"The folder {folder} can't be made: choose another with --database, or give this user"
            " the right to write there."
        ) from None


def assemble(
    settings: Settings, *, store: Store, clock: Clock, on_failure: Callable[[], None]
) -> Relay:
    """Join the services of a relay. Call it in the event loop that they will run in.

    Args:
        settings: The settings.
        store: An open store; the relay closes it.
        clock: The time.
        on_failure: Called from another thread when the storage has failed: end the process.
    """
    writer, reader, delivery = Writer(store, on_failure=on_failure), Reader(store), LocalDelivery()
    quota = Quota(settings.mailbox_envelopes, settings.lane_envelopes, settings.mailbox_sockets)
    return Relay(
        settings=settings,
        store=store,
        clock=clock,
        writer=writer,
        reader=reader,
        delivery=delivery,
        nonces=NonceMemory(window_seconds=SKEW_MS // 1000),
        ingest=Ingest(writer, delivery, clock, quota),
        mailboxes=Mailboxes(writer, reader, clock),
        directory=Directory(writer, reader, delivery, clock),
        sweeper=Sweeper(writer, store, clock),
    )
