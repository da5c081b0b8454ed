"""A pause of a case that nobody knows, and one that is lifted where there is no release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.consent.worlds import CASE, WHOLE, list_kinds
from tests.client_sdk.own.linked import link
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway import ContentRefused, NotFound, NotPermitted
from quietway.views.timeline import case_of

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient

CODE = "shelter_need_open"


async def settle(agencies: Agencies, *clients: AsyncClient) -> None:
    agencies.clock.advance(600)
    await settle_all(*clients)


async def test_a_case_that_nobody_can_know_is_refused_and_not_answered_with_nothing(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    for stop in (shelter.consent.pause, shelter.consent.revoke):
        with pytest.raises(NotFound):
            await stop(CASE)


async def test_where_a_colleague_may_know_the_case_the_stop_counts_and_is_reported(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await link(agencies, shelter, "desk")
    (report,) = await shelter.consent.pause(CASE)
    assert (report.agency, report.given) == (hospital.agency_id, "paused")
    with pytest.raises(NotPermitted):
        await shelter.status.set(CODE, to="MERCY", case_ref=CASE)


async def test_control_without_the_refusal_a_stop_of_nothing_looks_like_one(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    without(monkeypatch, "quietway.consent.stopping:_is_opened", lambda *_: True)
    assert await shelter.consent.pause(CASE) == []


async def _pause_and_go_on(agencies: Agencies) -> tuple[AsyncClient, list[str]]:
    """Pause what was said without any release, and resume; what the hospital then shows."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    await shelter.consent.pause(CASE)
    await settle(agencies, shelter, hospital)
    assert await list_kinds(hospital) == []
    await shelter.consent.resume(CASE, "MERCY")
    await settle(agencies, shelter, hospital)
    return shelter, await list_kinds(hospital)


@pytest.mark.requirement("A30")
async def test_a_pause_without_a_release_is_lifted_without_one(agencies: Agencies) -> None:
    """A30: a pause is one step, and so is going on: nobody signs more than she had signed."""
    shelter, shown = await _pause_and_go_on(agencies)
    assert shown == ["referral.packet"]
    await shelter.status.set(CODE, to="MERCY", case_ref=CASE)
    assert (await shelter.consent.show(CASE)).status is None


async def test_control_a_lift_that_names_no_pause_lifts_nothing(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.releasing:name_whole_pauses", lambda _: ())
    shelter, shown = await _pause_and_go_on(agencies)
    assert shown == []
    with pytest.raises(NotPermitted):
        await shelter.status.set(CODE, to="MERCY", case_ref=CASE)


async def test_a_lift_undoes_no_revocation_and_tells_nobody_who_never_heard_of_the_case(
    agencies: Agencies,
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await shelter.referrals.send("MERCY", **WHOLE)
    await shelter.consent.pause(CASE, "CITYPD")
    (report,) = await shelter.consent.resume(CASE, "CITYPD")
    assert report.given == "granted"
    await shelter.consent.revoke(CASE, "MERCY")
    with pytest.raises(ContentRefused):
        await shelter.consent.resume(CASE, "MERCY")
    await settle(agencies, shelter, hospital, police)
    assert await police.inbox() == []


async def _go_on_after_a_partners_pause(agencies: Agencies) -> list[bool]:
    """A partner that was told of a case pauses it; whether its opener may tell it, and a third."""
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await shelter.status.set("shelter_need_open", to="MERCY", case_ref=CASE)
    await settle(agencies, shelter, hospital, police)
    (case,) = {case_of(held.content) for held in await hospital.inbox()}
    assert case is not None
    await hospital.consent.pause(case)
    await settle(agencies, hospital, shelter)
    allowed = [await _may_tell(shelter, to) for to in ("MERCY", "CITYPD")]
    await shelter.consent.resume(CASE, "MERCY")
    return [*allowed, await _may_tell(shelter, "MERCY")]


async def _may_tell(client: AsyncClient, to: str) -> bool:
    try:
        await client.status.set("advocate_assigned", to=to, case_ref=CASE)
    except NotPermitted:
        return False
    return True


async def test_a_partners_pause_of_a_case_that_was_opened_here_is_about_that_partner_alone(
    agencies: Agencies,
) -> None:
    assert await _go_on_after_a_partners_pause(agencies) == [False, True, True]


async def test_control_where_any_partner_stops_a_case_its_opener_never_goes_on(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.questions:is_own", lambda *_: False)
    assert await _go_on_after_a_partners_pause(agencies) == [False, False, False]
