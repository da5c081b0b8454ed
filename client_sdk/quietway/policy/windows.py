"""How long somebody has to answer: one table, read with the calendar of whoever has to.

Spec: docs/spec/referrals.md, "Windows".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway_schemas.codebook.lists import check
from quietway_schemas.content.contact import ResponseWindows
from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway.policy.calendar import BusinessCalendar
    from quietway_schemas.instants import Instant

Awaited: TypeAlias = Literal["acknowledgement", "feedback", "follow_up", "escalation", "message"]
"""What is waited for."""


FEEDBACK_REMINDER_DAYS: Final = 3


@dataclass(frozen=True, slots=True)
class Window:
    """How long, and when a reminder is due within it.

    Attributes:
        days: Business days; 0 for the end of the business day on which it begins.
        ms: Where it is not None, so long by the clock, and `days` does not count.
        remind: After how many business days, when they open; None for no reminder.
    """

    days: int = 0
    ms: int | None = None
    remind: int | None = None

    def due(self, start: Instant, calendar: BusinessCalendar) -> Instant:
        """Say when it ends."""
        if self.ms is not None:
            return start + self.ms
        if self.days == 0:
            return calendar.closing_today(start)
        return calendar.closing_after(start, self.days)

    def reminder(self, start: Instant, calendar: BusinessCalendar) -> Instant | None:
        """Say when to remind, None for never."""
        return None if self.remind is None else calendar.opening_after(start, self.remind)


SAME_DAY: Final = Window(days=0)


def find_window(
    awaited: Awaited, time_sensitivity: str, promised: ResponseWindows | None = None
) -> Window:
    """Give the window of what is awaited.

    Args:
        awaited: What is waited for.
        time_sensitivity: How soon it was asked for, a code of that list.
        promised: What the agency that has to answer says of itself; None for the usual.

    Raises:
        UnknownCodeError: There is no such urgency.
    """
    check("time_sensitivity", time_sensitivity, "time_sensitivity")
    windows = _USUAL if promised is None else _list_windows(promised)
    return windows[awaited, time_sensitivity]


def _list_windows(said: ResponseWindows) -> Mapping[tuple[Awaited, str], Window]:
    routine = Window(days=said.routine_days, remind=said.routine_remind_days)
    return {
        ("acknowledgement", "standard"): routine,
        ("acknowledgement", "priority"): SAME_DAY,
        ("acknowledgement", "urgent"): Window(ms=said.urgent_acknowledge_minutes * MINUTE),
        ("feedback", "standard"): Window(
            days=said.feedback_days, remind=min(FEEDBACK_REMINDER_DAYS, said.feedback_days)
        ),
        ("feedback", "priority"): Window(days=said.feedback_priority_days),
        ("feedback", "urgent"): Window(ms=said.feedback_urgent_minutes * MINUTE),
        ("follow_up", "standard"): Window(days=10),
        ("follow_up", "priority"): Window(days=5),
        ("follow_up", "urgent"): Window(days=1),
        ("escalation", "standard"): Window(days=1),
        ("escalation", "priority"): SAME_DAY,
        ("escalation", "urgent"): Window(ms=30 * MINUTE),
        ("message", "standard"): routine,
        ("message", "priority"): Window(days=said.priority_days),
        ("message", "urgent"): Window(ms=said.urgent_minutes * MINUTE),
    }


_USUAL: Final = _list_windows(ResponseWindows())
