"""The dead-man timer: the relay gone, lying or late, clocks that jump, crashes, a full disk."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import SHELTER
from tests.client_sdk.alerting.led import Led, listen, make_led
from tests.controls import without
from tests.second_device import take_away

from quietway import AlertUnanswered
from quietway.alerting.alarms_file import AlarmsFile
from quietway.due import list_due
from quietway.errors import StorageFull
from quietway.faces.alerts import AsyncAlerts
from quietway.faces.consent import AsyncConsent
from quietway.ports import Put
from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.instants import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.client_sdk.agencies import Agencies

    from quietway.agent import Agent
    from quietway.events import Event


@pytest.fixture
async def led(agencies: Agencies) -> AsyncIterator[Led]:
    async with make_led(agencies, leads=2) as made:
        yield made


@asynccontextmanager
async def watching(agent: Agent) -> AsyncIterator[list[Event]]:
    """Let an agent's timer run as it does while a program follows; gives what it tells."""
    told = listen(agent, AlertUnanswered)
    running = asyncio.create_task(agent.watch.run())
    await come_to_rest()
    try:
        yield told
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def come_to_rest() -> None:
    """Let whatever can run now run, until it waits for the clock."""
    for _ in range(200):
        await asyncio.sleep(0)


def whys(told: list[Event]) -> list[str]:
    return [event.why for event in told if isinstance(event, AlertUnanswered)]


@pytest.mark.requirement("C44")
async def test_what_nobody_claims_alarms_its_sender_when_the_last_tier_is_called(led: Led) -> None:
    """C44: who raised it is alarmed on their own device when the sequence is at its end."""
    async with watching(led.shelter) as told:
        alert_id = await led.raise_(ladder=(0, 300))
        await come_to_rest()
        led.advance(4.99)
        await come_to_rest()
        assert told == []
        led.advance(0.02)
        await come_to_rest()
        assert told == [AlertUnanswered(alert_id, "not_claimed", exercise=False)]
        led.advance(60)
        await come_to_rest()
        assert len(told) == 1
    (line,) = [held for held in await list_due(led.shelter) if held.source == "alerts"]
    assert (line.kind, line.turn) == ("phone_alert", "ours")


async def test_a_signed_claim_stops_it_and_what_the_relay_says_does_not(led: Led) -> None:
    async with watching(led.shelter) as told:
        await led.raise_()
        await led.sync()
        (alert,) = await AsyncAlerts(led.leads[0]).list()
        await AsyncAlerts(led.leads[0]).claim(alert.alert_id)
        await led.sync()
        led.advance(20)
        await come_to_rest()
        assert told == []
        # And one that is taken back by a release is waited for again.
        await AsyncAlerts(led.leads[0]).release(alert.alert_id, "shift_ended")
        await led.sync()
        led.advance(4)
        await come_to_rest()
        assert told == []
        led.advance(16)
        await come_to_rest()
        assert whys(told) == ["not_claimed"]


async def test_a_claim_counts_no_more_when_its_device_is_in_other_hands(led: Led) -> None:
    primary, backup = led.leads
    async with watching(led.shelter) as told:
        alert_id = await led.raise_()
        led.advance(6)
        await led.sync()
        await AsyncAlerts(backup).claim(alert_id)
        await led.sync()
        assert (await AsyncAlerts(led.shelter).show(alert_id)).confirmed
        await take_away(primary, backup.keyring.device)
        led.advance(1)
        await led.sync(primary, led.shelter)
        await come_to_rest()
        assert whys(told) == ["not_claimed"]
        assert not (await AsyncAlerts(led.shelter).show(alert_id)).confirmed


async def test_a_relay_that_takes_nothing_is_told_after_a_minute_and_again_at_the_end(
    led: Led,
) -> None:
    relay = led.agencies.relay
    async with watching(led.shelter) as told:
        # One that takes it in time is told nothing of.
        relay.offline = True
        first = await led.raise_()
        led.advance(0.5)
        relay.offline = False
        await led.sync()
        await AsyncAlerts(led.leads[0]).claim(first)
        await led.sync()
        led.advance(1)
        await come_to_rest()
        assert told == []
        relay.offline = True
        alert_id = await led.raise_()
        led.advance(0.98)
        await come_to_rest()
        assert told == []
        led.advance(0.03)
        await come_to_rest()
        assert whys(told) == ["not_accepted"]
        led.advance(15)
        await come_to_rest()
        assert whys(told) == ["not_accepted", "not_claimed"]
        # It goes when the relay is there again, and nothing was lost.
        relay.offline = False
        await led.sync()
    assert (await AsyncAlerts(led.leads[0]).show(alert_id)).state == "unanswered"
    assert (await AsyncAlerts(led.leads[0]).show(alert_id)).late


