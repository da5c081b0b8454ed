"""Serve: bind the port, run the surface on uvicorn, and end well.

Rules: the port is bound before anything else starts, so that a taken one is a sentence. The web
server's own log, header and compression are off. A storage that failed ends the process with status
1, and is never tried again.

Spec: docs/spec/relay-protocol.md, "Websocket" (pings).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import gc
import importlib.util
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final

import uvicorn

from quietway_schemas.frames import MAX_FRAME_BYTES
from quietway_server.api.app import make_door
from quietway_server.bootstrap import (
    SystemClock,
    assemble,
    find_log_key,
    make_folder,
    open_store,
)
from quietway_server.connections import BoundedConnection
from quietway_server.direct import DirectSocket
from quietway_server.errors import StartError
from quietway_server.log import log_event, log_loop_failure
from quietway_server.store.ownership import own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

    from quietway_server.settings import Settings

PING_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 15.0
_BACKLOG: Final = 2048


def serve(settings: Settings) -> int:
    """Serve until a signal, or until the storage fails.

    Returns:
        The exit status.

    Raises:
        StartError: The relay can't start; the sentence says what to do.
    """
    listening = _bind(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = listening.getsockname()[1]
    with listening:
        loop = importlib.util.find_spec("uvloop")
        factory = importlib.import_module("uvloop").new_event_loop if loop else None
        if not settings.public_url:
            settings = dataclasses.replace(settings, public_url=f"http://{host}:{port}")
        make_folder(settings)
        with own(settings.database), asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(_run(settings, listening, f"http://{host}:{port}"))


async def _run(settings: Settings, listening: socket.socket, address: str) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_failure)
    failed = asyncio.Event()

    def end() -> None:
        loop.call_soon_threadsafe(failed.set)

    store = open_store(settings)
    try:
        relay = assemble(
            settings,
            store=store,
            clock=SystemClock(),
            on_failure=end,
            log_key=find_log_key(settings, store),
        )
    except BaseException:
        store.close()
        raise
    try:
        server = _Server(
            _configure(make_door(relay, port=listening.getsockname()[1]), settings), address
        )
        stopping = asyncio.ensure_future(_stop_on_failure(server, failed))
        sweeping = asyncio.ensure_future(
            relay.sweeper.run(every_seconds=float(settings.sweep_seconds))
        )
        watching = asyncio.ensure_future(relay.removals.run())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        await server.serve(sockets=[listening])
        for task in (stopping, sweeping, watching):
            task.cancel()
    finally:
        # The writer may still be committing what was accepted.
        await asyncio.to_thread(relay.close)
    log_event("stopped")
    return 1 if failed.is_set() else 0


async def _stop_on_failure(server: _Server, failed: asyncio.Event) -> None:
    await failed.wait()
    server.stop()


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready, and whose end is ours to choose."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `_run`: uvicorn would raise them again and spoil the exit status."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the one line that says where."""
        await super().startup(sockets=sockets)
        # What was loaded by now stays: looking through it again and again finds nothing to free.
        gc.collect()
        gc.freeze()
        sys.stdout.write(f"quietway-relay: listening on {self._address}\n")
        sys.stdout.flush()
        log_event("started")

    def stop(self) -> None:
        """End after open requests are done; a second call ends at once."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _configure(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        http=BoundedConnection,
        ws=DirectSocket,
        ws_max_size=MAX_FRAME_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=SILENCE_SECONDS,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"Port {settings.port} is taken: stop the program that uses it, or choose another"
                " with --port (0 picks a free one)."
            ) from None
        raise StartError(
            f"The relay can't listen on {settings.host}, port {settings.port}: choose an address of"
            " this machine with --host, and a port above 1023 with --port."
        ) from None
    return listening
