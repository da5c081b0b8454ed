"""How a referral's packet is made from its fields, and what its sender is warned of.

Rules: a default names nobody. Where nothing identifies, the recipient reaches the survivor through
a contact, and the contact is staff: the one that was given, else the agency's own primary one, else
whoever refers. A warning refuses nothing.

Spec: docs/spec/referrals.md, "Pathways" and "Duplicates".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.faces.saying import saying_refusals
from quietway.policy.windows import find_window
from quietway.reports import DuplicateReferral, NoRoom
from quietway.views.referrals import fold_referrals
from quietway_schemas.content.referral import Receiving, ReferralPacket, Referring, VspContact
from quietway_schemas.ids import ReferralRef
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.calendars import AgencyBook
    from quietway.partners import Partner
    from quietway.records import StoredMessage
    from quietway.reports import SentWarning
    from quietway.speaking import Addressee
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

DUPLICATE_WITHIN_MS: Final = 30 * DAY
_DEFAULT_PATHWAY: Final = "deidentified_vsp_contact"
_NO_ROOM: Final = frozenset({"no_capacity", "waitlist"})
_TAKEN_BACK: Final = frozenset({"cancelled", "entered_in_error"})
_ID_BYTES: Final = 16
_AS_PUBLISHED: Final = "As the program has published it."


@dataclass(frozen=True, slots=True)
class Request:
    """Whom a referral is for.

    Attributes:
        partner: The agency.
        named: As it was named: a program's code chooses that program.
        agencies: What is known of agencies.
    """

    partner: Partner
    named: Addressee
    agencies: AgencyBook


def build_packet(agent: Agent, request: Request, fields: dict[str, object]) -> ReferralPacket:
    """Make a packet from the fields that were given.

    Raises:
        ContentRefused: A field is missing, or breaks a rule.
    """
    now = agent.clock.now()
    given = dict(fields)
    with saying_refusals():
        if "referring" not in given:
            given["referring"] = _refer(agent, given, now)
        if "receiving" not in given:
            given["receiving"] = _receive(request, given)
        given.setdefault("time_sensitivity", "standard")
        given.update(_choose_pathway(agent, request.agencies, given))
        if "feedback_due" not in given:
            urgency = str(given["time_sensitivity"])
            given["feedback_due"] = count_feedback(
                request.agencies, request.partner.agency_id, urgency, now
            )
        given.setdefault("referral_ref", ReferralRef(agent.entropy.draw(_ID_BYTES)))
        return ReferralPacket(**given)  # type: ignore[arg-type] # the model checks each


def count_feedback(
    agencies: AgencyBook, agency: AgencyId, time_sensitivity: str, now: Instant
) -> Instant:
    """Say until when an agency's feedback is awaited on what is asked of it now.

    Raises:
        ContentRefused: There is no such urgency.
    """
    with saying_refusals():
        window = find_window("feedback", time_sensitivity, agencies.find_windows(agency))
    return window.due(now, agencies.find_calendar(agency)[0])


def find_warnings(
    packet: ReferralPacket,
    agency: AgencyId,
    agencies: AgencyBook,
    of_case: Iterable[StoredMessage],
) -> tuple[SentWarning, ...]:
    """Say what a person should know about a packet that goes out all the same.

    Args:
        packet: With one's own case reference.
        agency: Whom it is for.
        agencies: What is known of agencies.
        of_case: What was said about the case before.
    """
    profile = agencies.profiles.get(agency)
    rooms = {} if profile is None else {held.program: held.capacity for held in profile.capacity}
    room = rooms.get(packet.receiving.program)
    full = (NoRoom(packet.receiving.program, room),) if room in _NO_ROOM else ()
    return (*find_duplicates(packet, agencies.me, of_case), *full)


def find_duplicates(
    packet: ReferralPacket, me: AgencyId, of_case: Iterable[StoredMessage]
) -> tuple[DuplicateReferral, ...]:
    """Find what asked the same program for the same service for this case within 30 days."""
    if packet.case_ref is None:
        return ()
    return tuple(
        DuplicateReferral(held.ref, held.packet.referring.at, held.state)
        for held in fold_referrals(of_case, me=me)
        if held.direction == "out"
        and held.ref != packet.referral_ref
        and held.state not in _TAKEN_BACK
        and held.packet.case_ref == packet.case_ref
        and held.packet.receiving.program == packet.receiving.program
        and held.packet.service_type == packet.service_type
        and packet.referring.at - held.packet.referring.at < DUPLICATE_WITHIN_MS
    )


def _choose_pathway(
    agent: Agent, agencies: AgencyBook, given: dict[str, object]
) -> dict[str, object]:
    if given.get("identifiability") == "identifying" or "identity_mode" in given:
        return {"pathway": "direct_handoff", "identity_mode": "none", **_said(given)}
    if given.get("pathway", _DEFAULT_PATHWAY) != _DEFAULT_PATHWAY:
        return {"identity_mode": "vsp_contact" if "vsp_contact" in given else "none"}
    contact = given.get("vsp_contact") or _find_contact(agent, agencies, given)
    return {"pathway": _DEFAULT_PATHWAY, "identity_mode": "vsp_contact", "vsp_contact": contact}


def _said(given: dict[str, object]) -> dict[str, object]:
    return {name: given[name] for name in ("pathway", "identity_mode") if name in given}


def _find_contact(agent: Agent, agencies: AgencyBook, given: dict[str, object]) -> VspContact:
    own = agencies.contacts.get(agent.keyring.agency)
    for slot in () if own is None else own.slots:
        if slot.slot == "primary":
            return VspContact(staff=slot.name, contact=slot.phone)
    referring = given["referring"]
    assert isinstance(referring, Referring)  # noqa: S101 - it was made or checked just before
    return VspContact(staff=referring.staff, contact=referring.contact)


def _refer(agent: Agent, given: dict[str, object], now: Instant) -> Referring:
    keyring = agent.keyring
    told = {name: given.pop(name) for name in ("staff", "contact") if name in given}
    return Referring(agency=keyring.agency_code, program=keyring.program, at=now, **told)  # type: ignore[arg-type] # the model checks each


def _receive(request: Request, given: dict[str, object]) -> Receiving:
    partner, named = request.partner, request.named
    program = named if isinstance(named, str) and named in partner.programs else None
    if program is None and partner.programs:
        program = partner.programs[0]
    profile = request.agencies.profiles.get(partner.agency_id)
    note = None if profile is None else profile.eligibility
    return Receiving(
        program=given.pop("program", program),  # type: ignore[arg-type] # the model checks it
        preferred_channel=given.pop("preferred_channel", "secure_message"),  # type: ignore[arg-type] # the same
        eligibility_note=given.pop("eligibility_note", note or _AS_PUBLISHED),  # type: ignore[arg-type] # the same
    )
