"""Which roles may say what, and to whom: a table of the dictionary, one row for each type.

A device's certificate lists its roles; one of them is enough. `EVERYONE` stands where all may:
receipts, lists of who reads along, and what an agency's devices tell each other. What concerns a
case is for those who work on cases: stewards of data and surveys, auditors and custodians of keys
have no part in it. A status that reveals movement is received by advocates and leads alone.

Spec: docs/spec/envelope.md, "Roles".
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from quietway_schemas.codebook.lists import codes
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


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Who may say a type, and who may receive it: codes of the list `role`, or `EVERYONE`."""

    senders: Roles
    receivers: Roles


_ANYONE: Final = RoleRule(EVERYONE, EVERYONE)
_CASEWORK: Final = RoleRule(CASEWORK, CASEWORK)

ROLE_RULES: Final[Mapping[str, RoleRule]] = MappingProxyType(
    {
        "access.event": RoleRule(EVERYONE, frozenset({"auditor"})),
        "agency.leaving": _ANYONE,
        "agency.proposal": _ANYONE,
        "agency.review": _ANYONE,
        "agency.shared": _ANYONE,
        "agency.snapshot_approval": _ANYONE,
        "agency.snapshot_offer": _ANYONE,
        "agency.snapshot_part": _ANYONE,
        "agency.standing": _ANYONE,
        "attachment.file": _CASEWORK,
        "audience.list": _ANYONE,
        "log.checkpoint": _ANYONE,
        "lane.grant": _ANYONE,
        "message.text": _CASEWORK,
        "receipt.cover": _ANYONE,
        "receipt.opened": _ANYONE,
        "receipt.stored": _ANYONE,
        "referral.ack": _CASEWORK,
        "referral.cancel": _CASEWORK,
        "referral.feedback": _CASEWORK,
        "referral.outcome": _CASEWORK,
        "referral.packet": _CASEWORK,
        "referral.reopen": _CASEWORK,
        "status.indicator": _CASEWORK,
    }
)
"""Every content type's rule, by its name."""


def find_receivers(content: ContentModel) -> Roles:
    """Say which roles may receive a content: its type's, or fewer where it reveals movement."""
    if isinstance(content, StatusIndicator) and content.code in RESTRICTED_CODES:
        return ADVOCATES_AND_LEADS
    return ROLE_RULES[content.type].receivers


def find_senders(content: ContentModel) -> Roles:
    """Say which roles may say a content."""
    return ROLE_RULES[content.type].senders


def is_among(roles: Iterable[str], allowed: Roles) -> bool:
    """Say whether one of a device's roles is enough."""
    return allowed == EVERYONE or not allowed.isdisjoint(roles)


def list_roles(allowed: Roles) -> tuple[str, ...]:
    """Name the roles of a rule, sorted; all of the list where everyone may."""
    return tuple(sorted(codes("role") if allowed == EVERYONE else allowed))
