"""An event closes once its notes are there, and its review comes to the same on every device."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.engine.world import START
from tests.client_sdk.reviews.said import (
    CLOSED_AT,
    DUE,
    GONE,
    closed,
    event,
    item,
    report,
    say,
    story,
    words_of,
)
from tests.client_sdk.views.test_views import ELSEWHERE, HERE, THERE
from tests.controls import without
from tests.schemas.debrief_samples import make_note

from quietway.views.closings import fold_closing
from quietway.views.reviews import fold_reviews
from quietway_schemas.content.debrief import ExposureRisk, SectionText
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    import random

    from quietway.records import StoredMessage
    from quietway.views.reviews import EventReview


@pytest.mark.requirement("C46")
def test_v22_an_event_closes_once_every_agency_has_a_note_or_a_reason_why_it_is_missing() -> None:
    """C46: minimum notes by lead and supporting agencies, required at close from each."""
    open_yet = fold_closing(story()[:2], event())
    assert (open_yet.at, open_yet.owed) == (None, (ELSEWHERE,))
    forgotten = say([(HERE, CLOSED_AT, closed(missing=()))])
    refused = fold_closing(story()[:2] + forgotten, event())
    assert (refused.at, refused.not_counted) == (None, ((HERE, "notes_owed"),))
    closing = fold_closing(story(), event())
    assert (closing.at, closing.by, closing.missing) == (CLOSED_AT, HERE, (GONE,))
    assert (closing.owed, closing.unseen_notes, closing.late_notes) == ((), (), ())


def test_control_where_nobody_asks_for_notes_an_event_closes_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.views.closings:find_fault", lambda *_: "")
    closing = fold_closing(say([(HERE, CLOSED_AT, closed(noted=(HERE,), missing=()))]), event())
    assert closing.at == CLOSED_AT


def test_a_note_that_comes_late_and_one_that_is_not_here_are_both_told() -> None:
    late = say([(ELSEWHERE, CLOSED_AT + 1, make_note())])
    assert fold_closing(story() + late, event()).late_notes == (ELSEWHERE,)
    assert fold_closing(story()[2:], event()).unseen_notes == (HERE, THERE)


def test_the_lead_alone_closes_the_one_that_led_then_and_only_once() -> None:
    others = say([(THERE, CLOSED_AT, closed())])
    assert fold_closing(others, event()).not_counted == ((THERE, "not_lead"),)
    handed_over = event(leads=((START, HERE), (CLOSED_AT - 1, THERE)))
    assert fold_closing(others, handed_over).by == THERE
    twice = story((HERE, CLOSED_AT + HOUR, closed(outcome="stood_down")))
    closing = fold_closing(twice, event())
    assert closing.content is not None
    assert (closing.at, closing.content.outcome) == (CLOSED_AT, "danger_over")


def test_what_carries_another_flag_than_its_event_is_no_part_of_it() -> None:
    """V25: an exercise closes no event, and a real word stands in no drill."""
    assert fold_closing(story(), event(exercise=True)).at is None
    drilled = say([(HERE, CLOSED_AT, closed(exercise=True))])
    assert fold_closing(drilled, event()).at is None


def review_of(messages: list[StoredMessage]) -> EventReview:
    (found,) = fold_reviews(messages, [event()])
    return found


@pytest.mark.requirement("C53")
@pytest.mark.requirement("A39")
def test_a_review_says_what_worked_what_stood_in_the_way_the_times_the_gaps_and_exposure() -> None:
    """C53: template of what worked well, barriers, timing, data and documentation gaps.

    A39: what went well, exposure risks, concrete steps.
    """
    risk = ExposureRisk(code="overheard", follow_up="urgent_action")
    review = review_of(
        story(
            words_of(
                HERE,
                CLOSED_AT + 1,
                worked_well=("clear_lead", "reached_in_time"),
                barriers=("no_capacity",),
                timing=("alert_in_time",),
                data_gaps=("rota_outdated",),
                exposure_risks=(risk,),
                texts=(SectionText(section="barrier", text="Nobody had a key."),),
            ),
            words_of(THERE, CLOSED_AT + 2, worked_well=("clear_lead",), timing=("claim_late",)),
        )
    )
    assert (review.state, review.due, review.lead) == ("held", DUE, HERE)
    assert [(line.code, line.agencies) for line in review.worked_well] == [
        ("clear_lead", (HERE, THERE)),
        ("reached_in_time", (HERE,)),
    ]
    assert [line.code for line in review.barriers] == ["no_capacity"]
    assert [line.code for line in review.timing] == ["alert_in_time", "claim_late"]
    assert [line.code for line in review.data_gaps] == ["rota_outdated"]
    assert review.exposure_risks == ((HERE, risk),)
    assert "key" not in repr(review)


def test_the_review_is_held_by_the_word_of_whoever_led_and_by_no_other() -> None:
    assert review_of(story(words_of(THERE, CLOSED_AT + 1))).state == "due"
    assert fold_reviews(story()[:2], [event()]) == ()


def test_two_devices_of_an_agency_that_write_at_once_lose_nothing_of_each_other() -> None:
    messages = story(
        words_of(HERE, CLOSED_AT + 1, worked_well=("clear_lead",)),
        words_of(HERE, CLOSED_AT + 2, barriers=("language",)),
    )
    messages[-1] = replace(messages[-1], device=DeviceId(b"2" * 16))
    review = review_of(messages)
    assert [line.code for line in review.worked_well] == ["clear_lead"]
    assert [line.code for line in review.barriers] == ["language"]
    both = tuple(sorted(word.name for word in review.words))
    settled = words_of(HERE, CLOSED_AT + 3, worked_well=("clear_roles",), supersedes=both)
    newer = [*messages, *say([settled])]
    newer[-1] = replace(newer[-1], core_hash=b"n" * 32, position=99, seq=99)
    assert [line.code for line in review_of(newer).worked_well] == ["clear_roles"]
    assert review_of(newer).barriers == ()


@pytest.mark.requirement("C55")
@pytest.mark.requirement("C54")
def test_an_item_has_a_category_and_an_owner_who_alone_reports_how_it_stands() -> None:
    """C55: a shared action log with owner agency, status and overdue.

    C54: protocol updates, training needs, resource requirements as categories.
    """
    raised = CLOSED_AT + 1
    told = [
        item(raised),
        report(THERE, raised + 1, "under_way"),
        report(HERE, raised + 2, "done"),
        report(THERE, raised + 3, "dropped", reason_code="covered_elsewhere"),
    ]
    (held,) = review_of(story(*told[:3])).items
    assert (held.category, held.owner, held.state) == ("training_need", THERE, "under_way")
    assert [step.counted for step in held.history] == [True, False]
    assert held.is_overdue(held.due)
    assert not held.is_overdue(held.due - 1)
    (dropped,) = review_of(story(*told)).items
    assert (dropped.state, dropped.reported_at) == ("dropped", raised + 3)
    assert not dropped.is_overdue(held.due)


def test_control_where_anybody_may_report_another_agency_says_that_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.views.reviews:may_report", lambda *_: True)
    told = [item(CLOSED_AT + 1), report(HERE, CLOSED_AT + 2, "done")]
    (held,) = review_of(story(*told)).items
    assert held.state == "done"


def test_an_item_stands_as_it_was_raised_first_and_is_owned_by_who_took_part() -> None:
    other = item(CLOSED_AT + 2, category="protocol_update", due=CLOSED_AT + HOUR)
    (held,) = review_of(story(item(CLOSED_AT + 1), other)).items
    assert held.category == "training_need"
    stranger = DeviceId(b"9" * 16)
    foreign = (HERE, CLOSED_AT + 1, item(1)[2].model_copy(update={"owner": stranger}))
    assert review_of(story(foreign)).items == ()


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_order_with_repetitions_comes_to_the_same_review(order: random.Random) -> None:
    messages = story(
        words_of(HERE, CLOSED_AT + 1, barriers=("language",)),
        words_of(THERE, CLOSED_AT + 1, timing=("claim_late",)),
        words_of(ELSEWHERE, CLOSED_AT + 1, data_gaps=("none",)),
        item(CLOSED_AT + 1),
        report(THERE, CLOSED_AT + 3, "under_way"),
        report(THERE, CLOSED_AT + 3, "done"),
        report(ELSEWHERE, CLOSED_AT + 4, "dropped", reason_code="not_needed"),
    )
    crossed = [
        replace(held, device=DeviceId(bytes([number]) * 16)) for number, held in enumerate(messages)
    ]
    arrived = [order.choice(crossed) for _ in range(5)] + crossed
    order.shuffle(arrived)
    assert review_of(arrived) == review_of(crossed)
