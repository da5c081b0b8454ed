"""A device's folder: one owner, one passphrase, no way back to an older copy, nothing readable."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.folders import found, reopen, restore, snapshot
from tests.controls import without

from quietway.ambient import default_home
from quietway.errors import (
    StorageFull,
    StoreDamaged,
    StoreExists,
    StoreInUse,
    StoreMissing,
    StoreRolledBack,
    StoreTooNew,
    WrongPassphrase,
)
from quietway.ports import Put
from quietway.store.sqlcipher import SqlCipherStore, StoreFormats
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [str(ROOT / name) for name in ("crypto", "schemas", "protocol", "client_sdk", ".")]
CANARIES = (b"canary-in-a-value", b"canary-in-a-key", b"canary-kind")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "device"


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def start_python(code: str, folder: Path) -> subprocess.Popen[str]:
    """Run a program of the SDK in a process of its own, with the folder as its argument."""
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(SOURCES)},
        stdout=subprocess.PIPE,
        text=True,
    )


FILES = ["keyring", "listen", "lock", "pepper", "store.db"]

HOLD = """
import sys, time
from pathlib import Path
from tests.client_sdk.folders import reopen
opened = reopen(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(60)
"""


def test_a_new_folder_opens_again_with_its_passphrase(folder: Path) -> None:
    made = found(folder)
    made.store.close()
    again = reopen(folder)
    assert again.keyring.device == made.keyring.device
    assert again.keyring.store_key == made.keyring.store_key
    assert again.keyring.generation == made.keyring.generation + 1
    again.store.close()


async def test_what_was_stored_is_there_after_opening_again(folder: Path) -> None:
    opened = found(folder)
    await opened.store.commit([Put("message", b"key", b"value")])
    await opened.store.aclose()
    again = reopen(folder)
    assert await again.store.read("message", b"key") == b"value"
    await again.store.aclose()


def test_opening_an_empty_folder_says_that_nothing_is_here(folder: Path) -> None:
    with pytest.raises(StoreMissing):
        reopen(folder)
    assert not folder.exists()


def test_founding_where_a_device_is_changes_nothing(folder: Path) -> None:
    found(folder).store.close()
    before = snapshot(folder)
    with pytest.raises(StoreExists):
        found(folder, seed=9)
    assert snapshot(folder) == before


def test_a_wrong_passphrase_is_refused_and_changes_nothing(folder: Path) -> None:
    found(folder).store.close()
    before = snapshot(folder)
    with pytest.raises(WrongPassphrase):
        reopen(folder, passphrase="seven quiet herons cross the summer canal")
    assert snapshot(folder) == before
    reopen(folder).store.close()


def test_a_second_process_is_told_that_the_store_is_in_use(
    folder: Path, running: list[subprocess.Popen[str]]
) -> None:
    found(folder).store.close()
    owner = start_python(HOLD, folder)
    running.append(owner)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "open\n"
    before = snapshot(folder)
    with pytest.raises(StoreInUse):
        reopen(folder)
    assert snapshot(folder) == before


def test_the_lock_of_a_process_that_was_killed_is_free(
    folder: Path, running: list[subprocess.Popen[str]]
) -> None:
    found(folder).store.close()
    owner = start_python(HOLD, folder)
    running.append(owner)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "open\n"
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    reopen(folder).store.close()


def test_the_same_process_cannot_open_a_folder_twice(folder: Path) -> None:
    opened = found(folder)
    with pytest.raises(StoreInUse):
        reopen(folder)
    opened.store.close()
    reopen(folder).store.close()


def test_without_the_lock_two_owners_open_one_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.store.lock:_lock", lambda _: None)
    first = found(folder)
    second = reopen(folder)
    second.store.close()
    first.store.close()


def test_an_older_copy_of_the_store_is_refused_and_left_as_it_is(folder: Path) -> None:
    found(folder).store.close()
    older = (folder / "store.db").read_bytes()
    reopen(folder).store.close()
    (folder / "store.db").write_bytes(older)
    before = snapshot(folder)
    with pytest.raises(StoreRolledBack):
        reopen(folder)
    assert snapshot(folder)["keyring"] == before["keyring"]
    with pytest.raises(StoreRolledBack):
        reopen(folder)


def test_an_older_copy_of_the_keyring_is_refused(folder: Path) -> None:
    found(folder).store.close()
    older = (folder / "keyring").read_bytes()
    reopen(folder).store.close()
    (folder / "keyring").write_bytes(older)
    with pytest.raises(StoreRolledBack):
        reopen(folder)


def test_a_store_that_is_gone_is_not_quietly_made_anew(folder: Path) -> None:
    found(folder).store.close()
    (folder / "store.db").unlink()
    with pytest.raises(StoreRolledBack):
        reopen(folder)
    assert not (folder / "store.db").exists()


def test_without_the_generation_check_an_older_copy_opens_silently(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(folder).store.close()
    older = (folder / "store.db").read_bytes()
    reopen(folder).store.close()
    (folder / "store.db").write_bytes(older)
    without(monkeypatch, "quietway.keyring.keyring:Keyring.check_generation", lambda *_: None)
    reopen(folder).store.close()


def test_an_older_copy_that_was_accepted_goes_on_with_a_new_generation(folder: Path) -> None:
    found(folder).store.close()
    older = (folder / "store.db").read_bytes()
    newest = reopen(folder)
    newest.store.close()
    (folder / "store.db").write_bytes(older)
    accepted = reopen(folder, accept_older_copy=True)
    assert accepted.keyring.generation > newest.keyring.generation
    accepted.store.close()
    reopen(folder).store.close()


@pytest.mark.parametrize(
    "cut_off_at",
    [
        "quietway.store.sqlcipher:SqlCipherStore.write_generation",
        "quietway.keyring.keyring:Keyring.settle_generation",
    ],
)
def test_openings_that_were_cut_off_are_not_taken_for_an_older_copy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, cut_off_at: str
) -> None:
    class CutOffError(Exception):
        pass

    def cut_off(*_: object) -> None:
        raise CutOffError

    found(folder).store.close()
    with monkeypatch.context() as crash:
        without(crash, cut_off_at, cut_off)
        for _ in range(3):
            with pytest.raises(CutOffError):
                reopen(folder)
    reopen(folder).store.close()


def test_a_store_of_another_keyring_is_damaged_goods(tmp_path: Path) -> None:
    found(tmp_path / "a", seed=1).store.close()
    found(tmp_path / "b", seed=2).store.close()
    foreign = (tmp_path / "b" / "store.db").read_bytes()
    (tmp_path / "a" / "store.db").write_bytes(foreign)
    with pytest.raises(StoreDamaged) as refused:
        reopen(tmp_path / "a")
    assert refused.value.part == "store"


def test_a_store_of_a_newer_format_is_left_alone(folder: Path) -> None:
    opened = found(folder)
    keyring, lock = opened.keyring, opened.store._lock
    opened.store._engine.dispose()
    newer = StoreFormats(known=4, steps={3: lambda _: None})
    SqlCipherStore.open(
        folder, key=keyring.store_key, store_id=keyring.store_id, lock=lock, formats=newer
    ).close()
    before = snapshot(folder)
    with pytest.raises(StoreTooNew) as refused:
        reopen(folder)
    assert (refused.value.found, refused.value.known) == (4, 3)
    assert snapshot(folder)["keyring"] == before["keyring"]


async def test_an_older_format_is_brought_forward_after_a_copy_was_made(folder: Path) -> None:
    opened = found(folder)
    await opened.store.commit([Put("old", b"key", b"value")])
    keyring, lock = opened.keyring, opened.store._lock
    opened.store._engine.dispose()
    newer = StoreFormats(
        known=4,
        steps={3: lambda tables: tables.exec_driver_sql("UPDATE rows SET kind = 'new'").close()},
    )
    forward = SqlCipherStore.open(
        folder, key=keyring.store_key, store_id=keyring.store_id, lock=lock, formats=newer
    )
    assert await forward.read("new", b"key") == b"value"
    await forward.aclose()
    (folder / "store.db").write_bytes((folder / "store.db.before-4").read_bytes())
    again = reopen(folder)
    assert await again.store.read("old", b"key") == b"value"
    await again.store.aclose()


async def test_a_full_disk_loses_nothing_that_was_stored(folder: Path) -> None:
    opened = found(folder)
    await opened.store.commit([Put("kept", b"key", b"value")])
    with opened.store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    many = [Put("lost", bytes([number]), bytes(2_000)) for number in range(50)]
    with pytest.raises(StorageFull):
        await opened.store.commit(many)
    assert await opened.store.read("kept", b"key") == b"value"
    assert list(await opened.store.scan("lost")) == []
    with opened.store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    await opened.store.commit(many)
    await opened.store.aclose()


FILL_KEYRING = """
import resource, sys
from pathlib import Path
from quietway.errors import StorageFull
from quietway_schemas.envelope import EnvelopeClass
from tests.client_sdk.folders import reopen
opened = reopen(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))
try:
    opened.keyring.add_epoch_seeds({(EnvelopeClass.CASE, 5): bytes(32)})
