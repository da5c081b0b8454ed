"""A websocket whose frames may go to and fro as plain calls, for addresses that are busy.

Theory of operation: an ASGI server puts each message into a queue, wakes a task for it, and holds
up the connection meanwhile; for a small frame that costs more than the frame. So a connection
offers itself to the application as an extension of its scope. The application still answers the
upgrade and closes; between the two it may take frames, and the end, as calls, and say several
frames in one write.

Rules: what was read while the application holds the connection waits here, never more than one read
of the socket; nothing is read or taken while the peer does not read what it is told. A message has
a limit to its pieces, which may be empty. A peer that answers no ping, or takes no end, is cut off.
What all peers together do not read is bounded: the slowest is cut off, and loses nothing by it.

Spec: docs/spec/relay-protocol.md, "On a websocket" and "Under load";
docs/decisions/relay-surface.md.
"""

from __future__ import annotations

import sys
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.frames import Frame
    from websockets.http11 import Request

    from quietway_server.upgrades import Upgrades

EXTENSION: Final = "quietway.direct"
MOST_PIECES: Final = 4096
"""A message in more pieces is refused: its length is bounded, but a piece may be empty."""
TOO_BIG: Final = 1009
UNREAD_BYTES: Final = 64 * 1024 * 1024


class Unread:
    """What all sockets have been sent and do not read.

    Args:
        most: How many bytes there may be; past it, who has read nothing for the longest is cut off.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[DirectSocket, int] = {}
        self._bytes = 0

    def add(self, socket: DirectSocket) -> None:
        """Note that a socket's peer does not read."""
        self._held[socket] = socket.transport.get_write_buffer_size()
        self._bytes += self._held[socket]
        while self._bytes > self._most:
            slowest = next(iter(self._held))
            self.remove(slowest)
            slowest.transport.abort()

    def remove(self, socket: DirectSocket) -> None:
        """Note that a socket's peer reads again, or is gone."""
        self._bytes -= self._held.pop(socket, 0)


class DirectSocket(WebSocketsSansIOProtocol):
    """One connection, from its upgrade to its end.

    Args:
        unread: Where is counted what peers do not read. Without it, nobody counts.
        upgrades: Who is told when this socket's upgrade was answered.
    """

    _take: Callable[[str | bytes], None] | None = None
    _end: Callable[[], None] | None = None
    _is_held = False

    def __init__(
        self,
        *args: Any,
        unread: Unread | None = None,
        upgrades: Upgrades | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._unread = unread or Unread(sys.maxsize)
        self._upgrades = upgrades

    def handle_connect(self, event: Request) -> None:
        """Start the application, which finds this connection in its scope."""
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self
            self._waiting: deque[str | bytes] = deque()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application that this is the end."""
        super().connection_lost(exc)
        self._unread.remove(self)
        self._note_answered()
        if self._end is not None:
            self._end()

    async def send(self, message: Any) -> None:
        """Send what the application says; the first of it answers the upgrade."""
        await super().send(message)
        self._note_answered()

    def hand_to(self, take: Callable[[str | bytes], None], end: Callable[[], None]) -> None:
        """Let frames go to the one call from now on, and the end to the other."""
        self._take, self._end = take, end

    @property
    def is_behind(self) -> bool:
        """Whether the peer has not read most of what it was told."""
        return not self.writable.is_set()

    async def drained(self) -> None:
        """Wait until the peer has read most of what it was told, or is gone."""
        await self.writable.wait()

    def hold(self) -> None:
        """Take no more frames until `proceed`."""
        self._is_held = True
        self._read_or_pause()

    def proceed(self) -> None:
        """Take frames again; first those that wait."""
        self._is_held = False
        self._go_on()

    def say(self, *frames: str | bytes) -> None:
        """Send frames in one write; to a peer that is gone, nothing."""
        if self.conn.state.name != "OPEN" or self.transport.is_closing():
            return
        for frame in frames:
            if isinstance(frame, bytes):
                self.conn.send_binary(frame)
            else:
                self.conn.send_text(frame.encode())
        self.transport.write(b"".join(self.conn.data_to_send()))

    def send_receive_event_to_app(self) -> None:
        """Hand a whole message over."""
        if self._take is None or self.close_sent:
            super().send_receive_event_to_app()
            return
        raw = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        try:
            frame = raw.decode() if self.curr_msg_data_type == "text" else raw
        except UnicodeDecodeError:
            super().send_receive_event_to_app()  # which refuses it
            return
        self.frames = []
        if self._is_stopped():
            self._waiting.append(frame)
        else:
            self._take(frame)

    def handle_cont(self, event: Frame) -> None:
        """Take in a further piece of a message."""
        if self.close_sent:
            return
        if len(self.frames) < MOST_PIECES:
            super().handle_cont(event)
            return
        self.conn.fail(TOO_BIG)
        self.handle_parser_exception()

    def send_keepalive_ping(self) -> None:
        """Ask whether the peer is there; where the end was said, see that it comes."""
        super().send_keepalive_ping()
        self._watch()

    def keepalive_timeout(self) -> None:
        """Close on a peer that is silent; one that still takes no end is cut off."""
        if self.transport.is_closing():
            self.transport.abort()
            return
        super().keepalive_timeout()
        self._watch()

    def pause_writing(self) -> None:
        """Read no further either: the peer does not read what it is told."""
        super().pause_writing()
        self._read_or_pause()
        self._unread.add(self)

    def resume_writing(self) -> None:
        """Read on."""
        super().resume_writing()
        self._unread.remove(self)
        self._go_on()

    def _note_answered(self) -> None:
        upgrades, self._upgrades = self._upgrades, None
        if upgrades is not None:
            upgrades.leave(self.transport)

    def _is_stopped(self) -> bool:
        return self._is_held or not self.writable.is_set()

    def _go_on(self) -> None:
        while self._waiting and self._take is not None and not self._is_stopped():
            self._take(self._waiting.popleft())
        self._read_or_pause()

    def _watch(self) -> None:
        """Look again: a transport that has something to send closes only when that is taken."""
        if self.pong_timer is None and self.ping_timeout is not None:
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)

    def _read_or_pause(self) -> None:
        if self._take is None:
            return
        pauses = self._is_stopped()
        if pauses and not self.read_paused:
            self.transport.pause_reading()
        elif self.read_paused and not pauses:
            self.transport.resume_reading()
        self.read_paused = pauses
