"""Where the pepper lies: the file, or the system's own keyring where it has a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keyring as system
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import PasswordDeleteError, PasswordSetError
from tests.client_sdk.folders import CHEAP, FOUNDING, PASSPHRASE, snapshot
from tests.controls import without

from quietway import AsyncClient
from quietway.errors import PepperMissing
from quietway.keyring.keyring import Keyring
from quietway.keyring.pepper import find_system_pepper
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CASE = EnvelopeClass.CASE


class KeyringInMemory(KeyringBackend):
    """A real backend of the library, which keeps what it is given for this process."""

    priority = 5  # type: ignore[assignment] # the library asks for a number on the class

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.is_locked:
            raise PasswordSetError
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture
def backend() -> Iterator[KeyringInMemory]:
    former = system.get_keyring()
    made = KeyringInMemory()
    system.set_keyring(made)
    yield made
    system.set_keyring(former)


def create(path: Path, *, in_system: bool) -> Keyring:
    return Keyring.create(
        path,
        passphrase=PASSPHRASE,
        entropy=SeededEntropy(1),
        parameters=CHEAP,
        founding=FOUNDING,
        pepper_in_system=in_system,
    )


def unlock(path: Path) -> Keyring:
    return Keyring.unlock(path, passphrase=PASSPHRASE, entropy=SeededEntropy(2))


def test_with_the_system_no_pepper_lies_in_the_folder(
    tmp_path: Path, backend: KeyringInMemory
) -> None:
    made = create(tmp_path / "keyring", in_system=True)
    assert sorted(snapshot(tmp_path)) == ["keyring", "listen"]
    assert unlock(tmp_path / "keyring").device == made.device
    assert len(backend.kept) == 1


def test_an_erasure_draws_a_new_pepper_with_the_system_too(
    tmp_path: Path, backend: KeyringInMemory
) -> None:
    made = create(tmp_path / "keyring", in_system=True)
    made.add_epoch_seeds({(CASE, 1): bytes(32)})
    before, former = (tmp_path / "keyring").read_bytes(), dict(backend.kept)
    made.erase_epochs(CASE, 2)
    assert backend.kept.keys() == former.keys()
    assert backend.kept != former
    assert unlock(tmp_path / "keyring").epochs(CASE) == ()
    (tmp_path / "keyring").write_bytes(before)
    with pytest.raises(PepperMissing):
        unlock(tmp_path / "keyring")


def test_a_system_that_gives_nothing_is_a_missing_pepper(
    tmp_path: Path, backend: KeyringInMemory
) -> None:
    create(tmp_path / "keyring", in_system=True)
    backend.kept.clear()
    with pytest.raises(PepperMissing):
        unlock(tmp_path / "keyring")


def test_a_system_that_takes_nothing_makes_no_keyring(
    tmp_path: Path, backend: KeyringInMemory
) -> None:
    backend.is_locked = True
    with pytest.raises(PepperMissing):
        create(tmp_path / "keyring", in_system=True)
    assert snapshot(tmp_path) == {}


def test_nobody_asks_the_system_who_was_not_told_to(
    tmp_path: Path, backend: KeyringInMemory
) -> None:
    create(tmp_path / "keyring", in_system=False)
    unlock(tmp_path / "keyring")
    assert backend.kept == {}


@pytest.mark.parametrize("stand_in", [null.Keyring(), fail.Keyring()])
def test_a_system_without_a_real_keyring_leaves_the_pepper_to_the_file(
    tmp_path: Path, backend: KeyringInMemory, stand_in: KeyringBackend
) -> None:
    del backend
    system.set_keyring(stand_in)
    assert find_system_pepper(bytes(16)) is None
    create(tmp_path / "keyring", in_system=True)
    assert len((tmp_path / "pepper").read_bytes()) == 32
    unlock(tmp_path / "keyring")


def test_a_wiped_device_leaves_no_pepper_with_the_system(
    tmp_path: Path, backend: KeyringInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the folder that somebody made before opens with it, whoever wiped the machine."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    path = tmp_path / "one" / "keyring"
    made = create(path, in_system=True)
    copy = path.read_bytes()
    made.destroy_pepper()
    made.destroy_pepper()
    assert backend.kept == {}
    path.write_bytes(copy)
    with pytest.raises(PepperMissing):
        unlock(path)
    # Control: where it stays with the system, the copy opens.
    other = tmp_path / "two" / "keyring"
    kept = create(other, in_system=True)
    without(monkeypatch, "quietway.keyring.pepper:SystemPepper.destroy", lambda _: None)
    kept.destroy_pepper()
    assert unlock(other).device == kept.device


async def test_a_wipe_reaches_the_pepper_with_the_system(
    tmp_path: Path, backend: KeyringInMemory
) -> None:
    clock = FakeClock()
    relay = InMemoryRelay(clock)
    client = await AsyncClient.found(
        tmp_path / "device",
        passphrase=PASSPHRASE,
        relay="https://relay.example",
        enrolment_code=relay.enrolment_code(),
        agency_code="HARBOR",
        program="HARBOR-SHELTER",
        parameters=CHEAP,
        system_keyring=True,
        relay_port=relay.connect,
        clock=clock,
        entropy=SeededEntropy(3),
    )
    assert len(backend.kept) == 1
    await client.wipe()
    assert backend.kept == {}


def test_copies_of_upgrades_go_before_the_former_pepper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between the two, the next opening still has to know that something is owed."""
    made = create(tmp_path / "keyring", in_system=False)
    made.add_epoch_seeds({(CASE, 1): bytes(32)})
    copy = tmp_path / "keyring.before-2"
    copy.write_bytes((tmp_path / "keyring").read_bytes())

    def is_cut_off(_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as cut:
        without(cut, "quietway.keyring.vault:Vault._forget_former_pepper", is_cut_off)
        with pytest.raises(SystemExit):
            made.erase_epochs(CASE, 2)
    assert not copy.exists()
    assert unlock(tmp_path / "keyring").epochs(CASE) == ()
    assert len((tmp_path / "pepper").read_bytes()) == 32
