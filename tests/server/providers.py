"""Providers of wake-ups on loopback: real servers that behave, fail, hang, lie, or attack.

They keep what came, byte for byte. The relay reaches them as an operator's own hosts.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiosmtpd.smtp import SMTP, Envelope, Session

TAKES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FAILS = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
HANGS = b""


@dataclass(frozen=True, slots=True)
class Came:
    """One request, and when it was whole."""

    head: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float

    def header(self, name: str) -> str:
        return next((value for held, value in self.headers if held.lower() == name.lower()), "")

    @property
    def size(self) -> int:
        lines = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return len(self.head) + 2 + lines + 2 + len(self.body)


@dataclass
class Provider:
    """A provider that answers every POST with the same bytes; none at all where it hangs.

    Attributes:
        answer: What it answers, or what gives the answer to a request.
        came: Every request that came, also those that it does nothing about.
        connects: How many connections were opened.
    """

    answer: bytes | Callable[[Came], bytes] = TAKES
    host: str = "127.0.0.1"
    came: list[Came] = field(default_factory=list)
    connects: int = 0

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listening = socket.create_server((self.host, 0), family=family, backlog=512)
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def url(self, topic: str = "topic") -> str:
        return f"{self.origin}/{topic}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connects += 1
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            came = _read(connection)
            if came is not None:
                self.came.append(came)
                answer = self.answer(came) if callable(self.answer) else self.answer
                if answer:
                    connection.sendall(answer)
                else:
                    connection.recv(1)  # until the other end has had enough
        self._open.discard(connection)


def _read(connection: socket.socket) -> Came | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        if not (more := connection.recv(65_536)):
            return None
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = tuple((name, value.strip()) for name, _, value in (x.partition(":") for x in lines))
    length = next((int(value) for name, value in pairs if name.lower() == "content-length"), 0)
    while len(body) < length:
        if not (more := connection.recv(65_536)):
            return None
        body += more
    return Came(first, pairs, body, time.monotonic())


class MailProvider:
    """A real mail server on loopback.

    Attributes:
        answer: What it answers to a whole mail.
        mails: The bytes of every mail that came, with its recipients.
    """

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer = answer
        self.mails: list[tuple[tuple[str, ...], bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, its name is the library's
        del server, session
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append((tuple(envelope.rcpt_tos), content))
        return self.answer

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
