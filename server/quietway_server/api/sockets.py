"""What every websocket of the relay has in common: room, a connection that calls, and an end.

Rules: a socket that finds no room is refused before it opens. Whatever ends one, the peer is told
why in one form, where it still listens.

Spec: docs/spec/relay-protocol.md, "Websocket" and "On a websocket".
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Protocol

from starlette.websockets import WebSocketDisconnect

from quietway_protocol.errors import RemoteProtocolError
from quietway_schemas.problems import PROBLEMS
from quietway_server.api.problems import as_refusal
from quietway_server.core.quota import BUSY_RETRY_SECONDS
from quietway_server.direct import EXTENSION
from quietway_server.errors import RefusedError
from quietway_server.metrics import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.websockets import WebSocket

BROKEN_RULE: Final = 1008
FAILED: Final = 1011
BREACH: Final = "malformed_json"
"""What a peer is told that sent a frame of no known form, or out of its turn."""


class Direct(Protocol):
    """A connection whose frames go as calls; see `quietway_server.direct`."""

    def hand_to(self, take: Callable[[str | bytes], None], end: Callable[[], None]) -> None:
        """Let frames go to the one call from now on, and the end to the other."""
        ...

    def hold(self) -> None:
        """Take no more frames until `proceed`."""
        ...

    def proceed(self) -> None:
        """Take frames again; first those that wait."""
        ...

    def say(self, *frames: str | bytes) -> None:
        """Send frames in one write; to a peer that is gone, nothing."""
        ...

    @property
    def is_behind(self) -> bool:
        """Whether the peer has not read most of what it was told."""
        ...

    async def drained(self) -> None:
        """Wait until the peer has read most of what it was told, or is gone."""
        ...


def find_direct(socket: WebSocket) -> Direct:
    """Find the connection that a socket stands on, in the scope where the server put it."""
    direct: Direct = socket.scope["extensions"][EXTENSION]
    return direct


class Room:
    """How many sockets of a kind may be open at once.

    Args:
        kind: The kind, as the metric `sockets` calls it.
        most: The limit.
    """

    def __init__(self, kind: str, most: int) -> None:
        self._kind = kind
        self._most = most
        self._open = 0

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """Take a place until the context ends.

        Raises:
            RefusedError: `overloaded`: there is none.
        """
        if self._open >= self._most:
            raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        self._open += by
        measure("sockets", self._open, label=self._kind)


async def close(socket: WebSocket, code: int) -> None:
    """Close a socket, unless its peer is gone already."""
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code)


async def send_away(socket: WebSocket, error: Exception, send_closing: Callable[..., str]) -> None:
    """Tell a peer why its socket closes, and close it.

    Args:
        socket: An open socket.
        error: What happened.
        send_closing: The session's verb that writes the frame.
    """
    broke = isinstance(error, RemoteProtocolError)
    code = BREACH if broke else as_refusal(error).code
    closing = send_closing(problem=code, detail=PROBLEMS[code].what_next)
    try:
        await socket.send_text(closing)
        await socket.close(BROKEN_RULE if broke or code == "not_found" else FAILED)
    except (RuntimeError, WebSocketDisconnect):
        return  # the peer is gone already
