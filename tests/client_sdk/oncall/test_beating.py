"""Heartbeats: they come back, say so where they do not, call nobody, and look like alerts."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import aclosing
from typing import TYPE_CHECKING

from tests.client_sdk.agencies import SHELTER
from tests.client_sdk.oncall.office import Office, hear
from tests.controls import without

from quietway import AsyncLockedDevice, OnCallUnreachable
from quietway.covering.beating import beat_where_due
from quietway.covering.keeping import watch_over
from quietway.covering.taking import take_on_call
from quietway.oncall.heard import Heard
from quietway.own.taken import Told
from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.content.oncall import AgencyOnCallBeat
from quietway_schemas.envelope import HEADER_BYTES, EnvelopeClass, Header
from quietway_schemas.holds import RECORD_BYTES
from quietway_schemas.instants import HOUR, MINUTE

if TYPE_CHECKING:
    import pytest

    from quietway import AsyncClient
    from quietway_schemas.ids import DeviceId


async def states(client: AsyncClient) -> dict[DeviceId, str | None]:
    shown = await client.oncall.show()
    return {held.device: held.state for tier in shown.tiers for held in tier.devices}


async def sync_all(office: Office) -> None:
    for client in (office.first, office.second, office.first):
        await client.sync()


async def on_duty(office: Office) -> None:
    await office.first.oncall.set_rota(office.rota())
    await office.settle()


async def test_devices_on_call_hear_each_other_every_quarter_of_an_hour(office: Office) -> None:
    await on_duty(office)
    one, two = office.first.device_id, office.second.device_id
    assert await states(office.first) == {one: "awake", two: "awake"}
    shown = await office.first.oncall.show()
    assert not any(held.has_other_rota for tier in shown.tiers for held in tier.devices)
    assert await states(office.second) == {one: "awake", two: "awake"}
    heard = [office.second._agent.oncall.heard[one].at]
    for _ in range(60):
        await office.pass_time(1, office.first, office.second)
        at = office.second._agent.oncall.heard[one].at
        if at != heard[-1]:
            heard.append(at)
    apart = [(after - before) / MINUTE for before, after in itertools.pairwise(heard)]
    assert 3 <= len(apart) <= 5
    assert all(13 <= held <= 18 for held in apart)
    # Whoever is not on call says nothing, and hears nothing.
    assert office.hospital._agent.oncall.heard == {}


async def test_a_device_that_goes_away_without_a_word_is_silent_and_someone_is_told(
    office: Office,
) -> None:
    await on_duty(office)
    two = office.second.device_id
    await office.first.oncall.set_rota(office.rota((0, "Mon 00:00", "Sun 23:59")))
    await office.pass_time(40, office.first)
    shown = await office.first.oncall.show()
    assert [held.has_other_rota for tier in shown.tiers for held in tier.devices] == [False, True]
    assert (await states(office.first))[two] == "silent"
    lines = [line for line in await office.first.due.list(mine=True) if line.source == "on_call"]
    lines = [line for line in lines if line.kind != "fill_gap"]
    assert [(line.kind, line.subject) for line in lines] == [("call_backup", str(two))]


async def test_a_beat_that_does_not_come_back_is_told_also_while_the_relay_is_gone(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on_duty(office)
    told = hear(office.first)
    office.relay.offline = True
    watching = asyncio.ensure_future(watch_over(office.first._agent))
    for _ in range(24):
        office.clock.advance(60)
        for _ in range(10):
            await asyncio.sleep(0)
    missing = [event for event in told if isinstance(event, OnCallUnreachable)]
    assert len(missing) == 1
    assert (await office.first.oncall.show()).is_unreachable
    lines = await office.first.due.list()
    assert "unreachable" in {line.kind for line in lines if line.source == "on_call"}
    finding = next(held for held in await office.first.doctor() if held.name == "on call")
    assert not finding.ok
    office.relay.offline = False
    await office.first.sync()
    await office.first.sync()
    assert not (await office.first.oncall.show()).is_unreachable
    # A relay that takes beats and withholds them is told of, too; what it says does not count.
    without(monkeypatch, "quietway.covering.cover:Cover.note_return", lambda *_: None)
    await office.pass_time(25, office.first)
    assert sum(isinstance(event, OnCallUnreachable) for event in told) == 2
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_wait_is_over_by_whichever_clock_says_so_first(office: Office) -> None:
    await on_duty(office)
    office.relay.offline = True
    office.clock.advance(20 * 60)
    agent = office.first._agent
    await asyncio.gather(office.first.sync(), return_exceptions=True)
    await beat_where_due(agent)
    assert not agent.cover.is_unreachable(agent.clock)
    # The wall clock is put back by a day; time goes on all the same.
    office.clock.set_by_hand(-86_400)
    office.clock.stand_still(301)
    assert agent.cover.is_unreachable(agent.clock)
    office.clock.set_by_hand(86_400)


async def test_beats_never_call_a_human_whose_device_is_locked(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on_duty(office)
    await office.pass_time(16, office.first, office.second)
    locked = await office.second.lock(rings=True)
    await office.first.sync()
    two = office.second_id
    assert (await states(office.first))[two] == "locked"
    before = office.relay._mailboxes[office.second_mailbox].latest
    await office.pass_time(95, office.first)
    # Also not by a colleague's first beat after opening again.
    office.first._agent.cover.rest()
    await office.pass_time(20, office.first)
    assert office.relay._mailboxes[office.second_mailbox].latest == before
    assert (await states(office.first))[two] == "locked"
    without(monkeypatch, "quietway.covering.beating:list_listeners", lambda *_, **__: (two,))
    await office.pass_time(20, office.first)
    assert office.relay._mailboxes[office.second_mailbox].latest > before
    monkeypatch.undo()
    async with await locked.unlock(PASSPHRASE) as again:
        await again.sync()
        await office.first.sync()
        assert (await states(office.first))[two] == "awake"


async def test_who_locks_without_anything_that_rings_can_not_be_woken_and_is_to_be_called(
    office: Office,
) -> None:
    await on_duty(office)
    await office.second.lock()
    await office.first.sync()
    assert (await states(office.first))[office.second_id] == "locked_unwakeable"
    kinds = {line.kind for line in await office.first.due.list() if line.source == "on_call"}
    assert "call_backup" in kinds


async def test_wake_ups_that_were_left_at_the_relay_make_it_wakeable(office: Office) -> None:
    office.relay.wake_origins.add("https://push.example:443")
    await on_duty(office)
    await office.second.wake_through(["https://push.example/topic"])
    await office.second.lock()
    await office.first.sync()
    assert (await states(office.first))[office.second_id] == "locked"


async def test_to_the_relay_a_beat_is_like_each_place_of_a_ladder(office: Office) -> None:
    await on_duty(office)
    before = set(office.relay.envelopes_held())
    office.clock.advance(20 * 60)
    await beat_where_due(office.first._agent)
    beats = [raw for raw in office.relay.envelopes_held() if raw not in before]
    # One for itself, one for the colleague; and no list of who reads along.
    assert len(beats) == 2
    for raw in beats:
        assert Header.unpack(raw[:HEADER_BYTES]).class_ is EnvelopeClass.FLASH
        assert len(raw) == RECORD_BYTES - 32
    assert len({len(raw) for raw in beats}) == 1


async def test_a_beat_leaves_a_word_and_no_message(office: Office) -> None:
    await on_duty(office)
    await office.pass_time(120, office.first, office.second)
    for client in (office.first, office.second):
        assert await client.inbox() == []
        assert await client.outbox() == []
        state = client._agent.state
        assert not [entry for entry in state.outbox.values() if "beat" in entry.kind]
        assert not any(
            finding.name == "envelopes given up" and not finding.ok
            for finding in await client.doctor()
        )
        assert len(state.threads) < 30


async def test_a_clock_that_is_ahead_makes_nobody_live_longer(office: Office) -> None:
    await on_duty(office)
    agent, two, now = office.first._agent, office.second.device_id, office.clock.now()
    beat = AgencyOnCallBeat(tier="backup", wakeable=False, rota=agent.oncall.rota_name)
    for ahead in (MINUTE, HOUR):
        told = Told(agent.keyring.agency, two, now + ahead, beat)
        await take_on_call(agent, told)
        assert agent.oncall.heard[two].at == now
    # And what was said before its last word changes nothing.
    assert agent.oncall.hear(two, Heard(now - 1)) == []


async def test_a_locked_device_wakes_its_human_for_what_came_after_and_not_before(
    office: Office,
) -> None:
    await on_duty(office)
    await office.hospital.messages.send("Before.", to="HARBOR")
    await office.second.sync()
    locked = await office.second.lock(rings=True)
    rung: list[int] = []
    has_rung = asyncio.Event()

    async def ring() -> None:
        async with aclosing(locked.wakes()) as woken:
            async for number in woken:
                rung.append(number)
                has_rung.set()

    ringing = asyncio.ensure_future(ring())
    for _ in range(20):
        await asyncio.sleep(0)
    assert rung == []
    await office.hospital.messages.send("Come.", to="HARBOR")
    await asyncio.wait_for(has_rung.wait(), 30)
    ringing.cancel()
    await asyncio.gather(ringing, return_exceptions=True)
    # Opened locked, it does not know what it has read: rather once too often.
    fresh = await AsyncLockedDevice.open(locked.home, relay_port=office.relay.connect)
    async with aclosing(fresh.wakes()) as woken:
        assert await anext(woken) == rung[-1]


async def test_a_restart_without_the_relay_does_not_silence_what_is_missing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on_duty(office)
    office.relay.offline = True
    office.clock.advance(20 * 60)
    await beat_where_due(office.first._agent)
    await office.first._agent.store.aclose()
    again = await office.reopen(SHELTER)
    told = hear(again)
    for defended in (False, True):
        with monkeypatch.context() as off:
            if not defended:
                without(off, "quietway.covering.cover:Cover.note_waiting", lambda *_: None)
            for _ in range(7):
                await beat_where_due(again._agent)
                office.clock.advance(60)
        missing = [event for event in told if isinstance(event, OnCallUnreachable)]
        assert len(missing) == int(defended)


async def test_a_relay_that_counts_from_before_rings_for_what_comes_then(office: Office) -> None:
    await on_duty(office)
    await office.hospital.messages.send("Before.", to="HARBOR")
    await office.second.sync()
    locked = await office.second.lock(rings=True)
    rung: list[int] = []

    async def ring() -> None:
        async with aclosing(locked.wakes()) as woken:
            async for number in woken:
                rung.extend((number,))

    ringing = asyncio.ensure_future(ring())
    for _ in range(20):
        await asyncio.sleep(0)
    # The relay's store is put back to what it was before the last two envelopes.
    mailbox = office.relay._mailboxes[office.second_mailbox]
    office.relay.offline = True
    mailbox.latest -= 2
    put_back = mailbox.latest
    office.relay.offline = False
    for _ in range(20):
        office.clock.advance(60)
        for _ in range(20):
            await asyncio.sleep(0)
    await office.hospital.messages.send("Come.", to="HARBOR")
    for _ in range(50):
        await asyncio.sleep(0)
    ringing.cancel()
    await asyncio.gather(ringing, return_exceptions=True)
    assert rung[0] == put_back
    assert rung[-1] > put_back
