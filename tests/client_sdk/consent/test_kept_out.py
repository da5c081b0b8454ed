"""Orders that nobody may give, and attestations that nobody waits for: kept out, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.consent.worlds import CASE, WHOLE, list_kinds
from tests.client_sdk.own.linked import link
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway.consent.keeping_out import count_kept_out
from quietway.consent.purging import MOST_OWED, OWED
from quietway.consent.rollback import ASKED, MOST_UNKNOWN, take_attestation, take_order
from quietway.consent.telling import compose_word, find_talk
from quietway.engine.codec import Fields, write_row
from quietway.own.taken import Told
from quietway_schemas.content.consent import PurgeAttestation, RollbackOrder
from quietway_schemas.ids import CaseRef, ConversationId

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway.own.taken import Taker
    from quietway_schemas.content.base import ContentModel


async def settle(agencies: Agencies, *clients: AsyncClient) -> None:
    agencies.clock.advance(600)
    await settle_all(*clients)


def _order(client: AsyncClient, case: CaseRef, number: int = 1) -> RollbackOrder:
    return RollbackOrder(
        case_ref=case,
        order_id=number.to_bytes(16, "big"),
        due=client.now() + 3_600_000,
        reason_code="consent_revoked",
        nonce=number.to_bytes(16, "big"),
    )


def _attestation(client: AsyncClient, case: CaseRef, number: int) -> PurgeAttestation:
    return PurgeAttestation(
        case_ref=case,
        order_id=number.to_bytes(16, "big"),
        done_at=client.now(),
        method="delete",
        messages=1,
    )


async def _order_without_a_word(agencies: Agencies) -> list[str]:
    """A shelter's device orders what it said away, and nobody revoked anything."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    agent = shelter._agent
    alias = agent.cases.find(CASE, hospital.agency_id)
    assert alias is not None
    talk = await find_talk(agent, CASE, hospital.agency_id)
    await agent.settle(compose_word(agent, _order(shelter, alias), hospital.agency_id, talk))
    await settle(agencies, shelter, hospital)
    return await list_kinds(hospital)


async def test_an_order_does_nothing_before_the_word_that_it_follows(agencies: Agencies) -> None:
    assert await _order_without_a_word(agencies) == ["referral.packet"]


async def test_control_without_that_an_order_alone_deletes(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.purging:_has_ground", lambda *_: True)
    assert await _order_without_a_word(agencies) == []


async def _flood(
    agencies: Agencies,
    take: Taker,
    make: Callable[[AsyncClient, CaseRef, int], ContentModel],
    kind: str,
    most: int,
    *,
    colleague: bool = False,
) -> tuple[int, int]:
    """Take in more of a partner than anybody needs; how many rows and how many kept out."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    if colleague:
        await link(agencies, hospital, "ward")
    agent, device = hospital._agent, shelter.device_id
    kept = Fields(write_row(conversation=str(ConversationId(b"c" * 16))))
    for number in range(most + 5):
        case = CaseRef(number.to_bytes(16, "big"))
        content = make(shelter, case, number)
        taken = await take(agent, Told(shelter.agency_id, device, 1, content, kept))
        await agent.settle(also=taken.writes)
    counted = await count_kept_out(agent)
    return len(await agent.store.scan(kind)), counted.get(shelter.agency_id, 0)


async def test_orders_that_wait_for_a_word_are_bounded(agencies: Agencies) -> None:
    assert await _flood(agencies, take_order, _order, OWED, MOST_OWED) == (MOST_OWED, 5)


async def test_control_without_the_bound_there_is_a_row_for_each_order(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> bool:
        return False

    without(monkeypatch, "quietway.consent.purging:_has_enough", never)
    assert await _flood(agencies, take_order, _order, OWED, MOST_OWED) == (MOST_OWED + 5, 0)


async def test_attestations_of_orders_that_nobody_gave_are_kept_out_and_told(
    agencies: Agencies,
) -> None:
    rows, kept_out = await _flood(agencies, take_attestation, _attestation, ASKED, MOST_UNKNOWN)
    # There is no colleague whose order it could be.
    assert (rows, kept_out) == (0, MOST_UNKNOWN + 5)


async def test_control_without_the_bound_there_is_a_row_for_each_attestation(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def always(*_: object) -> bool:
        return True

    without(monkeypatch, "quietway.consent.rollback:_may_come", always)
    rows, _ = await _flood(agencies, take_attestation, _attestation, ASKED, MOST_UNKNOWN)
    assert rows == MOST_UNKNOWN + 5


async def test_with_colleagues_some_wait_for_a_colleagues_order(agencies: Agencies) -> None:
    # Whoever has colleagues may be told of an order later than of its attestation.
    rows, kept_out = await _flood(
        agencies, take_attestation, _attestation, ASKED, MOST_UNKNOWN, colleague=True
    )
    assert (rows, kept_out) == (MOST_UNKNOWN, 5)


async def test_who_an_order_did_not_go_to_attests_nothing_of_it(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, "CITYPD-LIAISON")
    await shelter.referrals.send("MERCY", **WHOLE)
    await shelter.consent.revoke(CASE)
    (order,) = await shelter.consent.orders(CASE)
    agent = shelter._agent
    said = _attestation(police, CASE, 0).model_copy(update={"order_id": order.order_id})
    taken = await take_attestation(agent, Told(police.agency_id, police.device_id, 1, said))
    await agent.settle(also=taken.writes)
    (order,) = await shelter.consent.orders(CASE)
    assert [held.device for held in order.holders] == [hospital.device_id]
    findings = {held.name: held for held in await shelter.doctor()}
    assert not findings["orders to delete"].ok
    assert "CITYPD" in findings["orders to delete"].detail
