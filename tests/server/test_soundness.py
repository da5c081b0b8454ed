"""Damaged rows stay back, a full store takes alarms, and a log says how far it had got."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.relay_process import product_environment

from quietway_schemas.envelope import EnvelopeClass, Header
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.instants import DAY
from quietway_server.core.soundness import hash_record, is_whole
from quietway_server.errors import StartError, StorageFullError
from quietway_server.rows import StoredEnvelope
from quietway_server.services.writer import Writer
from quietway_server.store.reserve import KEPT_FROM_ALARMS, RESERVE_BYTES, Reserve
from quietway_server.store.soundness import Reach, read_reach
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_server.ports import Transaction

HEADER: Final = Header(EnvelopeClass.FLASH, 2, 20_000, MailboxId(bytes(16)), EnvelopeId(bytes(16)))
SEALED: Final = bytes(EnvelopeClass.FLASH.sealed_bytes)
HASH: Final = hash_record(StoredEnvelope(1, HEADER, SEALED, bytes(32)))
ALTERED: Final = SEALED[:-1] + b"\x01"


@pytest.mark.parametrize(
    ("sealed", "withdraw_hash", "expected"),
    [(SEALED, bytes(32), True), (ALTERED, bytes(32), False), (SEALED, bytes(31) + b"\x01", False)],
)
def test_an_envelope_is_whole_as_long_as_it_has_the_hash_it_came_under(
    sealed: bytes, withdraw_hash: bytes, *, expected: bool
) -> None:
    assert is_whole(StoredEnvelope(1, HEADER, sealed, withdraw_hash, HASH)) is expected


def test_an_envelope_whose_hash_is_forgotten_is_left_to_its_reader() -> None:
    assert is_whole(StoredEnvelope(1, HEADER, ALTERED, bytes(32), None))


def test_alarms_get_one_half_of_the_reserve_and_not_the_other(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    reserve = Reserve(path)
    assert reserve.restore()
    assert path.stat().st_size == RESERVE_BYTES
    assert reserve.release(keep=KEPT_FROM_ALARMS)
    assert not reserve.release(keep=KEPT_FROM_ALARMS)
    assert path.stat().st_size == KEPT_FROM_ALARMS
    assert reserve.release()
    assert path.stat().st_size == 0
    assert not reserve.release()
    assert reserve.restore()


async def test_only_an_alarm_is_taken_when_the_disk_is_full(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "r.db")
    writer = Writer(store, on_failure=lambda: None)
    reserve = tmp_path / "r.db-reserve"

    def fill(_: Transaction) -> None:
        if reserve.stat().st_size > KEPT_FROM_ALARMS:
            raise StorageFullError

    with pytest.raises(StorageFullError):
        await writer.write(fill)
    with pytest.raises(StorageFullError):
        await writer.write(fill, alarm=lambda _: False)
    await writer.write(fill, alarm=lambda _: True)
    assert reserve.stat().st_size == KEPT_FROM_ALARMS
    writer.close()
    store.close()


def test_what_is_copied_already_is_not_missed() -> None:
    reach = Reach(b"s" * 8, pages=10, copied=4)
    assert reach.is_beyond(None)
    assert reach.is_beyond(Reach(b"s" * 8, 9, 4))
    assert not reach.is_beyond(Reach(b"s" * 8, 10, 0))
    assert not Reach(b"s" * 8, pages=10, copied=10).is_beyond(None)


def test_an_index_that_is_torn_says_nothing(tmp_path: Path) -> None:
    database, index = tmp_path / "r.db", tmp_path / "r.db-shm"
    assert read_reach(database) is None
    store = SqliteStore(database)
    with store.writing() as transaction:
        transaction.add_enrolment(b"d" * 32, DAY)
    found = read_reach(database)
    assert found is not None
    assert found.pages > 0
    held = index.read_bytes()
    store.close()
    for torn in (held[:60], struct.pack("=I", 9) + held[4:]):
        index.write_bytes(torn)
        assert read_reach(database) is None
    index.unlink()


def test_a_database_that_was_cut_short_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    SqliteStore(path).close()
    os.truncate(path, 5 * 8192)
    with pytest.raises(StartError, match="cut short"):
        SqliteStore(path)


def test_a_relay_that_serves_may_not_be_dumped() -> None:
    program = (
        "import ctypes, resource; from quietway_server.hardening import harden_process\n"
        "harden_process()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=product_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "0 0"
