"""What PostgreSQL alone brings: one writer among processes, outages, what it must promise."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from alembic import command
from sqlalchemy import text
from tests.controls import without
from tests.postgres_server import FAST, GUARDED, IMMEDIATE, name_of
from tests.relay_process import run_relay, wait_until
from tests.server import test_services as world
from tests.server.test_mixing import make_arrival

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
    StorageFailedError,
)
from quietway_server.services.enrolment import add_code, hash_code
from quietway_server.services.log import append_leaf, open_leaf
from quietway_server.services.log_start import start_log
from quietway_server.settings import read_settings
from quietway_server.store.mixing import FIRST_FRESH
from quietway_server.store.postgres import PostgresStore
from quietway_server.store.postgres_database import make_engine
from quietway_server.store.upgrade import alembic_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection
    from tests.postgres_server import PostgresServer

    from quietway_server.store.sql_transaction import SqlTransaction

RELAYS, BATCHES = 3, 40
KEY = SigningKey(bytes(range(32)))
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
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


@pytest.fixture
def store(empty_postgres: str) -> Iterator[PostgresStore]:
    made = PostgresStore(empty_postgres)
    yield made
    made.close()


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


def test_a_code_is_spent_at_one_relay_only(store: PostgresStore, empty_postgres: str) -> None:
    code = add_code(store, now=world.START, entropy=bytes(16))
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
    store: PostgresStore, empty_postgres: str
) -> None:
    assert grow_log(store, empty_postgres) == RELAYS


def test_control_without_the_writers_lock_leaves_are_lost(
    store: PostgresStore, empty_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, BEGIN, lambda: "BEGIN")
    assert grow_log(store, empty_postgres) < RELAYS


def begin_with_two_keys(store: PostgresStore) -> None:
    """Let two relays begin the empty log, each with a key of its own, and the first one append."""
    for key in (KEY, SigningKey(bytes(32))):
        start_log(store, key, bytes)
    with store.writing() as transaction:
        append_leaf(transaction, KEY, open_leaf(MANIFEST_LEAF, bytes(16), bytes(32), bytes(32)))


def test_two_relays_that_began_with_two_keys_sign_no_log_between_them(
    store: PostgresStore,
) -> None:
    with pytest.raises(StatementFailedError):
        begin_with_two_keys(store)


def test_control_without_asking_whose_log_it_is_both_would_sign(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_server.services.log:check_own", lambda *_: None)
    begin_with_two_keys(store)
    with store.reading() as transaction:
        head = transaction.find_log_head()
    assert head is not None
    assert head.size == 1


def test_a_nonce_that_one_relay_took_is_not_taken_again(
    store: PostgresStore, empty_postgres: str
) -> None:
    other = PostgresStore(empty_postgres)
    expires = world.START // HOUR * HOUR
    assert store.take_nonce(bytes(32), expires=expires)
    assert not other.take_nonce(bytes(32), expires=expires)
    other.close()
    with store.writing() as transaction:
        transaction.sweep(now=expires, oldest_week="2000-W01", limit=1)
    assert store.take_nonce(bytes(32), expires=expires)


@pytest.mark.usefixtures("store")
def test_nonces_leave_no_trace_in_the_write_ahead_log(
    postgres_server: PostgresServer, shared_postgres: str
) -> None:
    kept = "SELECT relpersistence FROM pg_class WHERE relname = 'nonces'"
    assert postgres_server.sql(kept, database=name_of(shared_postgres)) == ["u"]


@pytest.mark.parametrize("how", [FAST, IMMEDIATE], ids=["fast", "immediate"])
def test_an_outage_is_told_as_such_and_passes_by_itself(
    store: PostgresStore, postgres_server: PostgresServer, how: int
) -> None:
    world._found_agency(store)
    postgres_server.stop(how)  # type: ignore[arg-type]  # one of the two signals
    for attempt in (store.writing, store.reading):
        with pytest.raises(StorageAwayError), attempt() as transaction:
            transaction.find_manifest(world.AGENCY)
    postgres_server.start()

    def is_back() -> bool:
        try:
            with store.reading() as transaction:
                return transaction.find_manifest(world.AGENCY) is not None
        except StorageAwayError:
            return False

    wait_until(is_back, seconds=15)
    with store.writing() as transaction:
        assert transaction.count_devices(world.AGENCY) == 1


def test_a_connection_that_was_cut_while_idle_is_made_anew_unnoticed(
    store: PostgresStore, postgres_server: PostgresServer, shared_postgres: str
) -> None:
    world._found_agency(store)
    postgres_server.sql(CUT.format(name_of(shared_postgres)))
    with store.writing() as transaction:
        assert transaction.count_devices(world.AGENCY) == 1


def test_what_was_written_before_the_connection_broke_is_undone(
    store: PostgresStore, postgres_server: PostgresServer, shared_postgres: str
) -> None:
    def break_off() -> None:
        with store.writing() as transaction:
            transaction.add_enrolment(bytes(32), world.START)
            postgres_server.sql(CUT.format(name_of(shared_postgres)))
            transaction.find_log_head()

    with pytest.raises(StorageAwayError):
        break_off()
    with store.writing() as transaction:
        assert not transaction.spend_enrolment(bytes(32), now=0)


@pytest.fixture
def lax(postgres_server: PostgresServer) -> Iterator[Callable[[str], None]]:
    """Take a promise of the server's away until the test is over."""

    def take(name: str) -> None:
        postgres_server.sql(f"ALTER SYSTEM SET {name} = off")
        postgres_server.sql("SELECT pg_reload_conf()")
        wait_until(lambda: postgres_server.sql(f"SHOW {name}") == ["off"])

    yield take
    postgres_server.sql("ALTER SYSTEM RESET ALL")
    postgres_server.sql("SELECT pg_reload_conf()")
    wait_until(lambda: postgres_server.sql("SHOW fsync") == ["on"])


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_database_that_could_lose_what_was_accepted_is_refused(
    lax: Callable[[str], None], shared_postgres: str, name: str
) -> None:
    lax(name)
    with pytest.raises(StartError, match=f"{name} is 'off'"):
        PostgresStore(shared_postgres)


