"""A connection before there is a request: bounded, and never a mirror.

Theory of operation: uvicorn's parser takes a head of any length, at any pace, and hands the upgrade
of a websocket to a library whose refusals quote the header that it did not like. So the head is fed
to the parser in small pieces that are counted, a clock runs until it is whole, its target is a path
and nothing else, and an upgrade goes on only if nothing in it can be refused. What is refused here
gets 400 and one constant sentence. An upgrade waits its turn where many come at once. While a
connection shows no request it stands in the lobby, which is bounded. One whose request was refused
because too much is under way rests: for a second nothing more is read from it.

Spec: docs/spec/relay-protocol.md, "Problems", "Limits" and "Under load";
docs/decisions/relay-surface.md.
"""

from __future__ import annotations

import copy
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quietway_schemas.problems import PROBLEM_MEDIA_TYPE, ProblemBody
from quietway_server.core.quota import ENVELOPES_BODY_BYTES, SUBMIT_PATH
from quietway_server.lobby import Lobby
from quietway_server.metrics import count

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from starlette.types import Scope

    from quietway_server.upgrades import Upgrades

HEAD_BYTES: Final = 7 * 1024
"""A head below it is taken, one above 8 KiB never: the rest is the piece in which it ends."""
HEAD_FIELDS: Final = 100
HEAD_SECONDS: Final = 20.0
REST_SECONDS: Final = 1.0
REFUSAL: Final = "Invalid HTTP request received."
_PROBLEM: Final = ProblemBody.of("overloaded").to_canonical()
_OVERLOADED: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: %%d\r\ncache-control: no-store\r\n"
    b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
    % (PROBLEM_MEDIA_TYPE.encode(), len(_PROBLEM), _PROBLEM)
)
_EXTENSION: Final = "quietway.connection"
_PIECE: Final = 1024
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
# The first two are written anew, the others are offers that the relay never takes.
_NOT_PASSED_ON: Final = frozenset(
    {b"connection", b"upgrade", b"sec-websocket-extensions", b"sec-websocket-protocol"}
)
_UPGRADE: Final = ((b"connection", b"Upgrade"), (b"upgrade", b"websocket"))


class BoundedConnection(HttpToolsProtocol):
    """One connection, from its first byte.

    Args:
        lobby: Where it stands while it shows no request. Without one, nobody counts.
        upgrades: Where it waits for its turn to become a socket. Without one, it does not wait.
    """

    _in_head = True
    _head_bytes = 0
    _upgraded = False
    _deadline: asyncio.TimerHandle | None = None
    _rests = False
    _waits = False
    head_seconds: float = HEAD_SECONDS

    def __init__(
        self,
        *args: Any,
        lobby: Lobby | None = None,
        upgrades: Upgrades | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._lobby = lobby or Lobby(sys.maxsize)
        self._upgrades = upgrades

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the clock: the first head must come soon."""
        super().connection_made(transport)
        self._begin_head()
        self._lobby.enter(self, connections=len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        self._lobby.leave(self)
        if self._upgrades is not None:
            self._upgrades.leave(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in bytes; those of a head are counted."""
        if self._waits:
            # It has not been told that it is a socket yet.
            self.transport.abort()
            return
        rest = data
        while rest and not self._upgraded and not self.transport.is_closing():
            piece = rest[:_PIECE] if self._in_head else rest
            rest = rest[len(piece) :]
            super().data_received(piece)
            if self._in_head:
                self._count(len(piece))

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._begin_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in one field of the head.

        Raises:
            ValueError: It is one too many; the parser makes a refusal of it.
        """
        if len(self.headers) >= HEAD_FIELDS:
            raise ValueError("A head has too many fields.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Note that the head is whole.

        Raises:
            ValueError: Its version, target, hosts or coding are none that is served; as above.
        """
        is_served = self.parser.get_http_version() in _VERSIONS and _is_path(self.url)
        if not is_served or not _is_plain(self.headers):
            raise ValueError("A head can be read in two ways, or in none that is served.")
        self._in_head, self._head_bytes = False, 0
        self._stop_clock()
        self._lobby.leave(self)
        self.scope["extensions"] = {_EXTENSION: {"rest": self.rest}}
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one in the lobby."""
        rests, self._rests = self._rests, False
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if rests:
            self.flow.pause_reading()
            self.loop.call_later(REST_SECONDS, self._read_on)
        if self.cycle.response_complete:
            self._lobby.enter(self, connections=len(self.connections))

    def rest(self) -> None:
        """Read nothing for a second after the answer that is under way."""
        self._rests = True

    def handle_websocket_upgrade(self) -> None:
        """Hand over an upgrade that has nothing in it to refuse."""
        self._upgraded = True
        headers = self.scope["headers"] = list(self.scope["headers"])
        is_plain = (self.scope["method"], self.scope["http_version"]) == ("GET", "1.1")
        if not is_plain or not _is_upgrade(headers):
            self.send_400_response(REFUSAL)
            return
        if self.url == SUBMIT_PATH.encode():
            self.config = copy.copy(self.config)
            self.config.ws_max_size = ENVELOPES_BODY_BYTES
        headers[:] = [field for field in headers if field[0] not in _NOT_PASSED_ON]
        headers.extend(_UPGRADE)
        # Who submits shows no signature, which is what costs most, and may have an alarm.
        if self._upgrades is None or self.url == SUBMIT_PATH.encode():
            super().handle_websocket_upgrade()
            return
        self._waits = True
        self._upgrades.ask(self.transport, self)

    def go_on(self) -> None:
        """Become a socket: it is this connection's turn."""
        self._waits = False
        super().handle_websocket_upgrade()

    def turn_away(self, retry_after: int) -> None:
        """Refuse to become a socket: too many wait for it."""
        count("refusals", label="overloaded")
        self.transport.write(_OVERLOADED % retry_after)
        self.transport.close()

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _begin_head(self) -> None:
        self._in_head = True
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _count(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(REFUSAL)


def _is_path(target: bytes) -> bool:
    """Tell whether a request's target is a path: an absolute one would name the host twice."""
    return target.startswith(b"/") and b"#" not in target


def _is_plain(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Tell whether a proxy in front can't have read another host or another end of the body."""
    hosts = [value for name, value in headers if name == b"host"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    return len(hosts) <= 1 and all(coding.lower() == b"chunked" for coding in codings)


def let_rest(scope: Scope) -> None:
    """Let the connection of a request rest after its answer."""
    offered = scope.get("extensions", {}).get(_EXTENSION)
    if offered is not None:
        offered["rest"]()


def _is_upgrade(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Tell whether the websocket library will take these fields as they are."""
    keys = [value for name, value in headers if name == b"sec-websocket-key"]
    versions = [value for name, value in headers if name == b"sec-websocket-version"]
    has_body = any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers)
    return (
        len(keys) == 1
        and _KEY.fullmatch(keys[0]) is not None
        and versions == [b"13"]
        and not has_body
    )
