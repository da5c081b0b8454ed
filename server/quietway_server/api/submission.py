"""The submitting socket: batches of envelopes without a request for each.

Theory of operation: each batch is a call that hands it to the writing thread; the outcomes come
back in the loop, and what can be said of them is said. While too much is unanswered nothing is
read, so a sender that is too fast waits at its own socket. The task only waits for the end.

Rules: no identity is asked for, and none is kept; opening a socket tells nothing about a lane. A
socket that brings nothing is closed, because nobody is known by it, and sooner when places run out.

Spec: docs/spec/relay-protocol.md, "On a websocket" and "Under load";
docs/decisions/batches-on-a-socket.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.websockets import WebSocket

from quietway_crypto.lanes import hash_capability
from quietway_protocol.errors import RemoteProtocolError
from quietway_protocol.submission import Refusal, SubmissionSession
from quietway_schemas.envelope import unpack_records
from quietway_schemas.errors import EnvelopeError
from quietway_server.api.bodies import refuse_query
from quietway_server.api.envelopes import read_capability
from quietway_server.api.places import GRACE_SECONDS
from quietway_server.api.problems import as_refusal, retry_after
from quietway_server.api.sockets import close, find_direct, send_away
from quietway_server.core.capacity import Capacity
from quietway_server.core.quota import BUSY_RETRY_SECONDS
from quietway_server.errors import RefusedError
from quietway_server.metrics import measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from quietway_server.core.capacity import Urgent
    from quietway_server.services.relay import Relay

WENT_WELL: Final = 1000
COME_BACK_LATER: Final = 1013
CRISIS_SOCKETS: Final = 32


class SubmitStream:
    """`GET /v1/submit`, upgraded.

    Args:
        relay: The services.
        idle_seconds: How long a socket may bring nothing.
    """

    def __init__(self, relay: Relay, idle_seconds: float) -> None:
        self._relay = relay
        self._idle_seconds = idle_seconds
        self._sockets = Capacity(relay.settings.submit_sockets, reserved=CRISIS_SOCKETS)
        self._by_news: dict[_Submitting, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from its upgrade to its end."""
        socket = WebSocket(scope, receive, send)
        refuse_query(socket)
        lane = hash_capability(read_capability(socket))
        urgent = await self._relay.urgency.judge(lane)
        submitting = _Submitting(self._relay, socket, lane, urgent, self._note_news)
        is_reserved = urgent is not None and self._sockets.take_reserved(urgent)
        if not is_reserved:
            self._take(submitting)
        measure("sockets", self._sockets.taken, label="submit")
        try:
            await submitting.serve(self._idle_seconds)
        finally:
            self._by_news.pop(submitting, None)
            if not submitting.gave_way:
                self._sockets.give_back(urgent if is_reserved else None)
                measure("sockets", self._sockets.taken, label="submit")

    def _take(self, submitting: _Submitting) -> None:
        """Take a place; when there is none, who has stored nothing for the longest gives way.

        Raises:
            RefusedError: `overloaded`: all have stored something just now.
        """
        if not self._sockets.take():
            slowest = next(iter(self._by_news), None)
            if slowest is None or not slowest.give_way():
                raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)
            del self._by_news[slowest]
        self._by_news[submitting] = None

    def _note_news(self, submitting: _Submitting) -> None:
        if submitting in self._by_news:
            del self._by_news[submitting]
            self._by_news[submitting] = None


class _Submitting:
    """One open socket."""

    def __init__(
        self,
        relay: Relay,
        socket: WebSocket,
        lane: bytes,
        urgent: Urgent | None,
        tell_news: Callable[[_Submitting], None],
    ) -> None:
        self._ingest = relay.ingest
        self._urgency = relay.urgency
        self._socket = socket
        self._lane = lane
        self._urgent = urgent
        self._tell_news = tell_news
        self._session = SubmissionSession()
        self._direct = find_direct(socket)
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._breach: RemoteProtocolError | None = None
        self._is_answering = False
        self._news_at = self._loop.time()
        self.gave_way = False

    def give_way(self) -> bool:
        """End for somebody who needs the place; tell whether nothing was stored for a while."""
        if self._loop.time() - self._news_at < GRACE_SECONDS:
            return False
        self.gave_way = True
        self._direct.hold()
        self._ended.set()
        return True

    async def serve(self, idle_seconds: float) -> None:
        """Serve until the peer leaves, breaks a rule, or brings nothing more."""
        self._direct.hand_to(self._take, self._ended.set)
        await self._socket.accept()
        known = -1
        while not self._ended.is_set():
            if not self._session.has_news(since=known):
                await close(self._socket, WENT_WELL)
                return
            known = self._session.stored
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), idle_seconds)
        if self.gave_way:
            await close(self._socket, COME_BACK_LATER)
        elif self._breach is not None:
            await send_away(self._socket, self._breach, self._session.send_closing)

    def _take(self, batch: str | bytes) -> None:
        try:
            number = self._session.feed(batch)
        except RemoteProtocolError as breach:
            self._breach = breach
            self._direct.hold()
            self._ended.set()
            return
        assert isinstance(batch, bytes)  # noqa: S101, the session takes no text
        self._submit(batch, partial(self._note, number))
        if not self._session.has_room():
            self._direct.hold()

    def _submit(self, batch: bytes, settle: Callable[[BaseException | None], None]) -> None:
        try:
            records = unpack_records(batch)
            self._ingest.hand_in(
                self._lane, records, settle, body_bytes=len(batch), urgent=self._urgent
            )
        except (EnvelopeError, RefusedError) as refused:
            settle(refused)

    def _note(self, number: int, error: BaseException | None) -> None:
        self._session.note(number, None if error is None else _as_refusal(error))
        if error is None:
            self._news_at = self._loop.time()
            self._tell_news(self)
        if not self._is_answering:
            # What else becomes known by then is told in the same frame.
            self._is_answering = True
            self._loop.call_soon(self._answer)

    def _answer(self) -> None:
        self._is_answering = False
        if answers := self._session.take_answers():
            self._direct.say(*answers)
            if self._breach is None:
                self._direct.proceed()


def _as_refusal(error: BaseException) -> Refusal:
    refused = as_refusal(error) if isinstance(error, Exception) else RefusedError("internal")
    return Refusal(refused.code, refused.index, retry_after(refused))
