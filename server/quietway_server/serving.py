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
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.server import ServerState

from quietway_schemas.frames import MAX_FRAME_BYTES
from quietway_server.api.app import make_door
from quietway_server.api.operator import OperatorDoor
from quietway_server.bootstrap import (
    SystemClock,
    assemble,
    find_log_key,
    find_wake_key,
    make_folder,
    open_store,
)
from quietway_server.connections import BoundedConnection
from quietway_server.direct import UNREAD_BYTES, DirectSocket, Unread
from quietway_server.errors import StartError
from quietway_server.lobby import Lobby, count_places
from quietway_server.log import log_event, log_loop_failure
from quietway_server.metrics import measure
from quietway_server.services.operating import Operating
from quietway_server.store.ownership import own
from quietway_server.upgrades import Upgrades

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from starlette.types import ASGIApp

    from quietway_server.services.relay import Relay
    from quietway_server.settings import Settings

PING_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 15.0
SWITCH_SECONDS: Final = 0.0005
"""For how long a thread that reads or writes keeps the interpreter from the event loop.

The loop lets go of it with each connection that it accepts, and takes it back: with Python's own
5 ms a herd of connections was let in at 200 a second while signatures were checked beside it.
"""
COLLECT_AFTER: Final = (2_000, 10, 10)
"""How many objects are made before Python looks for circles among the young, and among all.

To look through all objects of 5,000 sockets takes half a second on a busy machine, in which nothing
else is done. With the 700 of Python 3.11 that was done ten times while they came back, a fifth of
the time; with 5,000 what broken connections left behind let the memory grow by up to 32 MiB.
"""
ACCEPTS_AT_ONCE: Final = 32
"""How many connections are let in before the loop does anything else.

uvloop lets one in for each socket that listens. With one, thousands who come at once stand before
the door for as many rounds of the loop, and an alarm behind them.
"""
BACKLOG: Final = 8192
"""As many as the system lets us: past it a connection is dropped, and asks again after seconds."""
_OPERATOR_REQUESTS: Final = 16


def serve(settings: Settings) -> int:
    """Serve until a signal, or until the storage fails.

    Returns:
        The exit status.

    Raises:
        StartError: The relay can't start; the sentence says what to do.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.ExitStack() as bound:
        listening = bound.enter_context(_bind(settings.host, settings.port, "port"))
        for_operator = None
        if settings.operator_port is not None:
            for_operator = bound.enter_context(
                _bind(settings.operator_host, settings.operator_port, "operator-port")
            )
        address = _show_address(settings.host, listening)
        loop = importlib.util.find_spec("uvloop")
        factory = importlib.import_module("uvloop").new_event_loop if loop else None
        if not settings.public_url:
            settings = dataclasses.replace(settings, public_url=address)
        with _own(settings), asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(_run(settings, listening, for_operator, address))


def _own(settings: Settings) -> contextlib.AbstractContextManager[None]:
    """Hold the right to serve a file; a PostgreSQL database may be served by several."""
    if settings.postgres:
        return contextlib.nullcontext()
    make_folder(settings)
    return own(settings.database)


async def _run(
    settings: Settings,
    listening: socket.socket,
    for_operator: socket.socket | None,
    address: str,
) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_failure)
    failed = asyncio.Event()

    def end() -> None:
        loop.call_soon_threadsafe(failed.set)

    relay = _open_relay(settings, on_failure=end)
    try:
        operating = Operating(relay, relay.heartbeats)
        server = _Server(
            _configure(make_door(relay, port=listening.getsockname()[1]), settings),
            address,
            operating.drain,
        )
        loops = [
            asyncio.ensure_future(loop)
            for loop in (_stop_on_failure(server, failed), *_loops(relay))
        ]
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        async with _listen_for_operator(operating, settings, for_operator):
            # Each takes a file: where there are few connections to let in, there are few of them.
            more = min(ACCEPTS_AT_ONCE - 1, count_places(settings.max_connections) // 128)
            await server.serve(sockets=[listening, *(listening.dup() for _ in range(more))])
        for task in loops:
            task.cancel()
    finally:
        # The writer may still be committing what was accepted.
        await asyncio.to_thread(relay.close)
    log_event("stopped")
    return 1 if failed.is_set() else 0


def _open_relay(settings: Settings, *, on_failure: Callable[[], None]) -> Relay:
    store = open_store(settings)
    try:
        return assemble(
            settings,
            store=store,
            clock=SystemClock(),
            on_failure=on_failure,
            log_key=find_log_key(settings, store),
            wake_key=find_wake_key(settings, store),
        )
    except BaseException:
        store.close()
        raise


def _loops(relay: Relay) -> tuple[Coroutine[None, None, None], ...]:
    """Give what a relay does by itself, for ever."""
    return (
        relay.sweeper.run(every_seconds=float(relay.settings.sweep_seconds)),
        relay.removals.run(),
        relay.escalator.run(),
        relay.waker.run(),
        relay.canaries.run(),
        relay.delivery.run(),
    )


@contextlib.asynccontextmanager
async def _listen_for_operator(
    operating: Operating, settings: Settings, listening: socket.socket | None
) -> AsyncIterator[None]:
    """Serve the operator's addresses until the context ends, where they are wanted."""
    if listening is None:
        yield
        return
    host, port = settings.operator_host, listening.getsockname()[1]
    config = _configure(OperatorDoor(operating, host=host, port=port), settings)
    config.limit_concurrency = _OPERATOR_REQUESTS
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedConnection(config, state, {}), sock=listening
    )
    address = _show_address(host, listening)
    sys.stdout.write(f"quietway-relay: operator's listener on {address}\n")
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()


async def _stop_on_failure(server: _Server, failed: asyncio.Event) -> None:
    await failed.wait()
    server.stop()


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready, and whose end is ours to choose."""

    def __init__(self, config: uvicorn.Config, address: str, on_drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._address = address
        self._on_drain = on_drain

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
        gc.enable()
        gc.set_threshold(*COLLECT_AFTER)
        sys.stdout.write(f"quietway-relay: listening on {self._address}\n")
        sys.stdout.flush()
        log_event("started")
        measure("started_seconds", time.time())

    def stop(self) -> None:
        """End after open requests are done; a second call ends at once."""
        self._on_drain()
        self.force_exit = self.should_exit
        self.should_exit = True


def _configure(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    lobby, upgrades = Lobby(count_places(settings.max_connections)), Upgrades()
    return uvicorn.Config(
        app,
        lifespan="off",
        http=partial(BoundedConnection, lobby=lobby, upgrades=upgrades),  # type: ignore[arg-type]  # it is called, as a class would be
        ws=partial(DirectSocket, unread=Unread(UNREAD_BYTES), upgrades=upgrades),  # type: ignore[arg-type]  # likewise
        ws_max_size=MAX_FRAME_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=SILENCE_SECONDS,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


def _show_address(host: str, listening: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"


def _bind(host: str, port: int, option: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP, so that asyncio too sends small answers at once.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"Port {port} is taken: stop the program that uses it, or choose another with"
                f" --{option} (0 picks a free one)."
            ) from None
        raise StartError(
            f"The relay can't listen on {host}, port {port}: choose an address of this machine with"
            f" --{option.replace('port', 'host')}, and a port above 1023 with --{option}."
        ) from None
    return listening
