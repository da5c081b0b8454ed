"""The readers: many mailboxes at once, each on its socket, each acknowledging as the SDK does.

It reads a task as JSON, opens every socket with the signed upgrade that it was given, says hello on
all of them, and reads until each mailbox has come to its end. What the relay's CPU did from the
first hello to the last acknowledgement is told, and what memory the relay held before the sockets
and while all of them were open and idle.

Spec: docs/spec/relay-protocol.md, "The mailbox"; docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from dataclasses import asdict, dataclass

import uvloop
from bench.load.client import LoadError
from bench.load.websocket import BINARY, PING, PONG, TEXT, frame_of, read_frame
from bench.processes import cpu_seconds, resident_bytes

HEAD_END = b"\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 "
WITNESS_BYTES = 16
# As many as the SDK records in one commit before it acknowledges them.
ACKNOWLEDGED_AT_ONCE = 32
SETTLING_SECONDS = 0.5
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ReadingTask:
    """What is asked: the requests that open the sockets, ready to be sent."""

    port: int
    pid: int
    upgrades: list[str]


@dataclass(frozen=True, slots=True)
class Read:
    """What was seen."""

    sockets: int
    envelopes: int
    seconds: float
    server_cpu_seconds: float
    resident_before: int
    resident_open: int

    def __str__(self) -> str:
        each = f", {self.server_cpu_us:,.1f} us of CPU each" if self.envelopes else ""
        return (
            f"{self.envelopes:,} envelopes on {self.sockets} sockets{each},"
            f" {self.socket_kib:,.1f} KiB a socket"
        )

    @property
    def server_cpu_us(self) -> float:
        """Microseconds of the relay's CPU for each envelope that was read and acknowledged."""
        return self.server_cpu_seconds * 1e6 / self.envelopes

    @property
    def socket_kib(self) -> float:
        """KiB that the relay grew by, for each socket."""
        return (self.resident_open - self.resident_before) / self.sockets / 1024


class Reader(asyncio.Protocol):
    """One mailbox, read to its end."""

    def __init__(self, upgrade: str) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self.count = 0
        self._upgrade = upgrade.encode("ascii")
        self._pending = b""
        self._latest = -1
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
            self._fail(f"The relay opened no mailbox: {head[:60]!r}")

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == BINARY:
            self.count += 1
            self._seqs.append(int.from_bytes(payload[1:9], "big"))
        elif opcode == TEXT:
            frame = json.loads(payload)
            if frame["frame"] != "welcome":
                self._fail(f"The relay said {frame}")
            self._latest = frame.get("latest", -1)
        elif opcode == PING:
            self._transport.write(frame_of(PONG, payload))
        self._acknowledge()

    def _acknowledge(self) -> None:
        at_end = self.count == self._latest
        if self._seqs and (at_end or len(self._seqs) == ACKNOWLEDGED_AT_ONCE):
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


async def run(task: ReadingTask) -> Read:
    """Open all sockets, read all mailboxes, and look at the relay before and after."""
    resident_before = resident_bytes(task.pid)
    readers = [Reader(upgrade) for upgrade in task.upgrades]
    loop = asyncio.get_running_loop()
    for reader in readers:
        await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", task.port)
        await reader.opened
    await asyncio.sleep(SETTLING_SECONDS)
    began, cpu_before = time.perf_counter(), cpu_seconds(task.pid)
    for reader in readers:
        reader.say_hello()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(reader.done for reader in readers))
    took = time.perf_counter() - began
    # The last acknowledgements are not answered: let the relay carry them out.
    await asyncio.sleep(SETTLING_SECONDS)
    read = Read(
        sockets=len(readers),
        envelopes=sum(reader.count for reader in readers),
        seconds=took,
        server_cpu_seconds=cpu_seconds(task.pid) - cpu_before,
        resident_before=resident_before,
        resident_open=resident_bytes(task.pid),
    )
    for reader in readers:
        reader.close()
    return read


def main() -> int:
    """Read the task, run it, print what was seen."""
    try:
        read = uvloop.run(run(ReadingTask(**json.load(sys.stdin))))
    except (LoadError, OSError, TimeoutError) as error:
        print(f"The readers did not come through: {error}")
        return 1
    print(json.dumps(asdict(read)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
