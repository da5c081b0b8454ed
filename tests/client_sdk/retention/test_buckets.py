"""Which week a record key dies in, and what decides it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietway.retention import bucket_end, choose_shelf, kept_for_ms
from quietway.testing.clock import START
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import AgencyId, CaseRef, ConversationId
from quietway_schemas.instants import DAY, HOUR, LATEST_INSTANT, WEEK, iso_week

INSTANTS = st.integers(min_value=0, max_value=LATEST_INSTANT - 8 * DAY)
CONVERSATION = ConversationId(b"c" * 16)
AGENCY = AgencyId(b"a" * 16)
CASE = CaseRef(b"k" * 16)


@given(INSTANTS)
def test_a_bucket_ends_on_a_monday_at_midnight_within_a_week(until: int) -> None:
    end = bucket_end(until)
    monday = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=end)
    assert (monday.isoweekday(), monday.time().isoformat()) == (1, "00:00:00")
    assert until < end <= until + WEEK


@given(INSTANTS)
def test_a_bucket_is_the_iso_week_that_the_instant_lies_in(until: int) -> None:
    end = bucket_end(until)
    assert iso_week(end - 1) == iso_week(until)
    assert iso_week(end) != iso_week(until)


@given(INSTANTS, INSTANTS)
def test_what_ends_later_never_dies_earlier(one: int, other: int) -> None:
    assert bucket_end(min(one, other)) <= bucket_end(max(one, other))


def test_flash_is_kept_30_days_and_case_365() -> None:
    assert kept_for_ms("message.text", EnvelopeClass.FLASH) == 30 * DAY
    assert kept_for_ms("referral.packet", EnvelopeClass.CASE) == 365 * DAY


@pytest.mark.parametrize(
    ("content", "class_", "case", "days"),
    [
        (MessageText(text="hello").to_canonical(), EnvelopeClass.FLASH, None, 30),
        (
            StatusIndicator(
                code="safety_plan_active",
                state="active",
                effective=START,
                expires=START + HOUR,
                confidence="reported",
                case_ref=CASE,
            ).to_canonical(),
            EnvelopeClass.CASE,
            CASE,
            365,
        ),
        (b"", EnvelopeClass.CASE, None, 365),
    ],
)
def test_a_shelf_is_that_of_the_case_and_of_the_class(
    content: bytes, class_: EnvelopeClass, case: CaseRef | None, days: int
) -> None:
    shelf = choose_shelf(content, class_, created=START, conversation=CONVERSATION, agency=AGENCY)
    assert (shelf.case_ref, shelf.until) == (case, START + days * DAY)
    assert (shelf.conversation, shelf.agency) == (CONVERSATION, AGENCY)


def test_v36_an_agreement_has_content_kept_for_fewer_days_and_never_for_more() -> None:
    for days, kept in ((90, 90), (3_650, 365)):
        content = MessageText(text=".", case_ref=CASE, retain_days=days).to_canonical()
        shelf = choose_shelf(
            content, EnvelopeClass.CASE, created=START, conversation=CONVERSATION, agency=AGENCY
        )
        assert shelf.until == START + kept * DAY
