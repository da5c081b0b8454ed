"""What is said when an event is over: the rules that the models hold."""

from __future__ import annotations

import pytest
from tests.schemas.debrief_samples import (
    HARBOR,
    MERCY,
    NOW,
    make_closed,
    make_item,
    make_note,
    make_review,
    make_score,
    make_update,
)

from quietway_schemas.content.debrief import ExposureRisk, MissingNote, SectionText
from quietway_schemas.content.review_states import LEGAL_PREDECESSORS, check_transition
from quietway_schemas.errors import ContentError, UnknownCodeError

GONE = MissingNote(agency=MERCY, reason_code="unreachable")


@pytest.mark.parametrize(
    ("checkin_at", "reason"), [(None, None), (NOW + 1, "danger_over"), (NOW, None)]
)
def test_v21_a_closing_names_a_check_in_after_it_or_why_there_is_none(
    checkin_at: int | None, reason: str | None
) -> None:
    with pytest.raises(ContentError, match="checkin_at"):
        make_closed(checkin_at=checkin_at, no_checkin_reason=reason)
    make_closed(checkin_at=NOW + 1, no_checkin_reason=None)


def test_a_closing_names_each_agency_once_with_its_note_or_with_why_it_is_missing() -> None:
    assert make_closed(missing=(GONE,)).missing == (GONE,)
    with pytest.raises(ContentError, match="missing"):
        make_closed(noted=(HARBOR, MERCY), missing=(GONE,))
    with pytest.raises(ContentError, match="names nobody"):
        make_closed(noted=())
    with pytest.raises(ContentError, match="twice"):
        make_closed(missing=(GONE, GONE))
    with pytest.raises(ContentError, match="review_due"):
        make_closed(review_due=NOW)


def test_a_note_says_something_and_not_that_nothing_was_needed_as_well() -> None:
    with pytest.raises(ContentError, match="codes"):
        make_note(codes=())
    with pytest.raises(ContentError, match="not needed"):
        make_note(codes=("not_needed", "took_part"))


def test_a_review_keeps_the_order_of_its_sections_and_says_something() -> None:
    late = SectionText(section="timing", text=".")
    barrier = SectionText(section="barrier", text=".")
    make_review(texts=(barrier, late))
    for wrong in ((late, barrier), (late, late), (SectionText(section="training_need", text="."),)):
        with pytest.raises(ContentError, match="texts"):
            make_review(texts=wrong)
    with pytest.raises(ContentError, match="empty"):
        make_review(worked_well=())
    risk = ExposureRisk(code="overheard")
    with pytest.raises(ContentError, match="exposure_risks"):
        make_review(exposure_risks=(risk, risk))
    with pytest.raises(ContentError, match="data_gaps"):
        make_review(data_gaps=("none", "note_missing"))


def test_an_item_is_due_after_it_was_raised_and_is_dropped_for_a_reason() -> None:
    with pytest.raises(ContentError, match="due"):
        make_item(due=NOW)
    with pytest.raises(ContentError, match="reason_code"):
        make_update(state="dropped")
    make_update(state="dropped", reason_code="not_needed")


def test_the_table_of_items_decides_every_pair() -> None:
    for after, before in LEGAL_PREDECESSORS.items():
        for state in LEGAL_PREDECESSORS:
            if state in before:
                assert check_transition(state, after) == after
            else:
                with pytest.raises(ContentError, match="does not follow"):
                    check_transition(state, after)
    with pytest.raises(UnknownCodeError):
        check_transition("open", "overdue")


def test_a_score_is_of_a_drill_alone_and_misses_no_more_than_were_expected() -> None:
    with pytest.raises(ContentError, match="exercise"):
        make_score(exercise=False)
    with pytest.raises(ContentError, match="missed_people"):
        make_score(missed_people=1)
