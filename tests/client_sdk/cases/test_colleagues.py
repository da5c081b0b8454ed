"""Cases on several devices of one agency: all of them know the same, whoever opened or said it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, Agencies
from tests.client_sdk.own.linked import give_snapshot, link, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from quietway.client import AsyncClient
    from quietway.content import CaseRef


@pytest.fixture
async def agencies(tmp_path: Path) -> AsyncIterator[Agencies]:
    async with Agencies(tmp_path) as made:
        yield made


async def tell(agencies: Agencies) -> tuple[AsyncClient, AsyncClient, AsyncClient, CaseRef]:
    """A shelter with two devices, a hospital, and a case that a handover was offered for."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    case = await shelter.cases.open()
    await shelter.board.set_barrier(case, "pet_care", to="MERCY")
    await shelter.cases.review(case, to="MERCY")
    agencies.clock.advance(1)
    await shelter.cases.lead.offer(case, "MERCY", reason_code="capacity")
    await settle(shelter, hospital)
    (theirs,) = await hospital.cases.list()
    await hospital.board.set_barrier(theirs.case_ref, "childcare", to="HARBOR")
    await settle(shelter, hospital)
    tablet = await link(agencies, shelter, "tablet")
    return shelter, hospital, tablet, case


async def test_a_new_device_knows_the_cases_that_were_opened_and_its_snapshot_what_stands(
    agencies: Agencies,
) -> None:
    shelter, _, tablet, case = await tell(agencies)
    assert [held.case_ref for held in await tablet.cases.list()] == [case]
    assert (await tablet.board.show(case)).barriers == ()
    await give_snapshot(shelter, tablet)
    assert await tablet.board.list() == await shelter.board.list() != []
    there, here = await tablet.cases.find(case), await shelter.cases.find(case)
    assert (there.lead, there.review_due) == (here.lead, here.review_due)
    assert here.lead.agency == shelter.agency_id
    assert here.lead.offer is not None


async def test_a_new_device_of_the_other_side_does_not_take_itself_for_the_lead(
    agencies: Agencies,
) -> None:
    _, hospital, _, _ = await tell(agencies)
    ward = await link(agencies, hospital, "ward")
    await give_snapshot(hospital, ward)
    (there,), (here,) = await ward.cases.list(), await hospital.cases.list()
    assert there.lead == here.lead
    assert there.lead.agency != ward.agency_id


async def test_what_a_colleague_says_without_having_seen_a_barrier_hides_none(
    agencies: Agencies,
) -> None:
    shelter, hospital, tablet, case = await tell(agencies)
    await give_snapshot(shelter, tablet)
    # Both say something of it before they hear from one another.
    await shelter.board.set_barrier(case, "language_access", "present")
    agencies.clock.advance(1)
    await tablet.board.set_barrier(case, "language_access", "resolved")
    await settle(shelter, tablet, hospital)
    (theirs,) = await hospital.board.list()
    for board in (theirs, await shelter.board.show(case), await tablet.board.show(case)):
        assert [line.state for line in board.barriers if line.code == "language_access"] == [
            "present"
        ]
    await tablet.board.set_barrier(case, "language_access", "resolved")
    await settle(shelter, tablet, hospital)
    (theirs,) = await hospital.board.list()
    for board in (theirs, await shelter.board.show(case), await tablet.board.show(case)):
        assert [line.state for line in board.barriers if line.code == "language_access"] == [
            "resolved"
        ]


@pytest.mark.requirement("C14")
async def test_two_devices_that_confirm_two_agencies_come_to_the_one_confirmed_first(
    agencies: Agencies,
) -> None:
    """C14: exactly one lead at any time (V07), whatever two devices of the agency that leads do."""
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    tablet = await link(agencies, shelter, "tablet")
    await give_snapshot(shelter, tablet)
    case = await shelter.cases.open()
    await shelter.board.set_barrier(case, "pet_care", to=["MERCY", "CITYPD"])
    everybody = (shelter, tablet, hospital, police)
    await settle(*everybody)
    agencies.clock.advance(1)
    await shelter.cases.lead.offer(case, "MERCY", reason_code="capacity")
    await tablet.cases.lead.offer(case, "CITYPD", reason_code="capacity")
    theirs = {}
    for client in (hospital, police):
        await client.sync()
        (held,) = await client.cases.list()
        theirs[client] = held.case_ref
        await client.cases.lead.accept(held.case_ref)
    # Each device has read of both, so neither confirms by itself.
    for device in (shelter, tablet):
        await device.sync()
        lead = await device.cases.lead.show(case)
        assert lead.agency == shelter.agency_id
        assert [offer.state for offer in lead.offers] == ["accepted", "accepted"]
    agencies.clock.advance(1)
    await shelter.cases.lead.confirm(case, to="MERCY")
    agencies.clock.advance(1)
    await tablet.cases.lead.confirm(case, to="CITYPD")
    await settle(*everybody)
    shown = [await device.cases.lead.show(case) for device in (shelter, tablet)]
    shown += [await client.cases.lead.show(named) for client, named in theirs.items()]
    there = [lead.agency for lead in shown]
    assert there == [hospital.agency_id] * 3 + [shelter.agency_id]
    assert shown[-1].went_elsewhere
