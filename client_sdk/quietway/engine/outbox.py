"""What is to be said: composed, placed, sealed, handed over, kept until the relay has it on disk.

A message gets its time and its place when it is first sent, not when it is written, so nothing that
waited for a week claims to be a week old. From then on its core never changes. Sealed bytes are
handed over again exactly as they are; only when the epoch of their key is over is the same core
sealed again, under a new envelope id. A device that nothing can be sealed to does not hold up the
others.

Spec: docs/spec/envelope.md, "Core"; docs/spec/relay-protocol.md, "Submitting".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.engine import awaiting
from quietway.engine.conversations import name_thread, take_place
from quietway.engine.effects import (
    Address,
    ClaimHold,
    PlaceHold,
    RecordSent,
    RecordSlip,
    Seal,
    Submit,
    TellStored,
)
from quietway.engine.inputs import Compose, Flush, Parcel
from quietway.engine.state import (
    Delivery,
    Entry,
    Progress,
    State,
    Thread,
    with_item,
    without_item,
)
from quietway.sealing import digest_audience, hash_core, name_message
from quietway_schemas.content.audience import AudienceList
from quietway_schemas.content.quiet import AUDIENCE_KIND, BEAT_KIND, is_introduced, is_passing
from quietway_schemas.content.receipt import is_receipt
from quietway_schemas.content.registry import encode_content, parse_content
from quietway_schemas.content.status import is_alarm
from quietway_schemas.envelope import Core, EnvelopeClass
from quietway_schemas.holds import MOST_CLAIM_RECORDS
from quietway_schemas.instants import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from quietway.engine.effects import Effect
    from quietway.engine.inputs import (
        Accepted,
        Addressed,
        Addressee,
        Forgotten,
        Input,
        Rejected,
        Sealed,
        SealedCopy,
    )
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant

LANE_AWAITED: Final = "lane_awaited"
STATUS_KIND: Final = "status.indicator"
ALERT_PREFIX: Final = "alert."
SHOWN_FOR_MS: Final = 30 * DAY
SHOWN_STORED: Final = 200
"""So many stay in the outbox after the relay has them; the messages themselves stay kept."""
_FIRST_WAIT_MS: Final = 30 * SECOND
_LONGEST_WAIT_MS: Final = HOUR
_LONGEST_WAIT_OF_ALERT_MS: Final = MINUTE
_SEAL_AGAIN: Final = frozenset({"conflict", "malformed_record"})

Outcome = tuple[State, "tuple[Effect, ...]"]


def compose(state: State, given: Compose) -> Outcome:
    """Take a message into the outbox. It has no core yet, and nothing leaves the device."""
    if given.local_id in state.outbox:
        return state, ()
    entry = Entry(
        local_id=given.local_id,
        # Odd numbers: the even one before it is for the audience, should it need introducing.
        order=2 * (max((held.order for held in state.outbox.values()), default=0) // 2) + 3,
        kind=given.kind,
        class_=given.class_,
        conversation=given.conversation,
        to=tuple(sorted(set(given.to))),
        content=given.content,
        composed=given.now,
        devices=tuple(sorted({*given.devices, *(d for rung in given.rungs for d in rung.devices)})),
        hold_id=given.hold_id,
        rungs=given.rungs,
        shown=given.shown,
    )
    return _put(state, entry), _record(entry)


def flush(state: State, given: Flush) -> Outcome:
    """Ask for everything that is due, oldest first."""
    state, effects = _expire(state, given.now)
    for entry in sorted(state.outbox.values(), key=lambda held: held.order):
        if entry.settled:
            continue
        if not entry.core:
            effects += (_ask_who(entry),)
            continue
        fresh = _drop_stale_records(entry, given.now)
        state = _put(state, fresh)
        effects += _ask_to_seal(fresh, given.now) + _hand_over(fresh, state.agency, given.now)
    return state, effects


def find_agencies_to_seal(state: State, given: Iterable[Input]) -> tuple[AgencyId, ...]:
    """Say to whose devices these inputs may make something be sealed: their keys are needed.

    One's own agency is always among them, since its devices read along.
    """
    inputs = tuple(given)
    if not any(isinstance(each, Flush) for each in inputs):
        return ()
    found = {state.agency: None}
    for each in inputs:
        if isinstance(each, Compose):
            found |= dict.fromkeys(each.to)
    for entry in state.outbox.values():
        if not entry.settled:
            found |= dict.fromkeys(entry.to)
            found |= {held.agency: None for held in entry.deliveries}
    return tuple(found)


def address(state: State, given: Addressed) -> Outcome:
    """Give an entry its audience, its place and its core; introduce an audience that is new."""
    entry = state.outbox.get(given.local_id)
    if entry is None or entry.core or entry.expired:
        return state, ()
    if is_receipt(entry.kind):
        given = _leave_colleagues(entry, given)
    # A heartbeat alone goes to its own sender too: that it comes back is what it is for.
    echoed = entry.kind == BEAT_KIND
    others = [held for held in given.devices if echoed or held.device != state.device]
    if not any(held.agency in entry.to for held in others):
        return _put(state, replace(entry, reason=given.reason)), ()
    state, entry = _leave_absent(state, entry, given)
    audience = tuple(sorted({held.device for held in given.devices} | {state.device}))
    digest = digest_audience(audience)
    copies = tuple(Delivery(held.agency, held.device) for held in _each_once(others))
    state, effects = _introduce(state, entry, given, audience, copies)
    state, placed = _place(state, replace(entry, deliveries=copies, reason=""), digest, given)
    return state, (*effects, *_record(placed), *_ask_to_seal(placed, given.now))


def seal(state: State, given: Sealed) -> Outcome:
    """Take the sealed copies in, and ask for them to be handed over."""
    entry = state.outbox.get(given.local_id)
    if entry is None:
        return state, ()
    copies = {copy.device: copy for copy in given.copies}
    reasons = {left.device: left.reason for left in given.unsealed}
    is_called = bool(entry.rungs)

    def settle(held: Delivery) -> Delivery:
        if held.progress is not Progress.WAITING:
            return held
        copy = copies.get(held.device)
        if copy is None:
            return replace(held, reason=reasons.get(held.device, held.reason))
        return replace(
            held,
            progress=Progress.SEALED,
            record=copy.record,
            epoch=copy.epoch,
            reason="",
            cancel_hash=copy.cancel_hash if is_called else b"",
        )

    # What calls somebody is not taken back.
    slips = () if entry.quiet or is_called else _slips(entry, copies)
    entry = replace(entry, deliveries=tuple(settle(held) for held in entry.deliveries))
    return _put(state, entry), (*slips, *_hand_over(entry, state.agency, given.now))


def accept(state: State, given: Accepted) -> Outcome:
    """Note what the relay has on disk, and let go of the sealed bytes."""
    effects: tuple[Effect, ...] = ()
    for local_id, parcels in _by_entry(given.parcels).items():
        entry = state.outbox.get(local_id)
        if entry is None or entry.settled:
            continue
        was_placed = entry.placed
        if not given.in_part:
            entry = _change(entry, parcels, lambda held, _: _stored(held))
        if entry.rungs and not was_placed:
            # Who stands on an earlier form of it counts from no later than that was handed over.
            since = Core.unpack(entry.core).created if given.in_part else given.now
            entry = _keep_to_times(replace(entry, placed=True), since)
        if entry.settled:
            entry = replace(entry, content=b"", shown=())
        # A ladder is there for those who are on it, whoever could not be sealed to.
        if (entry.settled or entry.placed) and not was_placed and not entry.quiet:
            state = awaiting.note_relayed(state, entry)
            effects += (TellStored(given.now, local_id),)
        state = _put(state, entry)
    return _tidy(state), effects


def reject(state: State, given: Rejected) -> Outcome:
    """Put a refused batch off. What the relay blames is sealed anew where that can help."""
    blamed = given.parcels if given.blamed is None else (given.parcels[given.blamed],)

    def put_off(held: Delivery, parcel: Parcel) -> Delivery:
        if given.code == LANE_AWAITED:
            # Nobody refused anything: it goes out as soon as there is a lane.
            return replace(held, reason=given.code)
        refusals = held.refusals + 1
        wait = min(_FIRST_WAIT_MS * 2 ** min(refusals, 10), _find_longest_wait(state, parcel))
        later = replace(
            held,
            reason=given.code,
            refusals=refusals,
            not_before=given.now + max(wait, given.retry_after),
        )
        if given.code in _SEAL_AGAIN:
            return replace(later, progress=Progress.WAITING, record=b"")
        return later

    for local_id, parcels in _by_entry(blamed).items():
        entry = state.outbox.get(local_id)
        if entry is not None:
            state = _put(state, _change(entry, parcels, put_off))
    return state, ()


def _find_longest_wait(state: State, parcel: Parcel) -> int:
    kind = state.outbox[parcel.local_id].kind
    return _LONGEST_WAIT_OF_ALERT_MS if kind.startswith(ALERT_PREFIX) else _LONGEST_WAIT_MS


def forget(state: State, given: Forgotten) -> State:
    """Let go of what the store can't open any more."""
    left = {name: held for name, held in state.outbox.items() if name not in given.local_ids}
    return state if len(left) == len(state.outbox) else replace(state, outbox=left)


