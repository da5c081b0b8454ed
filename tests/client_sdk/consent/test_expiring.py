"""What stood on a release is ordered to be deleted a week after its end, unless she went on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.consent.worlds import CASE, NAMED, list_kinds, release
from tests.client_sdk.own.linked import link
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway.consent.expiring import list_over
from quietway.consent.rollback import ASKED
from quietway.consent.telling import compose_word, find_talk
from quietway.policy.absolute import Stance
from quietway_schemas.content.consent import PurgeAttestation
from quietway_schemas.content.referral import ReferralPacket
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway.agent import Agent
    from quietway.consents import Side
    from quietway.policy.releases import Release
    from quietway_schemas.instants import Instant

    Meanwhile = Callable[[Agencies, AsyncClient, AsyncClient, bytes], Awaitable[None]]

DELETED = [("done", "delete")]


async def _go_on(agencies: Agencies, days: int, *clients: AsyncClient) -> None:
    agencies.clock.advance(days * DAY // SECOND)
    await settle_all(*clients)


async def _let_a_release_end(
    agencies: Agencies, meanwhile: Meanwhile | None = None, *, again: bool = False
) -> tuple[AsyncClient, AsyncClient, list[tuple[str, str]]]:
    """Refer on a release of three days; look at it 11 days later.

    Returns:
        The shelter, the hospital, and what became of each order: its state and what was attested.
    """
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    report = await release(shelter, expires=agencies.clock.now() + 3 * DAY)
    assert report.consent_id is not None
    await shelter.referrals.send("MERCY", **NAMED)
    await _go_on(agencies, 0, shelter, hospital)
    if meanwhile is not None:
        await meanwhile(agencies, shelter, hospital, report.consent_id)
    await _go_on(agencies, 5, shelter, hospital)
    assert await shelter.consent.orders(CASE) == []
    if again:
        await release(shelter)
    await _go_on(agencies, 6, shelter, hospital)
    return shelter, hospital, await _list_orders(shelter)


async def _list_orders(shelter: AsyncClient) -> list[tuple[str, str]]:
    orders = await shelter.consent.orders(CASE)
    return [(held.state, one.method) for held in orders for one in held.holders]


@pytest.mark.requirement("A14", "A21")
async def test_what_stood_on_a_release_that_is_over_is_deleted(agencies: Agencies) -> None:
    """A14, A21: what was disclosed for a time is over by itself, at whoever holds it, too."""

    async def remind(_: Agencies, shelter: AsyncClient, hospital: AsyncClient, __: bytes) -> None:
        await _go_on(agencies, 4, shelter, hospital)
        assert await list_kinds(hospital) == ["referral.packet"]
        assert "ended" in [held.kind for held in await shelter.due.list()]

    _, hospital, orders = await _let_a_release_end(agencies, remind)
    assert orders == DELETED
    assert await list_kinds(hospital) == []


async def test_where_she_went_on_by_a_new_release_nothing_is_ordered(agencies: Agencies) -> None:
    _, hospital, orders = await _let_a_release_end(agencies, again=True)
    assert orders == []
    assert await list_kinds(hospital) == ["referral.packet"]


async def test_where_a_new_release_is_to_begin_nothing_is_ordered(agencies: Agencies) -> None:
    async def sign(_: Agencies, shelter: AsyncClient, __: AsyncClient, ___: bytes) -> None:
        await release(shelter, not_before=agencies.clock.now() + 20 * DAY)

    _, hospital, orders = await _let_a_release_end(agencies, sign)
    assert orders == []
    assert await list_kinds(hospital) == ["referral.packet"]


async def test_control_without_the_order_it_lies_there_for_a_year(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.expiring:list_over", lambda *_: ())
    shelter, hospital, orders = await _let_a_release_end(agencies)
    assert orders == []
    await _go_on(agencies, 60, shelter, hospital)
    assert await shelter.consent.orders(CASE) == []
    assert await list_kinds(hospital) == ["referral.packet"]


async def _attest_too_early(
    agencies: Agencies, shelter: AsyncClient, hospital: AsyncClient, consent_id: bytes
) -> None:
    """The hospital attests what nobody ordered yet, by an id that it can make up."""
    desk = await link(agencies, shelter, "desk")
    contents = [held.content for held in await hospital.inbox()]
    (case,) = {held.case_ref for held in contents if isinstance(held, ReferralPacket)}
    assert case is not None
    said = PurgeAttestation(
        case_ref=case,
        order_id=consent_id,
        done_at=hospital.now(),
        method="delete",
        messages=1,
    )
    agent = hospital._agent
    talk = await find_talk(agent, case, shelter.agency_id)
    await agent.settle(compose_word(agent, said, shelter.agency_id, talk))
    await _go_on(agencies, 0, shelter, desk, hospital, shelter)


async def _is_there(agent: Agent, over: Release) -> bool:
    return await agent.store.read(ASKED, over.consent_id) is not None


async def test_an_attestation_before_the_order_keeps_none_from_being_given(
    agencies: Agencies,
) -> None:
    _, hospital, orders = await _let_a_release_end(agencies, _attest_too_early)
    assert orders == DELETED
    assert await list_kinds(hospital) == []


async def test_control_where_any_word_counts_as_the_order_nothing_is_deleted(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.expiring:_is_ordered", _is_there)
    _, hospital, orders = await _let_a_release_end(agencies, _attest_too_early)
    assert orders == []
    assert await list_kinds(hospital) == ["referral.packet"]


async def _pause(_: Agencies, shelter: AsyncClient, __: AsyncClient, consent_id: bytes) -> None:
    await shelter.consent.pause(CASE, "MERCY", consent_id=consent_id)


async def test_a_release_that_is_paused_ends_on_its_day_all_the_same(agencies: Agencies) -> None:
    _, _, orders = await _let_a_release_end(agencies, _pause)
    assert orders == DELETED


async def test_control_where_a_paused_release_has_no_end_nothing_is_ordered(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget_the_end(side: Side, now: Instant) -> list[Release]:
        return [held for held in list_over(side, now) if held.stance is Stance.GRANTED]

    without(monkeypatch, "quietway.consent.expiring:list_over", forget_the_end)
    _, _, orders = await _let_a_release_end(agencies, _pause)
    assert orders == []


async def _amend_after_the_end(agencies: Agencies) -> list[str]:
    """A release is over, is amended, and is over again; what the hospital still shows."""
    shelter, hospital, orders = await _let_a_release_end(agencies)
    assert orders == DELETED
    (shown,) = (await shelter.consent.show(CASE)).partners[0].releases
    end = agencies.clock.now() + 3 * DAY
    await shelter.consent.amend(CASE, "MERCY", shown.consent_id, expires=end)
    await shelter.referrals.send("MERCY", **NAMED)
    await _go_on(agencies, 0, shelter, hospital)
    assert await list_kinds(hospital) == ["referral.packet"]
    await _go_on(agencies, 11, shelter, hospital)
    return await list_kinds(hospital)


async def test_what_is_amended_after_its_end_and_is_over_again_is_ordered_again(
    agencies: Agencies,
) -> None:
    assert await _amend_after_the_end(agencies) == []


async def test_control_where_an_earlier_order_counts_it_lies_there(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.expiring:_is_ordered", _is_there)
    assert await _amend_after_the_end(agencies) == ["referral.packet"]


async def test_who_does_not_attest_it_stands_among_what_is_due(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await release(shelter, expires=agencies.clock.now() + 3 * DAY)
    await shelter.referrals.send("MERCY", **NAMED)
    await _go_on(agencies, 0, shelter, hospital)
    await _go_on(agencies, 11, shelter)
    await _go_on(agencies, 4, shelter)
    assert [held.kind for held in await shelter.due.list() if held.source == "orders"] == [
        "chase_order"
    ]
