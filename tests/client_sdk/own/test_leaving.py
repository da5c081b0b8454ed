"""Devices that leave: retired, revoked, wiped, or simply not seen any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.own.linked import give_snapshot, link, make_holder, settle

from quietway import (
    ContentRefused,
    DeviceLeaving,
    OwnDevicesChanged,
    RelayRefused,
    RelayUnreachable,
    StoreMissing,
    Wiped,
)
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient, Event


def listen(client: AsyncClient) -> list[Event]:
    told: list[Event] = []
    client._agent.listeners.append(told.append)
    return told


def left_over(agencies: Agencies, name: str) -> list[str]:
    return sorted(path.name for path in (agencies.folder / name).iterdir())


@pytest.mark.requirement("A04")
async def test_a_lost_device_is_revoked_in_one_call_and_is_out_everywhere(
    agencies: Agencies,
) -> None:
    """A04: remote revocation. One signature, at once, and nothing reaches the device again."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    laptop = await link(agencies, shelter, "laptop")
    await settle(hospital)
    told = listen(shelter)
    await shelter.devices.revoke(laptop.device_id)
    await settle(shelter, hospital)
    await hospital.messages.send("Only for who is left.", to="HARBOR")
    await shelter.sync()
    assert [held.content.type for held in await shelter.inbox()] == ["message.text"]
    problems = (await laptop.sync()).problems
    assert any(isinstance(held, RelayRefused) for held in problems)
    assert await laptop.inbox() == []
    (gone,) = [held for held in await shelter.devices.list() if not held.this_one]
    assert (gone.device, gone.standing, gone.live_keys) == (laptop.device_id, "revoked", False)
    (event,) = [held for held in told if isinstance(held, OwnDevicesChanged)]
    assert event.departed == (laptop.device_id,)


async def test_the_last_device_cannot_be_taken_away(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    with pytest.raises(ContentRefused, match="last one"):
        await shelter.devices.retire(shelter.device_id)


async def test_two_holders_who_decide_at_once_are_both_heard(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet, approvals=1)
    phone = await link(agencies, shelter, "phone")
    laptop = await link(agencies, shelter, "laptop")
    await settle(tablet)
    await shelter.devices.retire(phone.device_id)
    await tablet.devices.revoke(laptop.device_id)
    await settle(shelter, tablet)
    for client in (shelter, tablet):
        standings = {held.device: held.standing for held in await client.devices.list()}
        assert standings[phone.device_id] == "retired"
        assert standings[laptop.device_id] == "revoked"


@pytest.mark.requirement("A13")
async def test_a_device_that_is_not_seen_gets_nothing_more_and_is_named(
    agencies: Agencies,
) -> None:
    """A13: outdated accounts: stale devices are found, and their keys lapse by themselves."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    drawer = await link(agencies, shelter, "drawer")
    for _ in range(7):
        agencies.clock.advance(5 * DAY / 1_000)
        for client in (shelter, tablet, hospital):
            await client.sync()
    await settle(shelter, tablet, hospital)
    mailbox = agencies.relay._mailbox(drawer._agent.keyring.mailbox)
    before = mailbox.latest
    await hospital.messages.send("Who still listens?", to="HARBOR")
    await tablet.sync()
    assert len(await tablet.inbox()) == 1
    assert mailbox.latest == before
    (stale,) = [held for held in await shelter.devices.list() if held.standing == "stale"]
    assert (stale.device, stale.live_keys) == (drawer.device_id, False)
    await shelter.devices.retire(stale.device)
    assert all(held.standing != "stale" for held in await shelter.devices.list())


async def test_a_wiped_device_of_a_holder_takes_itself_out(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet, approvals=1)
    wiped = tablet.device_id
    assert await tablet.wipe() == Wiped("retired")
    assert left_over(agencies, "tablet") == []
    await shelter.sync()
    (gone,) = [held for held in await shelter.devices.list() if not held.this_one]
    assert (gone.device, gone.standing) == (wiped, "retired")


@pytest.mark.requirement("A04")
async def test_a_wiped_device_asks_its_colleagues_to_retire_it(agencies: Agencies) -> None:
    """A04: wipe: what lies on the machine is gone, and its agency is told."""
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    told, wiped = listen(shelter), tablet.device_id
    assert await tablet.wipe() == Wiped("colleagues")
    assert left_over(agencies, "tablet") == []
    with pytest.raises(StoreMissing):
        await agencies.reopen("tablet")
    await shelter.sync()
    (event,) = [held for held in told if isinstance(held, DeviceLeaving)]
    assert event.device == wiped
    (leaving,) = [held for held in await shelter.devices.list() if held.standing == "leaving"]
    await shelter.devices.retire(leaving.device)
    assert [held.standing for held in await shelter.devices.list()] == ["certified", "retired"]


async def test_a_wipe_without_the_network_destroys_and_says_that_nobody_knows(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await give_snapshot(shelter, tablet)
    agencies.relay.offline = True
    wiped = await tablet.wipe()
    assert wiped.told == "nobody"
    assert isinstance(wiped.problem, RelayUnreachable)
    assert left_over(agencies, "tablet") == []


async def test_a_wipe_takes_what_is_the_devices_and_leaves_what_is_not(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    folder = agencies.folder / SHELTER
    for name in ("keyring.before-2", "pepper.new", "store.db-wal", "clock.txt", "listening notes"):
        (folder / name).touch()
    await shelter.wipe(announce=False)
    assert left_over(agencies, SHELTER) == ["clock.txt", "listening notes"]


async def test_a_wipe_may_be_silent(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    assert await tablet.wipe(announce=False) == Wiped("nobody")
    await shelter.sync()
    assert [held.standing for held in await shelter.devices.list()] == ["certified"] * 2
