"""What a stop must not leave over: contact words, links, what waits, and what nobody granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.consent.worlds import CASE, SIGNED, WHOLE, list_kinds, release
from tests.client_sdk.own.linked import give_snapshot, link
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway import ContentRefused, NotPermitted
from quietway.consents import CONSENT, Consents, find_consents
from quietway.content import CaseRef

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient

HOURS = "before noon on weekdays"


async def settle(agencies: Agencies, *clients: AsyncClient) -> None:
    agencies.clock.advance(600)
    await settle_all(*clients)


async def _tell_how_to_reach_her(agencies: Agencies) -> tuple[AsyncClient, AsyncClient]:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await release(shelter, categories=["contact", "narrative", "services"])
    await shelter.consent.preferences(CASE, "MERCY", safe_hours=HOURS)
    return shelter, hospital


async def _holds_hours(client: AsyncClient) -> bool:
    rows = await client._agent.store.scan(CONSENT)
    known = [
        await find_consents(client._agent.store, case, agency)
        for case, agency in client._agent.held_back.pairs
    ]
    assert len(rows) == len(known)
    return any(held.got.preferences for held in known)


async def _revoke_after_it_arrived(agencies: Agencies) -> AsyncClient:
    shelter, hospital = await _tell_how_to_reach_her(agencies)
    await settle(agencies, shelter, hospital)
    assert "consent.preferences" in [held.content.type for held in await hospital.inbox()]
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, hospital)
    (order,) = await shelter.consent.orders(CASE)
    assert [(held.method, held.messages) for held in order.holders] == [("delete", 1)]
    return hospital


@pytest.mark.requirement("A21", "A19")
async def test_how_she_may_be_reached_is_deleted_with_the_rest(agencies: Agencies) -> None:
    """A21, A19: what was said of her channels goes by her release, and is deleted as ordered."""
    hospital = await _revoke_after_it_arrived(agencies)
    assert "consent.preferences" not in [held.content.type for held in await hospital.inbox()]
    assert not await _holds_hours(hospital)


async def test_without_that_the_row_of_consent_would_still_hold_it(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget_nothing(known: Consents, _: Collection[bytes] | None) -> Consents:
        return known

    without(monkeypatch, "quietway.consent.purging:forget_preferences", forget_nothing)
    assert await _holds_hours(await _revoke_after_it_arrived(agencies))


@pytest.mark.requirement("A30")
async def test_a_pause_takes_back_how_she_may_be_reached(agencies: Agencies) -> None:
    """A30: what waits at the relay is taken back, her channels too."""
    shelter, hospital = await _tell_how_to_reach_her(agencies)
    await shelter.consent.pause(CASE)
    await settle(agencies, shelter, hospital)
    assert "consent.preferences" not in [held.content.type for held in await hospital.inbox()]


@pytest.mark.requirement("A30")
async def test_a_pause_takes_a_link_of_two_agencies_back(agencies: Agencies) -> None:
    """A30: who else knows of her is said to nobody after she paused."""
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    for to in ("MERCY", "CITYPD"):
        await release(shelter, to, categories=["services", "status"], scopes=["linkage"])
    await shelter.cases.link(CASE, "MERCY", "CITYPD")
    await shelter.consent.pause(CASE)
    await settle(agencies, shelter, hospital, police)
    for client in (hospital, police):
        assert await list_kinds(client) == []


async def test_what_named_nobody_waits_for_nothing_once_the_release_is_taken_back(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    granted = await release(shelter, categories=["services", "status"])
    await shelter.referrals.send("MERCY", **WHOLE)
    await shelter.consent.revoke(CASE, "MERCY", consent_id=granted.consent_id)
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    # It is not only not shown there: it never got there.
    ((case, _),) = hospital._agent.held_back.pairs
    assert [held.not_shown for held in (await hospital.consent.show(case)).partners] == [0]


async def test_a_release_that_a_revocation_did_not_see_is_not_revived_by_another_one(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    await shelter.status.set("shelter_need_open", to="MERCY", case_ref=CASE)
    await settle(agencies, shelter, desk, hospital)
    await desk.consent.grant(CASE, "MERCY", **SIGNED)
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, desk, hospital)
    narrow = {**SIGNED, "categories": ["status"]}
    new = await shelter.consent.grant(CASE, "MERCY", **narrow, again=True)
    await settle(agencies, shelter, desk, hospital)
    for client in (shelter, desk):
        partner = (await client.consent.show(CASE)).partners[0]
        live = [held.consent_id for held in partner.releases if held.given == "granted"]
        assert live == [new.consent_id]


@pytest.mark.requirement("A10")
async def test_nobody_joins_a_conversation_about_a_case_with_others(agencies: Agencies) -> None:
    """A10: two agencies have no identifier of one person in common, a conversation's neither."""
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    sent = await shelter.referrals.send("MERCY", **WHOLE)
    for to in (["CITYPD"], ["MERCY", "CITYPD"]):
        with pytest.raises(ContentRefused, match="begin a new one"):
            await shelter.messages.send("Hello.", to=to, conversation=sent.conversation)
        with pytest.raises(ContentRefused, match=r"begin a new one|send it to each"):
            await shelter.attachments.send(
                b"-", name="a.txt", to=to, conversation=sent.conversation, case_ref=CASE
            )
    await settle(agencies, shelter, hospital, police)
    await hospital.messages.send("Hello.", to="HARBOR", conversation=sent.conversation)
    await shelter.messages.send("Hello.", to="MERCY", conversation=sent.conversation)
    assert sent.conversation not in {held.conversation for held in await police.inbox()}


