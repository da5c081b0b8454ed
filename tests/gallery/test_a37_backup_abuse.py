"""Row 37: a backup under a key that somebody else chose, or one that tells what is in it.

In Matrix a malicious server could set the key that backups are encrypted to, and so read them all.
Threema's encrypted archive showed names and sizes of what lay in it. Defences: the backup key is
drawn on the device, for one file, and nothing that arrives or is configured can name one; the file
is opaque, of one of few lengths, under a random name; and what has expired by the time of restoring
stays gone.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.gallery.parties import (
    FLASH,
    make_core,
    make_header,
    seal_by_hand,
    sign_for,
    text,
)
from tests.gallery.world import CHEAP, PASSPHRASE, World

from quietway.backup_file import SMALLEST, open_backup
from quietway.client import AsyncClient
from quietway.errors import BackupRefused
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.encoding import encode_base64
from quietway_crypto.secret import Secret
from quietway_crypto.wrap import WRAP_OVERHEAD
from quietway_schemas.content.registry import CONTENT_TYPES
from quietway_schemas.envelope import Core
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.gallery.world import Staff

    from quietway.backup import Backup

OFFERED: Final = bytes(range(32))
WORDS: Final = "canary of the house on the hill"
LIFE_DAYS: Final = 38
"""Flash content is kept for 30 days, and its record key to the end of that week's Sunday."""


async def meet(folder: Path) -> tuple[World, Staff, Staff]:
    world = World(folder)
    police = await world.found("POLICE-DESK")
    return world, police, await world.found("SHELTER-DESK", police)


async def back_up(staff: Staff, folder: Path) -> Backup:
    await staff.client.sync()
    return await staff.client.backup(folder, passphrase=PASSPHRASE, parameters=CHEAP)


async def restore(world: World, backup: Backup, name: str = "new") -> AsyncClient:
    return await AsyncClient.restore(
        world.folder / name,
        file=backup.file,
        words=" ".join(backup.words),
        passphrase=PASSPHRASE,
        parameters=CHEAP,
        backup_parameters=CHEAP,
        relay_port=world.relay.connect,
        clock=world.clock,
        entropy=SeededEntropy(77),
    )


def offer_a_key(sender: Staff, to: Staff, kind: str, label: str) -> bytes:
    """Seal a well-formed, signed message of a partner that names a backup key."""
    content = json.dumps(
        {"backup_key": encode_base64(OFFERED), "exercise": False, "type": kind},
        separators=(",", ":"),
        sort_keys=True,
    )
    core = Core.unpack(make_core(sender, text(), to, label=label))
    header = make_header(to, FLASH, label=label)
    forged = Core(**{**{name: getattr(core, name) for name in core.__slots__},
                     "content": content.encode()}).pack()  # fmt: skip
    return seal_by_hand(to, header, sign_for(sender.identity, to, header, forged) + forged)


async def offer_keys_and_back_up(folder: Path) -> tuple[Staff, Backup]:
    world, police, shelter = await meet(folder)
    kinds = ("backup.key", "agency.backup_key", "message.text", "agency.shared")
    offers = [
        offer_a_key(police, shelter, kind, f"offer {place}") for place, kind in enumerate(kinds)
    ]
    world.deliver(shelter, *offers)
    return shelter, await back_up(shelter, folder)


def opens_under(backup: Backup, key: bytes) -> bool:
    try:
        open_backup(
            backup.file.read_bytes(),
            passphrase=PASSPHRASE,
            backup_key=Secret(key),
            parameters=CHEAP,
        )
    except BackupRefused:
        return False
    return True


async def test_a_backup_key_that_a_partner_offers_is_ignored(tmp_path: Path) -> None:
    shelter, backup = await offer_keys_and_back_up(tmp_path)
    assert await shelter.texts() == []
    assert len(await shelter.notices()) == 4
    with pytest.raises(BackupRefused, match="not_opened"):
        open_backup(
            backup.file.read_bytes(),
            passphrase=PASSPHRASE,
            backup_key=Secret(OFFERED),
            parameters=CHEAP,
        )


async def test_control_were_the_key_taken_from_elsewhere_the_partner_would_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.backup:draw_backup_key", lambda _entropy: Secret(OFFERED))
    _, backup = await offer_keys_and_back_up(tmp_path)
    assert opens_under(backup, OFFERED)


