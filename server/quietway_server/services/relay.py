"""The relay's services, as one value that the surface is built on.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quietway_server.core.nonces import NonceMemory
    from quietway_server.ports import Clock, Delivery, Store
    from quietway_server.services.directory import Directory
    from quietway_server.services.ingest import Ingest
    from quietway_server.services.mailbox import Mailboxes
    from quietway_server.services.reader import Reader
    from quietway_server.services.sweeper import Sweeper
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
    ingest: Ingest
    mailboxes: Mailboxes
    directory: Directory
    sweeper: Sweeper

    def close(self) -> None:
        """Finish what was accepted, then release the store."""
        self.writer.close()
        self.reader.close()
        self.store.close()
