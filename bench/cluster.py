"""Two relays on one PostgreSQL under load: half of the clients at each, and one figure for both.

PostgreSQL runs in a folder on the disk of the project, as it comes but for a larger buffer. The
relays stand on one database and have the same agencies, so that both write to the same mailboxes.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.load.task import MOST_TIMES, Outcome
from bench.peers.relay import Relay
from bench.processes import Process
from bench.windows import CLIENTS, PATIENCE_SECONDS, Window
from tests.postgres_server import PostgresServer
from tests.relay_process import product_environment

if TYPE_CHECKING:
    from pathlib import Path

    from bench.load.task import Task
    from bench.place import Place

RELAYS = 2


@dataclass(frozen=True, slots=True)
class TwoRelays:
    """One window of load on two relays.

    Attributes:
        batch: Recipients of one message.
    """

    batch: int = 1

    def __str__(self) -> str:
        return f"two relays on PostgreSQL, websocket, {CLIENTS} x {self.batch}"

    def run(self, place: Place) -> float:
        """Start all of it, drive it, end it; give envelopes a second."""
        folder = place.new_folder("cluster")
        half = Window("relay", "websocket", batch=self.batch, clients=CLIENTS // RELAYS)
        with PostgresServer(disk=folder, shared_buffers="128MB") as server:
            settings = {"database": server.make_database(), "log-key": str(folder / "log-key")}
            with (
                Relay(_made(folder / "one"), settings=settings) as one,
                Relay(_made(folder / "two"), settings=settings, agencies=0) as two,
            ):
                two.agencies = one.agencies
                tasks = [half.task(place, relay.target()) for relay in (one, two)]
                return sum(outcome.rate for outcome in _drive(folder, tasks))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _drive(folder: Path, tasks: list[Task]) -> list[Outcome]:
    """Run the loads at the same time, each in a process of its own."""
    loads = [
        Process(
            [sys.executable, "-m", "bench.load"],
            log=folder / f"load-{number}.log",
            environment=product_environment(),
            reads=True,
        )
        for number in range(len(tasks))
    ]
    for load, task in zip(loads, tasks, strict=True):
        assert load.child.stdin is not None
        load.child.stdin.write(task.to_json())
        load.child.stdin.close()
        load.child.stdin = None
    patience = PATIENCE_SECONDS + MOST_TIMES * tasks[0].seconds
    return [Outcome(**json.loads(load.ask(b"", seconds=patience))) for load in loads]
