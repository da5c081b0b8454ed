"""Several relays on one PostgreSQL: who writes, whose numbers count, whose keys are used."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.relay_process import wait_until
from tests.server import test_services as world

from quietway_crypto.lanes import hash_capability
from quietway_crypto.signing import SigningKey
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import HOUR, iso_week
from quietway_schemas.log import MANIFEST_LEAF
from quietway_server.bootstrap import assemble, find_wake_key
from quietway_server.errors import (
    StartError,
    StatementFailedError,
    StorageAwayError,
    StorageBusyError,
)
from quietway_server.services.enrolment import add_code, hash_code
from quietway_server.services.log import append_leaf, open_leaf
from quietway_server.services.log_start import start_log
from quietway_server.settings import read_settings
from quietway_server.store.postgres import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from quietway_server.store.sql_transaction import SqlTransaction

RELAYS, BATCHES = 3, 40
KEY = SigningKey(bytes(range(32)))
BEGIN = "quietway_server.store.postgres:begin_writing"


@dataclass(frozen=True)
class Outcome:
    """What became of batches that came at several relays at once."""

    accepted: int
    latest: int
    waiting: int
    used: int
    numbers: list[int]

    @property
    def is_sound(self) -> bool:
        """Whether every batch has its number, and the counters say so."""
        count = RELAYS * BATCHES
        counted = (self.accepted, self.latest, self.waiting, self.used) == (count,) * 4
        return counted and self.numbers == list(range(1, count + 1))


async def submit_at_once(address: str) -> Outcome:
    """Let several relays take in batches for one mailbox, through one lane, at the same time."""
    stores = [PostgresStore(address) for _ in range(RELAYS)]
    world._found_agency(stores[0])
    relays = [
        assemble(
            read_settings({}, {}),
            store=store,
            clock=world.FakeClock(),
            on_failure=lambda: None,
            log_key=KEY,
        )
        for store in stores
    ]

    async def send(at: int) -> int:
        accepted = 0
        for number in range(at * BATCHES, (at + 1) * BATCHES):
            record = world._record(number, EnvelopeClass.FLASH)
            with suppress(Exception):  # whatever it was, this batch was not taken
                accepted += await relays[at].ingest.submit(world.CAPABILITY, [record], body_bytes=0)
        return accepted

    accepted = sum(await asyncio.gather(*(send(at) for at in range(RELAYS))))
    lane = (world.AGENCY, iso_week(world.START), hash_capability(world.CAPABILITY))
    with stores[0].reading() as transaction:
        row = transaction.find_mailboxes([world.MAILBOX])[world.MAILBOX]
        (used,) = transaction.find_lanes([lane])
        numbers = [held.seq for held in transaction.envelopes_after(world.MAILBOX, 0, 1000)]
    for relay in relays:
        await asyncio.to_thread(relay.close)
    return Outcome(accepted, row.latest, row.waiting, used.used, numbers)


async def test_relays_that_write_at_once_leave_no_hole_and_lose_no_count(
    empty_postgres: str,
) -> None:
    outcome = await submit_at_once(empty_postgres)
    assert outcome.is_sound, outcome


async def test_control_without_the_writers_lock_numbers_and_counts_collide(
    empty_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, BEGIN, lambda: "BEGIN")
    outcome = await submit_at_once(empty_postgres)
    assert not outcome.is_sound


def run_at_once(address: str, work: Callable[[SqlTransaction, int], object]) -> list[object]:
    """Run a work in one transaction of each of several stores; give what came of each."""
    came: list[object] = []

    def run(at: int) -> None:
        store = PostgresStore(address)
        try:
            with store.writing() as transaction:
                came.append(work(transaction, at))
        except Exception as error:  # noqa: BLE001, it is what came of it
            came.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=run, args=(at,)) for at in range(RELAYS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came


def test_a_code_is_spent_at_one_relay_only(
    postgres_store: PostgresStore, empty_postgres: str
) -> None:
    code = add_code(postgres_store, now=world.START, entropy=bytes(16))
    came = run_at_once(
        empty_postgres,
        lambda transaction, _: transaction.spend_enrolment(hash_code(code), now=world.START),
    )
    assert sorted(map(str, came)) == ["False"] * (RELAYS - 1) + ["True"]


def grow_log(store: PostgresStore, address: str) -> int:
    """Let several relays append a leaf each at once; give the log's size, if it is sound."""
    start_log(store, KEY, bytes)

    def append(transaction: SqlTransaction, at: int) -> None:
        leaf = open_leaf(MANIFEST_LEAF, bytes([at]) * 16, bytes(32), bytes(32))
        time.sleep(0.05)
        append_leaf(transaction, KEY, leaf)

    run_at_once(address, append)
    start_log(store, KEY, bytes)  # which checks the tree
    with store.reading() as transaction:
        head = transaction.find_log_head()
    return 0 if head is None else head.size


