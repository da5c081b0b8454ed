"""Row 33: what was delivered once is delivered again: here, to its sender, elsewhere, or later.

The attacker is the relay, which kept everything that ever passed. Threema replayed and reflected
messages after a loss of state; HPKE itself leaves replay to whoever uses it (RFC 9180, section
9.7.3). Defences: a message's place in its sender's chain is written in the same commit as the
message itself, and is never forgotten; header, recipient and sender stand in the signature; a
device takes nothing from itself; and an older copy of a store is refused when it is opened, and
given away by the relay's witness when a program goes on from it.
"""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.gallery.parties import (
    FLASH,
    make_header,
    seal_by_hand,
    send_row,
    unwrap,
)
from tests.gallery.world import CHEAP, PASSPHRASE, World

from quietway.client import AsyncClient
from quietway.engine.conversations import Standing
from quietway.errors import StoreRolledBack
from quietway.sealing import FORGED, NOT_ADDRESSED
from quietway.store.memory import MemoryStore
from quietway.testing.entropy import SeededEntropy
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gallery.world import Staff

MESSAGES: Final = 500
WORDS: Final = [f"message {number}" for number in range(MESSAGES)]


async def _meet(folder: Path) -> tuple[World, Staff, Staff]:
    world = World(folder)
    sender = await world.found("POLICE-DESK")
    return world, sender, await world.found("SHELTER-DESK", sender)


async def _shown(staff: Staff) -> list[str]:
    return [str(getattr(said.content, "text", "")) for said in await staff.client.inbox()]


def _copy(store: MemoryStore) -> MemoryStore:
    copied = MemoryStore()
    copied._rows = {kind: dict(rows) for kind, rows in store._rows.items()}
    copied._last_position = store._last_position
    return copied


def _shuffled(envelopes: list[bytes], times: int) -> list[bytes]:
    repeated = envelopes * times
    random.Random(33).shuffle(repeated)
    return repeated


async def test_500_messages_delivered_three_times_each_are_500_messages(tmp_path: Path) -> None:
    world, sender, victim = await _meet(tmp_path)
    envelopes = send_row(sender, victim, WORDS)
    world.deliver(victim, *_shuffled(envelopes, 3))
    report = await victim.client.sync()
    assert (report.received, report.refused, report.problems) == (MESSAGES, 0, ())
    assert sorted(await _shown(victim)) == sorted(WORDS)
    assert not any(said.gap for said in await victim.client.inbox())
    # A start later the places are still taken.
    victim = await world.reopen(victim, victim.store)
    world.deliver(victim, *envelopes)
    report = await victim.client.sync()
    assert (report.received, report.refused) == (0, 0)
    assert len(await _shown(victim)) == MESSAGES


async def test_what_is_delivered_to_its_sender_or_to_another_is_not_addressed_to_them(
    tmp_path: Path,
) -> None:
    world, sender, victim = await _meet(tmp_path)
    third = await world.found("MERCY-DESK", sender, victim)
    envelopes = send_row(sender, victim, WORDS[:50])
    for wrong in (sender, third):
        world.deliver(wrong, *envelopes)
        report = await wrong.client.sync()
        assert (report.received, report.refused) == (0, 50)
        assert await wrong.notices() == [NOT_ADDRESSED] * 50
        assert await _shown(wrong) == []


async def test_a_message_expires_with_the_keys_that_open_it(tmp_path: Path) -> None:
    world, sender, victim = await _meet(tmp_path)
    envelopes = send_row(sender, victim, WORDS[:20])
    world.deliver(victim, *envelopes)
    await victim.client.sync()
    world.clock.advance(6 * DAY / SECOND)
    for _ in range(6):
        world.deliver(victim, *envelopes)
        await victim.client.sync()
    assert await _shown(victim) == WORDS[:20]


async def _reflect(folder: Path) -> Staff:
    """The recipient seals the sender's own words to the sender."""
    world, sender, victim = await _meet(folder)
    signature, core = unwrap(victim, send_row(sender, victim, WORDS[:1])[0])
    header = make_header(sender, FLASH)
    world.deliver(sender, seal_by_hand(sender, header, signature + core))
    await sender.client.sync()
    return sender


