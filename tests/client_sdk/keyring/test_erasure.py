"""Erasing: what is gone is gone from the file, from its copies, and wherever it is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.folders import CHEAP, FOUNDING, PASSPHRASE, restore, snapshot
from tests.controls import without

from quietway.errors import DeviceLocked, NotFound, PepperMissing, StoreDamaged, WrongPassphrase
from quietway.files import write_durably
from quietway.keyring.head import Head, erase_due_locked, read_head, write_head
from quietway.keyring.keyring import Erased, Keyring
from quietway.keyring.pepper import PEPPER_BYTES, PepperFile, name_pepper
from quietway.keyring.records import bind, epoch_dies, name_record_key
from quietway.keyring.vault import Lid, stretch
from quietway.testing.clock import START
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.errors import KeyRefusedError, OpenError
from quietway_crypto.secret import Secret
from quietway_crypto.wrap import unwrap
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from quietway.keyring.records import Record
    from quietway.keyring.vault import Stretched, Vault

FLASH, CASE = EnvelopeClass.FLASH, EnvelopeClass.CASE
NOW = START
SOON, LATER = NOW + DAY, NOW + 30 * DAY
NAMES = [bytes([number]) * 16 for number in range(1, 5)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring"


def create(path: Path) -> Keyring:
    return Keyring.create(
        path,
        passphrase=PASSPHRASE,
        entropy=SeededEntropy(1),
        parameters=CHEAP,
        founding=FOUNDING,
    )


def unlock(path: Path, *, seed: int = 2) -> Keyring:
    return Keyring.unlock(path, passphrase=PASSPHRASE, entropy=SeededEntropy(seed))


def create_with_keys(path: Path) -> Keyring:
    """Make a keyring with an epoch that is over, one that runs, and keys that die now and later."""
    made = create(path)
    today = FLASH.epoch_of(NOW)
    made.add_epoch_seeds({(FLASH, today - 10): b"a" * 32, (FLASH, today): b"b" * 32})
    for name, erase_after in zip(NAMES, (NOW, NOW - 1, LATER, 0), strict=True):
        made.add_record_key(name, name * 2, erase_after)
    return made


def head_of(path: Path) -> Head:
    return read_head(path.read_bytes())


def names_in(path: Path) -> set[str]:
    return {record.name for record in head_of(path).records}


def test_record_keys_are_durable_with_their_times_before_adding_returns(path: Path) -> None:
    create_with_keys(path)
    again = unlock(path)
    assert dict(again.record_names()) == dict(zip(NAMES, (NOW, NOW - 1, LATER, 0), strict=True))
    key = again.record_key(NAMES[2])
    assert key is not None
    assert key.reveal() == NAMES[2] * 2
    assert again.record_key(b"x" * 16) is None


def test_a_record_key_that_is_here_is_never_replaced(path: Path) -> None:
    made = create_with_keys(path)
    made.add_record_key(NAMES[2], bytes(32), LATER)
    key = made.record_key(NAMES[2])
    assert key is not None
    assert key.reveal() == NAMES[2] * 2


def test_a_record_keys_name_has_sixteen_bytes(path: Path) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        create(path).add_record_key(b"short", bytes(32), LATER)


@pytest.mark.requirement("A59")
def test_what_is_due_goes_in_one_write_and_all_else_stays(path: Path) -> None:
    """A59: retention limits and secure deletion. What is due is destroyed, all else lives."""
    made = create_with_keys(path)
    today = FLASH.epoch_of(NOW)
    erased = made.erase_due(NOW)
    assert erased == Erased(((FLASH, today - 10),), (NAMES[0], NAMES[1]))
    assert made.erase_due(NOW) == Erased()
    for keyring in (made, unlock(path)):
        assert keyring.epochs(FLASH) == (today,)
        assert set(keyring.record_names()) == {NAMES[2], NAMES[3]}


def test_an_epochs_seed_dies_two_hours_after_the_last_envelope_sealed_to_it(path: Path) -> None:
    made = create(path)
    for class_ in (FLASH, CASE):
        epoch = class_.epoch_of(NOW)
        made.add_epoch_seeds({(class_, epoch): bytes(32)})
        dies = class_.epoch_end(epoch) + class_.life_ms + 2 * HOUR
        assert epoch_dies(class_, epoch) == dies
        assert made.erase_due(dies - 1) == Erased()
        assert made.erase_due(dies) == Erased(((class_, epoch),))


@pytest.mark.requirement("A58")
def test_a_hold_keeps_record_keys_until_it_is_released(path: Path) -> None:
    """A58: legal hold. What is held is not erased; released, its former time counts again."""
    made = create_with_keys(path)
    made.set_erase_after({NAMES[0]: 0, b"x" * 16: 0})
    assert made.erase_due(NOW).records == (NAMES[1],)
    again = unlock(path)
    again.set_erase_after({NAMES[0]: NOW})
    assert again.erase_due(NOW).records == (NAMES[0],)


def test_all_epoch_seeds_can_be_destroyed_and_record_keys_stay(path: Path) -> None:
    made = create_with_keys(path)
    assert made.destroy_epoch_seeds() == 2
    again = unlock(path)
    assert again.epochs(FLASH) == ()
    assert len(again.record_names()) == 4


def open_by_hand(keyring: bytes, pepper: bytes, passphrase: str = PASSPHRASE) -> set[str]:
    """Open whatever opens of a file, as somebody with copies and the passphrase would."""
    head = read_head(keyring)
    lid = Lid(stretch(passphrase, head.salt, CHEAP), Secret(pepper))
    opened = set()
    for record in head.records:
        try:
            unwrap(lid.key, record.wrapped, context=bind(record.name, record.erase_after))
        except OpenError:
            continue
        opened.add(record.name)
    return opened


@pytest.mark.requirement("A59")
def test_a_copy_from_before_opens_nothing_with_the_pepper_of_after(path: Path) -> None:
    """A59: secure deletion. Nothing that is copied after an erasure opens what was erased."""
    made = create_with_keys(path)
    before, former = path.read_bytes(), (path.parent / "pepper").read_bytes()
    made.erase_due(NOW)
    after = (path.parent / "pepper").read_bytes()
    assert len(open_by_hand(before, former)) == len(read_head(before).records)
    assert open_by_hand(before, after) == set()
    assert len(open_by_hand(path.read_bytes(), after)) == len(head_of(path).records)


def test_control_an_erasure_that_keeps_the_pepper_leaves_its_keys_to_whoever_has_a_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_new_pepper(
        vault: Vault, records: Mapping[str, Record], under: Stretched | None = None
    ) -> None:
        del under
        vault.write(records)

    made = create_with_keys(path)
    before = path.read_bytes()
    without(monkeypatch, "quietway.keyring.vault:Vault.renew", without_new_pepper)
    made.erase_due(NOW)
    opened = open_by_hand(before, (path.parent / "pepper").read_bytes())
    assert len(opened) == len(read_head(before).records)


def test_the_pepper_is_found_by_its_name_and_only_one_lies_there(path: Path) -> None:
    made = create_with_keys(path)
    for _ in range(2):
        (pepper,) = PepperFile(path.parent / "pepper").read()
        assert name_pepper(pepper) == head_of(path).pepper
        made.erase_due(NOW)


def test_without_its_pepper_a_keyring_says_so_and_stays(path: Path) -> None:
    create(path)
    (path.parent / "pepper").unlink()
    before = path.read_bytes()
    with pytest.raises(PepperMissing):
        unlock(path)
    for foreign in (bytes(PEPPER_BYTES), b"short", bytes(3 * PEPPER_BYTES)):
        (path.parent / "pepper").write_bytes(foreign)
        with pytest.raises(PepperMissing):
            unlock(path)
    assert path.read_bytes() == before


def test_what_the_former_pepper_file_held_is_overwritten_where_it_lay(path: Path) -> None:
    made = create_with_keys(path)
    with (path.parent / "pepper").open("rb") as former:
        made.erase_due(NOW)
        assert former.read() == bytes(PEPPER_BYTES)


@pytest.mark.requirement("A59")
def test_a_locked_device_deletes_what_is_due_and_its_survivors_get_a_new_pepper(path: Path) -> None:
    """A59: retention limits hold on a device that nobody unlocks."""
    create_with_keys(path)
    before, former = path.read_bytes(), head_of(path).pepper
    assert erase_due_locked(path, NOW) == 3
    assert erase_due_locked(path, NOW) == 0
    assert head_of(path).pepper_due
    assert head_of(path).pepper == former
    again = unlock(path)
    assert set(again.record_names()) == {NAMES[2], NAMES[3]}
    assert not head_of(path).pepper_due
    assert head_of(path).pepper != former
    assert open_by_hand(before, (path.parent / "pepper").read_bytes()) == set()


def test_a_locked_deletion_that_nobody_can_write_changes_nothing(path: Path) -> None:
    create_with_keys(path)
    path.write_bytes(path.read_bytes()[:-1])
    before = snapshot(path.parent)
    with pytest.raises(StoreDamaged):
        erase_due_locked(path, NOW)
    assert snapshot(path.parent) == before


def test_a_time_that_was_edited_does_not_open(path: Path) -> None:
    create_with_keys(path)
    head = head_of(path)
    longer = tuple(
        record.model_copy(update={"erase_after": LATER}) if record.erase_after else record
        for record in head.records
    )
    write_head(path, head.model_copy(update={"records": longer}))
    with pytest.raises(StoreDamaged):
        unlock(path)


def edit_time(path: Path, name: bytes, erase_after: int) -> None:
    head = head_of(path)
    edited = tuple(
        record.model_copy(update={"erase_after": erase_after})
        if record.name == name_record_key(name)
        else record
        for record in head.records
    )
    write_head(path, head.model_copy(update={"records": edited}))


@pytest.mark.parametrize(("name", "erase_after"), [(NAMES[0], LATER), (NAMES[2], NOW)])
def test_a_record_key_whose_time_was_edited_opens_nothing_and_is_neither_kept_nor_destroyed_for_it(
    path: Path, name: bytes, erase_after: int
) -> None:
    create_with_keys(path)
    edit_time(path, name, erase_after)
    opened = unlock(path)
    with pytest.raises(StoreDamaged):
        opened.record_key(name)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged):
        opened.erase_due(NOW)
    assert path.read_bytes() == before
    assert opened.record_key(NAMES[3]) == Secret(NAMES[3] * 2)


def test_control_without_the_time_in_the_wrapping_an_edited_one_destroys_a_key_early(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_with_keys(path)
    drawn = {record.name: record.erase_after for record in head_of(path).records}
    edit_time(path, NAMES[2], NOW)
    opened = unlock(path)
    without(monkeypatch, "quietway.keyring.late:bind", lambda name, _: bind(name, drawn[name]))
    assert NAMES[2] in opened.erase_due(NOW).records


def test_a_record_key_is_unwrapped_when_it_is_first_needed_and_stays_the_same(path: Path) -> None:
    create_with_keys(path)
    opened = unlock(path)
    assert "not opened" in repr(opened._held.record_keys[NAMES[2]])
    first = opened.record_key(NAMES[2])
    assert first == Secret(NAMES[2] * 2)
    assert opened.record_key(NAMES[2]) is first
    assert "not opened" not in repr(opened._held.record_keys[NAMES[2]])
    assert "not opened" in repr(opened._held.record_keys[NAMES[3]])


def test_a_record_key_that_was_not_needed_is_none_after_a_lock(path: Path) -> None:
    create_with_keys(path)
    opened = unlock(path)
    kept = opened._held.record_keys[NAMES[2]]
    opened.lock()
    with pytest.raises(KeyRefusedError):
        _ = kept.secret


def test_a_record_key_that_was_not_needed_outlives_an_erasure_and_a_new_passphrase(
    path: Path,
) -> None:
    create_with_keys(path)
    opened = unlock(path)
    opened.erase_due(NOW)
    again = unlock(path)
    again.change_passphrase("another slow lantern over water", parameters=CHEAP)
    third = Keyring.unlock(
        path, passphrase="another slow lantern over water", entropy=SeededEntropy(3)
    )
    assert third.record_key(NAMES[2]) == Secret(NAMES[2] * 2)
    assert third.record_key(NAMES[0]) is None


class CutOffError(Exception):
    """The machine stopped."""


class Stopping:
    """Lets a number of writes to the disk happen, and stops at the next: before it, or half way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, left: int, *, half: bool) -> None:
        self.left = left
        self.half = half
        for module in ("head", "pepper"):
            without(monkeypatch, f"quietway.keyring.{module}:write_durably", self.write)

    def write(self, path: Path, content: bytes | Iterable[bytes]) -> None:
        content = content if isinstance(content, bytes) else b"".join(content)
        if self.left == 0:
            if self.half:
                path.with_name(path.name + ".new").write_bytes(content[: len(content) // 2])
            raise CutOffError
        self.left -= 1
        write_durably(path, content)


WRITES = 3
"""New pepper beside the old, keyring, old pepper away."""


def cut_off_erasure(path: Path, at: int, *, half: bool, locked: bool) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        if locked:
            erase_due_locked(path, NOW)
            opening: Callable[[], object] = lambda: unlock(path, seed=7)  # noqa: E731, both branches name the same thing
        else:
            keyring = unlock(path, seed=7)
            opening = lambda: keyring.erase_due(NOW)  # noqa: E731, both branches name the same thing
        Stopping(monkeypatch, at, half=half)
        with pytest.raises(CutOffError):
            opening()


@pytest.mark.requirement("A59")
@given(
    at=st.integers(0, WRITES - 1),
    half=st.booleans(),
    locked=st.booleans(),
    again=st.integers(0, WRITES - 1),
)
@settings(max_examples=40, deadline=None)
def test_an_erasure_that_is_cut_off_anywhere_leaves_a_keyring_that_opens_and_is_finished(
    tmp_path_factory: pytest.TempPathFactory, *, at: int, half: bool, locked: bool, again: int
) -> None:
    """A59: secure deletion, whenever the machine stops, and when it stops a second time."""
    path = tmp_path_factory.mktemp("cut") / "keyring"
    made = create_with_keys(path)
    before = path.read_bytes()
    cut_off_erasure(path, at, half=half, locked=locked)
    if at == 0 and not locked:
        cut_off_erasure(path, again, half=half, locked=False)
    opened = unlock(path, seed=8)
    opened.erase_due(NOW)
    finished = unlock(path, seed=9)
    assert set(finished.record_names()) == {NAMES[2], NAMES[3]}
    assert finished.epochs(FLASH) == (FLASH.epoch_of(NOW),)
    assert finished.identity.public == made.identity.public
    assert not names_in(path) & {"record/" + "AQEBAQEBAQEBAQEBAQEBAQ"}
    (pepper,) = PepperFile(path.parent / "pepper").read()
    assert open_by_hand(before, pepper) == set()


def test_control_with_the_old_pepper_away_first_a_keyring_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hasty(place: PepperFile, peppers: tuple[bytes, ...]) -> None:
        write_durably(path.parent / "pepper", peppers[-1])
        del place

    create_with_keys(path)
    keyring = unlock(path)
    without(monkeypatch, "quietway.keyring.pepper:PepperFile.write", hasty)
    with monkeypatch.context() as crash:
        Stopping(crash, 0, half=False)
        with pytest.raises(CutOffError):
            keyring.erase_due(NOW)
    with pytest.raises(PepperMissing):
        unlock(path)


def test_an_erasure_that_could_not_be_written_leaves_the_keyring_of_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = create_with_keys(path)
    with monkeypatch.context() as crash:
        Stopping(crash, 1, half=False)
        with pytest.raises(CutOffError):
            keyring.erase_due(NOW)
    assert len(keyring.record_names()) == 4
    keyring.add_record_key(b"n" * 16, b"n" * 32, LATER)
    assert keyring.erase_due(NOW).records == (NAMES[0], NAMES[1])
    assert len(unlock(path).record_names()) == 3


def test_an_erasure_whose_end_could_not_be_written_is_ended_by_the_next_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = create_with_keys(path)
    with monkeypatch.context() as crash:
        Stopping(crash, 2, half=False)
        with pytest.raises(CutOffError):
            keyring.erase_due(NOW)
    assert len(PepperFile(path.parent / "pepper").read()) == 2
    assert set(keyring.record_names()) == {NAMES[2], NAMES[3]}
    assert keyring.erase_due(NOW) == Erased()
    assert len(PepperFile(path.parent / "pepper").read()) == 1


@pytest.mark.requirement("D02")
def test_the_root_key_can_be_taken_away_and_brought_back(path: Path) -> None:
    """D02: key management. The root key lies here only as long as somebody wants it to."""
    made = create(path)
    root = made.root
    assert root is not None
    seed, public = made._held.root_seed, root.public
    assert seed is not None
    kept, before = bytes(bytearray(seed.reveal())), path.read_bytes()
    made.forget_root()
    for keyring in (made, unlock(path)):
        assert keyring.root is None
        assert keyring.root_key == public
    assert open_by_hand(before, (path.parent / "pepper").read_bytes()) == set()
    made.keep_root(kept)
    again = unlock(path).root
    assert again is not None
    assert again.public == public


@pytest.mark.requirement("D02")
def test_an_ops_key_is_kept_replaced_and_destroyed(path: Path) -> None:
    """D02: key management: rotation of the key that vouches for devices."""
    made = create(path)
    assert made.ops is not None
    publics = {made.ops.public}
    for seed in (b"o" * 32, b"p" * 32):
        made.keep_ops(seed)
        again = unlock(path).ops
        assert again is not None
        publics.add(again.public)
    assert len(publics) == 3
    made.keep_ops(None)
    assert unlock(path).ops is None


def test_another_agencys_root_key_is_not_kept(path: Path) -> None:
    with pytest.raises(NotFound):
        create(path).keep_root(bytes(32))


def test_a_locked_keyring_gives_nothing_and_what_it_gave_is_no_key_any_more(path: Path) -> None:
    made = create_with_keys(path)
    key, identity = made.record_key(NAMES[2]), made.identity
    made.lock()
    made.lock()
    assert key is not None
    with pytest.raises(KeyRefusedError):
        key.reveal()
    assert repr(key) == "Secret(cleared)"
    assert repr(made) == "Keyring(locked)"
    for asked in (lambda: made.identity, lambda: made.device, lambda: made.erase_due(NOW)):
        with pytest.raises(DeviceLocked):
            asked()
    with pytest.raises(KeyRefusedError):
        identity.sign("quietway/v1/test", b"body")
    unlock(path)


def test_clearing_at_lock_leaves_the_callers_own_bytes_alone(path: Path) -> None:
    made, mine = create(path), bytes(range(32))
    made.add_record_key(NAMES[0], mine, LATER)
    made.add_epoch_seeds({(CASE, 1): mine})
    made.lock()
    assert mine == bytes(range(32))


def test_the_passphrase_is_asked_for_again_and_nothing_else_passes(path: Path) -> None:
    for keyring in (
        create(path),
        Keyring.in_memory(entropy=SeededEntropy(1), founding=FOUNDING, passphrase=PASSPHRASE),
    ):
        keyring.check_passphrase_again(PASSPHRASE)
        for other in (PASSPHRASE + ".", "", "\ud800"):
            with pytest.raises(WrongPassphrase):
                keyring.check_passphrase_again(other)
    with pytest.raises(WrongPassphrase):
        Keyring.in_memory(entropy=SeededEntropy(1), founding=FOUNDING).check_passphrase_again("")


def test_a_folder_that_was_put_back_whole_opens_as_it_was(path: Path) -> None:
    made = create_with_keys(path)
    before = snapshot(path.parent)
    made.erase_due(NOW)
    restore(path.parent, before)
    assert len(unlock(path).record_names()) == 4
