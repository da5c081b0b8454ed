"""Alerts at every relay: called out, claimed and released alike, in memory and for real."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, cast

import pytest
from tests.client_sdk.agencies import Agencies
from tests.client_sdk.alerting.on_call import CASE, OnCall, kinds
from tests.contracts.test_relay_port import real, world
from tests.second_device import take_away

from quietway.alerting.claiming import claim_alert
from quietway.alerting.raising import draft_alert, raise_alert
from quietway.alerting.releasing import release_alert
from quietway.alerting.rungs import arrange_rungs
from quietway.errors import RelayUnreachable
from quietway.faces.alerts import AsyncAlerts
from quietway.speaking import list_outbox
from quietway.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.contracts.test_relay_port import World

    from quietway.ports import Relay
    from quietway.testing.relay import InMemoryRelay
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.holds import Claim, Ladder
    from quietway_schemas.ids import DeviceId

__all__ = ["real", "world"]
LATER = (0, 3_600, 7_200)
PATIENCE_SECONDS = 20
_numbers = count()


class _Door:
    """What `Agencies` asks of a relay, whichever it is."""

    def __init__(self, world: World) -> None:
        self._world = world

    def enrolment_code(self) -> str:
        return self._world.code()

    def connect(self, identity: SigningKey, device: DeviceId) -> Relay:
        return self._world.connect(identity, device)


@pytest.fixture
async def on_call(tmp_path: Path, world: World) -> AsyncIterator[OnCall]:
    async with Agencies(tmp_path) as agencies:
        agencies.relay = cast("InMemoryRelay", _Door(world))
        agencies.clock = cast("FakeClock", world.clock)
        agencies.entropy = world.entropy
        number = next(_numbers)
        programs = (f"CALLER{number}-SHELTER", f"CALLED{number}-HOSPITAL")
        made = await OnCall.make(agencies, programs=programs)
        yield made
        await made.close()


@pytest.mark.requirement("C48", "D06")
async def test_it_is_called_out_claimed_released_and_claimed_again(on_call: OnCall) -> None:
    """C48: the lead is reached through on-call. D06: leads on call receive crisis notifications."""
    primary, backup, supervisor = on_call.leads
    alert_id, sent = await on_call.call(dues=LATER)
    assert sent.state == "stored_at_relay"
    await on_call.sync()
    assert [await kinds(lead) for lead in on_call.leads] == [["alert.minimal"], [], []]
    assert (await claim_alert(primary, alert_id)).state == "stored_at_relay"
    await on_call.sync()
    later = ["alert.claimed", "alert.minimal"]
    assert [await kinds(lead) for lead in (backup, supervisor)] == [later, later]
    await release_alert(primary, alert_id, "shift_ended", tiers=on_call.tiers())
    await on_call.sync()
    # Calling comes first, and words about it after.
    assert await kinds(backup) == [*later, "alert.minimal", "alert.released"]
    assert await kinds(supervisor) == [*later, "alert.released"]
    await claim_alert(backup, alert_id)
    await on_call.sync()
    said = ["alert.minimal", "alert.claimed", "alert.released", "alert.claimed"]
    assert await kinds(on_call.shelter) == said
    assert await kinds(primary) == [*said[:3], "alert.minimal", "alert.claimed"]
    assert await kinds(supervisor) == [*later, "alert.released", "alert.claimed", "alert.minimal"]


async def test_a_tier_is_called_in_its_time(on_call: OnCall) -> None:
    await on_call.call(dues=(0, 1, 3_600))
    await on_call.sync(on_call.leads[0])
    assert await kinds(on_call.leads[0]) == ["alert.minimal"]
    if isinstance(on_call.agencies.clock, FakeClock):
        await on_call.sync()
        assert await kinds(on_call.leads[1]) == []
    await _until_called(on_call)
    await on_call.sync()
    assert await kinds(on_call.leads[2]) == []


async def _until_called(on_call: OnCall) -> None:
    clock = on_call.agencies.clock
    if isinstance(clock, FakeClock):
        clock.advance(1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await on_call.sync(on_call.leads[1])
            if await kinds(on_call.leads[1]):
                return
            await asyncio.sleep(0.2)


class _Losing:
    """A way on which every answer to a ladder is lost."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def __getattr__(self, name: str) -> object:
        return getattr(self._relay, name)

    async def place_hold(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        await self._relay.place_hold(capability, hold_id, ladder)
        raise RelayUnreachable


async def test_what_got_no_answer_is_handed_over_again_and_is_one_ladder(on_call: OnCall) -> None:
    shelter = on_call.shelter
    way, shelter.relay = shelter.relay, cast("Relay", _Losing(shelter.relay))
    _, sent = await on_call.call(dues=LATER)
    assert sent.state == "not_yet_sent"
    shelter.relay = way
    await on_call.sync()
    assert [held.state for held in list_outbox(shelter)] == ["stored_at_relay"]
    assert await kinds(on_call.leads[0]) == ["alert.minimal"]


async def test_other_copies_under_the_id_of_a_ladder_that_is_there_are_taken_as_accepted(
    on_call: OnCall,
) -> None:
    shelter, to = on_call.shelter, on_call.leads[0].keyring.agency
    rungs = arrange_rungs(on_call.tiers(), me=shelter.keyring.device, dues=LATER)
    alert = await draft_alert(shelter, CASE, "needs_lead_now", to=to, rungs=rungs)
    # As where its copies were sealed anew since the answer got lost.
    sent = [await raise_alert(shelter, alert, to=to, rungs=rungs) for _ in range(2)]
    assert [held.state for held in sent] == ["stored_at_relay"] * 2
    await on_call.sync()
    # Whom that ladder may not have is called by the ordinary way, too: one alert all the same.
    assert set(await kinds(on_call.leads[0])) == {"alert.minimal"}
    assert len(await AsyncAlerts(on_call.leads[0]).list()) == 1


async def test_whom_the_relay_knows_no_more_is_left_out(on_call: OnCall) -> None:
    gone = on_call.leads.pop(1)
    tiers = ((gone.keyring.device,), *on_call.tiers())
    await take_away(on_call.leads[0], gone.keyring.device)
    _, sent = await on_call.call(tiers=tiers, dues=LATER)
    assert sent.state == "stored_at_relay"
    await on_call.sync()
    # The first rung is empty now, and gives its time to the next.
    assert [await kinds(lead) for lead in on_call.leads] == [["alert.minimal"], []]


class _Forgetting:
    """A way to a relay that knows another ladder under each id."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def __getattr__(self, name: str) -> object:
        return getattr(self._relay, name)

    async def claim_hold(self, hold_id: bytes, claim: Claim) -> bool:
        return await self._relay.claim_hold(hold_id[::-1], claim)


async def test_a_claim_of_a_ladder_that_the_relay_does_not_know_is_said_all_the_same(
    on_call: OnCall,
) -> None:
    primary = on_call.leads[0]
    alert_id, _ = await on_call.call(dues=LATER)
    await on_call.sync()
    primary.relay = cast("Relay", _Forgetting(primary.relay))
    assert (await claim_alert(primary, alert_id)).state == "stored_at_relay"
    await on_call.sync()
    assert await kinds(on_call.shelter) == ["alert.minimal", "alert.claimed"]
    assert await kinds(on_call.leads[1]) == ["alert.claimed"]
