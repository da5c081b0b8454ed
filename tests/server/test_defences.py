"""Each defence of the relay beside its control: with the defence off, the attack succeeds."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, update
from starlette.responses import Response
from tests.controls import without
from tests.faults.answers_first import COMMIT, answering_first
from tests.server import test_services as world
from tests.server.agency import CLIENT, JSON, PARTNER, Agency, problem_code
from tests.server.in_process import InProcessRelay
from websockets.exceptions import ConnectionClosed

from quietway_crypto.signing import SigningKey
from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.errors import EnvelopeError
from quietway_schemas.frames import MailboxPage
from quietway_schemas.ids import DeviceId, EnvelopeId, MailboxId
from quietway_schemas.instants import DAY, HOUR, MINUTE
from quietway_server.api.app import Door
from quietway_server.errors import (
    RefusedError,
    StatementFailedError,
    StorageFailedError,
    StorageFullError,
    StoreError,
)
from quietway_server.log import log_event
from quietway_server.rows import Arrival, DeviceRow, ManifestRow
from quietway_server.services.mailbox import Fetched
from quietway_server.services.sweeper import Sweeper
from quietway_server.services.writer import Writer
from quietway_server.store.memory import MemoryStore
from quietway_server.store.sqlite import SqliteStore
from quietway_server.store.tables import feed, flash_envelopes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import Message, Receive, Scope, Send

    from quietway_server.ports import Store, Transaction
    from quietway_server.services.jobs import Job
    from quietway_server.services.reader import Reader

CANARY = "canary-4f1d-quietly"


@pytest.fixture
def here() -> Iterator[InProcessRelay]:
    with InProcessRelay().running() as relay:
        yield relay


def _read_as(thief: Agency, victim: Agency) -> tuple[int, int]:
    """Ask for a mailbox, and acknowledge all of it, in another device's name."""
    name = str(victim.device_id)
    headers = thief.signature("GET", "/v1/mailbox", key_id=name)
    read = CLIENT.get(thief.url + "/v1/mailbox", headers=headers).status_code
    body = b'{"frame":"ack","through":9}'
    headers = thief.signature("POST", "/v1/mailbox/ack", body, key_id=name)
    url = thief.url + "/v1/mailbox/ack"
    answer = CLIENT.post(url, content=body, headers={**headers, "Content-Type": JSON})
    return read, answer.status_code


def _waiting(agency: Agency) -> int:
    return len(MailboxPage.unpack(agency.get("/v1/mailbox").content).entries)


def test_a_device_neither_reads_nor_empties_the_mailbox_of_another(here: InProcessRelay) -> None:
    thief, victim = here.new_agency(), here.new_agency()
    victim.submit(victim.capability_for(PARTNER), victim.record())
    assert _read_as(thief, victim) == (401, 401)
    assert _waiting(victim) == 1


