"""An alarm in the middle of everything: one sender, 20 devices, and the time until the last has it.

Meanwhile other senders submit at a steady pace, whether they were answered or not, and many other
devices hold their sockets open. The next alarm goes out when the last one is complete, and not
before its time.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import uvloop
from bench.load.client import LoadError
from bench.load.mailbox import Reader, open_readers
from bench.load.task import Task, percentile
from bench.load.websocket import ACCEPTED, TEXT, WebsocketClient

if TYPE_CHECKING:
    from collections.abc import Sequence

TICK_SECONDS: Final = 0.01
PATIENCE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class AlarmTask:
    """What is asked.

    Attributes:
        idle: Requests that open the sockets of devices that only wait.
        called: Requests that open the sockets of those that the alarm is for.
        alarm: How the alarms are submitted: a `Task` of one client.
        others: How the others submit: a `Task`; its supply is spread over its seconds.
        pause_seconds: From one alarm to the next, at least.
    """

    idle: list[str]
    called: list[str]
    alarm: dict[str, Any]
    others: dict[str, Any]
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Alarmed:
    """What was seen: from handing an alarm over until the last of the devices had it."""

    alarms: int
    p50_ms: float
    p99_ms: float
    others_rate: float

    def __str__(self) -> str:
        return (
            f"{self.alarms} alarms, p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms;"
            f" {self.others_rate:,.0f} envelopes/s of others"
        )


class Submitter(WebsocketClient):
    """A client that does not wait for its answers, and counts what was accepted."""

    def take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT and payload.startswith(ACCEPTED):
            self.answered = int(payload[len(ACCEPTED) : -1])
        else:
            super().take(opcode, payload)


class _Completion:
    """Tells when every reader has one envelope more."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers
        self._missing = 0
        self._done: asyncio.Future[float]
        for reader in readers:
            reader.on_envelope = self._count

    def begin(self) -> asyncio.Future[float]:
        self._missing = len(self._readers)
        self._done = asyncio.get_running_loop().create_future()
        return self._done

    def _count(self) -> None:
        self._missing -= 1
        if self._missing == 0:
            self._done.set_result(time.perf_counter())


async def run(task: AlarmTask) -> Alarmed:
    """Open everything, let the others submit, and raise alarms until their time is over."""
    alarm, others = Task(**task.alarm), Task(**task.others)
    idle = await open_readers(task.idle, alarm.port, at_once=1)
    called = await open_readers(task.called, alarm.port, at_once=1)
    for reader in (*idle, *called):
        reader.say_hello()
    await asyncio.gather(*(reader.done for reader in (*idle, *called)))
    (sender,), senders = await _connect(alarm), await _connect(others)
    submitting = asyncio.create_task(_submit(senders, others))
    await asyncio.sleep(others.warm_seconds)
    took: list[float] = []
    completion = _Completion(called)
    while not submitting.done():
        took.append(await _raise_alarm(sender, completion))
        await asyncio.sleep(max(0.0, task.pause_seconds - took[-1]))
    rate = await submitting
    for client in (sender, *senders, *idle, *called):
        client.close()
    took.sort()
    return Alarmed(len(took), percentile(took, 0.5) * 1e3, percentile(took, 0.99) * 1e3, rate)


async def _raise_alarm(sender: Submitter, completion: _Completion) -> float:
    done = completion.begin()
    sender.send_next()
    if sender.failure or sender.ended:
        raise LoadError(sender.failure or "There were too few alarms.")
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await done - sender.sent_at


async def _connect(task: Task) -> list[Submitter]:
    clients = [Submitter(task, number) for number in range(task.clients)]
    loop = asyncio.get_running_loop()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", task.port)
    await asyncio.gather(*(client.ready for client in clients))
    return clients


async def _submit(clients: Sequence[Submitter], task: Task) -> float:
    """Submit the supply at a steady pace; give how many were accepted a second."""
    began, sent = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < task.seconds:
        while sent < int(task.supply * elapsed / task.seconds):
            clients[sent % len(clients)].send_next()
            sent += 1
        await asyncio.sleep(TICK_SECONDS)
    if failures := [client.failure for client in clients if client.failure]:
        raise LoadError(failures[0])
    return sum(client.answered for client in clients) / elapsed


def main() -> int:
    """Read the task, run it, print what was seen."""
    try:
        seen = uvloop.run(run(AlarmTask(**json.load(sys.stdin))))
    except TimeoutError:
        print("An alarm did not reach every device.")
        return 1
    except (LoadError, OSError) as error:
        print(error)
        return 1
    print(json.dumps(asdict(seen)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
