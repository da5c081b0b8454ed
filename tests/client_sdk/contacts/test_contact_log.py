"""Contact between agencies: logged by itself, or by a person; questions, and the agenda."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, WHOLE_REFERRAL
from tests.client_sdk.cases.told import only_case, three, two
from tests.client_sdk.contacts.test_contacts import NIGHT, OKAFOR, REYES, go_to
from tests.client_sdk.two_agencies import at
from tests.controls import without

from quietway import ContentRefused

if TYPE_CHECKING:
    from quietway import Client
    from quietway.testing import Sandbox


def lines(client: Client) -> list[tuple[str, str]]:
    return [(held.kind, held.turn) for held in client.due.list() if held.source == "questions"]


@pytest.mark.requirement("C04")
def test_every_message_is_in_both_agencies_logs_by_itself(sandbox: Sandbox) -> None:
    """C04: date, time, purpose and outcome of each sent or answered message."""
    shelter, hospital = (sandbox.agency(name) for name in (SHELTER, HOSPITAL))
    shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
    shelter.messages.send("Did it arrive?", to="MERCY")
    sandbox.sync()
    for client, direction in ((shelter, "out"), (hospital, "in")):
        packet, text = client.contacts.log()
        assert (packet.purpose_code, packet.outcome_code) == ("safe_accommodation", "referral_made")
        assert (text.purpose_code, text.outcome_code) == ("information_request", None)
        assert {packet.direction, text.direction} == {direction}
        assert packet.interaction_type == "secure_message"
        assert packet.at == sandbox.clock.now()
    sandbox.clock.advance(60)
    (received,) = [held for held in hospital.inbox() if held.content.type == "message.text"]
    hospital.messages.send("Yes.", to="HARBOR", answers=received.message_id)
    sandbox.sync()
    for client in (shelter, hospital):
        told = [held.outcome_code for held in client.contacts.log(partner=_other(client))]
        assert told == ["referral_made", "information_exchanged", None]


def _other(client: Client) -> str:
    return "MERCY" if client.program == SHELTER else "HARBOR"


def test_what_programs_tell_each_other_is_no_contact(sandbox: Sandbox) -> None:
    shelter, hospital = (sandbox.agency(name) for name in (SHELTER, HOSPITAL))
    shelter.contacts.publish([OKAFOR, REYES], NIGHT)
    shelter.messages.send("Good morning.", to="MERCY")
    sandbox.sync()
    hospital.messages.mark_opened(*hospital.inbox())
    sandbox.clock.advance(3_600)
    sandbox.sync()
    assert [held.kind for held in shelter.contacts.log()] == ["message.text"]


@pytest.mark.requirement("C04")
def test_a_call_is_logged_with_the_agency_that_it_was_with_and_nobody_else(
    sandbox: Sandbox,
) -> None:
    """C04: manual for calls; each agency under its own name for the case."""
    shelter, hospital, police, case = three(sandbox)
    before = len(police.inbox())
    shelter.contacts.log_call(
        "MERCY", "phone", "scheduling", "reached", case=case, duration_min=4, note="Tomorrow."
    )
    sandbox.sync()
    for client, ref in ((shelter, case), (hospital, only_case(hospital))):
        (held,) = [one for one in client.contacts.log(case=ref) if one.kind == "contact.log"]
        assert (held.interaction_type, held.purpose_code) == ("phone", "scheduling")
        assert (held.outcome_code, held.duration_min, held.note) == ("reached", 4, "Tomorrow.")
        assert held.case_ref == ref
    assert only_case(hospital) != case
    assert len(police.inbox()) == before


@pytest.mark.requirement("C02")
def test_another_way_than_the_proposed_one_needs_a_reason_and_is_logged_with_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C02: a deviation is logged; the control shows what is lost where nobody asks for it."""
    shelter, hospital = (sandbox.agency(name) for name in (SHELTER, HOSPITAL))
    by_mail = ("MERCY", "email", "safe_accommodation", "reached")
    with pytest.raises(ContentRefused, match="deviation"):
        shelter.contacts.log_call(*by_mail, time_sensitivity="urgent")
    with pytest.raises(ContentRefused, match="leave it out"):
        shelter.contacts.log_call("MERCY", "phone", "scheduling", "reached", deviation="safer")
    with pytest.raises(ContentRefused):
        shelter.contacts.log_call(*by_mail, time_sensitivity="urgent", deviation="because")
    assert shelter.contacts.log() == []
    shelter.contacts.log_call(*by_mail, time_sensitivity="urgent", deviation="no_answer")
    sandbox.sync()
    (held,) = hospital.contacts.log()
    assert (held.interaction_type, held.deviation) == ("email", "no_answer")
    # Control: without the table nobody learns that e-mail was used for what was urgent.
    without(monkeypatch, "quietway.faces.contacts:deviates", lambda *_: False)
    shelter.contacts.log_call(*by_mail, time_sensitivity="urgent")
    sandbox.sync()
    assert [one.deviation for one in hospital.contacts.log()] == ["no_answer", None]


