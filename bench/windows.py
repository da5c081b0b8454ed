"""The windows of load that claims are made of: who is driven, by which door, how many at once.

Each window gets a server of its own with an empty store, alone on the machine, so that no round
leans on the one before it.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from bench.fsyncs import make_counter
from bench.load.task import MOST_TIMES, Outcome, Task
from bench.peers.jetstream import JetStream
from bench.peers.relay import AGENCIES, DEVICES, Relay
from bench.processes import Process
from tests.relay_process import product_environment

if TYPE_CHECKING:
    from pathlib import Path

    from bench.place import Place

CLIENTS: Final = 64
BATCH: Final = 20
WARM_SECONDS: Final = 0.5
WHOLE_SECONDS: Final = 120.0
PATIENCE_SECONDS: Final = 60.0
# What is made beforehand is enough for this many envelopes a second, times how long they run.
FASTEST: Final = {"single": 16_000, "batch": 32_000, "one": 3_000}


@dataclass(frozen=True, slots=True)
class Window:
    """One window of load.

    Attributes:
        server: Who is driven.
        door: `http`, `websocket` or `nats`.
        batch: Recipients of one message.
        clients: How many clients, each with one message under way.
        counts_fsyncs: Whether the relay counts its fsyncs.
        whole: Send so many envelopes, however long it takes; 0 sends for a time.
    """

    server: Literal["relay", "always", "default"]
    door: Literal["http", "websocket", "nats"]
    batch: int = 1
    clients: int = CLIENTS
    counts_fsyncs: bool = False
    whole: int = 0

    def __str__(self) -> str:
        name = "relay" if self.server == "relay" else f"JetStream {self.server}"
        return f"{name}, {self.door}, {self.clients} x {self.batch}"

    def run(self, place: Place) -> Outcome:
        """Start the server, drive it, end it."""
        folder = place.new_folder(self.server)
        if self.server != "relay":
            with JetStream(folder, sync=self.server, mailboxes=draw_mailboxes()) as peer:
                return drive(folder, self.task(place, peer.target()))
        counter, environment = make_counter(place, folder) if self.counts_fsyncs else (None, {})
        with Relay(folder, environment=environment) as relay:
            return drive(folder, self.task(place, relay.target(), counter))

    def task(self, place: Place, target: dict[str, Any], counter: Path | None = None) -> Task:
        """Put together what the load is asked."""
        warm = 0.0 if self.whole else min(WARM_SECONDS, place.seconds)
        seconds = WHOLE_SECONDS if self.whole else place.seconds
        kind = "one" if self.clients == 1 else "single" if self.batch == 1 else "batch"
        return Task(
            kind=self.door,
            batch=self.batch,
            clients=self.clients,
            supply=self.whole or int(FASTEST[kind] * (seconds + warm)),
            seconds=seconds,
            warm_seconds=warm,
            counter=str(counter) if counter else None,
            whole=bool(self.whole),
            **target,
        )


def drive(folder: Path, task: Task) -> Outcome:
    """Run the load in a process of its own."""
    load = Process(
        [sys.executable, "-m", "bench.load"],
        log=folder / "load.log",
        environment=product_environment(),
        reads=True,
    )
    return Outcome(
        **json.loads(load.ask(task.to_json(), seconds=PATIENCE_SECONDS + MOST_TIMES * task.seconds))
    )


def draw_mailboxes() -> list[list[str]]:
    """Draw as many mailboxes for a peer as our relay has."""
    return [[secrets.token_bytes(16).hex() for _ in range(DEVICES)] for _ in range(AGENCIES)]
