"""A relay without a surface whose one mailbox is woken, on a clock that the test holds.

Store, services and senders are those of the product; the providers are real servers on loopback.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.contracts import test_relay_store as contract

from quietway_crypto.at_rest import KEY_BYTES
from quietway_crypto.lanes import hash_capability
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SEED_BYTES, SigningKey
from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.instants import SECOND, iso_week
from quietway_schemas.wake import EMAIL, WEBHOOK, WakeEndpoint, WakeEndpoints
from quietway_server.bootstrap import assemble
from quietway_server.notify.email import Email, MailServer
from quietway_server.notify.webhook import Webhook
from quietway_server.rows import WeekRow
from quietway_server.settings import read_settings
from quietway_server.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.server.providers import MailProvider, Provider

    from quietway_server.ports import Store

START = 1_795_000_000_000
MAILBOX = contract.MAILBOX
NORMAL, CRISIS = b"n" * 32, b"c" * 32


@dataclass
class FakeClock:
    """A clock that stands until it is moved."""

    time: int = START

    def now(self) -> int:
        return self.time


@dataclass
class Woken:
    """The relay. Call it in an event loop, and close it there.

    Attributes:
        providers: The webhooks that the operator allows.
        mail: The operator's mail server.
        patience: How long an attempt may take, in real seconds.
    """

    providers: Sequence[Provider] = ()
    mail: MailProvider | None = None
    store: Store = field(default_factory=MemoryStore)
    patience: float = 10.0
    key: Secret = field(default_factory=lambda: Secret(b"k" * KEY_BYTES))

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        with self.store.writing() as transaction:
            transaction.replace_manifest(contract._manifest(1), [contract.DEVICE])
            lanes = [(hash_capability(NORMAL), "normal"), (hash_capability(CRISIS), "crisis")]
            week = iso_week(START)
            transaction.replace_week(contract.AGENCY, week, WeekRow(1, b"w" * 32), lanes)
        self.relay = assemble(
            read_settings({}, {}),
            store=self.store,
            clock=self.clock,
            on_failure=lambda: None,
            log_key=SigningKey(b"l" * SEED_BYTES),
            wake_key=self.key,
        )
        notifiers = self.relay.endpoints.notifiers
        assert isinstance(notifiers, dict)
        own = [provider.origin for provider in self.providers]
        notifiers[WEBHOOK] = Webhook((), own, seconds=self.patience)
        if self.mail is not None:
            server = MailServer("127.0.0.1", self.mail.port, "relay@relay.example")
            notifiers[EMAIL] = Email(server, seconds=self.patience)

    async def leave(self, *targets: str) -> None:
        """Leave endpoints, as the device does."""
        kinds = [WEBHOOK if "://" in target else EMAIL for target in targets]
        endpoints = tuple(
            WakeEndpoint(kind=kind, target=target)  # type: ignore[arg-type]  # one of the two
            for kind, target in zip(kinds, targets, strict=True)
        )
        await self.relay.endpoints.replace(contract.DEVICE, WakeEndpoints(endpoints=endpoints))

    async def send(self, lane: bytes = CRISIS, number: int = 1) -> None:
        """Let an envelope come through a lane."""
        flash = EnvelopeClass.FLASH
        header = Header(flash, 2, 7, MailboxId(MAILBOX), EnvelopeId(number.to_bytes(16, "big")))
        record = SubmissionRecord(header, bytes(32), bytes(flash.sealed_bytes))
        await self.relay.ingest.submit(lane, [record], body_bytes=0)

    async def acknowledge(self) -> None:
        """Let the device fetch and acknowledge everything."""
        await self.relay.mailboxes.acknowledge(contract.DEVICE, through=1_000, seqs=())

    async def pass_seconds(self, seconds: int) -> None:
        """Let time pass, with the waker looking every second of it."""
        for _ in range(seconds):
            self.clock.time += SECOND
            await self.relay.waker.tick()
            await self.relay.waker.finish()

    def due(self) -> int | None:
        """Give when the pending wake-up is due, in seconds from the start; None where none is."""
        with self.store.reading() as transaction:
            for second in range(4_000):
                if transaction.count_due_wakes(now=START + second * SECOND):
                    return second
        return None

    def close(self) -> None:
        """End it."""
        self.relay.close()
