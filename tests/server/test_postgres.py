"""What PostgreSQL alone brings: outages, what it must promise, how it is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic import command
from sqlalchemy import text
from tests.controls import without
from tests.postgres_server import FAST, GUARDED, IMMEDIATE, name_of
from tests.relay_process import run_relay, wait_until
from tests.server import test_services as world
from tests.server.test_mixing import make_arrival

from quietway_server.errors import (
    StartError,
    StorageAwayError,
    StorageFailedError,
)
from quietway_server.store.mixing import FIRST_FRESH
from quietway_server.store.postgres import PostgresStore
from quietway_server.store.postgres_database import make_engine
from quietway_server.store.upgrade import alembic_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection
    from tests.postgres_server import PostgresServer


CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


@pytest.mark.usefixtures("postgres_store")
def test_nonces_leave_no_trace_in_the_write_ahead_log(
    postgres_server: PostgresServer, shared_postgres: str
) -> None:
    kept = "SELECT relpersistence FROM pg_class WHERE relname = 'nonces'"
    assert postgres_server.sql(kept, database=name_of(shared_postgres)) == ["u"]


@pytest.mark.parametrize("how", [FAST, IMMEDIATE], ids=["fast", "immediate"])
def test_an_outage_is_told_as_such_and_passes_by_itself(
    postgres_store: PostgresStore, postgres_server: PostgresServer, how: int
) -> None:
    world._found_agency(postgres_store)
    postgres_server.stop(how)  # type: ignore[arg-type]  # one of the two signals
    for attempt in (postgres_store.writing, postgres_store.reading):
        with pytest.raises(StorageAwayError), attempt() as transaction:
            transaction.find_manifest(world.AGENCY)
    postgres_server.start()

    def is_back() -> bool:
        try:
            with postgres_store.reading() as transaction:
                return transaction.find_manifest(world.AGENCY) is not None
        except StorageAwayError:
            return False

    wait_until(is_back, seconds=15)
    with postgres_store.writing() as transaction:
        assert transaction.count_devices(world.AGENCY) == 1


def test_a_connection_that_was_cut_while_idle_is_made_anew_unnoticed(
    postgres_store: PostgresStore, postgres_server: PostgresServer, shared_postgres: str
) -> None:
    world._found_agency(postgres_store)
    postgres_server.sql(CUT.format(name_of(shared_postgres)))
    with postgres_store.writing() as transaction:
        assert transaction.count_devices(world.AGENCY) == 1


def test_what_was_written_before_the_connection_broke_is_undone(
    postgres_store: PostgresStore, postgres_server: PostgresServer, shared_postgres: str
) -> None:
    def break_off() -> None:
        with postgres_store.writing() as transaction:
            transaction.add_enrolment(bytes(32), world.START)
            postgres_server.sql(CUT.format(name_of(shared_postgres)))
            transaction.find_log_head()

    with pytest.raises(StorageAwayError):
        break_off()
    with postgres_store.writing() as transaction:
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
    postgres_store: PostgresStore,
    lax: Callable[[str], None],
    postgres_server: PostgresServer,
    shared_postgres: str,
) -> None:
    lax("fsync")
    postgres_server.sql(CUT.format(name_of(shared_postgres)))
    with pytest.raises(StorageFailedError), postgres_store.writing():
        pass


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
    postgres_store: PostgresStore, postgres_server: PostgresServer, shared_postgres: str
) -> None:
    world._found_agency(postgres_store)
    for seq in range(1, 21):
        with postgres_store.writing() as transaction:
            transaction.append([make_arrival(seq)])
    fresh = numbers_by_seq(postgres_server, shared_postgres)
    with postgres_store.writing() as transaction:
        assert transaction.mix(now=None, limit=200) == 20
    mixed = numbers_by_seq(postgres_server, shared_postgres)
    assert min(fresh.values()) >= FIRST_FRESH > max(mixed.values())
    for numbers in (fresh, mixed):
        in_order = [numbers[seq] for seq in sorted(numbers)]
        assert in_order not in (sorted(in_order), sorted(in_order, reverse=True))
    postgres_store.tidy()
