"""Saying something: the rules are asked, it is written down, and sent at once where possible.

Rules: consent and the guard are asked before anything is written. What was written is on the disk
before the network is tried, and no failure of the network loses it or raises: `Sent` says how far
it came and why.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from quietway.consent.asking import ask, check_parties, disclose, find_end
from quietway.consent.data_use import check_data_use
from quietway.engine.codec import Fields
from quietway.engine.inputs import Compose
from quietway.engine.outbox import LANE_AWAITED
from quietway.engine.state import Delivery, Entry, Progress
from quietway.engine.withdrawal import PAUSED, UNCERTAIN
from quietway.errors import (
    AgencyRemoved,
    ContentRefused,
    DirectoryStale,
    IdentityChanged,
    LaneAwaited,
    NotTakenIn,
    OverQuota,
    PartnerPaused,
    QuietwayError,
    RelayUnreachable,
    RoleRefused,
    UnknownPartner,
    Unreachable,
)
from quietway.exercises import is_exercise
from quietway.fingerprint import show_fingerprint, show_words
from quietway.guarding.asking import ask_guard
from quietway.guarding.records import write_records
from quietway.history import parse_rows
from quietway.lanes import NOT_FOUND
from quietway.own.standing import check_snapshot
from quietway.partner_standing import NAMES
from quietway.partners import Partner
from quietway.records import MESSAGE
from quietway.reports import OutboxEntry, OutboxState, Sent
from quietway.sealing import name_message
from quietway.store.shelves import own_conversation
from quietway_schemas.content.audience import MOST_AUDIENCE
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.content.roles import find_receivers, find_senders, is_among, list_roles
from quietway_schemas.content.times import check_times
from quietway_schemas.errors import ContentError
from quietway_schemas.ids import AgencyId, ConversationId, MessageId
from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from quietway.agent import Agent
    from quietway.consent.asking import Answer
    from quietway.engine.inputs import Rung, Shown
    from quietway.engine.state import Awaited
    from quietway.guard.deciding import Decision
    from quietway.ports import Delete, Put
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import DeviceId, ReferralRef
    from quietway_schemas.instants import Instant

Addressee = AgencyId | Partner | str
OVER_QUOTA: Final = "over_quota"
_ID_BYTES: Final = 16
_HINDRANCES: Final = {
    "agency_removed": AgencyRemoved,
    "identity_changed": IdentityChanged,
    "stale_directory": DirectoryStale,
}


@dataclass(frozen=True, slots=True)
class Calling:
    """What calls people, or says that somebody is there; see `Compose`."""

    hold_id: bytes = b""
    rungs: tuple[Rung, ...] = ()
    shown: tuple[Shown, ...] = ()


async def speak(
    agent: Agent,
    content: ContentModel,
    *,
    to: Iterable[AgencyId],
    conversation: ConversationId | None = None,
    referral_ref: ReferralRef | None = None,
    local_id: bytes | None = None,
    devices: Collection[DeviceId] = (),
    until: Instant | None = None,
    automatic: bool = False,
    asked_before: bool = False,
    calling: Calling | None = None,
    also: Iterable[Put | Delete] = (),
) -> Sent:
    """Say something to agencies.

    Args:
        agent: Of this device.
        content: What.
        to: The agencies; partners all, or one's own where what is said is for its devices too.
        conversation: Where; a new one where it is None.
        referral_ref: The referral that it is about, for the answer's sake.
        local_id: What this store calls it, where that was given before; else it is drawn.
        devices: The only devices it is for, also of one's own agency; none named for all of them.
        until: When it may not go out any more; None where what it stands on alone decides.
        automatic: Whether a program says it by itself: then it goes to nobody who was not told of
            the case by a person's decision.
        asked_before: Whether the guard let it pass before, and it has been on its way since.
        calling: Of an alert, its ladder; of a claim, which ladders it stops.
        also: Rows that belong into the same commit.

    Raises:
        ContentRefused: A rule forbids it. Nothing was written, sealed or sent.
        AgencyRemoved: The relay's operator removed one of them, or this agency. Nothing was
            written, sealed or sent.
        DataUseUnread: The agency's data-use policy was not acknowledged here. The same.
        NotCorroborated: It would tell more agencies of an alert that nobody else has confirmed.
            Nothing was written, sealed or sent.
        NotPermitted: Neither consent, nor an agreement, nor a law allows it to one of them. The
            same.
        IdentityChanged: One of them shows another root key than the one that was compared. The
            same.
        LocationFound: The guard found what should not be said. The same.
        GuardFailed: The guard broke on a text. The same.
        PartnerPaused: Nobody else is addressed. (What is said to several goes to the others.)
        RoleRefused: The roles of this device, or of those there, do not allow it. The same.
        SnapshotAwaited: This device was linked, and does not know its cases yet. The same.
        StorageFull: There is no room. Nothing was written or sent.
    """
    agencies = tuple(sorted(set(to)))
    await check_flag(agent, content, conversation)
    _check_identities(agent, agencies)
    _check_standings(agent, agencies)
    widened = await agent.check_widening(content, agencies)
    async with agent.consent_turn:
        answers, content = await _ask_all(
            agent, content, agencies, conversation, automatic=automatic
        )
        composed = compose(
            agent, content, agencies, conversation, local_id, devices=devices, calling=calling
        )
        decision = await ask_guard(agent, content, asked_before=asked_before)
        said = composed.local_id
        rows = [row for answer in answers for row in await disclose(agent, answer, said)]
        rows += write_records(agent, decision, content.type, [said])
        ends = [end for end in (find_end(answers), until) if end is not None]
        rows += [held.write(said, agencies, composed.now) for held in widened]
        rows += agent.said_until.note(composed.local_id, min(ends, default=None))
        written = await agent.write_down(composed, also=[*rows, *also])
    problem = await agent.hand_over(written)
    sent = await report_sent(agent, composed, problem, referral_ref)
    return replace(sent, found=decision.told)


async def report_sent(
    agent: Agent,
    composed: Compose,
    problem: QuietwayError | None,
    referral_ref: ReferralRef | None = None,
) -> Sent:
    """Say what became of something that was just written down and handed over.

    Args:
        agent: Of this device.
        composed: What was written down.
        problem: Why the rest of it was not handed over, if it was not.
        referral_ref: The referral that it is about.
    """
    agencies = composed.to
    entry = agent.state.outbox.get(composed.local_id)
    if entry is None:
        # So much went out in the meantime that this is not among the newest any more.
        return await _tell_sent(agent, composed, referral_ref)
    state = tell_state(entry)
    # Whom nothing may be sealed to now has an entry of its own, which waits.
    left = tuple(agency for agency in agencies if agency not in entry.to)
    if left and state in {"sealed", "stored_at_relay"}:
        paused = all(agent.standings.hindrance(agency) for agency in left)
        state = "paused" if paused else "unreachable"
    if state == "sealed" and isinstance(problem, RelayUnreachable):
        # Nothing is known of the outcome, so a person is told no more than is certain.
        state = "not_yet_sent"
    return Sent(
        local_id=composed.local_id,
        message_id=name_message(entry.core) if entry.core else None,
        conversation=composed.conversation,
        referral_ref=referral_ref,
        state=state,
        problem=problem or _explain_waiting(agent, entry) or _explain(agent, entry, left, state),
    )


async def check_flag(
    agent: Agent, content: ContentModel, conversation: ConversationId | None
) -> None:
    """Demand that a drill stays one, and that nothing real is said in one (V25).

    Raises:
        ContentRefused: What was said first in the conversation carries another flag.
    """
    if conversation is None:
        return
    tag = own_conversation(conversation)
    for held in parse_rows(await agent.store.scan_tagged(MESSAGE, tag, limit=1)):
        if is_exercise(held.content) != is_exercise(content):
            raise ContentRefused(
                "exercise", "is not that of the conversation: begin another one for a drill."
            )


def find_agencies(agent: Agent, to: Addressee | Iterable[Addressee]) -> tuple[AgencyId, ...]:
    """Turn what a program names (agency ids, partners, codes) into agencies.

    Raises:
        UnknownPartner: One of them is not a partner.
    """
    named = (to,) if isinstance(to, AgencyId | Partner | str) else tuple(to)
    if not named:
        raise ContentRefused("to", "names nobody.")
    return tuple(find_partner(agent, one).agency_id for one in named)


def find_partner(agent: Agent, named: Addressee) -> Partner:
    """Find a partner by agency id, agency code, program code or label.

    Raises:
        UnknownPartner: There is none, or the label names several.
    """
    found = [partner for partner in list_partners(agent) if _is_called(partner, named)]
    if len(found) != 1:
        raise UnknownPartner(named.agency_code if isinstance(named, Partner) else str(named))
    return found[0]


def list_partners(agent: Agent) -> list[Partner]:
    """List the partners with the programs that can be written to now."""
    return [
        Partner(
            agency_id=agency,
            agency_code=agent.directory.agency_code(agency) or record.invitation.agency_code,
            label=record.label,
            fingerprint=show_fingerprint(record.invitation.root_key),
            words=show_words(record.invitation.root_key),
            verified_at=record.verified or None,
            programs=_list_programs(agent, agency),
            removed=agent.directory.is_removed(agency),
            stance=NAMES[agent.standings.stance(agency)],
        )
        for agency, record in agent.lanes.partners.items()
    ]


def _list_programs(agent: Agent, agency: AgencyId) -> tuple[str, ...]:
    if agent.directory.is_removed(agency):
        return ()
    return tuple(sorted({held.program for held in agent.directory.devices_of(agency)}))


def list_outbox(agent: Agent) -> list[OutboxEntry]:
    """List what was said here lately, oldest first, and how far it has come.

    What nobody confirmed is listed also where so much was said since that its entry is gone.
    """
    outbox, awaited = agent.state.outbox, agent.state.awaited
    shown = sorted(
        (entry for entry in outbox.values() if not entry.quiet), key=lambda held: held.order
    )
    gone = sorted(
        (
            (held.at, name)
            for name, held in awaited.items()
            if held.expired_unread and held.local_id not in outbox
        )
    )
    return [
        *(_show_awaited(awaited[name], MessageId(name)) for _, name in gone),
        *(_show_entry(entry, awaited) for entry in shown),
    ]


def count_waiting_for(agent: Agent, partner: AgencyId) -> int:
    """Count the messages that wait here for one agency."""
    return sum(
        not entry.quiet
        and not entry.settled
        and (
            any(h.agency == partner and h.progress is Progress.WAITING for h in entry.deliveries)
            if entry.core
            else partner in entry.to
        )
        for entry in agent.state.outbox.values()
    )


def _show_awaited(held: Awaited, message_id: MessageId) -> OutboxEntry:
    return OutboxEntry(
        local_id=held.local_id,
        kind=held.kind,
        to=held.to,
        state="expired_unread",
        at=held.at,
        message_id=message_id,
    )


def _show_entry(entry: Entry, awaited: Mapping[bytes, Awaited]) -> OutboxEntry:
    message_id = name_message(entry.core) if entry.core else None
    held = None if message_id is None else awaited.get(message_id.value)
    return OutboxEntry(
        local_id=entry.local_id,
        kind=entry.kind,
        to=entry.to,
        state=tell_state(entry, held),
        at=entry.composed,
        waiting_for=_waits_for(entry),
        reason=_name_reason(entry),
        message_id=message_id,
        stored_by=0 if held is None else len(held.stored_by),
        opened_by=0 if held is None else len(held.opened_by),
    )


def tell_state(entry: Entry, awaited: Awaited | None = None) -> OutboxState:
    """Say in one word how far an entry has come, and what its recipients confirmed."""
    if entry.withdrawn:
        return _tell_withdrawn(entry)
    if entry.expired or (awaited is not None and awaited.expired_unread):
        return "expired_unsent" if entry.expired else "expired_unread"
    if not entry.core:
        return _name_wait({entry.reason}) if entry.reason else "not_yet_sent"
    if entry.settled or entry.placed:
        return "stored_at_relay"
    waiting = {held.reason for held in entry.deliveries if held.progress is Progress.WAITING}
    if waiting:
        return _name_wait(waiting)
    return "not_taken" if _find_not_taken(entry) else "sealed"


def _find_not_taken(entry: Entry) -> tuple[AgencyId, ...]:
    """Find the agencies whose lane does not stand at the relay, where that alone is waited for."""
    sealed = [held for held in entry.deliveries if held.progress is Progress.SEALED]
    if any(held.reason != NOT_FOUND for held in sealed):
        return ()
    return tuple(dict.fromkeys(held.agency for held in sealed))


def _tell_withdrawn(entry: Entry) -> OutboxState:
    if any(held.progress is Progress.WITHDRAWING for held in entry.deliveries):
        return "withdrawing"
    back = [is_back(held) for held in entry.deliveries]
    if all(back):
        return "withdrawn"
    return "partly_withdrawn" if any(back) else "stored_at_relay"


def is_back(held: Delivery) -> bool:
    """Say whether it is certain that a copy that was withdrawn reaches nobody."""
    return held.progress is Progress.WITHDRAWN and held.reason != UNCERTAIN


def _name_wait(reasons: set[str]) -> OutboxState:
    return "paused" if reasons == {PAUSED} else "unreachable"


def compose(
    agent: Agent,
    content: ContentModel,
    agencies: tuple[AgencyId, ...],
    conversation: ConversationId | None = None,
    local_id: bytes | None = None,
    *,
    devices: Collection[DeviceId] = (),
    calling: Calling | None = None,
) -> Compose:
    """Make of a content what is written down, after the dictionary's rules were asked.

    Raises:
        ContentRefused: A rule forbids it.
        RoleRefused: The roles of this device, or of those there, do not allow it.
        SnapshotAwaited: This device was linked, and does not know its cases yet.
    """
    calling = calling or Calling()
    check_snapshot(agent.standing, content)
    check_roles(agent, content, agencies)
    _check_size(agent, agencies, devices)
    # What waits is too late by the time that was believed when it was said, not by a clock's jump.
    now = agent.clocks.believe(agent.clock.now())
    try:
        check_times(content, now=now)
        raw, class_ = encode_content(content), find_class(content)
    except ContentError as refused:
        raise ContentRefused(refused.field, refused.reason) from None
    return Compose(
        now=now,
        local_id=local_id or agent.entropy.draw(_ID_BYTES),
        conversation=conversation or ConversationId(agent.entropy.draw(_ID_BYTES)),
        to=agencies,
        kind=content.type,
        class_=class_,
        content=raw,
        devices=tuple(devices),
        is_read=True,
        hold_id=calling.hold_id,
        rungs=calling.rungs,
        shown=calling.shown,
    )


async def _ask_all(
    agent: Agent,
    content: ContentModel,
    agencies: tuple[AgencyId, ...],
    conversation: ConversationId | None,
    *,
    automatic: bool = False,
) -> tuple[list[Answer], ContentModel]:
    """Ask policy about each agency; returns the answers, and what may be said to all of them."""
    if isinstance(content, CaseContent):
        await check_data_use(agent)
    await check_parties(agent, content, agencies, conversation)
    answers = [
        await ask(agent, content, held, conversation=conversation, automatic=automatic)
        for held in agencies
        # What one's own agency is told of is not disclosed.
        if held != agent.keyring.agency
    ]
    allowed = answers[0].content if answers else content
    if any(answer.content != allowed for answer in answers):
        raise ContentRefused(
            "to", "names several agencies, and what allows it is not the same: send it to each."
        )
    return answers, allowed


async def check_allowed(
    agent: Agent,
    content: ContentModel,
    agencies: tuple[AgencyId, ...],
    conversation: ConversationId | None = None,
) -> Decision:
    """Ask the rules and the guard early, of what takes long to get ready; `speak` asks them again.

    Returns:
        What the guard says of it.

    Raises:
        QuietwayError: As `speak`. Nothing was written.
    """
    _check_identities(agent, agencies)
    _check_standings(agent, agencies)
    async with agent.consent_turn:
        await _ask_all(agent, content, agencies, conversation)
    compose(agent, content, agencies)
    return await ask_guard(agent, content)


async def _tell_sent(agent: Agent, composed: Compose, referral_ref: ReferralRef | None) -> Sent:
    row = Fields(await agent.store.read(MESSAGE, composed.local_id) or b"{}")
    return Sent(
        local_id=composed.local_id,
        message_id=MessageId(row.raw("message")),
        conversation=composed.conversation,
        referral_ref=referral_ref,
        state="stored_at_relay",
    )


def check_roles(agent: Agent, content: ContentModel, agencies: Iterable[AgencyId]) -> None:
    """Demand that this device may say this, and that somebody there may receive it.

    Raises:
        RoleRefused: A rule of the dictionary forbids it. Nothing was written.
    """
    keyring = agent.keyring
    certified = agent.directory.device(keyring.agency, keyring.device)
    roles = keyring.roles if certified is None else certified.roles
    if not is_among(roles, find_senders(content)):
        raise RoleRefused(content.type, "sent", list_roles(find_senders(content)))
    receivers = find_receivers(content)
    for agency in agencies:
        there = agent.directory.devices_of(agency)
        # Whoever is not known yet may be one of them: then it waits.
        if there and not any(is_among(held.roles, receivers) for held in there):
            raise RoleRefused(content.type, "received", list_roles(receivers))


def _check_size(
    agent: Agent, agencies: tuple[AgencyId, ...], devices: Collection[DeviceId]
) -> None:
    everyone = (agent.keyring.agency, *agencies)
    reached = sum(len(agent.directory.devices_of(agency)) for agency in everyone)
    if (len(devices) or reached) > MOST_AUDIENCE:
        raise ContentRefused("to", f"names more than {MOST_AUDIENCE} devices: send it in parts.")


def _is_called(partner: Partner, named: Addressee) -> bool:
    if isinstance(named, AgencyId | Partner):
        return partner.agency_id == (named if isinstance(named, AgencyId) else named.agency_id)
    names = {str(partner.agency_id), partner.agency_code, partner.label, *partner.programs}
    return named in names


def _waits_for(entry: Entry) -> tuple[str, ...]:
    if not entry.core:
        return tuple(str(agency) for agency in entry.to) if entry.reason else ()
    return tuple(str(held.device) for held in entry.deliveries if held.progress is Progress.WAITING)


def _explain(
    agent: Agent, entry: Entry, left: tuple[AgencyId, ...], state: OutboxState
) -> QuietwayError | None:
    for agency in _find_not_taken(entry) if state == "not_taken" else ():
        return NotTakenIn(agent.directory.agency_code(agency) or str(agency))
    waiting = (*(str(agency) for agency in left), *_waits_for(entry))
    if state not in {"paused", "unreachable"} or not waiting:
        return None
    for agency in (*left, *_agencies_waited_for(entry)):
        name = agent.directory.agency_code(agency) or str(agency)
        if agent.standings.hindrance(agency):
            return PartnerPaused(name)
        hindrance = agent.directory.hindrance(agency, agent.clock.now())
        if hindrance:
            return _HINDRANCES[hindrance](name)
    return Unreachable(waiting[0])


def _explain_waiting(agent: Agent, entry: Entry) -> QuietwayError | None:
    """Say why sealed copies wait: for a lane, or for the next of what this device may send."""
    now = agent.clock.now()
    for held in entry.deliveries:
        if held.reason == LANE_AWAITED:
            return LaneAwaited(agent.directory.agency_code(held.agency) or str(held.agency))
        if held.reason == OVER_QUOTA:
            return OverQuota(max(0, held.not_before - now) // SECOND)
    return None


def _name_reason(entry: Entry) -> str:
    if entry.expired or entry.settled:
        return ""
    reasons = (held.reason for held in entry.deliveries if held.reason)
    return entry.reason or next(reasons, "")


def _agencies_waited_for(entry: Entry) -> tuple[AgencyId, ...]:
    if not entry.core:
        return entry.to
    waiting = (held for held in entry.deliveries if held.progress is Progress.WAITING)
    return tuple(dict.fromkeys(held.agency for held in waiting))


def _check_standings(agent: Agent, agencies: tuple[AgencyId, ...]) -> None:
    if all(agent.standings.hindrance(agency) for agency in agencies):
        raise PartnerPaused(agent.directory.agency_code(agencies[0]) or str(agencies[0]))


def _check_identities(agent: Agent, agencies: tuple[AgencyId, ...]) -> None:
    for agency in (agent.keyring.agency, *agencies):
        name = agent.directory.agency_code(agency) or str(agency)
        match agent.directory.hindrance(agency, agent.clock.now()):
            case "agency_removed":
                raise AgencyRemoved(name)
            case "identity_changed":
                raise IdentityChanged(name)
