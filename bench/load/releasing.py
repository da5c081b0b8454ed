"""Many ladders at once: they are placed, and each tier's alert is timed against when it was due.

A ladder has four tiers, one device each; the first goes at once and is not counted. Due is counted
from before the ladder was handed over, so what is called late here is a little more than the relay
is late.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

import uvloop
from bench.load.client import LoadError
from bench.load.mailbox import Reader, open_readers
from bench.load.task import percentile
from bench.load.websocket import BINARY
from tests.faults.line import CutOffError, RelayAwayError, line_to
from tests.server.ladders import Sealer

from quietway_crypto.encoding import encode_base64
from quietway_schemas.frames import EnvelopeFrame

if TYPE_CHECKING:
    from tests.server.ladders import Sealed

LADDER: Final = "application/vnd.quietway.ladder"
CREATED: Final = 201
TIERS: Final = 4
PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class ReleaseTask:
    """What is asked.

    Attributes:
        port: The relay's.
        called: Requests that open the devices' sockets.
        mailboxes: Theirs, in hex.
        lane: One of kind crisis, in base64.
        epoch: Of the keys that alerts are sealed to.
        ladders: How many.
        clients: How many place them side by side.
        first: The first second at which a tier is due.
        last: The last one.
    """

    port: int
    called: list[str]
    mailboxes: list[str]
    lane: str
    epoch: int
    ladders: int
    clients: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Released:
    """What was seen: by how much alerts came after they were due."""

    alerts: int
    p50_ms: float
    p99_ms: float
    most_ms: float

    def __str__(self) -> str:
        return (
            f"{self.alerts:,} alerts released, late p50 {self.p50_ms:.1f} ms,"
            f" p99 {self.p99_ms:.1f} ms, {self.most_ms:.1f} ms at most"
        )


class _Came:
    """When each envelope came, of all devices."""

    def __init__(self, wanted: int) -> None:
        self.at: dict[bytes, float] = {}
        self.all = asyncio.Event()
        self._wanted = wanted

    def note(self, payload: bytes) -> None:
        self.at[EnvelopeFrame.unpack(payload).header.envelope_id.value] = time.perf_counter()
        if len(self.at) == self._wanted:
            self.all.set()


class _Noting(Reader):
    came: _Came

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == BINARY:
            self.came.note(payload)
        super()._take(opcode, payload)


async def run(task: ReleaseTask) -> Released:
    """Place all ladders, and wait for all alerts."""
    readers = await open_readers(task.called, task.port, at_once=1, kind=_Noting)
    came = _Came(TIERS * task.ladders)
    for reader in readers:
        reader.came = came
        reader.say_hello()
    await asyncio.gather(*(reader.done for reader in readers))
    ladders = _seal(task)
    sent: dict[bytes, float] = {}
    await asyncio.gather(
        *(_place(task, ladders[number :: task.clients], sent) for number in range(task.clients))
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        await came.all.wait()
    for reader in readers:
        reader.close()
    late = sorted(
        (came.at[names[0]] - sent[sealed.hold] - tier.due) * 1e3
        for sealed in ladders
        for tier, names in zip(sealed.ladder.tiers, sealed.names, strict=True)
        if tier.due
    )
    return Released(len(late), percentile(late, 0.5), percentile(late, 0.99), late[-1])


def _seal(task: ReleaseTask) -> list[Sealed]:
    sealer, draw = Sealer(1, epoch=task.epoch), Random(1)  # noqa: S311 - nothing is guarded by it
    mailboxes = [bytes.fromhex(held) for held in task.mailboxes]
    dues = [
        [0, *sorted(draw.sample(range(task.first, task.last + 1), TIERS - 1))]
        for _ in range(task.ladders)
    ]
    return [sealer.ladder({at: (draw.choice(mailboxes),) for at in each}) for each in dues]


async def _place(task: ReleaseTask, ladders: list[Sealed], sent: dict[bytes, float]) -> None:
    headers = {"Content-Type": LADDER, "Quietway-Lane": task.lane}
    async with line_to(task.port) as line:
        for sealed in ladders:
            sent[sealed.hold] = time.perf_counter()
            path = f"/v1/holds/{encode_base64(sealed.hold)}"
            status, answer = await line.ask("PUT", path, headers, sealed.body)
            if status != CREATED:
                raise LoadError(f"A ladder was refused: {answer.decode(errors='replace')}")


def main() -> int:
    """Read the task, run it, print what was seen."""
    given: dict[str, Any] = json.load(sys.stdin)
    try:
        seen = uvloop.run(run(ReleaseTask(**given)))
    except TimeoutError:
        print("An alert did not come.")
        return 1
    except (LoadError, RelayAwayError, CutOffError, OSError) as error:
        print(error)
        return 1
    print(json.dumps(asdict(seen)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
