"""The agent: keeps one device and the relay in step.

Rules: the clocks are compared before anything is sealed, sent or erased. Nothing is acknowledged
before it is on the disk (`settling` sees to that). What one stage is refused does not stop the
others. One synchronisation and one submission run at a time; a program may still write meanwhile.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from quietway.cases import CASE_ALIAS, CaseBook
from quietway.compared_clock import ComparedClock
from quietway.engine import codec
from quietway.engine.effects import Acknowledge, Submit
from quietway.engine.inputs import (
    Accepted,
    Compose,
    Connecting,
    Flush,
    OlderCopyAccepted,
    Parcel,
    Rejected,
    RetryKept,
    Started,
    Welcomed,
)
from quietway.errors import (
    ClockError,
    QuietwayError,
    RelayError,
    RelayRefused,
    RelayUnreachable,
    StorageFull,
    StoreDamaged,
    StoreRolledBack,
)
from quietway.events import ConnectionBack, ConnectionLost
from quietway.keyring.trust import Directory
from quietway.lanes import LaneBook
from quietway.partners import PARTNER
from quietway.publishing import Publisher
from quietway.settling import DIRECTORY, Settler
from quietway.tally import Tally
from quietway_crypto.errors import CryptoError
from quietway_schemas.errors import SchemaError
from quietway_schemas.instants import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from quietway.engine.state import State
    from quietway.keyring.keyring import Keyring
    from quietway.ports import Arrival, Clock, Entropy, Mailbox, Relay, Store
    from quietway.reports import SyncProgress, SyncReport
    from quietway.settling import ForRelay
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

MOST_SKEW_MS: Final = 2 * HOUR
CLOCK_TRUSTED_MS: Final = MINUTE
"""How long an answer of the relay vouches for the clock and for the way to it."""
BATCH_RECORDS: Final = 100
DRAIN_BATCH: Final = 32
TICK_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
"""Between attempts to connect: up to a second, doubling up to a minute, each with full jitter."""
_MOST_ROUNDS: Final = 4
_MOST_PAGES: Final = 4_096


class Agent(Settler):
    """One device with its way to the relay. Make one with `load`."""

    def __init__(
        self,
        *,
        state: State,
        directory: Directory,
        lanes: LaneBook,
        cases: CaseBook,
        keyring: Keyring,
        store: Store,
        relay: Relay,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self.compared = ComparedClock(clock)
        super().__init__(
            state=state,
            directory=directory,
            lanes=lanes,
            cases=cases,
            keyring=keyring,
            store=store,
            clock=self.compared,
            entropy=entropy,
        )
        self.relay = relay
        self.publisher = Publisher(keyring, store, relay, entropy)
        self._sending = asyncio.Lock()
        self._syncing = asyncio.Lock()
        self._clock_vouched_at: Instant | None = None

    @classmethod
    async def load(
        cls,
        *,
        keyring: Keyring,
        store: Store,
        relay: Relay,
        clock: Clock,
        entropy: Entropy,
        accept_older_copy: bool = False,
    ) -> Agent:
        """Bring back what the store holds, under a fresh incarnation.

        Raises:
            StoreDamaged: A row is not what this version wrote.
        """
        kinds = (*codec.KINDS, DIRECTORY, PARTNER, CASE_ALIAS)
        rows = {kind: await store.scan(kind) for kind in kinds}
        try:
            state = codec.restore(keyring.agency, keyring.device, rows)
            directory = Directory.restore({row.key: row.value for row in rows[DIRECTORY]})
            lanes = LaneBook.restore(keyring, rows[PARTNER])
            cases = CaseBook.restore(rows[CASE_ALIAS])
        except (SchemaError, CryptoError, QuietwayError, ValueError):
            raise StoreDamaged("store") from None
        agent = cls(
            state=state,
            directory=directory,
            lanes=lanes,
            cases=cases,
            keyring=keyring,
            store=store,
            relay=relay,
            clock=clock,
            entropy=entropy,
        )
        directory.pin(keyring.agency, keyring.root.public)
        agent.touch_directory()
        now = clock.now()
        accepted = [OlderCopyAccepted(now)] if accept_older_copy else []
        await agent.settle(Started(now, entropy.draw(8)), *accepted)
        return agent

    async def check_clock(self) -> None:
        """Compare this machine's clock with the relay's, unless that was done a moment ago.

        Raises:
            ClockError: They differ by more than two hours.
        """
        if not self._clock_is_vouched():
            self._compare_clocks(await self.relay.read_clock())

    async def pull_directory(self) -> tuple[QuietwayError, ...]:
        """Read the directory to its end; returns what was refused of it."""
        problems: list[QuietwayError] = []
        for _ in range(_MOST_PAGES):
            before = self.directory.cursor
            page = await self.relay.directory(before)
            problems += self.directory.apply(page, now=self.clock.now())
            if page.entries:
                self.touch_directory()
            if not page.more or self.directory.cursor <= before:
                break
        # Whoever was unknown may be known now. Only here, so that no arrival causes a request.
        await self.settle(RetryKept(self.clock.now()))
        return tuple(problems)

    async def say(self, composed: Compose) -> QuietwayError | None:
        """Write a message down, and send it where that is possible; returns why it was not.

        Raises:
            StorageFull: It was not written, and nothing was sent. (A disk that is full only
                afterwards is returned: who is told that nothing was written writes it again.)
        """
        if self._clock_is_vouched() and not self._sending.locked():
            # The usual case, in one commit: the relay answered a moment ago.
            async with self._sending:
                deeds = await self.settle(composed, Flush(self.clock.now()))
                return await self._try(self._submit_all(deeds))
        await self.settle(composed)
        return await self._try(self.flush())

    async def flush(self) -> None:
        """Send what waits, in order.

        Raises:
            RelayUnreachable, ClockError: What was not accepted stays, and goes out the next time.
        """
        async with self._sending:
            await self.check_clock()
            await self._submit_all(await self.settle(Flush(self.clock.now())))

    async def synchronise(
        self, progress: Callable[[SyncProgress], None] | None = None
    ) -> SyncReport:
        """Do one whole pass: clock, publish, directory, mailbox, outbox. Reports, does not raise.

        Raises:
            StoreError: The device's own files are in the way. Nothing was lost.
        """
        async with self._syncing:
            tally = Tally(progress)
            self.listeners.append(tally.count)
            try:
                await self._pass(tally)
            except RelayError as problem:
                tally.problems.append(problem)
            finally:
                self.listeners.remove(tally.count)
            return tally.report(waiting=self.count_waiting())

    async def follow(self) -> None:
        """Stay connected and keep everything current, until cancelled; tells the listeners.

        Raises:
            StoreError: The device's own files are in the way.
        """
        failures = 0
        while True:
            try:
                _raise_what_stops(await self.synchronise())
                mailbox = await self._connect(live=True)
                if failures:
                    self.tell(ConnectionBack())
                failures = 0
                await self._live_with(mailbox)
            except RelayError as problem:
                if failures == 0:
                    self.tell(ConnectionLost(str(problem)))
                failures += 1
            await self.clock.sleep(self._pause(failures))

    async def aclose(self) -> None:
        """Let go of the relay and the store."""
        await self.relay.aclose()
        await self.store.aclose()

    async def _pass(self, tally: Tally) -> None:
        tally.reach("clock")
        self._clock_vouched_at = None
        await self.check_clock()
        tally.reach("publish")
        with tally.going_on():
            await self.publisher.publish(now=self.clock.now())
        self.publisher.erase_expired_epochs(now=self.clock.now())
        tally.reach("directory")
        with tally.going_on():
            tally.problems += await self.pull_directory()
        with tally.going_on():
            await self._read_mailbox(tally)
        if self.state.reading.copied:
            tally.problems.append(StoreRolledBack())
        tally.reach("outbox", total=self.count_waiting())
        await self.flush()

    async def _read_mailbox(self, tally: Tally) -> None:
        mailbox = await self._connect(live=False)
        try:
            await self._drain(mailbox, tally)
        finally:
            await mailbox.aclose()

    async def _connect(self, *, live: bool) -> Mailbox:
        await self.settle(Connecting(self.clock.now(), self.entropy.draw(16)))
        reading = self.state.reading
        mailbox = await self.relay.open_mailbox(
            # All that was not acknowledged: what is recorded already is known by its place.
            after=0,
            witness_now=reading.witness_now,
            witness_was=reading.witness_was or None,
            live=live,
        )
        try:
            welcome = mailbox.welcome
            self._compare_clocks(welcome.now)
            now = self.clock.now()
            await self.settle(Welcomed(now, welcome.acknowledged, welcome.witness_kept))
        except BaseException:
            await mailbox.aclose()
            raise
        return mailbox

    async def _drain(self, mailbox: Mailbox, tally: Tally) -> None:
        total = max(0, mailbox.welcome.latest - mailbox.welcome.acknowledged)
        tally.reach("mailbox", total=total)
        waiting: list[Arrival] = []
        async for arrival in mailbox.arrivals():
            waiting.append(arrival)
            if len(waiting) >= DRAIN_BATCH:
                await self._take(mailbox, waiting)
                tally.advance(len(waiting))
                waiting = []
        await self._take(mailbox, waiting)
        tally.advance(len(waiting))

    async def _take(self, mailbox: Mailbox, arrivals: list[Arrival]) -> None:
        """Record what came in one commit, then acknowledge it."""
        if not arrivals:
            return
        now = self.clock.now()
        deeds = await self.settle(
            *[self.answers.open(held.envelope, seq=held.seq, now=now) for held in arrivals]
        )
        seqs = [deed.seq for deed in deeds if isinstance(deed, Acknowledge)]
        if seqs:
            await mailbox.acknowledge(seqs)

    async def _live_with(self, mailbox: Mailbox) -> None:
        ticking = asyncio.create_task(self._tick())
        try:
            async for arrival in mailbox.arrivals():
                # A clock that jumped since would make everything that comes look expired.
                await self.check_clock()
                await self._take(mailbox, [arrival])
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            await mailbox.aclose()

    async def _tick(self) -> None:
        """While connected: keys, lanes and the directory stay current, and what waits is tried."""
        while True:
            await self.clock.sleep(TICK_SECONDS)
            # The mailbox's own connection notices when the relay is gone, and says so.
            await self._try(self._keep_current())

    async def _keep_current(self) -> None:
        self._clock_vouched_at = None
        await self.check_clock()
        await self.publisher.publish(now=self.clock.now())
        await self.pull_directory()
        await self.flush()

    async def _submit_all(self, deeds: Iterable[ForRelay]) -> None:
        """Hand over what is ready; where the relay blames one of a batch, the others go again."""
        for _ in range(_MOST_ROUNDS):
            if not await self._submit(deeds):
                return
            deeds = await self.settle(Flush(self.clock.now()))

    async def _submit(self, deeds: Iterable[ForRelay]) -> bool:
        again = False
        for agency, parcels in _by_agency(deeds).items():
            # One agency at a time, so that no request shows who else is written to.
            capability = self.lanes.capability(agency, self.clock.now())
            for start in range(0, len(parcels), BATCH_RECORDS):
                batch = parcels[start : start + BATCH_RECORDS]
                again = await self._submit_batch(capability, batch) or again
        return again

    async def _submit_batch(self, capability: bytes, batch: tuple[Parcel, ...]) -> bool:
        try:
            await self.relay.submit(capability, [parcel.record for parcel in batch])
        except RelayRefused as refusal:
            wait = SECOND * (refusal.retry_after or 0)
            now = self.clock.now()
            await self.settle(Rejected(now, batch, refusal.code, refusal.index, wait))
            return refusal.index is not None and len(batch) > 1
        await self.settle(Accepted(self.clock.now(), batch))
        return False

    async def _try(self, work: Awaitable[None]) -> RelayError | StorageFull | None:
        try:
            await work
        except (RelayError, StorageFull) as problem:
            self._clock_vouched_at = None
            return problem
        return None

    def _clock_is_vouched(self) -> bool:
        at = self._clock_vouched_at
        return at is not None and at <= self.compared.machine_now() < at + CLOCK_TRUSTED_MS

    def _compare_clocks(self, relay_now: Instant) -> None:
        now = self.compared.machine_now()
        self._clock_vouched_at = None
        compare_clocks(now, relay_now)
        self._clock_vouched_at = now
        self.compared.note(relay_now)
        # From here on this time counts, also for what was read from the directory long ago.
        self.directory.note_time(self.clock.now())

    def _pause(self, failures: int) -> float:
        longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 16), LONGEST_PAUSE_SECONDS)
        return longest * int.from_bytes(self.entropy.draw(4), "big") / 2.0**32


def compare_clocks(now: Instant, relay_now: Instant) -> None:
    """Demand that this machine's clock and the relay's are close enough.

    Raises:
        ClockError: They differ by more than two hours.
    """
    if abs(now - relay_now) > MOST_SKEW_MS:
        raise ClockError(now - relay_now)


def _raise_what_stops(report: SyncReport) -> None:
    for problem in report.problems:
        if isinstance(problem, RelayUnreachable | ClockError):
            raise problem


def _by_agency(deeds: Iterable[ForRelay]) -> dict[AgencyId, tuple[Parcel, ...]]:
    grouped: dict[AgencyId, tuple[Parcel, ...]] = {}
    for deed in deeds:
        if isinstance(deed, Submit):
            grouped[deed.agency] = (*grouped.get(deed.agency, ()), *deed.parcels)
    return grouped
