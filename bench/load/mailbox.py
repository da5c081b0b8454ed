"""A reader of one mailbox: it opens the socket, says hello, counts, and acknowledges.

Spec: docs/spec/relay-protocol.md, "The mailbox".
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from typing import TYPE_CHECKING, Final, TypeVar

from bench.load.client import LoadError
from bench.load.websocket import (
    BINARY,
    HEAD_END,
    PING,
    PONG,
    SWITCHED,
    TEXT,
    frame_of,
    read_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WITNESS_BYTES: Final = 16
# As many as the SDK records in one commit before it acknowledges them.
ACKNOWLEDGED_AT_ONCE: Final = 32


class Reader(asyncio.Protocol):
    """One mailbox.

    Args:
        upgrade: The signed request that opens its socket.
        at_once: How many envelopes are acknowledged together.

    Attributes:
        opened: Done when the socket is open.
        done: Done when all that waited at the hello was read.
        count: How many envelopes came.
        on_envelope: Called for each one.
    """

    def __init__(self, upgrade: str, *, at_once: int = ACKNOWLEDGED_AT_ONCE) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self.count = 0
        self.on_envelope: Callable[[], None] = lambda: None
        self._at_once = at_once
        self._upgrade = upgrade.encode("ascii")
        self._pending = b""
        self._waiting = -1
        self._seqs: list[int] = []
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream, as connected
        self._transport.write(self._upgrade)

    def say_hello(self) -> None:
        """Ask for everything."""
        witness = base64.urlsafe_b64encode(os.urandom(WITNESS_BYTES)).rstrip(b"=").decode()
        self._say({"after": 0, "frame": "hello", "witness_now": witness})

    def data_received(self, data: bytes) -> None:
        self._pending += data
        if not self.opened.done():
            self._open()
        while self.opened.done() and (frame := read_frame(self._pending)) is not None:
            opcode, payload, self._pending = frame
            self._take(opcode, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"The relay closed a mailbox socket ({exc}).")

    def close(self) -> None:
        self._transport.abort()

    def _open(self) -> None:
        head, found, rest = self._pending.partition(HEAD_END)
        if found and head.startswith(SWITCHED):
            self._pending = rest
            self.opened.set_result(None)
        elif found:
            self._fail(f"The relay opened no mailbox: {head[:60].splitlines()[0].decode()}")

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == BINARY:
            self.count += 1
            self._seqs.append(int.from_bytes(payload[1:9], "big"))
            self.on_envelope()
        elif opcode == TEXT:
            frame = json.loads(payload)
            if frame["frame"] != "welcome":
                self._fail(f"The relay said {frame}")
            self._waiting = frame.get("latest", 0) - frame.get("acknowledged", 0)
        elif opcode == PING:
            self._transport.write(frame_of(PONG, payload))
        self._acknowledge()

    def _acknowledge(self) -> None:
        at_end = self.count == self._waiting
        if self._seqs and (at_end or len(self._seqs) == self._at_once):
            self._say({"frame": "ack", "seqs": self._seqs})
            self._seqs = []
        if at_end and not self.done.done():
            self.done.set_result(None)

    def _say(self, frame: dict[str, object]) -> None:
        text = json.dumps(frame, separators=(",", ":"), sort_keys=True)
        self._transport.write(frame_of(TEXT, text.encode()))

    def _fail(self, sentence: str) -> None:
        for future in (self.opened, self.done):
            if not future.done():
                future.set_exception(LoadError(sentence))


_Reader = TypeVar("_Reader", bound=Reader)


async def open_readers(
    upgrades: list[str], port: int, *, at_once: int, kind: type[_Reader] = Reader
) -> list[_Reader]:
    """Open the sockets, one after the other."""
    readers = [kind(upgrade, at_once=at_once) for upgrade in upgrades]
    loop = asyncio.get_running_loop()
    for reader in readers:
        await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", port)
        await reader.opened
    return readers
