"""Which times of a content may lie ahead, and which tell of something that has happened (V03).

What is due, planned or expires lies ahead. What somebody says has happened does not: a date in the
future is a slip of the hand, and it would move a clock, a report or a deadline with it. It is asked
before anything is sealed. Each field of a time or a date stands in one of the two tables.

Spec: docs/spec/validation.md.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from quietway_schemas.content.base import ContentModel
from quietway_schemas.errors import ContentError
from quietway_schemas.instants import HOUR, MINUTE, Instant, to_text

TOLERANCE_MS: Final = 10 * MINUTE
"""Two clocks may differ by this much (V29), and neither is wrong enough to be told so."""
_EASTERNMOST_MS: Final = 14 * HOUR
"""Where the day begins first, it begins this long before it does in UTC."""

HAPPENED: Final = frozenset(
    {
        "at",
        "choice_at",
        "closure",
        "dated",
        "done_at",
        "ended",
        "intake",
        "month",
        "offered_at",
        "opened_at",
        "raised_at",
        "referral",
        "said_at",
        "since",
        "started",
    }
)
LIES_AHEAD: Final = frozenset(
    {
        "back_ends",
        "back_starts",
        "checkin_at",
        "closes",
        "due",
        "due_at",
        "effective",
        "effective_at",
        "ends",
        "expires",
        "feedback_due",
        "issued",
        "joint_call",
        "next_review",
        "not_before",
        "opens",
        "review_at",
        "review_due",
        "service_start",
        "starts",
        "valid_from",
        "week_one",
        "window_from",
        "window_to",
    }
)
"""Due, planned, or from when and until when something stands. (`issued` quotes a certificate.)"""

_PLANNED: Final = "custody_release_pending"
"""The one event about a respondent that is told before it happens."""


def check_times(content: ContentModel, *, now: Instant) -> None:
    """Demand that nothing that is said to have happened lies ahead.

    Args:
        content: What is about to be said.
        now: By the clock of whoever says it.

    Raises:
        ContentError: Something does; it names the field.
    """
    for field in find_ahead(content, now=now):
        raise ContentError(field, "lies in the future, although it tells of what has happened")


def find_ahead(content: ContentModel, *, now: Instant) -> tuple[str, ...]:
    """Name the fields that tell of what has happened, and lie ahead of now."""
    if getattr(content, "code", None) == _PLANNED:
        return ()
    latest = now + TOLERANCE_MS
    day = to_text(latest + _EASTERNMOST_MS)[:10]
    return tuple(name for name, told in _list_told(content) if _is_after(told, latest, day))


def _list_told(held: BaseModel) -> Iterator[tuple[str, object]]:
    for name in type(held).model_fields:
        value = getattr(held, name)
        if isinstance(value, BaseModel):
            yield from _list_told(value)
        elif name in HAPPENED and value is not None:
            yield name, value


def _is_after(told: object, latest: Instant, day: str) -> bool:
    if isinstance(told, int):
        return told > latest
    text = told.isoformat() if isinstance(told, dt.date) else str(told)
    # Dates and months in ISO 8601 sort as texts do.
    return text > day[: len(text)]
