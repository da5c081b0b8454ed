"""A summary is made of codes; what a person adds is read by the guard."""

from __future__ import annotations

import pytest
from tests.client_sdk.crises.huddle import HOSPITAL, Huddle

from quietway.crisis.summary import explain_summary
from quietway.errors import LocationFound
from quietway_schemas.instants import HOUR


@pytest.mark.requirement("C51")
def test_the_lead_logs_decisions_and_sends_a_summary_that_holds_nobodys_words() -> None:
    """C51: decisions are logged; the summary is generated, guarded and sealed."""
    with Huddle(HOSPITAL) as huddle:
        huddle.open()
        hospital, now = huddle.partners[0], huddle.sandbox.clock.now()
        crises = huddle.shelter.crises
        huddle.say(huddle.shelter, "Something that was said.")
        crises.decide(huddle.event, "Something that was decided.", rationale="immediate_safety")
        crises.add_action(huddle.event, "arrange_transport", due_at=now + HOUR)
        crises.set_checkin(huddle.event, now + HOUR)
        crises.summary(huddle.event, final=True)
        huddle.sandbox.sync()
        (decision,) = huddle.show(hospital).decisions
        assert (decision.text, decision.by) == (
            "Something that was decided.",
            huddle.shelter.agency_id,
        )
        summary = huddle.show(hospital).summaries[-1]
        assert (summary.final, summary.checkin_at, summary.members) == (True, now + HOUR, 2)
        assert summary.decisions == ("immediate_safety",)
        assert [held.code for held in summary.actions] == ["arrange_transport"]
        assert b"Something" not in summary.to_canonical()
        assert "Arrange transport: Open" in explain_summary(summary)
        assert "EXERCISE" not in explain_summary(summary)
        with pytest.raises(LocationFound):
            crises.summary(huddle.event, text="She waits at 14 Elm Street.")
        with pytest.raises(LocationFound):
            crises.say(huddle.event, "She waits at 14 Elm Street.")
        with pytest.raises(LocationFound):
            crises.decide(huddle.event, "Meet at 14 Elm Street.", rationale="capacity")
