"""Escalations: frontline, supervisory, leadership; one at a time, each with its own clock."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.two_agencies import Two, at, kind, line
from tests.client_sdk.views.test_views import ELSEWHERE, HERE, REF, THERE, keep
from tests.controls import without

from quietway import ContentRefused, NotFound
from quietway.views.escalations import fold_escalations
from quietway_schemas.content.coordination import Escalation
from quietway_schemas.instants import HOUR, MINUTE, SECOND

NOW = at("2026-11-23T10:00+00:00")


def overdue(two: Two, **changes: object) -> str:
    ref = two.refer(**changes)
    two.go_to("2026-11-26T17:00+00:00")
    assert kind(two.shelter) == "escalate"
    return ref


@pytest.mark.requirement("C05")
def test_levels_go_one_at_a_time_each_with_its_own_clock(two: Two) -> None:
    """C05: frontline, supervisory, leadership; no skipping; a reason; a clock for each level."""
    ref = overdue(two)
    with pytest.raises(ContentRefused, match="one level at a time"):
        two.shelter.escalations.raise_(ref, "no_acknowledgement", level=2)
    two.shelter.escalations.raise_(ref, "no_acknowledgement")
    two.sandbox.sync()
    held = line(two.hospital)
    assert held is not None
    assert (held.kind, held.level, held.at) == (
        "answer_escalation",
        1,
        at("2026-11-27T17:00+00:00"),
    )
    assert "shelter_staff" in held.roles
    with pytest.raises(ContentRefused, match="had its time"):
        two.shelter.escalations.raise_(ref, "no_acknowledgement")
    for level, (day, roles) in enumerate(
        [("2026-11-27", ("supervisor",)), ("2026-11-30", ("agency_lead",))], start=2
    ):
        two.go_to(f"{day}T17:00+00:00")
        offered = line(two.shelter)
        assert offered is not None
        assert (offered.kind, offered.level) == ("escalate", level)
        two.shelter.escalations.raise_(ref, "repeated_delay")
        two.sandbox.sync()
        held = line(two.hospital)
        assert held is not None
        assert (held.level, held.roles) == (level, roles)
        assert two.hospital.due.list(mine=True) == []
    two.go_to("2026-12-01T17:00+00:00")
    assert kind(two.shelter) == "escalated_unanswered"
    with pytest.raises(ContentRefused, match="level"):
        two.shelter.escalations.raise_(ref, "repeated_delay")
    assert [one.level for one in two.hospital.escalations.list(ref)] == [3]


def test_control_without_that_rule_a_level_is_skipped(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = overdue(two)
    without(monkeypatch, "quietway.faces.escalations:follows", lambda *_: True)
    without(monkeypatch, "quietway.views.escalations:follows", lambda *_: True)
    two.shelter.escalations.raise_(ref, "no_acknowledgement", level=3)
    assert [one.level for one in two.shelter.escalations.list()] == [3]


@pytest.mark.requirement("A08")
def test_a_concern_for_safety_goes_to_leadership_at_once_and_a_person_ends_it(two: Two) -> None:
    """A08: roles are defined, whose turn it is is plain, and to escalate is simple."""
    ref = two.refer(time_sensitivity="urgent")
    two.shelter.escalations.raise_(ref, "safety_concern", level=3)
    two.sandbox.sync()
    held = line(two.hospital)
    assert held is not None
    assert (held.level, held.roles, held.at) == (
        3,
        ("agency_lead",),
        two.hospital.now() + 30 * MINUTE,
    )
    two.hospital.referrals.acknowledge(ref, "accepted")
    two.hospital.escalations.resolve(ref, "answered")
    two.sandbox.sync()
    assert (kind(two.shelter), kind(two.hospital)) == ("", "")
    (one,) = two.shelter.escalations.list(ref)
    assert (one.resolution, one.raised_by) == ("answered", two.shelter.agency_id)
    with pytest.raises(NotFound):
        two.shelter.escalations.resolve(ref, "answered")


def test_what_is_closed_is_not_escalated_and_a_resolved_one_begins_anew(two: Two) -> None:
    ref = overdue(two)
    two.shelter.escalations.raise_(ref, "no_acknowledgement")
    two.shelter.escalations.resolve(ref, "agreed")
    assert kind(two.shelter) == ""
    two.go_to("2026-12-01T17:00+00:00")
    assert kind(two.shelter) == "escalate"
    two.shelter.escalations.raise_(ref, "repeated_delay")
    assert [one.level for one in two.shelter.escalations.list(ref)] == [1, 1]
    two.shelter.referrals.cancel(ref, reason_code="chose_other")
    assert kind(two.shelter) == ""
    with pytest.raises(ContentRefused, match="closed"):
        two.shelter.escalations.raise_(ref, "repeated_delay")


def test_who_was_asked_does_not_escalate_against_whoever_asked(two: Two) -> None:
    ref = overdue(two)
    two.shelter.escalations.raise_(ref, "no_acknowledgement")
    two.sandbox.sync()
    two.sandbox.clock.advance(30 * HOUR // SECOND)
    with pytest.raises(ContentRefused, match="other agency"):
        two.hospital.escalations.raise_(ref, "disagreement")


def raised(level: int, hours: int, reason: str, end: str | None) -> Escalation:
    at = NOW + hours * HOUR
    return Escalation(
        escalation_id=b"e" * 16,
        subject=REF,
        level=level,
        reason_code=reason,
        raised_at=at,
        due_at=at + HOUR,
        resolution=end,
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.integers(0, 6),
            st.sampled_from(["no_feedback", "safety_concern"]),
            st.sampled_from([None, None, "answered"]),
            st.sampled_from([HERE, THERE, ELSEWHERE]),
        ),
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_whatever_is_said_levels_only_rise_and_every_order_of_arrival_tells_the_same(
    said: list[tuple[int, int, str, str | None, object]], chance: object
) -> None:
    messages = [
        keep(
            raised(level, hours, reason, end),
            position=place + 1,
            agency=agency,  # type: ignore[arg-type] # one of three
            said_at=NOW + hours * HOUR + place,
        )
        for place, (level, hours, reason, end, agency) in enumerate(said)
    ]
    mixed = list(messages)
    chance.shuffle(mixed)  # type: ignore[attr-defined] # it is a Random
    (told,) = fold_escalations(messages) or (None,)
    (again,) = fold_escalations(mixed) or (None,)
    assert again == told
    if told is None:
        return
    counted = [step.content for step in told.history if step.counted]
    rises = [held for held in counted if held.resolution is None]
    levels = [held.level for held in rises]
    assert levels == sorted(set(levels))
    for before, after in pairwise(rises):
        skips = after.level > before.level + 1
        assert not skips or after.reason_code == "safety_concern"
    assert len(counted) - len(rises) == (told.resolution is not None)
