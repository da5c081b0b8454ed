"""A wrong clock erases nothing, brings nothing back, and the person is told what to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies, invite
from tests.controls import without

from quietway.ambient import SystemClock
from quietway.client import AsyncClient
from quietway.content import MessageText
from quietway.erasing import Believed
from quietway.errors import ClockDoubted, ClockError, RelayUnreachable
from quietway.events import ErasingPaused
from quietway.files import make_private_folder
from quietway.high_water import CLOCK_FILE, MarkFile
from quietway.testing.clock import START, FakeClock
from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.erasing import Reading, Watch
    from quietway.events import Event

A_DAY = DAY / SECOND
AN_HOUR = HOUR / SECOND
UNTIL_THE_LAST_DAY = 34.0
OVER = 36.0


class Device:
    """A hospital on a machine with a clock of its own, to which a shelter has said something."""

    def __init__(self, agencies: Agencies) -> None:
        self.agencies = agencies
        self.clock = FakeClock()

    async def begin(self) -> None:
        self.shelter = await self.agencies.found(SHELTER)
        self.client = await self.agencies.found(HOSPITAL, clock=self.clock)
        await invite(self.shelter, self.client)
        await invite(self.client, self.shelter)
        await self.shelter.sync()
        await self.shelter.messages.send("Are you there?", to="MERCY")
        assert (await self.client.sync()).problems == ()

    def advance(self, days: float) -> None:
        self.agencies.clock.advance(days * A_DAY)
        self.clock.advance(days * A_DAY)

    async def restart(self, days: float) -> None:
        """Close the program, and open it so much later."""
        await self.client.aclose()
        self.advance(days)
        self.client = await AsyncClient.open(
            self.agencies.folder / HOSPITAL,
            passphrase=PASSPHRASE,
            relay_port=self.agencies.relay.connect,
            clock=self.clock,
            entropy=self.agencies.entropy,
            store=self.agencies.stores[HOSPITAL],
        )
        self.agencies._open.push_async_callback(self.client.aclose)

    async def texts(self) -> list[str]:
        return [
            held.content.text
            for held in await self.client.inbox()
            if isinstance(held.content, MessageText)
        ]

    async def doubt(self) -> str | None:
        """Do one pass, and tell why nothing is erased."""
        await self.client.sync()
        problem = self.client._agent.clocks.problem
        return None if problem is None else problem.reason

    def epochs(self) -> dict[EnvelopeClass, tuple[int, ...]]:
        return {class_: self.client._agent.keyring.epochs(class_) for class_ in EnvelopeClass}


@pytest.fixture
async def device(agencies: Agencies) -> Device:
    made = Device(agencies)
    await made.begin()
    return made


@pytest.mark.parametrize("off_hours", [0, 1.9, -1.9])
async def test_a_clock_within_two_hours_erases_by_the_relays_time(
    device: Device, off_hours: float
) -> None:
    device.clock.set_by_hand(off_hours * AN_HOUR)
    device.advance(UNTIL_THE_LAST_DAY)
    assert await device.doubt() is None
    assert await device.texts() == ["Are you there?"]
    device.advance(OVER - UNTIL_THE_LAST_DAY)
    assert await device.doubt() is None
    assert await device.texts() == []


@pytest.mark.parametrize("off_days", [40, -40, 0.1, -0.1])
async def test_a_clock_that_differs_from_the_relays_erases_nothing(
    device: Device, off_days: float
) -> None:
    held = device.epochs()
    device.clock.set_by_hand(off_days * A_DAY)
    report = await device.client.sync()
    assert [type(problem) for problem in report.problems] == [ClockError]
    swept = await device.client.retention.sweep()
    assert swept.problem is not None
    assert (swept.epochs, swept.records, swept.messages) == (0, 0, 0)
    assert str(swept.problem).endswith("Set the clock.")
    assert device.epochs() == held
    assert await device.texts() == ["Are you there?"]
    device.clock.set_by_hand(-off_days * A_DAY)
    assert await device.doubt() is None
    assert await device.texts() == ["Are you there?"]


async def test_a_clock_that_was_set_back_brings_nothing_back(device: Device) -> None:
    device.advance(OVER)
    assert await device.doubt() is None
    held = device.epochs()
    device.agencies.relay.offline = True
    device.clock.set_by_hand(-OVER * A_DAY)
    assert await device.doubt() == "jumped"
    assert (await device.texts(), device.epochs()) == ([], held)
    await device.restart(0)
    assert await device.doubt() == "behind"
    assert (await device.texts(), device.epochs()) == ([], held)


async def test_without_a_relay_a_program_that_runs_on_erases_in_time(device: Device) -> None:
    device.agencies.relay.offline = True
    for _ in range(9):
        device.advance(4)
        assert await device.doubt() is None
    assert await device.texts() == []


@pytest.mark.parametrize("off_days", [40, -40])
async def test_without_a_relay_a_clock_that_was_set_erases_nothing(
    device: Device, off_days: float
) -> None:
    held = device.epochs()
    device.agencies.relay.offline = True
    device.advance(0.5)
    assert await device.doubt() is None
    device.clock.set_by_hand(off_days * A_DAY)
    report = await device.client.sync()
    assert [type(problem) for problem in report.problems] == [RelayUnreachable]
    assert await device.doubt() == "jumped"
    finding = {found.name: found for found in await device.client.doctor()}["erasing"]
    assert not finding.ok
    assert "Set it right" in finding.what_next
    assert device.epochs() == held
    assert await device.texts() == ["Are you there?"]
    device.clock.set_by_hand(-off_days * A_DAY)
    assert await device.doubt() is None
    assert {found.name: found.ok for found in await device.client.doctor()}["erasing"]


async def test_without_a_relay_a_clock_that_stands_still_is_noticed(device: Device) -> None:
    device.agencies.relay.offline = True
    device.clock.stand_still(3 * AN_HOUR)
    assert await device.doubt() == "jumped"


async def test_without_a_relay_a_start_after_long_waits_for_one(device: Device) -> None:
    held = device.epochs()
    device.agencies.relay.offline = True
    await device.restart(OVER)
    assert await device.doubt() == "unconfirmed"
    assert device.epochs() == held
    assert await device.texts() == ["Are you there?"]
    # However long it runs now, no more is known of the time.
    device.advance(1)
    assert await device.doubt() == "unconfirmed"
    device.agencies.relay.offline = False
    assert await device.doubt() is None
    assert await device.texts() == []


async def test_without_a_relay_a_start_soon_after_erases_at_the_opening(device: Device) -> None:
    device.advance(UNTIL_THE_LAST_DAY)
    assert await device.doubt() is None
    device.advance(0.55)
    assert await device.doubt() is None
    assert await device.texts() == ["Are you there?"]
    device.agencies.relay.offline = True
    await device.restart(0.08)
    assert await device.texts() == []


async def test_a_clock_that_had_run_ahead_is_forgiven_by_a_relay(device: Device) -> None:
    mark = MarkFile(device.client.home)
    await device.client.aclose()
    mark.note(device.clock.now() + 40 * DAY)
    device.agencies.relay.offline = True
    await device.restart(0)
    assert await device.doubt() == "behind"
    device.agencies.relay.offline = False
    assert await device.doubt() is None
    device.agencies.relay.offline = True
    await device.restart(0)
    assert await device.doubt() is None


async def test_control_without_judging_a_clock_set_on_erases_what_is_not_over(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def believe(watch: Watch, reading: Reading) -> tuple[Watch, Believed]:
        return watch, Believed(reading.machine)

    without(monkeypatch, "quietway.clocks:judge", believe)
    device.agencies.relay.offline = True
    device.clock.set_by_hand(40 * A_DAY)
    await device.client.sync()
    assert await device.texts() == []
    assert device.epochs()[EnvelopeClass.FLASH] == ()


async def test_the_program_is_told_once_that_nothing_is_erased(device: Device) -> None:
    told: list[Event] = []
    device.client._agent.listeners.append(told.append)
    device.agencies.relay.offline = True
    device.clock.set_by_hand(40 * A_DAY)
    for _ in range(3):
        await device.client.sync()
    paused = [event for event in told if isinstance(event, ErasingPaused)]
    assert len(paused) == 1
    assert "Nothing that has expired is erased" in paused[0].problem
    device.clock.set_by_hand(-40 * A_DAY)
    await device.client.sync()
    device.clock.set_by_hand(-40 * A_DAY)
    await device.client.sync()
    assert sum(isinstance(event, ErasingPaused) for event in told) == 2


async def test_while_following_erasing_goes_on_by_itself(device: Device) -> None:
    stream = device.client.events()
    following = asyncio.ensure_future(anext(stream))
    async with asyncio.timeout(30):
        while await device.texts():
            if device.clock.sleepers:
                device.advance(1)
            await asyncio.sleep(0.005)
    assert device.clock.now() >= START + UNTIL_THE_LAST_DAY * DAY
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await stream.aclose()


def test_the_mark_is_written_hourly_and_read_back(tmp_path: Path) -> None:
    make_private_folder(tmp_path)
    mark = MarkFile(tmp_path)
    assert mark.read() is None
    for minutes, written in ((0, 0), (59, 0), (60, 60), (90, 60), (30, 60), (-1, -1)):
        mark.note(START + minutes * MINUTE)
        assert MarkFile(tmp_path).read() == START + written * MINUTE


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"high_water":"x"}', b"\xff" * 4096])
def test_a_mark_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CLOCK_FILE).write_bytes(content)
    assert MarkFile(tmp_path).read() is None


def test_the_machines_steady_clock_goes_on() -> None:
    clock = SystemClock()
    first = clock.steady()
    assert first <= clock.steady()
    assert first > 0


async def test_a_locked_device_deletes_by_a_time_that_is_to_be_believed(device: Device) -> None:
    locked = await device.client.lock()
    device.advance(OVER)
    device.clock.set_by_hand(A_DAY)
    with pytest.raises(ClockDoubted) as doubted:
        await locked.believed_now()
    assert doubted.value.reason == "differs"
    device.agencies.relay.offline = True
    with pytest.raises(ClockDoubted) as doubted:
        await locked.believed_now()
    assert doubted.value.reason == "unconfirmed"
    device.clock.set_by_hand(-A_DAY)
    device.agencies.relay.offline = False
    now = await locked.believed_now()
    assert now == device.clock.now()
    assert await locked.erase_due(now) > 1
    device.client = await locked.unlock(PASSPHRASE)
    device.agencies._open.push_async_callback(device.client.aclose)
    assert await device.texts() == []
