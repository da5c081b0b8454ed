"""Load on a relay at the level of the wire: one mailbox is read on a socket, one by polling.

Both acknowledge as they go: the socket's reader now and then, so that a kill finds envelopes that
were given out and not acknowledged; the other one each page, and it notes whether it was answered.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from tests.faults.line import AGAIN_SECONDS, CutOffError, Line, RelayAwayError, line_to
from tests.server.agency import JSON
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from quietway_schemas.frames import EnvelopeFrame, MailboxPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.account import Account
    from tests.server.agency import Agency
    from websockets.asyncio.client import ClientConnection

ACKNOWLEDGED: Final = 0.25
_FAR: Final = 2**53 - 1


@dataclass
class Readers:
    """Whoever reads.

    Args:
        port: The relay's.
        heard: The agency whose mailbox is read on a socket.
        polled: The agency whose mailbox is read by polling.
        account: Where everything is noted.
        seed: Decides when it is acknowledged.
        patience: Statuses after which it is asked again, as when a database is away.
    """

    port: int
    heard: Agency
    polled: Agency
    account: Account
    seed: int
    patience: frozenset[int] = frozenset()
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Read one mailbox on a socket for ever, and connect again whenever it breaks."""
        draw = Random(f"{self.seed} listener")
        while True:
            try:
                async with _open_socket(self.heard) as socket:
                    await self._read(socket, draw)
            except (OSError, EOFError, TimeoutError, WebSocketException):
                await asyncio.sleep(AGAIN_SECONDS)

    async def poll(self) -> None:
        """Poll the other mailbox for ever, and acknowledge what it shows."""
        async with line_to(self.port) as line:
            while True:
                try:
                    is_empty = not await self._take_page(line)
                except (RelayAwayError, CutOffError):
                    is_empty = True
                await asyncio.sleep(AGAIN_SECONDS if is_empty else 0)

    async def read_to_the_end(self) -> None:
        """Return when everything has come out of both mailboxes. The relay must be there.

        A batch whose sender gave up may be committed between the two questions, so they are asked
        until two rounds in a row agree: then there was a moment at which both answers held.
        """
        before, ends = None, await self._ask_ends()
        while before != ends:
            for mailbox, latest in ends.items():
                self.account.end(mailbox, latest)
            while not self.account.is_complete:
                self._came.clear()
                await self._came.wait()
            before, ends = ends, await self._ask_ends()

    async def _ask_ends(self) -> dict[bytes, int]:
        ends = {}
        for agency in (self.heard, self.polled):
            async with line_to(int(agency.url.rpartition(":")[2])) as line:
                page = await self._ask_until_told(line, agency)
                ends[agency.mailbox.value] = page.latest
        return ends

    async def _ask_until_told(self, line: Line, agency: Agency) -> MailboxPage:
        while True:
            try:
                return await _ask_page(line, agency, _FAR, self.patience)
            except CutOffError:
                if not self.patience:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)

    async def _read(self, socket: ClientConnection, draw: Random) -> None:
        await socket.send(json.dumps(self.heard.hello(now=self.heard.draw(16))))
        held: list[int] = []
        async for frame in socket:
            if not isinstance(frame, bytes):
                continue
            held.append(self._arrive(EnvelopeFrame.unpack(frame)))
            if draw.random() < ACKNOWLEDGED:
                await socket.send(json.dumps({"frame": "ack", "seqs": held}))
                held = []

    async def _take_page(self, line: Line) -> int:
        page = await _ask_page(line, self.polled, 0, self.patience)
        seqs = [self._arrive(entry) for entry in page.entries]
        if seqs:
            await self._acknowledge(line, seqs)
        return len(seqs)

    async def _acknowledge(self, line: Line, seqs: Sequence[int]) -> None:
        path, body = "/v1/mailbox/ack", json.dumps({"frame": "ack", "seqs": seqs}).encode()
        headers = {"Content-Type": JSON, **self.polled.signature("POST", path, body)}
        status, _ = await line.ask("POST", path, headers, body)
        if status == 204:
            self.account.release(self.polled.mailbox.value, seqs)
        elif status not in self.patience:
            self.account.refused[status] += 1

    def _arrive(self, envelope: EnvelopeFrame) -> int:
        self.account.arrive(envelope.seq, envelope.header, envelope.sealed)
        self._came.set()
        return envelope.seq


async def _ask_page(
    line: Line, agency: Agency, after: int, patience: frozenset[int] = frozenset()
) -> MailboxPage:
    path = f"/v1/mailbox?after={after}"
    status, raw = await line.ask("GET", path, agency.signature("GET", path))
    if status in patience:
        raise CutOffError
    assert status == 200, raw
    return MailboxPage.unpack(raw)


def _open_socket(agency: Agency) -> connect:
    return connect(
        "ws" + agency.url.removeprefix("http") + "/v1/mailbox",
        additional_headers=agency.signature("GET", "/v1/mailbox"),
        compression=None,
        proxy=None,
        ping_interval=None,
        close_timeout=0.2,
    )
