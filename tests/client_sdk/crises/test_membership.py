"""Who leaves gets nothing more; who joins gets a summary; a lead goes over when it is accepted."""

from __future__ import annotations

import pytest
from tests.client_sdk.crises.huddle import HOSPITAL, LEGAL, POLICE, Huddle, count_to
from tests.controls import without

from quietway.errors import ContentRefused, NotPartners
from quietway_schemas.content.crisis import HuddleSummary


@pytest.mark.requirement("C49")
def test_a_joiner_gets_a_summary_and_never_history() -> None:
    """C49: a short huddle with relevant partners: each joins by a new epoch."""
    with Huddle(HOSPITAL, POLICE) as huddle:
        huddle.activate()
        hospital, police = huddle.partners
        hospital.crises.answer(huddle.event)
        huddle.sandbox.sync()
        huddle.sandbox.sync()
        huddle.say(huddle.shelter, "Before they came.")
        huddle.sandbox.sync()
        police.crises.answer(huddle.event)
        huddle.sandbox.sync()
        huddle.sandbox.sync()
        shown = huddle.show(police)
        assert huddle.texts(police) == []
        assert [held.type for held in shown.summaries] == ["huddle.summary"]
        assert "Before" not in repr([held.content.to_canonical() for held in shown.said])
        huddle.say(huddle.shelter, "Since then.")
        huddle.sandbox.sync()
        assert huddle.texts(police) == ["Since then."]
        assert huddle.texts(hospital) == ["Before they came.", "Since then."]
        assert isinstance(shown.summaries[0], HuddleSummary)


@pytest.mark.requirement("C49")
def test_who_leaves_or_is_removed_gets_nothing_more_also_of_what_waits() -> None:
    """C49: who leaves gets nothing more: nothing is sealed for it, and what waits is taken back."""
    with Huddle(HOSPITAL, POLICE) as huddle:
        huddle.open()
        hospital, police = huddle.partners
        huddle.say(huddle.shelter, "At the relay, and not fetched.")
        huddle.sandbox.relay.offline = True
        huddle.say(huddle.shelter, "Waiting here.")
        huddle.sandbox.relay.offline = False
        huddle.shelter.crises.remove(huddle.event, police.agency_id)
        before = count_to(huddle, police)
        huddle.say(huddle.shelter, "Without them.")
        huddle.sandbox.sync()
        assert count_to(huddle, police) == before
        assert huddle.texts(police) == []
        assert huddle.texts(hospital) == [
            "At the relay, and not fetched.",
            "Waiting here.",
            "Without them.",
        ]
        # What they say is refused, wherever it arrives.
        huddle.say(police, "Still here?")
        huddle.sandbox.sync()
        assert "Still here?" not in huddle.texts(hospital) + huddle.texts(huddle.shelter)
        assert huddle.show(hospital).refused == 1
        hospital.crises.leave(huddle.event)
        with pytest.raises(ContentRefused, match="takes no part"):
            huddle.say(hospital, "I am gone.")
        huddle.sandbox.sync()
        huddle.sandbox.sync()
        assert [held.agency for held in huddle.show(huddle.shelter).members] == [
            huddle.shelter.agency_id
        ]
        with pytest.raises(ContentRefused, match="nobody"):
            huddle.say(huddle.shelter, "Alone.")