async def test_no_clock_that_is_set_and_no_time_that_the_relay_tells_delays_an_alarm(
    led: Led,
) -> None:
    clock = led.agencies.clock
    async with watching(led.shelter) as told:
        # The relay says that no time has passed, and the device sets its own clock right by that.
        await led.raise_(ladder=(0, 300))
        for minute in range(1, 6):
            led.advance(1)
            led.shelter.compared.note(clock.now() - minute * MINUTE - 90 * MINUTE)
            await come_to_rest()
        assert whys(told) == ["not_claimed"]
        led.shelter.compared.note(clock.now())
        # It is put back, and what it shows is behind all that follows.
        await led.raise_(ladder=(0, 300))
        await come_to_rest()
        clock.set_by_hand(-10 * DAY / SECOND)
        for _ in range(61):
            clock.advance(5)
            await come_to_rest()
        assert whys(told) == ["not_claimed"] * 2
        clock.set_by_hand(10 * DAY / SECOND)
        # One that is put on brings the alarm forward, and loses none.
        await led.raise_()
        await come_to_rest()
        clock.set_by_hand(10 * DAY / SECOND)
        await come_to_rest()
        assert whys(told) == ["not_claimed"] * 3


async def test_control_by_the_wall_clock_alone_a_clock_that_is_put_back_silences_it(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.alerting.watching:AlertWatch._count", lambda *_: 0)
    clock = led.agencies.clock
    async with watching(led.shelter) as told:
        await led.raise_(ladder=(0, 300))
        await come_to_rest()
        clock.set_by_hand(-10 * DAY / SECOND)
        for _ in range(61):
            clock.advance(5)
            await come_to_rest()
        assert told == []


@pytest.mark.parametrize("set_back", [False, True])
async def test_after_a_crash_and_a_late_restart_it_alarms_at_once(
    led: Led, *, set_back: bool
) -> None:
    async with watching(led.shelter):
        await led.raise_()
        for _ in range(4):
            led.advance(1)
            await come_to_rest()
    if set_back:
        # As it was when the alert was raised: then what was counted is all that there is.
        led.agencies.clock.set_by_hand(-4 * 60)
    else:
        led.agencies.clock.set_by_hand(30 * 60)
    again = await led.agencies.reopen(SHELTER)
    async with watching(again._agent) as told:
        if set_back:
            assert told == []
            led.advance(2)
            await come_to_rest()
        assert whys(told) == ["not_claimed"]
    # What was told is not told again by the next process, and stands in what is due.
    third = await led.agencies.reopen(SHELTER)
    async with watching(third._agent) as told:
        led.advance(5)
        await come_to_rest()
        assert told == []
    assert [line.kind for line in await third.due.list()] == ["phone_alert"]


async def test_control_without_its_row_a_crash_ends_the_wait(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_nothing(_: object, alert_id: bytes, **__: object) -> Put:
        return Put("nothing", alert_id, b"")

    without(monkeypatch, "quietway.alerting.watching:AlertWatch.begin", write_nothing)
    await led.raise_()
    again = await led.agencies.reopen(SHELTER)
    async with watching(again._agent) as told:
        led.advance(30)
        await come_to_rest()
        assert told == []


async def test_an_alarm_that_nobody_heard_is_told_to_the_first_who_listens(led: Led) -> None:
    await led.raise_()
    led.advance(16)
    await led.sync(led.shelter)
    async with watching(led.shelter) as told:
        assert whys(told) == ["not_claimed"]


async def test_a_full_disk_silences_nothing_and_repeats_nothing(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StorageFull

    async with watching(led.shelter) as told:
        await led.raise_()
        await come_to_rest()
        without(monkeypatch, "quietway.store.memory:MemoryStore.commit", full)
        led.advance(16)
        await come_to_rest()
        led.advance(16)
        await come_to_rest()
        assert whys(told) == ["not_claimed"]


async def test_a_locked_device_alarms_at_the_time_and_its_file_tells_instants_only(
    agencies: Agencies,
) -> None:
    async with make_led(agencies, leads=1) as led:
        client = led.client
        await led.raise_()
        # One alone is called, and has five minutes.
        at = agencies.clock.now() + 5 * MINUTE
        locked = await client.lock()
        raw = (locked.home / "alarms").read_bytes()
        assert raw == f'{{"alarms":[{at}]}}'.encode()
        rung: list[int] = []
        ringing = asyncio.create_task(ring_into(locked.alarms(), rung))
        await come_to_disk()
        for _ in range(4):
            led.advance(1)
            await come_to_disk()
        assert rung == []
        agencies.clock.set_by_hand(-DAY / SECOND)
        led.advance(1.1)
        await come_to_disk()
        assert rung == [at]
        await come_to_disk()
        assert AlarmsFile(locked.home).read() == ()
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)
        async with await locked.unlock(PASSPHRASE) as again:
            assert [line.kind for line in await again.due.list()] == ["await_claim"]


async def ring_into(alarms: AsyncIterator[int], rung: list[int]) -> None:
    async for at in alarms:
        rung += [at]


async def come_to_disk() -> None:
    """Let what reads a file in a thread of its own come back."""
    for _ in range(20):
        await asyncio.sleep(0.002)


async def test_an_alert_that_is_stopped_before_it_left_is_told_as_one_that_calls_nobody(
    led: Led,
) -> None:
    led.agencies.relay.offline = True
    async with watching(led.shelter) as told:
        await led.raise_()
        await AsyncConsent(led.shelter).revoke(led.case)
        (entry,) = [one for one in led.shelter.state.outbox.values() if one.rungs]
        assert (entry.placed, entry.withdrawn) == (False, True)
        led.advance(1.1)
        await come_to_rest()
        assert whys(told) == ["not_accepted"]
