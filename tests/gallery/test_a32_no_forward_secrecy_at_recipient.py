"""Row 32: envelopes are recorded now, and the recipient's keys are stolen later.

The attacker keeps every ciphertext that ever passed, and one day gets hold of the device: its
keyring, its pepper, its store, and the passphrase. HPKE gives no secrecy against a key that is
stolen afterwards (RFC 9180, section 9.7.4), and Threema's envelopes had none. Defences: envelopes
are sealed to keys of a day or a week, whose seeds are destroyed in their time, unread or not; what
was opened lies under keys of its own, which die in theirs; the relay keeps nothing it was told was
received.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import CASE, FLASH, send_row
from tests.gallery.world import PASSPHRASE, World

from quietway.engine.codec import OUTBOX, PARCEL
from quietway.engine.inputs import EnvelopeRefused
from quietway.keyring.keyring import Erased, Keyring
from quietway.records import CONTENT_KINDS
from quietway.sealing import UNDECRYPTABLE
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.errors import OpenError
from quietway_crypto.seal import open_
from quietway_schemas.envelope import EnvelopeClass, Header
from quietway_schemas.instants import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.gallery.world import Staff

    from quietway_crypto.epoch import EpochKeyPair

WORDS = [f"message {number}" for number in range(20)]
HEADER_BYTES = 37


async def _record(folder: Path) -> tuple[World, Staff, list[bytes]]:
    """Let messages be sent and read; the attacker keeps what passed."""
    world = World(folder)
    sender = await world.found("POLICE-DESK")
    victim = await world.found("SHELTER-DESK", sender)
    envelopes = send_row(sender, victim, WORDS)
    world.deliver(victim, *envelopes)
    assert (await victim.client.sync()).received == len(WORDS)
    return world, victim, envelopes


async def _let_pass(world: World, victim: Staff, days: float) -> None:
    while days > 0:
        world.clock.advance(min(days, 1) * DAY / SECOND)
        days -= 1
        assert (await victim.client.sync()).problems == ()


def _steal(world: World, victim: Staff) -> Keyring:
    """Take the device's files, and its passphrase."""
    path = world.folder / victim.name / "keyring"
    return Keyring.unlock(path, passphrase=PASSPHRASE, entropy=SeededEntropy(32))


def _open_all(stolen: Keyring, envelopes: Sequence[bytes]) -> int:
    """Try every key on the disk on every envelope."""
    keys = [
        pair
        for class_ in EnvelopeClass
        for epoch in stolen.epochs(class_)
        for suite in (1, 2)
        if (pair := stolen.epoch_pair(class_, epoch, suite)) is not None
    ]
    assert keys
    return sum(any(_opens(key, envelope) for key in keys) for envelope in envelopes)


def _opens(key: EpochKeyPair, envelope: bytes) -> bool:
    header = envelope[:HEADER_BYTES]
    try:
        open_(key, envelope[HEADER_BYTES:], header=header)
    except OpenError:
        return False
    return True


@pytest.mark.requirement("A59")
async def test_recorded_envelopes_open_with_no_key_on_the_disk_after_their_time(
    tmp_path: Path,
) -> None:
    """A59: after rotation and deletion no key on the disk opens what was captured."""
    world, victim, envelopes = await _record(tmp_path)
    header = Header.unpack(envelopes[0][:HEADER_BYTES])
    dies = FLASH.epoch_end(header.epoch) + FLASH.life_ms + 2 * HOUR
    await _let_pass(world, victim, (dies - world.clock.now() - 1) / DAY)
    assert _open_all(_steal(world, victim), envelopes) == len(WORDS)
    await _let_pass(world, victim, 1 / 24)
    assert _open_all(_steal(world, victim), envelopes) == 0
    # To the one who was meant they are as readable as before, under another key.
    assert len(await victim.client.inbox()) == len(WORDS)
    # And delivered once more, what nobody can open is refused by name.
    agent = victim.client._agent
    refused = agent.answers.open(envelopes[0], seq=1, now=world.clock.now())
    assert isinstance(refused, EnvelopeRefused)
    assert refused.reason == UNDECRYPTABLE


async def test_what_was_stored_opens_with_no_key_on_the_disk_after_its_time(
    tmp_path: Path,
) -> None:
    world, victim, _ = await _record(tmp_path)
    # What devices tell each other without words (lanes) is of class case, with a year of its own.
    told = {OUTBOX, PARCEL}
    kinds = [kind for kind in CONTENT_KINDS if kind not in told]
    rows = [row for kind in kinds for row in await victim.store.scan(kind)]
    assert rows
    stolen = _steal(world, victim)
    assert all(stolen.record_key(row.value[1:17]) is not None for row in rows)
    await _let_pass(world, victim, 38)
    stolen = _steal(world, victim)
    assert all(stolen.record_key(row.value[1:17]) is None for row in rows)


async def test_the_relay_keeps_nothing_of_what_was_received(tmp_path: Path) -> None:
    world, victim, _ = await _record(tmp_path)
    assert world.held_for(victim) == []


@pytest.mark.requirement("A59")
async def test_control_without_erasing_every_recorded_envelope_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A59: without the erasing of seeds, whoever steals the device later reads everything."""
    without(monkeypatch, "quietway.keyring.keyring:Keyring.erase_due", lambda *_: Erased())
    world, victim, envelopes = await _record(tmp_path)
    await _let_pass(world, victim, 40)
    stolen = _steal(world, victim)
    assert _open_all(stolen, envelopes) == len(WORDS)
    assert CASE.epoch_of(world.clock.now()) in stolen.epochs(CASE)
