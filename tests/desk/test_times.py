from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quietway_desk.times import propose_feedback_due, write_instant


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("urgency", "now", "due"),
    [
        ("urgent", "2026-11-28T23:00", "2026-11-29T03:00"),
        ("priority", "2026-11-23T10:00", "2026-11-24T10:00"),
        ("priority", "2026-11-27T10:00", "2026-11-30T10:00"),
        ("standard", "2026-11-23T10:00", "2026-11-30T10:00"),
        ("standard", "2026-11-28T10:00", "2026-12-04T10:00"),
    ],
)
def test_an_answer_is_awaited_in_hours_or_in_business_days(
    urgency: str, now: str, due: str
) -> None:
    assert write_instant(propose_feedback_due(urgency, at(now))) == write_instant(at(due))


def test_an_instant_is_written_with_its_milliseconds_in_utc() -> None:
    assert write_instant(1_795_428_000_007) == "2026-11-23T10:00:00.007Z"
