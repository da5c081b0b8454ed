"""Business days: over changes of the clocks, ends of years, leap days and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controls import without

from quietway.errors import ContentRefused
from quietway.policy.calendar import BusinessCalendar
from quietway.policy.windows import SAME_DAY, Awaited, Window, find_window
from quietway_schemas.codebook.lists import codes
from quietway_schemas.content.contact import ResponseWindows
from quietway_schemas.instants import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant

ZONES = (
    "UTC",
    "America/New_York",
    "America/Mexico_City",
    "Europe/Madrid",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "America/St_Johns",
    "Africa/Casablanca",
)
WINDOWS: dict[tuple[Awaited, str], Window] = {
    (awaited, urgency): find_window(awaited, urgency)
    for awaited in get_args(Awaited)
    for urgency in codes("time_sensitivity")
}
COUNTRIES = ((None, None), ("US", "CA"), ("US", None), ("MX", None), ("ES", "MD"))


def at(text: str) -> Instant:
    """Read a time with its offset."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000)


EARLIEST, LATEST = at("2011-01-01T00:00+00:00"), at("2033-12-31T00:00+00:00")
instants = st.integers(EARLIEST, LATEST)
calendars = st.builds(
    lambda zone, place: BusinessCalendar(zone, *place),
    st.sampled_from(ZONES),
    st.sampled_from(COUNTRIES),
)


@pytest.mark.requirement("C39")
@settings(max_examples=400, deadline=None)
@given(calendars, instants, st.integers(1, 12))
def test_v11_a_window_ends_after_it_began_on_a_business_day_and_never_earlier_for_more_days(
    calendar: BusinessCalendar, start: Instant, days: int
) -> None:
    """C39: dates follow one another; what is due lies after what it answers."""
    due = calendar.closing_after(start, days)
    assert due > start
    assert calendar.is_business_day(calendar.day_of(due))
    assert calendar.day_of(due).weekday() < 5
    assert due < calendar.closing_after(start, days + 1)
    assert due <= calendar.closing_after(start + HOUR, days)
    assert calendar.opening_after(start, days) < due


@settings(max_examples=400, deadline=None)
@given(calendars, instants)
def test_the_same_day_is_never_before_the_arrival_and_never_after_the_next_business_day(
    calendar: BusinessCalendar, start: Instant
) -> None:
    due = SAME_DAY.due(start, calendar)
    assert start < due <= calendar.closing_after(start, 1)
    assert calendar.is_business_day(calendar.day_of(due))


@settings(max_examples=200, deadline=None)
@given(calendars, instants, st.sampled_from(sorted(WINDOWS)))
def test_a_reminder_lies_within_its_window(
    calendar: BusinessCalendar, start: Instant, which: tuple[Awaited, str]
) -> None:
    window = WINDOWS[which]
    due, reminder = window.due(start, calendar), window.reminder(start, calendar)
    assert due > start
    assert reminder is None or start < reminder < due


@pytest.mark.requirement("C27")
def test_feedback_takes_five_business_days_of_the_recipients_country() -> None:
    """C27: feedback within 3-5 business days, reminder at day 3."""
    window = find_window("feedback", "standard")
    thanksgiving = BusinessCalendar("America/New_York", "US")
    monday = at("2026-11-23T10:00-05:00")
    # Thursday 26 November 2026 is free in the United States, and a working day in Mexico.
    assert window.due(monday, thanksgiving) == at("2026-12-01T17:00-05:00")
    assert window.reminder(monday, thanksgiving) == at("2026-11-27T09:00-05:00")
    assert window.due(monday, BusinessCalendar("America/Mexico_City", "MX")) == at(
        "2026-11-30T17:00-06:00"
    )


@pytest.mark.requirement("C03")
def test_the_windows_are_those_of_the_toolkit() -> None:
    """C03: windows for routine, urgent and time-sensitive, counted on a calendar with a zone."""
    monday, plain = at("2026-11-23T10:00+00:00"), BusinessCalendar()
    due = {which: window.due(monday, plain) - monday for which, window in WINDOWS.items()}
    assert due["message", "standard"] == 3 * DAY + 7 * HOUR
    assert due["feedback", "priority"] == DAY + 7 * HOUR
    assert due["feedback", "urgent"] == 4 * HOUR
    assert due["acknowledgement", "priority"] == 7 * HOUR
    assert due["acknowledgement", "urgent"] == HOUR


