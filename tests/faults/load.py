"""Load on a relay at the level of the wire: senders without a pause, and two kinds of readers.

Senders hand over flash and case envelopes, single and in batches. One that was cut off hands the
same over again, as a client does, or gives up, so that both an unanswered batch's whole storage and
its whole absence are met. Readers acknowledge now and then, on a socket or by polling.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from tests.faults.line import CutOffError, Line, RelayAwayError
from tests.server.agency import ENVELOPES, JSON, PARTNER
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from quietway_crypto.encoding import encode_base64
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.frames import EnvelopeFrame, MailboxPage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.faults.account import Account
    from tests.server.agency import Agency
    from websockets.asyncio.client import ClientConnection

SENDERS: Final = 4
MOST_IN_A_BATCH: Final = 16
GIVEN_UP: Final = 0.25
AGAIN_SECONDS: Final = 0.01
_FAR: Final = 2**53 - 1


@dataclass
class Load:
    """What is done to one relay until it is cancelled.

    Args:
        port: The relay's.
        heard: The agency whose mailbox is read on a socket.
        polled: The agency whose mailbox is read by polling.
        account: Where everything is noted.
        seed: Decides what is sent.

    Attributes:
        answered: Set as soon as a submission was answered; whoever kills the relay clears it.
        came: Set whenever something has come out of a mailbox.
    """

    port: int
    heard: Agency
    polled: Agency
    account: Account
    seed: int
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        # Drawn once: the week of now stays good for two hours after its end.
        self._capabilities = {
            agency.device_id: agency.capability_for(PARTNER) for agency in (self.heard, self.polled)
        }

    async def send(self, number: int) -> None:
        """Send for ever."""
        draw = Random(f"{self.seed} sender {number}")
        async with _line(self.port) as line:
            while True:
                # A socket empties faster than polling does.
                agency = draw.choice((self.heard, self.heard, self.heard, self.polled))
                count = draw.choice((1, draw.randint(2, MOST_IN_A_BATCH)))
                classes = draw.choices(tuple(EnvelopeClass), weights=(3, 1), k=count)
                records = [agency.record(envelope_class) for envelope_class in classes]
                ids = self.account.offer(records)
                body = b"".join(record.pack() for record in records)
                if await self._hand_over(line, agency, body, draw):
                    self.account.accept(ids)
                    self.answered.set()

    async def _hand_over(self, line: Line, agency: Agency, body: bytes, draw: Random) -> bool:
        lane = encode_base64(self._capabilities[agency.device_id])
        headers = {"Content-Type": ENVELOPES, "Quietway-Lane": lane}
        while True:
            try:
                status, _ = await line.ask("POST", "/v1/envelopes", headers, body)
            except RelayAwayError:
                await asyncio.sleep(AGAIN_SECONDS)
            except CutOffError:
                self.account.cut_off += 1
                if draw.random() < GIVEN_UP:
                    return False
            else:
                self.account.refused.update([status] if status != 201 else [])
                return status == 201

    async def listen(self) -> None:
        """Read one mailbox on a socket for ever, and connect again whenever it breaks."""
        draw = Random(f"{self.seed} listener")
        while True:
            try:
                async with _open_socket(self.heard) as socket:
                    await self._read(socket, draw)
            except (OSError, EOFError, TimeoutError, WebSocketException):
                await asyncio.sleep(AGAIN_SECONDS)

    async def _read(self, socket: ClientConnection, draw: Random) -> None:
        await socket.send(json.dumps(self.heard.hello(now=self.heard.draw(16))))
        held: list[int] = []
        async for frame in socket:
            if not isinstance(frame, bytes):
                continue
            envelope = EnvelopeFrame.unpack(frame)
            self._arrive(envelope)
            held.append(envelope.seq)
            if draw.random() < 0.25:
                await socket.send(json.dumps({"frame": "ack", "seqs": held}))
                held = []

    async def look(self) -> None:
        """Poll the other mailbox for ever, and acknowledge what it shows."""
        async with _line(self.port) as line:
            while True:
                try:
                    page = await self._ask_page(line, 0)
                    if page.entries:
                        await self._acknowledge(line, [entry.seq for entry in page.entries])
                        continue
                except (RelayAwayError, CutOffError):
                    pass
                await asyncio.sleep(AGAIN_SECONDS)

    def _arrive(self, envelope: EnvelopeFrame) -> None:
        self.account.arrive(envelope.seq, envelope.header, envelope.sealed)
        self.came.set()

    async def all_came(self) -> None:
        """Return when everything has come out of both mailboxes. The relay must be there."""
        for agency in (self.heard, self.polled):
            async with _line(self.port) as line:
                page = await _poll(line, agency, _FAR)
                self.account.end(agency.mailbox.value, page.latest)
        while not self.account.is_complete:
            self.came.clear()
            await self.came.wait()

    async def _ask_page(self, line: Line, after: int) -> MailboxPage:
        page = await _poll(line, self.polled, after)
        for entry in page.entries:
            self._arrive(entry)
        return page

    async def _acknowledge(self, line: Line, seqs: Sequence[int]) -> None:
        path, body = "/v1/mailbox/ack", json.dumps({"frame": "ack", "seqs": seqs}).encode()
        headers = {"Content-Type": JSON, **self.polled.signature("POST", path, body)}
        status, _ = await line.ask("POST", path, headers, body)
        if status == 204:
            self.account.release(self.polled.mailbox.value, seqs)
        else:
            self.account.refused[status] += 1


async def _poll(line: Line, agency: Agency, after: int) -> MailboxPage:
    path = f"/v1/mailbox?after={after}"
    status, raw = await line.ask("GET", path, agency.signature("GET", path))
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


@asynccontextmanager
async def _line(port: int) -> AsyncIterator[Line]:
    line = Line(port)
    try:
        yield line
    finally:
        await line.close()
