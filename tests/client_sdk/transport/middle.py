"""What may stand between a client and a relay, as tiny servers: a tap, a proxy, a liar.

Each notes, for every connection that was made to it, the requests that came over it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

HEAD_END = b"\r\n\r\n"
FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 4\r\n"
    b"Connection: close\r\n\r\nno!\n"
)


@dataclass
class Request:
    """The head of one request."""

    line: str
    headers: dict[str, str]

    @property
    def is_upgrade(self) -> bool:
        return self.headers.get("upgrade", "").lower() == "websocket"


@dataclass
class Middle:
    """A server in the middle.

    Attributes:
        target: The port of the real relay on this machine.
        refuse_upgrades: Answer a websocket's upgrade as a stubborn firewall does.
        canned: Answer everything with this instead of passing it on.
        connections: The requests of each connection, in order.
    """

    target: int = 0
    refuse_upgrades: bool = False
    canned: bytes | None = None
    port: int = 0
    connections: list[list[Request]] = field(default_factory=list)

    @property
    def requests(self) -> list[Request]:
        return [request for connection in self.connections for request in connection]

    @contextlib.asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Middle]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self._writers:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        seen: list[Request] = []
        self.connections.append(seen)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._answer_all(reader, writer, seen)
        writer.close()
        self._tasks.discard(task)

    async def _answer_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: list[Request]
    ) -> None:
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while True:
            raw = await reader.readuntil(HEAD_END)
            request = parse(raw)
            seen.append(request)
            body = await reader.readexactly(int(request.headers.get("content-length", "0")))
            if self.canned is not None:
                writer.write(self.canned)
                await writer.drain()
                continue
            if self.refuse_upgrades and request.is_upgrade:
                writer.write(FORBIDDEN)
                await writer.drain()
                return
            if request.line.startswith("CONNECT "):
                upstream = await self._open_upstream()
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await pipe_both(reader, writer, *upstream)
                return
            if upstream is None:
                upstream = await self._open_upstream()
                back = asyncio.ensure_future(pipe(upstream[0], writer))
                self._tasks.add(back)
            upstream[1].write(to_origin_form(raw) + body)
            await upstream[1].drain()
            if request.is_upgrade:
                await pipe(reader, upstream[1])
                return

    async def _open_upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        upstream = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers.append(upstream[1])
        return upstream


def find_free_port() -> int:
    """Find a port that a server may take."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


def parse(raw: bytes) -> Request:
    line, *fields = raw.decode("latin-1").split("\r\n")
    pairs = (each.partition(":") for each in fields if each)
    return Request(line, {name.lower(): value.strip() for name, _, value in pairs})


def to_origin_form(raw: bytes) -> bytes:
    """Turn the request line that a proxy gets into the one that a server gets."""
    line, _, rest = raw.partition(b"\r\n")
    method, target, version = line.split(b" ")
    if target.startswith(b"http://"):
        target = b"/" + target.removeprefix(b"http://").partition(b"/")[2]
    return b" ".join([method, target, version]) + b"\r\n" + rest


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def pipe_both(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream_reader: asyncio.StreamReader,
    upstream_writer: asyncio.StreamWriter,
) -> None:
    back = asyncio.ensure_future(pipe(upstream_reader, writer))
    try:
        await pipe(reader, upstream_writer)
    finally:
        back.cancel()
        await asyncio.gather(back, return_exceptions=True)


def canned(status: str, body: bytes, *headers: str) -> bytes:
    """Write a whole answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + HEAD_END + body


@dataclass
class SocksProxy:
    """A SOCKS 5 proxy without passwords, which leads everything to one port of this machine."""

    target: int
    port: int = 0
    names: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[SocksProxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ends: list[asyncio.StreamWriter] = []
        try:
            yield self
        finally:
            server.close()
            for writer in self._ends:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.append(writer)
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        length = (await reader.readexactly(1))[0] if kind == 3 else 4
        self.names.append((await reader.readexactly(length)).decode("latin-1"))
        await reader.readexactly(2)
        upstream = await asyncio.open_connection("127.0.0.1", self.target)
        self._ends.append(upstream[1])
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        with contextlib.suppress(OSError):
            await pipe_both(reader, writer, *upstream)
