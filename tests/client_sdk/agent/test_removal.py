"""The operator removes an agency: everybody is told, nothing is sent to it, what was said stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies
from tests.controls import without

from quietway.errors import AgencyRemoved, RelayRefused
from quietway.events import AgencyGone, Event

if TYPE_CHECKING:
    from quietway.client import AsyncClient


async def _partners(agencies: Agencies) -> tuple[AsyncClient, AsyncClient]:
    shelter, hospital = await agencies.found(SHELTER), await agencies.found(HOSPITAL)
    await shelter.partners.add(await hospital.partners.invite("the shelter"))
    await hospital.partners.add(await shelter.partners.invite("the hospital"))
    for client in (shelter, hospital):
        await client.sync()
    return shelter, hospital


async def test_a_partner_that_was_removed_is_told_of_and_nothing_is_sealed_to_it(
    agencies: Agencies,
) -> None:
    shelter, hospital = await _partners(agencies)
    await hospital.messages.send("Said before.", to="HARBOR")
    await shelter.sync()
    told: list[Event] = []
    shelter._agent.listeners.append(told.append)
    agencies.relay.remove(hospital.agency_id)
    report = await shelter.sync()
    assert [type(problem) for problem in report.problems] == [AgencyRemoved]
    assert [event for event in told if isinstance(event, AgencyGone)] == [
        AgencyGone(hospital.agency_id, "MERCY", is_own=False)
    ]
    (partner,) = await shelter.partners.list()
    assert (partner.removed, partner.programs) == (True, ())
    with pytest.raises(AgencyRemoved, match="MERCY"):
        await shelter.messages.send("After.", to="MERCY")
    assert agencies.relay.envelopes_held() == ()
    # What was opened stays, and nothing alarms a second time.
    assert len(await shelter.inbox()) == 1
    assert (await shelter.sync()).problems == ()


async def test_control_without_the_mark_it_would_be_written_to_for_ever(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, hospital = await _partners(agencies)
    agencies.relay.remove(hospital.agency_id)
    without(monkeypatch, "quietway.keyring.trust:Directory._take_removal", lambda *_: [])
    await shelter.sync()
    sent = await shelter.messages.send("Nobody reads this.", to="MERCY")
    # It was sealed, and handed to a relay that has nobody to give it to.
    assert sent.state in {"sealed", "not_taken", "unreachable"}
    assert sent.message_id is not None


async def test_a_device_of_a_removed_agency_tells_its_user_and_sends_nothing_more(
    agencies: Agencies,
) -> None:
    shelter, hospital = await _partners(agencies)
    told: list[Event] = []
    hospital._agent.listeners.append(told.append)
    agencies.relay.remove(hospital.agency_id)
    report = await hospital.sync()
    assert [type(problem) for problem in report.problems] == [AgencyRemoved]
    (event,) = [each for each in told if isinstance(each, AgencyGone)]
    assert (event.is_own, event.agency_code) == (True, "MERCY")
    (manifest,) = [look for look in await hospital.doctor() if "manifest" in look.name]
    assert not manifest.ok
    # It goes on saying so: nothing else happens there any more.
    report = await hospital.sync()
    assert [type(problem) for problem in report.problems] == [AgencyRemoved]
    with pytest.raises(AgencyRemoved):
        await hospital.messages.send("From nobody.", to="HARBOR")
    assert shelter.agency_id != hospital.agency_id


async def test_nobody_takes_the_place_of_who_was_removed(agencies: Agencies) -> None:
    _, hospital = await _partners(agencies)
    agencies.relay.remove(hospital.agency_id)
    with pytest.raises(RelayRefused, match="invalid_field"):
        await agencies.found("MERCY-CLINIC")


async def test_the_mark_outlives_a_restart_and_a_person_takes_it_off(agencies: Agencies) -> None:
    shelter, hospital = await _partners(agencies)
    invitation = await hospital.partners.invite("again")
    agencies.relay.remove(hospital.agency_id)
    await shelter.sync()
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    (partner,) = await again.partners.list()
    assert partner.removed
    # The feed has the removal still, so it comes back with the reading that adding begins.
    assert (await again.partners.add(invitation)).removed
    assert again._agent.directory.cursor > 0
