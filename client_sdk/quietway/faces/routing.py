"""A triage hub routes a referral: its own packet to the chosen program, and word to both sides.

Rules: only what was sent for triage is routed. No reference is known to both sides, and the hub
discloses as any sender does: its own policy is asked.

Spec: docs/spec/referrals.md, "Triage".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.calendars import read_agencies
from quietway.errors import ContentRefused
from quietway.faces.referring import count_feedback
from quietway.faces.saying import saying_refusals
from quietway.history import list_messages
from quietway.naming import find_alias
from quietway.roles import keep_readable
from quietway.speaking import speak
from quietway.views.referrals import fold_referrals
from quietway_schemas.content.coordination import TriageRoute
from quietway_schemas.content.referral import Receiving, ReferralPacket
from quietway_schemas.content.referral_states import CLOSED_STATES
from quietway_schemas.errors import IdError
from quietway_schemas.ids import CaseRef, ReferralRef

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.partners import Partner
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.referrals import Referral

_OF_ANOTHER_AUDIENCE: Final = ("agreement_id", "consent_id", "retain_days")
_TRIAGE: Final = "coordinated_triage"
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Choice:
    """What a hub chose, and by what.

    Attributes:
        criteria: Codes of the list `triage_criterion`.
        capacity: A code of the list `capacity`.
        program: The program; None for the one that `named` is, or the agency's first.
        named: The agency or program, as it was named.
    """

    criteria: tuple[str, ...]
    capacity: str
    program: str | None
    named: Addressee


async def find_referral(agent: Agent, ref: ReferralRef | str) -> Referral | None:
    """Find one referral with all that was said about it; None where there is none."""
    try:
        wanted = ref if isinstance(ref, ReferralRef) else ReferralRef.from_text(ref)
    except IdError:
        return None
    me = agent.keyring.agency
    said = keep_readable(agent, await list_messages(agent, referral=wanted))
    found = fold_referrals(said, me=me)
    return found[0] if found else None


async def name_case(agent: Agent, referral: Referral) -> CaseRef | None:
    """Give what the other agency of a referral knows its case by; None where none was named."""
    case = referral.packet.case_ref
    if case is None or len(referral.agencies) != 1:
        return None
    return await find_alias(agent, case, referral.agencies[0])


async def route_referral(
    agent: Agent, referral: Referral, partner: Partner, choice: Choice
) -> Sent:
    """Route a referral; see `AsyncReferrals.route`.

    Raises:
        ContentRefused: It may not be routed, or a code is none. Nothing was said.
    """
    _check_routable(referral)
    program = choice.program or _find_program(partner, choice.named)
    with saying_refusals():
        there = TriageRoute(
            referral_ref=_draw_reference(agent, referral),
            hub=agent.keyring.agency_code,
            chosen_program=program,
            criteria=tuple(sorted(set(choice.criteria))),
            capacity=choice.capacity,
            exercise=referral.packet.exercise,
        )
    packet = await _reseal(agent, referral.packet, partner, there)
    sent = await speak(agent, packet, to=[partner.agency_id], referral_ref=there.referral_ref)
    there = there.model_copy(update={"case_ref": packet.case_ref})
    await speak(agent, there, to=[partner.agency_id], conversation=sent.conversation)
    case = await name_case(agent, referral)
    back = there.model_copy(update={"referral_ref": referral.ref, "case_ref": case})
    await speak(agent, back, to=referral.agencies, conversation=referral.conversation)
    return sent


def _draw_reference(agent: Agent, referral: Referral) -> ReferralRef:
    """Draw the reference for the other side; none that two agencies could compare."""
    del referral
    return ReferralRef(agent.entropy.draw(_ID_BYTES))


def _check_routable(referral: Referral) -> None:
    if referral.direction != "in" or referral.packet.pathway != _TRIAGE:
        raise ContentRefused(
            "pathway", "is not coordinated_triage: who referred has not asked for triage."
        )
    if referral.state in CLOSED_STATES:
        raise ContentRefused("state", "is closed: there is nothing to route.")


def _find_program(partner: Partner, named: Addressee) -> str:
    if isinstance(named, str) and named in partner.programs:
        return named
    if not partner.programs:
        raise ContentRefused("program", "is missing: name the chosen program.")
    return partner.programs[0]


async def _reseal(
    agent: Agent, packet: ReferralPacket, partner: Partner, route: TriageRoute
) -> ReferralPacket:
    """Make the hub's own packet: what was asked, under its own reference and alias.

    Release and agreement of whoever referred cover the hub and nobody else, so they are left out:
    where something identifies, the hub's own policy finds them anew, or refuses.
    """
    agency, case = partner.agency_id, packet.case_ref
    agencies, now = await read_agencies(agent), agent.clock.now()
    said = {name: getattr(packet, name) for name in type(packet).model_fields}
    with saying_refusals():
        receiving = {**dict(packet.receiving), "program": route.chosen_program}
        return ReferralPacket(
            **{
                **said,
                **dict.fromkeys(_OF_ANOTHER_AUDIENCE),
                "referral_ref": route.referral_ref,
                "case_ref": None if case is None else await find_alias(agent, case, agency),
                "receiving": Receiving(**receiving),
                "feedback_due": count_feedback(agencies, agency, packet.time_sensitivity, now),
            }
        )
