"""What a content says, by category, purpose and scope; and which categories are special.

These are tables of the dictionary: a new content type gets one row. A type without a row is taken
to say everything, so that what nobody thought of needs a release that grants everything.

Rules: what is read is which fields are there, and never what a text says.

Spec: docs/spec/policy.md, "Categories".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from quietway_schemas.codebook.lists import codes
from quietway_schemas.content.base import CaseContent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_schemas.content.base import ContentModel

MINIMUM: Final = frozenset({"barriers", "documents", "narrative", "services", "status"})
"""What flows between partners without an agreement, of somebody whom nobody there can name."""
BY_LAW: Final[Mapping[str, str]] = MappingProxyType(
    {"statutory_mandate": "P30", "court_order": "P31"}
)
"""What allows without a release, and the rule that says so."""
WORD_KINDS: Final = frozenset(
    {
        "consent.amend",
        "consent.grant",
        "consent.lift",
        "consent.pause",
        "consent.resume",
        "consent.revoke",
        "consent.window",
        "purge.attestation",
        "rollback.order",
    }
)
"""What a survivor decided, and what undoes a disclosure: codes and ids, and nobody's name."""

_STATUS: Final = frozenset({"status"})
_SERVICES: Final = frozenset({"services"})
_TALK: Final = frozenset({"narrative", "status"})
_NOTHING: Final[frozenset[str]] = frozenset()

_CATEGORIES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "aar": _TALK,
        "aar.item": _TALK,
        "aar.update": _STATUS,
        "action.item": _TALK,
        "action.update": _STATUS,
        "advocate.request": _SERVICES,
        "alert.minimal": _STATUS,
        "attachment.file": frozenset({"documents"}),
        "barrier.update": frozenset({"barriers"}),
        "case.link": _STATUS,
        "case.status": _STATUS,
        "case_review": _STATUS,
        "clarification.request": frozenset({"narrative"}),
        "consent.preferences": frozenset({"contact"}),
        "contact.log": _SERVICES,
        "crisis.activate": _STATUS,
        "crisis.answer": _STATUS,
        "decision.log": _TALK,
        "escalation": _STATUS,
        "event.closed": _STATUS,
        "event.note": _TALK,
        "huddle.checkin": _STATUS,
        "huddle.handover": _STATUS,
        "huddle.left": _STATUS,
        "huddle.members": _STATUS,
        "huddle.message": _TALK,
        "huddle.stopped": _STATUS,
        "huddle.summary": _TALK,
        "lead.accepted": _STATUS,
        "lead.assign": _STATUS,
        "lead.confirmed": _STATUS,
        "lead.declined": _STATUS,
        "lead.handover": _STATUS,
        "lead.withdrawn": _STATUS,
        "logistics": _SERVICES,
        "message.text": frozenset({"narrative"}),
        "progress.note": _STATUS,
        "referral.ack": _SERVICES,
        "referral.cancel": _SERVICES,
        "referral.feedback": _SERVICES,
        "referral.outcome": _SERVICES,
        "referral.packet": frozenset({"narrative", "services"}),
        "referral.reopen": _SERVICES,
        "relocation.options": frozenset({"services", "status"}),
        "respondent.event": frozenset({"legal"}),
        "service.uptake": _SERVICES,
        "status.indicator": _STATUS,
        "template.instance": frozenset({"risk_band"}),
        "triage.route": _SERVICES,
        "urgent_action": _STATUS,
        **dict.fromkeys(WORD_KINDS, _NOTHING),
    }
)
LISTED: Final = frozenset(_CATEGORIES)
"""The types that have a row: all that can carry a case."""
_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {"note": "narrative", "survivor_preference": "services"}
)
"""Optional fields that say more than their type does."""
HUDDLE: Final = "huddle_participation"
"""The scope of what is said to several agencies about one event."""
_OF_CRISES: Final = frozenset(
    {
        "action.item",
        "action.update",
        "crisis.activate",
        "crisis.answer",
        "decision.log",
        "huddle.checkin",
        "huddle.handover",
        "huddle.left",
        "huddle.members",
        "huddle.message",
        "huddle.stopped",
        "huddle.summary",
        "logistics",
    }
)
_OF_ENDS: Final = frozenset({"aar", "event.closed", "event.note"})
"""What is said when an event is over. Items of a review are of agencies, and of nobody else."""
_PURPOSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{kind: "service_referral" for kind in _CATEGORIES if kind.startswith("referral.")},
        "advocate.request": "service_referral",
        "service.uptake": "service_referral",
        "triage.route": "service_referral",
        **dict.fromkeys(_OF_CRISES, "crisis_response"),
        **dict.fromkeys((*_OF_ENDS, "aar.item", "aar.update"), "crisis_response"),
    }
)
_SCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "alert.minimal": "crisis_alert",
        "barrier.update": "coordination_status",
        "case.link": "linkage",
        "case.status": "coordination_status",
        "relocation.options": "coordination_status",
        "status.indicator": "coordination_status",
        "urgent_action": "coordination_status",
        **dict.fromkeys(_OF_CRISES - {"crisis.answer"}, HUDDLE),
        **dict.fromkeys(_OF_ENDS, HUDDLE),
    }
)
_SCOPE_OF_SERVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "child_protection": "protection",
        "child_services": "protection",
        "court_accompaniment": "legal",
        "emergency_assistance": "livelihoods",
        "forensic_exam": "health",
        "health_medical": "health",
        "housing_navigation": "safehouse",
        "immigration_legal": "legal",
        "legal_assistance": "legal",
        "livelihoods_financial": "livelihoods",
        "police_security": "security",
        "psychosocial": "psychosocial",
        "rapid_rehousing": "safehouse",
        "safehouse": "safehouse",
        "transitional_housing": "safehouse",
    }
)


def categories_of(content: ContentModel) -> frozenset[str]:
    """Name the categories of data that a content says about somebody (codes of `data_category`)."""
    if not isinstance(content, CaseContent):
        return _NOTHING
    said = _CATEGORIES.get(content.type, codes("data_category"))
    more = {held for name, held in _FIELDS.items() if getattr(content, name, None) is not None}
    if identifies(content) and content.type not in WORD_KINDS:
        more.add("identity")
    return said | more


def identifies(content: ContentModel) -> bool:
    """Say whether a content marks itself as identifying a person."""
    marks = (getattr(content, "identifiability", ""), getattr(content, "identity_mode", ""))
    return "identifying" in marks


def purpose_of(content: ContentModel) -> str:
    """Give the purpose of use: what the content states, or what its type is for."""
    stated: str | None = getattr(content, "purpose_of_use", None)
    return stated or _PURPOSES.get(content.type, "safety_coordination")


def scope_of(content: ContentModel) -> str | None:
    """Give the scope that a release must name for it; None where the type asks for none."""
    service: str | None = getattr(content, "service_type", None)
    if service is not None:
        return _SCOPE_OF_SERVICE.get(service, "other")
    return _SCOPES.get(content.type)