@pytest.mark.requirement("C03", "C08")
def test_a_question_to_a_partner_is_due_by_its_calendar_until_it_is_answered(
    sandbox: Sandbox,
) -> None:
    """C03, C08: a clarification goes to the liaison, and its window is counted where it is due."""
    shelter = sandbox.agency(SHELTER)
    hospital = sandbox.agency(HOSPITAL, roles=("hospital_social_worker", "liaison"))
    hospital.contacts.publish_profile(time_zone="America/Chicago", country="US")
    go_to(sandbox, "2026-11-23T10:00-06:00")
    shelter.contacts.ask("MERCY", "eligibility", "Do you take people without papers?")
    sandbox.sync()
    assert (lines(shelter), lines(hospital)) == ([], [])
    go_to(sandbox, "2026-11-25T09:30-06:00")
    assert (lines(shelter), lines(hospital)) == ([("remind", "ours")], [("answer", "ours")])
    (ours,) = [held for held in hospital.due.list(mine=True) if held.source == "questions"]
    # Thanksgiving does not count.
    assert (ours.at, ours.roles, ours.calendar) == (
        at("2026-11-27T17:00-06:00"),
        ("liaison",),
        "theirs",
    )
    go_to(sandbox, "2026-11-27T17:30-06:00")
    assert lines(shelter) == [("chase", "ours")]
    assert [held.is_overdue(sandbox.clock.now()) for held in hospital.due.list()] == [True]
    (asked,) = hospital.contacts.questions()
    hospital.messages.send("Yes.", to="HARBOR", conversation=asked.conversation)
    sandbox.sync()
    assert (lines(shelter), lines(hospital)) == ([], [])
    assert [held.is_answered for held in shelter.contacts.questions()] == [True]


@pytest.mark.requirement("C03")
def test_what_is_urgent_is_to_be_answered_at_once_and_by_the_clock(sandbox: Sandbox) -> None:
    """C03: routine, priority, urgent: four hours run through the night."""
    shelter, hospital = (sandbox.agency(name) for name in (SHELTER, HOSPITAL))
    go_to(sandbox, "2026-11-23T23:00+00:00")
    shelter.contacts.ask("MERCY", "after_hours", "Who is there?", time_sensitivity="urgent")
    sandbox.sync()
    assert lines(hospital) == [("answer", "ours")]
    go_to(sandbox, "2026-11-24T03:00+00:00")
    assert lines(shelter) == [("chase", "ours")]


@pytest.mark.requirement("C08", "C09")
def test_what_cuts_across_and_what_is_broken_is_on_the_agenda(sandbox: Sandbox) -> None:
    """C08, C09: cross-cutting questions and problems of the system go to the meeting, once."""
    shelter, hospital, police = (sandbox.agency(name) for name in (SHELTER, HOSPITAL, POLICE))
    shelter.contacts.ask("MERCY", "terminology", "What is a bed?", cross_cutting=True)
    shelter.contacts.ask("MERCY", "eligibility", "May we bring a dog?")
    shelter.contacts.report_problem("code_missing", "There is no code for pets.", agenda=True)
    shelter.contacts.report_problem("slow", "It was slow today.", to="MERCY")
    sandbox.sync()
    kinds = {
        client.program: sorted(item.content.type for item in client.contacts.agenda())
        for client in (shelter, hospital, police)
    }
    both = ["clarification.request", "system_problem"]
    assert kinds == {SHELTER: both, HOSPITAL: both, POLICE: ["system_problem"]}


def test_a_call_about_a_case_asks_policy_as_all_else_does(sandbox: Sandbox) -> None:
    shelter, hospital, case, _ = two(sandbox)
    shelter.contacts.log_call("MERCY", "phone", "scheduling", "reached", case=case)
    sandbox.sync()
    (held,) = [one for one in hospital.contacts.log() if one.kind == "contact.log"]
    assert held.outcome_code == "reached"
