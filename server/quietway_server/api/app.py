"""The surface of the relay: its addresses, and the one door that everything passes.

Rules: the door checks the Host, bounds how much is worked on at once, adds the same headers to
every answer, and turns every error into a problem, so that nothing above it ever sees an exception.
FastAPI's telemetry, its documentation pages and its redirects are off. There is no CORS header, and
a request that a browser page could have sent to a socket is refused.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.routing import Route, WebSocketRoute
from uvicorn.protocols.utils import ClientDisconnected

from quietway_crypto.encoding import decode_base64
from quietway_crypto.errors import EncodingError
from quietway_crypto.lanes import hash_capability
from quietway_server.api.blobs import BLOB_PATH, BlobDoor
from quietway_server.api.directory import DirectoryDoor
from quietway_server.api.envelopes import LANE_HEADER, SubmitEnvelopes
from quietway_server.api.holds import HoldDoor
from quietway_server.api.log import LogDoor
from quietway_server.api.mailboxes import MailboxPoll
from quietway_server.api.openapi import describe
from quietway_server.api.places import Places, put_place
from quietway_server.api.problems import HEADERS, answer_problem
from quietway_server.api.stream import MailboxStream
from quietway_server.api.submission import SubmitStream
from quietway_server.api.wakes import WakeDoor
from quietway_server.api.withdrawals import WithdrawEnvelopes
from quietway_server.connections import let_rest
from quietway_server.core.quota import (
    BODY_SECONDS,
    BUSY_RETRY_SECONDS,
    REQUEST_SECONDS,
    SUBMIT_PATH,
)
from quietway_server.errors import RefusedError
from quietway_server.metrics import measure
from quietway_server.settings import LOOPBACK

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from quietway_server.api.places import Place
    from quietway_server.core.capacity import Urgent
    from quietway_server.services.relay import Relay

_LANE: Final = LANE_HEADER.encode()
_CLAIM: Final = re.compile(r"/v1/holds/[^/]+/claim")
_COME_BACK_LATER: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
TELEMETRY_OFF: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def make_app(relay: Relay, *, idle_seconds: float = BODY_SECONDS) -> FastAPI:
    """Give the addresses of a relay, without the door. For the arguments see `make_door`."""
    app = FastAPI(
        title="quietway relay",
        telemetry=TELEMETRY_OFF,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    _add_sockets(app, relay, idle_seconds=idle_seconds)
    _add_addresses(app, relay)
    app.openapi = describe  # type: ignore[method-assign]  # the documented way to give one's own
    return app


def _add_sockets(app: FastAPI, relay: Relay, *, idle_seconds: float) -> None:
    app.router.routes += (
        WebSocketRoute("/v1/mailbox", MailboxStream(relay), name="stream"),
        WebSocketRoute(SUBMIT_PATH, SubmitStream(relay, idle_seconds), name="submit"),
    )


def _add_addresses(app: FastAPI, relay: Relay) -> None:
    polls, directory, log = MailboxPoll(relay), DirectoryDoor(relay), LogDoor(relay)
    holds, serve_blob = HoldDoor(relay), BlobDoor(relay).serve
    app.router.routes.append(
        Route("/v1/envelopes", SubmitEnvelopes(relay), methods=["POST"], name="envelopes")
    )
    for method, path, endpoint in (
        ("POST", "/v1/envelopes/withdraw", WithdrawEnvelopes(relay).withdraw),
        ("PUT", "/v1/holds/{id}", holds.place),
        ("POST", "/v1/holds/{id}/claim", holds.claim),
        ("GET", "/v1/mailbox", polls.poll),
        ("POST", "/v1/mailbox/hello", polls.greet),
        ("POST", "/v1/mailbox/ack", polls.acknowledge),
        ("PUT", "/v1/wake", WakeDoor(relay).replace),
        ("PUT", "/v1/agencies/{agency}/manifest", directory.put_manifest),
        ("PUT", "/v1/agencies/{agency}/epochs", directory.put_epochs),
        ("PUT", "/v1/lanes/{week}", directory.put_lanes),
        ("GET", "/v1/directory", directory.read),
        ("GET", "/v1/log/checkpoint", log.read_checkpoint),
        ("GET", "/v1/log/consistency", log.read_consistency),
        ("GET", "/v1/log/leaves", log.read_leaves),
        ("GET", "/healthz", directory.tell_health),
    ):
        app.add_route(path, endpoint, methods=[method], include_in_schema=False)
    blob_methods = ["DELETE", "GET", "HEAD", "PUT"]
    app.add_route(BLOB_PATH, serve_blob, methods=blob_methods, include_in_schema=False)
    for route in app.router.routes:
        # The framework answers HEAD wherever there is a GET; ours is asked of blobs alone.
        if isinstance(route, Route) and route.methods and route.path != BLOB_PATH:
            route.methods.discard("HEAD")


def make_door(relay: Relay, *, port: int, idle_seconds: float = BODY_SECONDS) -> ASGIApp:
    """Give the whole surface of a relay.

    Args:
        relay: The services.
        port: The port that it listens on.
        idle_seconds: How long a submitting socket may bring nothing.
    """
    return Door(make_app(relay, idle_seconds=idle_seconds), relay, port=port)


class Door:
    """What every request passes first, and every answer last.

    Args:
        app: The addresses. Its router is called without the framework's middleware, which would
            answer errors in its own words.
        relay: The services.
        port: The port that the relay listens on.
        seconds: How long a request may take, from its head to the end of its answer.
    """

    def __init__(
        self, app: FastAPI, relay: Relay, *, port: int, seconds: float = REQUEST_SECONDS
    ) -> None:
        self._app = app
        self._seconds = seconds
        self._urgency = relay.urgency
        self._places = Places(relay.settings)
        names = [f"[{name}]" if ":" in name else name for name in LOOPBACK]
        public = urlsplit(relay.settings.public_url).netloc.lower()
        self._hosts = {f"{name}:{port}" for name in names} | ({public} if public else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        # The router raises what it can't serve, rather than answer it, when it finds an app here.
        scope["app"] = self._app
        answer = _Answer(send)
        try:
            self._check(scope)
            await self._work(scope, receive, answer)
        except (ClientDisconnect, ClientDisconnected):
            return  # also one that came while the relay ends: nobody is there to be told
        except Exception as error:  # noqa: BLE001, the last resort: nothing gets out but a problem
            await answer.refuse(error, scope, receive)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise RefusedError("not_found")
        # No page in a browser has business at a socket; programs send no Origin.
        if scope["type"] == "websocket" and "origin" in headers:
            raise RefusedError("not_found")

    async def _work(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if scope["type"] == "websocket":
            await self._app.router(scope, receive, answer)
            return
        place = self._places.take(
            await self._judge(scope), is_claim=_CLAIM.fullmatch(scope["path"]) is not None
        )
        put_place(scope, place)
        answer.place = place
        measure("requests", self._places.taken)
        try:
            # Who reads an answer one byte at a time may not keep a place for ever.
            async with asyncio.timeout(self._seconds) as place.deadline:
                await self._app.router(scope, receive, answer)
        except TimeoutError:
            raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS) from None
        finally:
            place.leave()
            measure("requests", self._places.taken)

    async def _judge(self, scope: Scope) -> Urgent | None:
        """Find out whether what a request shows opens a lane of kind crisis."""
        shown = [value for name, value in scope["headers"] if name == _LANE]
        if len(shown) != 1:
            return None
        try:
            capability = decode_base64(shown[0].decode("latin-1"))
        except EncodingError:
            return None
        return await self._urgency.judge(hash_capability(capability))


class _Answer:
    """Sends, with our headers, and knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False
        self.place: Place | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "websocket.close" and not self._begun:
            # The router found no such socket. It would say so in its own words.
            raise RefusedError("not_found")
        if message["type"] in {
            "http.response.start",
            "websocket.http.response.start",
            "websocket.accept",
        }:
            self._begun = True
            message.setdefault("headers", [])
            headers = MutableHeaders(raw=message["headers"])
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            message["headers"] = headers.raw
        if self.place is None:
            await self._send(message)
        else:
            with self.place.waiting():
                await self._send(message)

    async def refuse(self, error: Exception, scope: Scope, receive: Receive) -> None:
        """Answer with a problem, unless an answer has begun already."""
        response = answer_problem(error)
        if not self._begun:
            if response.status_code in _COME_BACK_LATER:
                let_rest(scope)
            await response(scope, receive, self)
