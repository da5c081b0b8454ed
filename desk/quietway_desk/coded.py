"""Contents that are made of codes, in words: what stands on boards, in alerts, crises and reviews.

A type has a row that says which of its fields holds a code of which list; a new one gets a row.

Spec: docs/reference/desk.md, "What is shown".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.codes import label_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway.content import ContentModel
    from quietway_desk.screen import Facts

KINDS_OF_CODED: Final = {
    "aar": "Review",
    "aar.item": "Item of a review",
    "aar.update": "Item of a review, as it stands",
    "action.item": "Action",
    "action.update": "Action, as it stands",
    "alert.claimed": "Alert: claimed",
    "alert.declined": "Alert: declined",
    "alert.handed_off": "Alert: handed off",
    "alert.minimal": "Alert",
    "alert.released": "Alert: released",
    "alert.verify": "Alert: verified",
    "alert.verify_second": "Alert: judgement seconded",
    "barrier.update": "Barrier",
    "case.status": "Case",
    "crisis.activate": "Crisis",
    "crisis.answer": "Crisis: answer",
    "decision.log": "Decision",
    "event.closed": "Crisis closed",
    "event.note": "Note on a crisis",
    "huddle.checkin": "Next check-in",
    "huddle.handover": "Lead of a crisis",
    "huddle.left": "Huddle: left",
    "huddle.members": "Huddle: who takes part",
    "huddle.message": "Huddle",
    "huddle.summary": "Summary of a crisis",
    "logistics": "Logistics",
    "urgent_action": "Urgent action",
}
"""What a person calls each of them."""

_CODES: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = {
    "aar.item": (("About", "category", "aar_category"),),
    "aar.update": (("State", "state", "aar_item_state"), ("Why", "reason_code", "aar_item_reason")),
    "action.item": (("To do", "code", "urgent_action"),),
    "action.update": (("State", "state", "action_state"),),
    "alert.declined": (("Why", "reason_code", "alert_reason"),),
    "alert.handed_off": (("Why", "reason_code", "alert_reason"),),
    "alert.minimal": (("What", "code", "alert_code"), ("Urgency", "urgency", "time_sensitivity")),
    "alert.released": (("Why", "reason_code", "alert_reason"),),
    "alert.verify": (
        ("Says", "result", "verify_result"),
        ("Source", "source_class", "verification_source"),
        ("Basis", "basis", "verification_basis"),
    ),
    "barrier.update": (("Barrier", "code", "barrier"), ("State", "state", "barrier_state")),
    "case.status": (("State", "state", "case_status"),),
    "crisis.activate": (
        ("Kind", "event_type", "event_type"),
        ("Because", "criteria", "crisis_criterion"),
        ("By", "mode", "communication_mode"),
        ("Verified", "verify_state", "verification_state"),
    ),
    "crisis.answer": (("Answer", "answer", "crisis_answer"),),
    "decision.log": (("Ground", "rationale", "decision_rationale"),),
    "event.closed": (("Outcome", "outcome", "event_outcome"),),
    "event.note": (("Did", "codes", "event_note"),),
    "huddle.checkin": (("None", "no_checkin_reason", "no_checkin_reason"),),
    "huddle.handover": (("Step", "step", "handover_step"),),
    "huddle.members": (("Change", "change", "huddle_change"),),
    "huddle.summary": (("Kind", "event_type", "event_type"),),
    "logistics": (("Of", "kind", "logistics_kind"),),
    "urgent_action": (
        ("To do", "code", "urgent_action"),
        ("State", "state", "urgent_action_state"),
    ),
}


def describe_coded(content: ContentModel) -> Facts:
    """Say in words what the codes of a content say, and its text, where it has one."""
    facts: Facts = []
    for name, field, code_list in _CODES.get(content.type, ()):
        held = getattr(content, field, None)
        codes = (held,) if isinstance(held, str) else tuple(held or ())
        if codes:
            facts.append((name, "; ".join(label_of(code_list, code) for code in codes)))
    text = getattr(content, "text", None)
    if content.type in KINDS_OF_CODED and text:
        facts.append(("In words", text))
    return facts
