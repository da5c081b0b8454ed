"""Settling: an input goes in, the engine steps, and the outcome is on the disk.

Theory of operation. `settle` takes inputs, lets the engine step, answers its questions (who is
behind an agency, seal this, open that) inside the device, and commits the outcome in one
transaction. Then the program is told what happened, and the deeds that concern the relay are given
back to be done. So whatever is cut off in between is done again after the next start, and the ids
make the repetition harmless.

A settling that has begun is ended, also where the program stops waiting for it: the disk cannot
take back what it has, and a place that was taken there must not be given away here a second time.

Nothing here talks to the relay.

Spec: docs/spec/envelope.md, "Core" and "Opening".
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, assert_never

from quietway.answers import Answers
from quietway.engine import codec
from quietway.engine.effects import (
    Acknowledge,
    Address,
    ClaimHold,
    PlaceHold,
    RecordNotice,
    RecordReceived,
    RecordSent,
    RecordSlip,
    Reopen,
    Seal,
    Submit,
    TellDropped,
    TellExpiredUnread,
    TellGap,
    TellQuarantined,
    TellReceived,
    TellStored,
    TellToldOtherwise,
)
from quietway.engine.outbox import find_agencies_to_seal
from quietway.engine.step import step
from quietway.errors import DeviceLocked, StoreDamaged
from quietway.events import (
    AgencyGone,
    DeadLettered,
    ExpiredUnread,
    GapSeen,
    HeldBack,
    OwnDevicesChanged,
    Quarantined,
    Received,
    SentStored,
    ToldOtherwise,
)
from quietway.fates import note_fates
from quietway.guarding.gate import check_read
from quietway.held_back import HeldBackBook
from quietway.keyring.batches import name_kind
from quietway.locked import Gone
from quietway.own_devices import write_change
from quietway.partner_standing import StandingBook
from quietway.ports import Delete, Put
from quietway.records import NOTICE, heed, name_notice, sender_of, write_record
from quietway.talked import TalkBook
from quietway.unbroken import end_what_began
from quietway.witnessing.gossip import Noted
from quietway_schemas.content.log import LogCheckpoint
from quietway_schemas.content.quiet import is_heeded, is_introduced, is_taken_in
from quietway_schemas.content.receipt import is_receipt
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from quietway.cases import CaseBook
    from quietway.consent.questions import Vouched
    from quietway.engine.effects import Deed, Effect, Record
    from quietway.engine.inputs import Input
    from quietway.engine.state import State
    from quietway.events import Event
    from quietway.keyring.keyring import Keyring
    from quietway.keyring.trust import Directory
    from quietway.lanes import LaneBook
    from quietway.own.taken import Taker
    from quietway.policy.agreements import Matrix
    from quietway.ports import Clock, Entropy, Store, Write
    from quietway.sealing import Opened
    from quietway.witnessing.view import LogView
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId

    FindVouched: TypeAlias = Callable[[ContentModel, AgencyId], Awaitable[Vouched | None]]

LOG: Final = "log"
ForRelay = Submit | PlaceHold | ClaimHold | Acknowledge


class Settler:
    """What one device knows, and the store that it is written to.

    Attributes:
        state: Of the engine, as it stands in the store.
        directory: The verified view of everyone.
        log: The verified view of the transparency log.
        lanes: The partners, and the right to send to each.
        cases: What each of them knows a case by.
        keyring: This device's secrets.
        store: Its memory.
        clock: Its clock.
        entropy: Its randomness.
        standings: Which partners it shares with now.
        listeners: Called with each event, after it is on the disk.
        taking_in: Held while what the agency's other devices told is taken in.
        within_waits: Whether something of that may wait in the store.
        held_back: The cases of which nothing is shown that a partner said.
        talked: Which cases conversations speak of.
        consent_turn: Held while consent changes, and from asking about it until what was allowed is
            on the disk.
        find_agreements: Gives the agreements with a partner that all parties have signed.
        mind_huddles: Does what follows in huddles from what was said or decided.
        find_vouched: Says on which ground an agency takes part in the huddle that a content is of.
        takers: What acts on each type that is shown and heeded, by its name.
    """

    def __init__(
        self,
        *,
        state: State,
        directory: Directory,
        lanes: LaneBook,
        cases: CaseBook,
        keyring: Keyring,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        log: LogView,
        standings: StandingBook | None = None,
    ) -> None:
        self.state = state
        self.directory = directory
        self.log = log
        self.lanes = lanes
        self.cases = cases
        self.keyring = keyring
        self.store = store
        self.clock = clock
        self.entropy = entropy
        self.listeners: list[Callable[[Event], None]] = []
        self.standings = StandingBook() if standings is None else standings
        self.answers = Answers(keyring, directory, entropy, log, self.standings)
        self._log_rows: Mapping[bytes, bytes] = dict(log.rows())
        self._notices: dict[bytes, int] = {}
        self._turn = asyncio.Lock()
        self.taking_in = asyncio.Lock()
        self.within_waits = True
        self.takers: dict[str, Taker] = {}
        self.held_back = HeldBackBook()
        self.talked = TalkBook()
        self.consent_turn = asyncio.Lock()
        self.find_agreements: Callable[[AgencyId], tuple[Matrix, ...]] = lambda _: ()
        self.find_vouched: FindVouched = find_nobody_vouched
        self.mind_huddles: Callable[[], Awaitable[None]] = mind_nothing

    async def settle(self, *given: Input, also: Iterable[Write] = ()) -> tuple[ForRelay, ...]:
        """Step, commit, and tell the program; returns the deeds that concern the relay.

        Args:
            given: What happened.
            also: Rows that belong into the same commit.

        Raises:
            ContentRefused: Something with a text in it is to be said, and the guard did not read
                it. Nothing was changed.
            StorageFull: Nothing was changed, and nothing left the device.
            DeviceLocked: It was locked meanwhile. Nothing was changed.
        """
        check_read(given)
        async with self._turn:
            if isinstance(self.state, Gone):
                raise DeviceLocked
            deeds, changes = await end_what_began(self._settle(given, also))
        for change in changes:
            self.tell(change)
        return self._tell(deeds)

    async def _settle(
        self, given: Iterable[Input], also: Iterable[Write]
    ) -> tuple[list[Deed], list[Event]]:
        given = tuple(given)
        await self._load_keys(given)
        state, records, deeds = self._think(given)
        self._note_gossip(records)
        log = dict(self.log.rows()) if self.log.touched else None
        alarms, self.log.touched = tuple(self.log.new_alarms), False
        directory = self.directory.take_writes()
        try:
            # In the commit that the directory's own rows are in, so that no crash loses an alarm.
            changes = self._own_changes() if directory else []
            told, removed = len(self.directory.changes), len(self.directory.removals)
            notices = dict(self._notices)
            writes: list[Write] = [
                *codec.changes(self.state, state),
                *note_fates(self.state, state),
                *await self._write_all(records, notices),
                *also,
                *directory,
                *_compare_rows(LOG, self._log_rows, log),
                *[write_change(change, now=self.clock.now()) for change in changes],
            ]
            if writes:
                await self.store.commit(writes)
                self.note_committed(writes)
        except BaseException:
            self.directory.give_back(directory)
            self.talked.forget()
            self.log.touched = self.log.touched or log is not None
            raise
        self.state, self._notices = state, notices
        gone = self._list_removals() if directory else []
        if directory:
            # What came meanwhile stays for the next commit.
            del self.directory.changes[:told]
            del self.directory.removals[:removed]
        if log is not None:
            self._log_rows = log
            del self.log.new_alarms[: len(alarms)]
        return deeds, [*changes, *gone, *alarms]

    async def _load_keys(self, given: tuple[Input, ...]) -> None:
        """Read from the disk the public keys that this step may seal to, and no others."""
        now = self.clock.now()
        agencies = find_agencies_to_seal(self.state, given)
        for agency in self.directory.lacks_keys(agencies, now=now):
            rows = await self.store.scan(name_kind(agency))
            try:
                self.directory.load_keys(agency, rows, now=now)
            except SchemaError:
                raise StoreDamaged("store") from None

    def _list_removals(self) -> list[AgencyGone]:
        return [
            AgencyGone(
                agency=agency,
                agency_code=self.directory.agency_code(agency) or str(agency),
                is_own=agency == self.keyring.agency,
            )
            for agency in self.directory.removals
        ]

    def _note_gossip(self, records: Iterable[Record]) -> None:
        """Note what senders of accepted messages say of the log. Nothing is asked because of it."""
        now = self.clock.now()
        for record in records:
            if not isinstance(record, RecordReceived) or record.evidence or record.quarantined:
                continue
            core, content = record.opened.core, record.opened.content
            self.log.note(Noted(core.agency, core.checkpoint_size, core.checkpoint_root, now))
            if isinstance(content, LogCheckpoint):
                self.log.hear(core.agency, content, now=now)

    def _own_changes(self) -> list[OwnDevicesChanged]:
        return [
            OwnDevicesChanged(change.version, change.added, change.departed)
            for change in self.directory.changes
            if change.agency == self.keyring.agency
        ]

    def note_committed(self, writes: Sequence[Write]) -> None:
        """Follow what was just committed, in the same order."""

    def tell(self, event: Event) -> None:
        """Tell the program."""
        for listener in tuple(self.listeners):
            listener(event)

    def count_waiting(self) -> int:
        """Count the messages of the outbox that are still on their way."""
        return sum(not entry.settled and not entry.quiet for entry in self.state.outbox.values())

    def _think(self, given: Iterable[Input]) -> tuple[State, list[Record], list[Deed]]:
        """Step until no question is open. Nothing has happened yet when this returns."""
        state = self.state
        records: list[Record] = []
        deeds: list[Deed] = []
        inputs: deque[Input] = deque(given)
        while inputs:
            state, effects = step(state, inputs.popleft())
            answers: list[Input] = []
            for effect in effects:
                self._sort(effect, answers, records, deeds)
            # A question's answer comes before what happened after it.
            inputs.extendleft(reversed(answers))
        return state, records, deeds

    def _sort(
        self, effect: Effect, answers: list[Input], records: list[Record], deeds: list[Deed]
    ) -> None:
        now = self.clock.now()
        match effect:
            case Address():
                answers.append(self.answers.address(effect, now=now))
            case Seal():
                answers.append(self.answers.seal(effect, now=now))
            case Reopen():
                answers.append(self.answers.open(effect.envelope, seq=0, now=now))
            case RecordReceived() | RecordSent() | RecordSlip() | RecordNotice():
                records.append(effect)
            case Submit() | PlaceHold() | ClaimHold() | Acknowledge():
                deeds.append(effect)
            case TellReceived() | TellStored() | TellGap():
                deeds.append(effect)
            case TellQuarantined() | TellDropped() | TellToldOtherwise() | TellExpiredUnread():
                deeds.append(effect)
            case _:
                assert_never(effect)

    async def _write_all(
        self, records: Iterable[Record], notices: dict[bytes, int]
    ) -> list[Put | Delete]:
        writes: list[Put | Delete] = []
        for record in records:
            if is_kept(record):
                to = self._recipients_of(record)
                put = await self._write(record, notices, to)
                writes += [put, *heed(record, put)]
                writes += await self.talked.note_record(self.store, record, self.keyring.agency, to)
        return writes

    async def _write(
        self, record: Record, notices: dict[bytes, int], to: tuple[AgencyId, ...]
    ) -> Put:
        sender = sender_of(record)
        signer = None if sender is None else self.directory.signer(*sender)
        return write_record(
            record,
            agency=self.keyring.agency,
            program="" if signer is None else signer.program,
            to=to,
            counted=await self._count_notice(record, notices)
            if isinstance(record, RecordNotice)
            else 0,
        )

    def find_recipients(self, audience_digest: bytes) -> tuple[AgencyId, ...]:
        """Say which other agencies are behind an audience, as far as both are known here."""
        devices = set(self.state.audiences.get(audience_digest, ()))
        others = (held for held in self.directory.pinned() if held != self.keyring.agency)
        return tuple(
            sorted(
                agency
                for agency in others
                if any(held.device in devices for held in self.directory.devices_of(agency))
            )
        )

    def _recipients_of(self, record: Record) -> tuple[AgencyId, ...]:
        if not isinstance(record, RecordReceived):
            return ()
        kind = record.opened.content.type
        self.within_waits |= is_taken_in(kind) or is_heeded(kind)
        core = record.opened.core
        if core.agency != self.keyring.agency:
            return ()
        return self.find_recipients(core.audience_digest)

    async def _count_notice(self, record: RecordNotice, notices: dict[bytes, int]) -> int:
        name = name_notice(record)
        if name not in notices:
            held = codec.Fields(await self.store.read(NOTICE, name) or b"{}")
            notices[name] = held.number("count")
        notices[name] += 1
        return notices[name] - 1

    def _tell(self, deeds: Iterable[Deed]) -> tuple[ForRelay, ...]:
        for_relay: list[ForRelay] = []
        for deed in deeds:
            match deed:
                case Submit() | PlaceHold() | ClaimHold() | Acknowledge():
                    for_relay.append(deed)
                case TellReceived():
                    self.tell(self._show_or_hold_back(deed.opened))
                case TellGap():
                    core = deed.opened.core
                    self.tell(GapSeen(deed.opened.message_id, core.conversation))
                case TellStored():
                    self.tell(SentStored(deed.local_id, deed.now))
                case TellToldOtherwise():
                    core = deed.opened.core
                    self.tell(ToldOtherwise(deed.opened.message_id, deed.conversation, core.agency))
                case TellExpiredUnread():
                    told = ExpiredUnread(
                        deed.local_id, deed.message_id, deed.conversation, deed.now
                    )
                    self.tell(told)
                case TellQuarantined():
                    core = deed.opened.core
                    self.tell(Quarantined(deed.opened.message_id, core.agency, deed.now))
                case TellDropped():
                    self.tell(DeadLettered(deed.reason, deed.now))
                case _:
                    assert_never(deed)
        return tuple(for_relay)

    def _show_or_hold_back(self, opened: Opened) -> Received | HeldBack:
        received = self._describe(opened)
        agency = received.sender_agency
        found = self.held_back.find(received.content, agency, received.conversation)
        if found is None:
            return received
        self.held_back.hold(*found, conversations=(received.conversation,))
        self.held_back.arrived.add(found)
        return HeldBack(agency, self.clock.now())

    def _describe(self, opened: Opened) -> Received:
        core = opened.core
        signer = self.directory.signer(core.agency, core.device)
        by_colleague = core.agency == self.keyring.agency
        sent_to = self.find_recipients(core.audience_digest) if by_colleague else ()
        other = min(sent_to, default=core.agency)
        return Received(
            message_id=opened.message_id,
            conversation=core.conversation,
            sender_agency=core.agency,
            sender_program="" if signer is None else signer.program,
            sent_at=core.created,
            content=self.cases.translate(opened.content, other),
            gap=self.answers.misses_before(self.state, opened),
            audience_known=core.audience_digest in self.state.audiences
            or not is_introduced(opened.content.type),
            sender_standing=self.directory.sender_standing(core.agency, core.device),
            sent_to=sent_to,
            by_colleague=by_colleague,
        )


async def mind_nothing() -> None:
    """Know of no huddle."""


async def find_nobody_vouched(content: ContentModel, agency: AgencyId) -> Vouched | None:
    """Know of no huddle."""
    del content, agency
    return None


def is_kept(record: Record) -> bool:
    """Say whether a record is a row of its own.

    Of what is said of the log, and of a receipt that was counted, only the log's view keeps
    something. What is evidence is kept whatever it says.
    """
    if not isinstance(record, RecordReceived) or record.evidence or record.quarantined:
        return True
    content = record.opened.content
    return not (isinstance(content, LogCheckpoint) or is_receipt(content.type))


def _compare_rows(
    kind: str, held: Mapping[bytes, bytes], rows: Mapping[bytes, bytes] | None
) -> list[Put | Delete]:
    if rows is None:
        return []
    gone = [Delete(kind, key) for key in held if key not in rows]
    new = [Put(kind, key, rows[key]) for key in rows if held.get(key) != rows[key]]
    return [*gone, *new]
