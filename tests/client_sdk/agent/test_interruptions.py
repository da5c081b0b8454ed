"""What a program stops waiting for, a clock that jumps, and too much at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies, invite
from tests.client_sdk.agent.faults import Fate, FaultyStore
from tests.controls import without

from quietway.content import MessageText
from quietway.events import ConnectionLost, DeadLettered
from quietway.records import NOTICE
from quietway.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from quietway.client import AsyncClient
    from quietway.events import Event
    from quietway.ports import Delete, Put

DAY = 86_400


class SlowStore(FaultyStore):
    """A store that writes on a thread of its own, so that nobody can stop what it has begun."""

    __slots__ = ("slow",)

    def __init__(self) -> None:
        super().__init__(Fate())
        self.slow = 0.0

    async def commit(self, writes: Sequence[Put | Delete]) -> None:
        await asyncio.shield(asyncio.ensure_future(self._write_slowly(writes)))

    async def _write_slowly(self, writes: Sequence[Put | Delete]) -> None:
        await asyncio.sleep(self.slow)
        await super().commit(writes)


async def read_texts(client: AsyncClient) -> list[str]:
    return [
        held.content.text for held in await client.inbox() if isinstance(held.content, MessageText)
    ]


async def interrupt_and_go_on(agencies: Agencies) -> tuple[list[set[bytes]], AsyncClient]:
    """Let a program stop waiting for a message while it is written, and then send another."""
    agencies.stores[SHELTER] = store = SlowStore()
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    first = await shelter.messages.send("First.", to="MERCY")
    store.slow = 0.05
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await shelter.messages.send("Given up.", to="MERCY", conversation=first.conversation)
    store.slow = 0.0
    await asyncio.sleep(0.1)
    await shelter.messages.send("Second.", to="MERCY", conversation=first.conversation)
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    agencies.clock.advance(3_700)
    await again.sync()
    await hospital.sync()
    return store.cores(again), hospital


async def test_who_stops_waiting_leaves_no_place_that_is_given_away_twice(
    agencies: Agencies,
) -> None:
    cores, hospital = await interrupt_and_go_on(agencies)
    assert all(len(held) == 1 for held in cores)
    assert await read_texts(hospital) == ["First.", "Given up.", "Second."]
    assert not any(held.gap for held in await hospital.inbox())


async def test_control_without_ending_what_began_a_place_is_given_away_twice(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def just_wait(work: Coroutine[object, object, object]) -> object:
        return await work

    without(monkeypatch, "quietway.settling:end_what_began", just_wait)
    cores, _ = await interrupt_and_go_on(agencies)
    assert any(len(held) == 2 for held in cores)


async def receive_live_with_a_clock_that_jumps(agencies: Agencies) -> tuple[AsyncClient, set[type]]:
    """Let a device's clock be wrong while a message comes, and right again afterwards."""
    clock = FakeClock()
    shelter = await agencies.found(SHELTER)
    hospital = await agencies.found(HOSPITAL, clock=clock)
    await invite(shelter, hospital)
    await invite(hospital, shelter)
    # Each has its lane already, so that following is connected at once.
    for client in (shelter, hospital, shelter, hospital):
        await client.sync()
    seen: list[Event] = []

    async def follow() -> None:
        # One by one, so that each is there as soon as it came.
        stream = hospital.events()
        while True:
            seen.append(await anext(stream))

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.05)
    clock.advance(5 * DAY)
    await shelter.messages.send("In the meantime.", to="MERCY")
    await asyncio.sleep(0.05)
    clock.advance(-5 * DAY)
    for _ in range(5):
        clock.advance(30)
        agencies.clock.advance(30)
        await asyncio.sleep(0.02)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    return hospital, {type(event) for event in seen}


async def test_a_clock_that_jumps_while_connected_loses_nothing(agencies: Agencies) -> None:
    hospital, seen = await receive_live_with_a_clock_that_jumps(agencies)
    assert ConnectionLost in seen
    assert DeadLettered not in seen
    await hospital.sync()
    assert await read_texts(hospital) == ["In the meantime."]


async def test_control_without_looking_at_the_clock_again_what_comes_looks_expired(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trust(_agent: object) -> None:
        return None

    without(monkeypatch, "quietway.agent:Agent.check_clock", trust)
    hospital, seen = await receive_live_with_a_clock_that_jumps(agencies)
    assert DeadLettered in seen
    assert await read_texts(hospital) == []


async def send_between_clocks_that_differ(agencies: Agencies) -> AsyncClient:
    """Let a machine that is ahead write to one that is behind, each by less than two hours."""
    ahead, behind = FakeClock(), FakeClock()
    shelter = await agencies.found(SHELTER, clock=ahead)
    hospital = await agencies.found(HOSPITAL, clock=behind)
    await invite(shelter, hospital)
    await invite(hospital, shelter)
    ahead.advance(110 * 60)
    behind.advance(-110 * 60)
    assert (await shelter.sync()).problems == ()
    await shelter.messages.send("From ahead.", to="MERCY")
    assert (await hospital.sync()).problems == ()
    return hospital


async def test_clocks_that_are_borne_lose_nothing(agencies: Agencies) -> None:
    hospital = await send_between_clocks_that_differ(agencies)
    (received,) = await hospital.inbox()
    assert received.sent_at == agencies.clock.now()


async def test_control_by_the_machines_own_clocks_every_message_is_of_a_wrong_time(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch,
        "quietway.compared_clock:ComparedClock.now",
        lambda clock: clock.machine_now(),
    )
    hospital = await send_between_clocks_that_differ(agencies)
    assert await hospital.inbox() == []
    assert [row.key.partition(b"/")[0] for row in await agencies.stores[HOSPITAL].scan(NOTICE)] == [
        b"bad_time"
    ]


async def test_a_clock_that_goes_back_by_an_hour_breaks_nothing(agencies: Agencies) -> None:
    clock = FakeClock()
    shelter = await agencies.found(SHELTER, clock=clock)
    hospital = await agencies.found(HOSPITAL)
    await invite(shelter, hospital)
    await invite(hospital, shelter)
    await shelter.messages.send("Before.", to="MERCY")
    clock.advance(-3_600)
    await shelter.messages.send("After.", to="MERCY")
    for client in (shelter, hospital):
        assert (await client.sync()).problems == ()
    assert await read_texts(hospital) == ["Before.", "After."]


async def test_two_hundred_and_ten_messages_at_once_are_all_told_as_sent(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await asyncio.gather(
        *[shelter.messages.send(f"Number {number}.", to="MERCY") for number in range(210)]
    )
    assert {one.state for one in sent} == {"stored_at_relay"}
    await hospital.sync()
    assert {held.message_id for held in await hospital.inbox()} == {one.message_id for one in sent}


async def test_an_older_keyring_publishes_new_keys_for_those_it_lacks(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    file = agencies.folder / HOSPITAL / "keyring"
    older = file.read_bytes()
    agencies.clock.advance(4 * DAY)
    await hospital.sync()
    await hospital.aclose()
    file.write_bytes(older)
    again = await agencies.reopen(HOSPITAL)
    await again.sync()
    agencies.clock.advance(5 * DAY)
    await shelter.sync()
    await shelter.messages.send("To a key that is there.", to="MERCY")
    report = await again.sync()
    assert (report.received, report.refused) == (1, 0)
    assert await read_texts(again) == ["To a key that is there."]
