"""Put a relay together: this is the one place where services meet their adapters.

Rules: nothing is decided here, and nothing here is imported by the rooms that it joins.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import importlib
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from quietway_crypto.at_rest import KEY_BYTES, NONCE_BYTES
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SEED_BYTES, SigningKey
from quietway_protocol.request_signature import SKEW_MS
from quietway_schemas.wake import EMAIL, WEBHOOK
from quietway_server.core.nonces import NonceMemory
from quietway_server.core.quota import BlobQuota, Quota
from quietway_server.delivery.local import LocalDelivery
from quietway_server.errors import StartError
from quietway_server.heartbeats import Heartbeats
from quietway_server.log import log_event
from quietway_server.services.alarms import Alarms
from quietway_server.services.blobs import Blobs
from quietway_server.services.canaries import Canaries
from quietway_server.services.directory import Directory
from quietway_server.services.endpoints import Endpoints, leave_mark, opens_endpoints
from quietway_server.services.escalator import Escalator
from quietway_server.services.holds import Holds
from quietway_server.services.ingest import Ingest
from quietway_server.services.log import Log
from quietway_server.services.log_start import start_log
from quietway_server.services.mailbox import Mailboxes
from quietway_server.services.nonces import SharedNonces
from quietway_server.services.reader import Reader
from quietway_server.services.relay import Relay
from quietway_server.services.removal import RemovalWatch
from quietway_server.services.sweeper import Sweeper
from quietway_server.services.urgency import Urgency
from quietway_server.services.verifying import Turns
from quietway_server.services.waking import Waker
from quietway_server.services.withdrawing import Withdrawals
from quietway_server.services.writer import Writer
from quietway_server.store.inspecting import inspect_database
from quietway_server.store.log_key import open_log_key
from quietway_server.store.sqlite import SqliteStore
from quietway_server.store.wake_key import open_wake_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from types import ModuleType

    from quietway_schemas.instants import Instant
    from quietway_server.ports import Clock, Delivery, Notifier, Store
    from quietway_server.settings import Settings
    from quietway_server.store.inspecting import Inspection


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """Give the time in milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000