except StorageFull:
    print("full", opened.keyring.epochs(EnvelopeClass.CASE))
"""


def test_a_keyring_that_cannot_be_written_stays_as_it_was(
    folder: Path, running: list[subprocess.Popen[str]]
) -> None:
    made = found(folder)
    made.keyring.add_epoch_seeds({(EnvelopeClass.CASE, 4): bytes(32)})
    made.store.close()
    full = start_python(FILL_KEYRING, folder)
    running.append(full)
    assert full.communicate(timeout=60)[0] == "full (4,)\n"
    again = reopen(folder)
    assert again.keyring.epochs(EnvelopeClass.CASE) == (4,)
    again.store.close()
    assert not (folder / "keyring.new").exists()


async def test_nothing_of_what_is_stored_can_be_read_in_any_file(folder: Path) -> None:
    opened = found(folder)
    for number in range(20):
        row = Put("canary-kind", b"canary-in-a-key %d" % number, b"canary-in-a-value" * 50)
        await opened.store.commit([row])
    opened.keyring.add_epoch_seeds({(EnvelopeClass.FLASH, 1): b"canary-in-a-value canary-in-a-ke"})
    while_open = snapshot(folder)
    assert {"keyring", "lock", "store.db", "store.db-wal"} <= set(while_open)
    await opened.store.aclose()
    for files in (while_open, snapshot(folder)):
        for content in files.values():
            assert not [canary for canary in CANARIES if canary in content]


async def test_without_encryption_the_canaries_are_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.store.database:_give_key", lambda *_: None)
    opened = found(folder)
    await opened.store.commit([Put("canary-kind", b"canary-in-a-key", b"canary-in-a-value")])
    content = b"".join(snapshot(folder).values())
    assert all(canary in content for canary in CANARIES)
    await opened.store.aclose()


def modes_of(folder: Path) -> tuple[int, dict[str, int]]:
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    return stat.S_IMODE(folder.stat().st_mode), files


async def test_only_the_owner_may_look_into_the_folder(folder: Path) -> None:
    former = os.umask(0)
    try:
        opened = found(folder)
        await opened.store.commit([Put("m", b"k", b"v")])
    finally:
        os.umask(former)
    folder_mode, modes = modes_of(folder)
    assert folder_mode == 0o700
    assert {"keyring", "lock", "store.db", "store.db-wal"} <= set(modes)
    assert set(modes.values()) == {0o600}
    await opened.store.aclose()


def test_nothing_is_written_outside_the_folder(
    tmp_path: Path, running: list[subprocess.Popen[str]]
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "cwd"
    home.mkdir()
    elsewhere.mkdir()
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.client_sdk.folders import found, reopen\n"
        "found(Path(sys.argv[1])).store.close(); reopen(Path(sys.argv[1])).store.close()\n"
    )
    folder = tmp_path / "device"
    process = subprocess.Popen(
        [sys.executable, "-B", "-c", code, str(folder)],
        env={
            "PYTHONPATH": os.pathsep.join(SOURCES),
            "HOME": str(home),
            "TMPDIR": str(home),
            "PATH": "",
        },
        cwd=elsewhere,
        stdout=subprocess.PIPE,
        text=True,
    )
    running.append(process)
    assert process.wait(timeout=60) == 0
    assert list(home.rglob("*")) == []
    assert list(elsewhere.rglob("*")) == []
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_the_home_is_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUIETWAY_HOME", str(tmp_path / "here"))
    assert default_home() == tmp_path / "here"
    assert stat.S_IMODE(default_home().stat().st_mode) == 0o700


def test_the_home_is_the_systems_place_where_no_variable_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUIETWAY_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert tmp_path in default_home().parents
    assert default_home().name == "quietway"


def test_a_damaged_store_says_so(folder: Path) -> None:
    found(folder).store.close()
    content = bytearray((folder / "store.db").read_bytes())
    content[100:200] = bytes(100)
    restore(folder, {**snapshot(folder), "store.db": bytes(content)})
    with pytest.raises(StoreDamaged):
        reopen(folder)
