"""A part of a herd in a process of its own, so that its work takes no time from who clocks alarms.

    python -m tests.faults.herd_process        (with AT_ONCE=1: without jitter)

The first line of its input is the relay's address and the devices; each further one is an order,
`sign` or `drop`. Whatever changes is told in a line: how many sockets are open, and so on.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
import uvloop
from tests.controls import without
from tests.faults.herd import Herd, grazing
from tests.relay_process import ROOT, product_environment

from quietway_crypto.signing import SigningKey
from quietway_schemas.ids import DeviceId
from quietway_server.lobby import count_places

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

JITTER: Final = "quietway.pausing:pause_after"
WAVE_SECONDS: Final = 0.1
_TOLD_EVERY_SECONDS: Final = 0.05
_LINE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class Status:
    """What became of some sockets.

    Attributes:
        open_: How many are open and were greeted.
        early: How many attempts since the drop came in its first wave.
        refused: How many attempts since the drop opened nothing.
        signed: How often their next requests were signed ahead.
        drops: How often they were dropped.
    """

    open_: int = 0
    early: int = 0
    refused: int = 0
    signed: int = 0
    drops: int = 0


class HerdProcesses:
    """A herd in several processes."""

    def __init__(self, parts: Sequence[asyncio.subprocess.Process]) -> None:
        self._parts = parts
        self._statuses = [Status() for _ in parts]
        self._listening = [
            asyncio.ensure_future(self._listen(number, part)) for number, part in enumerate(parts)
        ]

    @property
    def status(self) -> Status:
        """All parts together; of orders, how often every part has done them."""
        told = self._statuses
        return Status(
            *(sum(getattr(each, name) for each in told) for name in ("open_", "early", "refused")),
            *(min(getattr(each, name) for each in told) for name in ("signed", "drops")),
        )

    def order(self, what: str) -> None:
        """Tell all parts to `sign` or to `drop`."""
        for part in self._parts:
            _write(part, what)

    async def end(self) -> None:
        """End all parts."""
        for part in self._parts:
            part.kill()
        await asyncio.gather(*(part.wait() for part in self._parts), *self._listening)

    async def _listen(self, number: int, part: asyncio.subprocess.Process) -> None:
        assert part.stdout is not None
        async for line in part.stdout:
            self._statuses[number] = Status(**json.loads(line))


@contextlib.asynccontextmanager
async def herding(
    url: str, devices: Sequence[tuple[DeviceId, bytes]], *, parts: int, at_once: bool = False
) -> AsyncIterator[HerdProcesses]:
    """Let a herd live in some processes until the context ends.

    Args:
        url: The relay's address.
        devices: Who opens sockets, and the seeds of their keys.
        parts: How many processes.
        at_once: Whether it is the control: without jitter.
    """
    environment = product_environment(**({"AT_ONCE": "1"} if at_once else {}))
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            cwd=ROOT,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(parts)
    ]
    for number, part in enumerate(started):
        told = [(device.value.hex(), seed.hex()) for device, seed in devices[number::parts]]
        _write(part, json.dumps([url, told]))
    processes = HerdProcesses(started)
    try:
        yield processes
    finally:
        await processes.end()


def _write(part: asyncio.subprocess.Process, line: str) -> None:
    assert part.stdin is not None
    part.stdin.write(f"{line}\n".encode())


async def _live() -> None:
    orders = asyncio.StreamReader(limit=_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    url, told = json.loads(await orders.readline())
    devices = [(DeviceId(bytes.fromhex(d)), SigningKey(bytes.fromhex(s))) for d, s in told]
    herd, signed = Herd(url, devices), 0
    async with grazing(herd):
        telling = asyncio.ensure_future(_tell(herd, lambda: signed))
        async for line in orders:
            if line.strip() == b"sign":
                herd.sign_ahead()
                signed += 1
            else:
                herd.drop_all()
        telling.cancel()


async def _tell(herd: Herd, signed: Callable[[], int]) -> None:
    last = Status()
    while True:
        early = sum(pause <= WAVE_SECONDS for pause in herd.pauses)
        now = Status(len(herd.open_), early, herd.refused, signed(), herd.drops)
        if now != last:
            sys.stdout.write(f"{json.dumps(dataclasses.asdict(now))}\n")
            sys.stdout.flush()
        last = now
        await asyncio.sleep(_TOLD_EVERY_SECONDS)


if __name__ == "__main__":
    count_places(100_000)
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("AT_ONCE"):
            without(patch, JITTER, lambda *_, told: told)
        uvloop.run(_live())
