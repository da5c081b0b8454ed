"""What `doctor` says of the agency: what is missing, and what will stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client_sdk.agencies import SHELTER
from tests.client_sdk.own.linked import NewDevice, link, make_holder, propose, settle

from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient, Finding


async def find(client: AsyncClient, name: str) -> Finding:
    return {held.name: held for held in await client.doctor()}[name]


async def test_a_root_that_lies_here_is_a_finding_until_it_is_on_paper(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    assert not (await find(shelter, "the agency's root")).ok
    sheet = await shelter.agency.recovery_sheet(passphrase=PASSPHRASE)
    await shelter.agency.take_root_offline(" ".join(sheet.words), passphrase=PASSPHRASE)
    assert (await find(shelter, "the agency's root")).ok


async def test_one_ops_holder_is_told_that_a_second_is_advised(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    assert "A second is advised" in (await find(shelter, "ops holders")).detail
    await make_holder(shelter, await link(agencies, shelter, "tablet"))
    assert (await find(shelter, "ops holders")).detail.startswith("2, of whom")


async def test_an_ops_key_that_expires_soon_is_a_finding(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    for _ in range(13):
        agencies.clock.advance(29 * DAY // SECOND)
        await shelter.sync()
    finding = await find(shelter, "ops holders")
    assert not finding.ok
    assert "expires in 23 days" in finding.detail


async def test_a_device_that_nobody_switched_on_for_30_days_is_named(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    assert (await find(shelter, "this agency's devices")).ok
    for _ in range(5):
        agencies.clock.advance(7 * DAY // SECOND)
        await shelter.sync()
    finding = await find(shelter, "this agency's devices")
    assert not finding.ok
    assert str(tablet.device_id) in finding.detail


async def test_a_proposal_that_waits_is_a_finding_where_it_can_be_approved(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    second = await link(agencies, shelter, "second")
    await make_holder(shelter, second)
    request, offered = await propose(NewDevice(agencies, "third"), shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    await settle(shelter, second)
    finding = await find(second, "this agency's devices")
    assert (finding.ok, finding.detail) == (False, "1 wait for another approval.")


async def test_permissions_that_nobody_looked_at_for_90_days_are_a_finding(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    assert (await find(shelter, "permissions")).ok
    for _ in range(13):
        agencies.clock.advance(7 * DAY // SECOND)
        await shelter.sync()
    assert not (await find(shelter, "permissions")).ok


async def test_a_device_that_was_taken_away_learns_it_from_the_relay(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    assert (await find(tablet, "relay and clock")).ok
    await shelter.devices.revoke(tablet.device_id)
    finding = await find(tablet, "relay and clock")
    assert not finding.ok
    assert "ask an ops holder" in finding.what_next
