"""Advice that agencies agreed on: whom to invite when something shows, which service to think of.

Two tables of the dictionary, as data with a version of their own. They answer with suggestions and
name the row that made each, so that a person sees why and decides. Nothing here sends, invites or
shares, and nobody who decides otherwise is stopped.

Rules: codes go in, codes come out; no score is made of them, and no order of urgency.

Spec: docs/spec/policy.md, "Advice".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

ADVICE_VERSION: Final = "1.0.0"


@dataclass(frozen=True, slots=True)
class InvolvementRule:
    """Whom to think of inviting.

    Attributes:
        rule: Its id, which never gets another meaning.
        trigger: A code of `status_indicator`, `barrier` or `urgent_action`.
        role: A code of `role`: whom.
    """

    rule: str
    trigger: str
    role: str


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Which service to think of.

    Attributes:
        rule: Its id, which never gets another meaning.
        criteria: Codes of `status_indicator` or `barrier` that must all stand.
        service: A code of `service_type`.
    """

    rule: str
    criteria: frozenset[str]
    service: str


INVOLVEMENT_RULES: Final = (
    InvolvementRule("I01", "threat_corroborated", "law_enforcement_advocate"),
    InvolvementRule("I02", "threat_corroborated", "coordination_lead"),
    InvolvementRule("I03", "heightened_concern", "frontline_advocate"),
    InvolvementRule("I04", "checkin_missed", "on_call_lead"),
    InvolvementRule("I05", "order_violation_reported", "law_enforcement_advocate"),
    InvolvementRule("I06", "order_violation_reported", "legal_aid"),
    InvolvementRule("I07", "court_date_scheduled", "court_services"),
    InvolvementRule("I08", "medical_need_open", "hospital_social_worker"),
    InvolvementRule("I09", "shelter_need_open", "shelter_staff"),
    InvolvementRule("I10", "advocate_requested", "frontline_advocate"),
    InvolvementRule("I11", "investigation_open", "frontline_advocate"),
    InvolvementRule("I12", "no_safe_housing_available", "triage_hub"),
    InvolvementRule("I13", "homelessness", "shelter_staff"),
    InvolvementRule("I14", "child_custody", "legal_aid"),
    InvolvementRule("I15", "legal_representation", "legal_aid"),
    InvolvementRule("I16", "health_care_access", "hospital_social_worker"),
)
"""When to involve an advocate, medical, housing, legal or police colleagues (B35)."""

DECISION_RULES: Final = (
    DecisionRule("D01", frozenset({"shelter_need_open"}), "safehouse"),
    DecisionRule(
        "D02", frozenset({"heightened_concern", "no_safe_housing_available"}), "safehouse"
    ),
    DecisionRule("D03", frozenset({"housing_instability"}), "housing_navigation"),
    DecisionRule("D04", frozenset({"homelessness"}), "emergency_assistance"),
    DecisionRule("D05", frozenset({"legal_representation"}), "legal_assistance"),
    DecisionRule("D06", frozenset({"court_date_scheduled"}), "court_accompaniment"),
    DecisionRule("D07", frozenset({"order_violation_reported"}), "legal_assistance"),
    DecisionRule("D08", frozenset({"immigration_concern"}), "immigration_legal"),
    DecisionRule("D09", frozenset({"medical_need_open"}), "health_medical"),
    DecisionRule("D10", frozenset({"mental_health_support"}), "psychosocial"),
    DecisionRule("D11", frozenset({"childcare"}), "child_services"),
    DecisionRule("D12", frozenset({"child_custody"}), "legal_assistance"),
    DecisionRule("D13", frozenset({"financial_insecurity"}), "livelihoods_financial"),
    DecisionRule("D14", frozenset({"language_access"}), "interpretation"),
    DecisionRule("D15", frozenset({"advocate_requested"}), "advocacy"),
)
"""Which criteria speak for shelter, legal aid, advocacy and the rest (C12)."""


def suggest_roles(standing: Collection[str]) -> tuple[InvolvementRule, ...]:
    """Suggest whom to invite, by what stands on a board now (codes), in the table's order."""
    return tuple(held for held in INVOLVEMENT_RULES if held.trigger in standing)


def suggest_services(standing: Collection[str]) -> tuple[DecisionRule, ...]:
    """Suggest which services to think of, by what stands on a board now (codes)."""
    return tuple(held for held in DECISION_RULES if held.criteria <= set(standing))
