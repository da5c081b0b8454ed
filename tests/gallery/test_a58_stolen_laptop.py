"""Row 58: a stolen laptop, whose disk is searched offline; and a locked program that works on.

The attacker has the disk, or a copy of it, and all the time there is. Or the program is locked, as
people lock it, and goes on decrypting and showing what comes (as Threema's did).

Defences: one guess costs Argon2id at 256 MiB and three passes; what a guesser tries early is no
passphrase; a keyring alone, without its pepper, opens with no passphrase at all. A lock lets go of
the keys, so that nothing can be opened: what comes is counted and stays sealed.

What a guess costs is measured and told, and never asserted by a clock.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.folders import CHEAP, FOUNDING
from tests.client_sdk.folders import PASSPHRASE as OWN
from tests.controls import without
from tests.gallery.world import PASSPHRASE, Staff, World

from quietway import sealing
from quietway.client import AsyncClient, AsyncLockedDevice
from quietway.errors import PassphraseTooWeak
from quietway.keyring.head import read_head
from quietway.keyring.keyring import Keyring
from quietway.keyring.passphrase_rules import LEAST_GUESSES_LOG10, check_new_passphrase
from quietway.keyring.records import bind
from quietway.keyring.vault import derive_kek, stretch
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.errors import OpenError
from quietway_crypto.passphrase import PassphraseParameters, derive_key
from quietway_crypto.secret import Secret
from quietway_crypto.wrap import unwrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


ENVELOPES = 100


def test_one_guess_costs_a_quarter_of_a_gigabyte_and_three_passes(
    record_property: Callable[[str, object], None],
) -> None:
    cost = PassphraseParameters.DEFAULT
    assert cost.memory_kib >= 256 * 1024
    assert cost.time_cost >= 3
    begun = time.process_time()
    derive_key("one guess of very many", salt=bytes(16), parameters=cost)
    seconds = time.process_time() - begun
    years = seconds * 2.0**30 / (365 * 86_400)
    record_property("seconds_of_one_core_a_guess", round(seconds, 2))
    record_property("core_years_for_2_to_the_30", round(years, 1))
    record_property("years_on_16_cores", round(years / 16, 1))


def test_what_a_guesser_tries_early_is_no_passphrase() -> None:
    assert LEAST_GUESSES_LOG10 >= 10
    for early in ("password12345678", "letmeinletmeinletmein", "quietway quietway"):
        with pytest.raises(PassphraseTooWeak):
            check_new_passphrase(early)


def open_with_what_was_copied(keyring: bytes, passphrase: str) -> set[str]:
    """Open a copied keyring with the right passphrase and every pepper that one could think of."""
    head = read_head(keyring)
    stretched = stretch(passphrase, head.salt, CHEAP).key
    opened: set[str] = set()
    for pepper in (b"", bytes(32), head.pepper, head.id, head.salt * 2):
        key = derive_kek(stretched, Secret(pepper))
        for record in head.records:
            with suppress(OpenError):
                unwrap(key, record.wrapped, context=bind(record.name, record.erase_after))
                opened.add(record.name)
    return opened


def copy_of_a_keyring(folder: Path) -> bytes:
    path = folder / "keyring"
    Keyring.create(
        path, passphrase=OWN, entropy=SeededEntropy(1), parameters=CHEAP, founding=FOUNDING
    )
    return path.read_bytes()


def test_a_copy_without_the_pepper_opens_with_no_passphrase_not_even_the_right_one(
    tmp_path: Path,
) -> None:
    assert open_with_what_was_copied(copy_of_a_keyring(tmp_path), OWN) == set()


def test_control_without_a_pepper_the_copy_opens_with_the_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch,
        "quietway.keyring.vault:derive_kek",
        lambda stretched, _: derive_kek(stretched, Secret(b"")),
    )
    assert "identity" in open_with_what_was_copied(copy_of_a_keyring(tmp_path), OWN)


class Counting:
    """Counts what is decrypted in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.decryptions = 0
        self._open = sealing.open_
        without(monkeypatch, "quietway.sealing:open_", self.open)

    def open(self, *given: object, **named: object) -> bytes:
        self.decryptions += 1
        return self._open(*given, **named)  # type: ignore[arg-type] # passed on as they came


async def send_while_locked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, AsyncLockedDevice]:
    """Lock the shelter while it follows what happens, then send; give what was decrypted."""
    world = World(folder)
    shelter = await world.found("HARBOR-SHELTER")
    hospital = await world.found("MERCY-SOCIALWORK", shelter)
    await shelter.client.sync()
    mailbox = world.relay._mailbox(shelter.mailbox)
    following = asyncio.create_task(_follow(shelter))
    await asyncio.sleep(0.05)
    locked = await shelter.client.lock()
    counting = Counting(monkeypatch)
    before = mailbox.latest
    for number in range(ENVELOPES):
        await hospital.client.messages.send(f"Message {number}.", to="HARBOR")
    async with aclosing(locked.listen()) as told:
        async for latest in told:
            if latest >= before + ENVELOPES:
                break
    for _ in range(50):
        if counting.decryptions >= ENVELOPES:
            break
        await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return counting.decryptions, locked


async def _follow(staff: Staff) -> None:
    async for _ in staff.client.events():
        pass


async def test_a_locked_program_decrypts_nothing_while_a_hundred_envelopes_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decryptions, locked = await send_while_locked(tmp_path, monkeypatch)
    assert decryptions == 0
    async with await locked.unlock(PASSPHRASE) as again:
        await again.sync()
        assert len(await again.inbox()) == ENVELOPES


async def test_control_a_lock_that_is_only_a_curtain_decrypts_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def draw_a_curtain(client: AsyncClient) -> AsyncLockedDevice:
        return AsyncLockedDevice(client._home, client._ports)

    without(monkeypatch, "quietway.client:AsyncClient.lock", draw_a_curtain)
    decryptions, _ = await send_while_locked(tmp_path, monkeypatch)
    assert decryptions >= ENVELOPES
