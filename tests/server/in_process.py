"""The whole relay in a thread of the test's own process, so that a control can take a defence away.

Everything is real (parser, surface, services, store, sockets); only the process is shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.server.agency import Agency, join, now_ms
from uvicorn.server import ServerState

from quietway_server.api.app import Door, make_app
from quietway_server.bootstrap import SystemClock, assemble
from quietway_server.connections import BoundedConnection
from quietway_server.core.quota import BODY_SECONDS
from quietway_server.lobby import Lobby
from quietway_server.services.enrolment import add_code
from quietway_server.serving import _configure
from quietway_server.settings import read_settings
from quietway_server.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from quietway_crypto.signing import SigningKey
    from quietway_server.ports import Store


@dataclass
class InProcessRelay:
    """A relay that listens here."""

    store: Store = field(default_factory=MemoryStore)
    connection: type[BoundedConnection] = BoundedConnection
    idle_seconds: float = BODY_SECONDS
    options: Mapping[str, str] = field(default_factory=dict)
    log_key: SigningKey | None = None
    url: str = ""
    port: int = 0
    failed: bool = False
    _ready: threading.Event = field(default_factory=threading.Event)
    _seeds: Iterator[int] = field(default_factory=lambda: iter(range(50_000, 60_000)))

    def new_agency(self) -> Agency:
        """Enrol a fresh agency."""
        code = add_code(self.store, now=now_ms(), entropy=os.urandom(16))
        return join(self.url, code, next(self._seeds))

    @contextlib.contextmanager
    def running(self) -> Iterator[InProcessRelay]:
        """Serve until the context ends."""
        thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        thread.start()
        assert self._ready.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join(10)

    @property
    def at_work(self) -> int:
        """How many requests are worked on now."""
        return self._door._places.taken

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._state.connections)

    def _fail(self) -> None:
        self.failed = True

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        # As the product binds: a socket that is not named TCP holds small answers back for 40 ms.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        address = {"port": str(self.port), "public_url": self.url}
        settings = read_settings({**address, **self.options}, {})
        self.relay = relay = assemble(
            settings,
            store=self.store,
            clock=SystemClock(),
            on_failure=self._fail,
            log_key=self.log_key,
        )
        app = make_app(relay, idle_seconds=self.idle_seconds)
        self._door = Door(app, relay, port=self.port)
        config = _configure(self._door, settings)
        state, lobby = ServerState(), Lobby(settings.max_connections)
        self._state = state
        server = await self._loop.create_server(
            lambda: self.connection(config, state, {}, lobby=lobby), sock=listening
        )
        self._ready.set()
        await self._ended.wait()
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # the last connections say their goodbye
        await asyncio.to_thread(relay.close)
