"""A drill's verification counts as in a crisis: with the script's result; a judgement, by two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.client_sdk.drills.test_running import Joint
from tests.controls import without

from quietway.drilling.measuring import gather_facts
from quietway.testing import Sandbox

if TYPE_CHECKING:
    import pytest

    from quietway.drilling.scoring import DrillFacts

JUDGEMENT = "professional_judgement"


def measure(joint: Joint) -> DrillFacts:
    agent = joint.shelter._client._agent
    facts: DrillFacts = joint.shelter._loop.run(gather_facts, agent, joint.drill, ())
    return facts


def test_a_word_against_an_alert_supports_it_no_more_than_a_judgement_of_one() -> None:
    with Sandbox(seed=23) as sandbox:
        joint = Joint(sandbox, "MERCY")
        verify = joint.hospital.alerts.verify
        verify(joint.drill.alert_id, "trusted_contact", "contradicts")
        joint.wait(60)
        assert (measure(joint).verified_at, measure(joint).supported_at) == (None, None)
        verify(joint.drill.alert_id, "record", "supports", basis=JUDGEMENT)
        joint.wait(60)
        assert measure(joint).supported_at is None
        said_at = sandbox.clock.now()
        verify(joint.drill.alert_id, "partner_agency", "supports")
        joint.wait(60)
        assert measure(joint).verified_at == measure(joint).supported_at == said_at


def _take_it_at_once(_self: Any, held: Any, *_: Any) -> Any:
    return held.said_at


def test_control_where_nobody_asks_for_the_second_person_a_judgement_of_one_would_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(
        monkeypatch,
        "quietway.drilling.measuring:_AlertSaid._find_counting",
        _take_it_at_once,
    )
    with Sandbox(seed=23) as sandbox:
        joint = Joint(sandbox, "MERCY")
        joint.hospital.alerts.verify(joint.drill.alert_id, "record", "supports", basis=JUDGEMENT)
        joint.wait(60)
        assert measure(joint).supported_at is not None
