"""Saying something: the rules are asked, it is written down, and sent at once where possible.

Rules: consent is asked before anything is written. What was written is on the disk before the
network is tried, and no failure of the network loses it or raises: `Sent` says how far it came and
why.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields
from quietway.engine.inputs import Compose
from quietway.engine.outbox import AUDIENCE_KIND
from quietway.engine.state import Entry, Progress
from quietway.errors import (
    ContentRefused,
    DirectoryStale,
    IdentityChanged,
    QuietwayError,
    RelayUnreachable,
    RoleRefused,
    UnknownPartner,
    Unreachable,
)
from quietway.fingerprint import show_fingerprint, show_words
from quietway.keyring.proof import IDENTITY_CHANGED
from quietway.own.standing import check_snapshot
from quietway.partners import Partner
from quietway.policy.release import check_release
from quietway.records import MESSAGE
from quietway.reports import OutboxEntry, OutboxState, Sent
from quietway.sealing import name_message
from quietway_schemas.content.audience import MOST_AUDIENCE
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.content.roles import find_receivers, find_senders, is_among, list_roles
from quietway_schemas.errors import ContentError
from quietway_schemas.ids import AgencyId, ConversationId, MessageId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import ReferralRef

Addressee = AgencyId | Partner | str
_ID_BYTES: Final = 16


async def speak(
    agent: Agent,
    content: ContentModel,
    *,
    to: Iterable[AgencyId],
    conversation: ConversationId | None = None,
    referral_ref: ReferralRef | None = None,
) -> Sent:
    """Say something to agencies.

    Args:
        agent: Of this device.
        content: What.
        to: The agencies; partners all.
        conversation: Where; a new one where it is None.
        referral_ref: The referral that it is about, for the answer's sake.

    Raises:
        ContentRefused: A rule forbids it. Nothing was written, sealed or sent.
        IdentityChanged: One of them shows another root key than the one that was compared. The
            same.
        RoleRefused: The roles of this device, or of those there, do not allow it. The same.
        SnapshotAwaited: This device was linked, and does not know its cases yet. The same.
        StorageFull: There is no room. Nothing was written or sent.
    """
    agencies = tuple(sorted(set(to)))
    _check_identities(agent, agencies)
    composed = _compose(agent, content, agencies, conversation)
    problem = await agent.say(composed)
    entry = agent.state.outbox.get(composed.local_id)
    if entry is None:
        # So much went out in the meantime that this is not among the newest any more.
        return await _tell_sent(agent, composed, referral_ref)
    state = tell_state(entry)
    # Whom nothing may be sealed to now has an entry of its own, which waits.
    left = tuple(agency for agency in agencies if agency not in entry.to)
    if left and state in {"sealed", "stored_at_relay"}:
        state = "unreachable"
    if state == "sealed" and isinstance(problem, RelayUnreachable):
        # Nothing is known of the outcome, so a person is told no more than is certain.
        state = "not_yet_sent"
    return Sent(
        local_id=composed.local_id,
        message_id=name_message(entry.core) if entry.core else None,
        conversation=composed.conversation,
        referral_ref=referral_ref,
        state=state,
        problem=problem or _explain(agent, entry, left, state),
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
            programs=tuple(sorted({held.program for held in agent.directory.devices_of(agency)})),
        )
        for agency, record in agent.lanes.partners.items()
    ]


def list_outbox(agent: Agent) -> list[OutboxEntry]:
    """List what was said here lately, oldest first, and how far it has come."""
    shown = (entry for entry in agent.state.outbox.values() if _is_shown(entry))
    return [
        OutboxEntry(
            local_id=entry.local_id,
            kind=entry.kind,
            to=entry.to,
            state=tell_state(entry),
            at=entry.composed,
            waiting_for=_waits_for(entry),
        )
        for entry in sorted(shown, key=lambda held: held.order)
    ]


def tell_state(entry: Entry) -> OutboxState:
    """Say in one word how far an entry has come."""
    if entry.expired:
        return "expired_unsent"
    if not entry.core:
        return "unreachable" if entry.reason else "not_yet_sent"
    if entry.settled:
        return "stored_at_relay"
    waits = any(held.progress is Progress.WAITING for held in entry.deliveries)
    return "unreachable" if waits else "sealed"


def _compose(
    agent: Agent,
    content: ContentModel,
    agencies: tuple[AgencyId, ...],
    conversation: ConversationId | None,
) -> Compose:
    check_release(content, agencies)
    check_snapshot(agent.standing, content)
    check_roles(agent, content, agencies)
    _check_size(agent, agencies)
    try:
        raw, class_ = encode_content(content), find_class(content)
    except ContentError as refused:
        raise ContentRefused(refused.field, refused.reason) from None
    return Compose(
        now=agent.clock.now(),
        local_id=agent.entropy.draw(_ID_BYTES),
        conversation=conversation or ConversationId(agent.entropy.draw(_ID_BYTES)),
        to=agencies,
        kind=content.type,
        class_=class_,
        content=raw,
    )


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


def _check_size(agent: Agent, agencies: tuple[AgencyId, ...]) -> None:
    everyone = (agent.keyring.agency, *agencies)
    devices = sum(len(agent.directory.devices_of(agency)) for agency in everyone)
    if devices > MOST_AUDIENCE:
        raise ContentRefused("to", f"names more than {MOST_AUDIENCE} devices: send it in parts.")


def _is_called(partner: Partner, named: Addressee) -> bool:
    if isinstance(named, AgencyId | Partner):
        return partner.agency_id == (named if isinstance(named, AgencyId) else named.agency_id)
    names = {str(partner.agency_id), partner.agency_code, partner.label, *partner.programs}
    return named in names


def _is_shown(entry: Entry) -> bool:
    return entry.kind != AUDIENCE_KIND and not entry.within_agency


def _waits_for(entry: Entry) -> tuple[str, ...]:
    if not entry.core:
        return tuple(str(agency) for agency in entry.to) if entry.reason else ()
    return tuple(str(held.device) for held in entry.deliveries if held.progress is Progress.WAITING)


def _explain(
    agent: Agent, entry: Entry, left: tuple[AgencyId, ...], state: OutboxState
) -> QuietwayError | None:
    waiting = (*(str(agency) for agency in left), *_waits_for(entry))
    if state != "unreachable" or not waiting:
        return None
    for agency in (*left, *_agencies_waited_for(entry)):
        name = agent.directory.agency_code(agency) or str(agency)
        match agent.directory.hindrance(agency, agent.clock.now()):
            case "identity_changed":
                return IdentityChanged(name)
            case "stale_directory":
                return DirectoryStale(name)
    return Unreachable(waiting[0])


def _agencies_waited_for(entry: Entry) -> tuple[AgencyId, ...]:
    if not entry.core:
        return entry.to
    waiting = (held for held in entry.deliveries if held.progress is Progress.WAITING)
    return tuple(dict.fromkeys(held.agency for held in waiting))


def _check_identities(agent: Agent, agencies: tuple[AgencyId, ...]) -> None:
    for agency in agencies:
        if agent.directory.hindrance(agency, agent.clock.now()) == IDENTITY_CHANGED:
            raise IdentityChanged(agent.directory.agency_code(agency) or str(agency))
