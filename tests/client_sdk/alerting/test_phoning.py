"""Whom to phone, and what is said aloud: the published numbers, the alias, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quietway import Client, LeadUnknown
from quietway.alerting.phoning import write_script
from quietway.content import AfterHours, ContactSlot, MessageText
from quietway.guarding.asking import is_crisis
from quietway.testing import Sandbox
from quietway_schemas.content.alert import AlertVerify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway_schemas.ids import CaseRef


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def share_case(lead: Client, other: Client) -> CaseRef:
    opened = lead.cases.open()
    lead.status.set("contact_pending", to="HARBOR", case_ref=opened)
    other.sync()
    (held,) = other.cases.list()
    return held.case_ref


def test_the_script_names_the_published_people_and_says_no_more_than_the_alias(
    sandbox: Sandbox,
) -> None:
    hospital = sandbox.agency("MERCY-DESK", roles=("on_call_lead",))
    shelter = sandbox.agency("HARBOR-SHELTER")
    slots = [
        ContactSlot(slot="backup", name="B. Ade", role="supervisor", phone="555-0102"),
        ContactSlot(slot="primary", name="A. Roy", role="on_call_lead", phone="555-0101"),
    ]
    hospital.contacts.publish(slots, AfterHours(method="hotline", text="Ask for the night desk."))
    case = share_case(hospital, shelter)
    alert_id = shelter.alerts.send(case, "medical_emergency").alert_id
    script = shelter.alerts.phone_script(alert_id)
    assert [number.phone for number in script.numbers] == ["555-0101", "555-0102"]
    assert script.lines[0] == "Call A. Roy of MERCY (primary): 555-0101."
    assert "Ask for the night desk." in script.lines[2]
    aloud = next(line for line in script.lines if line.startswith("Say: "))
    # What the hospital calls the case with the shelter; and what it is about is not said.
    assert str(script.alias) in aloud
    hospital.sync()
    (there,) = hospital.alerts.list()
    known = hospital._client._agent.cases.find(there.case, shelter.agency_id)
    assert known == script.alias
    everything = " ".join(script.lines).lower()
    for told in ("medical", "emergency", "urgent", "survivor"):
        assert told not in everything
    assert "555" not in repr(script)
    assert "Roy" not in repr(script.numbers)


def test_without_published_numbers_or_a_known_lead_it_still_says_what_to_do(
    sandbox: Sandbox,
) -> None:
    hospital = sandbox.agency("MERCY-DESK", roles=("on_call_lead",))
    shelter = sandbox.agency("HARBOR-SHELTER")
    case = share_case(hospital, shelter)
    alert_id = shelter.alerts.send(case, "needs_lead_now").alert_id
    lines = shelter.alerts.phone_script(alert_id).lines
    assert lines[0].startswith("No number of MERCY is known here.")
    assert lines[-1].startswith("Write down who answered")


def test_where_nobody_is_known_to_lead_the_error_carries_what_to_do(sandbox: Sandbox) -> None:
    shelter = sandbox.agency("HARBOR-SHELTER")
    agent, case = shelter._client._agent, shelter.cases.open()
    script = shelter._loop.run(write_script, agent, None, case, raised_at=shelter.now())
    refused = LeadUnknown(str(case), script)
    assert "the partner who told you of the case" in refused.script.lines[0]
    assert "Call now" in str(refused)


@pytest.mark.requirement("A54")
def test_what_is_said_of_an_alert_is_of_the_crisis_tier() -> None:
    """A54: speed against sensitivity: a crisis has its own tier of overrides, with a second."""
    said = AlertVerify(alert_id=bytes(16), at=1, source_class="record", result="supports")
    assert is_crisis(said)
    assert not is_crisis(MessageText(text="Hello."))
