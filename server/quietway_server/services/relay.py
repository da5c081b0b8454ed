"""The relay's services, as one value that the surface is built on.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_server.services.sweeper import mix_all

if TYPE_CHECKING:
    from quietway_server.core.nonces import NonceMemory
    from quietway_server.heartbeats import Heartbeats
    from quietway_server.ports import Clock, Delivery, Store
    from quietway_server.services.blobs import Blobs
    from quietway_server.services.canaries import Canaries
    from quietway_server.services.directory import Directory
    from quietway_server.services.endpoints import Endpoints
    from quietway_server.services.escalator import Escalator
    from quietway_server.services.holds import Holds
    from quietway_server.services.ingest import Ingest
    from quietway_server.services.log import Log
    from quietway_server.services.mailbox import Mailboxes
    from quietway_server.services.nonces import SharedNonces
    from quietway_server.services.reader import Reader
    from quietway_server.services.removal import RemovalWatch
    from quietway_server.services.sweeper import Sweeper
    from quietway_server.services.urgency import Urgency
    from quietway_server.services.verifying import Turns
    from quietway_server.services.waking import Waker
    from quietway_server.services.withdrawing import Withdrawals
    from quietway_server.services.writer import Writer
    from quietway_server.settings import Settings


@dataclass(frozen=True, slots=True)
class Relay:
    """A running relay, without its surface."""

    settings: Settings
    store: Store
    clock: Clock
    writer: Writer
    reader: Reader
    delivery: Delivery
    nonces: NonceMemory
    shared_nonces: SharedNonces | None
    ingest: Ingest
    mailboxes: Mailboxes
    directory: Directory
    blobs: Blobs
    holds: Holds
    escalator: Escalator
    log: Log
    sweeper: Sweeper
    removals: RemovalWatch
    withdrawals: Withdrawals
    heartbeats: Heartbeats
    endpoints: Endpoints
    waker: Waker
    canaries: Canaries
    urgency: Urgency
    turns: Turns

    def close(self) -> None:
        """Finish what was accepted, mix what came last, then release the store."""
        self.writer.close()
        self.reader.close()
        if not self.writer.has_failed:
            mix_all(self.store)
        self.store.close()
