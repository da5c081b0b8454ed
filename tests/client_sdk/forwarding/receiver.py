"""A receiver of webhooks for tests: a real HTTP server on this machine, told what to answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

SECRET = "a secret that only these two tests know"
OK = 204
UNAVAILABLE = 503


@dataclass(frozen=True)
class Delivery:
    """One POST as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def signature(self) -> str:
        return self.headers.get("quietway-signature", "")


@dataclass
class Receiver:
    """It listens for as long as the `with` lasts; `port` 0 takes a free one."""

    port: int = 0
    answers: int = OK
    refuse_first: int = 0
    location: str = ""
    deliveries: list[Delivery] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._make_handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    def _answer(self, delivery: Delivery) -> int:
        self.deliveries.append(delivery)
        if len(self.deliveries) <= self.refuse_first:
            return UNAVAILABLE
        return self.answers

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            # As a server that closes after each answer: a connection is not relied upon.
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._answer(Delivery(self.path, headers, body))
                self.send_response(status)
                if receiver.location:
                    self.send_header("location", receiver.location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
