"""When a request for clarification is due, and whose turn it is. Pure.

Spec: docs/spec/contacts.md, "How soon".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from quietway.policy.windows import find_window
from quietway.views.due import Due

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway.policy.calendar import BusinessCalendar
    from quietway.views.contact_log import Clarification
    from quietway.views.due import CalendarSource
    from quietway_schemas.content.contact import ResponseWindows
    from quietway_schemas.instants import Instant

LIAISON: Final = "liaison"
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "answer": "Another agency asks what something means: answer in its conversation.",
        "remind": "Remind them: their answer is due soon.",
        "chase": "Their answer is overdue: call their liaison.",
    }
)


def fold_due_question(
    question: Clarification,
    *,
    now: Instant,
    calendar: BusinessCalendar,
    promised: ResponseWindows | None,
    counted_with: CalendarSource,
    roles: tuple[str, ...],
) -> Due | None:
    """Say what a request for clarification needs of a person now; None for nothing.

    Args:
        question: As it stands.
        now: Milliseconds since 1970-01-01T00:00:00Z.
        calendar: Of the agency that was asked.
        promised: How soon that one says that it answers; None for the usual.
        counted_with: Whose the calendar is, for the line.
        roles: Whose move it is, where this agency was asked.
    """
    if question.is_answered:
        return None
    window = find_window("message", question.content.time_sensitivity, promised)
    due = window.due(question.asked_at, calendar)
    remind = window.reminder(question.asked_at, calendar)
    kind = _choose(question, now, due, remind)
    if kind is None:
        return None
    return Due(
        source="questions",
        kind=kind,
        subject=str(question.conversation),
        at=remind if kind == "remind" and remind is not None else due,
        turn="ours",
        agency=question.agency,
        roles=roles if kind == "answer" else (),
        words=_WORDS[kind],
        calendar=counted_with,
    )


def _choose(
    question: Clarification, now: Instant, due: Instant, remind: Instant | None
) -> str | None:
    if question.direction == "in":
        return "answer" if remind is None or remind <= now else None
    if due <= now:
        return "chase"
    return "remind" if remind is not None and remind <= now else None
