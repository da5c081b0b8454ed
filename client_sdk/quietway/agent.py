"""The agent: keeps one device and the relay in step.

Rules: the clocks are compared before anything is sealed, sent or erased. Nothing is acknowledged
before it is on the disk (`settling` sees to that). What one stage is refused does not stop the
others. One synchronisation and one submission run at a time; a program may still write meanwhile.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.agreements import AGREEMENT, AgreementBook
from quietway.alerting.alarms_file import MemoryAlarms
from quietway.alerting.paging import TAKERS as PAGING
from quietway.alerting.paging import page_again, page_digests
from quietway.alerting.placing import place_hold, show_claim
from quietway.alerting.verifying import check_widening
from quietway.alerting.watching import AlertWatch
from quietway.auditing import audit
from quietway.cases import CASE_ALIAS, CaseBook
from quietway.clocks import Clocks
from quietway.compared_clock import ComparedClock
from quietway.consent import rollback
from quietway.consent.asking_again import Agreed, ask_again
from quietway.consent.catching_up import catch_up, note_colleagues_stops
from quietway.consent.changing import merge_in, remember_conversations
from quietway.consent.expiring import Expiries, order_after_the_end
from quietway.consent.purging import owe_what_is_revoked
from quietway.consent.taking import TAKERS
from quietway.consents import Consents, find_consents
from quietway.covering.cover import Cover
from quietway.covering.keeping import keep_on_call
from quietway.drilling.running import Injector
from quietway.drilling.scores import take_score
from quietway.engine import codec, receipts
from quietway.engine.effects import Acknowledge, ClaimHold, PlaceHold, Submit
from quietway.engine.inputs import (
    Accepted,
    Compose,
    Connecting,
    Flush,
    Forgotten,
    OlderCopyAccepted,
    Parcel,
    Rejected,
    RetryKept,
    Started,
    Ticked,
    Welcomed,
)
from quietway.engine.outbox import LANE_AWAITED
from quietway.engine.withdrawal import GONE_BACK
from quietway.erasing import MOST_SKEW_MS
from quietway.errors import (
    AgencyRemoved,
    AnotherLog,
    ClockError,
    LaneAwaited,
    LogForked,
    LogRolledBack,
    OverQuota,
    QuietwayError,
    RelayError,
    RelayPutBack,
    RelayRefused,
    RelayUnreachable,
    StorageFull,
    StoreDamaged,
    StoreError,
    StoreRolledBack,
)
from quietway.events import ConnectionBack, ConnectionLost, ErasingPaused
from quietway.guarding.overrides import Guarding
from quietway.guarding.seconding import TAKERS as SECONDING
from quietway.held_back import HELD_BACK, TOLD_NO_MORE, HeldBackBook
from quietway.high_water import MemoryMark
from quietway.holding import held_owners
from quietway.keyring.batches import DIRECTORY, holds_batches, notes_batches
from quietway.keyring.trust import Directory
from quietway.lanes import GRANTED_LANE, NOT_FOUND, LaneBook, hand_over
from quietway.ledger import Ledger
from quietway.locked import GONE
from quietway.oncall.book import ON_CALL as ON_CALL_ROWS
from quietway.oncall.book import OnCallBook
from quietway.own.agreeing import keep_agreements
from quietway.own.case_links import take_case_link
from quietway.own.granting import note_granted
from quietway.own.guard_entries import load_lists
from quietway.own.lane_keeping import date_former_invitations, open_lanes
from quietway.own.rotating import go_on_rotating, rotate_where_due
from quietway.own.standing import STANDING, Standing
from quietway.own.within import take_in
from quietway.partner_standing import PARTNER_STANDING, StandingBook, may_be_theirs
from quietway.partners import PARTNER
from quietway.pausing import (
    LONGEST_CALLED_SECONDS,
    LONGEST_PAUSE_SECONDS,
    pause_after,
    told_by,
)
from quietway.ports import Delete, Put
from quietway.publishing import Publisher
from quietway.records import CONTENT_KINDS, INDEXED, INDEXED_KINDS, MESSAGE, find_shelf
from quietway.reports import OpeningProgress, SweepReport, say_nothing
from quietway.said_until import SAID_UNTIL, SaidUntil
from quietway.settling import LOG, Settler
from quietway.spacing import Spacing, shuffle
from quietway.store.shelved import ShelvedStore
from quietway.sweeping import Sweeper
from quietway.tally import Tally
from quietway.withdrawing import Withdrawer
from quietway.witnessing.view import LogView
from quietway_crypto.errors import CryptoError
from quietway_protocol.errors import ProtocolError
from quietway_schemas.content.roles import ON_CALL
from quietway_schemas.errors import SchemaError
from quietway_schemas.frames import ERA_NUMBERS
from quietway_schemas.instants import MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence

    from quietway.alerting.alarms_file import Alarms
    from quietway.engine.inputs import Returned
    from quietway.engine.state import Entry, State
    from quietway.high_water import Mark
    from quietway.keyring.keyring import Keyring
    from quietway.own.taken import Taken
    from quietway.ports import Arrival, Clock, Entropy, Mailbox, Relay, Row, Store, Write
    from quietway.reports import SyncProgress, SyncReport, TellOpening
    from quietway.settling import ForRelay
    from quietway_schemas.ids import AgencyId, CaseRef, DeviceId
    from quietway_schemas.instants import Instant

SHELVED: Final = "shelved"
"""There once no row of content is left that lies as a former version wrote it."""
CLOCK_TRUSTED_MS: Final = MINUTE
"""How long an answer of the relay vouches for the clock and for the way to it."""
BATCH_RECORDS: Final = 100
DRAIN_BATCH: Final = 32
TICK_SECONDS: Final = 60.0
ALERTS: Final = "alert."
"""What the types of alerts, and of the answers to them, begin with."""
_HELD_WHILE_LOCKED: Final = frozenset(
    {
        "_clock_vouched_at",
        "_held_up",
        "_sending",
        "_syncing",
        "_turn",
        "clock",
        "compared",
        "entropy",
        "listeners",
    }
)
_MOST_ROUNDS: Final = 4
_MOST_PAGES: Final = 4_096


class Agent(Settler):
    """One device with its way to the relay. Make one with `load`.

    Attributes:
        relay: The way.
        publisher: What others need of this device.
        standing: What a linked device still waits for.
        agreements: What agencies agreed may flow.
        said_until: Until when what waits may go out.
        expiries: When releases that are over were looked for last.
        agreed: What agreements limited when what waits was asked about last.
        ledger: What stands now, of all cases.
        guarding: What the guard refused here lately, and the lists that it reads with.
        injector: Sends what falls due of the drills that run here.
        watch: Waits for answers to the alerts of this device.
        errands: What else is gone on with at each pass; each gives what is in its way.
        oncall: Who is on call, here and at partners.
        cover: What this device keeps in mind while it is on call.
        errands_of_cases: The same of what the ledger is asked for, once that is there.
        beside: What goes on beside the connection, at times of its own.
    """

    def __init__(
        self,
        *,
        state: State,
        directory: Directory,
        lanes: LaneBook,
        cases: CaseBook,
        keyring: Keyring,
        store: ShelvedStore,
        relay: Relay,
        clock: Clock,
        entropy: Entropy,
        mark: Mark,
        log: LogView | None = None,
        standings: StandingBook | None = None,
        alarms: Alarms | None = None,
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
            log=log or LogView(),
            standings=standings,
        )
        self.relay = relay
        self.shelved = store
        self.publisher = Publisher(
            keyring, store, relay, entropy, directory=directory, keep=self._keep_directory
        )
        self.standing = Standing()
        self.agreements = AgreementBook()
        self.said_until = SaidUntil()
        self.agreed = Agreed()
        self.expiries = Expiries()
        self.clocks = Clocks(clock, mark)
        self.sweeper = Sweeper(keyring, store)
        self.withdrawer = Withdrawer(self)
        self.injector = Injector(self)
        self.watch = AlertWatch(self, alarms or MemoryAlarms())
        self.check_widening = partial(check_widening, self)
        self.errands: list[Callable[[], Awaitable[list[QuietwayError]]]] = [
            partial(catch_up, self),
            partial(order_after_the_end, self),
            partial(rollback.go_on, self),
            self.watch.look,
            partial(page_again, self),
            partial(page_digests, self),
            self.injector.look,
        ]
        self.errands_of_cases: list[Callable[[], Awaitable[list[QuietwayError]]]] = []
        self.beside: list[Callable[[], Coroutine[object, object, None]]] = []
        self.oncall = OnCallBook()
        self.cover = Cover()
        self.ledger = Ledger(self)
        self.takers |= TAKERS
        self.takers["case.link"] = take_case_link
        self.takers |= SECONDING
        self.takers["agency.drill_score"] = take_score
        self.takers |= PAGING
        self.guarding = Guarding(entropy)
        self._doubt_told: str | None = None
        self._is_relay_put_back = False
        self._held_up = asyncio.Event()
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
        mark: Mark | None = None,
        alarms: Alarms | None = None,
        accept_older_copy: bool = False,
        progress: TellOpening = say_nothing,
    ) -> Agent:
        """Bring back what the store holds, under a fresh incarnation, and erase what is due.

        Raises:
            StoreDamaged: A row is not what this version wrote.
        """
        cases = await _read_cases(store)
        shelved = await ShelvedStore.open(
            store,
            keys=keyring,
            entropy=entropy,
            kinds=CONTENT_KINDS,
            name_case=cases.own_case,
        )
        await _put_away_former(shelved)
        await _tag_former(shelved, progress)
        kinds = (
            *codec.KINDS,
            AGREEMENT,
            DIRECTORY,
            GRANTED_LANE,
            HELD_BACK,
            LOG,
            ON_CALL_ROWS,
            PARTNER,
            PARTNER_STANDING,
            SAID_UNTIL,
            STANDING,
            TOLD_NO_MORE,
        )
        rows: dict[str, Sequence[Row]] = {}
        for kind in kinds:
            progress(OpeningProgress("store", len(rows), len(kinds)))
            rows[kind] = await shelved.scan(kind)
        try:
            state = codec.restore(keyring.agency, keyring.device, rows)
            directory = Directory.restore({row.key: row.value for row in rows[DIRECTORY]})
            lanes = LaneBook.restore(keyring, rows[PARTNER], rows[GRANTED_LANE])
            standing = Standing.restore(rows[STANDING])
            log = LogView.restore({row.key: row.value for row in rows[LOG]})
            standings = StandingBook.restore(rows[PARTNER_STANDING])
            agreements = AgreementBook.restore(rows[AGREEMENT])
            on_call = OnCallBook.restore(rows[ON_CALL_ROWS])
        except (SchemaError, CryptoError, ProtocolError, QuietwayError, ValueError, KeyError):
            raise StoreDamaged("store") from None
        agent = cls(
            state=state,
            directory=directory,
            lanes=lanes,
            cases=cases,
            keyring=keyring,
            store=shelved,
            relay=relay,
            clock=clock,
            entropy=entropy,
            mark=mark or MemoryMark(),
            log=log,
            standings=standings,
            alarms=alarms,
        )
        directory.pin(keyring.agency, keyring.root_key)
        agent.standing = standing
        keep_agreements(agent, agreements)
        keep_on_call(agent, on_call)
        agent.said_until = SaidUntil.restore(rows[SAID_UNTIL])
        agent.held_back = HeldBackBook.restore(rows[HELD_BACK], rows[TOLD_NO_MORE])
        try:
            await load_lists(agent)
        except (SchemaError, QuietwayError, ValueError):
            raise StoreDamaged("store") from None
        progress(OpeningProgress("store", len(kinds), len(kinds)))
        now = clock.now()
        accepted = [OlderCopyAccepted(now)] if accept_older_copy else []
        orphans = codec.find_orphans(state, rows[codec.PARCEL])
        await agent.settle(Started(now, entropy.draw(8)), *accepted, also=orphans)
        agent.clocks.hear(None)
        progress(OpeningProgress("erase", 0, 1))
        # Without room nothing is erased now; what lies here is readable all the same.
        with suppress(StorageFull):
            await agent._sweep()
            await agent.withdrawer.finish(standings.shut_out())
            await go_on_rotating(agent)
            await date_former_invitations(agent)
        await agent.remember_held_back()
        await take_in(agent)
        progress(OpeningProgress("erase", 1, 1))
        return agent

    @property
    def root_key(self) -> bytes:
        """The root public key of this device's own agency."""
        return self.directory.root_key(self.keyring.agency)

    @property
    def is_removed(self) -> bool:
        """Whether the relay's operator removed this agency: it lets its devices in no more."""
        return self.directory.is_removed(self.keyring.agency)

    async def check_clock(self) -> None:
        """Compare this machine's clock with the relay's, unless that was done a moment ago.

        Raises:
            ClockError: They differ by more than two hours.
        """
        if not self._clock_is_vouched():
            self._compare_clocks(await self.relay.read_clock())

    async def sweep(self) -> SweepReport:
        """Erase what is due, by the relay's clock where it answers. Reports, does not raise.

        Raises:
            StoreError: The device's own files are in the way.
        """
        with suppress(RelayError):
            await self._hear_clocks()
        return await self._sweep()

    async def pull_directory(self, tally: Tally | None = None) -> tuple[QuietwayError, ...]:
        """Read the directory to its end; returns what was refused of it.

        Each page is on the disk before the next is asked for, so that a first reading that was cut
        off goes on where it was.
        """
        problems: list[QuietwayError] = []
        if self.log.is_stopped:
            # Nothing is taken in on the word of a log that was proved to have two faces.
            problems.append(LogForked())
        else:
            problems += await self._read_directory(tally)
        problems += await audit(self)
        # Whoever was unknown may be known now. Only here, so that no arrival causes a request.
        await self.settle(RetryKept(self.clock.now()))
        await take_in(self)
        return tuple(problems)

    async def _read_directory(self, tally: Tally | None) -> list[QuietwayError]:
        problems: list[QuietwayError] = []
        unproved: list[int] = []
        for _ in range(_MOST_PAGES):
            before = self.directory.cursor
            page = await self.relay.directory(before, log_size=self.log.size)
            try:
                logged, refused = self.log.admit(page, now=self.clock.now())
            except (AnotherLog, LogRolledBack) as problem:
                # The cursor stays, so that nothing is missed when the relay shows its log again.
                return [*problems, problem]
            problems += [*refused, *self.directory.apply(logged, now=self.clock.now())]
            unproved += [entry.seq for entry in page.entries if entry not in logged.entries]
            if tally is not None:
                tally.advance(len(page.entries))
            if not page.more or self.directory.cursor <= before:
                break
            await self.settle()
        if unproved:
            # Asked for again the next time: a relay that lied once hides no revocation for ever.
            self.directory.cursor = min(self.directory.cursor, min(unproved) - 1)
        return problems

    async def say(self, composed: Compose) -> QuietwayError | None:
        """Write a message down, and send it where that is possible; returns why it was not.

        Raises:
            StorageFull: It was not written, and nothing was sent. (A disk that is full only
                afterwards is returned: who is told that nothing was written writes it again.)
        """
        return await self.hand_over(await self.write_down(composed))

    async def write_down(
        self, composed: Compose, *, also: Iterable[Put | Delete] = ()
    ) -> tuple[ForRelay, ...] | None:
        """Write a message down; returns what `hand_over` then sends.

        Args:
            composed: The message.
            also: Rows that belong into the same commit.

        Raises:
            StorageFull: It was not written, and nothing is sent.
        """
        await self._stop_what_fell()
        await self._stop_what_is_over()
        if self._clock_is_vouched() and not self._sending.locked():
            # The usual case, in one commit: the relay answered a moment ago.
            async with self._sending:
                return await self.settle(composed, Flush(self.clock.now()), also=also)
        await self.settle(composed, also=also)
        return None

    async def hand_over(self, written: tuple[ForRelay, ...] | None) -> QuietwayError | None:
        """Send what was written down, where that is possible; returns why it was not."""
        if written is None:
            return await self._try(self.flush())
        async with self._sending:
            return await self._try(self._submit_all(written))

    async def send_what_waits(self) -> QuietwayError | None:
        """Send what waits, where that is possible; returns why it was not."""
        return await self._try(self.flush())

    async def publish_what_is_new(self) -> QuietwayError | None:
        """Publish what is not published yet, where that is possible; returns why it was not."""
        return await self._try(self._publish())

    async def take_secret(self) -> None:
        """Go by the agency's secret that another of its devices told, from now on.

        A device that has just been linked opens lanes of it after it has read its mailbox: what
        was told with it says who the partners are, and which of them are paused.
        """
        await go_on_rotating(self)
        is_new, self.standing.awaits_secret = self.standing.awaits_secret, False
        if not is_new:
            await self.publish_what_is_new()

    async def learn_consents(
        self, case: CaseRef, agency: AgencyId, addition: Consents, *, lately: bool
    ) -> Taken:
        """Take in what another own device knows of consent about a case with a partner.

        Args:
            case: By one's own reference.
            agency: The partner.
            addition: What is told.
            lately: Whether it was decided or heard there a moment ago, and not told to a new
                device among everything else.
        """
        rows = await owe_what_is_revoked(self, case, agency, addition)
        if lately:
            rows += await note_colleagues_stops(self, case, agency, addition)
        return await merge_in(self, case, agency, addition, also=rows)

    async def remember_held_back(self) -> None:
        """Find the conversations of what is held back, where messages came that were not opened."""
        for case, agency in self.held_back.pairs:
            await remember_conversations(self, case, agency)

    async def follow_link(self, called: CaseRef, case: CaseRef, agency: AgencyId) -> None:
        """Take along what is known of consent where a partner's name for a case becomes another's.

        Args:
            called: What the partner calls it.
            case: One's own reference from now on.
            agency: The partner.
        """
        former = self.cases.own_case(called, agency)
        known = await find_consents(self.store, former, agency)
        if former != case and known != Consents():
            await merge_in(self, case, agency, known)

    async def carry_out_consent(self) -> None:
        """Ask back what was stopped, and say what is to be said, where that is possible."""
        await self.send_what_waits()
        await self.mind_huddles()

    async def answer_revocation(self) -> None:
        """Draw a new secret where this device has just revoked another, and open lanes of it.

        What the network is in the way of is done by the next synchronisation.
        """
        if await self._try(rotate_where_due(self, at_once=True)) is None:
            await self.publish_what_is_new()
            await self.send_what_waits()

    async def flush(self) -> None:
        """Send what waits, in order.

        Raises:
            RelayUnreachable, ClockError: What was not accepted stays, and goes out the next time.
        """
        async with self._sending:
            await self.check_clock()
            await self._stop_what_fell()
            with suppress(RelayRefused):
                # A relay that gives nothing back, or is too busy, still takes what is new.
                await self.withdrawer.ask()
            await self._stop_what_is_over()
            await self._submit_all(await self.settle(Flush(self.clock.now())))

    async def _stop_what_is_over(self) -> None:
        """Stop what waited for longer than the release or agreement that it stands on."""
        over = self.said_until.list_over(self.state, self.clock.now())
        stops, asked = await self.withdrawer.stop(over) if over else ([], [])
        if over:
            await self.settle(*stops, also=asked)
        done = self.said_until.forget_settled(self.state)
        if done:
            await self.settle(also=done)

    async def _stop_what_fell(self) -> None:
        """Stop what the agreements do not allow any more since they changed."""
        fallen, ends = await ask_again(self)
        stops, asked = await self.withdrawer.stop(fallen) if fallen else ([], [])
        if fallen or ends:
            await self.settle(*stops, also=[*asked, *ends])

    async def ask_back(self) -> tuple[tuple[Returned, ...], QuietwayError | None]:
        """Ask the relay for what is to be given back; returns what it said, and why not more."""
        async with self._sending:
            try:
                return await self.withdrawer.ask(), None
            except (RelayError, StorageFull) as problem:
                return (), problem

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
        works = (
            self._follow,
            *map(self._keep_up, (self.watch.run, self.injector.run, *self.beside)),
        )
        tasks = [asyncio.create_task(work()) for work in works]
        try:
            # An alarm that ended by a fault would be silent: the program hears of it instead.
            for task in (await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION))[0]:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _keep_up(
        self, work: Callable[[], Coroutine[object, object, None]]
    ) -> Callable[[], Coroutine[object, object, None]]:
        """Give what begins a work again where the network or a rule ended it."""

        async def keep_up() -> None:
            while True:
                try:
                    return await work()
                except StoreError:
                    raise
                except QuietwayError:
                    await self.clock.sleep(TICK_SECONDS)

        return keep_up

    async def _follow(self) -> None:
        failures = 0
        while True:
            wait = 0.0
            try:
                _raise_what_stops(await self.synchronise())
                mailbox = await self._connect(live=True)
                if failures:
                    self.tell(ConnectionBack())
                failures = 0
                await self._live_with(mailbox)
            except RelayError as problem:
                if failures == 0:
                    told = AgencyRemoved(self.keyring.agency_code) if self.is_removed else problem
                    self.tell(ConnectionLost(str(told)))
                failures, wait = failures + 1, told_by(problem)
            most = LONGEST_CALLED_SECONDS if self._is_called() else LONGEST_PAUSE_SECONDS
            await self.clock.sleep(pause_after(failures, self.entropy, told=wait, most=most))

    def _is_called(self) -> bool:
        """Say whether a crisis may wait for this device: it is called in one, or calls."""
        own = self.directory.device(self.keyring.agency, self.keyring.device)
        return (own is not None and not ON_CALL.isdisjoint(own.roles)) or any(
            entry.kind.startswith(ALERTS) and not entry.settled
            for entry in self.state.outbox.values()
        )

    async def read_rows(self) -> tuple[Put, ...]:
        """Read every row as it lies, content under its record keys, between two settlings.

        Left out is what everyone's devices have published: a restored device reads it anew, and it
        would be most of all.
        """
        rows: list[Put] = []
        async with self._turn:
            for kind in await self.shelved.inner.kinds():
                # What rows are found by is read out of them again, where they are given back.
                if kind != INDEXED and not holds_batches(kind):
                    rows += [
                        Put(kind, row.key, row.value)
                        for row in await self.shelved.inner.scan(kind)
                        if not notes_batches(kind, row.key)
                    ]
        return tuple(rows)

    def note_committed(self, writes: Sequence[Write]) -> None:
        """Follow what was just committed: the ledger shows it from now on."""
        self.ledger.note(writes)
        self.watch.note(writes)

    async def aclose(self) -> None:
        """Let go of the relay and the store."""
        await self.relay.aclose()
        await self.store.aclose()

    async def lock(self) -> None:
        """Let go of everything that was opened here, after the commit that is under way.

        What is asked of this agent from then on is refused as `DeviceLocked`.
        """
        # What is waited for is known to the locked device as well, as instants.
        with suppress(StoreError):
            await self.watch.look()
        async with self._turn:
            keyring = self.keyring
            await self.aclose()
            self._let_go()
            keyring.lock()

    def _let_go(self) -> None:
        # All but what holds nothing, so that what a later version adds is let go of too.
        for name in vars(self).keys() - _HELD_WHILE_LOCKED:
            setattr(self, name, GONE)

    async def _pass(self, tally: Tally) -> None:
        tally.reach("clock")
        await self._compare_and_sweep()
        with tally.going_on():
            await self._call_first()
        with tally.going_on():
            await self.publisher.finish_enrolling()
        tally.reach("directory")
        with tally.going_on():
            tally.problems += await self.pull_directory(tally)
        if self.is_removed:
            if not any(isinstance(problem, AgencyRemoved) for problem in tally.problems):
                tally.problems.append(AgencyRemoved(self.keyring.agency_code))
            return
        tally.reach("publish")
        with tally.going_on():
            await self.publisher.publish(now=self.clock.now())
        with tally.going_on():
            await self._read_mailbox(tally)
        # After the mailbox: what the agency's other devices did decides which lanes are open.
        with tally.going_on():
            await rotate_where_due(self)
            await open_lanes(self)
        if self.state.reading.copied:
            tally.problems.append(StoreRolledBack())
        if self._is_relay_put_back:
            self._is_relay_put_back = False
            tally.problems.append(RelayPutBack())
            with tally.going_on():
                await self.publisher.publish(now=self.clock.now())
                await open_lanes(self)
        tally.reach("outbox", total=self.count_waiting())
        await self._give_receipts()
        await self.flush()
        with tally.going_on():
            tally.problems += await self._run(self.errands)
        await note_granted(self)
        # Here somebody waits anyway, and sees how far it is; the first board is then at once.
        tally.reach("board")
        await self.ledger.standing()
        with tally.going_on():
            tally.problems += await self._run(self.errands_of_cases)

    async def _call_first(self) -> None:
        """Hand over what calls somebody before all else, as after a crash that kept it here."""
        if any(held.rungs and not (held.placed or held.settled) for held in self._entries()):
            await self.flush()

    def _entries(self) -> Iterable[Entry]:
        return self.state.outbox.values()

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
            if welcome.latest // ERA_NUMBERS > reading.era:
                # Before it is noted, so that being cut off here repeats it.
                await self.publisher.publish_anew()
                self._is_relay_put_back = True
            await self.settle(
                Welcomed(now, welcome.acknowledged, welcome.witness_kept, welcome.latest)
            )
        except BaseException:
            await mailbox.aclose()
            raise
        return mailbox

    async def _drain(self, mailbox: Mailbox, tally: Tally) -> None:
        welcome = mailbox.welcome
        begun = welcome.latest // ERA_NUMBERS * ERA_NUMBERS
        total = max(0, welcome.latest - max(welcome.acknowledged, begun))
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
        # A clock that jumped since would make what comes look expired, or not yet said.
        await self.check_clock()
        now = self.clock.now()
        deeds = await self.settle(
            *[self.answers.open(held.envelope, seq=held.seq, now=now) for held in arrivals]
        )
        seqs = [deed.seq for deed in deeds if isinstance(deed, Acknowledge)]
        if seqs:
            await mailbox.acknowledge(seqs)
        await take_in(self)

    async def _live_with(self, mailbox: Mailbox) -> None:
        beside = [asyncio.create_task(work) for work in (self._tick(), self._try_again())]
        try:
            async for arrival in mailbox.arrivals():
                await self._take(mailbox, [arrival])
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await mailbox.aclose()

    async def _tick(self) -> None:
        """While connected: keys, lanes and the directory stay current, and what waits is tried."""
        while True:
            await self.clock.sleep(TICK_SECONDS)
            # The mailbox's own connection notices when the relay is gone, and says so.
            await self._try(self._keep_current())

    async def _try_again(self) -> None:
        """While connected: what did not get through goes again within seconds, not at a tick."""
        failures = 0
        while True:
            await self._held_up.wait()
            # The mailbox's connection stands, so this device alone was cut off for a moment.
            await self.clock.sleep(pause_after(failures, self.entropy, most=LONGEST_CALLED_SECONDS))
            self._held_up.clear()
            failures = failures + 1 if await self._try(self.flush()) else 0

    async def _keep_current(self) -> None:
        await self._compare_and_sweep()
        await self.publisher.finish_enrolling()
        await self.pull_directory()
        if self.is_removed:
            return
        await rotate_where_due(self)
        await self._publish()
        await self._give_receipts()
        await self.flush()
        await note_granted(self)
        await self._run([*self.errands, *self.errands_of_cases])

    async def _run(
        self, errands: Iterable[Callable[[], Awaitable[list[QuietwayError]]]]
    ) -> list[QuietwayError]:
        problems: list[QuietwayError] = []
        for errand in errands:
            problems += await errand()
        return problems

    async def _give_receipts(self) -> None:
        """Let the receipts for each partner that can be written to do what is due."""
        now = self.clock.now()
        due = receipts.find_due(self.state, self._list_writable(now), now)
        if due:
            entropy = self.entropy.draw(receipts.ENTROPY_BYTES * len(due))
            await self.settle(Ticked(now, due, entropy))

    def _list_writable(self, now: Instant) -> tuple[AgencyId, ...]:
        return tuple(
            agency
            for agency in self.lanes.partners
            if self.directory.devices_of(agency) and not self.answers.find_hindrance(agency, now)
        )

    async def _publish(self) -> None:
        await self.publisher.publish(now=self.clock.now())
        await open_lanes(self)

    def is_shut_invitation(self, label: str, made: Instant) -> bool:
        """Say whether an invitation opens no lane now: a paused partner may hold it."""
        shut_out = self.standings.shut_out()
        called = {agency: self._call(agency) for agency in self.lanes.partners}
        return may_be_theirs(
            label,
            made,
            shut_out=[name for agency in called if agency in shut_out for name in called[agency]],
            others=[name for agency in called if agency not in shut_out for name in called[agency]],
            at=self.standings.shut_out_at,
        )

    def _call(self, agency: AgencyId) -> frozenset[str]:
        """Give all that a partner may be called."""
        record = self.lanes.partners[agency]
        programs = {held.program for held in self.directory.devices_of(agency)}
        return frozenset({record.label, record.invitation.agency_code, *programs})

    async def _keep_directory(self) -> None:
        await self.settle()

    async def _submit_all(self, deeds: Iterable[ForRelay]) -> None:
        """Hand over what is ready; where the relay blames one of a batch, the others go again."""
        spacing = Spacing(self.clock, self.entropy)
        for _ in range(_MOST_ROUNDS):
            if not await self._submit(deeds, spacing):
                return
            deeds = await self.settle(Flush(self.clock.now()))

    async def _submit(self, deeds: Iterable[ForRelay], spacing: Spacing) -> bool:
        deeds, again = tuple(deeds), False
        for deed in deeds:
            if isinstance(deed, PlaceHold):
                await place_hold(self, deed)
        for deed in deeds:
            if isinstance(deed, ClaimHold):
                await show_claim(self, deed)
        alarms, routine = _by_agency(deeds, urgent=True), _by_agency(deeds, urgent=False)
        for agency, parcels in alarms.items():
            again = await self._submit_to(agency, parcels, urgent=True) or again
        former: AgencyId | None = None
        for agency, parcels in shuffle(routine.items(), self.entropy):
            if former is not None:
                await spacing.pause()
            former = agency
            again = await self._submit_to(agency, parcels, urgent=False) or again
        return again

    async def _submit_to(
        self, agency: AgencyId, parcels: tuple[Parcel, ...], *, urgent: bool
    ) -> bool:
        if self.standings.hindrance(agency):
            # It was paused after this was sealed.
            return False
        # What was stopped after it was sealed stays here, too.
        parcels = tuple(held for held in parcels if not self._is_stopped(held))
        # One agency at a time, so that no request shows who else is written to.
        try:
            ways = self.lanes.ways(agency, self.clock.now(), urgent=urgent)
        except LaneAwaited:
            await self.settle(Rejected(self.clock.now(), parcels, LANE_AWAITED))
            return False
        again = False
        for start in range(0, len(parcels), BATCH_RECORDS):
            batch = parcels[start : start + BATCH_RECORDS]
            again = await self._submit_batch(agency, ways, batch) or again
        return again

    def is_stopped(self, local_id: bytes) -> bool:
        """Say whether an entry was taken back since it was sealed."""
        entry = self.state.outbox.get(local_id)
        return local_id in self.answers.stopping or (entry is not None and entry.withdrawn)

    def _is_stopped(self, parcel: Parcel) -> bool:
        entry = self.state.outbox.get(parcel.local_id)
        if entry is None or self.is_stopped(parcel.local_id):
            return self.is_stopped(parcel.local_id)
        copy = next((held for held in entry.deliveries if held.device == parcel.device), None)
        return copy is not None and copy.progress in GONE_BACK

    async def _submit_batch(
        self, agency: AgencyId, ways: tuple[tuple[bytes, ...], ...], batch: tuple[Parcel, ...]
    ) -> bool:
        try:
            await hand_over(self.relay, ways, [parcel.record for parcel in batch])
        except OverQuota as refusal:
            # What comes before the first too many still goes; all that comes after it waits.
            fits = refusal.index or 0
            await self.settle(self._reject(batch[fits:], refusal, refusal.code, None))
            return fits > 0
        except RelayRefused as refusal:
            code = LANE_AWAITED if self._lacks_lane(agency, refusal) else refusal.code
            await self.settle(self._reject(batch, refusal, code, refusal.index))
            return refusal.index is not None and len(batch) > 1
        await self.settle(Accepted(self.clock.now(), batch))
        return False

    def _lacks_lane(self, agency: AgencyId, refusal: RelayRefused) -> bool:
        """Say whether a refusal tells of the lane, and not of one mailbox that is gone."""
        if refusal.code != NOT_FOUND or agency == self.keyring.agency:
            return False
        # A lane that opened for what stands before the one to blame is there.
        return not refusal.index and self.lanes.granted(agency) is None

    def _has_left(self, agency: AgencyId, device: DeviceId) -> bool:
        """Say whether a device is known to have left: its mailbox is gone, and the rest goes on."""
        return self.directory.standing(agency, device).name in {"retired", "revoked"}

    def _reject(
        self, parcels: tuple[Parcel, ...], refusal: RelayRefused, code: str, blamed: int | None
    ) -> Rejected:
        wait = SECOND * (refusal.retry_after or 0)
        return Rejected(self.clock.now(), parcels, code, blamed, wait)

    async def _try(self, work: Awaitable[None]) -> RelayError | StorageFull | None:
        try:
            await work
        except (RelayError, StorageFull) as problem:
            self._clock_vouched_at = None
            if isinstance(problem, RelayUnreachable):
                self._held_up.set()
            return problem
        return None

    async def _compare_and_sweep(self) -> None:
        """Compare the clocks, and erase what is due, also where the relay does not answer."""
        try:
            await self._hear_clocks()
        finally:
            self._tell_doubt(await self._sweep())

    async def _hear_clocks(self) -> None:
        self._clock_vouched_at = None
        try:
            await self.check_clock()
        except ClockError as problem:
            self.clocks.hear_refusal(problem.skew_ms)
            raise
        except RelayError:
            self.clocks.hear(None)
            raise

    async def shred(self, rows: Collection[tuple[str, bytes]]) -> bool:
        """Destroy the record keys of rows, and show these no more; see `Sweeper.shred`."""
        is_done = await self.sweeper.shred(rows)
        if is_done:
            self.ledger.forget(rows)
        return is_done

    async def _sweep(self) -> SweepReport:
        swept = await self.sweeper.sweep(self.clocks, await held_owners(self))
        self.ledger.forget(swept.rows)
        entries = frozenset(key for kind, key in swept.rows if kind == codec.OUTBOX)
        if entries:
            await self.settle(Forgotten(self.clock.now(), entries))
        if swept.problem is None:
            gone = frozenset(key for kind, key in swept.rows if kind in {codec.OUTBOX, MESSAGE})
            await self.withdrawer.drop_due(self.clocks.demand(), gone)
        return SweepReport(swept.epochs, swept.records, len(swept.rows), swept.problem)

    def _tell_doubt(self, report: SweepReport) -> None:
        """Tell the program that nothing is erased, once for each reason."""
        told = None if report.problem is None else str(report.problem)
        if told is not None and told != self._doubt_told:
            self.tell(ErasingPaused(told))
        self._doubt_told = told

    def _clock_is_vouched(self) -> bool:
        at = self._clock_vouched_at
        return at is not None and at <= self.compared.machine_now() < at + CLOCK_TRUSTED_MS

    def _compare_clocks(self, relay_now: Instant) -> None:
        now = self.compared.machine_now()
        self._clock_vouched_at = None
        compare_clocks(now, relay_now)
        self._clock_vouched_at = now
        self.compared.note(relay_now)
        self.clocks.hear(relay_now)
        # From here on this time counts, also for what was read from the directory long ago.
        self.directory.note_time(self.clock.now())