def test_no_message_and_no_setting_carries_a_backup_key() -> None:
    fields = {name for row in CONTENT_TYPES.values() for name in row.model.model_fields}
    assert not [name for name in {*fields, *CONTENT_TYPES} if "backup" in name]


def bits_a_byte(raw: bytes) -> float:
    counts = Counter(raw)
    return -sum(count / len(raw) * math.log2(count / len(raw)) for count in counts.values())


def strings(raw: bytes) -> list[bytes]:
    """Find what the program `strings` would, eight characters and more."""
    return re.findall(rb"[\x20-\x7e]{8,}", raw)


def told_by(backup: Backup, secrets: Sequence[bytes]) -> list[bytes]:
    raw = backup.file.read_bytes()
    name = backup.file.name.encode()
    return [secret for secret in secrets if secret in raw or secret in name]


async def look_into_a_backup(folder: Path) -> tuple[float, list[bytes], Backup]:
    world, police, shelter = await meet(folder)
    for number in range(40):
        await police.client.messages.send(f"{WORDS} {number}", to="SHELTER")
        world.clock.advance(1)
    backup = await back_up(shelter, folder)
    secrets = [
        WORDS.encode(), b"POLICE", b"SHELTER", b"quietway", b"message", b"relay.example",
        shelter.agency.value, shelter.device.value, str(shelter.agency).encode(),
        shelter.client._agent.keyring.agency_secret.reveal(),
    ]  # fmt: skip
    return bits_a_byte(backup.file.read_bytes()), told_by(backup, secrets), backup


async def test_a_backup_tells_nothing_of_what_is_in_it(tmp_path: Path) -> None:
    entropy, told, backup = await look_into_a_backup(tmp_path)
    assert told == []
    # Random bytes of this length have 7.999 bits each, and a dozen rows of eight letters by chance.
    assert entropy > 7.99
    assert len(strings(backup.file.read_bytes())) < SMALLEST // 1_000
    assert re.fullmatch(r"[a-z2-7]{16}", backup.file.name)


async def test_control_unsealed_it_tells_names_and_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave_open(_key: object, padded: bytes, *, context: bytes, nonce: bytes) -> bytes:
        return nonce + context.ljust(WRAP_OVERHEAD - len(nonce), b"\0") + padded

    without(monkeypatch, "quietway.backup_file:wrap", leave_open)
    entropy, told, _ = await look_into_a_backup(tmp_path)
    assert {b"POLICE", b"quietway"} <= set(told)
    assert entropy < 7.99


async def sizes_of_two_backups(folder: Path) -> set[int]:
    world, police, shelter = await meet(folder)
    sizes: set[int] = set()
    for letters in (1, 600):
        await police.client.messages.send("w" * letters, to="SHELTER")
        world.clock.advance(1)
        sizes.add((await back_up(shelter, folder)).file.stat().st_size)
    return sizes


async def test_the_size_of_a_backup_does_not_tell_how_much_was_said(tmp_path: Path) -> None:
    assert await sizes_of_two_backups(tmp_path) == {SMALLEST}


async def test_control_unpadded_each_message_shows_in_the_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.backup_file:pad", lambda content: content)
    one, other = sorted(await sizes_of_two_backups(tmp_path))
    assert other - one >= 600


async def restore_after_its_time(folder: Path) -> list[str]:
    world, police, shelter = await meet(folder)
    await police.client.messages.send(WORDS, to="SHELTER")
    backup = await back_up(shelter, folder)
    await shelter.client.aclose()
    world.clock.advance(LIFE_DAYS * DAY // SECOND)
    await police.client.sync()
    async with await restore(world, backup) as back:
        return [received.content.to_canonical().decode() for received in await back.inbox()]


async def test_what_has_expired_since_the_backup_stays_gone(tmp_path: Path) -> None:
    assert await restore_after_its_time(tmp_path) == []


async def test_control_were_no_time_ever_up_it_would_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.keyring.records:is_due", lambda _at, _now: False)
    (said,) = await restore_after_its_time(tmp_path)
    assert WORDS in said


async def test_what_is_still_live_does_come_back(tmp_path: Path) -> None:
    world, police, shelter = await meet(tmp_path)
    await police.client.messages.send(WORDS, to="SHELTER")
    backup = await back_up(shelter, tmp_path)
    await shelter.client.aclose()
    world.clock.advance(7 * DAY // SECOND)
    async with await restore(world, backup) as back:
        (said,) = await back.inbox()
        assert WORDS in said.content.to_canonical().decode()
