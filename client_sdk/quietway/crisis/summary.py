"""The summary of an event: made of codes, for who joins and at the end (C51).

Rules: nobody's text stands in it but the one that its sender adds, which the guard reads.

Spec: docs/spec/crises.md, "What is said there".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_schemas.codebook.lists import label
from quietway_schemas.content.crisis import MOST_SUMMARISED, HuddleSummary, SummaryAction

if TYPE_CHECKING:
    from quietway.views.crises import Crisis
    from quietway_schemas.instants import Instant


def make_summary(
    crisis: Crisis, *, now: Instant, text: str | None = None, final: bool = False
) -> HuddleSummary:
    """Make the summary of an event as it stands.

    Raises:
        ContentError: The text breaks a rule.
    """
    open_first = sorted(crisis.actions, key=lambda held: (held.state != "open", held.due_at))
    return HuddleSummary(
        event_id=crisis.event_id,
        epoch=crisis.epoch,
        exercise=crisis.exercise,
        event_type=crisis.activation.event_type,
        mode=crisis.activation.mode,
        verify_state=crisis.activation.verify_state,
        lead=crisis.lead,
        opened_at=crisis.opened_at,
        members=len(crisis.members),
        actions=tuple(
            SummaryAction(code=held.code, owner=held.owner, due_at=held.due_at, state=held.state)
            for held in open_first[:MOST_SUMMARISED]
        ),
        decisions=tuple(held.rationale for held in crisis.decisions[-MOST_SUMMARISED:]),
        checkin_at=crisis.checkin_at,
        text=text,
        final=final,
        at=now,
    )


def explain_summary(summary: HuddleSummary, language: str = "en") -> tuple[str, ...]:
    """Say a summary in sentences of the codebook, one for each line."""
    exercise = ("EXERCISE",) if summary.exercise else ()
    kinds = (
        label("event_type", summary.event_type, language),
        label("verification_state", summary.verify_state, language),
        label("communication_mode", summary.mode, language),
    )
    actions = (
        f"{label('urgent_action', held.code, language)}: "
        f"{label('action_state', held.state, language)}"
        for held in summary.actions
    )
    decisions = (label("decision_rationale", held, language) for held in summary.decisions)
    return (*exercise, *kinds, *actions, *decisions)
