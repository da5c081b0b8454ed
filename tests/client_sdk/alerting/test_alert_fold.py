"""What is said of an alert adds up to the same on each device, in whatever order it came."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.alerting.told import (
    CASE,
    FIRST,
    LEAD,
    OTHER,
    RAISER,
    SECOND,
    SENDER,
    START,
    THIRD,
    claimed,
    declined,
    handed,
    raised,
    released,
    seconded,
    verified,
)
from tests.controls import without

from quietway.views.alerts import Alert, fold_alerts
from quietway_schemas.content.alert_states import ALERT_PREDECESSORS
from quietway_schemas.instants import HOUR, MINUTE
from quietway_schemas.instants import SECOND as ONE_SECOND

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from quietway.records import StoredMessage


def fold(messages: Iterable[StoredMessage], now: int = MINUTE) -> Alert:
    (alert,) = fold_alerts(messages, me=RAISER, device=SENDER, now=START + now)
    return alert


def fold_there(messages: Iterable[StoredMessage], now: int = MINUTE) -> Alert:
    (alert,) = fold_alerts(messages, me=LEAD, device=THIRD, now=START + now)
    return alert


@pytest.mark.requirement("C44")
def test_whose_turn_it_is_follows_the_ladder_until_somebody_has_it() -> None:
    """C44: the notification sequence: in which order, and when each is called."""
    alert = fold([raised()])
    assert (alert.state, alert.lead, alert.case, alert.confirmed) == ("raised", LEAD, CASE, False)
    assert [(one.name, (one.due_at - START) // ONE_SECOND) for one in alert.tiers] == [
        ("primary", 0),
        ("backup", 300),
        ("supervisor", 600),
        ("leadership", 900),
    ]
    turns = [(0, "backup"), (5, "supervisor"), (10, "leadership")]
    for minutes, name in turns:
        following = fold([raised()], minutes * MINUTE).next_tier
        assert following is not None
        assert following.name == name
    late = fold([raised()], 15 * MINUTE)
    assert (late.state, late.next_tier, late.is_open) == ("unanswered", None, True)
    had = fold([raised(), claimed(FIRST, MINUTE)], 5 * MINUTE)
    assert (had.state, had.next_tier, had.confirmed, had.is_open) == ("claimed", None, True, False)
    assert fold([raised()], 96 * HOUR).state == "over"


def test_of_two_claims_the_earlier_holds_it_and_of_equal_ones_the_smaller_device() -> None:
    crossing = [raised(), claimed(SECOND, MINUTE), claimed(FIRST, 2 * MINUTE)]
    alert = fold(crossing)
    assert [one.device for one in alert.claims] == [SECOND, FIRST]
    same = fold([raised(), claimed(SECOND, MINUTE), claimed(FIRST, MINUTE)])
    assert same.holder is not None
    assert (same.holder.device, same.holder.program) == (FIRST, "MERCY-ONCALL")
    # Whose clock is behind was not there before the alert.
    behind = replace(claimed(SECOND, MINUTE), said_at=START - MINUTE)
    at_once = replace(claimed(FIRST, MINUTE), said_at=START)
    assert fold([raised(), behind, at_once]).claims[0].device == FIRST


def test_a_claim_of_another_agency_or_of_a_device_in_other_hands_is_nothing() -> None:
    for claim in (
        claimed(FIRST, MINUTE, agency=OTHER),
        claimed(FIRST, MINUTE, agency=RAISER),
        claimed(FIRST, MINUTE, standing="revoked"),
        claimed(FIRST, MINUTE, standing="retired"),
        claimed(FIRST, MINUTE, exercise=True),
        claimed(FIRST, MINUTE, number=1),
    ):
        alert = fold([raised(), claim], 15 * MINUTE)
        assert (alert.state, alert.claims, alert.confirmed) == ("unanswered", (), False)


def test_control_without_asking_who_may_answer_anybody_silences_an_alert(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.views.alerts:_may_answer", lambda *_: True)
    assert fold([raised(), claimed(FIRST, MINUTE, agency=OTHER)]).state == "claimed"
    assert fold([raised(), claimed(FIRST, MINUTE, standing="revoked")]).state == "claimed"


def test_a_release_ends_the_round_for_who_is_called_again_and_for_who_raised_it() -> None:
    said = [raised(), claimed(FIRST, MINUTE), released(FIRST, 2 * MINUTE)]
    at_senders = fold(said, 3 * MINUTE)
    assert (at_senders.state, at_senders.round, at_senders.claims) == ("released", 1, ())
    assert at_senders.unanswered_at == START + 17 * MINUTE
    assert fold(said, 17 * MINUTE).state == "unanswered"
    again = raised(number=1, at=2 * MINUTE, by=FIRST, agency=LEAD, seen_by=THIRD)
    there = [raised(seen_by=THIRD), *said[1:], again]
    at_leads = fold_there(there, 3 * MINUTE)
    assert (at_leads.state, at_leads.round, at_leads.sent_here) == ("raised", 1, False)
    # A claim of the former round that comes late says nothing of this one; one of this one does.
    assert fold([*said, claimed(SECOND, 3 * MINUTE)], 4 * MINUTE).state == "released"
    assert fold([*said, claimed(SECOND, 3 * MINUTE, number=1)], 4 * MINUTE).state == "claimed"


def test_a_hand_off_names_who_is_asked_and_declining_changes_nothing() -> None:
    said = [raised(), declined(SECOND, MINUTE), handed(FIRST, 2 * MINUTE, THIRD)]
    first = fold(said[:2], 2 * MINUTE)
    assert (first.state, [one.reason for one in first.declined]) == ("raised", ["not_able_now"])
    alert = fold(said, 3 * MINUTE)
    assert (alert.state, alert.handed_to, alert.declined) == ("handed_off", THIRD, ())


def test_an_exercise_under_the_same_id_is_another_alert() -> None:
    said = [raised(), raised(exercise=True), claimed(FIRST, MINUTE, exercise=True)]
    found = fold_alerts(said, me=RAISER, device=SENDER, now=START + MINUTE)
    assert {(one.exercise, one.state) for one in found} == {(False, "raised"), (True, "claimed")}


@pytest.mark.requirement("A45")
def test_a_different_person_corroborates_and_another_confirms() -> None:
    """A45: unverified, corroborated, confirmed or unfounded, by somebody who did not raise it."""
    said = [raised()]
    assert fold(said).verification == "unverified"
    # Whoever raised it says nothing by saying it again; nor does somebody who was not called.
    mine = verified(SENDER, MINUTE, agency=RAISER)
    assert fold([*said, mine, verified(FIRST, MINUTE, agency=OTHER)]).verification == "unverified"
    one = fold([*said, mine, verified(FIRST, 2 * MINUTE)])
    assert [step.counted for step in one.verified] == [False, True]
    assert one.verification == "corroborated"
    twice = [*said, verified(FIRST, 2 * MINUTE), verified(FIRST, 3 * MINUTE)]
    assert fold(twice).verification == "corroborated"
    assert fold([*twice, verified(SECOND, 4 * MINUTE)]).verification == "confirmed"
    against = [*said, verified(FIRST, 2 * MINUTE, "contradicts")]
    assert fold(against).verification == "unfounded"
    assert fold([*against, verified(SECOND, 4 * MINUTE)]).verification == "corroborated"


def test_judgement_counts_with_a_second_person_who_is_neither_of_the_two() -> None:
    judged = verified(FIRST, MINUTE, basis="professional_judgement")
    said = [raised(), judged]
    assert fold(said).verified[0].awaits_second
    for another in (
        seconded(FIRST, 2 * MINUTE, judged),
        seconded(SENDER, 2 * MINUTE, judged, agency=RAISER),
        seconded(THIRD, 2 * MINUTE, judged, agency=OTHER),
    ):
        assert fold([*said, another]).verification == "unverified"
    alert = fold([*said, seconded(SECOND, 2 * MINUTE, judged)])
    assert (alert.verification, alert.verified[0].second) == ("corroborated", SECOND)


def test_control_without_asking_for_another_person_the_raiser_corroborates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.views.verification:_is_another", lambda *_: True)
    assert fold([raised(), verified(SENDER, MINUTE, agency=RAISER)]).verification == "corroborated"


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 20))
def test_the_order_in_which_it_came_and_what_came_twice_make_no_difference(
    chance: random.Random, minutes: int
) -> None:
    judged = verified(FIRST, 4 * MINUTE, basis="professional_judgement")
    said = [
        raised(),
        claimed(SECOND, MINUTE),
        claimed(FIRST, MINUTE),
        declined(THIRD, MINUTE),
        released(SECOND, 2 * MINUTE),
        claimed(FIRST, 3 * MINUTE, number=1),
        judged,
        seconded(THIRD, 5 * MINUTE, judged),
        verified(THIRD, 6 * MINUTE, "contradicts"),
    ]
    expected = fold(said, minutes * MINUTE)
    mixed = [*said, *chance.sample(said, 3)]
    chance.shuffle(mixed)
    assert fold(mixed, minutes * MINUTE) == expected
    assert expected.state in ALERT_PREDECESSORS


def test_a_later_round_is_begun_by_the_agency_that_is_called_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stranger = raised(number=1, by=THIRD, agency=OTHER, seen_by=FIRST)
    assert fold_alerts([stranger], me=LEAD, device=FIRST, now=START) == ()
    without(monkeypatch, "quietway.views.alerts:may_begin", lambda *_: True)
    assert len(fold_alerts([stranger], me=LEAD, device=FIRST, now=START)) == 1


def test_who_is_called_again_and_who_is_only_told_come_to_the_same_holder() -> None:
    # Two clocks that are behind, and a claim between the word that ended a round and the next call.
    said = [
        raised(),
        claimed(FIRST, MINUTE),
        released(FIRST, 2 * MINUTE),
        claimed(THIRD, MINUTE, number=1),
        claimed(SECOND, 2 * MINUTE + 3, number=1),
    ]
    call = raised(number=1, at=2 * MINUTE + 5, by=FIRST, agency=LEAD)
    there = fold_alerts([*said, call], me=LEAD, device=SENDER, now=START + 3 * MINUTE)
    holders = [fold(said, 3 * MINUTE).holder, *(one.holder for one in there)]
    assert [held.device for held in holders if held is not None] == [THIRD, THIRD]