async def test_ones_own_words_do_not_come_back_from_another(tmp_path: Path) -> None:
    sender = await _reflect(tmp_path)
    assert await _shown(sender) == []
    assert await sender.notices() == [FORGED]


async def test_ones_own_words_do_not_come_back_even_where_the_signature_would_allow_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:verify_author", lambda *_: None)
    sender = await _reflect(tmp_path)
    assert await _shown(sender) == []
    assert await sender.notices() == [NOT_ADDRESSED]


async def test_control_without_either_lock_ones_own_words_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:verify_author", lambda *_: None)
    without(monkeypatch, "quietway.engine.inbox:is_addressed", lambda *_: True)
    assert await _shown(await _reflect(tmp_path)) == WORDS[:1]


async def test_control_without_places_every_copy_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.engine.inbox:judge", lambda *_: Standing.NEW)
    world, sender, victim = await _meet(tmp_path)
    world.deliver(victim, *_shuffled(send_row(sender, victim, WORDS[:20]), 3))
    report = await victim.client.sync()
    assert report.received == 60


async def test_after_an_older_store_was_put_back_each_message_is_there_once_and_it_is_said(
    tmp_path: Path,
) -> None:
    """What the older copy lacks is told to it, and once; the relay's witness gives it away."""
    world, sender, victim = await _meet(tmp_path)
    words = WORDS[:100]
    envelopes = send_row(sender, victim, words)
    world.deliver(victim, *envelopes[:50])
    await victim.client.sync()
    older = _copy(victim.store)
    # The device is opened once more, and goes on: only then does the copy lag behind.
    victim = await world.reopen(victim, victim.store)
    world.deliver(victim, *envelopes[50:])
    await victim.client.sync()
    victim = await world.reopen(victim, older)
    world.deliver(victim, *_shuffled(envelopes, 3))
    report = await victim.client.sync()
    assert report.received == 50
    assert sorted(await _shown(victim)) == sorted(words)
    assert [type(problem) for problem in report.problems] == [StoreRolledBack]


async def _open(world: World, folder: Path, *, found: bool) -> AsyncClient:
    """Open the real thing, an encrypted store in a folder."""
    if found:
        return await AsyncClient.found(
            folder,
            passphrase=PASSPHRASE,
            relay="https://relay.example",
            enrolment_code=world.relay.enrolment_code(),
            agency_code="SHELTER",
            program="SHELTER-DESK",
            parameters=CHEAP,
            relay_port=world.relay.connect,
            clock=world.clock,
            entropy=SeededEntropy(333),
        )
    return await AsyncClient.open(
        folder,
        passphrase=PASSPHRASE,
        relay_port=world.relay.connect,
        clock=world.clock,
        entropy=SeededEntropy(334),
    )


async def _put_older_copy_back(world: World, folder: Path) -> Path:
    """Copy the store's files, use the device again, and put the copy in the place of the store."""
    home, copied = folder / "home", folder / "copy"
    await (await _open(world, home, found=True)).aclose()
    shutil.copytree(home, copied)
    await (await _open(world, home, found=False)).aclose()
    for file in home.iterdir():
        if file.name != "keyring":
            file.unlink()
    for file in copied.iterdir():
        if file.name != "keyring":
            shutil.copy2(file, home)
    return home


async def test_an_older_copy_of_the_store_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    world = World(tmp_path)
    home = await _put_older_copy_back(world, tmp_path)
    with pytest.raises(StoreRolledBack):
        await _open(world, home, found=False)


async def test_control_without_the_generation_an_older_copy_opens_as_if_nothing_were_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.keyring.keyring:Keyring.check_generation", lambda *_: None)
    world = World(tmp_path)
    home = await _put_older_copy_back(world, tmp_path)
    client = await _open(world, home, found=False)
    assert await client.inbox() == []
    await client.aclose()
