"""A herd: thousands of mailbox sockets of many devices in one process, which all drop at once.

Each comes back as the SDK does: after a pause that `quietway.pausing` draws, longer after each
failure, and not before the time that the relay told. The devices are written into the relay's file,
because certifying thousands would take longer than everything else. What thousands of machines sign
at once would take one machine seconds, so the first request after a drop is signed shortly before
it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.faults.flood import write_head
from tests.server.agency import now_ms

from quietway import pausing
from quietway.ambient import SystemEntropy
from quietway_crypto.encoding import encode_base64
from quietway_crypto.signing import SEED_BYTES, SigningKey
from quietway_protocol.request_signature import sign_request
from quietway_schemas.ids import DeviceId
from quietway_server.rows import DeviceRow, ManifestRow
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.server.agency import Agency

SOCKETS_OF_ONE: Final = 4
PATH: Final = "/v1/mailbox"
_RETRY: Final = re.compile(rb"retry-after: (\d+)", re.IGNORECASE)
_TEXT, _PING, _PONG = 0x1, 0x9, 0xA
_SHORT, _MEDIUM = 126, 127


class PeerAwayError(Exception):
    """The relay did not open the socket, or ended it.

    Args:
        told: In how many seconds it said to come back.
    """

    def __init__(self, told: float = 0.0) -> None:
        super().__init__()
        self.told = told


@dataclass
class Herd:
    """Sockets that come back.

    Args:
        url: The relay's address.
        devices: Who opens them, four each.

    Attributes:
        open_: Which of them are open and were greeted.
        pauses: How long each of them waited before an attempt.
        refused: How many attempts ended in a refusal, or in nothing.
        drops: How often all of them dropped.
    """

    url: str
    devices: list[tuple[DeviceId, SigningKey]]
    open_: set[int] = field(default_factory=set)
    pauses: list[float] = field(default_factory=list)
    refused: int = 0
    drops: int = 0

    def __post_init__(self) -> None:
        self.count = len(self.devices) * SOCKETS_OF_ONE
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._signed: dict[int, bytes] = {}
        self._entropy = SystemEntropy()

    async def live(self, number: int) -> None:
        """Be one of the sockets, for ever."""
        failures, told = 0, 0.0
        while True:
            pause = pausing.pause_after(failures, self._entropy, told=told)
            self.pauses.append(pause)
            await asyncio.sleep(pause)
            is_opened, told = await self._open(number)
            failures = 0 if is_opened else failures + 1

    def sign_ahead(self) -> None:
        """Sign the next request of each socket."""
        self._signed = {number: self._write_request(number) for number in range(self.count)}

    def drop_all(self) -> None:
        """Let all connections break at once."""
        self.pauses.clear()
        self.open_.clear()
        self.refused = 0
        self.drops += 1
        for writer in self._writers.values():
            writer.transport.abort()

    async def _open(self, number: int) -> tuple[bool, float]:
        """Open a socket and stay on it to its end; tell whether it ever was, and when to return."""
        drops, told = self.drops, 0.0
        try:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self._be_connected(number)
        except PeerAwayError as away:
            told = away.told
        is_opened = number in self.open_ or drops < self.drops
        self.open_.discard(number)
        self.refused += not is_opened
        return is_opened, told

    async def _be_connected(self, number: int) -> None:
        port = int(self.url.rpartition(":")[2])
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers[number] = writer
        try:
            async with asyncio.timeout(10):
                await self._greet(number, reader, writer)
            self.open_.add(number)
            while True:
                opcode, payload = await _read_frame(reader)
                if opcode == _PING:
                    writer.write(_frame(_PONG, payload))
        finally:
            del self._writers[number]
            writer.transport.abort()

    async def _greet(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(self._signed.pop(number, None) or self._write_request(number))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            told = _RETRY.search(head)
            raise PeerAwayError(float(told[1]) if told else 0.0)
        hello = {"frame": "hello", "after": 0, "witness_now": encode_base64(os.urandom(16))}
        writer.write(_frame(_TEXT, json.dumps(hello).encode()))
        _, welcome = await _read_frame(reader)
        if json.loads(welcome)["frame"] != "welcome":
            raise PeerAwayError

    def _write_request(self, number: int) -> bytes:
        device, key = self.devices[number // SOCKETS_OF_ONE]
        signed = sign_request(
            method="GET",
            url=self.url + PATH,
            body=None,
            key=key,
            key_id=str(device),
            created=now_ms() // 1000,
            nonce=encode_base64(os.urandom(16)),
        )
        fields = {
            "Host": self.url.removeprefix("http://"),
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            **signed,
        }
        return write_head("GET", PATH, fields)


@contextlib.asynccontextmanager
async def grazing(herd: Herd) -> AsyncIterator[None]:
    """Let a herd live until the context ends."""
    tasks = [asyncio.ensure_future(herd.live(number)) for number in range(herd.count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.1)


def certify(database: Path, agency: Agency, count: int) -> list[tuple[DeviceId, bytes]]:
    """Write devices into a relay's file, as if the agency's manifest certified them.

    Returns:
        Each device, and the seed of its key.
    """
    made = [(DeviceId(os.urandom(16)), os.urandom(SEED_BYTES)) for _ in range(count)]
    owner = agency.agency_id.value
    rows = [
        DeviceRow(device.value, owner, os.urandom(16), SigningKey(seed).public, os.urandom(32))
        for device, seed in made
    ]
    rows.append(
        DeviceRow(
            agency.device_id.value,
            owner,
            agency.mailbox.value,
            agency.identity.public,
            agency.listen.public,
        )
    )
    manifest = ManifestRow(owner, agency.code, 2, bytes(32), agency.root.public, b"{}", bytes(64))
    store = SqliteStore(database)
    try:
        with store.writing() as transaction:
            transaction.replace_manifest(manifest, rows)
    finally:
        store.close()
    return made


def _frame(opcode: int, payload: bytes) -> bytes:
    """Write a frame under the mask that changes nothing."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < _SHORT else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, size = await reader.readexactly(2)
    if size >= _SHORT:
        size = int.from_bytes(await reader.readexactly(2 if size < _MEDIUM else 8), "big")
    return first & 0xF, await reader.readexactly(size)
