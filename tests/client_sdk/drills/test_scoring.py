"""What a drill came to: right people, times, guard, verification; and that each can be missed."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from tests.client_sdk.engine.world import START
from tests.controls import without

from quietway.drilling.library import find_scenario
from quietway.drilling.scoring import DrillFacts, DrillScore, ScorePart, score_drill
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import SECOND

PRIMARY, BACKUP, STRANGER = (DeviceId(bytes([number]) * 16) for number in (1, 2, 3))
SCENARIO = find_scenario("missed-checkin")


def facts(**changes: object) -> DrillFacts:
    """A drill in which everything went as it should."""
    whole = DrillFacts(
        began_at=START,
        expected=frozenset({PRIMARY, BACKUP}),
        told=frozenset({PRIMARY, BACKUP}),
        claimed_at=START + 120 * SECOND,
        verified_at=START + 600 * SECOND,
        supported_at=START + 600 * SECOND,
        activated_at=START + 900 * SECOND,
        closed_at=START + 3_000 * SECOND,
        broadcast_at=START + 900 * SECOND,
        actions=frozenset(SCENARIO.expected.actions),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def score(**changes: object) -> DrillScore:
    return score_drill(SCENARIO, facts(**changes))


@pytest.mark.requirement("A38")
def test_a_drill_passes_where_the_right_people_were_told_in_time_and_nobody_else() -> None:
    """A38: exercises test that the right people get timely alerts without privacy loss."""
    held = score()
    assert held.outcome == "passed"
    assert {part.verdict for part in held.parts} == {"met"}
    assert held.part("claim") == ScorePart("claim", "met", 300, 120)
    assert (held.expected_people, held.missed_people, held.unexpected_people) == (2, 0, 0)


def test_somebody_who_was_told_without_being_expected_fails_the_drill() -> None:
    held = score(told=frozenset({PRIMARY, BACKUP, STRANGER}))
    assert (held.outcome, held.unexpected_people) == ("failed", 1)
    assert held.part("right_people").verdict == "not_met"


def test_who_is_on_call_later_or_in_a_role_of_the_script_may_be_told_and_need_not_be() -> None:
    later = frozenset({STRANGER})
    told = frozenset({PRIMARY, BACKUP, STRANGER})
    assert score(told=told, allowed=later).outcome == "passed"
    assert score(allowed=later).outcome == "passed"


def test_control_where_nobody_compares_who_was_told_a_breach_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.drilling.scoring:find_unexpected", lambda _: frozenset())
    held = score(told=frozenset({PRIMARY, BACKUP, STRANGER}))
    assert (held.outcome, held.unexpected_people) == ("passed", 0)


def test_somebody_who_was_missed_is_something_to_improve() -> None:
    held = score(told=frozenset({PRIMARY}))
    assert (held.outcome, held.missed_people) == ("to_improve", 1)
    assert held.part("right_people") == ScorePart("right_people", "not_met", 2, 1)
    assert score(told=frozenset()).part("right_people").verdict == "not_reached"


def test_a_broadcast_before_a_second_source_or_two_people_supported_it_fails() -> None:
    early = {"broadcast_at": START + 500 * SECOND}
    assert score(**early).outcome == "failed"
    assert score(**early, supported_at=None).outcome == "failed"
    assert score(**early, supported_at=START + 500 * SECOND).outcome == "passed"
    # What was said against it verified it, and is no ground to tell more.
    assert score(verified_at=START + 600 * SECOND, supported_at=None).outcome == "failed"
    assert score(broadcast_at=None).outcome == "passed"


def test_control_where_nobody_asks_what_came_first_an_early_broadcast_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.drilling.scoring:is_broadcast_verified", lambda _: True)
    assert score(broadcast_at=START + 500 * SECOND).outcome == "passed"


def test_what_the_guard_finds_fails_the_drill() -> None:
    held = score(guard_findings=1)
    assert (held.outcome, held.part("guard").verdict) == ("failed", "not_met")


@pytest.mark.parametrize(
    ("part", "late"),
    [
        ("claim", {"claimed_at": START + 300 * SECOND + 1}),
        ("verification", {"verified_at": START + 900 * SECOND + 1, "broadcast_at": None}),
        ("activation", {"activated_at": START + 1_201 * SECOND}),
        ("closing", {"closed_at": START + 3_601 * SECOND}),
        ("tiers", {"tiers_reached": 2}),
        ("actions", {"actions": frozenset({"verify_threat"})}),
    ],
)
def test_what_comes_late_or_is_missing_is_something_to_improve(
    part: str, late: dict[str, object]
) -> None:
    held = score(**late)
    assert (held.outcome, held.part(part).verdict) == ("to_improve", "not_met")
    others = {one.verdict for one in held.parts if one.name != part}
    assert others == {"met"}


@pytest.mark.parametrize("part", ["claimed_at", "activated_at", "closed_at"])
def test_what_never_happened_is_told_from_what_came_late(part: str) -> None:
    held = score(**{part: None})
    assert [one.verdict for one in held.parts].count("not_reached") == 1
    assert held.outcome == "to_improve"


def test_a_score_names_nobody_and_says_that_it_is_an_exercise() -> None:
    held = score(told=frozenset({PRIMARY, STRANGER}))
    assert held.exercise
    shown = repr(held)
    assert not any(str(device) in shown for device in (PRIMARY, BACKUP, STRANGER))
    assert not {field.name for field in fields(held)} & {"device", "devices", "member", "who"}
