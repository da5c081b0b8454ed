"""A mailbox without a socket: hello, poll, acknowledge.

Rules: the mailbox is the one of the device that signed. A poll is always answered with the same
number of bytes.

Spec: docs/spec/relay-protocol.md, "Without a socket".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from quietway_schemas.frames import (
    Ack,
    EnvelopeFrame,
    Hello,
    MailboxPage,
    Welcome,
    encode_control,
)
from quietway_server.api.auth import authenticate
from quietway_server.api.bodies import JSON, PAGE, read_after, read_body, refuse_body
from quietway_server.core.quota import CONTROL_BODY_BYTES

if TYPE_CHECKING:
    from starlette.requests import Request

    from quietway_server.services.relay import Relay

_MOST_ON_A_PAGE: Final = 6


class MailboxPoll:
    """The three requests of a mailbox.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def greet(self, request: Request) -> Response:
        """`POST /v1/mailbox/hello`: the hello as body, the welcome as answer."""
        body = await read_body(request, media_type=JSON, limit=CONTROL_BODY_BYTES)
        caller = await authenticate(self._relay, request, body=body)
        hello = Hello.from_body(body, max_bytes=CONTROL_BODY_BYTES)
        greeting = await self._relay.mailboxes.greet(
            caller.device, witness_now=hello.witness_now, witness_was=hello.witness_was
        )
        welcome = Welcome(
            latest=greeting.latest,
            acknowledged=greeting.acknowledged,
            now=greeting.now,
            witness="kept" if greeting.witness_kept else "changed",
        )
        return Response(encode_control(welcome), media_type=JSON)

    async def poll(self, request: Request) -> Response:
        """`GET /v1/mailbox?after=N`: a page of 16,384 bytes, whatever waits."""
        await refuse_body(request)
        caller = await authenticate(self._relay, request, body=None)
        fetched = await self._relay.mailboxes.fetch(
            caller.device, after=read_after(request), limit=_MOST_ON_A_PAGE
        )
        waiting = [EnvelopeFrame(e.seq, e.header, e.sealed) for e in fetched.envelopes]
        page = MailboxPage.fill(fetched.latest, self._relay.clock.now(), waiting)
        return Response(page.pack(), media_type=PAGE)

    async def acknowledge(self, request: Request) -> Response:
        """`POST /v1/mailbox/ack`: the ack frame as body."""
        body = await read_body(request, media_type=JSON, limit=CONTROL_BODY_BYTES)
        caller = await authenticate(self._relay, request, body=body)
        ack = Ack.from_body(body, max_bytes=CONTROL_BODY_BYTES)
        await self._relay.mailboxes.acknowledge(
            caller.device, through=ack.through, seqs=ack.seqs or ()
        )
        return Response(status_code=204)
