"""An agency with four devices on call, at a relay without a surface, on a test's own clocks."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.server.ladders import Sealed, Sealer

from quietway_crypto.lanes import hash_capability
from quietway_schemas.instants import SECOND, WEEK, iso_week
from quietway_server.bootstrap import assemble
from quietway_server.rows import DeviceRow, ManifestRow, WeekRow
from quietway_server.services.ladders import close_mailboxes
from quietway_server.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from quietway_server.ports import Store
    from quietway_server.services.relay import Relay

START = 1_795_000_000_000
AGENCY = b"a" * 16
CAPABILITY, NORMAL = b"c" * 32, b"n" * 32
PRIMARY, BACKUP, SUPERVISOR, LEADER = (bytes([n]) * 16 for n in b"1234")
LADDER = {0: (PRIMARY,), 120: (BACKUP,), 300: (SUPERVISOR,), 600: (LEADER,)}
DEVICES = {
    mailbox: DeviceRow(b"d" + mailbox[1:], AGENCY, mailbox, b"i" * 32, b"l" * 32)
    for mailbox in (PRIMARY, BACKUP, SUPERVISOR, LEADER)
}


@dataclass
class Clocks:
    """Wall time and a steady clock, which stand until they are moved."""

    wall: int = START
    steady: int = 0

    def now(self) -> int:
        return self.wall

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass, for both."""
        self.wall += int(seconds * SECOND)
        self.steady += int(seconds * SECOND)


@dataclass
class OnCall:
    """The relay, and who is on call there."""

    store: Store
    relay: Relay
    clocks: Clocks
    sealer: Sealer = field(default_factory=Sealer)

    async def place(
        self, tiers: dict[int, tuple[bytes, ...]] | None = None, *, capability: bytes = CAPABILITY
    ) -> Sealed:
        """Place a ladder of four, or another."""
        sealed = self.sealer.ladder(LADDER if tiers is None else tiers)
        await self.relay.holds.place(capability, sealed.hold, sealed.body)
        # As the escalator does at once when a ladder came: its steady clock counts from here.
        await self.relay.escalator.look()
        return sealed

    async def claim(self, sealed: Sealed, secret: bytes, *mailboxes: bytes) -> bool:
        """Claim a ladder, with words for these mailboxes."""
        claim = self.sealer.claim(secret, *(mailboxes or LADDER_MAILBOXES))
        return await self.relay.holds.claim(sealed.hold, claim.pack())

    async def wait(self, seconds: float) -> None:
        """Let time pass, and the escalator look once."""
        self.clocks.pass_seconds(seconds)
        await self.relay.escalator.look()

    def waiting(self, mailbox: bytes) -> list[bytes]:
        """Give the envelope ids that wait in a mailbox, in order."""
        with self.store.reading() as transaction:
            found = transaction.envelopes_after(mailbox, 0, 999)
        return [stored.header.envelope_id.value for stored in found]

    def arrived(self, sealed: Sealed) -> list[int]:
        """Name the tiers whose alerts have all arrived, each exactly once."""
        waiting = [name for mailbox in DEVICES for name in self.waiting(mailbox)]
        counts = [[waiting.count(name) for name in names] for names in sealed.names]
        assert all(count <= 1 for tier in counts for count in tier), "An alert came twice."
        return [number for number, tier in enumerate(counts) if all(tier)]

    def certify(self, *mailboxes: bytes) -> None:
        """Publish a manifest with these devices alone, as the directory's service does."""
        devices = [DEVICES[mailbox] for mailbox in mailboxes]
        with self.store.writing() as transaction:
            closing = transaction.find_closing(AGENCY, devices)
            transaction.replace_manifest(_manifest(2), devices)
            close_mailboxes(transaction, closing, now=self.clocks.now())


LADDER_MAILBOXES = tuple(DEVICES)


@asynccontextmanager
async def open_on_call(store: Store, **options: str) -> AsyncIterator[OnCall]:
    """Found the agency at a store, with a lane for crises and one for the rest."""
    found_agency(store)
    clocks = Clocks()
    relay = assemble(
        read_settings(options, {}),
        store=store,
        clock=clocks,
        on_failure=lambda: None,
        steady=lambda: clocks.steady,
    )
    try:
        yield OnCall(store, relay, clocks)
    finally:
        relay.writer.close()
        relay.reader.close()


def found_agency(store: Store) -> None:
    """Certify the four devices, and open lanes for two weeks."""
    with store.writing() as transaction:
        transaction.replace_manifest(_manifest(1), list(DEVICES.values()))
        for week in {iso_week(START + away * WEEK) for away in range(2)}:
            lanes = [(hash_capability(CAPABILITY), "crisis"), (hash_capability(NORMAL), "normal")]
            transaction.replace_week(AGENCY, week, WeekRow(1, b"w" * 32), lanes)


def _manifest(version: int) -> ManifestRow:
    return ManifestRow(AGENCY, "HARBOR", version, b"h" * 32, b"r" * 32, b"{}", b"s" * 64)
