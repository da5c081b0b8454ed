"""Work on mailboxes: fill a relay, read it empty, keep its sockets open and idle.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from bench.load.reading import Read, ReadingTask
from bench.peers.relay import DEVICES, Relay
from bench.processes import Process
from bench.windows import Window, drive
from tests.relay_process import product_environment

if TYPE_CHECKING:
    from pathlib import Path

    from bench.place import Place

FILLING_CLIENTS: Final = 16
FILLING_BATCH: Final = 50
PATIENCE_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Many sockets at once on mailboxes that hold so much.

    Attributes:
        sockets: How many, each on a mailbox of its own.
        each: How many envelopes wait in each mailbox, on average; 0 leaves the sockets idle.
    """

    sockets: int
    each: int

    def __str__(self) -> str:
        held = f"{self.each} waiting in each" if self.each else "idle"
        return f"relay, {self.sockets} mailbox sockets, {held}"

    def run(self, place: Place) -> Read:
        """Fill the mailboxes, then read them."""
        folder = place.new_folder("mailboxes")
        with Relay(folder, agencies=-(-self.sockets // DEVICES)) as relay:
            if self.each:
                fill(place, folder, relay, self.sockets * self.each)
            return read_all(folder, relay, sockets=self.sockets)


def read_all(folder: Path, relay: Relay, *, sockets: int) -> Read:
    """Read the first mailboxes to their end, all at once."""
    task = ReadingTask(relay.port, relay.process.pid, relay.upgrades()[:sockets])
    readers = Process(
        [sys.executable, "-m", "bench.load.reading"],
        log=folder / "readers.log",
        environment=product_environment(),
        reads=True,
    )
    said = readers.ask(json.dumps(asdict(task)).encode(), seconds=PATIENCE_SECONDS)
    return Read(**json.loads(said))


def fill(place: Place, folder: Path, relay: Relay, count: int) -> int:
    """Submit envelopes to all mailboxes alike.

    Returns:
        How many; the last batch may go beyond `count`.
    """
    window = Window("relay", "http", batch=FILLING_BATCH, clients=FILLING_CLIENTS, whole=count)
    return drive(folder, window.task(place, relay.target())).all_envelopes