async def _speak_first_on_two_devices(agencies: Agencies) -> list[str]:
    """Two devices tell of one case at once, one of them revokes; what the hospital still shows."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    await settle(agencies, shelter, desk, hospital)
    for client in (shelter, desk):
        await client.status.set("shelter_need_open", to="MERCY", case_ref=CASE)
    await settle(agencies, shelter, desk, hospital)
    assert await list_kinds(hospital) == ["status.indicator"] * 2
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, desk, hospital)
    return await list_kinds(hospital)


@pytest.mark.requirement("A21", "A30")
async def test_a_revocation_reaches_what_a_colleague_said_first_at_the_same_time(
    agencies: Agencies,
) -> None:
    """A21, A30: both call the case the same, so nothing of it is left."""
    assert await _speak_first_on_two_devices(agencies) == []


async def test_control_with_a_name_that_each_device_draws_something_is_left(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(*_: object) -> CaseRef:
        return CaseRef(agencies.entropy.draw(16))

    async def say_no_more(*_: object) -> list[object]:
        return []

    without(monkeypatch, "quietway.naming:make_alias", draw)
    # Else the colleague says it under the name that it gave.
    without(monkeypatch, "quietway.agent:catch_up", say_no_more)
    assert await _speak_first_on_two_devices(agencies) == ["status.indicator"]


async def _pause_what_a_colleague_tells_a_third_agency(agencies: Agencies) -> AsyncClient:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    await settle(agencies, shelter, desk, hospital, police)
    await shelter.status.set("shelter_need_open", to="MERCY", case_ref=CASE)
    await desk.status.set("advocate_assigned", to="CITYPD", case_ref=CASE)
    # The shelter's first device has not heard of that.
    assert [held.agency for held in await shelter.consent.pause(CASE)] == [hospital.agency_id]
    await settle(agencies, shelter, desk, hospital, police)
    return desk


@pytest.mark.requirement("A30")
async def test_a_pause_with_all_stops_whom_a_colleague_told_in_the_meantime(
    agencies: Agencies,
) -> None:
    """A30: nothing more is sealed anywhere the case is known, whoever is told of it."""
    desk = await _pause_what_a_colleague_tells_a_third_agency(agencies)
    for to in ("MERCY", "CITYPD"):
        with pytest.raises(NotPermitted):
            await desk.status.set("advocate_assigned", to=to, case_ref=CASE)


async def test_control_where_only_the_known_are_stopped_a_colleague_goes_on(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.stopping:list_colleagues", lambda _: [])
    desk = await _pause_what_a_colleague_tells_a_third_agency(agencies)
    await desk.status.set("advocate_assigned", to="CITYPD", case_ref=CASE)


@pytest.mark.requirement("A30")
async def test_a_device_that_is_linked_while_a_stop_is_on_its_way_hears_of_it(
    agencies: Agencies,
) -> None:
    """A30: what was given to a new device before the stop came does not go on showing there."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    ward = await link(agencies, hospital, "ward")
    await shelter.consent.revoke(CASE)
    # The hospital's first device has not heard of that, and gives what it has.
    await give_snapshot(hospital, ward)
    await settle(agencies, shelter, hospital, ward)
    assert await list_kinds(ward) == await list_kinds(hospital) == []
