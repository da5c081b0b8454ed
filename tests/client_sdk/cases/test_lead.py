"""The lead: exactly one agency, and the old one keeps the duty until the new one accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.cases.told import only_case, three, two

from quietway.errors import ContentRefused
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway import Client
    from quietway.testing import Sandbox

OFFERED_MS = 2 * DAY


def who_leads(*clients: Client) -> list[str]:
    """The agencies that take themselves for the lead."""
    return [
        client.program
        for client in clients
        if client.cases.lead.show(only_case(client)).agency == client.agency_id
    ]


def wait(sandbox: Sandbox, milliseconds: int) -> None:
    sandbox.clock.advance(milliseconds / 1_000)


@pytest.mark.requirement("C14", "B34")
def test_the_lead_goes_over_when_an_acceptance_is_confirmed_and_not_before(
    sandbox: Sandbox,
) -> None:
    """C14, B34: one coordination lead; an old lead keeps the duty until the new one accepted."""
    shelter, hospital, case, theirs = two(sandbox)
    assert who_leads(shelter, hospital) == ["HARBOR-SHELTER"]
    assert shelter.cases.find(case).lead == shelter.cases.lead.show(case)
    shelter.cases.lead.offer(case, "MERCY", reason_code="main_service")
    sandbox.sync()
    assert states(shelter, hospital) == [("HARBOR", "offered")] * 2
    wait(sandbox, 1)
    hospital.cases.lead.accept(theirs)
    assert states(shelter, hospital) == [("HARBOR", "offered"), ("HARBOR", "accepted")]
    assert [line.kind for line in hospital.due.list() if line.source == "leads"] == ["await_lead"]
    with pytest.raises(ContentRefused, match="accepted already"):
        hospital.cases.lead.accept(theirs)
    # The device that offered it reads the acceptance, and confirms it in the same pass.
    sandbox.sync()
    assert states(shelter, hospital) == [("MERCY", None)] * 2
    assert [line for line in hospital.due.list() if line.source == "leads"] == []
    with pytest.raises(ContentRefused, match="another agency's"):
        shelter.cases.lead.offer(case, "MERCY", reason_code="capacity")


def states(*clients: Client) -> list[tuple[str, str | None]]:
    """Who leads, and how what it offers stands, as each client shows it."""
    shown = []
    for client in clients:
        lead = client.cases.lead.show(only_case(client))
        code = next(
            other.program.partition("-")[0] for other in clients if other.agency_id == lead.agency
        )
        shown.append((code, None if lead.offer is None else lead.offer.state))
    return shown


def test_an_acceptance_that_could_not_be_sent_moves_nothing_anywhere(sandbox: Sandbox) -> None:
    shelter, hospital, case, theirs = two(sandbox)
    shelter.cases.lead.offer(case, "MERCY", reason_code="main_service")
    sandbox.sync()
    wait(sandbox, OFFERED_MS)
    with pytest.raises(ContentRefused, match="has ended"):
        hospital.cases.lead.accept(theirs)
    assert who_leads(shelter, hospital) == ["HARBOR-SHELTER"]


@pytest.mark.requirement("C14")
def test_whoever_declines_leaves_the_duty_where_it_is_and_frees_the_lead_to_ask_another(
    sandbox: Sandbox,
) -> None:
    """C14: when the lead may shift: offered, then accepted or declined."""
    shelter, hospital, police, case = three(sandbox)
    shelter.cases.lead.offer(case, "MERCY", reason_code="capacity")
    sandbox.sync()
    with pytest.raises(ContentRefused, match="may still accept"):
        shelter.cases.lead.offer(case, "CITYPD", reason_code="capacity")
    wait(sandbox, 1)
    hospital.cases.lead.decline(only_case(hospital), reason_code="conflict_of_interest")
    sandbox.sync()
    assert who_leads(shelter, hospital, police) == ["HARBOR-SHELTER"]
    wait(sandbox, 1)
    shelter.cases.lead.offer(case, "CITYPD", reason_code="capacity")
    sandbox.sync()
    wait(sandbox, 1)
    police.cases.lead.accept(only_case(police))
    with pytest.raises(ContentRefused, match="was declined"):
        hospital.cases.lead.accept(only_case(hospital))
    sandbox.sync()
    assert who_leads(shelter, hospital, police) == ["CITYPD-LIAISON"]


@pytest.mark.requirement("C14")
def test_an_offer_that_was_taken_back_is_accepted_by_nobody_and_another_one_is_asked_at_once(
    sandbox: Sandbox,
) -> None:
    """C14: one lead at any time (V07), which shifts when an offer that stands was accepted."""
    shelter, hospital, police, case = three(sandbox)
    shelter.cases.lead.offer(case, "MERCY", reason_code="capacity")
    sandbox.sync()
    wait(sandbox, 1)
    # It accepts in the same moment, and hears of the withdrawal later.
    shelter.cases.lead.withdraw(case, reason_code="staff_change")
    hospital.cases.lead.accept(only_case(hospital))
    shelter.cases.lead.offer(case, "CITYPD", reason_code="capacity")
    sandbox.sync()
    assert who_leads(shelter, hospital, police) == ["HARBOR-SHELTER"]
    with pytest.raises(ContentRefused, match="was taken back"):
        hospital.cases.lead.accept(only_case(hospital))
    with pytest.raises(ContentRefused, match="not accepted"):
        shelter.cases.lead.confirm(case)
    wait(sandbox, 1)
    police.cases.lead.accept(only_case(police))
    sandbox.sync()
    assert who_leads(shelter, hospital, police) == ["CITYPD-LIAISON"]
    with pytest.raises(ContentRefused, match="another agency's"):
        shelter.cases.lead.withdraw(case, reason_code="staff_change")


def test_an_acceptance_on_its_way_is_told_that_the_lead_went_elsewhere(sandbox: Sandbox) -> None:
    shelter, hospital, police, case = three(sandbox)
    shelter.cases.lead.offer(case, "MERCY", reason_code="capacity")
    sandbox.sync()
    wait(sandbox, OFFERED_MS - 1)
    # It accepts in the last moment, and the shelter does not hear of it for a while.
    hospital.cases.lead.accept(only_case(hospital))
    wait(sandbox, 1)
    asked = shelter.cases.lead.show(case)
    assert asked.find_out(sandbox.clock.now()) == ()
    shelter.cases.lead.offer(case, "CITYPD", reason_code="capacity")
    police.sync()
    wait(sandbox, 1)
    police.cases.lead.accept(only_case(police))
    sandbox.sync()
    # Two agencies accepted, so a person decides.
    assert who_leads(shelter, hospital, police) == ["HARBOR-SHELTER"]
    due = [line.agency for line in shelter.due.list() if line.kind == "confirm_lead"]
    assert set(due) == {hospital.agency_id, police.agency_id}
    with pytest.raises(ContentRefused, match="name one"):
        shelter.cases.lead.confirm(case)
    shelter.cases.lead.confirm(case, to="CITYPD")
    sandbox.sync()
    assert who_leads(shelter, hospital, police) == ["CITYPD-LIAISON"]
    there = hospital.cases.lead.show(only_case(hospital))
    assert (there.agency, there.went_elsewhere) == (shelter.agency_id, True)
    with pytest.raises(ContentRefused, match="went to another agency"):
        hospital.cases.lead.accept(only_case(hospital))


def test_a_third_agency_learns_who_leads_from_the_one_that_led_and_nobody_is_made_lead_so(
    sandbox: Sandbox,
) -> None:
    shelter, hospital, police, case = three(sandbox)
    shelter.cases.lead.assign(case, "coordination_lead")
    sandbox.sync()
    assert police.cases.lead.show(only_case(police)).role == "coordination_lead"
    shelter.cases.lead.offer(case, "MERCY", reason_code="main_service")
    sandbox.sync()
    wait(sandbox, 1)
    hospital.cases.lead.accept(only_case(hospital))
    sandbox.sync()
    wait(sandbox, 1)
    with pytest.raises(ContentRefused, match="names the lead"):
        shelter.cases.lead.tell(case, "coordination_lead", to="MERCY")
    shelter.cases.lead.tell(case, "coordination_lead", to="CITYPD")
    # The hospital has not accepted anything of the police: it is told, and is not moved by it.
    with pytest.raises(ContentRefused, match="another agency's"):
        police.cases.lead.assign(only_case(police), "coordination_lead", to="HARBOR")
    sandbox.sync()
    assert police.cases.lead.show(only_case(police)).agency == hospital.agency_id
    assert who_leads(shelter, hospital, police) == ["MERCY-SOCIALWORK"]
