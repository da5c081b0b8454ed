"""An event of three agencies is noted, closed, looked back on, and followed through."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.crises.huddle import HOSPITAL, POLICE, Huddle
from tests.client_sdk.two_agencies import at
from tests.controls import without

from quietway import ContentRefused, LocationFound, NotesOwed, NotFound
from quietway.policy.calendar import BusinessCalendar
from quietway_schemas.content.debrief import ExposureRisk
from quietway_schemas.instants import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway import Client, Due

START = "2026-11-25T15:00+00:00"


def gather(*partners: str) -> Huddle:
    """A huddle of a shelter that leads and its partners, on a Wednesday."""
    world = Huddle(*partners)
    world.sandbox.clock.advance((at(START) - world.sandbox.clock.now()) / SECOND)
    world.sandbox.sync()
    world.open()
    return world


@pytest.fixture
def huddle() -> Iterator[Huddle]:
    with gather(HOSPITAL) as world:
        yield world


def note_all(huddle: Huddle, *clients: Client) -> None:
    for client in clients:
        client.crises.note(huddle.event, ["took_part"])
    huddle.sandbox.sync()


def lines(client: Client) -> list[Due]:
    return [line for line in client.due.list() if line.source == "reviews"]


def close(huddle: Huddle) -> None:
    note_all(huddle, huddle.shelter, *huddle.partners)
    huddle.shelter.crises.close(huddle.event, "danger_over", no_checkin_reason="danger_over")
    huddle.sandbox.sync()


@pytest.mark.requirement("C46")
def test_v22_the_lead_closes_with_every_note_or_with_the_reason_why_one_is_missing(
    huddle: Huddle,
) -> None:
    """C46: minimum notes by lead and supporting agencies, required at close."""
    (hospital,) = huddle.partners
    ending = partial(huddle.shelter.crises.close, huddle.event, "danger_over")
    ending = partial(ending, no_checkin_reason="danger_over")
    note_all(huddle, huddle.shelter)
    with pytest.raises(NotesOwed, match="MERCY") as owed:
        ending()
    assert owed.value.agencies == ("MERCY",)
    with pytest.raises(ContentRefused, match="note is not missing"):
        ending(missing={huddle.shelter.agency_id: "no_answer", "MERCY": "no_answer"})
    assert huddle.show(huddle.shelter).state == "huddle_open"
    ending(missing={"MERCY": "unreachable"})
    huddle.sandbox.sync()
    for client in (huddle.shelter, hospital):
        assert huddle.show(client).state == "closed"
        closing = client.reviews.show(huddle.event).closing
        assert [(held.agency, held.reason_code) for held in closing.missing] == [
            (hospital.agency_id, "unreachable")
        ]


def test_control_where_nobody_counts_what_is_owed_an_event_closes_without_notes(
    huddle: Huddle, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.debriefing.closing:find_owed", lambda *_: set())
    without(monkeypatch, "quietway.views.closings:find_fault", lambda *_: "")
    note_all(huddle, huddle.shelter)
    huddle.shelter.crises.close(huddle.event, "danger_over", no_checkin_reason="danger_over")
    assert huddle.show(huddle.shelter).state == "closed"


def test_v21_a_closing_needs_the_next_check_in_or_the_reason_why_there_is_none(
    huddle: Huddle,
) -> None:
    (hospital,) = huddle.partners
    shelter = huddle.shelter
    with pytest.raises(ContentRefused, match="not closed"):
        shelter.reviews.record(huddle.event, worked_well=["clear_lead"])
    note_all(huddle, shelter, hospital)
    with pytest.raises(ContentRefused, match="HARBOR leads"):
        hospital.crises.close(huddle.event, "danger_over", no_checkin_reason="danger_over")
    with pytest.raises(ContentRefused, match="checkin_at"):
        shelter.crises.close(huddle.event, "danger_lessened")
    ahead = huddle.sandbox.clock.now() + HOUR
    shelter.crises.set_checkin(huddle.event, ahead)
    shelter.crises.close(huddle.event, "danger_lessened")
    closing = shelter.reviews.show(huddle.event).closing
    assert closing.content is not None
    assert closing.content.checkin_at == ahead
    with pytest.raises(ContentRefused, match="closed already"):
        close(huddle)
    assert shelter.reviews.list(exercise=True) == []
    assert [held.event_id for held in shelter.reviews.list()] == [huddle.event]


def test_the_summary_and_the_review_go_to_those_who_took_part_and_to_nobody_else(
    huddle: Huddle,
) -> None:
    stranger = huddle.sandbox.agency("JUSTICE-AID", roles=("legal_aid",))
    close(huddle)
    huddle.shelter.reviews.record(huddle.event, worked_well=["clear_lead"])
    huddle.sandbox.sync()
    (hospital,) = huddle.partners
    summaries = hospital.crises.show(huddle.event).summaries
    assert [held.final for held in summaries][-1]
    assert hospital.reviews.show(huddle.event).state == "held"
    assert stranger.inbox() == []
    with pytest.raises(NotFound):
        stranger.reviews.show(huddle.event)
    with pytest.raises(LocationFound):
        huddle.shelter.reviews.record(
            huddle.event, texts={"timing": "They met at 12 Elm Street, Springfield."}
        )
    due = huddle.sandbox.clock.now() + DAY
    with pytest.raises(ContentRefused, match="took no part"):
        huddle.shelter.reviews.add_item(
            huddle.event, "training_need", owner=stranger.agency_id, due=due
        )
    with pytest.raises(NotFound):
        huddle.shelter.reviews.update_item(bytes(16), "done")


@pytest.mark.requirement("C52")
def test_the_review_is_due_by_itself_five_business_days_later_and_climbs_when_it_is_late(
    huddle: Huddle,
) -> None:
    """C52: debrief within a defined timeframe, its due date set at closing."""
    close(huddle)
    expected = BusinessCalendar().closing_after(huddle.sandbox.clock.now(), 5)
    (line,) = lines(huddle.shelter)
    assert (line.kind, line.turn, line.at, line.level) == ("hold_review", "ours", expected, 0)
    assert [held.kind for held in lines(huddle.partners[0])] == ["add_to_review"]
    huddle.sandbox.clock.advance(5 * DAY / SECOND)
    (reminded,) = lines(huddle.shelter)
    assert reminded.level == 1
    huddle.sandbox.clock.advance(20 * DAY / SECOND)
    (late,) = lines(huddle.shelter)
    assert (late.level, late.roles) == (3, ("agency_lead",))
    assert late.is_overdue(huddle.sandbox.clock.now())


@pytest.mark.requirement("A39")
@pytest.mark.requirement("C55")
def test_what_is_agreed_is_followed_through_by_each_agency_in_its_own_list() -> None:
    """A39: what went well, exposure risks, concrete steps. C55: followed across agencies."""
    with gather(HOSPITAL, POLICE) as huddle:
        close(huddle)
        follow_through(huddle)


def follow_through(huddle: Huddle) -> None:
    hospital, police = huddle.partners
    shelter = huddle.shelter
    risk = ExposureRisk(code="overheard", follow_up="urgent_action")
    shelter.reviews.record(
        huddle.event,
        worked_well=["clear_lead"],
        barriers=["language"],
        exposure_risks=[risk],
        texts={"barrier": "Nobody could interpret at once."},
    )
    hospital.reviews.record(huddle.event, timing=["alert_in_time"])
    due = huddle.sandbox.clock.now() + 10 * DAY
    item = shelter.reviews.add_item(huddle.event, "training_need", owner="MERCY", due=due)
    huddle.sandbox.sync()
    review = police.reviews.show(huddle.event)
    assert (review.state, len(review.words)) == ("held", 2)
    assert review.exposure_risks == ((shelter.agency_id, risk),)
    assert huddle.show(police).state == "reviewed"
    assert [line.kind for line in lines(hospital)] == ["review_item"]
    assert lines(police) == []
    assert [line.kind for line in lines(shelter)] == ["follow_exposure"]
    shelter.reviews.follow(huddle.event, "overheard", to="MERCY", action="change_device_security")
    huddle.sandbox.sync()
    assert lines(shelter) == []
    ((action,),) = [board.actions for board in hospital.board.list()]
    assert (action.code, action.content.owner) == ("change_device_security", "HARBOR")
    with pytest.raises(NotFound):
        shelter.reviews.follow(huddle.event, "overheard", to="MERCY")
    with pytest.raises(ContentRefused, match="MERCY owns"):
        shelter.reviews.update_item(item, "done")
    huddle.sandbox.clock.advance(12 * DAY / SECOND)
    assert [(line.kind, line.turn) for line in lines(police)] == [("item_overdue", "theirs")]
    hospital.reviews.update_item(item, "under_way")
    hospital.reviews.update_item(lines(hospital)[0].subject, "done")
    huddle.sandbox.sync()
    assert lines(police) == lines(hospital) == []
    assert shelter.reviews.show(huddle.event).items[0].state == "done"
