"""Which roles may say what, and to whom: a table of the dictionary, one row for each type.

A device's certificate lists its roles; one of them is enough. `EVERYONE` stands where all may:
receipts, lists of who reads along, and what an agency's devices tell each other. What concerns a
case is for those who work on cases: stewards of data and surveys, auditors and custodians of keys
have no part in it. What reveals movement, as some statuses and the ways to be safer do, is received
by advocates and leads alone. Agreements and contacts concern no case, and everyone may say them.

Spec: docs/spec/envelope.md, "Roles".
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from quietway_schemas.codebook.lists import codes
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.status import RESTRICTED_CODES, StatusIndicator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway_schemas.content.base import ContentModel

Roles = frozenset[str]

EVERYONE: Final[Roles] = frozenset({"*"})
ADVOCATES_AND_LEADS: Final[Roles] = frozenset(
    {
        "agency_lead",
        "coordination_lead",
        "frontline_advocate",
        "law_enforcement_advocate",
        "on_call_lead",
    }
)
CASEWORK: Final[Roles] = ADVOCATES_AND_LEADS | {
    "child_welfare",
    "court_services",
    "hospital_social_worker",
    "integration_app",
    "legal_aid",
    "liaison",
    "police_liaison",
    "shelter_staff",
    "supervisor",
    "triage_hub",
}
"""All but the roles that keep records, keys and surveys and work on no case."""

ON_CALL: Final[Roles] = frozenset(
    {"agency_lead", "coordination_lead", "on_call_lead", "supervisor"}
)
"""Who may be called out of hours: they receive alerts, and may take one."""

POLICE: Final[Roles] = frozenset({"law_enforcement_advocate", "police_liaison"})
INVESTIGATION: Final[Roles] = POLICE | {
    "agency_lead",
    "coordination_lead",
    "court_services",
    "legal_aid",
    "on_call_lead",
}
"""Who works on what belongs to an investigation, and those who lead."""


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Who may say a type, and who may receive it: codes of the list `role`, or `EVERYONE`."""

    senders: Roles
    receivers: Roles


_ANYONE: Final = RoleRule(EVERYONE, EVERYONE)
_CASEWORK: Final = RoleRule(CASEWORK, CASEWORK)
_ON_CALL_TELLS: Final = RoleRule(ON_CALL, CASEWORK)