def read_steady_clock() -> int:
    """Give the milliseconds of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


def open_store(settings: Settings) -> Store:
    """Open the database that the settings name, making its folder where it is missing.

    Raises:
        StartError: It can't be used; the sentence says what to do.
    """
    if settings.postgres:
        return _open_postgres(settings)
    make_folder(settings)
    return SqliteStore(
        settings.database,
        max_bytes=settings.max_database_bytes or None,
        book=settings.log_book,
    )


def inspect_store(settings: Settings) -> Inspection:
    """Look at the database that the settings name, and change nothing.

    Raises:
        StartError: It can't be read; the sentence says what to do.
    """
    if not settings.postgres:
        return inspect_database(settings.database)
    inspecting = _import_postgres("quietway_server.store.postgres_inspecting")
    password = read_password(settings.database_password_file)
    seen: Inspection = inspecting.inspect_postgres(settings.postgres, password=password)
    return seen


def _import_postgres(name: str) -> ModuleType:
    # A relay on SQLite needs none of this, and does not have to have it.
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise StartError(
            "For PostgreSQL the relay needs two more libraries: install quietway[server,postgres]."
        ) from None


def _open_postgres(settings: Settings) -> Store:
    postgres = _import_postgres("quietway_server.store.postgres")
    password = read_password(settings.database_password_file)
    store: Store = postgres.PostgresStore(settings.postgres, password=password)
    return store


def read_password(path: str) -> str | None:
    """Read the password for PostgreSQL; None where no file is named.

    Raises:
        StartError: It can't be read.
    """
    if not path:
        return None
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise StartError(
            f"The password file {path} can't be read: give this user the right to read it, or name"
            " another with --database-password-file."
        ) from None


def _make_delivery(settings: Settings, reader: Reader) -> Delivery:
    if not settings.postgres:
        return LocalDelivery()

    async def latest_of(mailboxes: Collection[bytes]) -> Mapping[bytes, int]:
        rows = await reader.read(lambda transaction: transaction.find_mailboxes(mailboxes))
        return {mailbox: row.latest for mailbox, row in rows.items()}

    postgres = importlib.import_module("quietway_server.delivery.postgres")
    password = read_password(settings.database_password_file)
    delivery: Delivery = postgres.PostgresDelivery(settings.postgres, password, latest_of)
    return delivery


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


def find_wake_key(settings: Settings, store: Store) -> Secret:
    """Read the key of the endpoints of wake-ups, or make one where there are no endpoints.

    Raises:
        StartError: It is missing, another one, or can't be used; the sentence says what to do.
    """
    with store.reading() as transaction:
        kept = transaction.find_any_endpoints()
    key = open_wake_key(settings.wake_key, may_make=kept is None)
    if kept is None and settings.postgres:
        # Else a second relay could begin with a key of its own, and neither would wake everybody.
        kept = leave_mark(store, key, secrets.token_bytes(NONCE_BYTES))
    if kept is not None and not opens_endpoints(key, *kept):
        raise StartError(
            f"The wake key {settings.wake_key} is not the one under which this relay's endpoints"
            " are kept: put the right file back, or name it with --wake-key. Relays that share a"
            " database need copies of one file."
        )
    return key


def make_notifiers(settings: Settings) -> dict[str, Notifier]:
    """Give what sends wake-ups and alarms, by kind: each only where a setting gives it work.

    Raises:
        StartError: The credentials of the mail server can't be read.
    """
    # The web client and the mail client take long to import and much memory, and many relays, and
    # most commands, send nothing.
    notifiers: dict[str, Notifier] = {}
    hosts = (settings.wake_hosts, settings.wake_own_hosts)
    if any(hosts) or settings.alarm_targets or settings.wake_canaries:
        from quietway_server.notify.webhook import Webhook  # noqa: PLC0415, see the line above

        notifiers[WEBHOOK] = Webhook(*hosts)
    if settings.mail_server is not None:
        from quietway_server.notify.email import (  # noqa: PLC0415, as above
            Email,
            MailServer,
        )

        host, port = settings.mail_server
        user, password = _read_credentials(settings.mail_credentials)
        notifiers[EMAIL] = Email(MailServer(host, port, settings.mail_sender, user, password))
    return notifiers


def _read_credentials(path: Path | None) -> tuple[str, str]:
    from quietway_server.notify.email import read_credentials  # noqa: PLC0415, as above

    if path is None:
        return "", ""
    try:
        return read_credentials(path)
    except (OSError, ValueError):
        raise StartError(
            f"The file {path} can't be read, or does not hold a user and a password, each on a line"
            " of its own: correct it, or name another with --mail-credentials."
        ) from None


def assemble(
    settings: Settings,
    *,
    store: Store,
    clock: Clock,
    on_failure: Callable[[], None],
    log_key: SigningKey | None = None,
    steady: Callable[[], int] = read_steady_clock,
    wake_key: Secret | None = None,
) -> Relay:
    """Join the services of a relay. Call it in the event loop that they will run in.

    Args:
        settings: The settings.
        store: An open store; the relay closes it.
        clock: The time.
        on_failure: Called from another thread when the storage has failed: end the process.
        log_key: The key of the transparency log. None makes one that nobody keeps, which is good
            for a store that nobody keeps either.
        steady: Milliseconds of a clock that nobody sets, from any beginning.
        wake_key: The key under which endpoints of wake-ups are kept. None makes one likewise.

    Raises:
        StartError: The log was signed with another key, or is damaged; or a setting can't be used.
    """
    key = log_key or SigningKey(secrets.token_bytes(SEED_BYTES))
    recovered = start_log(store, key, secrets.token_bytes)
    if recovered:
        log_event("log_recovered", failed=True, others=recovered)
    writer = Writer(store, on_failure=on_failure)
    try:
        return _join(
            settings,
            store=store,
            clock=clock,
            writer=writer,
            log_key=key,
            steady=steady,
            wake_key=wake_key or Secret(secrets.token_bytes(KEY_BYTES)),
        )
    except BaseException:
        writer.close()  # else its thread would keep the process
        raise


def _join(
    settings: Settings,
    *,
    store: Store,
    clock: Clock,
    writer: Writer,
    log_key: SigningKey,
    steady: Callable[[], int],
    wake_key: Secret,
) -> Relay:
    notifiers = make_notifiers(settings)
    reader = Reader(store)
    delivery = _make_delivery(settings, reader)
    log, heartbeats = Log(reader, log_key, secrets.token_bytes), Heartbeats()
    quota = Quota(
        mailbox_envelopes=settings.mailbox_envelopes,
        mailbox_crisis_envelopes=settings.mailbox_crisis_envelopes,
        lane_envelopes=settings.lane_envelopes,
        lane_crisis_envelopes=settings.lane_crisis_envelopes,
        mailbox_sockets=settings.mailbox_sockets,
    )
    escalator = Escalator(writer, reader, delivery, clock, heartbeats, steady=steady)
    endpoints = Endpoints(writer, notifiers, wake_key, secrets.token_bytes)
    alarms = Alarms(settings.alarm_targets, notifiers)
    ingest = Ingest(writer, delivery, clock, quota)
    return Relay(
        settings=settings,
        store=store,
        clock=clock,
        writer=writer,
        reader=reader,
        delivery=delivery,
        nonces=NonceMemory(window_seconds=SKEW_MS // 1000),
        shared_nonces=SharedNonces(reader) if settings.postgres else None,
        ingest=ingest,
        mailboxes=Mailboxes(writer, reader, clock),
        blobs=Blobs(
            writer,
            reader,
            clock,
            BlobQuota(settings.max_blob_bytes, settings.lane_blob_bytes, settings.all_blob_bytes),
        ),
        holds=Holds(writer, delivery, clock, quota, escalator, ingest, reader),
        escalator=escalator,
        directory=Directory(writer, reader, delivery, clock, log),
        log=log,
        sweeper=Sweeper(writer, store, clock, heartbeats),
        removals=RemovalWatch(reader, delivery, heartbeats),
        withdrawals=Withdrawals(writer, reader),
        heartbeats=heartbeats,
        endpoints=endpoints,
        waker=Waker(writer, reader, clock, endpoints, heartbeats),
        canaries=Canaries(settings.wake_canaries, notifiers, alarms, heartbeats),
        urgency=Urgency(reader, clock),
        turns=Turns(),
    )
