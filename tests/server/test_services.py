"""The relay's rules of time and number, on a clock that the test holds."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controls import without

from quietway_crypto.lanes import hash_capability
from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.instants import DAY, HOUR, MINUTE, WEEK, iso_week, round_up_to_minute
from quietway_server.bootstrap import assemble
from quietway_server.core.nonces import NonceMemory
from quietway_server.core.retention import expiry_of, sendable_weeks
from quietway_server.delivery.local import LocalDelivery
from quietway_server.errors import RefusedError, StorageFailedError, StorageFullError
from quietway_server.rows import DeviceRow, ManifestRow, WeekRow
from quietway_server.services.enrolment import add_code, hash_code
from quietway_server.services.operating import Operating
from quietway_server.services.writer import Writer
from quietway_server.settings import read_settings
from quietway_server.store.memory import MemoryStore
from quietway_server.store.postgres import PostgresStore
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from quietway_server.ports import Store, Transaction
    from quietway_server.services.relay import Relay

START = 1_795_000_000_000
AGENCY, MAILBOX, CAPABILITY = b"a" * 16, b"m" * 16, b"c" * 32
DEVICE = DeviceRow(b"d" * 16, AGENCY, MAILBOX, b"i" * 32, b"l" * 32)


@dataclass
class FakeClock:
    """A clock that stands until it is moved."""

    time: int = START

    def now(self) -> int:
        return self.time


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    match request.param:
        case "memory":
            made: Store = MemoryStore()
        case "sqlite":
            made = SqliteStore(tmp_path / "r.db")
        case _:
            made = PostgresStore(request.getfixturevalue("empty_postgres"))
    _found_agency(made)
    yield made
    made.close()


def _open_memory() -> MemoryStore:
    made = MemoryStore()
    _found_agency(made)
    return made


def _found_agency(store: Store) -> None:
    with store.writing() as transaction:
        transaction.replace_manifest(
            ManifestRow(AGENCY, "HARBOR", 1, b"h" * 32, b"r" * 32, b"{}", b"s" * 64), [DEVICE]
        )
        for week in {iso_week(START + away * WEEK) for away in range(4)}:
            lane = [(hash_capability(CAPABILITY), "normal")]
            transaction.replace_week(AGENCY, week, WeekRow(1, b"w" * 32), lane)


def _assemble(store: Store, clock: FakeClock) -> Relay:
    return assemble(read_settings({}, {}), store=store, clock=clock, on_failure=lambda: None)


def _record(number: int, envelope_class: EnvelopeClass) -> SubmissionRecord:
    header = Header(
        envelope_class, 2, 7, MailboxId(MAILBOX), EnvelopeId(number.to_bytes(16, "big"))
    )
    return SubmissionRecord(header, bytes(32), bytes(envelope_class.sealed_bytes))


async def test_each_class_is_dropped_after_its_life_and_not_before(store: Store) -> None:
    clock = FakeClock()
    relay = _assemble(store, clock)
    records = [_record(1, EnvelopeClass.FLASH), _record(2, EnvelopeClass.CASE)]
    await relay.ingest.submit(CAPABILITY, records, body_bytes=0)
    seen = []
    for life in (96 * HOUR, 96 * HOUR + MINUTE, 30 * DAY, 30 * DAY + MINUTE):
        clock.time = START + life - 1
        await relay.sweeper.sweep()
        fetched = await relay.mailboxes.fetch(DEVICE, after=0, limit=9)
        seen.append([envelope.seq for envelope in fetched.envelopes])
    relay.writer.close()
    relay.reader.close()
    assert seen == [[1, 2], [2], [2], []]


async def _send_twice(store: Store, capability: bytes = CAPABILITY) -> int:
    relay = _assemble(store, FakeClock())
    try:
        for _ in range(2):
            await relay.ingest.submit(capability, [_record(1, EnvelopeClass.FLASH)], body_bytes=0)
        return (await relay.mailboxes.fetch(DEVICE, after=0, limit=9)).latest
    finally:
        relay.writer.close()
        relay.reader.close()


async def test_a_resent_envelope_is_stored_once(store: Store) -> None:
    assert await _send_twice(store) == 1


async def test_control_without_the_memory_of_what_came_it_would_be_stored_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(
        monkeypatch, "quietway_server.services.ingest:Ledger._is_repeated", lambda *_, **__: False
    )
    assert await _send_twice(_open_memory()) == 2


async def test_a_capability_that_opens_no_lane_stores_nothing(store: Store) -> None:
    with pytest.raises(RefusedError, match="not_found"):
        await _send_twice(store, b"x" * 32)


async def test_control_without_the_hash_of_the_capability_any_would_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(
        monkeypatch,
        "quietway_server.services.ingest:hash_capability",
        lambda _: hash_capability(CAPABILITY),
    )
    assert await _send_twice(_open_memory(), b"x" * 32) == 1


async def test_a_full_mailbox_has_room_again_after_its_envelopes_expired(store: Store) -> None:
    clock = FakeClock()
    relay = _assemble(store, clock)
    await relay.ingest.submit(CAPABILITY, [_record(1, EnvelopeClass.FLASH)], body_bytes=0)
    clock.time = START + 5 * DAY
    await relay.sweeper.sweep()
    with store.reading() as transaction:
        assert transaction.find_mailboxes([MAILBOX])[MAILBOX].waiting == 0
    relay.writer.close()
    relay.reader.close()


async def test_an_operator_sees_that_the_clock_was_put_back(store: Store) -> None:
    clock = FakeClock()
    relay = _assemble(store, clock)
    operating = Operating(relay, relay.heartbeats)
    seen = []
    for clock.time in (START, START + HOUR, START + MINUTE):
        text = (await operating.render()).decode("ascii")
        found = re.search(r"^quietway_clock_behind_seconds (\S+)$", text, re.MULTILINE)
        assert found is not None
        seen.append(float(found[1]))
    relay.writer.close()
    relay.reader.close()
    assert seen == [0.0, 0.0, 59 * 60.0]


def test_a_code_dies_after_72_hours(store: Store) -> None:
    code = add_code(store, now=START, entropy=b"e" * 16)
    assert len(code) == 26
    with store.writing() as transaction:
        late = START + 72 * HOUR + MINUTE
        assert not transaction.spend_enrolment(hash_code(code), now=late)
    code = add_code(store, now=START, entropy=b"f" * 16)
    with store.writing() as transaction:
        assert transaction.spend_enrolment(hash_code(code), now=START + 72 * HOUR - MINUTE)


@given(st.integers(min_value=0, max_value=2**50))
@settings(max_examples=200, deadline=None)
def test_a_time_at_rest_is_the_next_whole_minute(instant: int) -> None:
    rounded = round_up_to_minute(instant)
    assert rounded % MINUTE == 0
    assert 0 <= rounded - instant < MINUTE
    assert expiry_of(EnvelopeClass.FLASH, now=instant) >= instant + EnvelopeClass.FLASH.life_ms


def test_two_weeks_are_open_for_two_hours_around_midnight_of_monday() -> None:
    monday = (START // DAY) * DAY
    while iso_week(monday) == iso_week(monday - DAY):
        monday += DAY
    assert len(sendable_weeks(now=monday - 2 * HOUR)) == 2
    assert len(sendable_weeks(now=monday + 2 * HOUR - 1)) == 2
    assert sendable_weeks(now=monday - 2 * HOUR - 1) == {iso_week(monday - DAY)}
    assert sendable_weeks(now=monday + 2 * HOUR) == {iso_week(monday)}


def test_a_nonce_is_taken_once_even_when_the_memory_overflows() -> None:
    memory = NonceMemory(window_seconds=7200, limit=100)
    for number in range(150):
        memory.remember(f"n{number}", signer="d", created=1000 + number, now_seconds=1000)
    for number in range(150):
        with pytest.raises(RefusedError):
            memory.remember(f"n{number}", signer="d", created=1000 + number, now_seconds=1000)
    assert len(memory) == 100
    memory.remember("new", signer="d", created=2000, now_seconds=1000)


def test_without_the_memory_of_nonces_a_replay_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above."""
    without(monkeypatch, "quietway_server.core.nonces:NonceMemory.remember", lambda *_, **__: None)
    memory = NonceMemory(window_seconds=7200)
    for _ in range(2):
        memory.remember("n", signer="d", created=1000, now_seconds=1000)


