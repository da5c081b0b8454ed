"""The mailbox on a websocket: what comes is here at once.

The upgrade is signed once; then a `MailboxSession` of the protocol package judges each frame. What
ends the connection, ends the iteration with `RelayUnreachable`: the caller opens again, and what
was not acknowledged comes again. Frames are never compressed, redirects never followed, and the
library's log, which would hold headers, is switched off.

Spec: docs/spec/relay-protocol.md, "Websocket".
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from quietway.errors import RelayUnreachable
from quietway.ports import Arrival, Welcome
from quietway.transport.address import to_websocket
from quietway.transport.answers import Answer, name_problem, raise_problem
from quietway.transport.polling import make_ack
from quietway.transport.wire import CONNECT_SECONDS, make_tls_context
from quietway_protocol.errors import ProtocolError
from quietway_protocol.events import EnvelopeArrived, Latest, PeerClosing, Welcomed
from quietway_protocol.session import MailboxSession
from quietway_protocol.states import Role
from quietway_schemas.frames import MAX_FRAME_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from quietway.transport.asking import Asker
    from quietway_protocol.events import Event
    from quietway_schemas.frames import Hello
    from quietway_schemas.instants import Instant

TARGET: Final = "/v1/mailbox"
PING_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 15.0
_CLOSE_SECONDS: Final = 2.0
_NO_LOG: Final = logging.getLogger("quietway.no-log")
_NO_LOG.disabled = True


class SocketBlocked(Exception):
    """No websocket passes here, though the relay may be reached otherwise. It stays inside."""


async def listen_for_latest(asker: Asker, *, proxy: str | None) -> AsyncGenerator[int, None]:
    """Yield the newest number of a mailbox as the relay tells it, until the connection ends.

    Args:
        asker: Signs with a listen key, under `listen:` and the device's id.
        proxy: The proxy that leads to the relay, or None.

    Raises:
        RelayUnreachable: No socket opened, or the connection is gone.
        RelayRefused: The relay does not know the key.
        ClockError: It says that this machine's clock is wrong.
    """
    try:
        socket = await _connect(asker, proxy)
    except SocketBlocked:
        raise RelayUnreachable from None
    session = MailboxSession(Role.CLIENT)
    try:
        while True:
            match session.feed(await socket.recv()):
                case Latest(latest):
                    yield latest
                case PeerClosing(problem):
                    raise name_problem(problem)
                case _:
                    raise RelayUnreachable
    except (WebSocketException, ProtocolError, OSError):
        raise RelayUnreachable from None
    finally:
        await socket.close()


class _OneAddress(connect):
    """The library's way to connect, without its following of redirects."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class StreamedMailbox:
    """A `Mailbox` over a websocket. Make one with `open`."""

    def __init__(self, socket: ClientConnection, session: MailboxSession, welcome: Welcome) -> None:
        self._socket = socket
        self._session = session
        self._welcome = welcome
        self._open = True

    @classmethod
    async def open(cls, asker: Asker, hello: Hello, *, proxy: str | None) -> StreamedMailbox:
        """Connect, say hello, and wait for the welcome.

        Raises:
            SocketBlocked: Something in between let no socket pass.
            RelayRefused: The relay itself refused.
            ClockError: It says that this machine's clock is wrong.
        """
        socket = await _connect(asker, proxy)
        session = MailboxSession(Role.CLIENT)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                welcome = await _greet(socket, session, hello)
        except (TimeoutError, WebSocketException, ProtocolError, OSError):
            await socket.close()
            raise SocketBlocked from None
        except BaseException:
            await socket.close()
            raise
        return cls(socket, session, welcome)

    @property
    def welcome(self) -> Welcome:
        """What the relay said at the opening."""
        return self._welcome

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """Yield envelopes as they come, until the mailbox is closed."""
        while self._open:
            match await self._receive():
                case EnvelopeArrived(seq, header, sealed):
                    yield Arrival(seq, header.pack() + sealed)
                case PeerClosing(problem):
                    raise name_problem(problem)
                case None:
                    return
                case _:
                    await self._break_off()

    async def acknowledge(self, seqs: Sequence[int]) -> None:
        """Tell the relay that these are in the device's own store."""
        make_ack(seqs)
        try:
            await self._socket.send(self._session.send_ack(seqs=seqs))
        except (ProtocolError, WebSocketException, OSError):
            raise RelayUnreachable from None

    async def aclose(self) -> None:
        """Close the connection; closing twice is fine."""
        self._open = False
        await self._socket.close()

    async def _receive(self) -> Event | None:
        try:
            return self._session.feed(await self._socket.recv())
        except ConnectionClosed:
            if self._open:
                raise RelayUnreachable from None
            return None
        except ProtocolError:
            await self._break_off()
            return None

    async def _break_off(self) -> None:
        self._open = False
        await self._socket.close(code=1008)
        raise RelayUnreachable


async def _connect(asker: Asker, proxy: str | None) -> ClientConnection:
    secure = asker.url.startswith("https:")
    try:
        return await _OneAddress(
            to_websocket(asker.url) + TARGET,
            additional_headers=asker.sign("GET", TARGET),
            ssl=make_tls_context() if secure else None,
            proxy=proxy,
            compression=None,
            user_agent_header="quietway",
            open_timeout=CONNECT_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=SILENCE_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            max_size=MAX_FRAME_BYTES,
            logger=_NO_LOG,
        )
    except InvalidStatus as refused:
        raise_problem(_to_answer(refused), now=asker.clock.now())
        raise SocketBlocked from None
    except (WebSocketException, TimeoutError, OSError):
        raise SocketBlocked from None


async def _greet(socket: ClientConnection, session: MailboxSession, hello: Hello) -> Welcome:
    await socket.send(
        session.send_hello(
            after=hello.after, witness_now=hello.witness_now, witness_was=hello.witness_was
        )
    )
    match session.feed(await socket.recv()):
        case Welcomed(latest, acknowledged, now, witness_kept):
            moment: Instant = now
            return Welcome(latest, acknowledged, moment, witness_kept)
        case PeerClosing(problem):
            raise name_problem(problem)
        case _:
            raise SocketBlocked


def _to_answer(refused: InvalidStatus) -> Answer:
    response = refused.response
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    return Answer(response.status_code, headers, bytes(response.body or b""))
