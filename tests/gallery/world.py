"""Clients of two or three agencies around one relay in memory, and what a hostile relay does.

The clients are the product's own, with memory stores, a clock that stands still and randomness from
a seed. The relay keeps the real rules; what it would do if it were hostile (deliver again, deliver
elsewhere, deliver what nobody submitted) is done to it from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.logged_pages import serve_logged
from tests.second_device import add_device

from quietway.client import AsyncClient
from quietway.founding import Ports
from quietway.history import count_notices
from quietway.store.memory import MemoryStore
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway.testing.relay_mailbox import _Held
from quietway_crypto.passphrase import PassphraseParameters
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence
    from pathlib import Path

    from quietway.ports import Arrival, Mailbox, Relay, Welcome
    from quietway_crypto.epoch import EpochKeyPair
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.directory import DirectoryPage, SignedObject
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.holds import Claim, Ladder
    from quietway_schemas.ids import AgencyId, DeviceId, MailboxId
    from quietway_schemas.instants import Instant
    from quietway_schemas.log import LogLeaves
    from quietway_schemas.withdrawal import Slip

PASSPHRASE = "a passphrase for one test"
CHEAP = PassphraseParameters(time_cost=1, memory_kib=8, parallelism=1)

Call = tuple[object, ...]
"""One request as the relay sees it: its name, and whatever of it the relay can read."""


class Watched:
    """A `Relay` that writes down every request, and passes it on."""

    def __init__(self, relay: Relay, seen: list[Call]) -> None:
        self._relay = relay
        self._seen = seen

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        self._seen.append(("submit", [len(record) for record in records]))
        await self._relay.submit(capability, records)

    async def withdraw(self, slips: Sequence[Slip]) -> list[bool]:
        self._seen.append(("withdraw", len(slips)))
        return await self._relay.withdraw(slips)

    async def place_hold(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        self._seen.append(("place_hold", len(ladder.places)))
        await self._relay.place_hold(capability, hold_id, ladder)

    async def claim_hold(self, hold_id: bytes, claim: Claim) -> bool:
        self._seen.append(("claim_hold", len(claim.records)))
        return await self._relay.claim_hold(hold_id, claim)

    async def open_mailbox(
        self, *, after: int, witness_now: bytes, witness_was: bytes | None, live: bool
    ) -> Mailbox:
        self._seen.append(("open_mailbox", after, live))
        opened = await self._relay.open_mailbox(
            after=after, witness_now=witness_now, witness_was=witness_was, live=live
        )
        return _WatchedMailbox(opened, self._seen)

    def listen(self) -> AsyncGenerator[int, None]:
        self._seen.append(("listen",))
        return self._relay.listen()

    async def put_manifest(
        self, agency: AgencyId, signed: SignedObject, *, enrolment_code: str | None = None
    ) -> None:
        self._seen.append(("put_manifest",))
        await self._relay.put_manifest(agency, signed, enrolment_code=enrolment_code)

    async def put_epochs(self, agency: AgencyId, signed: SignedObject) -> None:
        self._seen.append(("put_epochs",))
        await self._relay.put_epochs(agency, signed)

    async def put_lanes(self, week: str, signed: SignedObject) -> None:
        self._seen.append(("put_lanes", week))
        await self._relay.put_lanes(week, signed)

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        self._seen.append(("directory", after))
        return await self._relay.directory(after, log_size=log_size)

    async def log_checkpoint(self) -> str:
        self._seen.append(("log_checkpoint",))
        return await self._relay.log_checkpoint()

    async def log_consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        self._seen.append(("log_consistency",))
        return await self._relay.log_consistency(old, new)

    async def log_leaves(self, after: int) -> LogLeaves:
        self._seen.append(("log_leaves", after))
        return await self._relay.log_leaves(after)

    async def read_clock(self) -> Instant:
        self._seen.append(("read_clock",))
        return await self._relay.read_clock()

    async def aclose(self) -> None:
        await self._relay.aclose()


class _WatchedMailbox:
    def __init__(self, mailbox: Mailbox, seen: list[Call]) -> None:
        self._mailbox = mailbox
        self._seen = seen

    @property
    def welcome(self) -> Welcome:
        return self._mailbox.welcome

    def arrivals(self) -> AsyncIterator[Arrival]:
        return self._mailbox.arrivals()

    async def acknowledge(self, seqs: Sequence[int]) -> None:
        self._seen.append(("acknowledge", tuple(seqs)))
        await self._mailbox.acknowledge(seqs)

    async def aclose(self) -> None:
        await self._mailbox.aclose()


@dataclass(frozen=True, slots=True)
class Staff:
    """One client, with the keys that an attacker of a row may have got hold of.

    Attributes:
        name: Its program.
        client: The product's own.
        store: Where it keeps everything.
        seen: What its relay has seen of it.
    """

    name: str
    client: AsyncClient
    store: MemoryStore
    seen: list[Call]

    @property
    def agency(self) -> AgencyId:
        return self.client.agency_id

    @property
    def device(self) -> DeviceId:
        return self.client.device_id

    @property
    def mailbox(self) -> MailboxId:
        return self.client._agent.keyring.mailbox

    @property
    def identity(self) -> SigningKey:
        return self.client._agent.keyring.identity

    def pair(self, class_: EnvelopeClass, epoch: int, suite: int) -> EpochKeyPair:
        """Give the key pair of an epoch; its public half is what the directory shows."""
        pair = self.client._agent.keyring.epoch_pair(class_, epoch, suite)
        if pair is None:
            raise LookupError("There is no key of that epoch.")
        return pair

    async def texts(self) -> list[str]:
        """List what the program shows: every content that was received, as canonical JSON."""
        return [received.content.to_canonical().decode() for received in await self.client.inbox()]

    async def notices(self) -> list[str]:
        """List the classes of what was given up, once for each."""
        counts = await count_notices(self.client._agent)
        return sorted(reason for reason, count in counts.items() for _ in range(count))


class World:
    """One relay and its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.relay = InMemoryRelay(self.clock)
        self._founded = 0

    async def found(self, program: str, *partners: Staff) -> Staff:
        """Found an agency, partner of these from the start."""
        store, seen = MemoryStore(), list[Call]()
        self._founded += 1
        client = await AsyncClient.found(
            self.folder / program,
            passphrase=PASSPHRASE,
            relay="https://relay.example",
            enrolment_code=self.relay.enrolment_code(),
            agency_code=program.partition("-")[0],
            program=program,
            parameters=CHEAP,
            relay_port=lambda key, device: Watched(self.relay.connect(key, device), seen),
            clock=self.clock,
            entropy=SeededEntropy(self._founded),
            store=store,
        )
        made = Staff(program, client, store, seen)
        for partner in partners:
            await befriend(made, partner)
        return made

    async def second(self, host: Staff, *, holds_ops: bool = False) -> Staff:
        """Certify a second device of an agency, and open it."""
        store, seen = MemoryStore(), list[Call]()
        self._founded += 1
        entropy = SeededEntropy(self._founded)

        def connect(key: SigningKey, device: DeviceId | AgencyId) -> Relay:
            return Watched(self.relay.connect(key, device), seen)

        agent = await add_device(
            host.client._agent,
            connect=connect,
            clock=self.clock,
            entropy=entropy,
            store=store,
            holds_ops=holds_ops,
        )
        ports = Ports(connect, self.clock, entropy, store)
        return Staff(host.name, AsyncClient(agent, self.folder, ports), store, seen)

    def serve_instead(
        self, agency: AgencyId, signed: SignedObject, device: DeviceId | None = None
    ) -> None:
        """Serve this as the agency's manifest, or a device's batch: the relay judges nothing."""
        serve_logged(self.relay.books, agency, signed, device)

    async def reopen(self, staff: Staff, store: MemoryStore) -> Staff:
        """Open a client's device again, over this store."""
        seen: list[Call] = []
        client = await AsyncClient.open(
            self.folder / staff.name,
            passphrase=PASSPHRASE,
            relay_port=lambda key, device: Watched(self.relay.connect(key, device), seen),
            clock=self.clock,
            entropy=SeededEntropy(1_000 + self._founded),
            store=store,
        )
        self._founded += 1
        return Staff(staff.name, client, store, seen)

    def deliver(self, to: Staff, *envelopes: bytes) -> None:
        """Put these bytes into a mailbox, as a relay that keeps no rule can."""
        mailbox = self.relay._mailbox(to.mailbox)
        for envelope in envelopes:
            mailbox.latest += 1
            mailbox._held[mailbox.latest] = _Held(envelope, self.clock.now() + DAY)

    def held_for(self, to: Staff) -> list[bytes]:
        """Return what waits in a mailbox."""
        return [arrival.envelope for arrival in self.relay._mailbox(to.mailbox).after(0)]


async def befriend(one: Staff, other: Staff) -> None:
    """Exchange invitations, both ways."""
    for host, guest in ((one, other), (other, one)):
        await guest.client.partners.add(await host.client.partners.invite(guest.name))
