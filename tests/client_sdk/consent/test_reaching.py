"""Stops that reach further: partners a colleague told, devices linked meanwhile, snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.consent.worlds import CASE, WHOLE, list_kinds
from tests.client_sdk.own.linked import give_snapshot, link, make_holder
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway.history import list_messages
from quietway.testing.sandbox import PASSPHRASE

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient

CODE = "advocate_assigned"
WARD = ["attested", "attested"]


async def settle(agencies: Agencies, *clients: AsyncClient) -> None:
    agencies.clock.advance(600)
    await settle_all(*clients)


async def _nothing(*_: object) -> list[object]:
    return []


async def list_stored(client: AsyncClient) -> list[str]:
    """List the types of what others said and lies on the disk, what is not shown too."""
    stored = await list_messages(client._agent, held_back=True)
    return [held.content.type for held in stored if held.received]


async def _stop_whom_a_colleague_told(
    agencies: Agencies, stop: str, *, heard_by: str
) -> tuple[AsyncClient, AsyncClient]:
    """The desk tells the police of a case; the shelter, which has not heard of it, stops it."""
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    await settle(agencies, shelter, desk, hospital, police)
    await shelter.status.set(CODE, to="MERCY", case_ref=CASE)
    await desk.status.set(CODE, to="CITYPD", case_ref=CASE)
    await police.sync()
    assert await list_kinds(police) == ["status.indicator"]
    await getattr(shelter.consent, stop)(CASE)
    await settle(agencies, shelter if heard_by == "shelter" else desk, police)
    return shelter, police


@pytest.mark.parametrize("heard_by", ["shelter", "desk"])
@pytest.mark.requirement("A30", "A21")
async def test_a_partner_that_a_colleague_told_is_sent_the_stop_and_the_order(
    agencies: Agencies, heard_by: str
) -> None:
    """A30, A21: whoever was told of the case stops and deletes, whoever told it."""
    shelter, police = await _stop_whom_a_colleague_told(agencies, "revoke", heard_by=heard_by)
    # Once, and what the desk said is gone from the disk.
    assert await list_stored(police) == ["consent.revoke", "rollback.order"]
    await settle(agencies, shelter, police)
    orders = await shelter.consent.orders(CASE)
    assert [held.state for held in orders if held.agency == police.agency_id] == ["done"]
    await settle(agencies, shelter, police)
    assert await list_stored(police) == ["consent.revoke", "rollback.order"]


async def test_control_without_catching_up_it_goes_on_showing_there(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.agent:catch_up", _nothing)
    _, police = await _stop_whom_a_colleague_told(agencies, "pause", heard_by="shelter")
    assert await list_kinds(police) == ["status.indicator"]


async def _link_while_a_revocation_is_on_its_way(
    agencies: Agencies,
) -> tuple[AsyncClient, AsyncClient]:
    """A ward is linked at the hospital, which has not heard yet that the case was revoked."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    ward = await link(agencies, hospital, "ward")
    # The shelter knows of no ward: neither the word nor the order is sealed to it.
    await shelter.consent.revoke(CASE)
    offer = await hospital.devices.give_snapshot(ward.device_id, passphrase=PASSPHRASE)
    assert offer.referrals == 1
    await hospital.sync()
    await settle(agencies, ward, shelter, hospital)
    return shelter, ward


@pytest.mark.requirement("A21")
async def test_a_device_linked_while_a_revocation_is_under_way_deletes_and_attests(
    agencies: Agencies,
) -> None:
    """A21: each holder's device says by itself that it holds it no more, the newest one too."""
    shelter, ward = await _link_while_a_revocation_is_on_its_way(agencies)
    assert "referral.packet" not in await list_stored(ward)
    (order,) = await shelter.consent.orders(CASE)
    assert {held.device: held.state for held in order.holders}[ward.device_id] == "attested"
    assert [held.state for held in order.holders] == WARD


async def test_control_without_owing_it_hides_the_case_and_attests_nothing(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.agent:owe_what_is_revoked", _nothing)
    shelter, ward = await _link_while_a_revocation_is_on_its_way(agencies)
    assert await list_kinds(ward) == []
    assert "referral.packet" in await list_stored(ward)
    (order,) = await shelter.consent.orders(CASE)
    assert {held.device: held.state for held in order.holders}[ward.device_id] == "silent"


async def _open_a_snapshot_from_before_the_order(agencies: Agencies) -> AsyncClient:
    """A snapshot is gathered, the case is revoked, and then the snapshot is approved."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    nurse = await link(agencies, hospital, "nurse")
    await make_holder(hospital, nurse)
    ward = await link(agencies, hospital, "ward", nurse)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    offer = await hospital.devices.give_snapshot(ward.device_id, passphrase=PASSPHRASE)
    assert offer.referrals == 1
    await settle(agencies, hospital, nurse)
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, hospital, ward)
    await nurse.devices.approve_snapshot(offer.snapshot_id, passphrase=PASSPHRASE)
    await settle(agencies, nurse, hospital, ward)
    return ward


async def test_a_snapshot_from_before_the_order_is_not_given_after_it(agencies: Agencies) -> None:
    ward = await _open_a_snapshot_from_before_the_order(agencies)
    assert ward._agent.standing.awaits_snapshot
    assert "referral.packet" not in await list_stored(ward)


async def _drop_nothing(*_: object) -> list[object]:
    return []


async def test_where_it_was_given_all_the_same_it_is_deleted_once_it_is_open(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The control of the one above, too: the giver lets go of nothing.
    without(monkeypatch, "quietway.consent.purging:drop_holding", _drop_nothing)
    ward = await _open_a_snapshot_from_before_the_order(agencies)
    assert not ward._agent.standing.awaits_snapshot
    assert "referral.packet" not in await list_stored(ward)


async def test_control_where_an_open_snapshot_is_not_looked_after_it_stays_on_the_disk(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.purging:drop_holding", _drop_nothing)
    without(monkeypatch, "quietway.held_back:HeldBackBook.look_again", lambda _: None)
    ward = await _open_a_snapshot_from_before_the_order(agencies)
    assert "referral.packet" in await list_stored(ward)
