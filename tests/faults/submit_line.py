"""Submitting sockets that load a relay, and know what a kill cut off: one for each lane.

Like `line`, and with its two errors: what counts is whether a batch had gone out when the relay
died.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.faults.line import CutOffError, RelayAwayError
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection


class SubmitLine:
    """Kept sockets to the port of a relay on this machine."""

    def __init__(self, port: int) -> None:
        self._address = f"ws://127.0.0.1:{port}/v1/submit"
        self._open: dict[str, ClientConnection] = {}

    async def submit(self, lane: str, batch: bytes) -> str:
        """Send one batch through a lane; give `accepted`, or the problem of a refusal.

        Raises:
            RelayAwayError: Nobody listens.
            CutOffError: The socket broke before the answer was there.
        """
        socket = await self._find(lane)
        try:
            await socket.send(batch)
            answer = json.loads(await socket.recv())
        except (OSError, WebSocketException):
            await self._open.pop(lane).close()
            raise CutOffError from None
        return str(answer.get("problem", answer["frame"]))

    async def close(self) -> None:
        """Close every socket."""
        while self._open:
            await self._open.popitem()[1].close()

    async def _find(self, lane: str) -> ClientConnection:
        if lane not in self._open:
            try:
                self._open[lane] = await connect(
                    self._address,
                    additional_headers={"Quietway-Lane": lane},
                    compression=None,
                    proxy=None,
                    close_timeout=0.1,
                )
            except (OSError, WebSocketException):
                raise RelayAwayError from None
        return self._open[lane]


@asynccontextmanager
async def submit_line_to(port: int) -> AsyncIterator[SubmitLine]:
    """Give a line whose sockets are closed in the end."""
    line = SubmitLine(port)
    try:
        yield line
    finally:
        await line.close()
