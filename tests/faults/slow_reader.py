"""A device that reads its mailbox socket one byte a second, and later at its own pace.

The backlog is written into the relay's file, as if it had been accepted while the device was away.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
from typing import TYPE_CHECKING, Final

from tests.faults.flood import write_head
from tests.server.agency import now_ms
from websockets.asyncio.client import connect

from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId
from quietway_server.core.retention import expiry_of
from quietway_server.core.soundness import hash_record
from quietway_server.rows import Arrival
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.server.agency import Agency

_AT_ONCE: Final = 1_000
_OF_A_SOCKET: Final = 200
_PATH: Final = "/v1/mailbox"


def fill(database: Path, agency: Agency, count: int) -> None:
    """Write a backlog, a piece at a time."""
    expires = expiry_of(EnvelopeClass.FLASH, now=now_ms())
    sealed = os.urandom(EnvelopeClass.FLASH.sealed_bytes)
    epoch = EnvelopeClass.FLASH.epoch_of(now_ms())
    store = SqliteStore(database)
    try:
        for at in range(0, count, _AT_ONCE):
            with store.writing() as transaction:
                numbers = range(at + 1, min(at + _AT_ONCE, count) + 1)
                records = [_record(agency, epoch, sealed) for _ in numbers]
                hashes = [hash_record(record) for record in records]
                transaction.append(
                    [
                        Arrival(record, seq, digest, expires)
                        for record, seq, digest in zip(records, numbers, hashes, strict=True)
                    ]
                )
    finally:
        store.close()


def _record(agency: Agency, epoch: int, sealed: bytes) -> SubmissionRecord:
    header = Header(EnvelopeClass.FLASH, 2, epoch, agency.mailbox, EnvelopeId(os.urandom(16)))
    return SubmissionRecord(header, bytes(32), sealed)


async def read_a_byte_a_second(agency: Agency) -> None:
    """Ask for everything, and read next to nothing of it, for ever: again when cut off."""
    while True:
        with socket.socket() as slow:
            slow.setblocking(False)
            # What the system would take in for a reader is taken in by nobody.
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            await _dawdle(agency, slow)


async def _dawdle(agency: Agency, slow: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    host, port = agency.url.removeprefix("http://").split(":")
    await loop.sock_connect(slow, (host, int(port)))
    fields = {
        "Host": f"{host}:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        **agency.signature("GET", _PATH),
    }
    hello = json.dumps(agency.hello(now=agency.draw(16))).encode()
    frame = b"\x81" + bytes([0x80 | len(hello)]) + bytes(4) + hello
    await loop.sock_sendall(slow, write_head("GET", _PATH, fields))
    await loop.sock_recv(slow, 256)
    await loop.sock_sendall(slow, frame)
    for _ in itertools.count():
        if not await loop.sock_recv(slow, 1):
            return
        await asyncio.sleep(1)


async def catch_up(agency: Agency, count: int) -> set[int]:
    """Read and acknowledge everything as the SDK does; give the numbers that came."""
    came: set[int] = set()
    async with connect(
        "ws" + agency.url.removeprefix("http") + _PATH,
        additional_headers=agency.signature("GET", _PATH),
        compression=None,
        proxy=None,
        max_size=None,
    ) as opened:
        await opened.send(json.dumps(agency.hello(now=agency.draw(16))))
        held: list[int] = []
        async for frame in opened:
            if not isinstance(frame, bytes):
                continue
            held.append(int.from_bytes(frame[1:9], "big"))
            came.add(held[-1])
            if len(held) == 32 or len(came) == count:
                await opened.send(json.dumps({"frame": "ack", "seqs": held}))
                held = []
            if len(came) == count:
                break
    return came


async def read_on(agency: Agency, count: Callable[[int], None]) -> None:
    """Read and acknowledge for ever, on one socket after the other; tell how many each brought."""
    while True:
        brought = len(await catch_up(agency, _OF_A_SOCKET))
        count(brought)