def test_the_log_grows_by_every_leaf_of_every_relay(
    postgres_store: PostgresStore, empty_postgres: str
) -> None:
    assert grow_log(postgres_store, empty_postgres) == RELAYS


def test_control_without_the_writers_lock_leaves_are_lost(
    postgres_store: PostgresStore, empty_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, BEGIN, lambda: "BEGIN")
    assert grow_log(postgres_store, empty_postgres) < RELAYS


def begin_with_two_keys(store: PostgresStore) -> None:
    """Let two relays begin the empty log, each with a key of its own, and the first one append."""
    for key in (KEY, SigningKey(bytes(32))):
        start_log(store, key, bytes)
    with store.writing() as transaction:
        append_leaf(transaction, KEY, open_leaf(MANIFEST_LEAF, bytes(16), bytes(32), bytes(32)))


def test_two_relays_that_began_with_two_keys_sign_no_log_between_them(
    postgres_store: PostgresStore,
) -> None:
    with pytest.raises(StatementFailedError):
        begin_with_two_keys(postgres_store)


def test_control_without_asking_whose_log_it_is_both_would_sign(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_server.services.log:check_own", lambda *_: None)
    begin_with_two_keys(postgres_store)
    with postgres_store.reading() as transaction:
        head = transaction.find_log_head()
    assert head is not None
    assert head.size == 1


def test_a_nonce_that_one_relay_took_is_not_taken_again(
    postgres_store: PostgresStore, empty_postgres: str
) -> None:
    other = PostgresStore(empty_postgres)
    expires = world.START // HOUR * HOUR
    assert postgres_store.take_nonce(bytes(32), expires=expires)
    assert not other.take_nonce(bytes(32), expires=expires)
    other.close()
    with postgres_store.writing() as transaction:
        transaction.sweep(now=expires, oldest_week="2000-W01", limit=1)
    assert postgres_store.take_nonce(bytes(32), expires=expires)


def test_a_relay_that_hangs_while_it_writes_loses_its_turn(
    postgres_store: PostgresStore, empty_postgres: str
) -> None:
    """Whoever waits is told to come again; whoever hung finds that nothing was written."""
    hangs, goes_on = threading.Event(), threading.Event()
    came: list[BaseException] = []

    def hang() -> None:
        other = PostgresStore(empty_postgres)
        try:
            with other.writing() as transaction:
                transaction.add_enrolment(bytes(32), world.START)
                hangs.set()
                goes_on.wait()
        except StorageAwayError as error:
            came.append(error)
        other.close()

    thread = threading.Thread(target=hang)
    thread.start()
    hangs.wait()
    with pytest.raises(StorageBusyError), postgres_store.writing():
        pass

    def has_its_turn() -> bool:
        with suppress(StorageBusyError), postgres_store.writing() as transaction:
            return not transaction.spend_enrolment(bytes(32), now=0)
        return False

    wait_until(has_its_turn)
    goes_on.set()
    thread.join()
    assert len(came) == 1


def test_two_relays_with_a_wake_key_each_do_not_both_start(
    postgres_store: PostgresStore, empty_postgres: str, tmp_path: Path
) -> None:
    def find(name: str) -> bytes:
        options = {"database": empty_postgres, "wake_key": str(tmp_path / name)}
        return find_wake_key(read_settings(options, {}), postgres_store).reveal()

    assert find("first") == find("first")
    with pytest.raises(StartError, match="relay that shares this database"):
        find("second")
    # As where both began in one moment.
    (tmp_path / "second").write_text("A" * 43 + "\n")
    (tmp_path / "second").chmod(0o600)
    with pytest.raises(StartError, match="copies of one file"):
        find("second")
    (tmp_path / "second").write_bytes((tmp_path / "first").read_bytes())
    assert find("second") == find("first")
