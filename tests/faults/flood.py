"""Far more than a relay can take: senders without a pause, whoever they are, and alarms meanwhile.

A loud sender hands over the next batch as soon as the last was answered, on a kept connection or on
a new one each time, and never waits as it was told. An alarm is one submission on a connection of
its own through a lane of kind crisis. A guest of bad manners keeps connections, places and sockets
and says nothing. All of it is counted, and every acceptance is noted, to be looked for afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.server.agency import ENVELOPES, PARTNER

from quietway_crypto.encoding import encode_base64
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from tests.server.agency import Agency

_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_RETRY: Final = re.compile(rb"retry-after: (\d+)", re.IGNORECASE)
_AT_ONCE: Final = 500


@dataclass
class Tally:
    """What a flood came to.

    Attributes:
        answers: How often each status was answered; 0 where the connection ended instead.
        without_retry: How many refusals of 429, 503 or 507 did not say when to come back.
        accepted: (mailbox, envelope id) of everything that was answered with 201.
        seconds: How long each answer to an alarm took.
    """

    answers: Counter[int] = field(default_factory=Counter)
    without_retry: int = 0
    accepted: set[tuple[bytes, bytes]] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)

    def note(self, status: int, head: bytes) -> None:
        """Note an answer."""
        self.answers[status] += 1
        self.without_retry += status in {429, 503, 507} and _RETRY.search(head) is None


@dataclass
class Sender:
    """Hands over batches for one agency through one lane.

    Args:
        port: The relay's.
        agency: To whom.
        lane: The capability to show.
        tally: Where it is noted.
        keeps: Whether it keeps its connection.
    """

    port: int
    agency: Agency
    lane: bytes
    tally: Tally
    keeps: bool = False
    _ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def flood(self) -> None:
        """Send for ever."""
        try:
            while True:
                await self.send()
        finally:
            await self.close()

    async def send(self, *, count: int = 1) -> int:
        """Hand over one batch; give the status, or 0 where the connection ended."""
        records = [self.agency.record() for _ in range(count)]
        status = await self._ask(b"".join(record.pack() for record in records))
        if status == 201:
            self.tally.accepted.update(
                (record.header.mailbox.value, record.header.envelope_id.value) for record in records
            )
        return status

    async def _ask(self, body: bytes) -> int:
        fields = {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Type": ENVELOPES,
            "Quietway-Lane": encode_base64(self.lane),
            "Content-Length": str(len(body)),
        }
        status, head = 0, b""
        try:
            if self._ends is None:
                self._ends = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = self._ends
            writer.write(write_head("POST", "/v1/envelopes", fields) + body)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            status = int(head.split(b" ", 2)[1])
        except (OSError, EOFError):
            await self.close()
            await asyncio.sleep(0.01)
        finally:
            if not self.keeps:
                await self.close()
        self.tally.note(status, head)
        return status

    async def close(self) -> None:
        """Close what it kept."""
        ends, self._ends = self._ends, None
        if ends is not None:
            ends[1].close()
            with contextlib.suppress(OSError):
                await ends[1].wait_closed()


def write_head(method: str, path: str, fields: Mapping[str, str]) -> bytes:
    """Write the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", *[f"{n}: {v}" for n, v in fields.items()], "", ""]
    return "\r\n".join(lines).encode()


async def raise_alarms(port: int, agency: Agency, tally: Tally, *, times: int) -> None:
    """Raise alarms one after the other, each once, and clock each answer."""
    lane = agency.capability_for(PARTNER, kind="crisis")
    for _ in range(times):
        begun = time.monotonic()
        await Sender(port, agency, lane, tally).send()
        tally.seconds.append(time.monotonic() - begun)
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def meanwhile(*work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Let work go on until the context ends; what fails in it fails the context."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # what was closed is gone only then


async def come_true(condition: Callable[[], bool], *, seconds: float = 120.0) -> None:
    """Wait until something has come true, without holding anybody up."""
    end = time.monotonic() + seconds
    for _ in itertools.count():
        if condition():
            return
        assert time.monotonic() < end, "It did not come true in time."
        await asyncio.sleep(0.05)


class Guests:
    """Connections that only stand there.

    Args:
        port: The relay's.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: list[socket.socket] = []

    async def say(self, words: bytes, *, times: int) -> None:
        """Open connections, say this much on each, and keep them."""
        for _ in range(times):
            guest = socket.socket()
            guest.setblocking(False)
            self._kept.append(guest)
            with contextlib.suppress(OSError):
                loop = asyncio.get_running_loop()
                await loop.sock_connect(guest, ("127.0.0.1", self._port))
                # What is not taken at once is not said: nobody waits for a guest.
                guest.send(words)

    async def storm(self, words: Callable[[], bytes], *, at_most: int) -> None:
        """Open connections for ever, say something on each, and keep the newest of them."""
        while True:
            await self.say(words(), times=1)
            while len(self._kept) > at_most:
                self._kept.pop(0).close()
            await asyncio.sleep(0.005)

    def leave(self) -> None:
        """Close all."""
        for guest in self._kept:
            guest.close()


def count_lost(database: Path, accepted: set[tuple[bytes, bytes]]) -> int:
    """Count what was accepted and is not in the store. The relay must have ended."""
    store = SqliteStore(database)
    keys = sorted(accepted)
    try:
        with store.reading() as transaction:
            return sum(
                len(keys[at : at + _AT_ONCE]) - len(transaction.find_seen(keys[at : at + _AT_ONCE]))
                for at in range(0, len(keys), _AT_ONCE)
            )
    finally:
        store.close()


def resident_mib(pid: int) -> float:
    """Read how much memory a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0
