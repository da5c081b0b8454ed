"""The clients of the load count what was accepted, however the bytes arrive, and fail aloud."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from bench.load.client import LoadError
from bench.load.http import HttpClient
from bench.load.nats import NatsClient
from bench.load.task import Task
from bench.load.websocket import BINARY, WebsocketClient, frame_of, read_frame
from bench.records import RECORD_BYTES, mailbox_of
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from quietway_schemas.envelope import unpack_records

if TYPE_CHECKING:
    from bench.load.client import LoadClient

MAILBOXES = [os.urandom(16).hex() for _ in range(5)]
CREATED = b'HTTP/1.1 201 Created\r\nContent-Length: 14\r\n\r\n{"accepted":2}'
OPENED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class Wire(asyncio.Transport):
    """What a client wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.ended


def connect(kind: type[LoadClient], batch: int = 2) -> tuple[LoadClient, Wire]:
    task = Task(
        kind="",
        port=7,
        pid=0,
        agencies=[MAILBOXES],
        lanes=["lane"],
        batch=batch,
        clients=1,
        supply=batch * 3,
        seconds=1,
        warm_seconds=0,
    )
    client, wire = kind(task, 0), Wire()
    client.connection_made(wire)
    return client, wire


def feed(client: LoadClient, data: bytes, *, size: int) -> None:
    for start in range(0, len(data), size):
        client.data_received(data[start : start + size])


def accepted(number: int) -> bytes:
    payload = b'{"frame":"accepted","through":%d}' % number
    return bytes([0x81, len(payload)]) + payload


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_request_is_answered_when_its_body_is_whole(size: int) -> None:
    client, wire = connect(HttpClient)
    client.send_next()
    for number in range(1, 4):
        assert len(wire.written) == number
        feed(client, CREATED, size=size)
        assert client.answered == 2 * number
    assert client.ended
    body = wire.written[0].partition(b"\r\n\r\n")[2]
    assert len({record.header.envelope_id for record in unpack_records(body)}) == 2


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_socket_counts_each_answer_once(size: int) -> None:
    client, wire = connect(WebsocketClient)
    feed(client, OPENED, size=size)
    await client.ready
    client.send_next()
    feed(client, accepted(1) + bytes([0x89, 2]) + b"ok" + accepted(2), size=size)
    assert client.answered == 4
    assert frame_of(0xA, b"ok") in wire.written


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_jetstream_is_counted_by_single_acknowledgements(size: int) -> None:
    client, wire = connect(NatsClient)
    feed(client, b"INFO {}\r\nPONG\r\n", size=size)
    await client.ready
    client.send_next()
    answer = b'{"stream":"S","seq":1}'
    one = b"MSG _INBOX.0 1 %d\r\n%s\r\n" % (len(answer), answer)
    feed(client, one + b"PING\r\n", size=size)
    assert (client.answered, len(client.latencies)) == (1, 0)
    feed(client, one, size=size)
    assert (client.answered, len(client.latencies)) == (2, 1)
    assert b"PONG\r\n" in wire.written


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (HttpClient, b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"),
        (WebsocketClient, OPENED + b"\x81\x13" + b'{"frame":"refused"}'),
        (NatsClient, b'PONG\r\nMSG _INBOX.0 1 11\r\n{"error":1}\r\n'),
    ],
)
async def test_a_refusal_ends_the_load(kind: type[LoadClient], answer: bytes) -> None:
    client, wire = connect(kind)
    client.data_received(answer)
    assert "refused" in client.failure
    assert wire.ended


async def test_a_socket_that_does_not_open_fails_before_the_window() -> None:
    client, _ = connect(WebsocketClient)
    client.data_received(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    with pytest.raises(LoadError, match="403 Forbidden"):
        await client.ready


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_are_those_of_the_standard(size: int) -> None:
    payload = os.urandom(size)
    server = Protocol(SERVER)
    server.receive_data(frame_of(BINARY, payload))
    assert server.events_received() == [Frame(Opcode.BINARY, payload)]
    answer = Frame(Opcode.BINARY, payload[:60_000]).serialize(mask=False)
    assert read_frame(answer + b"more") == (BINARY, payload[:60_000], b"more")
    assert read_frame(answer[:-1]) is None


async def test_a_batch_has_as_many_mailboxes_as_recipients() -> None:
    client, wire = connect(HttpClient, batch=5)
    client.send_next()
    body = wire.written[0].partition(b"\r\n\r\n")[2]
    records = [body[at : at + RECORD_BYTES] for at in range(0, len(body), RECORD_BYTES)]
    assert {mailbox_of(record).hex() for record in records} == set(MAILBOXES)