def test_control_without_reading_back_it_would_be_served(
    lax: Callable[[str], None], shared_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trust(_: object) -> None:
        return

    lax("synchronous_commit")
    without(monkeypatch, "quietway_server.store.postgres_session:check_durable", trust)
    PostgresStore(shared_postgres).close()


def test_a_database_that_no_longer_promises_it_ends_the_relay(
    store: PostgresStore,
    lax: Callable[[str], None],
    postgres_server: PostgresServer,
    shared_postgres: str,
) -> None:
    lax("fsync")
    postgres_server.sql(CUT.format(name_of(shared_postgres)))
    with pytest.raises(StorageFailedError), store.writing():
        pass


def test_a_relay_that_hangs_while_it_writes_loses_its_turn(
    store: PostgresStore, empty_postgres: str
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
    with pytest.raises(StorageBusyError), store.writing():
        pass

    def has_its_turn() -> bool:
        with suppress(StorageBusyError), store.writing() as transaction:
            return not transaction.spend_enrolment(bytes(32), now=0)
        return False

    wait_until(has_its_turn)
    goes_on.set()
    thread.join()
    assert len(came) == 1


def test_two_relays_with_a_wake_key_each_do_not_both_start(
    store: PostgresStore, empty_postgres: str, tmp_path: Path
) -> None:
    def find(name: str) -> bytes:
        options = {"database": empty_postgres, "wake_key": str(tmp_path / name)}
        return find_wake_key(read_settings(options, {}), store).reveal()

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


def test_a_password_comes_from_a_file_and_is_shown_nowhere(
    postgres_server: PostgresServer, new_postgres: str, tmp_path: Path
) -> None:
    postgres_server.sql(f"CREATE ROLE {GUARDED} LOGIN SUPERUSER PASSWORD 'a-right-one'")
    kept = tmp_path / "password"
    kept.write_text("a-right-one\n")
    address = postgres_server.address(name_of(new_postgres), user=GUARDED)
    wrong = address.replace("@", ":a-wrong-one@")
    refused = run_relay("migrate", "--database", wrong)
    served = run_relay("migrate", "--database", wrong, "--database-password-file", str(kept))
    postgres_server.sql(f"DROP OWNED BY {GUARDED}", database=name_of(new_postgres))
    postgres_server.sql(f"DROP ROLE {GUARDED}")
    assert (refused.returncode, served.returncode) == (2, 0), served.stderr
    assert "does not let the relay in" in refused.stderr
    said = refused.stdout + refused.stderr + served.stdout + served.stderr
    assert "wrong" not in said
    assert "right-one" not in said


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "can't be reached"),
        ("postgresql://:x:y:z", "can't be read"),
        ("postgresql://nobody@127.0.0.1/none?sslmode=surely", "can't be read"),
        ("postgresql://nobody@127.0.0.1:1/none?sslmode=require", "can't be reached"),
    ],
)
def test_a_database_that_is_not_there_is_one_sentence(address: str, sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        PostgresStore(address)


def describe(connection: Connection) -> set[tuple[str, ...]]:
    """Give every column and index of a database."""
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable,"
        " coalesce(character_maximum_length, 0)::text FROM information_schema.columns"
        " WHERE table_schema = 'public'"
    )
    indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    rows = [tuple(row) for asked in (columns, indexes) for row in connection.execute(text(asked))]
    return {row for row in rows if row[0] != "alembic_version"}


async def look_at(address: str) -> set[tuple[str, ...]]:
    async with make_engine(address).connect() as connection:
        return await connection.run_sync(describe)


async def test_migrations_make_what_a_new_database_gets(
    postgres_server: PostgresServer, empty_postgres: str
) -> None:
    migrated = postgres_server.make_database()

    def begin_with_the_first(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")

    options = {"isolation_level": "READ COMMITTED"}
    async with make_engine(migrated).execution_options(**options).begin() as connection:
        await connection.run_sync(begin_with_the_first)
    for address in (empty_postgres, migrated):
        PostgresStore(address).close()
    found = [await look_at(address) for address in (empty_postgres, migrated)]
    postgres_server.drop_database(migrated)
    assert found[0] == found[1]


def numbers_by_seq(server: PostgresServer, address: str) -> dict[int, int]:
    rows = server.sql("SELECT seq, id FROM flash_envelopes", database=name_of(address))
    return {int(seq): int(number) for seq, number in (row.split("|") for row in rows)}


def test_numbers_of_rows_tell_no_order_before_or_after_mixing(
    store: PostgresStore, postgres_server: PostgresServer, shared_postgres: str
) -> None:
    world._found_agency(store)
    for seq in range(1, 21):
        with store.writing() as transaction:
            transaction.append([make_arrival(seq)])
    fresh = numbers_by_seq(postgres_server, shared_postgres)
    with store.writing() as transaction:
        assert transaction.mix(now=None, limit=200) == 20
    mixed = numbers_by_seq(postgres_server, shared_postgres)
    assert min(fresh.values()) >= FIRST_FRESH > max(mixed.values())
    for numbers in (fresh, mixed):
        in_order = [numbers[seq] for seq in sorted(numbers)]
        assert in_order not in (sorted(in_order), sorted(in_order, reverse=True))
    store.tidy()