def _tidy(state: State) -> State:
    """Let go of what everyone has and nobody looks up, and of all but the newest messages."""
    stored = [held for held in state.outbox.values() if held.settled and not held.expired]
    messages = sorted(
        (held for held in stored if not held.quiet),
        key=lambda held: held.order,
    )
    quiet = sorted((held for held in stored if held.quiet), key=lambda held: held.order)
    # A relay that was put back has lost some: what people may still miss can go out again.
    kept = [held for held in quiet if not is_passing(held.kind)][-SHOWN_STORED:]
    gone = {held.local_id for held in quiet} - {held.local_id for held in kept}
    # What was split off and still waits is found by the rest of its message, to be taken back.
    waiting = {held.order for held in state.outbox.values() if not held.settled}
    gone |= {held.local_id for held in messages[:-SHOWN_STORED] if held.order not in waiting}
    if not gone:
        return state
    left = {name: held for name, held in state.outbox.items() if name not in gone}
    return replace(state, outbox=left)


def _expire(state: State, now: Instant) -> Outcome:
    state, effects = awaiting.end(state, now)
    for entry in state.outbox.values():
        over = now >= entry.deadline and (is_passing(entry.kind) or (entry.quiet and entry.settled))
        if over or now >= entry.deadline + SHOWN_FOR_MS:
            state = replace(state, outbox=without_item(state.outbox, entry.local_id))
        elif now >= entry.deadline and not entry.settled:
            state = _put(state, _give_up(entry))
            state = _forget_introduction(state, entry)
    return state, effects