def test_control_without_the_signature_it_would_do_both(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    thief, victim = here.new_agency(), here.new_agency()
    victim.submit(victim.capability_for(PARTNER), victim.record())
    without(
        monkeypatch, "quietway_protocol.request_signature:_Sodium.verify", lambda *_, **__: None
    )
    assert _read_as(thief, victim) == (200, 204)
    assert _waiting(victim) == 0


def _hand_over(agency: Agency) -> int:
    """Give the mailbox to another device while the first one listens; tell what it still hears."""
    with agency.open_socket() as socket:
        agency.greet(socket)
        successor = agency.certificate(
            device_id=DeviceId(agency.draw(16)), identity_key=SigningKey(agency.draw(32)).public
        )
        assert agency.publish_manifest(devices=(successor,)).status_code == 204
        agency.submit(agency.capability_for(PARTNER), agency.record())
        heard = 0
        try:
            while isinstance(socket.recv(timeout=1), bytes):
                heard += 1
        except (ConnectionClosed, TimeoutError):
            pass
        return heard


def test_a_device_whose_mailbox_went_to_another_hears_nothing_more(here: InProcessRelay) -> None:
    assert _hand_over(here.new_agency()) == 0


def test_control_without_asking_again_who_reads_it_would_hear_on(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_server.services.mailbox:is_certified", lambda *_: True)
    assert _hand_over(here.new_agency()) == 1


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1"])
def test_a_name_that_a_page_could_have_rebound_is_not_served(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    assert problem_code(CLIENT.get(here.url + "/healthz", headers={"Host": host})) == "not_found"
    without(monkeypatch, "quietway_server.api.app:Door._check", lambda *_: None)
    control = CLIENT.get(here.url + "/healthz", headers={"Host": host})
    assert control.status_code == 200


def test_a_duplicate_key_is_refused_and_changes_nothing(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency = here.new_agency()
    agency.submit(agency.capability_for(PARTNER), agency.record())
    raw = b'{"frame":"ack","through":0,"through":1}'

    def acknowledge() -> int:
        headers = {"Content-Type": JSON, **agency.signature("POST", "/v1/mailbox/ack", raw)}
        url = agency.url + "/v1/mailbox/ack"
        return CLIENT.post(url, content=raw, headers=headers).status_code

    assert (acknowledge(), _waiting(agency)) == (400, 1)
    without(monkeypatch, "quietway_schemas.fields:decode_strict", lambda raw, **_: json.loads(raw))
    assert (acknowledge(), _waiting(agency)) == (204, 0)


async def _seen_after(life_ms: int) -> list[int]:
    """Keep one envelope of each class for a time; tell which are there after a sweep."""
    clock = world.FakeClock()
    relay = world._assemble(world._open_memory(), clock)
    records = [world._record(1, EnvelopeClass.FLASH), world._record(2, EnvelopeClass.CASE)]
    await relay.ingest.submit(world.CAPABILITY, records, body_bytes=0)
    clock.time += life_ms
    await relay.sweeper.sweep()
    fetched = await relay.mailboxes.fetch(world.DEVICE, after=0, limit=9)
    relay.close()
    return [envelope.seq for envelope in fetched.envelopes]


async def test_what_has_expired_goes_and_what_has_not_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = 96 * HOUR + MINUTE
    assert await _seen_after(life) == [2]
    assert await _seen_after(life - 2 * MINUTE) == [1, 2]
    without(monkeypatch, "quietway_server.services.ingest:expiry_of", lambda _, *, now: now)
    assert await _seen_after(MINUTE) == []


async def test_control_without_the_sweep_nothing_would_ever_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def leave(_: Sweeper) -> None: ...

    without(monkeypatch, "quietway_server.services.sweeper:Sweeper.sweep", leave)
    assert await _seen_after(60 * DAY) == [1, 2]


async def _holds_at_the_answer(folder: Path, committing: threading.Event) -> bool:
    """Submit; when the answer is there, look at the files as a killed process would leave them."""
    store = SqliteStore(folder / "r.db")
    world._found_agency(store)
    relay = world._assemble(store, world.FakeClock())
    record = world._record(1, EnvelopeClass.FLASH)
    await relay.ingest.submit(world.CAPABILITY, [record], body_bytes=0)
    left = folder / "left"
    _copy(folder, left)
    committing.set()
    await asyncio.to_thread(relay.close)
    after = SqliteStore(left / "r.db")
    with after.reading() as transaction:
        found = transaction.envelopes_after(world.MAILBOX, 0, 9)
    after.close()
    return [stored.sealed for stored in found] == [record.sealed]


def _copy(folder: Path, left: Path) -> None:
    left.mkdir()
    for path in folder.glob("r.db*"):
        shutil.copy(path, left / path.name)


async def test_what_is_answered_is_in_the_files_already(tmp_path: Path) -> None:
    assert await _holds_at_the_answer(tmp_path, threading.Event())


async def test_control_with_the_answer_before_the_commit_it_would_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committing = threading.Event()

    without(monkeypatch, COMMIT, answering_first(lambda: committing.wait(10)))
    assert not await _holds_at_the_answer(tmp_path, committing)


async def _break_a_rule(folder: Path) -> tuple[BaseException, list[int]]:
    """Let a job do what the tables forbid; give its error, and how often the process would end."""
    store, ended = SqliteStore(folder / "r.db"), []
    writer = Writer(store, on_failure=lambda: ended.append(1))

    def work(transaction: Transaction) -> None:
        connection = transaction._connection  # type: ignore[attr-defined]  # below the port
        connection.execute(insert(feed).values(id=1, latest_change=7))

    results = await asyncio.gather(
        writer.write(work), writer.write(lambda _: 7), return_exceptions=True
    )
    await asyncio.to_thread(writer.close)
    store.close()
    assert isinstance(results[0], BaseException)
    return results[0], ended


async def test_a_statement_that_breaks_a_rule_fails_alone_and_ends_nothing(tmp_path: Path) -> None:
    error, ended = await _break_a_rule(tmp_path)
    assert (type(error), ended) == (StatementFailedError, [])


async def test_control_taken_for_a_failed_disk_it_would_end_the_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch,
        "quietway_server.store.sqlite:as_store_error",
        lambda _: StorageFailedError(),
    )
    error, ended = await _break_a_rule(tmp_path)
    assert (type(error), ended) == (StorageFailedError, [1])


async def test_control_without_the_memory_of_a_failure_the_disk_would_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of `test_after_a_failed_disk_nothing_is_tried_again`."""

    def shrug(_: Writer, group: list[object], error: Exception) -> None:
        for job in group:
            job.error = error  # type: ignore[attr-defined]  # a private class

    without(monkeypatch, "quietway_server.services.writer:Writer._fail", shrug)
    writer = Writer(world._open_memory(), on_failure=lambda: None)

    def fail(_: Transaction) -> None:
        raise StorageFailedError

    with pytest.raises(StorageFailedError):
        await writer.write(fail)
    assert await writer.write(lambda _: 7) == 7
    await asyncio.to_thread(writer.close)


class UntidyStore(MemoryStore):
    """A store whose files can't be cleared."""

    def __init__(self, error: StoreError) -> None:
        super().__init__()
        self.error = error
        self.tried = 0

    def tidy(self) -> None:
        self.tried += 1
        raise self.error


async def _sweep_untidily(error: StoreError) -> tuple[bool, int, list[int]]:
    """Sweep a few times; tell whether sweeping ended, how often it tried, and what ended."""
    store, ended = UntidyStore(error), []
    writer = Writer(store, on_failure=lambda: ended.append(1))
    sweeper = Sweeper(writer, store, world.FakeClock())
    running = asyncio.ensure_future(sweeper.run(every_seconds=0.005))
    await asyncio.sleep(0.3)
    done = running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.to_thread(writer.close)
    return done, store.tried, ended


async def test_sweeping_goes_on_after_one_sweep_that_could_not_be_done() -> None:
    done, tried, ended = await _sweep_untidily(StorageFullError())
    assert (done, tried > 1, ended) == (False, True, [])


async def test_control_without_outliving_it_the_first_full_disk_would_end_all_sweeping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def sweep_until_one_fails(sweeper: Sweeper, *, every_seconds: float) -> None:
        while True:
            await asyncio.sleep(every_seconds)
            await sweeper.sweep()

    without(monkeypatch, "quietway_server.services.sweeper:Sweeper.run", sweep_until_one_fails)
    assert await _sweep_untidily(StorageFullError()) == (True, 1, [])


async def test_a_disk_that_fails_while_the_log_is_emptied_ends_the_relay_too() -> None:
    assert await _sweep_untidily(StorageFailedError()) == (True, 1, [1])


def _numbers_in_the_file(folder: Path) -> list[int]:
    """Store 60 envelopes in one commit; give their numbers in the order of their rows."""
    store = SqliteStore(folder / "r.db")
    world._found_agency(store)
    arrivals = [
        Arrival(world._record(seq, EnvelopeClass.FLASH), seq, bytes(32), world.START)
        for seq in range(1, 61)
    ]
    with store.writing() as transaction:
        transaction.append(arrivals)
    with store._engine.connect() as connection:
        rows = connection.execute(select(flash_envelopes.c.seq).order_by(flash_envelopes.c.id))
        numbers = [row.seq for row in rows]
    store.close()
    return numbers


def test_rows_of_a_commit_lie_in_no_order_of_arrival(tmp_path: Path) -> None:
    numbers = _numbers_in_the_file(tmp_path)
    assert numbers != sorted(numbers) == list(range(1, 61))


def test_control_without_shuffling_the_file_would_tell_what_came_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_server.store.sql_transaction:shuffle", lambda _: None)
    assert _numbers_in_the_file(tmp_path) == list(range(1, 61))


def test_a_log_that_cant_be_emptied_is_an_error_of_the_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "r.db")
    store.close()
    for path in tmp_path.glob("r.db*"):
        path.unlink()
    (tmp_path / "r.db").mkdir()
    with pytest.raises(StoreError):
        store.tidy()


async def _drive(door: Door, path: str) -> list[Message]:
    """Ask a door for an address with a body that never comes; give what it sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await door(_scope(path), receive, send)
    return sent


def _scope(path: str) -> Scope:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": CANARY.encode(),
        "headers": [(b"host", b"127.0.0.1:1"), (b"content-type", JSON.encode())],
    }


async def test_a_request_that_takes_too_long_gives_its_place_back() -> None:
    relay = world._assemble(MemoryStore(), world.FakeClock())
    app = FastAPI()

    async def wait(request: Request) -> None:
        await request.body()

    app.add_route("/wait", wait, methods=["POST"])
    door = Door(app, relay, port=1, seconds=0.05)
    start, body = await _drive(door, "/wait")
    assert (start["status"], door._places.taken) == (503, 0)
    assert b"overloaded" in body["body"]
    relay.close()


async def _read_slowly(*, seconds: float) -> int:
    """Ask for an answer and take nothing of its body; tell how many places that holds a bit later.

    Args:
        seconds: How long the door lets a request take.
    """
    relay = world._assemble(MemoryStore(), world.FakeClock())
    app = FastAPI()

    async def answer(_: Request) -> Response:
        return Response(bytes(100))

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    app.add_route("/answer", answer, methods=["POST"])
    door = Door(app, relay, port=1, seconds=seconds)
    reading = asyncio.ensure_future(door(_scope("/answer"), receive, send))
    await asyncio.wait([reading], timeout=0.3)
    places = door._places.taken
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    relay.close()
    return places


async def test_who_reads_an_answer_too_slowly_gives_the_place_back() -> None:
    assert await _read_slowly(seconds=0.05) == 0


async def test_control_without_the_deadline_a_slow_reader_keeps_a_place_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work_as_long_as_it_takes(
        door: Door, scope: Scope, receive: Receive, send: Send
    ) -> None:
        place = door._places.take(None)
        try:
            await door._app.router(scope, receive, send)
        finally:
            place.leave()

    without(monkeypatch, "quietway_server.api.app:Door._work", work_as_long_as_it_takes)
    assert await _read_slowly(seconds=0.05) == 1


async def _crash() -> list[Message]:
    """Ask for an address whose work ends in an error that quotes something; give what is sent."""
    relay = world._assemble(MemoryStore(), world.FakeClock())
    app = FastAPI()

    async def crash(_: Request) -> None:
        raise RuntimeError(CANARY)

    app.add_route("/crash", crash, methods=["POST"])
    try:
        return await _drive(Door(app, relay, port=1), "/crash")
    finally:
        relay.close()


async def test_an_error_that_nobody_expected_says_nothing_of_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    start, body = await _crash()
    assert start["status"] == 500
    assert CANARY.encode() not in body["body"]
    assert caplog.messages == ['{"event": "request_failed", "error": "RuntimeError"}']


async def test_control_without_the_last_resort_an_error_leaves_the_door_with_what_it_quotes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def let_it_out(_answer: object, error: Exception, *_: object) -> None:
        raise error

    without(monkeypatch, "quietway_server.api.app:_Answer.refuse", let_it_out)
    with pytest.raises(RuntimeError, match=CANARY):
        await _crash()


def test_the_log_has_no_free_text() -> None:
    with pytest.raises(ValueError, match="not on the list"):
        log_event("request_failed", detail=CANARY)


async def _read_beside_a_damaged_row(folder: Path) -> list[object]:
    """Read two mailboxes at once, one of which holds a row that nobody wrote like that."""
    other = DeviceRow(b"D" * 16, world.AGENCY, b"M" * 16, b"I" * 32, b"L" * 32)
    store = SqliteStore(folder / "r.db")
    world._found_agency(store)
    with store.writing() as transaction:
        manifest = ManifestRow(world.AGENCY, "HARBOR", 2, b"H" * 32, b"r" * 32, b"{}", b"s" * 64)
        transaction.replace_manifest(manifest, [world.DEVICE, other])
    relay = world._assemble(store, world.FakeClock())
    for device in (world.DEVICE, other):
        header = Header(EnvelopeClass.FLASH, 2, 7, MailboxId(device.mailbox), EnvelopeId(b"e" * 16))
        record = SubmissionRecord(header, bytes(32), bytes(EnvelopeClass.FLASH.sealed_bytes))
        await relay.ingest.submit(world.CAPABILITY, [record], body_bytes=0)
    with store.writing() as transaction:
        rows = flash_envelopes.c
        transaction._connection.execute(
            update(flash_envelopes).where(rows.mailbox == other.mailbox).values(suite=9)
        )
    found = await asyncio.gather(
        *(relay.mailboxes.fetch(device, after=0, limit=9) for device in (world.DEVICE, other)),
        return_exceptions=True,
    )
    await asyncio.to_thread(relay.close)
    return [len(each.envelopes) if isinstance(each, Fetched) else type(each) for each in found]


async def test_a_damaged_row_keeps_nobody_else_from_reading(tmp_path: Path) -> None:
    assert await _read_beside_a_damaged_row(tmp_path) == [1, EnvelopeError]


async def test_control_without_reading_each_alone_one_damaged_row_would_stop_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blame_all(_: Reader, group: list[Job], error: Exception) -> None:
        for job in group:
            job.error = error

    without(monkeypatch, "quietway_server.services.reader:Reader._read_each", blame_all)
    assert await _read_beside_a_damaged_row(tmp_path) == [EnvelopeError, EnvelopeError]


async def _take_half_a_batch(store: Store) -> int:
    """Submit a batch whose second record is a conflict; tell how far its mailbox has come."""
    relay = world._assemble(store, world.FakeClock())
    first, conflict = world._record(1, EnvelopeClass.FLASH), world._record(1, EnvelopeClass.CASE)
    try:
        with pytest.raises(RefusedError, match="conflict"):
            await relay.ingest.submit(world.CAPABILITY, [first, conflict], body_bytes=0)
        return (await relay.mailboxes.fetch(world.DEVICE, after=0, limit=9)).latest
    finally:
        await asyncio.to_thread(relay.writer.close)
        relay.reader.close()


async def test_a_batch_that_is_refused_at_its_second_record_leaves_no_first() -> None:
    assert await _take_half_a_batch(world._open_memory()) == 0


async def test_control_without_putting_back_half_a_batch_would_be_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_server.services.ingest:Ledger._put_back", lambda *_: None)
    assert await _take_half_a_batch(world._open_memory()) == 1


def test_rows_of_which_one_breaks_a_rule_leave_nothing_behind(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "r.db")
    world._found_agency(store)
    taken = [Arrival(world._record(n, EnvelopeClass.FLASH), 1, bytes(32), DAY) for n in (1, 2)]
    with pytest.raises(StatementFailedError), store.writing() as transaction:
        transaction.append(taken)
    with store.reading() as transaction:
        assert transaction.envelopes_after(world.MAILBOX, 0, 9) == []
        assert transaction.find_mailboxes([world.MAILBOX])[world.MAILBOX].latest == 0
    store.close()
