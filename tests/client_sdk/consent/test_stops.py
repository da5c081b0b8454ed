"""Pausing and revoking: at once, everywhere the case is known, and undone by nothing stale."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.consent.worlds import CASE, NAMED, SIGNED, WHOLE, list_kinds, release
from tests.client_sdk.own.linked import give_snapshot, link
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway import ContentRefused, HeldBack, NotPermitted, StorageFull
from quietway.cases import write_alias
from quietway.consent.asking import Answer
from quietway.content import CaseRef
from quietway.policy.rulings import Ruling
from quietway.testing import Sandbox

CODE = "shelter_need_open"

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient


async def settle(agencies: Agencies, *clients: AsyncClient) -> None:
    agencies.clock.advance(600)
    await settle_all(*clients)


async def _pause_before_it_is_fetched(agencies: Agencies) -> AsyncClient:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    (report,) = await shelter.consent.pause(CASE)
    assert (report.given, report.problem) == ("paused", None)
    await hospital.sync()
    return hospital


@pytest.mark.requirement("A30")
async def test_what_was_not_fetched_before_the_pause_does_not_show(agencies: Agencies) -> None:
    """A30: one step pauses; what waits at the relay is taken back."""
    assert await list_kinds(await _pause_before_it_is_fetched(agencies)) == []


async def test_without_the_withdrawal_it_would_lie_there(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The control: nothing is stopped and nothing is asked back, so the hospital holds it.
    async def stop_nothing(*_: object) -> tuple[list[object], list[object]]:
        return [], []

    without(monkeypatch, "quietway.withdrawing:Withdrawer.stop", stop_nothing)
    hospital = await _pause_before_it_is_fetched(agencies)
    shown = await hospital.consent.show(_case_there(hospital))
    assert [held.not_shown for held in shown.partners] == [1]


def _case_there(client: AsyncClient) -> CaseRef:
    ((case, _),) = client._agent.held_back.pairs
    return case


@pytest.mark.requirement("A30", "B31")
async def test_a_pause_while_the_relay_is_away_counts_here_and_goes_out_first(
    agencies: Agencies,
) -> None:
    """A30, B31: it takes no network, no form and no reason to stop."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.relay.offline = True
    await shelter.referrals.send("MERCY", **WHOLE)
    (report,) = await shelter.consent.pause(CASE)
    assert report.given == "paused"
    assert report.problem is not None
    with pytest.raises(NotPermitted) as refused:
        await shelter.referrals.send("MERCY", **WHOLE)
    assert refused.value.ruling.rule == "P11"
    agencies.relay.offline = False
    await settle(agencies, shelter, hospital)
    assert await list_kinds(hospital) == []


@pytest.mark.requirement("A30")
async def test_a_recipient_shows_nothing_of_it_and_passes_nothing_on_until_it_is_resumed(
    agencies: Agencies,
) -> None:
    """A30: whoever was told honours the pause: it shows and seals nothing about the case."""
    shelter, hospital, _ = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await release(shelter)
    sent = await shelter.referrals.send("MERCY", **NAMED)
    await shelter.messages.send("She is on her way.", to="MERCY", conversation=sent.conversation)
    await settle(agencies, shelter, hospital)
    assert await list_kinds(hospital) == ["referral.packet", "message.text"]
    await shelter.consent.pause(CASE, "MERCY")
    await settle(agencies, shelter, hospital)
    assert await list_kinds(hospital) == []
    assert await hospital.referrals.list() == []
    there = _case_there(hospital)
    shown = await hospital.consent.show(there)
    assert (shown.status, [held.not_shown for held in shown.partners]) == ("sharing_paused", [2])
    for whom in ("HARBOR", "CITYPD"):
        with pytest.raises(NotPermitted):
            await hospital.status.set(CODE, to=whom, case_ref=there)
    await shelter.consent.resume(CASE, "MERCY")
    await settle(agencies, shelter, hospital)
    assert await list_kinds(hospital) == ["referral.packet", "message.text"]
    await shelter.referrals.send("MERCY", **NAMED)