def _give_up(entry: Entry) -> Entry:
    copies = tuple(
        held
        if held.progress is Progress.STORED
        else replace(held, progress=Progress.EXPIRED, record=b"")
        for held in entry.deliveries
    )
    return replace(entry, deliveries=copies, content=b"", expired=True)


def _forget_introduction(state: State, entry: Entry) -> State:
    # Somebody never got the audience: the next message to it introduces it again.
    if entry.kind != AUDIENCE_KIND or not entry.core:
        return state
    digest = Core.unpack(entry.core).audience_digest
    key = name_thread(entry.conversation, digest)
    thread = state.threads.get(key)
    if thread is None:
        return state
    return replace(state, threads=with_item(state.threads, key, replace(thread, introduced=False)))


def _leave_colleagues(entry: Entry, given: Addressed) -> Addressed:
    # A receipt is for the agency that sent the message, and nobody else's business.
    return replace(given, devices=tuple(held for held in given.devices if held.agency in entry.to))


def _leave_absent(state: State, entry: Entry, given: Addressed) -> tuple[State, Entry]:
    """Split off the agencies that have no device now: their message waits, the others' goes."""
    if not given.absent:
        return state, entry
    left = replace(entry, local_id=given.entropy[:16], to=given.absent, reason=given.reason)
    kept = tuple(agency for agency in entry.to if agency not in given.absent)
    return _put(state, left), replace(entry, to=kept)


