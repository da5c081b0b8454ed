"""A crisis from its activation to its summary: four agencies in a sandbox, and everything real."""

from __future__ import annotations

import pytest
from tests.client_sdk.crises.huddle import HOSPITAL, LEGAL, POLICE, Huddle

from quietway.errors import ContentRefused, NotCorroborated, NotFound
from quietway_schemas.codebook.lists import DICTIONARY_VERSION
from quietway_schemas.instants import HOUR


@pytest.mark.requirement("C42")
@pytest.mark.requirement("C47")
def test_whoever_sees_it_first_activates_with_a_criterion_of_the_dictionary() -> None:
    """C42: criteria are codes, versioned, one at least; C47: frontline identifies the event."""
    with Huddle(HOSPITAL) as huddle:
        with pytest.raises(ContentRefused, match="criteria"):
            huddle.activate(criteria=())
        with pytest.raises(ContentRefused, match="criteria"):
            huddle.activate(criteria=("a_feeling",))
        assert huddle.shelter.crises.list() == []
        huddle.activate(criteria=("survivor_requested", "imminent_harm"), mode="phone")
        for client in (huddle.shelter, huddle.partners[0]):
            shown = huddle.show(client)
            assert shown.activation.criteria == ("imminent_harm", "survivor_requested")
            assert shown.activation.dictionary_version == DICTIONARY_VERSION
            assert shown.state == "activated"


@pytest.mark.requirement("C43")
def test_the_lead_is_chosen_by_the_table_before_anybody_else_is_told() -> None:
    """C43: event type -> agency by role, with a fallback order; the lead is told first."""
    with Huddle(POLICE, HOSPITAL) as huddle:
        police, hospital = huddle.partners
        partners = [police.agency_id, hospital.agency_id]
        choice = huddle.shelter.crises.show_lead("medical_emergency", partners)
        assert (choice.agency, choice.role) == (hospital.agency_id, "hospital_social_worker")
        assert choice.fallback == (huddle.shelter.agency_id, police.agency_id)
        assert "role" in choice.explain()
        huddle.activate(event_type="medical_emergency")
        # The hospital was named last and is told first; the police wait for its answer.
        shown = huddle.show(huddle.shelter)
        assert [(held.agency, held.state) for held in shown.steps] == [
            (hospital.agency_id, "told"),
            (police.agency_id, "waiting"),
        ]
        assert shown.lead == hospital.agency_id
        with pytest.raises(NotFound):
            huddle.show(police)
        hospital.crises.answer(huddle.event)
        huddle.sandbox.sync()
        huddle.sandbox.sync()
        shown = huddle.show(huddle.shelter)
        assert shown.owner is not None
        assert (shown.lead, shown.owner.agency) == (hospital.agency_id, hospital.agency_id)
        assert huddle.show(police).lead == hospital.agency_id


@pytest.mark.requirement("C44")
def test_a_step_that_nobody_answers_goes_on_to_the_next_and_is_shown() -> None:
    """C44: an ordered sequence with a time for each step; it survives what waits."""
    with Huddle(HOSPITAL, POLICE, LEGAL) as huddle:
        hospital, police, legal = huddle.partners
        huddle.activate(within_min=5)
        assert _states(huddle) == ["told", "waiting", "waiting"]
        with pytest.raises(NotFound):
            huddle.show(police)
        huddle.sandbox.clock.advance(4 * 60)
        huddle.sandbox.sync()
        assert _states(huddle) == ["told", "waiting", "waiting"]
        huddle.sandbox.clock.advance(60)
        huddle.sandbox.sync()
        assert _states(huddle) == ["unanswered", "told", "waiting"]
        police.crises.answer(huddle.event, "decline")
        huddle.sandbox.sync()
        assert _states(huddle) == ["unanswered", "declined", "told"]
        # Who answers late takes part all the same, and is told once.
        hospital.crises.answer(huddle.event)
        huddle.sandbox.sync()
        huddle.sandbox.sync()
        assert _states(huddle) == ["answered", "declined", "told"]
        assert hospital.agency_id in {held.agency for held in huddle.show(huddle.shelter).members}
        assert len([held for held in legal.inbox() if held.content.type == "crisis.activate"]) == 1


def _states(huddle: Huddle) -> list[str]:
    return [held.state for held in huddle.show(huddle.shelter).steps]


