"""The agent over the relay in memory: what it does when something is in the way."""

from __future__ import annotations

import asyncio
import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, Agencies
from tests.controls import without

from quietway.content import MessageText
from quietway.errors import (
    RelayRefused,
    RelayUnreachable,
    StorageFull,
    StoreDamaged,
    StoreRolledBack,
)
from quietway.pausing import pause_after, told_by
from quietway.publishing import EPOCHS, MANIFEST, PUBLISHED
from quietway.store.memory import MemoryStore
from quietway_crypto.suites import available_suites
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import DAY, HOUR, iso_week

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.agent import Agent
    from quietway.client import AsyncClient
    from quietway.ports import Delete, Mailbox, Put, Relay
    from quietway_schemas.directory import DirectoryPage, SignedObject

SECONDS_A_DAY = 86_400


class FullStore(MemoryStore):
    """A memory store with a disk that fills up."""

    full = False

    async def commit(self, writes: Sequence[Put | Delete]) -> None:
        if self.full:
            raise StorageFull
        await super().commit(writes)


class Unfriendly:
    """A relay that passes everything on, apart from what a test says otherwise."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.submissions: list[int] = []
        self.refuse_next: RelayRefused | None = None
        self.refuse_lanes = False
        self.cut_off = False
        self.endless = False
        self.back_after: int | None = None
        self.knocks = 0
        self.published: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._relay, name)

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        self.submissions.append(len(records))
        refusal, self.refuse_next = self.refuse_next, None
        if self.cut_off:
            raise RelayUnreachable
        if refusal is not None:
            raise refusal
        await self._relay.submit(capability, records)

    async def open_mailbox(self, *, live: bool, **hello: Any) -> Mailbox:
        if live and self.back_after is not None:
            self.knocks += 1
            raise RelayRefused("overloaded", "Come back.", retry_after=self.back_after)
        return await self._relay.open_mailbox(live=live, **hello)

    async def put_lanes(self, week: str, signed: SignedObject) -> None:
        self.published.append(week)
        if self.refuse_lanes:
            raise RelayRefused("internal", "Something broke.")
        await self._relay.put_lanes(week, signed)

    async def put_epochs(self, agency: object, signed: SignedObject) -> None:
        self.published.append("epochs")
        await self._relay.put_epochs(agency, signed)

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        page = await self._relay.directory(after, log_size=log_size)
        if self.endless:
            return page.model_copy(update={"entries": (), "next": after, "more": True})
        return page


def between(client: AsyncClient) -> Unfriendly:
    """Put an unfriendly relay between a client and the real one."""
    made = Unfriendly(client._agent.relay)
    client._agent.relay = made
    client._agent.publisher._relay = made
    return made


async def read_texts(client: AsyncClient) -> list[str]:
    return [
        held.content.text for held in await client.inbox() if isinstance(held.content, MessageText)
    ]


@pytest.mark.requirement("A51")
async def test_a_full_disk_sends_nothing_and_acknowledges_nothing(agencies: Agencies) -> None:
    """A51: nothing leaves the device, and nothing leaves the relay, before it is on the disk."""
    agencies.stores[HOSPITAL] = full = FullStore()
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Keep this.", to="MERCY")
    waiting = agencies.relay.envelopes_held()
    full.full = True
    with pytest.raises(StorageFull):
        await hospital.sync()
    with pytest.raises(StorageFull):
        await hospital.messages.send("Not written.", to="HARBOR")
    assert agencies.relay.envelopes_held() == waiting
    assert await hospital.outbox() == []
    full.full = False
    assert (await hospital.sync()).received == 1
    assert await read_texts(hospital) == ["Keep this."]
    assert agencies.relay.envelopes_held() == ()


async def test_an_older_copy_of_the_store_is_noticed_at_the_next_hello(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await hospital.aclose()
    older = copy_store(agencies.stores[HOSPITAL])
    again = await agencies.reopen(HOSPITAL)
    assert (await again.sync()).problems == ()
    await again.aclose()
    restored = await agencies.reopen(HOSPITAL, older)
    (problem,) = (await restored.sync()).problems
    assert isinstance(problem, StoreRolledBack)
    finding = (await restored.doctor())[0]
    assert not finding.ok
    assert "accept-older-copy" in finding.what_next
    await shelter.messages.send("Still arrives.", to="MERCY")
    await restored.sync()
    assert await read_texts(restored) == ["Still arrives."]


async def test_what_was_acknowledged_elsewhere_shows_an_older_copy(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    older = copy_store(agencies.stores[HOSPITAL])
    await shelter.messages.send("Read and gone.", to="MERCY")
    await hospital.sync()
    await hospital.aclose()
    restored = await agencies.reopen(HOSPITAL, older)
    assert [type(problem) for problem in (await restored.sync()).problems] == [StoreRolledBack]


async def test_control_without_the_welcome_an_older_copy_goes_on_unnoticed(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.engine.step:_welcome", lambda state, _given: state)
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    older = copy_store(agencies.stores[HOSPITAL])
    await shelter.messages.send("Read and gone.", to="MERCY")
    await hospital.sync()
    await hospital.aclose()
    restored = await agencies.reopen(HOSPITAL, older)
    assert (await restored.sync()).problems == ()


def copy_store(store: MemoryStore) -> MemoryStore:
    made = MemoryStore()
    made._rows = copy.deepcopy(store._rows)
    made._last_position = store._last_position
    return made


async def test_nothing_is_published_twice_and_each_day_brings_new_keys(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    relay = between(shelter)
    await shelter.sync()
    assert relay.published == []
    agencies.clock.advance(SECONDS_A_DAY)
    await shelter.sync()
    assert relay.published == ["epochs"]
    agencies.clock.advance(6 * SECONDS_A_DAY)
    await shelter.sync()
    assert len(relay.published) == 3
    assert relay.published[2] == iso_week(agencies.clock.now() + 14 * DAY)


async def test_lanes_that_were_refused_are_published_later_under_a_new_version(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    relay = between(shelter)
    relay.refuse_lanes = True
    await shelter.partners.invite("a partner")
    report = await shelter.sync()
    assert [type(problem) for problem in report.problems] == [RelayRefused]
    relay.refuse_lanes = False
    assert (await shelter.sync()).problems == ()


async def test_what_one_stage_is_refused_does_not_stop_the_others(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Through all that.", to="MERCY")
    relay = between(hospital)
    relay.refuse_lanes = True
    await hospital.partners.invite("somebody new")
    report = await hospital.sync()
    assert len(report.problems) == 1
    assert report.received == 1


async def test_a_directory_without_an_end_is_left_after_a_page(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    relay = between(shelter)
    relay.endless = True
    assert (await shelter.sync()).problems == ()


async def test_a_blamed_record_does_not_hold_up_the_rest_of_its_batch(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    relay = between(shelter)
    relay.refuse_next = RelayRefused("conflict", "Came before.", index=0)
    await shelter.messages.send("The second of the batch.", to="MERCY")
    assert relay.submissions == [2, 1]
    await hospital.sync()
    (received,) = await hospital.inbox()
    assert received.gap
    agencies.clock.advance(3_600)
    await shelter.sync()
    await hospital.sync()
    (received,) = await hospital.inbox()
    assert not received.gap
    assert received.audience_known


async def test_a_refused_submission_is_tried_again_later(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    relay = between(shelter)
    relay.refuse_next = RelayRefused("over_quota", "Too much.", retry_after=120)
    sent = await shelter.messages.send("In a while.", to="MERCY")
    assert sent.state == "sealed"
    await shelter.sync()
    assert relay.submissions == [2]
    agencies.clock.advance(121)
    await shelter.sync()
    await hospital.sync()
    assert await read_texts(hospital) == ["In a while."]


async def test_many_messages_go_in_batches_for_one_agency_at_a_time(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    agencies.relay.offline = True
    agencies.clock.advance(61)
    for number in range(60):
        await shelter.messages.send(f"Number {number}.", to=["MERCY", "CITYPD"])
    agencies.relay.offline = False
    relay = between(shelter)
    assert (await shelter.sync()).sent == 60
    assert relay.submissions == [100, 20, 100, 20]
    for client in (hospital, police):
        assert (await client.sync()).received == 60
        assert await read_texts(client) == [f"Number {number}." for number in range(60)]


async def test_seeds_are_erased_when_nothing_live_can_be_sealed_to_them(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    keyring = shelter._agent.keyring
    first = keyring.epochs(EnvelopeClass.FLASH)[0]
    kept_until = EnvelopeClass.FLASH.epoch_end(first) + EnvelopeClass.FLASH.life_ms + 2 * HOUR
    agencies.clock.advance((kept_until - agencies.clock.now()) / 1_000 - 1)
    await shelter.sync()
    assert first in keyring.epochs(EnvelopeClass.FLASH)
    agencies.clock.advance(1)
    await shelter.sync()
    assert first not in keyring.epochs(EnvelopeClass.FLASH)


async def test_a_suite_that_was_used_for_a_device_is_never_given_up_for_a_weaker_one(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Hybrid.", to="MERCY")
    agent = shelter._agent
    assert agent.directory.suite_floor(hospital.device_id) == max(available_suites())
    agent.answers._suites = (1,)
    sent = await shelter.messages.send("Not classically.", to="MERCY")
    assert sent.state == "unreachable"
    entry = agent.state.outbox[sent.local_id]
    assert {held.reason for held in entry.deliveries} == {"suite_refused"}


async def test_the_suite_floor_survives_a_restart(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Hybrid.", to="MERCY")
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    assert again._agent.directory.suite_floor(hospital.device_id) == max(available_suites())


async def test_a_manifest_is_renewed_long_before_it_runs_out(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    directory = shelter._agent.directory
    before = directory.manifest_expires(shelter.agency_id)
    for _ in range(16):
        agencies.clock.advance(4 * SECONDS_A_DAY)
        await shelter.sync()
        await hospital.sync()
    assert directory.manifest_version(shelter.agency_id) == 2
    assert directory.manifest_expires(shelter.agency_id) > before
    assert hospital._agent.directory.manifest_version(shelter.agency_id) == 2
    assert (await shelter.messages.send("Still valid.", to="MERCY")).state == "stored_at_relay"


async def test_what_was_published_is_written_down(agencies: Agencies) -> None:
    await agencies.found(SHELTER)
    rows = {row.key for row in await agencies.stores[SHELTER].scan(PUBLISHED)}
    weeks = {b"lanes/" + iso_week(agencies.clock.now() + n * 7 * DAY).encode() for n in range(3)}
    assert rows == {MANIFEST, EPOCHS} | weeks


async def test_pauses_between_attempts_grow_to_a_minute_with_full_jitter(
    agencies: Agencies,
) -> None:
    agent: Agent = (await agencies.found(SHELTER))._agent
    for failures, longest in ((0, 1.0), (3, 8.0), (6, 60.0), (50, 60.0)):
        pauses = [pause_after(failures, agent.entropy) for _ in range(200)]
        assert max(pauses) <= longest
        assert max(pauses) - min(pauses) > longest / 2


@pytest.mark.parametrize(("role", "most"), [("shelter_staff", 60), ("on_call_lead", 4)])
async def test_who_is_called_in_a_crisis_is_back_sooner(
    agencies: Agencies, role: str, most: int
) -> None:
    shelter = await agencies.found(SHELTER, role=role)
    between(shelter).back_after = 0
    slept: list[float] = []
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 40:
            enough.set()
        await asyncio.sleep(0)

    shelter._agent.clock.sleep = sleep  # type: ignore[method-assign]  # nobody waits on it
    following = asyncio.ensure_future(shelter._agent.follow())
    await asyncio.wait_for(enough.wait(), 60)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert most / 2 < max(slept) <= most


async def test_what_runs_beside_goes_on_after_a_refusal_and_a_fault_of_it_is_heard(
    agencies: Agencies,
) -> None:
    """An alarm that ended silently would leave somebody alone."""
    agent: Agent = (await agencies.found(SHELTER))._agent
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        raise RelayUnreachable if begun == 1 else StoreDamaged("store")

    agent.beside.append(work)
    following = asyncio.ensure_future(agent.follow())
    while not following.done():
        await sleep_deeply(agencies)
        agencies.clock.advance(61)
        await asyncio.wait([following], timeout=1)
    with pytest.raises(StoreDamaged):
        await following
    assert begun == 2


async def knock_twice(agencies: Agencies) -> tuple[int, int]:
    """Let a relay say "in 20 s"; count knocks just before that, and when the jitter is over too."""
    shelter = await agencies.found(SHELTER)
    relay = between(shelter)
    relay.back_after = 20
    following = asyncio.ensure_future(shelter._agent.follow())
    counted: list[int] = []
    for seconds in (19.9, 2.2):
        await sleep_deeply(agencies)
        agencies.clock.advance(seconds)
        for _ in range(20):
            await asyncio.sleep(0)  # so that it wakes, if it does
        await sleep_deeply(agencies)
        counted.append(relay.knocks)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    return counted[0], counted[1]


async def sleep_deeply(agencies: Agencies) -> None:
    """Wait until the device waits for its clock."""
    for _ in range(2_000):
        if agencies.clock.sleepers:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("It did not come to rest.")


async def test_a_relay_that_said_when_to_come_back_is_asked_no_sooner(agencies: Agencies) -> None:
    assert await knock_twice(agencies) == (1, 2)


async def test_control_without_heeding_it_the_relay_is_asked_within_the_jitter(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.agent:told_by", lambda _: 0.0)
    assert (await knock_twice(agencies))[0] == 2


async def test_a_relay_may_ask_for_a_minute_at_most(agencies: Agencies) -> None:
    agent: Agent = (await agencies.found(SHELTER))._agent
    told = told_by(RelayRefused("overloaded", "Come back.", retry_after=86_400))
    pauses = [pause_after(0, agent.entropy, told=told) for _ in range(200)]
    assert 60.0 <= min(pauses) <= max(pauses) <= 61.0
    assert told_by(RelayUnreachable()) == 0.0


async def cut_off_for_a_moment(agencies: Agencies) -> list[str]:
    """Let a socket stand while a sending does not get through; give the outbox 3 s later."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    relay = between(shelter)
    following = asyncio.ensure_future(shelter._agent.follow())
    await sleep_deeply(agencies)
    relay.cut_off = True
    await shelter.messages.send("It does not get through.", to="MERCY")
    relay.cut_off = False
    for _ in range(30):
        agencies.clock.advance(0.1)
        await asyncio.sleep(0.01)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    return [str(entry.state) for entry in await shelter.outbox()]


async def test_what_did_not_get_through_goes_again_within_seconds(agencies: Agencies) -> None:
    assert await cut_off_for_a_moment(agencies) == ["stored_at_relay"]


async def test_control_without_trying_again_it_waits_for_the_next_tick(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait_for_ever(_: Agent) -> None:
        await asyncio.Event().wait()

    without(monkeypatch, "quietway.agent:Agent._try_again", wait_for_ever)
    assert await cut_off_for_a_moment(agencies) == ["sealed"]
