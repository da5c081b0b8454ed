"""The mailbox socket: the relay's end of a session, on a websocket.

Theory of operation: the upgrade is signed, so who reads is known before the socket opens. Then one
task sends what lies after the cursor, and waits for a hint when there is nothing or the window is
full; acknowledgements come in as calls. Truth is in the store: a hint only says when to look. A
peer that breaks a rule is told why and sent away with 1008. One that reads slowly is sent fewer at
a time, so that little of it waits in memory.

Spec: docs/spec/relay-protocol.md, "Websocket".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.websockets import WebSocket

from quietway_protocol.errors import RemoteProtocolError
from quietway_protocol.events import Acknowledged, HelloReceived
from quietway_protocol.session import MailboxSession
from quietway_protocol.states import Role
from quietway_server.api.auth import authenticate
from quietway_server.api.bodies import refuse_query
from quietway_server.api.sockets import Room, find_direct, send_away
from quietway_server.core.quota import BODY_SECONDS, BUSY_RETRY_SECONDS
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from quietway_protocol.events import Event
    from quietway_server.api.auth import Caller
    from quietway_server.ports import Subscription
    from quietway_server.services.relay import Relay


LEAST_AT_A_TIME: Final = 8
MOST_AT_A_TIME: Final = 64
"""How many envelopes are sent before one looks whether the peer reads them."""


class MailboxStream:
    """`GET /v1/mailbox`, upgraded.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._room = Room("mailbox", relay.settings.max_sockets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from its upgrade to its end."""
        socket = WebSocket(scope, receive, send)
        refuse_query(socket)
        caller = await authenticate(self._relay, socket, body=None, may_listen=True)
        mailbox = caller.device.mailbox
        if self._relay.delivery.listeners(mailbox) >= self._relay.settings.mailbox_sockets:
            raise RefusedError("over_quota", retry_after=BUSY_RETRY_SECONDS)
        with self._room.take(), self._relay.delivery.listen(mailbox) as hints:
            await _Connection(self._relay, socket, caller, hints).serve()


class _Connection:
    """One open socket."""

    def __init__(
        self, relay: Relay, socket: WebSocket, caller: Caller, hints: Subscription
    ) -> None:
        self._relay = relay
        self._socket = socket
        self._device = caller.device
        self._hints = hints
        self._direct = find_direct(socket)
        self._session = MailboxSession(Role.RELAY)
        self._listens_only = caller.listens_only
        self._hello: HelloReceived | None = None
        self._is_over = False
        self._error: BaseException | None = None
        self._at_a_time = MOST_AT_A_TIME // 2

    async def serve(self) -> None:
        """Serve until the peer leaves, or breaks a rule, or is sent away."""
        self._direct.hand_to(self._take, self._end)
        await self._socket.accept()
        try:
            if self._listens_only:
                await self._tell_latest()
            else:
                await self._greet()
                await self._send_envelopes()
        except Exception as error:  # noqa: BLE001, whatever it was, the peer is told in one form
            # After a breach the session says only its end: that it says no more is no new error.
            self._error = self._error or error
        if isinstance(self._error, Exception):
            await send_away(self._socket, self._error, self._session.send_closing)

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while self._hello is None and not self._is_over:
                    await self._hints.changed()
        except TimeoutError:
            raise RemoteProtocolError("No hello came.") from None
        if self._hello is None:
            return
        greeting = await self._relay.mailboxes.greet(
            self._device, witness_now=self._hello.witness_now, witness_was=self._hello.witness_was
        )
        welcome = self._session.send_welcome(
            latest=greeting.latest,
            acknowledged=greeting.acknowledged,
            now=greeting.now,
            witness_kept=greeting.witness_kept,
        )
        self._direct.say(welcome)

    async def _send_envelopes(self) -> None:
        while not self._is_over:
            fetched = await self._relay.mailboxes.fetch(
                self._device,
                after=self._session.last_seq,
                limit=min(self._session.room, self._at_a_time),
            )
            if fetched.envelopes:
                self._direct.say(
                    *(
                        self._session.send_envelope(
                            seq=stored.seq, header=stored.header, sealed=stored.sealed
                        )
                        for stored in fetched.envelopes
                    )
                )
                if self._direct.is_behind:
                    self._at_a_time = max(LEAST_AT_A_TIME, self._at_a_time // 2)
                    await self._direct.drained()
                else:
                    self._at_a_time = min(MOST_AT_A_TIME, self._at_a_time * 2)
            else:
                await self._hints.changed()

    async def _tell_latest(self) -> None:
        told = -1
        while not self._is_over:
            fetched = await self._relay.mailboxes.fetch(self._device, after=0, limit=0)
            if fetched.latest != told:
                told = fetched.latest
                self._direct.say(self._session.send_latest(told))
                await self._direct.drained()
            await self._hints.changed()

    def _take(self, frame: str | bytes) -> None:
        try:
            self._follow(self._session.feed(frame))
        except (RemoteProtocolError, RefusedError) as error:
            self._direct.hold()
            self._end(error)

    def _follow(self, event: Event) -> None:
        match event:
            case HelloReceived() if not self._listens_only:
                self._hello = event
                self._hints.wake()
            case Acknowledged(through, seqs):
                self._relay.mailboxes.hand_in(
                    self._device, through=through, seqs=seqs, settle=self._settle
                )
                # There is room in the window already; what was acknowledged is deleted soon.
                self._hints.wake()
            case _:
                raise RemoteProtocolError("Only a hello, then acknowledgements, may come.")

    def _settle(self, error: BaseException | None) -> None:
        if error is not None:
            self._end(error)

    def _end(self, error: BaseException | None = None) -> None:
        self._is_over = True
        self._error = self._error or error
        self._hints.wake()
