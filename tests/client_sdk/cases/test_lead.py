"""The lead: exactly one agency, and the old one keeps the duty until the new one accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.cases.told import only_case, three, two
from tests.controls import without

from quietway.errors import ContentRefused
from quietway.views.lead import ON_ITS_WAY_MS
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
def test_the_lead_goes_over_when_the_other_accepts_and_not_before(sandbox: Sandbox) -> None:
    """C14, B34: one coordination lead; an old lead keeps the duty until the new one accepted."""
    shelter, hospital, case, theirs = two(sandbox)
    assert who_leads(shelter, hospital) == ["HARBOR-SHELTER"]
    assert shelter.cases.find(case).lead == shelter.cases.lead.show(case)
    shelter.cases.lead.offer(case, "MERCY", reason_code="main_service")
    sandbox.sync()
    for client in (shelter, hospital):
        lead = client.cases.lead.show(only_case(client))
        assert lead.agency == shelter.agency_id
        assert lead.offer is not None
        assert lead.offer.to == hospital.agency_id
    wait(sandbox, 1)
    hospital.cases.lead.accept(theirs)
    sandbox.sync()
    for client in (shelter, hospital):
        lead = client.cases.lead.show(only_case(client))
        assert (lead.agency, lead.offer) == (hospital.agency_id, None)
    with pytest.raises(ContentRefused, match="another agency's"):
        shelter.cases.lead.offer(case, "MERCY", reason_code="capacity")


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
    with pytest.raises(ContentRefused, match="not offered"):
        hospital.cases.lead.accept(only_case(hospital))
    sandbox.sync()
    assert who_leads(shelter, hospital, police) == ["CITYPD-LIAISON"]


@pytest.mark.requirement("C14")
def test_two_agencies_never_both_accept(sandbox: Sandbox) -> None:
    """C14: exactly one lead: nobody else is asked while an acceptance can be on its way."""
    shelter, hospital, police, case = three(sandbox)
    shelter.cases.lead.offer(case, "MERCY", reason_code="capacity")
    sandbox.sync()
    wait(sandbox, OFFERED_MS - 1)
    # It accepts in the last moment, and the shelter does not hear of it for a while.
    hospital.cases.lead.accept(only_case(hospital))
    wait(sandbox, 1)
    with pytest.raises(ContentRefused, match="may still accept"):
        shelter.cases.lead.offer(case, "CITYPD", reason_code="capacity")
    wait(sandbox, ON_ITS_WAY_MS - OFFERED_MS)
    with pytest.raises(ContentRefused, match="may still accept"):
        shelter.cases.lead.offer(case, "CITYPD", reason_code="capacity")
    sandbox.sync()
    assert who_leads(shelter, hospital, police) == ["MERCY-SOCIALWORK"]


def test_control_where_the_lead_is_not_bound_two_agencies_lead(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.views.lead:Lead.is_bound_at", lambda _lead, _now: False)
    shelter, hospital, police, case = three(sandbox)
    shelter.cases.lead.offer(case, "MERCY", reason_code="capacity")
    sandbox.sync()
    wait(sandbox, 1)
    hospital.cases.lead.accept(only_case(hospital))
    shelter.cases.lead.offer(case, "CITYPD", reason_code="capacity")
    police.sync()
    wait(sandbox, 1)
    police.cases.lead.accept(only_case(police))
    assert who_leads(hospital, police) == ["MERCY-SOCIALWORK", "CITYPD-LIAISON"]


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
