"""Put a relay together: this is the one place where services meet their adapters.

Rules: nothing is decided here, and nothing here is imported by the rooms that it joins.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from quietway_crypto.signing import SEED_BYTES, SigningKey
from quietway_protocol.request_signature import SKEW_MS
from quietway_server.core.nonces import NonceMemory
from quietway_server.core.quota import BlobQuota, Quota
from quietway_server.delivery.local import LocalDelivery
from quietway_server.errors import StartError
from quietway_server.services.blobs import Blobs
from quietway_server.services.directory import Directory
from quietway_server.services.ingest import Ingest
from quietway_server.services.log import Log
from quietway_server.services.log_start import start_log
from quietway_server.services.mailbox import Mailboxes
from quietway_server.services.reader import Reader
from quietway_server.services.relay import Relay
from quietway_server.services.removal import RemovalWatch
from quietway_server.services.sweeper import Sweeper
from quietway_server.services.withdrawing import Withdrawals
from quietway_server.services.writer import Writer
from quietway_server.store.log_key import open_log_key
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


def find_log_key(settings: Settings, store: Store) -> SigningKey:
    """Read the key of the transparency log, or make one where the log is empty.

    Raises:
        StartError: It is missing, or can't be used; the sentence says what to do.
    """
    with store.reading() as transaction:
        head = transaction.find_log_head()
    return open_log_key(settings.log_key, may_make=head is None or head.size == 0)


def assemble(
    settings: Settings,
    *,
    store: Store,
    clock: Clock,
    on_failure: Callable[[], None],
    log_key: SigningKey | None = None,
) -> Relay:
    """Join the services of a relay. Call it in the event loop that they will run in.

    Args:
        settings: The settings.
        store: An open store; the relay closes it.
        clock: The time.
        on_failure: Called from another thread when the storage has failed: end the process.
        log_key: The key of the transparency log. None makes one that nobody keeps, which is good
            for a store that nobody keeps either.

    Raises:
        StartError: The log was signed with another key, or is damaged.
    """
    key = log_key or SigningKey(secrets.token_bytes(SEED_BYTES))
    start_log(store, key, secrets.token_bytes)
    writer, reader, delivery = Writer(store, on_failure=on_failure), Reader(store), LocalDelivery()
    log = Log(reader, key, secrets.token_bytes)
    quota = Quota(
        mailbox_envelopes=settings.mailbox_envelopes,
        lane_envelopes=settings.lane_envelopes,
        lane_crisis_envelopes=settings.lane_crisis_envelopes,
        mailbox_sockets=settings.mailbox_sockets,
    )
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
        blobs=Blobs(
            writer,
            reader,
            clock,
            BlobQuota(settings.max_blob_bytes, settings.lane_blob_bytes, settings.all_blob_bytes),
        ),
        directory=Directory(writer, reader, delivery, clock, log),
        log=log,
        sweeper=Sweeper(writer, store, clock),
        removals=RemovalWatch(reader, delivery),
        withdrawals=Withdrawals(writer, reader),
    )