def test_nonces_are_forgotten_when_their_signatures_are_too_old() -> None:
    memory = NonceMemory(window_seconds=7200)
    memory.remember("old", signer="d", created=1000, now_seconds=1000)
    memory.remember("new", signer="d", created=9000, now_seconds=9000)
    assert len(memory) == 1


def test_a_device_that_fills_the_memory_of_nonces_harms_itself_alone() -> None:
    memory = NonceMemory(window_seconds=7200, limit=1000, share=100)
    memory.remember("first", signer="quiet", created=5000, now_seconds=5000)
    for number in range(5000):
        memory.remember(f"n{number}", signer="loud", created=5001 + number, now_seconds=5000)
    assert len(memory) == 101
    assert len(memory._by_age) <= 2000
    # What was pushed out is not taken again, and neither is what is as old.
    for nonce, created in (("n4000", 9001), ("fresh", 9001)):
        with pytest.raises(RefusedError):
            memory.remember(nonce, signer="loud", created=created, now_seconds=5000)
    # The others lose nothing: an old one is still known, a new one of an old time is taken.
    with pytest.raises(RefusedError):
        memory.remember("first", signer="quiet", created=5000, now_seconds=5000)
    memory.remember("second", signer="quiet", created=5000, now_seconds=5000)


def test_control_without_a_share_one_device_has_the_requests_of_others_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nonces = "quietway_server.core.nonces:NonceMemory._keep_to_share"
    without(monkeypatch, nonces, lambda *_: None)
    memory = NonceMemory(window_seconds=7200, limit=1000, share=100)
    for number in range(5000):
        memory.remember(f"n{number}", signer="loud", created=5001 + number, now_seconds=5000)
    with pytest.raises(RefusedError, match="not_authenticated"):
        memory.remember("second", signer="quiet", created=5000, now_seconds=5000)