ROLE_RULES: Final[Mapping[str, RoleRule]] = MappingProxyType(
    {
        "aar": _CASEWORK,
        "aar.item": _CASEWORK,
        "aar.update": _CASEWORK,
        "access.event": RoleRule(EVERYONE, frozenset({"auditor"})),
        "action.item": _CASEWORK,
        "action.update": _CASEWORK,
        "advocate.request": _CASEWORK,
        "agency.drill_score": _ANYONE,
        "agency.leaving": _ANYONE,
        "agency.oncall_beat": RoleRule(ON_CALL, EVERYONE),
        "agency.oncall_change": RoleRule(ON_CALL, EVERYONE),
        "agency.override_confirmation": _ANYONE,
        "agency.override_request": _ANYONE,
        "agency.proposal": _ANYONE,
        "agency.review": _ANYONE,
        "agency.rota": RoleRule(ON_CALL, EVERYONE),
        "agency.shared": _ANYONE,
        "agency.snapshot_approval": _ANYONE,
        "agency.snapshot_offer": _ANYONE,
        "agency.snapshot_part": _ANYONE,
        "agency.standing": _ANYONE,
        "agreement.ended": _ANYONE,
        "agreement.shared": _ANYONE,
        "alert.claimed": _ON_CALL_TELLS,
        "alert.declined": _ON_CALL_TELLS,
        "alert.handed_off": _ON_CALL_TELLS,
        "alert.minimal": RoleRule(CASEWORK, ON_CALL),
        "alert.released": _ON_CALL_TELLS,
        "alert.verify": _CASEWORK,
        "alert.verify_second": _CASEWORK,
        "attachment.file": _CASEWORK,
        "audience.list": _ANYONE,
        "barrier.update": _CASEWORK,
        "case.link": _CASEWORK,
        "case.status": _CASEWORK,
        "case_review": _CASEWORK,
        "clarification.request": _CASEWORK,
        "consent.amend": _CASEWORK,
        "consent.grant": _CASEWORK,
        "consent.lift": _CASEWORK,
        "consent.pause": _CASEWORK,
        "consent.preferences": _CASEWORK,
        "consent.resume": _CASEWORK,
        "consent.revoke": _CASEWORK,
        "consent.window": _CASEWORK,
        "contact.log": _CASEWORK,
        "crisis.activate": _CASEWORK,
        "crisis.answer": _CASEWORK,
        "decision.log": _CASEWORK,
        "directory.contact": _ANYONE,
        "directory.profile": _ANYONE,
        "escalation": _CASEWORK,
        "event.closed": _CASEWORK,
        "event.note": _CASEWORK,
        "huddle.checkin": _CASEWORK,
        "huddle.handover": _CASEWORK,
        "huddle.left": _CASEWORK,
        "huddle.members": _CASEWORK,
        "huddle.message": _CASEWORK,
        "huddle.stopped": _CASEWORK,
        "huddle.summary": _CASEWORK,
        "lane.grant": _ANYONE,
        "lead.accepted": _CASEWORK,
        "lead.assign": _CASEWORK,
        "lead.confirmed": _CASEWORK,
        "lead.declined": _CASEWORK,
        "lead.handover": _CASEWORK,
        "lead.withdrawn": _CASEWORK,
        "log.checkpoint": _ANYONE,
        "logistics": _CASEWORK,
        "message.text": _CASEWORK,
        "oncall.published": RoleRule(ON_CALL, EVERYONE),
        "progress.note": _CASEWORK,
        "purge.attestation": _CASEWORK,
        "receipt.cover": _ANYONE,
        "receipt.opened": _ANYONE,
        "receipt.stored": _ANYONE,
        "referral.ack": _CASEWORK,
        "referral.cancel": _CASEWORK,
        "referral.feedback": _CASEWORK,
        "referral.outcome": _CASEWORK,
        "referral.packet": _CASEWORK,
        "referral.reopen": _CASEWORK,
        "relocation.options": RoleRule(CASEWORK, ADVOCATES_AND_LEADS),
        "respondent.event": _CASEWORK,
        "rollback.order": _CASEWORK,
        "service.uptake": _CASEWORK,
        "status.indicator": _CASEWORK,
        "system_problem": _ANYONE,
        "template.instance": _CASEWORK,
        "triage.route": _CASEWORK,
        "urgent_action": _CASEWORK,
    }
)
"""Every content type's rule, by its name."""


def find_receivers(content: ContentModel) -> Roles:
    """Say which roles may receive a content: its type's, or fewer.

    Fewer are those of what reveals movement, and of what is in a compartment. What was said to an
    advocate in confidence is received by police under a release alone.
    """
    if isinstance(content, StatusIndicator) and content.code in RESTRICTED_CODES:
        return ADVOCATES_AND_LEADS
    receivers = ROLE_RULES[content.type].receivers
    if not isinstance(content, CaseContent) or content.compartment is None:
        return receivers
    if content.compartment == "investigation":
        return receivers & INVESTIGATION
    return receivers if content.consent_id else receivers - POLICE


def find_senders(content: ContentModel) -> Roles:
    """Say which roles may say a content."""
    return ROLE_RULES[content.type].senders


def is_among(roles: Iterable[str], allowed: Roles) -> bool:
    """Say whether one of a device's roles is enough."""
    return allowed == EVERYONE or not allowed.isdisjoint(roles)


def list_roles(allowed: Roles) -> tuple[str, ...]:
    """Name the roles of a rule, sorted; all of the list where everyone may."""
    return tuple(sorted(codes("role") if allowed == EVERYONE else allowed))
