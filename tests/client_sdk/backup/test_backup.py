"""Backups: a device comes back whole on another machine, with fresh keys."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL, Agencies
from tests.controls import without

from quietway.assembling import BESIDE
from quietway.backup_content import BackupContent
from quietway.backup_file import SMALLEST, open_backup, seal_backup
from quietway.client import AsyncClient
from quietway.errors import (
    BackupExists,
    BackupRefused,
    ClockError,
    RelayUnreachable,
    StoreExists,
    StoreRolledBack,
    WordsRefused,
    WrongPassphrase,
)
from quietway.keyring.body import ALWAYS
from quietway.keyring.records import Record
from quietway.ports import Put
from quietway.rooted import recovery_words
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.sandbox import FAST, PASSPHRASE, RELAY_URL
from quietway_crypto.secret import Secret
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from quietway.backup import Backup

KEY = Secret(bytes(range(32)))
RECORD = "record/" + "A" * 22
DEVICE_RECORDS = {name: Record(0, Secret(b"device")) for name in sorted(ALWAYS)}
puts = st.builds(
    Put, st.sampled_from(["message", "thread", "directory"]), st.binary(max_size=80), st.binary()
)


def seal(content: bytes, key: Secret = KEY) -> bytes:
    return seal_backup(
        content, passphrase=PASSPHRASE, backup_key=key, entropy=SeededEntropy(1), parameters=FAST
    )


def unseal(raw: bytes, key: Secret = KEY, passphrase: str = PASSPHRASE) -> bytes:
    return open_backup(raw, passphrase=passphrase, backup_key=key, parameters=FAST)


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=2_000))
def test_what_was_sealed_comes_back(content: bytes) -> None:
    assert unseal(seal(content)) == content


@pytest.mark.parametrize("size", [0, SMALLEST - 96, SMALLEST - 95, SMALLEST, 3 * SMALLEST])
def test_a_file_is_as_long_as_a_power_of_two(size: int) -> None:
    sealed = seal(bytes(size))
    assert len(sealed) & len(sealed) - 1 == 0
    assert len(sealed) == max(SMALLEST, 1 << (size + 95).bit_length())
    assert len(unseal(sealed)) == size


def test_it_takes_the_passphrase_the_words_and_the_whole_file() -> None:
    sealed = seal(b"content")
    attempts = (
        lambda: unseal(sealed, Secret(bytes(32))),
        lambda: unseal(sealed, passphrase=PASSPHRASE + "."),
        lambda: unseal(sealed[:-1]),
        lambda: unseal(sealed[: SMALLEST // 2]),
        lambda: unseal(sealed + bytes(SMALLEST)),
        lambda: unseal(b""),
        *(
            lambda at=at: unseal(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
            for at in (0, 16, 40, 72, 5_000, SMALLEST - 1)
        ),
    )
    for attempt in attempts:
        with pytest.raises(BackupRefused, match="not_opened"):
            attempt()


@settings(deadline=None)
@given(st.lists(puts, max_size=20), st.integers(0, 2**40))
def test_a_content_comes_back_as_it_was(rows: list[Put], made: int) -> None:
    records = {**DEVICE_RECORDS, RECORD: Record(7, KEY)}
    content = BackupContent(made, records, tuple(rows))
    assert BackupContent.from_bytes(content.to_bytes()) == content


@pytest.mark.parametrize("name", ["root", "ops", "case/2900", "flash/20000", "pepper"])
def test_a_backup_that_holds_what_none_may_hold_is_refused(name: str) -> None:
    records = {**DEVICE_RECORDS, name: Record(0, KEY)}
    with pytest.raises(BackupRefused, match="malformed"):
        BackupContent.from_bytes(BackupContent(1, records, ()).to_bytes())


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_content_are_refused(raw: bytes) -> None:
    with pytest.raises(BackupRefused, match="malformed"):
        BackupContent.from_bytes(raw)


def test_a_content_that_was_cut_short_is_refused() -> None:
    records = dict(DEVICE_RECORDS)
    raw = BackupContent(1, records, (Put("message", b"key", b"value"),)).to_bytes()
    for end in range(len(raw) - len(b"\x07message\x00\x03key\x00\x00\x00\x05value") + 1, len(raw)):
        with pytest.raises(BackupRefused, match="malformed"):
            BackupContent.from_bytes(raw[:end])


def make_folder(folder: Path) -> None:
    folder.mkdir(exist_ok=True)


async def back_up(client: AsyncClient, folder: Path) -> Backup:
    make_folder(folder)
    return await client.backup(folder, passphrase=PASSPHRASE, parameters=FAST)


@asynccontextmanager
async def restored(
    agencies: Agencies, backup: Backup, name: str = "new", **changed: str
) -> AsyncIterator[AsyncClient]:
    client = await AsyncClient.restore(
        agencies.folder / name,
        file=backup.file,
        words=changed.get("words", " ".join(backup.words)),
        passphrase=changed.get("passphrase", PASSPHRASE),
        parameters=FAST,
        backup_parameters=FAST,
        relay_port=agencies.relay.connect,
        clock=agencies.clock,
        entropy=agencies.entropy,
    )
    async with client:
        yield client


@pytest.mark.requirement("D02")
async def test_a_device_comes_back_on_another_machine(agencies: Agencies) -> None:
    """D02: the keys of an agency's device are backed up and come back."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
    await hospital.messages.send("We have a place.", to="HARBOR")
    await shelter.sync()
    await shelter.partners.verify("MERCY", hospital.fingerprint_words)
    backup = await back_up(shelter, agencies.folder / "drive")
    former = (shelter.device_id, await shelter.inbox(), await shelter.referrals.list())
    partners = await shelter.partners.list()
    await shelter.aclose()

    async with restored(agencies, backup) as back:
        assert (back.device_id, await back.inbox(), await back.referrals.list()) == former
        assert await back.partners.list() == partners
        await hospital.sync()
        await hospital.messages.send("Are you back?", to="HARBOR")
        await back.sync()
        assert [said.content.type for said in await back.inbox()][-1] == "message.text"
        assert (await back.messages.send("We are.", to="MERCY")).state == "stored_at_relay"
        await hospital.sync()
        assert len(await hospital.inbox()) == 2
    # It is a device like every other from then on.
    again = await AsyncClient.open(
        agencies.folder / "new",
        passphrase=PASSPHRASE,
        relay_port=agencies.relay.connect,
        clock=agencies.clock,
        entropy=agencies.entropy,
    )
    async with again:
        assert len(await again.inbox()) == 2
    assert not (agencies.folder / "new" / BESIDE).exists()


