"""Who leads an event: a table of the dictionary, event type -> roles in their order (C43).

Rules: it is decided before anybody else is told, by what certificates say, and the answer names the
row's role that decided. A person may name another agency.

Spec: docs/spec/crises.md, "Activation".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_schemas.codebook.lists import label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from quietway_schemas.ids import AgencyId

LEAD_RULE_VERSION: Final = "1.0.0"
_THREAT: Final = ("coordination_lead", "on_call_lead", "frontline_advocate", "police_liaison")
_CHILD: Final = ("child_welfare", "coordination_lead", "police_liaison")
_SHELTER: Final = ("shelter_staff", "coordination_lead", "on_call_lead")
_ANY: Final = ("frontline_advocate", "coordination_lead", "on_call_lead")
LEAD_RULE: Final[Mapping[str, tuple[str, ...]]] = {
    "abduction_risk": _CHILD,
    "child_safety": _CHILD,
    "custody_release": _THREAT,
    "exposure_of_location": _SHELTER,
    "medical_emergency": ("hospital_social_worker", "coordination_lead", "on_call_lead"),
    "missed_checkin": _THREAT,
    "order_violation": (
        "coordination_lead",
        "police_liaison",
        "law_enforcement_advocate",
        "court_services",
    ),
    "other_judgement": _ANY,
    "shelter_security": _SHELTER,
    "survivor_request": _ANY,
    "threat_escalation": _THREAT,
}
"""By code of the list `event_type`: codes of the list `role`, the first first."""


@dataclass(frozen=True, slots=True)
class LeadChoice:
    """Who leads, and by which row.

    Attributes:
        agency: Who.
        role: The role that decided; None where no role of the row is there, or a person decided.
        fallback: Who would lead next, in order.
    """

    agency: AgencyId
    role: str | None
    fallback: tuple[AgencyId, ...] = ()

    def explain(self, language: str = "en") -> str:
        """Say in words why this agency leads."""
        if self.role is None:
            return "Whoever opened the event leads: no agency called has a role of the table."
        return f"It leads because it has this role: {label('role', self.role, language)}."


def choose_lead(
    event_type: str, roles: Mapping[AgencyId, frozenset[str]], order: Sequence[AgencyId]
) -> LeadChoice:
    """Choose who leads an event.

    Args:
        event_type: A code of the list `event_type`.
        roles: Of each agency that is to take part: the roles that its devices have.
        order: These agencies: one's own first, then as they were named.
    """
    ranked: dict[AgencyId, str | None] = {}
    for role in LEAD_RULE.get(event_type, ()):
        for agency in order:
            if role in roles.get(agency, frozenset()):
                ranked.setdefault(agency, role)
    for agency in order:
        ranked.setdefault(agency, None)
    first, *others = ranked
    return LeadChoice(first, ranked[first], tuple(others))
