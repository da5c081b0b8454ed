"""F8: PostgreSQL restarts under load, has no place left, or loses the answer to a commit.

Two relays serve one database, and both are loaded. The database is stopped, politely or as by a
crash, and started again; the relays stay. What was accepted must come out, once, and the relays
must accept again soon after the database does. A commit whose answer was lost is the worst case: it
is made on purpose, by a commit that waits for a standby and is cut off. The control is a relay that
does not recognise what came before.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from random import Random
from typing import TYPE_CHECKING, Final

import asyncpg
import pytest
from tests.cluster import Cluster
from tests.controls import without
from tests.faults.account import Account
from tests.faults.counts import FIRST_SEED, IS_ALONE, trials
from tests.faults.readers import Readers
from tests.faults.relay_kills import going_on
from tests.faults.senders import Senders
from tests.postgres_server import FAST, IMMEDIATE, name_of
from tests.relay_process import wait_until
from tests.server import test_services as world
from tests.server.agency import join

from quietway_schemas.envelope import EnvelopeClass
from quietway_server.errors import StartError, StorageAwayError, StoreError
from quietway_server.store.postgres import PostgresStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.postgres_server import PostgresServer

    from quietway_server.services.relay import Relay

_ERROR: Final = re.compile(r'"error": "(\w+)"')
OUTAGE_SECONDS: Final = 15.0
PATIENCE_SECONDS: Final = 90.0
WINDOW_SECONDS: Final = 0.3
# What a relay says while its database is away.
_AWAY: Final = frozenset({"503", "storage_failed", "overloaded"})
_OPTIONS: Final = {"lane_envelopes": "1000000000", "mailbox_envelopes": "1000000000"}
_STANDBY: Final = "ALTER SYSTEM SET synchronous_standby_names = '{}'"
_CUT: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = '{}' AND wait_event = 'SyncRep'"
)


@pytest.mark.requirement("A51")
async def test_a_database_that_restarts_under_load_costs_time_and_nothing_else(
    postgres_server: PostgresServer,
    new_postgres: str,
    folder: Path,
    report: Callable[[str], None],
) -> None:
    """A51: a fluctuating network costs time, never a message."""
    account, outages = Account(), []
    moments = Random(f"{FIRST_SEED} moments")
    with Cluster(folder, new_postgres, options=_OPTIONS) as cluster:
        heard = join(cluster.two.url, cluster.enroll(), 2 * FIRST_SEED)
        polled = join(cluster.one.url, cluster.enroll(), 2 * FIRST_SEED + 1)
        senders = [
            Senders(relay.port, (heard, heard, polled), account, FIRST_SEED, patience=_AWAY)
            for relay in cluster.relays
        ]
        readers = Readers(
            cluster.one.port, heard, polled, account, FIRST_SEED, patience=frozenset({503})
        )
        async with going_on(readers.listen(), readers.poll()):
            sending = [each.send(number) for each in senders for number in (0, 1)]
            async with going_on(*sending):
                for number in range(trials("F8")):
                    await _wait_for_answers(senders)
                    await asyncio.sleep(moments.uniform(0, WINDOW_SECONDS))
                    await asyncio.to_thread(postgres_server.stop, (FAST, IMMEDIATE)[number % 2])
                    await asyncio.sleep(moments.uniform(0, WINDOW_SECONDS))
                    await asyncio.to_thread(postgres_server.start)
                    begun = time.monotonic()
                    await _wait_for_answers(senders)
                    outages.append(time.monotonic() - begun)
            with suppress(TimeoutError):
                await asyncio.wait_for(readers.read_to_the_end(), PATIENCE_SECONDS)
        broken = {name: count for name, count in account.judge().items() if count}
        told = Counter(_ERROR.findall("".join(relay.output for relay in cluster.relays)))
    figures = (
        f"{trials('F8')} restarts, {account.cut_off} submissions cut off;"
        f" {len(account.accepted)} envelopes accepted; broken: {broken or 'nothing'};"
        f" refused: {dict(account.refused)}, errors told: {dict(told)};"
        f" accepting again after {max(outages):.1f} s at most"
    )
    report(figures)
    assert not broken, figures
    assert max(outages) <= OUTAGE_SECONDS or not IS_ALONE, figures


async def _wait_for_answers(senders: list[Senders]) -> None:
    """Wait until both relays have accepted something from now on."""
    for each in senders:
        each.answered.clear()
    for each in senders:
        await asyncio.wait_for(each.answered.wait(), PATIENCE_SECONDS)


@pytest.fixture
def store(empty_postgres: str) -> Iterator[PostgresStore]:
    made = PostgresStore(empty_postgres)
    world._found_agency(made)
    yield made
    made.close()


@contextmanager
def late_commits(server: PostgresServer) -> Iterator[None]:
    """Let each commit wait, once it is durable here, for a standby that is not there."""

    def name(standby: str) -> None:
        server.sql(_STANDBY.format(standby))
        server.sql("SELECT pg_reload_conf()")
        wait_until(lambda: server.sql("SHOW synchronous_standby_names") == [standby])

    name("nobody")
    try:
        yield
    finally:
        name("")


async def _lose_the_answer(relay: Relay, server: PostgresServer, address: str) -> None:
    """Submit a batch whose commit is cut off when it is durable."""
    record = world._record(1, EnvelopeClass.FLASH)
    submitting = asyncio.ensure_future(
        relay.ingest.submit(world.CAPABILITY, [record], body_bytes=0)
    )
    cut = _CUT.format(name_of(address))
    while not submitting.done():
        await asyncio.to_thread(server.sql, cut)
        await asyncio.sleep(0.05)
    with pytest.raises(StorageAwayError):
        await submitting


async def _submit_again(relay: Relay, store: PostgresStore) -> int:
    """Hand the same batch over again; give how many envelopes wait."""
    record = world._record(1, EnvelopeClass.FLASH)
    await relay.ingest.submit(world.CAPABILITY, [record], body_bytes=0)
    with store.reading() as transaction:
        return transaction.find_mailboxes([world.MAILBOX])[world.MAILBOX].waiting


@asynccontextmanager
async def _serving(store: PostgresStore) -> AsyncIterator[Relay]:
    relay = world._assemble(store, world.FakeClock())
    try:
        yield relay
    finally:
        await asyncio.to_thread(relay.writer.close)
        relay.reader.close()


async def test_a_commit_whose_answer_was_lost_counts_once(
    store: PostgresStore,
    postgres_server: PostgresServer,
    shared_postgres: str,
) -> None:
    async with _serving(store) as relay:
        with late_commits(postgres_server):
            await _lose_the_answer(relay, postgres_server, shared_postgres)
        assert await _submit_again(relay, store) == 1


async def test_control_without_knowing_what_came_the_lost_answer_is_never_made_good(
    store: PostgresStore,
    postgres_server: PostgresServer,
    shared_postgres: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = "quietway_server.store.sql_transaction:SqlTransaction.find_seen"
    without(monkeypatch, known, lambda *_: {})
    async with _serving(store) as relay:
        with late_commits(postgres_server):
            await _lose_the_answer(relay, postgres_server, shared_postgres)
        with pytest.raises(StoreError):
            await _submit_again(relay, store)


@asynccontextmanager
async def _no_place_left(address: str) -> AsyncIterator[None]:
    """Take every connection that PostgreSQL still has to give."""
    async with AsyncExitStack() as stack:
        with suppress(asyncpg.TooManyConnectionsError):
            while True:
                held = await asyncpg.connect(address)
                stack.push_async_callback(held.close)
        yield


async def test_a_relay_does_not_start_where_no_place_is_left(
    postgres_server: PostgresServer, empty_postgres: str
) -> None:
    async with _no_place_left(postgres_server.address()):
        with pytest.raises(StartError, match="can't be reached"):
            PostgresStore(empty_postgres)
    PostgresStore(empty_postgres).close()


async def test_a_relay_that_lost_its_place_goes_on_when_there_is_one_again(
    store: PostgresStore, postgres_server: PostgresServer
) -> None:
    def look() -> int:
        with store.reading() as transaction:
            return transaction.count_devices(world.AGENCY)

    assert look() == 1
    postgres_server.stop(FAST)
    postgres_server.start()
    async with _no_place_left(postgres_server.address()):
        with pytest.raises(StorageAwayError):
            look()

    def is_back() -> bool:
        with suppress(StorageAwayError):
            return look() == 1
        return False

    wait_until(is_back, seconds=OUTAGE_SECONDS)
