"""The mailbox socket: the relay's end of a session, on a websocket.

Theory of operation: the upgrade is signed, so who reads is known before the socket opens. Then two
tasks share a session: one receives acknowledgements, one sends what lies after the cursor and waits
for a hint when there is nothing or the window is full. Truth is in the store: a hint only says when
to look. A peer that breaks a rule is told why and sent away with 1008.

Spec: docs/spec/relay-protocol.md, "Websocket".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from quietway_protocol.errors import RemoteProtocolError
from quietway_protocol.events import Acknowledged, HelloReceived
from quietway_protocol.session import MailboxSession
from quietway_protocol.states import Role
from quietway_server.api.auth import authenticate
from quietway_server.api.bodies import refuse_query
from quietway_server.api.sockets import Room, receive_frame, run_both, send_away
from quietway_server.core.quota import BODY_SECONDS, BUSY_RETRY_SECONDS
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from quietway_protocol.events import Event
    from quietway_server.ports import DeviceRow, Subscription
    from quietway_server.services.relay import Relay


class MailboxStream:
    """`GET /v1/mailbox`, upgraded.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._room = Room(relay.settings.max_sockets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from its upgrade to its end."""
        socket = WebSocket(scope, receive, send)
        refuse_query(socket)
        caller = await authenticate(self._relay, socket, body=None, may_listen=True)
        mailbox = caller.device.mailbox
        if self._relay.delivery.listeners(mailbox) >= self._relay.settings.mailbox_sockets:
            raise RefusedError("over_quota", retry_after=BUSY_RETRY_SECONDS)
        with self._room.take(), self._relay.delivery.listen(mailbox) as hints:
            await socket.accept()
            connection = _Connection(self._relay, socket, caller.device, hints)
            await connection.serve(listens_only=caller.listens_only)


class _Connection:
    """One open socket."""

    def __init__(
        self, relay: Relay, socket: WebSocket, device: DeviceRow, hints: Subscription
    ) -> None:
        self._relay = relay
        self._socket = socket
        self._device = device
        self._hints = hints
        self._session = MailboxSession(Role.RELAY)

    async def serve(self, *, listens_only: bool) -> None:
        """Serve until the peer leaves, or breaks a rule, or is sent away."""
        try:
            if not listens_only:
                await self._greet()
            sending = self._tell_latest() if listens_only else self._send_envelopes()
            await run_both(self._receive_acknowledgements(), sending)
        except WebSocketDisconnect:
            return
        except Exception as error:  # noqa: BLE001, whatever it was, the peer is told in one form
            await send_away(self._socket, error, self._session.send_closing)

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                hello = await self._receive()
        except TimeoutError:
            raise RemoteProtocolError("No hello came.") from None
        if not isinstance(hello, HelloReceived):
            raise RemoteProtocolError("The first frame was no hello.")
        greeting = await self._relay.mailboxes.greet(
            self._device, witness_now=hello.witness_now, witness_was=hello.witness_was
        )
        welcome = self._session.send_welcome(
            latest=greeting.latest,
            acknowledged=greeting.acknowledged,
            now=greeting.now,
            witness_kept=greeting.witness_kept,
        )
        await self._socket.send_text(welcome)

    async def _receive_acknowledgements(self) -> None:
        while True:
            event = await self._receive()
            if not isinstance(event, Acknowledged):
                raise RemoteProtocolError("Only acknowledgements may follow a hello.")
            await self._relay.mailboxes.acknowledge(
                self._device, through=event.through, seqs=event.seqs
            )
            self._hints.wake()

    async def _send_envelopes(self) -> None:
        while True:
            fetched = await self._relay.mailboxes.fetch(
                self._device, after=self._session.last_seq, limit=self._session.room
            )
            for stored in fetched.envelopes:
                frame = self._session.send_envelope(
                    seq=stored.seq, header=stored.header, sealed=stored.sealed
                )
                await self._socket.send_bytes(frame)
            if not fetched.envelopes:
                await self._hints.changed()

    async def _tell_latest(self) -> None:
        told = -1
        while True:
            fetched = await self._relay.mailboxes.fetch(self._device, after=0, limit=0)
            if fetched.latest != told:
                told = fetched.latest
                await self._socket.send_text(self._session.send_latest(told))
            await self._hints.changed()

    async def _receive(self) -> Event:
        return self._session.feed(await receive_frame(self._socket))
