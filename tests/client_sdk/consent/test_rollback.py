"""Rollback: each holder's device deletes by itself and says so; who is silent is chased."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.consent.worlds import CASE, NAMED, WHOLE, list_kinds, release
from tests.client_sdk.own.linked import give_snapshot, link
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway import RollbackSilent
from quietway.records import MESSAGE
from quietway.sweeping import Sweeper
from quietway_schemas.content.referral import ReferralPacket

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient, Order


async def settle(agencies: Agencies, *clients: AsyncClient, seconds: int = 600) -> None:
    agencies.clock.advance(seconds)
    await settle_all(*clients)


async def show(client: AsyncClient) -> Order:
    (order,) = await client.consent.orders(CASE)
    return order


async def hold_a_referral(agencies: Agencies) -> tuple[AsyncClient, AsyncClient]:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await release(shelter)
    sent = await shelter.referrals.send("MERCY", **NAMED)
    await shelter.messages.send("She is on her way.", to="MERCY", conversation=sent.conversation)
    await settle(agencies, shelter, hospital)
    return shelter, hospital


async def count_rows(client: AsyncClient) -> int:
    rows = await client._agent.store.scan(MESSAGE)
    return sum(b'"received":true' in row.value for row in rows)


@pytest.mark.requirement("A21")
async def test_a_holder_deletes_by_itself_and_attests_what_it_deleted(agencies: Agencies) -> None:
    """A21: where trust is broken, what was said is deleted at each holder, and that is attested."""
    shelter, hospital = await hold_a_referral(agencies)
    before = await count_rows(hospital)
    await shelter.consent.revoke(CASE)
    assert (await show(shelter)).state == "open"
    await settle(agencies, shelter, hospital)
    order = await show(shelter)
    assert order.state == "done"
    assert [(held.state, held.method, held.messages) for held in order.holders] == [
        ("attested", "delete", 2)
    ]
    assert await list_kinds(hospital) == []
    # The words of consent stay, the referral and the text are gone from the disk.
    assert await count_rows(hospital) == before + 2 - 2
    assert await hospital.referrals.list() == []


async def test_without_the_deletion_it_would_still_lie_there(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The control: the taker of the order out of action.
    async def carry_out_nothing(*_: object, **__: object) -> None:
        return None

    without(monkeypatch, "quietway.consent.purging:_carry_out", carry_out_nothing)
    shelter, hospital = await hold_a_referral(agencies)
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, hospital)
    assert (await show(shelter)).state == "open"
    ((case, _),) = hospital._agent.held_back.pairs
    assert (await hospital.consent.show(case)).partners[0].not_shown == 2


async def test_only_what_the_orderer_said_is_deleted(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await shelter.referrals.send("MERCY", **WHOLE)
    await police.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital, police)
    await shelter.consent.revoke(CASE, "MERCY")
    await settle(agencies, shelter, hospital, police)
    senders = [
        held.sender_agency
        for held in await hospital.inbox()
        if isinstance(held.content, ReferralPacket)
    ]
    assert senders == [police.agency_id]


async def test_a_legal_hold_keeps_it_and_says_so_until_it_is_released(agencies: Agencies) -> None:
    shelter, hospital = await hold_a_referral(agencies)
    packet = next(
        held.content for held in await hospital.inbox() if isinstance(held.content, ReferralPacket)
    )
    assert packet.case_ref is not None
    await hospital.retention.hold(packet.case_ref)
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, hospital)
    assert [held.method for held in (await show(shelter)).holders] == ["held_legal"]
    assert await list_kinds(hospital) == []
    await hospital.retention.release(packet.case_ref)
    await settle(agencies, shelter, hospital)
    assert [(held.method, held.messages) for held in (await show(shelter)).holders] == [
        ("delete", 2)
    ]


async def test_a_device_that_was_away_does_it_when_it_comes_and_is_chased_meanwhile(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    ward = await link(agencies, hospital, "ward")
    await give_snapshot(hospital, ward)
    await settle(agencies, shelter, hospital, ward)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital, ward)
    told: list[object] = []
    shelter._agent.listeners.append(told.append)
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, hospital)
    assert sorted(held.state for held in (await show(shelter)).holders) == ["attested", "silent"]
    await settle(agencies, shelter, hospital, seconds=3 * 86_400)
    order = await show(shelter)
    assert order.state == "due"
    assert order.reminded > 0
    await settle(agencies, shelter, hospital, seconds=3 * 86_400)
    assert (await show(shelter)).state == "escalate"
    assert [event.devices for event in told if isinstance(event, RollbackSilent)] == [1]
    await settle(agencies, ward, shelter)
    assert (await show(shelter)).state == "done"
    assert await list_kinds(ward) == []


async def test_a_colleague_sees_what_was_ordered_and_attested(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    await settle(agencies, shelter, desk, hospital)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, desk, hospital)
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, hospital, desk)
    assert (await show(desk)).state == "done"


async def _revoke_a_week_later(agencies: Agencies) -> tuple[AsyncClient, set[bytes]]:
    """Revoke what lies under keys of its own; returns who ordered it, and the keys left there."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    before = set(hospital._agent.keyring.record_names())
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    at = await _find_key(hospital)
    await settle(agencies, shelter, hospital, seconds=8 * 86_400)
    assert at not in before
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, hospital)
    assert await list_kinds(hospital) == []
    return shelter, {at} & set(hospital._agent.keyring.record_names())


async def _find_key(client: AsyncClient) -> bytes:
    rows = await client._agent.store.inner.scan(MESSAGE)  # type: ignore[attr-defined] # as it lies
    (row,) = rows
    return bytes(row.value[1:17])


async def test_where_nothing_else_lies_under_its_keys_they_are_destroyed_and_that_is_attested(
    agencies: Agencies,
) -> None:
    shelter, left = await _revoke_a_week_later(agencies)
    assert left == set()
    assert [(held.method, held.messages) for held in (await show(shelter)).holders] == [
        ("crypto_shred", 1)
    ]


async def test_without_the_erasure_its_key_would_open_a_copy_of_the_row(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The control: the keyring lets go of nothing.
    without(monkeypatch, "quietway.keyring.keyring:Keyring.erase_records", lambda *_: None)
    _, left = await _revoke_a_week_later(agencies)
    assert len(left) == 1


async def test_cut_off_after_the_keys_were_destroyed_it_attests_what_it_did(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    await settle(agencies, shelter, hospital, seconds=8 * 86_400)
    shred = Sweeper.shred

    async def shred_and_die(sweeper: Sweeper, rows: Collection[tuple[str, bytes]]) -> bool:
        assert await shred(sweeper, rows)
        raise CutOff

    await shelter.consent.revoke(CASE)
    with monkeypatch.context() as broken:
        without(broken, "quietway.sweeping:Sweeper.shred", shred_and_die)
        with pytest.raises(CutOff):
            await settle(agencies, shelter, hospital)
    again = await agencies.reopen(HOSPITAL)
    await settle(agencies, again, shelter)
    assert [(held.method, held.messages) for held in (await show(shelter)).holders] == [
        ("crypto_shred", 1)
    ]


class CutOff(Exception):
    """The machine stopped here."""
