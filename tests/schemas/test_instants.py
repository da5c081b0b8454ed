"""Instants: milliseconds, ISO weeks and one text form."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_schemas import instants
from quietway_schemas.errors import ContentError


@pytest.mark.parametrize(
    ("text", "week"),
    [
        ("2026-11-22T20:13:19.000Z", "2026-W47"),
        ("2026-11-23T00:00:00.000Z", "2026-W48"),
        ("2027-01-03T23:59:59.999Z", "2026-W53"),
        ("2027-01-04T00:00:00.000Z", "2027-W01"),
        ("1970-01-01T00:00:00.000Z", "1970-W01"),
    ],
)
def test_weeks_are_those_of_iso_8601(text: str, week: str) -> None:
    assert instants.iso_week(instants.from_text(text)) == week


@given(st.integers(min_value=0, max_value=instants.LATEST_INSTANT))
@settings(max_examples=100, deadline=None)
def test_every_instant_comes_back_from_its_text(instant: int) -> None:
    text = instants.to_text(instant)
    assert instants.from_text(text) == instant
    assert dt.datetime.fromisoformat(text).utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T20:13:19Z",
        "2026-11-22T20:13:19.000+00:00",
        "2026-11-22 20:13:19.000Z",
        "2026-02-30T20:13:19.000Z",
        "2026-11-22T20:13:19.000z",
        "2026-11-22T20:13:19.000Z\n",
        "٢٠٢٦-11-22T20:13:19.000Z",
        "1969-12-31T23:59:59.999Z",
    ],
)
def test_another_spelling_of_a_time_is_refused(text: str) -> None:
    with pytest.raises(ContentError):
        instants.from_text(text)


@pytest.mark.parametrize("instant", [-1, instants.LATEST_INSTANT + 1])
def test_a_time_out_of_range_is_refused(instant: int) -> None:
    with pytest.raises(ContentError):
        instants.to_text(instant)
