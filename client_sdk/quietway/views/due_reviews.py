"""What a review needs of a person: to be held, to be added to, its items to be done.

What is late climbs: after two business days it is the supervisor's, after five the leadership's, in
the calendar of the agency whose move it is. A line proposes and never does.

Spec: docs/spec/reviews.md, "What is due".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from quietway.views.due import Due
from quietway.views.escalations import LEVEL_ROLES
from quietway_crypto.encoding import encode_base64
from quietway_schemas.content.coordination import FRONTLINE, LEADERSHIP, SUPERVISORY
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from quietway.policy.calendar import BusinessCalendar
    from quietway.views.due import CalendarSource, Turn
    from quietway.views.reviews import EventReview, Item, Word
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

    FindCalendar = Callable[[AgencyId], tuple[BusinessCalendar, CalendarSource]]

REVIEW_DAYS: Final = 5
"""Business days from the closing of an event until it is looked back on."""
REMIND_DAYS: Final = 3
"""Business days from the closing until a reminder of its review."""
REMIND_AHEAD_MS: Final = 2 * DAY
"""How long before an item is due its owner is reminded."""
SUPERVISOR_LATE_DAYS: Final = 2
LEADERSHIP_LATE_DAYS: Final = 5
"""Business days after which what is late is the supervisor's, and the leadership's."""
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "hold_review": "Look back on this event with those who took part, and write it down.",
        "add_to_review": "Add what your agency saw to the review of this event.",
        "review_overdue": "The review of this event is overdue: call the agency that led it.",
        "review_item": "Your agency took this on in a review: do it, and say how it stands.",
        "item_overdue": "An item of a review is overdue: call the agency that took it on.",
        "follow_exposure": "A risk of exposure was named: act on it, and say so in the review.",
    }
)


def count_review_due(closed_at: Instant, calendar: BusinessCalendar) -> Instant:
    """Say until when an event is to be looked back on.

    Args:
        closed_at: When it was closed, milliseconds since 1970-01-01T00:00:00Z.
        calendar: Of the agency that led it.
    """
    return calendar.closing_after(closed_at, REVIEW_DAYS)


def fold_due_review(
    review: EventReview, *, me: AgencyId, now: Instant, find_calendar: FindCalendar
) -> tuple[Due, ...]:
    """Say what a review needs of a person now. Of a drill, nothing.

    Args:
        review: As it stands.
        me: This device's agency.
        now: Milliseconds since 1970-01-01T00:00:00Z.
        find_calendar: Gives an agency's calendar, and whose it is.
    """
    if review.exercise or me not in review.took_part:
        return ()
    lines = _Lines(review, me, now, find_calendar)
    found = [lines.of_review(), *(lines.of_item(item) for item in review.items)]
    mine = [word for word in review.words if word.agency == me]
    return tuple(line for line in (*found, *map(lines.of_exposure, mine)) if line is not None)


class _Lines:
    """The lines of one review, for one agency, at one moment."""

    def __init__(
        self, review: EventReview, me: AgencyId, now: Instant, find_calendar: FindCalendar
    ) -> None:
        self._review = review
        self._me = me
        self._now = now
        self._find_calendar = find_calendar

    def of_review(self) -> Due | None:
        """Say whether the review itself needs somebody."""
        review = self._review
        if review.state == "held":
            return None
        if not review.has_spoken(self._me):
            kind = "hold_review" if review.lead == self._me else "add_to_review"
            remind = self._calendar().opening_after(review.closed_at, REMIND_DAYS)
            return self._make(kind, review.event_id, review.due, self._me, remind)
        if review.lead == self._me or self._now < review.due:
            return None
        return self._make("review_overdue", review.event_id, review.due, review.lead)

    def of_item(self, item: Item) -> Due | None:
        """Say whether an item needs somebody."""
        if not item.is_open:
            return None
        if item.owner == self._me:
            remind = item.due - REMIND_AHEAD_MS
            return self._make("review_item", item.item_id, item.due, self._me, remind)
        if not item.is_overdue(self._now):
            return None
        return self._make("item_overdue", item.item_id, item.due, item.owner)

    def of_exposure(self, word: Word) -> Due | None:
        """Say whether a risk that this agency named is still to be acted on."""
        risks = word.content.exposure_risks
        if not any(risk.follow_up != "none" and not risk.followed for risk in risks):
            return None
        due = self._calendar().closing_after(word.at, 1)
        return self._make("follow_exposure", self._review.event_id, due, self._me)

    def _calendar(self) -> BusinessCalendar:
        return self._find_calendar(self._me)[0]

    def _make(
        self,
        kind: str,
        subject: bytes,
        due: Instant,
        mover: AgencyId,
        remind: Instant | None = None,
    ) -> Due:
        calendar, source = self._find_calendar(mover)
        turn: Turn = "ours" if mover == self._me else "theirs"
        level = count_level(due, self._now, calendar, remind)
        other = self._review.lead if turn == "ours" else mover
        return Due(
            source="reviews",
            kind=kind,
            subject=encode_base64(subject),
            at=due,
            turn=turn,
            agency=None if other == self._me else other,
            level=level,
            roles=LEVEL_ROLES[level] if level > FRONTLINE else (),
            words=WORDS[kind],
            calendar=source,
        )


def count_level(
    due: Instant, now: Instant, calendar: BusinessCalendar, remind: Instant | None = None
) -> int:
    """Say how high something has climbed: 0 before its reminder, 1, and 2 and 3 when it is late.

    Args:
        due: When it falls due.
        now: Milliseconds since 1970-01-01T00:00:00Z.
        calendar: Of the agency whose move it is.
        remind: When somebody is reminded; None where that is when it is due.
    """
    if now >= calendar.opening_after(due, LEADERSHIP_LATE_DAYS):
        return LEADERSHIP
    if now >= calendar.opening_after(due, SUPERVISOR_LATE_DAYS):
        return SUPERVISORY
    reminded = due if remind is None else min(due, remind)
    return FRONTLINE if now >= reminded else 0
