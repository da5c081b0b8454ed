"""Who was put out stays out, who takes no part is told nothing, and that holds after the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.client_sdk.crises.huddle import HOSPITAL, POLICE, Huddle, count_to
from tests.client_sdk.crises.test_successor import add_colleague
from tests.controls import without

from quietway.errors import ContentRefused, PartnerPaused
from quietway.faces.crises import AsyncCrises
from quietway.history import list_messages
from quietway.huddling.minding import Minder
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from quietway import Client


def is_in(huddle: Huddle, client: Client) -> bool:
    members = huddle.show(huddle.shelter).members
    return client.agency_id in {held.agency for held in members}


def settle(huddle: Huddle) -> None:
    """Let everything arrive, and what follows from it too; then a second is over."""
    huddle.sandbox.sync()
    huddle.sandbox.sync()
    huddle.sandbox.clock.advance(1)


def remove_the_police(huddle: Huddle) -> Client:
    huddle.open()
    settle(huddle)
    police = huddle.partners[1]
    huddle.shelter.crises.remove(huddle.event, police.agency_id)
    settle(huddle)
    return police


def test_who_was_put_out_comes_back_where_a_person_asks_them_and_not_by_themselves() -> None:
    with Huddle(HOSPITAL, POLICE) as huddle:
        police = remove_the_police(huddle)
        police.crises.answer(huddle.event)
        settle(huddle)
        assert not is_in(huddle, police)
        huddle.shelter.crises.invite(huddle.event, police.agency_id)
        settle(huddle)
        assert is_in(huddle, police)
        huddle.say(police, "Back.")
        huddle.sandbox.sync()
        assert huddle.texts(huddle.partners[0]) == ["Back."]


def test_without_looking_for_who_was_put_out_their_own_word_would_bring_them_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: were nobody looked for who was put out, an answer alone would do."""
    without(monkeypatch, "quietway.huddling.minding:find_put_out", lambda *_: None)
    with Huddle(HOSPITAL, POLICE) as huddle:
        police = remove_the_police(huddle)
        police.crises.answer(huddle.event)
        settle(huddle)
        assert is_in(huddle, police)


def test_a_device_that_left_is_not_brought_in_in_vain() -> None:
    with Huddle(HOSPITAL) as huddle:
        huddle.open()
        settle(huddle)
        hospital = huddle.partners[0]
        hospital.crises.leave(huddle.event)
        settle(huddle)
        with pytest.raises(ContentRefused, match="left this huddle: name another device"):
            huddle.shelter.crises.invite(huddle.event, hospital.device_id)


def test_what_nobody_in_the_huddle_may_be_told_is_told_to_no_colleague_instead() -> None:
    with Huddle(HOSPITAL, released=False) as huddle:
        colleague = add_colleague(huddle)
        loop = huddle.shelter._loop

        def sync() -> None:
            for _ in range(2):
                loop.run(colleague.synchronise)
                huddle.sandbox.sync()

        sync()
        hospital = huddle.partners[0]
        huddle.release(hospital)
        sync()
        huddle.open()
        sync()
        loop.run(huddle.shelter._client.partners.pause, hospital.agency_id)
        now = huddle.sandbox.clock.now()
        with pytest.raises(PartnerPaused, match="MERCY"):
            huddle.shelter.crises.say(huddle.event, "For those who take part alone.")
        with pytest.raises(PartnerPaused, match="MERCY"):
            huddle.shelter.crises.send_logistics(
                huddle.event,
                "transport",
                to=[hospital.device_id],
                window_from=now,
                window_to=now + HOUR,
            )
        sync()
        assert loop.run(AsyncCrises(colleague).show, huddle.event).messages == ()
        kinds = {held.content.type for held in loop.run(list_messages, colleague)}
        assert not kinds & {"huddle.members", "huddle.message", "logistics"}


def look_back_after_a_pause(huddle: Huddle) -> tuple[int, int]:
    """Close, pause the police, let the hospital look back; count before and after."""
    huddle.open()
    hospital, police = huddle.partners
    for client in (huddle.shelter, hospital, police):
        client.crises.note(huddle.event, ["took_part"])
    settle(huddle)
    huddle.shelter.crises.close(huddle.event, "danger_over", no_checkin_reason="danger_over")
    settle(huddle)
    huddle.shelter.consent.pause(huddle.case, police.agency_id)
    settle(huddle)
    before = count_to(huddle, police)
    hospital.reviews.record(huddle.event, worked_well=["clear_lead"])
    settle(huddle)
    return before, count_to(huddle, police)


def test_a_pause_after_the_end_stops_what_others_say_in_the_review_too() -> None:
    with Huddle(HOSPITAL, POLICE) as huddle:
        before, after = look_back_after_a_pause(huddle)
        assert after == before
        (review,) = huddle.shelter.reviews.list()
        assert review.has_spoken(huddle.partners[0].agency_id)


def test_without_minding_what_is_over_the_review_would_go_on_to_who_was_paused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: were an event that is closed not minded, the paused would read on."""
    mind_one = Minder._mind_one

    async def mind_what_is_open(self: Minder, crisis: Any) -> None:
        if crisis.is_open:
            await mind_one(self, crisis)

    without(monkeypatch, "quietway.huddling.minding:Minder._mind_one", mind_what_is_open)
    with Huddle(HOSPITAL, POLICE) as huddle:
        before, after = look_back_after_a_pause(huddle)
        assert after > before


def test_what_the_lead_said_of_an_action_stays_said_when_the_lead_is_handed_over() -> None:
    with Huddle(HOSPITAL, POLICE) as huddle:
        huddle.open()
        hospital, police = huddle.partners
        shelter, now = huddle.shelter.crises, huddle.sandbox.clock.now()
        action = shelter.add_action(
            huddle.event, "arrange_medical", owner=police.agency_id, due_at=now + HOUR
        )
        settle(huddle)
        shelter.update_action(huddle.event, action, "done")
        settle(huddle)
        shelter.hand_over(huddle.event, hospital.device_id)
        settle(huddle)
        hospital.crises.accept_lead(huddle.event)
        settle(huddle)
        for client in (huddle.shelter, hospital, police):
            shown = huddle.show(client)
            assert shown.lead == hospital.agency_id
            assert [held.state for held in shown.actions] == ["done"]
        # Whoever led before says nothing more of another agency's action.
        with pytest.raises(ContentRefused, match="another agency's"):
            shelter.update_action(huddle.event, action, "open")
