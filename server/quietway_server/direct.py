"""A websocket whose frames may go to and fro as plain calls, for addresses that are busy.

Theory of operation: an ASGI server puts each message into a queue, wakes a task for it, and holds
up the connection meanwhile; for a small frame that costs more than the frame. So a connection
offers itself to the application as an extension of its scope. The application still answers the
upgrade and closes; between the two it may take frames, and the end, as calls, and say several
frames in one write.

Rules: what was read while the application holds the connection waits here, never more than one read
of the socket; nothing is read while the peer does not read what it is told.

Spec: docs/spec/relay-protocol.md, "On a websocket"; docs/decisions/relay-surface.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Request

EXTENSION: Final = "quietway.direct"


class DirectSocket(WebSocketsSansIOProtocol):
    """One connection, from its upgrade to its end."""

    _take: Callable[[str | bytes], None] | None = None
    _end: Callable[[], None] | None = None
    _is_held = False

    def handle_connect(self, event: Request) -> None:
        """Start the application, which finds this connection in its scope."""
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self
            self._waiting: list[str | bytes] = []

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application that this is the end."""
        super().connection_lost(exc)
        if self._end is not None:
            self._end()

    def hand_to(self, take: Callable[[str | bytes], None], end: Callable[[], None]) -> None:
        """Let frames go to the one call from now on, and the end to the other."""
        self._take, self._end = take, end

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
        while self._waiting and not self._is_held and self._take is not None:
            self._take(self._waiting.pop(0))
        self._read_or_pause()

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
        if self._is_held:
            self._waiting.append(frame)
        else:
            self._take(frame)

    def pause_writing(self) -> None:
        """Read no further either: the peer does not read what it is told."""
        super().pause_writing()
        self._read_or_pause()

    def resume_writing(self) -> None:
        """Read on."""
        super().resume_writing()
        self._read_or_pause()

    def _read_or_pause(self) -> None:
        if self._take is None:
            return
        pauses = self._is_held or not self.writable.is_set()
        if pauses and not self.read_paused:
            self.transport.pause_reading()
        elif self.read_paused and not pauses:
            self.transport.resume_reading()
        self.read_paused = pauses
