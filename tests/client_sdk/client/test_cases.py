"""A case has another name for each agency that is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, WHOLE_REFERRAL, Agencies
from tests.controls import without

from quietway.content import CaseRef, StatusIndicator

if TYPE_CHECKING:
    from quietway.client import AsyncClient


async def read_cases(client: AsyncClient) -> set[CaseRef]:
    """Every case reference that an agency was ever told, as it was told."""
    await client.sync()
    held = [received.content for received in await client.inbox()]
    refs = {getattr(content, "case_ref", None) for content in held}
    return {ref for ref in refs if ref is not None}


@pytest.mark.requirement("A10")
async def test_two_partners_cannot_join_what_they_were_told_of_one_case(
    agencies: Agencies,
) -> None:
    """A10: an alias for each relationship, so that two partners cannot join without consent."""
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    case = CaseRef(agencies.entropy.draw(16))
    for _ in range(2):
        await shelter.status.set("safety_plan_active", to=["MERCY", "CITYPD"], case_ref=case)
    for code in ("MERCY", "CITYPD"):
        await shelter.referrals.send(code, **WHOLE_REFERRAL, case_ref=case)
    told_hospital, told_police = await read_cases(hospital), await read_cases(police)
    assert len(told_hospital) == len(told_police) == 1
    assert told_hospital & told_police == set()
    assert case not in told_hospital | told_police


@pytest.mark.requirement("A10")
async def test_control_with_one_reference_for_everyone_two_partners_can_join(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A10: without aliases, both hold the same reference."""
    without(monkeypatch, "quietway.naming:make_alias", lambda case, *_: case)
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    case = CaseRef(agencies.entropy.draw(16))
    await shelter.status.set("safety_plan_active", to=["MERCY", "CITYPD"], case_ref=case)
    assert await read_cases(hospital) == await read_cases(police) == {case}


async def test_no_agency_sees_who_else_was_told_of_a_case(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    case = CaseRef(agencies.entropy.draw(16))
    await shelter.status.set("safety_plan_active", to=["MERCY", "CITYPD"], case_ref=case)
    conversations = set()
    for client in (hospital, police):
        await client.sync()
        conversations |= {held.conversation for held in await client.inbox()}
        told = [set(held) for held in client._agent.state.audiences.values()]
        assert {shelter.device_id, client.device_id} in told
        # The two are partners as well, and write to one another.
        assert not any(
            {hospital.device_id, police.device_id, shelter.device_id} <= held for held in told
        )
    assert len(conversations) == 2


async def test_an_alias_lasts_across_a_restart_and_shows_as_ones_own_reference(
    agencies: Agencies,
) -> None:
    shelter, hospital, _ = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    case = CaseRef(agencies.entropy.draw(16))
    await shelter.status.set("safety_plan_active", to=["MERCY", "CITYPD"], case_ref=case)
    (alias,) = await read_cases(hospital)
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    await again.status.set("safety_plan_active", to="MERCY", case_ref=case, state="ended")
    assert await read_cases(hospital) == {alias}
    assert {line.case_ref for line in await again.status.board()} == {case}
    # What the hospital says of it, by the only name it knows, is about the same case here.
    await hospital.status.set("court_date_scheduled", to="HARBOR", case_ref=alias)
    await again.sync()
    assert [held.content.case_ref for held in await again.inbox()] == [case]


async def test_what_an_agency_calls_a_case_goes_back_to_it_and_to_nobody_else(
    agencies: Agencies,
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await hospital.status.set(
        "safety_plan_active", to="HARBOR", case_ref=CaseRef(agencies.entropy.draw(16))
    )
    (theirs,) = await read_cases(shelter)
    await shelter.status.set("safety_plan_active", to=["MERCY", "CITYPD"], case_ref=theirs)
    await hospital.sync()
    content = (await hospital.inbox())[-1].content
    assert isinstance(content, StatusIndicator)
    assert content.case_ref in {line.case_ref for line in await hospital.status.board()}
    assert {line.case_ref for line in await hospital.status.board()} == {content.case_ref}
    assert theirs not in await read_cases(police)


async def test_an_alias_in_a_strangers_mouth_is_not_taken_for_the_case(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    case = CaseRef(agencies.entropy.draw(16))
    await shelter.status.set("safety_plan_active", to="MERCY", case_ref=case)
    (alias,) = await read_cases(hospital)
    said = StatusIndicator(
        code="safety_plan_active",
        state="ended",
        case_ref=alias,
        effective=agencies.clock.now(),
        expires=agencies.clock.now() + 1_000,
        confidence="reported",
    )
    assert shelter._agent.cases.translate(said, hospital.agency_id).case_ref == case
    assert shelter._agent.cases.translate(said, police.agency_id).case_ref == alias
