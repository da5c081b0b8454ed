"""Moments as people read them: local time with its zone, always both.

It also proposes until when an answer to a referral is awaited: in business days for what can wait,
in hours for what cannot. Holidays are left to the sender, who may name another time.

Spec: docs/reference/desk.md, "What is shown".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SATURDAY: Final = 5
_URGENT: Final = timedelta(hours=4)
_BUSINESS_DAYS: Final = {"standard": 5, "priority": 1}


def show_instant(instant: int) -> str:
    """Write an instant (milliseconds UTC) in local time, as `22 Nov 2026 20:36 CET`."""
    return _as_datetime(instant).astimezone().strftime("%d %b %Y %H:%M %Z")


def write_instant(instant: int) -> str:
    """Write an instant in UTC as machines read it, as `2026-11-22T20:36:00.000Z`."""
    return _as_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % 1000:03d}Z"


def propose_feedback_due(time_sensitivity: str, now: int) -> int:
    """Propose until when an answer is awaited, in milliseconds.

    Args:
        time_sensitivity: `urgent` gives four hours; the others give business days.
        now: Milliseconds since 1970-01-01T00:00:00Z.
    """
    due = _as_datetime(now)
    left = _BUSINESS_DAYS.get(time_sensitivity, 0)
    if not left:
        due += _URGENT
    while left:
        due += timedelta(days=1)
        left -= due.weekday() < _SATURDAY
    return (due - _EPOCH) // timedelta(milliseconds=1)


def _as_datetime(instant: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=instant)
