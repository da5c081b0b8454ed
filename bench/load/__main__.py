"""The load: many clients in one process, against one server, for one window of time.

It reads a task as JSON, makes all its messages, connects, lets the clients run warm, then counts
what is answered between two instants and what the server's CPU did in between. Each client sends
its next message when the last one was answered whole. The window grows until each client has had
three answers on average, up to four times what was asked.

Rules: nothing is made, copied or parsed in the window that could be made before it; what the load
itself cost is told too, so that a figure which measured the load instead is seen.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import TYPE_CHECKING

import uvloop
from bench.fsyncs import read_counter
from bench.load.client import LoadError
from bench.load.http import HttpClient
from bench.load.nats import NatsClient
from bench.load.task import MOST_TIMES, Outcome, Task, percentile
from bench.load.websocket import WebsocketClient
from bench.processes import cpu_seconds

if TYPE_CHECKING:
    from bench.load.client import LoadClient

WARM_ANSWERS = 1
ANSWERS = 3
LOOK_SECONDS = 0.02
KINDS = {"http": HttpClient, "websocket": WebsocketClient, "nats": NatsClient}


class _Instant:
    """Where everything stood at one moment."""

    def __init__(self, task: Task, clients: list[LoadClient]) -> None:
        self.time = time.perf_counter()
        self.server = cpu_seconds(task.pid)
        self.load = cpu_seconds(os.getpid())
        self.fsyncs = read_counter(task.counter)
        self.answered = sum(client.answered for client in clients)
        self.batches = [len(client.latencies) for client in clients]


async def run(task: Task) -> Outcome:
    """Run one window."""
    clients = [KINDS[task.kind](task, number) for number in range(task.clients)]
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for client in clients:
        client.on_end = lambda: over.set() if _is_over(task, clients) else None
        await loop.create_connection(lambda client=client: client, "127.0.0.1", task.port)
    await asyncio.gather(*(client.ready for client in clients))
    for client in clients:
        client.send_next()
    await _pass(over, clients, task.warm_seconds, answers=0 if task.whole else WARM_ANSWERS)
    _refuse_failure(clients)
    if over.is_set() and not task.whole:
        raise LoadError("The messages ran out before the window began.")
    start = _Instant(task, clients)
    await _pass(over, clients, task.seconds, answers=ANSWERS)
    end = _Instant(task, clients)
    _refuse_failure(clients)
    for client in clients:
        client.close()
    return _compare(task, clients, start, end)


def _is_over(task: Task, clients: list[LoadClient]) -> bool:
    """Tell whether to stop, after a client ended: the first ends it all, unless all is sent."""
    failed = any(client.failure for client in clients)
    return failed or not task.whole or all(client.ended for client in clients)


async def _pass(
    over: asyncio.Event, clients: list[LoadClient], seconds: float, *, answers: int
) -> None:
    """Let time pass, and more of it where a client has had fewer answers than that on average.

    A server may answer in bursts: a window that is shorter than a few of them would count chance.
    """
    began, before = time.perf_counter(), _count_batches(clients)
    await _wait(over, seconds)
    while not over.is_set() and _count_batches(clients) - before < answers * len(clients):
        if time.perf_counter() - began > MOST_TIMES * seconds:
            return
        await _wait(over, LOOK_SECONDS)


def _count_batches(clients: list[LoadClient]) -> int:
    return sum(len(client.latencies) for client in clients)


def _refuse_failure(clients: list[LoadClient]) -> None:
    for client in clients:
        if client.failure:
            raise LoadError(client.failure)


async def _wait(over: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await over.wait()
    except TimeoutError:
        return


def _compare(task: Task, clients: list[LoadClient], start: _Instant, end: _Instant) -> Outcome:
    pairs = zip(clients, start.batches, end.batches, strict=True)
    latencies = sorted(took for client, since, to in pairs for took in client.latencies[since:to])
    if end.answered == start.answered:
        raise LoadError("Nothing was answered in the window.")
    # Where no batch came to its end, each took longer than the window.
    latencies = latencies or [end.time - start.time]
    counted = task.counter is not None
    return Outcome(
        envelopes=end.answered - start.answered,
        all_envelopes=sum(client.answered for client in clients),
        seconds=end.time - start.time,
        server_cpu_seconds=end.server - start.server,
        load_cpu_seconds=end.load - start.load,
        p50_us=percentile(latencies, 0.50) * 1e6,
        p99_us=percentile(latencies, 0.99) * 1e6,
        fsyncs=end.fsyncs - start.fsyncs if counted else None,
    )


def main() -> int:
    """Read the task, run it, print the outcome."""
    task = Task(**json.load(sys.stdin))
    try:
        outcome = uvloop.run(run(task))
    except (LoadError, OSError) as error:
        print(error)
        return 1
    print(outcome.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