def _introduce(
    state: State,
    entry: Entry,
    given: Addressed,
    audience: tuple[DeviceId, ...],
    copies: tuple[Delivery, ...],
) -> Outcome:
    if is_passing(entry.kind):
        # Nobody reads along, and nothing is shown.
        return state, ()
    digest = digest_audience(audience)
    state = replace(state, audiences=with_item(state.audiences, digest, audience))
    if not is_introduced(entry.kind):
        return state, ()
    thread = state.threads.get(name_thread(entry.conversation, digest))
    if thread is not None and thread.introduced:
        return state, ()
    listing = replace(
        entry,
        local_id=given.entropy[16:32],
        order=entry.order - 1,
        kind=AUDIENCE_KIND,
        class_=EnvelopeClass.CASE,
        content=encode_content(AudienceList(devices=audience)),
        deliveries=copies,
    )
    state, placed = _place(state, listing, digest, given)
    return state, _ask_to_seal(placed, given.now)


def _place(state: State, entry: Entry, digest: bytes, given: Addressed) -> tuple[State, Entry]:
    key = name_thread(entry.conversation, digest)
    thread = take_place(state, key)
    core = Core(
        agency=state.agency,
        device=state.device,
        incarnation=state.incarnation,
        manifest_version=given.manifest_version,
        conversation=entry.conversation,
        audience_digest=digest,
        seq=thread.next_seq,
        prev=thread.last_core,
        created=given.now,
        expires=given.now + entry.class_.life_ms,
        content=entry.content,
        checkpoint_size=given.checkpoint[0],
        checkpoint_root=given.checkpoint[1],
    )
    raw = core.pack()
    entry = replace(entry, core=raw, expires=core.expires)
    following = Thread(state.incarnation, thread.next_seq + 1, hash_core(raw), introduced=True)
    state = replace(state, threads=with_item(state.threads, key, following))
    return awaiting.watch(_put(state, entry), entry, core), entry


def _drop_stale_records(entry: Entry, now: Instant) -> Entry:
    epoch = entry.class_.epoch_of(now)

    def refresh(held: Delivery) -> Delivery:
        if held.progress is Progress.SEALED and held.epoch != epoch:
            return replace(held, progress=Progress.WAITING, record=b"")
        return held

    copies = tuple(refresh(held) for held in entry.deliveries)
    return entry if copies == entry.deliveries else replace(entry, deliveries=copies)


def _ask_who(entry: Entry) -> Address:
    return Address(entry.local_id, entry.to, entry.class_, entry.content, entry.devices)


def _ask_to_seal(entry: Entry, now: Instant) -> tuple[Effect, ...]:
    waiting = tuple(
        (held.agency, held.device)
        for held in entry.deliveries
        if held.progress is Progress.WAITING and held.not_before <= now
    )
    return (Seal(entry.local_id, entry.class_, entry.core, waiting),) if waiting else ()


def _hand_over(entry: Entry, own: AgencyId, now: Instant) -> tuple[Effect, ...]:
    ready = [
        held
        for held in entry.deliveries
        if held.progress is Progress.SEALED and held.not_before <= now
    ]
    if not ready:
        return ()
    if entry.rungs and not entry.placed:
        return (_place_hold(entry, ready),)
    urgent = _is_urgent(entry)
    by_agency = {
        agency: tuple(_pack(entry, held) for held in ready if held.agency == agency)
        for agency in sorted({held.agency for held in ready})
    }
    submits = (Submit(agency, parcels, urgent) for agency, parcels in by_agency.items())
    return (*_claim_holds(entry, by_agency.get(own, ())), *submits)


def _claim_holds(entry: Entry, parcels: tuple[Parcel, ...]) -> tuple[ClaimHold, ...]:
    # Only one's own agency's copies: who raised the alert is not told with the secret.
    return tuple(
        ClaimHold(shown, parcels[start : start + MOST_CLAIM_RECORDS])
        for shown in entry.shown
        for start in range(0, len(parcels), MOST_CLAIM_RECORDS)
    )


