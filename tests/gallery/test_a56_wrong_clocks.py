"""Row 56: the clock of sender, relay or on-call device is ten days off, or swings between the two.

The attacker moves clocks: over the network, by hand, or by letting a battery run out. An alert must
reach whoever is on call or alarm its sender, it must not be over before its time, and who was
revoked must not get in by a date. Defences: ages are the more of what a wall clock and a steady one
say; a machine that is off by more than two hours does nothing by its clock; what ends an alert is
the time that is believed; and whether a device was revoked is asked of the manifest, not of a date.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies
from tests.client_sdk.alerting.led import Led, listen
from tests.client_sdk.alerting.on_call import LEAD, kinds
from tests.controls import without
from tests.second_device import take_away

from quietway import AlertUnanswered
from quietway.faces.alerts import AsyncAlerts
from quietway.testing.clock import FakeClock
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from quietway.agent import Agent
    from quietway.events import Event

TEN_DAYS: Final = 10 * DAY / SECOND
AN_HOUR: Final = 3_600.0
COURSES: Final = {
    "ahead": (TEN_DAYS,),
    "behind": (-TEN_DAYS,),
    "swinging": (TEN_DAYS, -TEN_DAYS),
}
"""How far the clock is off, step by step and then again from the beginning."""
STEPS: Final = 4
STEP_SECONDS: Final = 4 * 60


@dataclass
class Clocks:
    """A clock for each, and how far the attacked one is off."""

    sender: FakeClock = field(default_factory=FakeClock)
    relay: FakeClock = field(default_factory=FakeClock)
    device: FakeClock = field(default_factory=FakeClock)
    backup: FakeClock = field(default_factory=FakeClock)
    off: float = 0.0

    def put(self, who: str, off: float) -> None:
        """Let a clock be so many seconds off from now on."""
        getattr(self, who).set_by_hand(off - self.off)
        self.off = off

    def go_on(self) -> None:
        """Let four minutes pass for everybody."""
        for clock in (self.sender, self.relay, self.device, self.backup):
            clock.advance(STEP_SECONDS)


@dataclass
class World:
    """A shelter, a hospital with a primary and a backup, and what the shelter was told."""

    led: Led
    clocks: Clocks
    alarms: list[Event]

    async def suffer(self, who: str, course: tuple[float, ...]) -> None:
        """Let a quarter of an hour pass, while a clock runs its course."""
        for _, off in zip(range(STEPS), cycle(course), strict=False):
            self.clocks.put(who, off)
            self.clocks.go_on()
            await self.look()
        self.clocks.put(who, 0.0)

    async def look(self) -> None:
        """Let everybody do one pass, whatever is in its way, and erase what is due."""
        for agent in self.led.everyone:
            await agent.synchronise()
            await agent.sweep()
        await self.led.shelter.watch.look()

    async def list_open(self, agent: Agent) -> list[bytes]:
        """List the alerts that a device shows as open."""
        return [alert.alert_id for alert in await AsyncAlerts(agent).list()]


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    async with Agencies(folder) as agencies:
        clocks = Clocks(backup=agencies.clock)
        agencies.relay.clock = clocks.relay
        led = await Led.make(
            agencies,
            leads=2,
            shelter=await agencies.found(SHELTER, clock=clocks.sender),
            hospital=await agencies.found(HOSPITAL, clock=clocks.device, role=LEAD),
        )
        assert isinstance(led, Led)
        await led.share_case()
        try:
            yield World(led, clocks, listen(led.shelter, AlertUnanswered))
        finally:
            await led.close()


@pytest.mark.requirement("C44")
@pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)
@pytest.mark.parametrize("who", ["sender", "relay", "device"])
async def test_an_alert_that_is_raised_by_wrong_clocks_is_not_missed(
    tmp_path: Path, who: str, course: tuple[float, ...]
) -> None:
    """C44: somebody is reached in time, or whoever raised it knows that nobody was."""
    async with open_world(tmp_path) as world:
        world.clocks.put(who, course[0])
        alert = await world.led.raise_()
        await world.suffer(who, course)
        called = [agent for agent in world.led.leads if alert in await world.list_open(agent)]
        assert called or world.alarms
        # Nobody claimed, so its sender knows in any case.
        assert world.alarms
        await world.look()
        await AsyncAlerts(world.led.leads[0]).claim(alert)
        await world.look()
        assert (await AsyncAlerts(world.led.shelter).show(alert)).confirmed


async def test_control_by_its_wall_clock_alone_a_sender_waits_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.alerting.watching:AlertWatch._count", lambda *_: 0)
    async with open_world(tmp_path) as world:
        alert = await world.led.raise_()
        await world.suffer("sender", COURSES["behind"])
        assert alert in await world.list_open(world.led.leads[0])
        world.clocks.put("sender", COURSES["behind"][0])
        await world.led.shelter.watch.look()
        assert not world.alarms


async def be_wrong(world: World, course: tuple[float, ...]) -> bytes:
    """Let an alert arrive, and the device's clock run its course then."""
    alert = await world.led.raise_()
    await world.look()
    assert alert in await world.list_open(world.led.leads[0])
    for off in course:
        world.clocks.put("device", off)
        world.clocks.go_on()
        await world.look()
    return alert


@pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)
async def test_an_alert_that_is_valid_is_not_over_by_a_wrong_clock(
    tmp_path: Path, course: tuple[float, ...]
) -> None:
    async with open_world(tmp_path) as world:
        alert = await be_wrong(world, course)
        assert alert in await world.list_open(world.led.leads[0])
        world.clocks.put("device", 0.0)
        await AsyncAlerts(world.led.leads[0]).claim(alert)
        await world.look()
        assert (await AsyncAlerts(world.led.shelter).show(alert)).confirmed


async def test_control_by_the_machines_clock_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.clocks:Clocks.end_by", lambda _clocks, now: now)
    async with open_world(tmp_path) as world:
        alert = await be_wrong(world, COURSES["ahead"])
        assert alert not in await world.list_open(world.led.leads[0])


async def claim_from_the_past(world: World) -> bool:
    """Revoke the backup, whose claim is then dated before that; say whether it is taken in.

    By an hour: what is dated ten days back has expired whoever says it.
    """
    shelter, primary, backup = world.led.everyone
    alert = await world.led.raise_()
    for _ in range(2):
        world.clocks.go_on()
        await world.look()
    assert alert in await world.list_open(backup)
    # It is not told, and goes on with a relay that is as wrong as it is.
    await take_away(primary, backup.keyring.device)
    for clock in ("relay", "backup"):
        getattr(world.clocks, clock).set_by_hand(-AN_HOUR)
    await AsyncAlerts(backup).claim(alert)
    for clock in ("relay", "backup"):
        getattr(world.clocks, clock).set_by_hand(AN_HOUR)
    await world.look()
    await world.look()
    # Two things stand in its way: it is not taken in, and would not count.
    assert not (await AsyncAlerts(shelter).show(alert)).confirmed
    return "alert.claimed" in await kinds(shelter)


async def test_who_was_revoked_claims_nothing_by_an_earlier_date(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        assert not await claim_from_the_past(world)


async def test_control_by_its_date_alone_the_claim_is_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:check_standing", lambda *_: None)
    async with open_world(tmp_path) as world:
        assert await claim_from_the_past(world)