async def test_what_comes_later_of_a_paused_case_is_kept_and_not_shown(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.status.set(CODE, to="MERCY", case_ref=CASE)
    await settle(agencies, shelter, hospital)
    await shelter.consent.pause(CASE)
    await settle(agencies, shelter, hospital)
    # A device of the shelter that does not know of it goes on.
    without(monkeypatch, "quietway.consent.asking:weigh", _weigh_nothing)
    told: list[object] = []
    hospital._agent.listeners.append(told.append)
    await shelter.status.set(CODE, to="MERCY", case_ref=CASE)
    await hospital.sync()
    assert [event for event in told if isinstance(event, HeldBack)] != []
    assert await list_kinds(hospital) == []
    assert await hospital.status.board() == []


async def _weigh_nothing(agent: object, content: object, *_: object, **__: object) -> object:
    del agent
    return Answer(Ruling(allowed=True, rule="P41"), content, ())  # type: ignore[arg-type]


@pytest.mark.requirement("A30")
async def test_a_colleagues_device_stops_within_one_synchronisation(agencies: Agencies) -> None:
    """A30: after one pass nothing about the case is sealed on any device of the agency."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    await settle(agencies, shelter, desk, hospital)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, desk, hospital)
    # The hospital can't be reached at all: colleagues are told all the same.
    await shelter.partners.pause("MERCY")
    await shelter.consent.pause(CASE)
    await shelter.partners.resume("MERCY")
    await desk.sync()
    with pytest.raises(NotPermitted):
        await desk.status.set(CODE, to="MERCY", case_ref=CASE)


async def test_a_device_that_is_linked_later_knows_of_the_stop(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await shelter.consent.revoke(CASE)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    await settle(agencies, shelter, desk, hospital)
    with pytest.raises(NotPermitted) as refused:
        await desk.status.set(CODE, to="MERCY", case_ref=CASE)
    assert refused.value.ruling.rule == "P10"


async def test_a_stop_outlives_a_restart(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    await shelter.consent.pause(CASE)
    await settle(agencies, shelter, hospital)
    await hospital.aclose()
    again = await agencies.reopen(HOSPITAL)
    assert await list_kinds(again) == []


async def test_after_a_revocation_a_person_says_that_she_decided_anew(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    first = await release(shelter)
    await shelter.consent.revoke(CASE, method="oral")
    with pytest.raises(ContentRefused, match="again"):
        await release(shelter)
    second = await release(shelter, again=True)
    await shelter.referrals.send("MERCY", **NAMED)
    (partner,) = (await shelter.consent.show(CASE)).partners
    assert [held.consent_id for held in partner.releases] == [second.consent_id]
    assert first.consent_id != second.consent_id
    await settle(agencies, shelter, hospital)


async def test_a_recipient_tells_the_discloser_to_stop_and_cannot_undo_it(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await release(shelter)
    await shelter.referrals.send("MERCY", **NAMED)
    await settle(agencies, shelter, hospital)
    there = (await hospital.inbox())[-1].content.case_ref  # type: ignore[attr-defined]
    await hospital.consent.pause(there, "HARBOR")
    await settle(agencies, shelter, hospital)
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("MERCY", **NAMED)
    await hospital.consent.grant(there, "HARBOR", **SIGNED, again=True)
    await settle(agencies, shelter, hospital)
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("MERCY", **NAMED)


@pytest.mark.parametrize("yields", range(6))
async def test_of_a_pause_and_a_message_at_once_nothing_gets_out(
    agencies: Agencies, yields: int
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)

    async def pause() -> None:
        for _ in range(yields):
            await asyncio.sleep(0)
        await shelter.consent.pause(CASE)

    said = asyncio.gather(
        *(shelter.status.set(CODE, to="MERCY", case_ref=CASE) for _ in range(3)),
        pause(),
        return_exceptions=True,
    )
    problems = [held for held in await said if isinstance(held, Exception)]
    assert all(isinstance(held, NotPermitted) for held in problems)
    await settle(agencies, shelter, hospital)
    ((case, _),) = hospital._agent.held_back.pairs
    shown = await hospital.consent.show(case)
    # The referral was there before; of what crossed the pause nothing came.
    assert [held.not_shown for held in shown.partners] == [1]


async def test_a_file_on_its_way_is_not_said_once_its_case_is_paused(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    agencies.relay.offline = True
    waiting = await shelter.attachments.send(b"A form.", to="MERCY", name="f.txt", case_ref=CASE)
    assert waiting.state == "not_yet_sent"
    await shelter.consent.pause(CASE)
    agencies.relay.offline = False
    (problem,) = (await shelter.sync()).problems
    assert isinstance(problem, NotPermitted)
    await shelter.consent.grant(CASE, "MERCY", **SIGNED)
    await settle(agencies, shelter, hospital)
    assert [held.content.type for held in await hospital.inbox()].count("attachment.file") == 0


async def test_who_never_heard_of_a_case_does_not_hear_of_its_end(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await shelter.referrals.send("MERCY", **WHOLE)
    await shelter.consent.pause(CASE, "CITYPD")
    await settle(agencies, shelter, hospital, police)
    assert await police.inbox() == []
    with pytest.raises(NotPermitted):
        await shelter.status.set(CODE, to="CITYPD", case_ref=CASE)
    await shelter.status.set(CODE, to="MERCY", case_ref=CASE)


async def test_a_stop_that_has_no_room_on_the_disk_is_none(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise StorageFull

    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await release(shelter)
    with monkeypatch.context() as patched:
        without(patched, "quietway.store.memory:MemoryStore.commit", full)
        with pytest.raises(StorageFull):
            await shelter.consent.pause(CASE)
    await shelter.status.set(CODE, to="MERCY", case_ref=CASE)
    (report,) = await shelter.consent.pause(CASE)
    assert report.given == "paused"
    await settle(agencies, shelter, hospital)
    assert await list_kinds(hospital) == []


def test_the_blocking_client_pauses_and_resumes_alike() -> None:
    with Sandbox(seed=7) as sandbox:
        shelter, hospital = sandbox.agency(SHELTER), sandbox.agency(HOSPITAL)
        given = shelter.consent.grant(CASE, "MERCY", **SIGNED)
        shelter.referrals.send("MERCY", **NAMED)
        sandbox.sync()
        shelter.consent.pause(CASE)
        sandbox.sync()
        assert [held for held in hospital.inbox() if held.content.type == "referral.packet"] == []
        (back,) = shelter.consent.resume(CASE, "MERCY")
        assert (back.consent_id, back.given) == (given.consent_id, "granted")
        with pytest.raises(ContentRefused):
            shelter.consent.amend(CASE, "MERCY", back.consent_id, somewhere_else=True)


async def test_a_link_takes_a_stop_along(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    await shelter.consent.pause(CASE)
    await settle(agencies, shelter, hospital)
    agent, mine = hospital._agent, CaseRef(b"\x09" * 16)
    called = _case_there(hospital)
    # As a link does it: from now on the shelter's name stands for a case of the hospital's own.
    await agent.follow_link(called, mine, shelter.agency_id)
    await agent.settle(also=[write_alias(mine, shelter.agency_id, called)])
    agent.cases.add(mine, shelter.agency_id, called)
    assert await list_kinds(hospital) == []
    assert (mine, shelter.agency_id) in agent.held_back.pairs
    with pytest.raises(NotPermitted):
        await hospital.status.set(CODE, to="HARBOR", case_ref=mine)