def compare_clocks(now: Instant, relay_now: Instant) -> None:
    """Demand that this machine's clock and the relay's are close enough.

    Raises:
        ClockError: They differ by more than two hours.
    """
    if abs(now - relay_now) > MOST_SKEW_MS:
        raise ClockError(now - relay_now)


async def _read_cases(store: Store) -> CaseBook:
    try:
        return CaseBook.restore(await store.scan(CASE_ALIAS))
    except (SchemaError, ValueError):
        raise StoreDamaged("store") from None


async def _put_away_former(store: ShelvedStore) -> None:
    """Put away what the first format wrote, once; without room it is read as it lies."""
    if await store.read(SHELVED, b"-") is not None:
        return
    try:
        with suppress(StorageFull):
            await store.put_away_former(find_shelf)
            await store.commit([Put(SHELVED, b"-", b"")])
    except (SchemaError, CryptoError, ValueError):
        raise StoreDamaged("store") from None


async def _tag_former(store: ShelvedStore, tell: TellOpening) -> None:
    """Tag what a former version wrote or a backup gave back, once."""
    if await store.read(INDEXED, b"-") is not None:
        return
    try:
        done = 0
        async for rows in store.tag_former(find_shelf, INDEXED_KINDS):
            done += rows
            tell(OpeningProgress("upgrade", done, 0))
        await store.commit([Put(INDEXED, b"-", b"")])
    except (SchemaError, CryptoError, ValueError):
        raise StoreDamaged("store") from None


def _raise_what_stops(report: SyncReport) -> None:
    for problem in report.problems:
        if isinstance(problem, RelayUnreachable | ClockError):
            raise problem


def _by_agency(deeds: Iterable[ForRelay], *, urgent: bool) -> dict[AgencyId, tuple[Parcel, ...]]:
    grouped: dict[AgencyId, tuple[Parcel, ...]] = {}
    for deed in deeds:
        if isinstance(deed, Submit) and deed.urgent == urgent:
            grouped[deed.agency] = (*grouped.get(deed.agency, ()), *deed.parcels)
    return grouped
