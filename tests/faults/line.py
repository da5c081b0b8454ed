"""One connection that speaks just enough HTTP to load a relay, and knows what a kill cut off.

A client library would hide the one thing that matters here: whether a request had gone out when the
relay died. Nothing else is done: an answer is a status and a body of a known length.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

AGAIN_SECONDS: Final = 0.01
"""The pause before whoever found nobody, or nothing, asks again."""
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class RelayAwayError(Exception):
    """Nobody listens; nothing was sent."""


class CutOffError(Exception):
    """The request went out and no whole answer came."""


class Line:
    """A kept connection to the port of a relay on this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """Send a request; give the status and the body of its answer.

        Raises:
            RelayAwayError: Nobody listens.
            CutOffError: The connection broke before the whole answer was there.
        """
        reader, writer = await self._connect()
        fields = {**headers, "Host": f"127.0.0.1:{self._port}", "Content-Length": str(len(body))}
        lines = [f"{method} {path} HTTP/1.1", *[f"{n}: {v}" for n, v in fields.items()], "", ""]
        try:
            writer.write("\r\n".join(lines).encode() + body)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            answer = await reader.readexactly(int(length[1])) if length else b""
        except (OSError, EOFError):
            await self.close()
            raise CutOffError from None
        return int(head.split(b" ", 2)[1]), answer

    async def close(self) -> None:
        """Close the connection; closing twice is fine."""
        ends, self._ends = self._ends, None
        if ends is not None:
            ends[1].close()
            await asyncio.gather(ends[1].wait_closed(), return_exceptions=True)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._ends is not None and self._ends[0].at_eof():
            await self.close()
        if self._ends is None:
            try:
                self._ends = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                raise RelayAwayError from None
        return self._ends


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """Give a line that is closed in the end."""
    line = Line(port)
    try:
        yield line
    finally:
        await line.close()