async def test_a_hint_that_comes_while_a_listener_is_busy_is_not_lost() -> None:
    delivery = LocalDelivery()
    with delivery.listen(MAILBOX) as hints:
        delivery.wake(MAILBOX, 1)
        delivery.wake(MAILBOX, 2)
        await asyncio.wait_for(hints.changed(), 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hints.changed(), 0.01)
        assert delivery.listeners(MAILBOX) == 1
    assert delivery.listeners(MAILBOX) == 0


async def test_a_broken_job_fails_alone_and_its_neighbours_are_stored(store: Store) -> None:
    writer = Writer(store, on_failure=lambda: None)

    def keep(witness: bytes) -> object:
        return lambda transaction: transaction.keep_witness(MAILBOX, witness, changed=False)

    def break_down(transaction: Transaction) -> None:
        transaction.keep_witness(MAILBOX, b"x" * 16, changed=False)
        raise ZeroDivisionError

    jobs = [writer.write(keep(b"1" * 16)), writer.write(break_down), writer.write(lambda _: 7)]  # type: ignore[arg-type]  # keep's work gives None
    results = await asyncio.gather(*jobs, return_exceptions=True)
    writer.close()
    assert isinstance(results[1], ZeroDivisionError)
    assert (results[0], results[2]) == (None, 7)
    with store.reading() as transaction:
        assert transaction.find_mailboxes([MAILBOX])[MAILBOX].witness == b"1" * 16


class Slow(deque[object]):
    """A queue whose taker always lets another thread go first."""

    def popleft(self) -> object:
        time.sleep(0.002)
        return super().popleft()


async def test_a_writer_that_ends_while_jobs_begin_does_each_of_them_once() -> None:
    writer, done = Writer(MemoryStore(), on_failure=lambda: None), []
    writer._waiting = Slow()  # type: ignore[assignment]  # it holds what the writer puts into it
    for number in range(10):
        writer.hand_in(
            lambda _, items: list(items), number, lambda result, error: done.append((result, error))
        )
    # The loop begins a group as soon as it is free, which it is while the other thread ends.
    await asyncio.to_thread(writer.close)
    await asyncio.sleep(0.05)
    assert sorted(done) == [(number, None) for number in range(10)]


async def test_after_a_failed_disk_nothing_is_tried_again(store: Store) -> None:
    ended = []
    writer = Writer(store, on_failure=lambda: ended.append(1))

    def fail(_: Transaction) -> None:
        raise StorageFailedError

    with pytest.raises(StorageFailedError):
        await writer.write(fail)
    with pytest.raises(StorageFailedError):
        await writer.write(lambda _: None)
    writer.close()
    assert ended == [1]


async def test_acknowledging_takes_the_reserve_when_the_disk_is_full(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "r.db")
    writer = Writer(store, on_failure=lambda: None)
    reserve = tmp_path / "r.db-reserve"
    assert reserve.stat().st_size == 16 * 1024 * 1024

    def fill(_: Transaction) -> None:
        if reserve.stat().st_size:
            raise StorageFullError

    with pytest.raises(StorageFullError):
        await writer.write(fill)
    await writer.write(fill, frees=True)
    assert reserve.stat().st_size == 0
    await writer.write(lambda _: None)  # room is back, and with it the reserve
    assert reserve.stat().st_size == 16 * 1024 * 1024
    writer.close()
    store.close()