@pytest.mark.requirement("C44")
def test_of_an_alert_nobody_else_is_told_before_a_second_source_supports_it() -> None:
    """C44: the sequence goes on to others once the alert is corroborated (V24)."""
    with Huddle(HOSPITAL, POLICE, shelter=("frontline_advocate", "on_call_lead")) as huddle:
        hospital, police = huddle.partners
        huddle.shelter.status.set("heightened_concern", to=hospital.agency_id, case_ref=huddle.case)
        huddle.sandbox.sync()
        (known,) = hospital.cases.list()
        alert = hospital.alerts.send(known.case_ref, "threat_reported").alert_id
        huddle.sandbox.sync()
        with pytest.raises(NotCorroborated):
            huddle.activate(partners=[police.agency_id], alert=alert)
        assert huddle.shelter.crises.list() == []
        huddle.shelter.alerts.verify(alert, "trusted_contact", "supports")
        with pytest.raises(ContentRefused, match="corroborated"):
            huddle.activate(partners=[police.agency_id], alert=alert, verify_state="confirmed")
        huddle.activate(partners=[police.agency_id], alert=alert)
        assert huddle.show(police).activation.verify_state == "corroborated"


@pytest.mark.requirement("C45")
@pytest.mark.requirement("B36")
def test_four_agencies_act_as_one_and_each_sees_the_same() -> None:
    """C45: a mode code; B36: one view of who leads, what is to be done, and what was decided."""
    with Huddle(HOSPITAL, POLICE, LEGAL) as huddle:
        opened = huddle.open(mode="video")
        hospital, police, legal = huddle.partners
        assert opened.activation.mode == "video"
        assert sorted(opened.roles.values()) == [
            "lead",
            "legal_liaison",
            "medical_liaison",
            "safety_liaison",
        ]
        now = huddle.sandbox.clock.now()
        shelter = huddle.shelter.crises
        shelter.say(huddle.event, "She is calm and wants to be seen today.")
        action = shelter.add_action(
            huddle.event, "arrange_medical", owner=hospital.agency_id, due_at=now + HOUR
        )
        police.crises.decide(
            huddle.event, "No patrol: she asked for that.", rationale="survivor_choice"
        )
        shelter.set_checkin(huddle.event, now + HOUR)
        huddle.sandbox.sync()
        hospital.crises.update_action(huddle.event, action, "done")
        huddle.sandbox.sync()
        shown = [huddle.show(client) for client in (huddle.shelter, hospital, police, legal)]
        for one in shown:
            assert [held.text for held in one.messages] == [
                "She is calm and wants to be seen today."
            ]
            assert [(held.code, held.state) for held in one.actions] == [
                ("arrange_medical", "done")
            ]
            assert [held.rationale for held in one.decisions] == ["survivor_choice"]
            assert one.checkin_at == now + HOUR
            assert (one.lead, one.refused) == (huddle.shelter.agency_id, 0)
        assert len({tuple(one.members) for one in shown}) == 1
        # What was said stands in the case's timeline too, on each side under its own reference.
        kinds = {held.content.type for held in hospital.cases.timeline(shown[1].case)}
        assert {"crisis.activate", "huddle.message", "action.item", "decision.log"} <= kinds


@pytest.mark.requirement("C50")
def test_an_action_has_an_owner_and_a_time_and_is_overdue_by_itself() -> None:
    """C50: roles, time-limited actions: owner and time are mandatory (V20); a next check-in."""
    with Huddle(HOSPITAL) as huddle:
        huddle.open()
        hospital, now = huddle.partners[0], huddle.sandbox.clock.now()
        with pytest.raises(ContentRefused, match="due_at"):
            huddle.shelter.crises.add_action(huddle.event, "arrange_medical", due_at=now)
        action = huddle.shelter.crises.add_action(
            huddle.event, "arrange_medical", owner=hospital.agency_id, due_at=now + HOUR
        )
        huddle.sandbox.sync()
        (held,) = huddle.show(hospital).actions
        assert not held.is_overdue(now)
        assert held.is_overdue(now + HOUR)
        (line,) = [held for held in hospital.due.list() if held.source == "crises"]
        assert (line.kind, line.at, line.turn) == ("huddle_action", now + HOUR, "ours")
        with pytest.raises(ContentRefused, match="no action"):
            huddle.shelter.crises.update_action(huddle.event, b"?" * 16, "done")
        huddle.shelter.crises.update_action(huddle.event, action, "dropped")
        with pytest.raises(ContentRefused, match="state"):
            huddle.shelter.crises.update_action(huddle.event, action, "done")
        with pytest.raises(ContentRefused, match="checkin_at"):
            huddle.shelter.crises.set_checkin(huddle.event)
        with pytest.raises(ContentRefused, match="checkin_at"):
            huddle.shelter.crises.set_checkin(huddle.event, now)
        huddle.shelter.crises.set_checkin(huddle.event, no_checkin_reason="danger_over")
        shown = huddle.show(huddle.shelter)
        assert shown.checkin is not None
        assert shown.checkin.no_checkin_reason == "danger_over"
        other = hospital.device_id
        huddle.shelter.crises.assign_role(huddle.event, other, "scribe")
        huddle.sandbox.sync()
        assert huddle.show(hospital).roles[other] == "scribe"
