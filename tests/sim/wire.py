"""What lies between a device and the relay: the SDK's `Relay` port over a network of the seed's.

A request is delayed, lost, delivered twice, or its answer is lost; a link may be cut or clogged.
Behind it the relay's services are called as its surface calls them, and refusals come back as the
SDK's transport would raise them. What a device asked for goes on at the relay when the device dies.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from quietway.errors import RelayUnreachable
from quietway.ports import Arrival, Welcome
from quietway.transport.answers import name_problem
from quietway_crypto.lanes import hash_capability
from quietway_protocol.session import WINDOW
from quietway_schemas.directory import MAX_PAYLOAD_BYTES, DirectoryPage
from quietway_schemas.envelope import unpack_records
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

    from quietway.ports import BlobPart, BlobStored, Mailbox
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.directory import SignedObject
    from quietway_schemas.holds import Claim, Ladder
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant
    from quietway_schemas.log import LogLeaves
    from quietway_schemas.wake import WakeEndpoints
    from quietway_schemas.withdrawal import Slip
    from quietway_server.rows import DeviceRow
    from quietway_server.services.relay import Relay as Core

T = TypeVar("T")

PATIENCE_SECONDS = 10.0
MOST_DIRECTORY_BYTES = 64 * MAX_PAYLOAD_BYTES


@dataclass(eq=False)
class Site:
    """Where the relay stands.

    Attributes:
        core: The relay, or the one that died last.
        is_up: Whether one answers.
        life: Grows with each start: connections to a former one are dead.
    """

    core: Core
    is_up: bool = True
    life: int = 0


@dataclass
class Link:
    """One device's way to the relay.

    Attributes:
        random: Decides what becomes of each message.
        cut: Whether nothing passes.
        clogged_until: Until when what is under way stands still.
        delay: Of each way, at least and at most, in seconds.
        loss: How often a request or an answer is lost.
        twice: How often a request comes twice.
    """

    random: random.Random
    cut: bool = False
    clogged_until: float = 0.0
    delay: tuple[float, float] = (0.0, 0.0)
    loss: float = 0.0
    twice: float = 0.0

    def heal(self) -> None:
        """Let everything pass."""
        self.cut, self.clogged_until = False, 0.0
        self.delay, self.loss, self.twice = (0.005, 0.05), 0.0, 0.0

    async def cross(self) -> None:
        """Let a message pass one way.

        Raises:
            RelayUnreachable: It is lost.
        """
        loop = asyncio.get_running_loop()
        low, high = self.delay
        waits = self.random.uniform(low, high) if high else 0.0
        waits = max(waits, self.clogged_until - loop.time())
        if waits > 0:
            await asyncio.sleep(waits)
        if self.cut or (self.loss and self.random.random() < self.loss):
            await asyncio.sleep(self.random.uniform(0.5, PATIENCE_SECONDS))
            raise RelayUnreachable

    def repeats(self) -> bool:
        """Say whether a request comes twice."""
        return bool(self.twice) and self.random.random() < self.twice


@dataclass
class Wire:
    """The `Relay` of one device.

    Attributes:
        site: Where the relay stands.
        link: The way there.
        identity: Who asks.
        who: Its device.
        tap: Sees what is handed over.
        dead: Whether the device has died: nothing of it passes any more.
    """

    site: Site
    link: Link
    identity: SigningKey
    who: DeviceId | AgencyId
    tap: Tap
    dead: bool = False
    _open: list[WiredMailbox] = field(default_factory=list)

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Carry a request there and its answer back.

        Raises:
            RelayUnreachable: One of them was lost.
            RelayRefused: The relay said no.
        """
        self.tap.check(self)
        await self.link.cross()
        if not self.site.is_up:
            await asyncio.sleep(1)
            raise RelayUnreachable
        loop = asyncio.get_running_loop()
        under_way = loop.create_task(_answered(work))
        if self.link.repeats():
            loop.create_task(_later(self.link, work))  # noqa: RUF006, the loop's tasks are the sim's
        try:
            answer = await asyncio.wait_for(asyncio.shield(under_way), PATIENCE_SECONDS)
        except TimeoutError:
            raise RelayUnreachable from None
        await self.link.cross()
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def core(self) -> Core:
        return self.site.core

    async def admit(self) -> DeviceRow:
        """Give the device as the directory has it now.

        Raises:
            RefusedError: `not_authenticated`.
        """
        rows = await self.core.reader.read(lambda held: held.find_devices([self.who.value]))
        row = rows.get(self.who.value)
        if row is None or row.identity_key != self.identity.public:
            raise RefusedError("not_authenticated")
        return row

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        body = b"".join(records)
        batch = unpack_records(body)
        self.tap.see_records(self, batch)

        async def work() -> None:
            if self.tap.swallows(self):
                return
            urgent = await self.core.urgency.judge(hash_capability(capability))
            await self.core.ingest.submit(capability, batch, body_bytes=len(body), urgent=urgent)

        await self.ask(work)
        self.tap.passed(self, "submitted")

    async def withdraw(self, slips: Sequence[Slip]) -> list[bool]:
        return await self.ask(lambda: self.core.withdrawals.withdraw(slips))

    async def place_hold(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        body = ladder.pack()
        self.tap.see_ladder(self, hold_id, ladder)

        async def work() -> None:
            if self.tap.swallows(self, hold_id):
                return
            urgent = await self.core.urgency.judge(hash_capability(capability))
            await self.core.holds.place(capability, hold_id, body, urgent=urgent)

        await self.ask(work)
        self.tap.ladder_taken(self, hold_id)
        self.tap.passed(self, "placed")

    async def claim_hold(self, hold_id: bytes, claim: Claim) -> bool:
        body = claim.pack()
        self.tap.see_claim(self, hold_id, claim)
        first = await self.ask(lambda: self.core.holds.claim(hold_id, body))
        self.tap.passed(self, "claimed")
        return first

    async def open_mailbox(
        self, *, after: int, witness_now: bytes, witness_was: bytes | None, live: bool
    ) -> Mailbox:
        async def work() -> tuple[DeviceRow, Welcome]:
            row = await self.admit()
            greeting = await self.core.mailboxes.greet(
                row, witness_now=witness_now, witness_was=witness_was
            )
            return row, Welcome(
                greeting.latest, greeting.acknowledged, greeting.now, greeting.witness_kept
            )

        row, welcome = await self.ask(work)
        return WiredMailbox(self, row, welcome, after=after, live=live)

    async def listen(self) -> AsyncGenerator[int, None]:
        raise NotImplementedError
        yield 0

    async def put_manifest(
        self, agency: AgencyId, signed: SignedObject, *, enrolment_code: str | None = None
    ) -> None:
        directory = self.core.directory
        await self.ask(
            lambda: directory.put_manifest(agency, signed, enrolment_code=enrolment_code)
        )

    async def put_epochs(self, agency: AgencyId, signed: SignedObject) -> None:
        await self.ask(lambda: self.core.directory.put_epochs(agency, signed))

    async def put_lanes(self, week: str, signed: SignedObject) -> None:
        await self.ask(lambda: self.core.directory.put_lanes(week, signed))

    async def put_wake(self, endpoints: WakeEndpoints) -> None:
        raise NotImplementedError

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        async def work() -> DirectoryPage:
            await self.admit()
            page = await self.core.directory.page(after=after, log_size=log_size)
            return DirectoryPage.from_canonical(page, max_bytes=MOST_DIRECTORY_BYTES)

        return self.tap.show_page(self, await self.ask(work), after)

    async def log_checkpoint(self) -> str:
        return await self.ask(self.core.log.checkpoint)

    async def log_consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return (await self.ask(lambda: self.core.log.consistency(old, new))).path

    async def log_leaves(self, after: int) -> LogLeaves:
        return await self.ask(lambda: self.core.log.leaves(after))

    async def put_blob_part(self, capability: bytes, part: BlobPart) -> BlobStored:
        raise NotImplementedError

    async def blob_status(self, blob_id: bytes, writer: bytes) -> BlobStored | None:
        raise NotImplementedError

    async def get_blob(self, blob_id: bytes, opening: bytes, *, first: int, last: int) -> bytes:
        raise NotImplementedError

    async def delete_blob(self, blob_id: bytes, writer: bytes) -> None:
        raise NotImplementedError

    async def read_clock(self) -> Instant:
        async def work() -> Instant:
            now = self.core.clock.now()
            return now - now % 1_000

        return await self.ask(work)

    async def aclose(self) -> None:
        for mailbox in tuple(self._open):
            await mailbox.aclose()


class WiredMailbox:
    """An open mailbox: what lies there comes in order, over a connection that may break."""

    def __init__(
        self, wire: Wire, row: DeviceRow, welcome: Welcome, *, after: int, live: bool
    ) -> None:
        self._wire = wire
        self._row = row
        self._welcome = welcome
        self._shown = after
        self._live = live
        self._is_open = True
        self._life = wire.site.life
        self._listening = wire.core.delivery.listen(row.mailbox)
        self._hints = self._listening.__enter__()
        self._unacknowledged: set[int] = set()
        wire._open.append(self)

    @property
    def welcome(self) -> Welcome:
        return self._welcome

    async def arrivals(self) -> AsyncIterator[Arrival]:
        wire = self._wire
        while self._is_open:
            if self._is_broken:
                raise RelayUnreachable
            fetched = await _unwrap(
                wire.core.mailboxes.fetch(self._row, after=self._shown, limit=self._room())
            )
            for stored in fetched.envelopes:
                arrival = Arrival(stored.seq, stored.header.pack() + stored.sealed)
                self._shown = stored.seq
                for shown in wire.tap.show_arrival(wire, arrival):
                    await wire.link.cross()
                    wire.tap.check(wire)
                    self._unacknowledged.add(shown.seq)
                    yield shown
            if fetched.envelopes:
                continue
            if not self._live:
                return
            await self._wait()
            if self._is_broken:
                raise RelayUnreachable

    @property
    def _is_broken(self) -> bool:
        site = self._wire.site
        return self._wire.link.cut or not site.is_up or site.life != self._life

    async def _wait(self) -> None:
        # A connection that nobody answers on is noticed, as the socket's pings notice it.
        while self._is_open and not self._is_broken:
            try:
                await asyncio.wait_for(self._hints.changed(), PATIENCE_SECONDS)
            except TimeoutError:
                continue
            return

    def _room(self) -> int:
        return max(0, WINDOW - len(self._unacknowledged)) if self._live else WINDOW

    async def acknowledge(self, seqs: Sequence[int]) -> None:
        self._wire.tap.passed(self._wire, "acknowledging")
        mailboxes = self._wire.core.mailboxes
        known = [seq for seq in seqs if seq]
        await self._wire.ask(lambda: mailboxes.acknowledge(self._row, through=None, seqs=known))
        self._unacknowledged.difference_update(seqs)
        self._hints.wake()

    async def aclose(self) -> None:
        if self._is_open:
            self._is_open = False
            self._wire._open.remove(self)
            self._hints.wake()
            self._listening.__exit__(None, None, None)


class Tap:
    """Sees what passes, and may change it. This one does neither."""

    def check(self, wire: Wire) -> None:
        """Stop what a dead device still does."""

    def passed(self, wire: Wire, where: str) -> None:
        """Note that a device has come to a point at which it may die."""

    def see_records(self, wire: Wire, records: Sequence[Any]) -> None:
        """See a batch."""

    def see_ladder(self, wire: Wire, hold_id: bytes, ladder: Ladder) -> None:
        """See a ladder."""

    def ladder_taken(self, wire: Wire, hold_id: bytes) -> None:
        """Hear that a device knows that its ladder was taken."""

    def see_claim(self, wire: Wire, hold_id: bytes, claim: Claim) -> None:
        """See a claim."""

    def swallows(self, wire: Wire, hold: bytes = b"") -> bool:
        """Say whether the relay claims to have taken something, and drops it."""
        return False

    def show_page(self, wire: Wire, page: DirectoryPage, after: int) -> DirectoryPage:
        """Give the page that a device is shown, which asked for what is new since."""
        return page

    def show_arrival(self, wire: Wire, arrival: Arrival) -> list[Arrival]:
        """Give what a device is shown in the place of an arrival."""
        return [arrival]


async def _answered(work: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await _unwrap(work())
    except Exception as error:  # noqa: BLE001, it travels back as an answer
        return error


async def _unwrap(work: Awaitable[T]) -> T:
    try:
        return await work
    except RefusedError as refused:
        raise name_problem(
            refused.code, index=refused.index, retry_after=refused.retry_after
        ) from None


async def _later(link: Link, work: Callable[[], Awaitable[Any]]) -> None:
    await asyncio.sleep(link.random.uniform(0.0, 30.0))
    await _answered(work)
