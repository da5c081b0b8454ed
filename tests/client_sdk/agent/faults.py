"""Faults to order at any call of a device to its store or its relay.

The store and the relay are port objects that pass everything on, apart from the one call that a
test has ordered a fault for. A process that was killed makes no further call: whoever holds it gets
`Killed` until a test opens the device again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from quietway.engine.codec import OUTBOX, Fields
from quietway.errors import RelayUnreachable, StorageFull
from quietway.ports import Put
from quietway.store.memory import MemoryStore
from quietway_schemas.envelope import Core

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

    from quietway.client import AsyncClient
    from quietway.ports import Arrival, BlobPart, BlobStored, Delete, Mailbox, Relay, Welcome
    from quietway.testing.relay import InMemoryRelay
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.directory import DirectoryPage, SignedObject
    from quietway_schemas.holds import Claim, Ladder
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant
    from quietway_schemas.log import LogLeaves
    from quietway_schemas.withdrawal import Slip

FULL = "the disk is full"
GONE = "the relay is gone"
LOST = "the answer is lost"
KILLED_BEFORE = "the process is killed before the call"
KILLED_AFTER = "the process is killed after the call"
OF_STORE = (FULL, KILLED_BEFORE, KILLED_AFTER)
OF_RELAY = (GONE, LOST, KILLED_BEFORE, KILLED_AFTER)
_AFTER = (LOST, KILLED_AFTER)
_Result = TypeVar("_Result")


class Killed(BaseException):
    """The process ends here."""


class Fate:
    """Decides which call of a device fails, and how."""

    def __init__(self) -> None:
        self.dead = False
        self.happened = False
        self._fault = ""
        self._calls_left = 0
        self._of_store = False

    def order(self, fault: str, call: int, *, of_store: bool) -> None:
        """Let the call of that number fail, counted from now on and from 1."""
        self._fault, self._calls_left, self._of_store = fault, call, of_store
        self.happened = self.dead = False

    def heal(self) -> None:
        """No more faults."""
        self._fault, self.dead = "", False

    async def run(self, call: Callable[[], Awaitable[_Result]], *, of_store: bool) -> _Result:
        """Make a call, if it is not the one."""
        if self.dead:
            raise Killed
        if not self._fault or of_store is not self._of_store:
            return await call()
        self._calls_left -= 1
        if self._calls_left != 0:
            return await call()
        return await self._strike(call)

    async def _strike(self, call: Callable[[], Awaitable[_Result]]) -> _Result:
        fault, self._fault, self.happened = self._fault, "", True
        if fault in _AFTER:
            await call()
        if fault == FULL:
            raise StorageFull
        if fault in {GONE, LOST}:
            raise RelayUnreachable
        self.dead = True
        raise Killed


class FaultyStore(MemoryStore):
    """A store whose commits can fail. It outlives the process.

    Attributes:
        entries: Every entry of the outbox that was ever written down, as it lies in the store.
    """

    __slots__ = ("entries", "fate")

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self.fate = fate
        self.entries: list[Put] = []

    async def commit(self, writes: Sequence[Put | Delete]) -> None:
        async def whole() -> None:
            await super(FaultyStore, self).commit(writes)
            self.entries += [
                write for write in writes if isinstance(write, Put) and write.kind == OUTBOX
            ]

        await self.fate.run(whole, of_store=True)

    def cores(self, client: AsyncClient) -> list[set[bytes]]:
        """Every core that was ever written down, as the client that owns the store opens them.

        They are sorted by device, incarnation, conversation, audience and place: a defence that
        holds leaves one in each.
        """
        found: defaultdict[tuple[object, ...], set[bytes]] = defaultdict(set)
        for entry in self.entries:
            opened = client._agent.shelved._open(entry.kind, entry.key, entry.value)
            assert opened is not None
            raw = Fields(opened).raw("core")
            if raw:
                core = Core.unpack(raw)
                chain = (core.device, core.incarnation, core.conversation, core.audience_digest)
                found[*chain, core.seq].add(raw)
        return list(found.values())


class FaultyRelay:
    """A relay whose answers can fail, as one device sees it."""

    def __init__(self, relay: Relay, fate: Fate) -> None:
        self._relay = relay
        self._fate = fate

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        await self._fate.run(lambda: self._relay.submit(capability, records), of_store=False)

    async def withdraw(self, slips: Sequence[Slip]) -> list[bool]:
        return await self._fate.run(lambda: self._relay.withdraw(slips), of_store=False)

    async def place_hold(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        place = self._relay.place_hold
        await self._fate.run(lambda: place(capability, hold_id, ladder), of_store=False)

    async def claim_hold(self, hold_id: bytes, claim: Claim) -> bool:
        return await self._fate.run(lambda: self._relay.claim_hold(hold_id, claim), of_store=False)

    async def open_mailbox(
        self, *, after: int, witness_now: bytes, witness_was: bytes | None, live: bool
    ) -> Mailbox:
        mailbox = await self._fate.run(
            lambda: self._relay.open_mailbox(
                after=after, witness_now=witness_now, witness_was=witness_was, live=live
            ),
            of_store=False,
        )
        return _FaultyMailbox(mailbox, self._fate)

    def listen(self) -> AsyncGenerator[int, None]:
        return self._relay.listen()

    async def put_manifest(
        self, agency: AgencyId, signed: SignedObject, *, enrolment_code: str | None = None
    ) -> None:
        await self._fate.run(
            lambda: self._relay.put_manifest(agency, signed, enrolment_code=enrolment_code),
            of_store=False,
        )

    async def put_epochs(self, agency: AgencyId, signed: SignedObject) -> None:
        await self._fate.run(lambda: self._relay.put_epochs(agency, signed), of_store=False)

    async def put_lanes(self, week: str, signed: SignedObject) -> None:
        await self._fate.run(lambda: self._relay.put_lanes(week, signed), of_store=False)

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        return await self._fate.run(
            lambda: self._relay.directory(after, log_size=log_size), of_store=False
        )

    async def log_checkpoint(self) -> str:
        return await self._fate.run(self._relay.log_checkpoint, of_store=False)

    async def log_consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return await self._fate.run(lambda: self._relay.log_consistency(old, new), of_store=False)

    async def log_leaves(self, after: int) -> LogLeaves:
        return await self._fate.run(lambda: self._relay.log_leaves(after), of_store=False)

    async def put_blob_part(self, capability: bytes, part: BlobPart) -> BlobStored:
        return await self._fate.run(
            lambda: self._relay.put_blob_part(capability, part), of_store=False
        )

    async def blob_status(self, blob_id: bytes, writer: bytes) -> BlobStored | None:
        return await self._fate.run(
            lambda: self._relay.blob_status(blob_id, writer), of_store=False
        )

    async def get_blob(self, blob_id: bytes, opening: bytes, *, first: int, last: int) -> bytes:
        return await self._fate.run(
            lambda: self._relay.get_blob(blob_id, opening, first=first, last=last), of_store=False
        )

    async def delete_blob(self, blob_id: bytes, writer: bytes) -> None:
        await self._fate.run(lambda: self._relay.delete_blob(blob_id, writer), of_store=False)

    async def read_clock(self) -> Instant:
        return await self._fate.run(self._relay.read_clock, of_store=False)

    async def aclose(self) -> None:
        await self._relay.aclose()


class _FaultyMailbox:
    def __init__(self, mailbox: Mailbox, fate: Fate) -> None:
        self._mailbox = mailbox
        self._fate = fate

    @property
    def welcome(self) -> Welcome:
        return self._mailbox.welcome

    async def arrivals(self) -> AsyncIterator[Arrival]:
        async for arrival in self._mailbox.arrivals():

            async def arrive(held: Arrival = arrival) -> Arrival:
                return held

            yield await self._fate.run(arrive, of_store=False)

    async def acknowledge(self, seqs: Sequence[int]) -> None:
        await self._fate.run(lambda: self._mailbox.acknowledge(seqs), of_store=False)

    async def aclose(self) -> None:
        await self._mailbox.aclose()


def connect_faulty(relay: InMemoryRelay, fate: Fate) -> Callable[[SigningKey, DeviceId], Relay]:
    """Give what `AsyncClient` asks for as `relay_port`."""
    return lambda identity, device: FaultyRelay(relay.connect(identity, device), fate)