def test_without_the_cut_what_waits_would_reach_whoever_was_put_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: were what waits not cut, the removed would be told it."""

    async def cut_nothing(*_: object) -> None:
        return None

    with Huddle(HOSPITAL, POLICE) as huddle:
        huddle.open()
        _, police = huddle.partners
        huddle.sandbox.relay.offline = True
        huddle.say(huddle.shelter, "Waiting here.")
        huddle.sandbox.relay.offline = False
        without(monkeypatch, "quietway.huddling.stating:cut_off", cut_nothing)
        huddle.shelter.crises.remove(huddle.event, police.agency_id)
        huddle.sandbox.sync()
        assert huddle.texts(police) == ["Waiting here."]


def test_an_observer_reads_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with Huddle(HOSPITAL) as huddle:
        huddle.open()
        hospital = huddle.partners[0]
        huddle.shelter.crises.assign_role(huddle.event, hospital.device_id, "observer")
        huddle.sandbox.sync()
        huddle.say(huddle.shelter, "You may read this.")
        huddle.sandbox.sync()
        assert huddle.texts(hospital) == ["You may read this."]
        with pytest.raises(ContentRefused, match="observer"):
            huddle.say(hospital, "And I say this.")
        # A program that says it all the same is not heard.
        without(monkeypatch, "quietway.huddling.saying:check_may_say", lambda *_: None)
        huddle.say(hospital, "And I say this.")
        huddle.sandbox.sync()
        assert huddle.texts(huddle.shelter) == ["You may read this."]
        # What was said as an observer does not count later either, and what was said before does.
        monkeypatch.undo()
        huddle.sandbox.clock.advance(1)
        huddle.shelter.crises.assign_role(huddle.event, hospital.device_id, "scribe")
        huddle.sandbox.sync()
        huddle.say(hospital, "Now I may.")
        huddle.sandbox.sync()
        assert huddle.texts(huddle.shelter) == ["You may read this.", "Now I may."]
        huddle.sandbox.clock.advance(1)
        huddle.shelter.crises.assign_role(huddle.event, hospital.device_id, "observer")
        assert huddle.texts(huddle.shelter) == ["You may read this.", "Now I may."]
        # The control: were it not looked what it was then, the observer would be heard.
        without(monkeypatch, "quietway.crisis.chain:Membership.find_role", lambda *_: "scribe")
        assert "And I say this." in huddle.texts(huddle.shelter)


def test_the_lead_goes_over_when_it_is_accepted_and_not_before() -> None:
    with Huddle(HOSPITAL, POLICE) as huddle:
        huddle.open()
        hospital, police = huddle.partners
        with pytest.raises(ContentRefused, match="another device leads"):
            hospital.crises.hand_over(huddle.event, police.device_id)
        with pytest.raises(ContentRefused, match="nobody offered"):
            hospital.crises.accept_lead(huddle.event)
        huddle.shelter.crises.hand_over(huddle.event, hospital.device_id)
        huddle.sandbox.sync()
        assert huddle.show(police).lead == huddle.shelter.agency_id
        hospital.crises.accept_lead(huddle.event)
        huddle.sandbox.sync()
        huddle.sandbox.sync()
        for client in (huddle.shelter, hospital, police):
            owner = huddle.show(client).owner
            assert owner is not None
            assert owner.device == hospital.device_id
        # From now on the hospital says who takes part, and the shelter no more.
        with pytest.raises(ContentRefused, match="another device leads"):
            huddle.shelter.crises.remove(huddle.event, police.agency_id)
        hospital.crises.remove(huddle.event, police.agency_id)
        huddle.sandbox.sync()
        assert len(huddle.show(huddle.shelter).members) == 2


def test_two_agencies_that_are_no_partners_are_named_and_not_brought_together() -> None:
    with Huddle(HOSPITAL, POLICE, LEGAL) as huddle:
        hospital, police, legal = huddle.partners
        huddle.activate()
        hospital.crises.answer(huddle.event)
        huddle.sandbox.sync()
        huddle.sandbox.sync()
        del police._client._agent.lanes.partners[hospital.agency_id]
        police.crises.answer(huddle.event)
        huddle.sandbox.sync()
        huddle.sandbox.sync()
        shown = huddle.show(huddle.shelter)
        assert police.agency_id not in {held.agency for held in shown.members}
        with pytest.raises(NotPartners) as refused:
            huddle.shelter.crises.invite(huddle.event, police.device_id)
        assert {refused.value.agency, refused.value.other} == {"METRO", "MERCY"}
        assert legal.agency_id not in {held.agency for held in shown.members}
        # Where that shows only later, whoever is to speak is told with whom they can't.
        del hospital._client._agent.lanes.partners[huddle.shelter.agency_id]
        with pytest.raises(NotPartners) as unheard:
            huddle.say(hospital, "Do you hear me?")
        assert {unheard.value.agency, unheard.value.other} == {"MERCY", "HARBOR"}