async def test_restored_where_a_device_asked_to_be_linked_it_waits_for_nobody(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    backup = await back_up(shelter, agencies.folder / "drive")
    await shelter.aclose()
    await AsyncClient.request_link(
        agencies.folder / "new",
        passphrase=PASSPHRASE,
        agency_owned=True,
        parameters=FAST,
        entropy=agencies.entropy,
    )
    async with restored(agencies, backup) as back:
        assert (await back.messages.send("We are back.", to="MERCY")).state == "stored_at_relay"
        await back.partners.invite("Another partner")


async def test_it_has_fresh_epoch_keys_and_no_ops_key_and_no_root(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    keyring = shelter._agent.keyring
    keyring.keep_ops(bytes(range(32)))
    epoch = EnvelopeClass.CASE.epoch_of(agencies.clock.now())
    former = keyring.epoch_pair(EnvelopeClass.CASE, epoch, 1)
    assert former is not None
    backup = await back_up(shelter, agencies.folder / "drive")
    async with restored(agencies, backup) as back:
        new = back._agent.keyring
        pair = new.epoch_pair(EnvelopeClass.CASE, epoch, 1)
        assert pair is not None
        assert pair.public != former.public
        assert (new.root, new.ops, new.root_key) == (None, None, keyring.root_key)
        assert new.store_key != keyring.store_key
        assert new.identity.public == keyring.identity.public
        assert back._agent.state.incarnation != shelter._agent.state.incarnation


async def test_a_folder_with_a_device_in_it_is_not_touched(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    backup = await back_up(shelter, agencies.folder / "drive")
    before = (agencies.folder / HOSPITAL / "keyring").read_bytes()
    with pytest.raises(StoreExists):
        async with restored(agencies, backup, HOSPITAL):
            pass
    assert (agencies.folder / HOSPITAL / "keyring").read_bytes() == before


async def test_without_the_relay_nothing_is_written(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    backup = await back_up(shelter, agencies.folder / "drive")
    agencies.relay.offline = True
    with pytest.raises(RelayUnreachable):
        async with restored(agencies, backup):
            pass
    assert not (agencies.folder / "new").exists()


async def test_wrong_words_a_wrong_passphrase_and_no_file_open_nothing(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    backup = await back_up(shelter, agencies.folder / "drive")
    other = await back_up(shelter, agencies.folder / "drive")
    for changed in ({"words": " ".join(other.words)}, {"passphrase": "another good passphrase"}):
        with pytest.raises(BackupRefused, match="not_opened"):
            async with restored(agencies, backup, **changed):
                pass
    with pytest.raises(WordsRefused, match="Word 2 is not in the list"):
        async with restored(agencies, backup, words="abandon nonsense"):
            pass
    backup.file.unlink()
    with pytest.raises(BackupRefused, match="not_opened"):
        async with restored(agencies, backup):
            pass
    assert not (agencies.folder / "new").exists()


async def test_a_backup_asks_for_the_passphrase_and_writes_over_nothing(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    drive = agencies.folder / "drive"
    with pytest.raises(WrongPassphrase):
        await shelter.backup(drive, passphrase="another good passphrase", parameters=FAST)
    assert not drive.exists()
    named = await shelter.backup(drive / "mine", passphrase=PASSPHRASE, parameters=FAST)
    assert named.file == drive / "mine"
    assert named.file.stat().st_mode & 0o077 == 0
    with pytest.raises(BackupExists):
        await shelter.backup(drive / "mine", passphrase=PASSPHRASE, parameters=FAST)
    assert not set(named.words) & set(repr(named).replace("'", " ").split())


async def test_while_this_machines_clock_is_wrong_nothing_is_restored(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    backup = await back_up(shelter, agencies.folder / "drive")
    wrong = FakeClock(agencies.clock.now() - 3 * HOUR)
    with pytest.raises(ClockError):
        await AsyncClient.restore(
            agencies.folder / "new",
            file=backup.file,
            words=" ".join(backup.words),
            passphrase=PASSPHRASE,
            parameters=FAST,
            backup_parameters=FAST,
            relay_port=agencies.relay.connect,
            clock=wrong,
            entropy=agencies.entropy,
        )
    assert not (agencies.folder / "new").exists()


async def refuse_who_was_revoked(agencies: Agencies) -> None:
    """The laptop was stolen, its backup with it, and the agency came back without it."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    backup = await back_up(shelter, agencies.folder / "drive")
    words = " ".join(recovery_words(shelter._agent))
    recovered = await AsyncClient.recover_agency(
        agencies.folder / "recovered",
        passphrase=PASSPHRASE,
        relay=RELAY_URL,
        program=SHELTER,
        words=words,
        agency_id=shelter.agency_id,
        parameters=FAST,
        relay_port=agencies.relay.connect,
        clock=agencies.clock,
        entropy=agencies.entropy,
    )
    await recovered.aclose()
    with pytest.raises(BackupRefused, match="departed"):
        async with restored(agencies, backup):
            pass
    assert not (agencies.folder / "new").exists()


async def test_a_device_that_its_agency_revoked_does_not_come_back(agencies: Agencies) -> None:
    await refuse_who_was_revoked(agencies)


async def test_control_without_asking_the_relay_a_revoked_device_would_be_put_together(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask_nobody(*_: object) -> None:
        pass

    without(monkeypatch, "quietway.restoring:_ask_whether_it_belongs", ask_nobody)
    with pytest.raises(pytest.fail.Exception):
        await refuse_who_was_revoked(agencies)
    assert (agencies.folder / "new" / "keyring").exists()


async def tell_who_goes_on_elsewhere(agencies: Agencies) -> None:
    """The former machine was not gone: both run, and each speaks to the relay."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    backup = await back_up(shelter, agencies.folder / "drive")
    async with restored(agencies, backup) as back:
        report = await shelter.sync()
        assert [type(problem) for problem in report.problems] == [StoreRolledBack]
        assert "a backup of this device was restored" in str(report.problems[0])
        assert any(not finding.ok for finding in await shelter.doctor())
        report = await back.sync()
        assert [type(problem) for problem in report.problems] == [StoreRolledBack]


async def test_two_machines_with_one_identity_are_told_of_each_other(agencies: Agencies) -> None:
    await tell_who_goes_on_elsewhere(agencies)


async def test_control_without_the_witness_two_machines_run_and_nobody_knows(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.engine.step:_welcome", lambda state, _given: state)
    with pytest.raises(AssertionError):
        await tell_who_goes_on_elsewhere(agencies)


async def test_what_a_restoring_left_half_done_is_begun_anew(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    backup = await back_up(shelter, agencies.folder / "drive")
    await shelter.aclose()
    home = agencies.folder / "new"
    (home / BESIDE).mkdir(parents=True)
    for name in ("store.db", "store.db-wal"):
        (home / BESIDE / name).write_bytes(b"half")
        (home / name).write_bytes(b"half")
    async with restored(agencies, backup) as back:
        assert back.device_id == shelter.device_id
        assert not (home / BESIDE).exists()