def _place_hold(entry: Entry, ready: Iterable[Delivery]) -> PlaceHold:
    copies = {held.device: held for held in ready}
    tiers: list[tuple[int, tuple[tuple[Parcel, bytes], ...]]] = []
    dues = iter(rung.due for rung in entry.rungs)
    for rung in entry.rungs:
        called = [copies[device] for device in rung.devices if device in copies]
        # A rung on which nobody is left gives its time to the next.
        if called:
            places = tuple((_pack(entry, held), held.cancel_hash) for held in called)
            tiers.append((next(dues), places))
    return PlaceHold(min(entry.to), entry.hold_id, tuple(tiers))


def _keep_to_times(entry: Entry, since: Instant) -> Entry:
    """Let nobody who was left out of a ladder be called before their time."""
    dues = {device: rung.due for rung in entry.rungs for device in rung.devices}
    copies = tuple(
        held
        if held.progress is Progress.STORED
        else replace(held, not_before=max(held.not_before, since + dues[held.device] * SECOND))
        for held in entry.deliveries
    )
    return replace(entry, deliveries=copies)


def _pack(entry: Entry, held: Delivery) -> Parcel:
    return Parcel(entry.local_id, held.device, held.record)


def _slips(entry: Entry, copies: Mapping[DeviceId, SealedCopy]) -> tuple[RecordSlip, ...]:
    return tuple(
        RecordSlip(
            held.agency,
            Parcel(entry.local_id, held.device, copy.record),
            copy.epoch,
            copy.withdraw_secret,
            entry.expires,
        )
        for held in entry.deliveries
        if held.progress is Progress.WAITING
        and (copy := copies.get(held.device)) is not None
        and copy.withdraw_secret
    )


def _is_urgent(entry: Entry) -> bool:
    if entry.kind.startswith(ALERT_PREFIX):
        return True
    if entry.kind != STATUS_KIND:
        return False
    return is_alarm(parse_content(Core.unpack(entry.core).content, entry.class_))


def _stored(held: Delivery) -> Delivery:
    return replace(held, progress=Progress.STORED, record=b"", reason="", cancel_hash=b"")


def _change(
    entry: Entry, parcels: dict[DeviceId, Parcel], change: Callable[[Delivery, Parcel], Delivery]
) -> Entry:
    def settle(held: Delivery) -> Delivery:
        parcel = parcels.get(held.device)
        # An answer to bytes that were sealed anew meanwhile says nothing about the new ones.
        if parcel is None or held.record != parcel.record:
            return held
        return change(held, parcel)

    return replace(entry, deliveries=tuple(settle(held) for held in entry.deliveries))


def _by_entry(parcels: Iterable[Parcel]) -> dict[bytes, dict[DeviceId, Parcel]]:
    grouped: dict[bytes, dict[DeviceId, Parcel]] = {}
    for parcel in parcels:
        grouped.setdefault(parcel.local_id, {})[parcel.device] = parcel
    return grouped


def _each_once(devices: Iterable[Addressee]) -> list[Addressee]:
    return [held for _, held in sorted({held.device: held for held in devices}.items())]


def _put(state: State, entry: Entry) -> State:
    if state.outbox.get(entry.local_id) is entry:
        return state
    return replace(state, outbox=with_item(state.outbox, entry.local_id, entry))


def _record(entry: Entry) -> tuple[RecordSent, ...]:
    if entry.quiet:
        # What devices tell each other is no message of anybody's, and holds the agency's secrets.
        return ()
    core = Core.unpack(entry.core) if entry.core else None
    sent = RecordSent(
        local_id=entry.local_id,
        conversation=entry.conversation,
        to=entry.to,
        composed=entry.composed,
        class_=entry.class_,
        content=entry.content,
        core=core,
        message_id=name_message(entry.core) if core else None,
        core_hash=hash_core(entry.core) if core else b"",
    )
    return (sent,)
