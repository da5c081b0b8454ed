"""A locked device: it listens, deletes what is due, and opens nothing without its passphrase."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies
from tests.client_sdk.folders import CHEAP
from tests.controls import without
from tests.relay_process import RelayProcess

from quietway import (
    AsyncClient,
    AsyncLockedDevice,
    Client,
    DeviceLocked,
    LockedDevice,
    PassphraseTooWeak,
    QuietwayError,
    RelayRefused,
    StoreInUse,
    StoreMissing,
    WrongPassphrase,
)
from quietway.content import MessageText
from quietway.keyring.head import read_head
from quietway.keyring.listening import read_listening
from quietway.testing.sandbox import FAST, PASSPHRASE
from quietway_crypto.passphrase import PassphraseParameters
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

NEW = "eleven grey foxes ran over the frozen lake"


async def listen_until(device: AsyncLockedDevice, number: int) -> list[int]:
    heard: list[int] = []
    async with aclosing(device.listen()) as told:
        async for latest in told:
            heard.append(latest)
            if latest >= number:
                break
    return heard


async def test_a_locked_device_hears_that_something_came_and_opens_it_only_when_unlocked(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    locked = await shelter.lock()
    first = (await listen_until(locked, 0))[0]
    hearing = asyncio.create_task(listen_until(locked, first + 2))
    for words in ("One.", "Two."):
        await asyncio.sleep(0)
        await hospital.messages.send(words, to="HARBOR")
    heard = await hearing
    assert heard[-1] == first + 2
    assert heard == sorted(set(heard))
    async with await locked.unlock(PASSPHRASE) as again:
        assert await again.inbox() == []
        await again.sync()
        said = [received.content for received in await again.inbox()]
    assert [held.text for held in said if isinstance(held, MessageText)] == ["One.", "Two."]


async def test_everything_that_is_asked_of_a_locked_client_is_refused(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.lock()
    asked: tuple[Callable[[], Awaitable[object]], ...] = (
        shelter.inbox,
        shelter.outbox,
        shelter.sync,
        shelter.doctor,
        shelter.lock,
        shelter.referrals.list,
        shelter.status.board,
        shelter.partners.list,
        lambda: shelter.partners.invite("anyone"),
        lambda: shelter.messages.send("Anyone?", to="MERCY"),
        lambda: shelter.change_passphrase(PASSPHRASE, NEW),
    )
    for attempt in asked:
        with pytest.raises(DeviceLocked):
            await attempt()
    for name in ("agency_id", "device_id", "program", "fingerprint", "relay_url"):
        with pytest.raises(DeviceLocked):
            getattr(shelter, name)
    with pytest.raises(DeviceLocked):
        await anext(shelter.events())
    await shelter.aclose()


async def test_locking_ends_events_and_waits_for_what_is_being_written(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    seen: list[object] = []

    async def follow() -> None:
        seen.extend([event async for event in shelter.events()])

    following = asyncio.create_task(follow())
    for _ in range(20):
        await asyncio.sleep(0.01)
    await hospital.messages.send("Before.", to="HARBOR")
    await asyncio.sleep(0.05)
    locked = await shelter.lock()
    await asyncio.wait_for(following, 5)
    async with await locked.unlock(PASSPHRASE) as again:
        await again.sync()
        assert len(await again.inbox()) == 1


async def test_what_is_under_way_when_a_device_is_locked_ends_whole_or_is_refused(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    sending = [
        asyncio.create_task(shelter.messages.send(f"{number}", to="MERCY")) for number in range(20)
    ]
    syncing = [asyncio.create_task(shelter.sync()) for _ in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    locked = await shelter.lock()
    ended = await asyncio.gather(*sending, *syncing, return_exceptions=True)
    for outcome in ended:
        assert not isinstance(outcome, BaseException) or isinstance(outcome, QuietwayError)
    async with await locked.unlock(PASSPHRASE) as again:
        assert (await again.sync()).problems == ()


async def test_a_device_can_be_taken_as_it_lies_there_without_its_passphrase(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    home = shelter.home
    await shelter.aclose()
    locked = await AsyncLockedDevice.open(
        home,
        relay_port=agencies.relay.connect,
        clock=agencies.clock,
        store=agencies.stores[SHELTER],
    )
    assert locked.home == home
    assert await listen_until(locked, 0) == [0]
    with pytest.raises(WrongPassphrase):
        await locked.unlock(NEW)
    await (await locked.unlock(PASSPHRASE)).aclose()
    with pytest.raises(StoreMissing):
        await AsyncLockedDevice.open(home / "nowhere")


async def test_listening_goes_on_when_the_relay_comes_back(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    locked = await shelter.lock()
    agencies.relay.offline = True
    hearing = asyncio.create_task(listen_until(locked, 0))
    for _ in range(50):
        await asyncio.sleep(0.001)
        agencies.clock.advance(60)
    assert not hearing.done()
    agencies.relay.offline = False
    for _ in range(50):
        await asyncio.sleep(0.001)
        agencies.clock.advance(60)
    assert await asyncio.wait_for(hearing, 5) == [0]


async def test_what_the_relay_takes_from_a_listen_key_is_listening_alone(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    listening = read_listening(shelter.home)
    assert listening.key.public == shelter._agent.keyring.listen.public
    relay = agencies.relay.connect(listening.key, listening.device)
    assert await anext(aiter(relay.listen())) == 0
    with pytest.raises(RelayRefused):
        await relay.directory(0)
    with pytest.raises(RelayRefused):
        await relay.open_mailbox(after=0, witness_now=bytes(16), witness_was=None, live=False)
    foreign = agencies.relay.connect(shelter._agent.keyring.identity, listening.device)
    with pytest.raises(RelayRefused):
        await anext(aiter(foreign.listen()))


@pytest.mark.requirement("A59")
async def test_a_locked_device_deletes_what_is_due(agencies: Agencies) -> None:
    """A59: retention limits and secure deletion, also while nobody unlocks the device."""
    shelter = await agencies.found(SHELTER)
    now = agencies.clock.now()
    shelter._agent.keyring.add_record_key(b"n" * 16, b"k" * 32, now + DAY)
    locked = await shelter.lock()
    assert await locked.erase_due(now) == 0
    assert await locked.erase_due(now + DAY) == 1
    async with await locked.unlock(PASSPHRASE) as again:
        assert again._agent.keyring.record_key(b"n" * 16) is None
    with pytest.raises(StoreMissing):
        await AsyncLockedDevice(agencies.folder / "nowhere", locked._ports).erase_due(now)


def test_a_folder_that_a_program_has_open_is_left_to_that_program(tmp_path: Path) -> None:
    with RelayProcess(tmp_path / "relay") as relay:
        client = Client.found(
            tmp_path / "device",
            passphrase=PASSPHRASE,
            relay=relay.url,
            enrolment_code=relay.enroll(),
            agency_code="HARBOR",
            program=SHELTER,
            parameters=FAST,
        )
        with LockedDevice.open(tmp_path / "device") as beside, pytest.raises(StoreInUse):
            beside.erase_due(client.now())
        with client.lock() as locked:
            told = locked.listen()
            assert next(told) == 0
            told.close()
            assert locked.erase_due(0) == 0
            with pytest.raises(DeviceLocked):
                client.inbox()
            client.close()
            with locked.unlock(PASSPHRASE) as again:
                assert again.inbox() == []


async def test_a_passphrase_is_changed_with_the_old_one_and_a_good_new_one(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    with pytest.raises(WrongPassphrase):
        await shelter.change_passphrase(NEW, NEW)
    with pytest.raises(PassphraseTooWeak):
        await shelter.change_passphrase(PASSPHRASE, "HARBOR-SHELTER-HARBOR")
    await shelter.change_passphrase(PASSPHRASE, NEW)
    locked = await shelter.lock()
    with pytest.raises(WrongPassphrase):
        await locked.unlock(PASSPHRASE)
    again = await locked.unlock(NEW)
    dearer = PassphraseParameters(time_cost=2, memory_kib=16, parallelism=1)
    await again.change_passphrase(NEW, PASSPHRASE, parameters=dearer)
    assert read_head((again.home / "keyring").read_bytes()).parameters == dearer
    await again.aclose()


async def test_a_weak_passphrase_founds_nothing(agencies: Agencies) -> None:
    with pytest.raises(PassphraseTooWeak, match="thief knows"):
        await AsyncClient.found(
            agencies.folder / "weak",
            passphrase="HARBOR-SHELTER-2026",
            relay="https://relay.example",
            enrolment_code=agencies.relay.enrolment_code(),
            agency_code="HARBOR",
            program=SHELTER,
            parameters=CHEAP,
            relay_port=agencies.relay.connect,
            clock=agencies.clock,
        )
    assert not (agencies.folder / "weak").exists()


async def test_control_a_lock_that_only_closes_leaves_the_secrets_to_whoever_asks(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.agent:Agent._let_go", lambda _: None)
    without(monkeypatch, "quietway.keyring.keyring:Keyring.lock", lambda _: None)
    shelter = await agencies.found(SHELTER)
    agent = shelter._agent
    await shelter.lock()
    assert agent.keyring.store_key.reveal()