@pytest.mark.requirement("C06")
def test_a_routine_message_has_three_business_days_and_is_reminded_of_after_two() -> None:
    """C06: routine 2-3 business days: remind after 2, overdue after 3."""
    friday, plain = at("2026-11-27T12:00+00:00"), BusinessCalendar()
    window = find_window("message", "standard")
    assert window.reminder(friday, plain) == at("2026-12-01T09:00+00:00")
    assert window.due(friday, plain) == at("2026-12-02T17:00+00:00")


@pytest.mark.requirement("C07")
@pytest.mark.parametrize(
    ("arrives", "due"),
    [
        ("2026-11-25T08:00-05:00", "2026-11-25T17:00-05:00"),
        ("2026-11-25T16:59-05:00", "2026-11-25T17:00-05:00"),
        ("2026-11-25T17:00-05:00", "2026-11-27T17:00-05:00"),  # over Thanksgiving
        ("2026-11-28T10:00-05:00", "2026-11-30T17:00-05:00"),
        ("2026-11-26T04:30+00:00", "2026-11-27T17:00-05:00"),  # 23:30 there
        ("2026-12-31T18:00-05:00", "2027-01-04T17:00-05:00"),
    ],
)
def test_a_same_day_acknowledgement_ends_with_the_business_day_there(
    arrives: str, due: str
) -> None:
    """C07: time-sensitive: by the end of the same business day in the recipient's zone."""
    there = BusinessCalendar("America/New_York", "US")
    assert find_window("acknowledgement", "priority").due(at(arrives), there) == at(due)


def test_the_clocks_change_within_a_window_and_it_still_ends_at_closing_time() -> None:
    there = BusinessCalendar("America/New_York", "US")
    friday = at("2026-03-06T12:00-05:00")
    assert there.closing_after(friday, 1) == at("2026-03-09T17:00-04:00")
    friday = at("2026-10-30T12:00-04:00")
    assert there.closing_after(friday, 1) == at("2026-11-02T17:00-05:00")


def test_a_leap_day_is_a_day() -> None:
    assert BusinessCalendar().closing_after(at("2028-02-28T12:00+00:00"), 1) == at(
        "2028-02-29T17:00+00:00"
    )


def test_a_day_that_a_zone_left_out_is_not_waited_for() -> None:
    # Samoa went from 29 to 31 December 2011, which was a Saturday.
    there = BusinessCalendar("Pacific/Apia")
    thursday = at("2011-12-29T12:00-10:00")
    assert there.closing_after(thursday, 2) == at("2012-01-02T17:00+14:00")


def test_an_agency_that_promises_other_windows_is_held_to_them() -> None:
    promised = ResponseWindows(feedback_days=2, urgent_minutes=30)
    assert find_window("feedback", "standard", promised) == Window(days=2, remind=2)
    assert find_window("message", "urgent", promised) == Window(ms=30 * MINUTE)


def test_control_without_holidays_the_window_ends_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monday = at("2026-11-23T10:00-05:00")
    without(monkeypatch, "quietway.policy.calendar:_find_holidays", lambda *_: ())
    there = BusinessCalendar("America/New_York", "US")
    due = there.closing_after(monday, 3)
    assert there.day_of(due) == date(2026, 11, 26)


@pytest.mark.parametrize(
    ("zone", "country", "subdivision"),
    [
        ("Nowhere/Land", None, None),
        ("", None, None),
        ("../etc/passwd", None, None),
        ("UTC", "XQ", None),
        ("UTC", "US", "ZZ"),
    ],
)
def test_an_unknown_zone_or_country_is_refused_without_repeating_it(
    zone: str, country: str | None, subdivision: str | None
) -> None:
    with pytest.raises(ContentRefused) as refused:
        BusinessCalendar(zone, country, subdivision)
    assert (zone or "-") not in str(refused.value) or zone == "UTC"


def test_a_date_is_the_local_one() -> None:
    late = round(datetime(2026, 11, 23, 23, 30, tzinfo=UTC).timestamp() * 1_000)
    assert BusinessCalendar("Pacific/Kiritimati").day_of(late) == date(2026, 11, 24)
