"""The keyring: secrets of one device that do not print, leak, or come back after their erasure."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.folders import CHEAP, FOUNDING, PASSPHRASE
from tests.controls import without

from quietway.errors import (
    StoreDamaged,
    StoreExists,
    StoreMissing,
    StoreRolledBack,
    StoreTooNew,
    WrongPassphrase,
)
from quietway.keyring.head import read_head, write_head
from quietway.keyring.keyring import Keyring
from quietway.keyring.opening import Formats
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.errors import PassphraseRefusedError
from quietway_crypto.passphrase import PassphraseParameters
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_schemas.canonical import JsonObject

FLASH, CASE = EnvelopeClass.FLASH, EnvelopeClass.CASE
SEED = b"a seed that must never be seen.."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring"


def create(path: Path, *, passphrase: str = PASSPHRASE) -> Keyring:
    return Keyring.create(
        path,
        passphrase=passphrase,
        entropy=SeededEntropy(1),
        parameters=CHEAP,
        founding=FOUNDING,
    )


def unlock(path: Path, *, passphrase: str = PASSPHRASE, formats: Formats | None = None) -> Keyring:
    return Keyring.unlock(path, passphrase=passphrase, entropy=SeededEntropy(2), formats=formats)


def test_a_keyring_holds_the_same_after_unlocking(path: Path) -> None:
    made, again = create(path), unlock(path)
    for name in ("agency", "device", "mailbox", "store_id", "relay", "program", "roles"):
        assert getattr(again, name) == getattr(made, name)
    assert again.agency_code == "HARBOR"
    assert again.identity.public == made.identity.public
    assert again.listen.public == made.listen.public
    assert again.root.public == made.root.public
    assert again.agency_secret == made.agency_secret
    assert again.store_key == made.store_key


def test_all_secrets_of_a_keyring_differ(path: Path) -> None:
    made = create(path)
    publics = {made.identity.public, made.listen.public, made.root.public}
    secrets = {made.agency_secret.reveal(), made.store_key.reveal()}
    ids = {made.agency.value, made.device.value, made.mailbox.value, made.store_id}
    assert (len(publics), len(secrets), len(ids)) == (3, 2, 4)


def test_a_wrong_passphrase_is_refused_and_the_file_stays(path: Path) -> None:
    create(path)
    before = path.read_bytes()
    with pytest.raises(WrongPassphrase):
        unlock(path, passphrase=PASSPHRASE + ".")
    assert path.read_bytes() == before


def test_a_weak_passphrase_makes_no_keyring(path: Path) -> None:
    with pytest.raises(PassphraseRefusedError):
        create(path, passphrase="short")
    assert not path.exists()


def test_a_keyring_that_is_there_is_not_overwritten(path: Path) -> None:
    create(path)
    before = path.read_bytes()
    with pytest.raises(StoreExists):
        create(path)
    assert path.read_bytes() == before


def test_no_file_at_all_is_a_missing_store(path: Path) -> None:
    with pytest.raises(StoreMissing):
        unlock(path)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=40, deadline=None)
def test_a_flipped_bit_anywhere_is_damage_and_never_opens(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    path = tmp_path_factory.mktemp("bit") / "keyring"
    create(path)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises((StoreDamaged, StoreTooNew)):
        unlock(path)


def test_a_truncated_keyring_is_damage(path: Path) -> None:
    create(path)
    content = path.read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(StoreDamaged):
            unlock(path)


def test_a_keyring_of_a_newer_format_is_left_alone(path: Path) -> None:
    create(path)
    content = path.read_bytes().replace(b'"format":2', b'"format":3', 1)
    path.write_bytes(content)
    with pytest.raises(StoreTooNew) as refused:
        unlock(path)
    assert (refused.value.found, refused.value.known) == (3, 2)
    assert path.read_bytes() == content


def move_to_another_relay(body: JsonObject) -> JsonObject:
    return {**body, "relay": "https://new.example"}


def test_an_older_format_is_brought_forward_after_a_copy_was_made(path: Path) -> None:
    made = create(path)
    former = path.read_bytes()
    newer = Formats(known=3, steps={2: move_to_another_relay})
    assert unlock(path, formats=newer).relay == "https://new.example"
    assert path.with_name("keyring.before-3").read_bytes() == former
    with pytest.raises(StoreTooNew):
        unlock(path)
    again = unlock(path, formats=newer)
    assert (again.relay, again.device) == ("https://new.example", made.device)


def test_erasing_an_epoch_erases_it_from_the_copies_of_upgrades_too(path: Path) -> None:
    create(path).add_epoch_seeds({(FLASH, 1): SEED})
    unlock(path, formats=Formats(known=3, steps={2: move_to_another_relay})).erase_epochs(FLASH, 2)
    assert sorted(file.name for file in path.parent.iterdir()) == ["keyring", "listen", "pepper"]


def test_epoch_seeds_are_durable_before_adding_returns(path: Path) -> None:
    made = create(path)
    made.add_epoch_seeds({(FLASH, 20_000): SEED, (CASE, 2_900): bytes(32)})
    again = unlock(path)
    assert again.epochs(FLASH) == (20_000,)
    assert again.epochs(CASE) == (2_900,)
    for suite in (1, 2):
        pair, former = again.epoch_pair(FLASH, 20_000, suite), made.epoch_pair(FLASH, 20_000, suite)
        assert pair is not None
        assert former is not None
        assert pair.public == former.public


def test_a_seed_that_is_here_is_never_replaced(path: Path) -> None:
    made = create(path)
    made.add_epoch_seeds({(FLASH, 1): SEED})
    before = made.epoch_pair(FLASH, 1, 1)
    made.add_epoch_seeds({(FLASH, 1): bytes(32), (FLASH, 2): bytes(32)})
    assert made.epoch_pair(FLASH, 1, 1) == before
    assert made.epochs(FLASH) == (1, 2)


def test_an_epoch_without_a_seed_has_no_keys(path: Path) -> None:
    assert create(path).epoch_pair(CASE, 7, 2) is None


def test_erased_epochs_are_gone_from_the_file_and_the_other_class_stays(path: Path) -> None:
    made = create(path)
    made.add_epoch_seeds({(FLASH, n): bytes([n]) * 32 for n in range(1, 6)})
    made.add_epoch_seeds({(CASE, 1): SEED})
    assert made.erase_epochs(FLASH, 4) == 3
    assert made.erase_epochs(FLASH, 4) == 0
    again = unlock(path)
    assert (again.epochs(FLASH), again.epochs(CASE)) == ((4, 5), (1,))
    assert again.epoch_pair(FLASH, 1, 1) is None


def test_the_passphrase_can_be_changed(path: Path) -> None:
    made = create(path)
    made.change_passphrase("another long passphrase of words", parameters=CHEAP)
    made.add_epoch_seeds({(CASE, 1): SEED})
    with pytest.raises(WrongPassphrase):
        unlock(path)
    assert unlock(path, passphrase="another long passphrase of words").epochs(CASE) == (1,)


def test_no_secret_stands_in_the_file_or_in_any_text(path: Path) -> None:
    made = create(path)
    made.add_epoch_seeds({(FLASH, 1): SEED})
    seen = path.read_bytes() + repr(made).encode() + repr(made._held).encode()
    seen += repr([made.identity, made.root, made.epoch_pair(FLASH, 1, 2)]).encode()
    for secret in (SEED, made.agency_secret.reveal(), made.store_key.reveal()):
        for form in (secret, secret.hex().encode(), repr(secret).encode()):
            assert form not in seen
    assert repr(made) == f"Keyring({made.device})"


def test_a_keyring_is_not_pickled_and_not_copied(path: Path) -> None:
    made = create(path)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(made)


def wrapped_in(path: Path) -> dict[str, bytes]:
    return {record.name: record.wrapped for record in read_head(path.read_bytes()).records}


def test_a_new_key_wraps_one_record_and_leaves_the_others_bytes(path: Path) -> None:
    made = create(path)
    before = wrapped_in(path)
    made.add_epoch_seeds({(FLASH, 1): SEED})
    after = wrapped_in(path)
    assert {name for name in after if after[name] != before.get(name)} == {"flash/1"}


def test_an_erasure_leaves_no_record_the_bytes_it_had(path: Path) -> None:
    made = create(path)
    made.add_epoch_seeds({(FLASH, 1): SEED, (FLASH, 2): bytes(32)})
    before = wrapped_in(path)
    made.erase_epochs(FLASH, 2)
    after = wrapped_in(path)
    assert set(before) - set(after) == {"flash/1"}
    for name, wrapped in after.items():
        former = before[name]
        assert not any(former[at : at + 8] in wrapped for at in range(0, len(former) - 8, 8))


def test_a_file_that_asks_for_too_much_memory_is_refused_before_any_is_taken(path: Path) -> None:
    create(path)
    write_head(path, read_head(path.read_bytes()).model_copy(update={"memory_kib": 2**40}))
    with pytest.raises(StoreDamaged):
        unlock(path)


def test_lower_parameters_in_the_head_do_not_open_the_keyring(path: Path) -> None:
    Keyring.create(
        path,
        passphrase=PASSPHRASE,
        entropy=SeededEntropy(1),
        parameters=PassphraseParameters(time_cost=2, memory_kib=16, parallelism=1),
        founding=FOUNDING,
    )
    write_head(path, read_head(path.read_bytes()).model_copy(update={"time_cost": 1}))
    with pytest.raises(WrongPassphrase):
        unlock(path)


def test_generations_are_checked_settled_and_unsettled(path: Path) -> None:
    made = create(path)
    made.check_generation(0)
    assert made.next_generation() == 1
    made.check_generation(0)
    made.check_generation(1)
    made.settle_generation()
    made.check_generation(1)
    for wrong in (0, 2):
        with pytest.raises(StoreRolledBack):
            made.check_generation(wrong)


def test_without_the_generation_check_any_generation_passes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.keyring.keyring:Keyring.check_generation", lambda *_: None)
    create(path).check_generation(99)


def test_a_keyring_in_memory_writes_nothing(path: Path) -> None:
    made = Keyring.in_memory(entropy=SeededEntropy(1), founding=FOUNDING)
    made.add_epoch_seeds({(CASE, 1): SEED})
    assert made.erase_epochs(CASE, 2) == 1
    made.change_passphrase("another long passphrase of words", parameters=CHEAP)
    assert list(path.parent.iterdir()) == []
