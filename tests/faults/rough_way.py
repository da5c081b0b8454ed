"""A rough way to a relay: a proxy that delays, loses, squeezes, cuts, and lets go.

What a lossy network does to TCP is told to TCP's user in time alone: a segment that is lost comes a
retransmission later, and what follows waits behind it. So that is what a seed draws here. A cut
holds bytes back, in one direction or in both; its end gives them back, or the connections of that
time are reset, as by a router that forgot them; or nobody is let in meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Coroutine

Direction: TypeAlias = Literal["to relay", "from relay"]
BOTH: Final[tuple[Direction, ...]] = ("to relay", "from relay")
_SEGMENT_BYTES: Final = 1_448
_FIRST_RETRY_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Weather:
    """What the way is like, in each direction.

    Attributes:
        latency: Seconds from one end to the other.
        loss: How many of all segments are lost, each time that they are sent.
        rate: Bytes a second; 0 for as many as there are.
    """

    latency: float = 0.0
    loss: float = 0.0
    rate: float = 0.0

    def __str__(self) -> str:
        rate = f", {self.rate * 8 / 1000:.0f} kbit/s" if self.rate else ""
        return f"loss {self.loss:.0%}, latency {self.latency * 1000:.0f} ms{rate}"

    def hold_back(self, size: int, draw: Random) -> float:
        """Draw for how long a piece is held up by what is lost of it, and by the rate."""
        held = size / self.rate if self.rate else 0.0
        for _ in range(-(-size // _SEGMENT_BYTES)):
            retry = max(_FIRST_RETRY_SECONDS, 2 * self.latency)
            while draw.random() < self.loss:
                held, retry = held + retry, 2 * retry
        return held


class RoughWay:
    """A way from a port of its own to the relay's. Use it as a context.

    Attributes:
        port: Where clients connect.
        relay_port: Where the relay is. Set it before anybody connects.
        weather: May change at any time.
    """

    def __init__(self, seed: int) -> None:
        self.weather = Weather()
        self.port = 0
        self.relay_port = 0
        self._draw = Random(f"{seed} way")
        self._open = {way: asyncio.Event() for way in BOTH}
        self._lets_in = True
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.heal()

    @property
    def url(self) -> str:
        """The address that clients take for the relay's."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self, ways: tuple[Direction, ...] = BOTH, *, refuses: bool = False) -> None:
        """Hold back what goes these ways from now on.

        Args:
            ways: Which.
            refuses: Whether who comes anew is turned away at once, and not left waiting.
        """
        for way in ways:
            self._open[way].clear()
        self._lets_in = not refuses

    def heal(self, *, forgets: bool = False) -> None:
        """Let everything through again.

        Args:
            forgets: Whether the connections of before are reset, with what was held back.
        """
        if forgets:
            for writer in [*self._ends]:
                writer.transport.abort()
        self._lets_in = True
        for gate in self._open.values():
            gate.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._ends.add(writer)
        with suppress(OSError):
            try:
                if self._lets_in:
                    await self._lead(reader, writer, ends)
            finally:
                self._ends -= ends
                for end in ends:
                    end.transport.abort()
                    end.close()

    async def _lead(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: set[asyncio.StreamWriter],
    ) -> None:
        # As long as a handshake takes: there and back again.
        handshake = 2 * self.weather.latency + self.weather.hold_back(1, self._draw)
        await asyncio.sleep(handshake)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.relay_port)
        ends.add(far_writer)
        self._ends.add(far_writer)
        there = self._spawn(self._carry("to relay", reader, far_writer))
        back = self._spawn(self._carry("from relay", far_reader, writer))
        await asyncio.wait([there, back])

    async def _carry(
        self, way: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take pieces at one end as they come, and put each out at the other in its time."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        putting = self._spawn(self._put(way, pieces, writer))
        now, free = asyncio.get_running_loop().time, 0.0
        with suppress(OSError):
            while True:
                piece = await reader.read(65_536)
                # Whatever is held up holds up what comes behind it.
                free = max(free, now()) + self.weather.hold_back(len(piece), self._draw)
                pieces.put_nowait((free + self.weather.latency, piece))
                if not piece:
                    break
        await asyncio.wait([putting])

    async def _put(
        self,
        way: Direction,
        pieces: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
    ) -> None:
        now = asyncio.get_running_loop().time
        with suppress(OSError):
            while True:
                at, piece = await pieces.get()
                await asyncio.sleep(max(0.0, at - now()))
                await self._open[way].wait()
                if not piece:
                    break
                writer.write(piece)
                await writer.drain()
        writer.close()

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
