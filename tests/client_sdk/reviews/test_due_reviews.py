"""When a review and its items are due, whose turn it is, and how what is late climbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.engine.world import START
from tests.client_sdk.reviews.said import CLOSED_AT, event, item, report, say, story, words_of
from tests.client_sdk.two_agencies import at
from tests.client_sdk.views.test_views import ELSEWHERE, HERE, THERE
from tests.schemas.debrief_samples import make_closed, make_note

from quietway.policy.calendar import BusinessCalendar
from quietway.views.due_reviews import (
    REMIND_DAYS,
    count_level,
    count_review_due,
    fold_due_review,
)
from quietway.views.reviews import fold_reviews
from quietway_schemas.content.debrief import ExposureRisk
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.records import StoredMessage
    from quietway.views.due import Due
    from quietway_schemas.ids import AgencyId

PLAIN = BusinessCalendar()
DUE = story()[2].content.review_due  # type: ignore[attr-defined]


def due(messages: list[StoredMessage], me: AgencyId, now: int) -> list[Due]:
    (review,) = fold_reviews(messages, [event()])
    return list(fold_due_review(review, me=me, now=now, find_calendar=lambda _: (PLAIN, "assumed")))


def kinds(messages: list[StoredMessage], me: AgencyId, now: int) -> list[tuple[str, str, int]]:
    return [(line.kind, line.turn, line.level) for line in due(messages, me, now)]


@pytest.mark.requirement("C52")
def test_the_review_is_due_five_business_days_after_closing_in_the_leads_calendar() -> None:
    """C52: debrief within a defined timeframe: its due date is set by itself."""
    wednesday = at("2026-11-25T15:00+00:00")
    assert count_review_due(wednesday, PLAIN) == at("2026-12-02T17:00+00:00")
    chicago = BusinessCalendar("America/Chicago", "US")
    # Thanksgiving is no business day there.
    assert count_review_due(wednesday, chicago) == at("2026-12-03T17:00-06:00")


def test_from_closing_on_the_review_is_each_agencys_own_to_do_until_it_is_held() -> None:
    assert kinds(story(), HERE, CLOSED_AT + 1) == [("hold_review", "ours", 0)]
    assert kinds(story(), THERE, CLOSED_AT + 1) == [("add_to_review", "ours", 0)]
    added = story(words_of(THERE, CLOSED_AT + 1))
    assert kinds(added, THERE, CLOSED_AT + 2) == []
    assert kinds(added, THERE, DUE)[0][:2] == ("review_overdue", "theirs")
    held = story(words_of(HERE, CLOSED_AT + 1))
    for agency in (HERE, THERE, ELSEWHERE):
        assert kinds(held, agency, DUE + 30 * DAY) == []


def test_what_is_late_climbs_to_the_supervisor_and_to_the_leadership() -> None:
    closing = at("2026-11-23T15:00+00:00")
    end = count_review_due(closing, PLAIN)
    remind = PLAIN.opening_after(closing, REMIND_DAYS)
    assert remind == at("2026-11-26T09:00+00:00")
    levels = [
        (closing, 0),
        (remind, 1),
        (end, 1),
        (at("2026-12-02T09:00+00:00"), 2),
        (at("2026-12-07T09:00+00:00"), 3),
    ]
    for now, level in levels:
        assert count_level(end, now, PLAIN, remind) == level
    late = due(story(), HERE, DUE + 20 * DAY)
    assert [(line.level, line.roles) for line in late] == [(3, ("agency_lead",))]


@pytest.mark.requirement("C55")
def test_an_item_is_in_its_owners_list_and_once_overdue_in_everybodys() -> None:
    """C55: track follow-through across agencies: owner, status, overdue."""
    held = words_of(HERE, CLOSED_AT + 1)
    told = story(held, item(CLOSED_AT + 1))
    ends = CLOSED_AT + 1 + 10 * DAY
    assert kinds(told, THERE, CLOSED_AT + 2) == [("review_item", "ours", 0)]
    assert kinds(told, THERE, ends - 1) == [("review_item", "ours", 1)]
    assert kinds(told, HERE, ends - 1) == []
    assert kinds(told, HERE, ends) == [("item_overdue", "theirs", 1)]
    assert kinds(told, ELSEWHERE, ends + 30 * DAY) == [("item_overdue", "theirs", 3)]
    done = story(held, item(CLOSED_AT + 1), report(THERE, CLOSED_AT + 9, "done"))
    assert kinds(done, THERE, ends) == kinds(done, HERE, ends) == []


def test_a_risk_of_exposure_that_is_to_be_followed_stays_due_until_somebody_did() -> None:
    risk = ExposureRisk(code="overheard", follow_up="problem_report")
    told = story(words_of(HERE, CLOSED_AT + 1, exposure_risks=(risk,)))
    assert kinds(told, HERE, CLOSED_AT + 2) == [("follow_exposure", "ours", 0)]
    assert kinds(told, THERE, CLOSED_AT + 2) == []
    followed = risk.model_copy(update={"followed": True})
    told = story(words_of(HERE, CLOSED_AT + 1, exposure_risks=(followed,)))
    assert kinds(told, HERE, CLOSED_AT + 2) == []


def drill() -> list[StoredMessage]:
    closed = story()[2].content.model_copy(update={"exercise": True})
    return say([(HERE, CLOSED_AT, closed)])


@pytest.mark.requirement("A28")
def test_a_drills_review_is_in_nobodys_due_list() -> None:
    """A28: drills have a namespace of their own."""
    (review,) = fold_reviews(drill(), [event(exercise=True)])
    assert review.exercise
    find = (PLAIN, "assumed")
    assert fold_due_review(review, me=HERE, now=DUE, find_calendar=lambda _: find) == ()  # type: ignore[arg-type,return-value]


def test_nobody_who_took_no_part_is_asked_for_anything() -> None:
    messages = say(
        [
            (HERE, START, make_note()),
            (HERE, CLOSED_AT, make_closed(noted=(HERE,), at=CLOSED_AT, review_due=DUE)),
        ]
    )
    alone = event(took_part=frozenset({HERE}), members=frozenset({HERE}))
    (review,) = fold_reviews(messages, [alone])
    assert (
        fold_due_review(review, me=THERE, now=DUE, find_calendar=lambda _: (PLAIN, "assumed")) == ()
    )
