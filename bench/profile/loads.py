"""What a relay can be watched under: clients that submit, or devices that come back and read.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from bench.asked import read_count
from bench.mailboxes import fill, read_all
from bench.peers.relay import AGENCIES, DEVICES, PARTNERS
from bench.processes import NotMeasuredError
from bench.windows import CLIENTS, Window, drive

if TYPE_CHECKING:
    from bench.peers.relay import Relay
    from bench.place import Place

WAITING: Final = 20_000


class Load(Protocol):
    """A load.

    Attributes:
        agencies: How many agencies it needs.
    """

    agencies: int

    def prepare(self, relay: Relay) -> None:
        """Do what is not watched."""

    def run(self, relay: Relay) -> int:
        """Do what is watched; give how many envelopes it was."""


@dataclass(frozen=True, slots=True)
class Submitting:
    """Clients submit for a time."""

    place: Place
    window: Window
    agencies: int = AGENCIES

    def __str__(self) -> str:
        return str(self.window)

    def prepare(self, relay: Relay) -> None:
        """Nothing is to be prepared."""

    def run(self, relay: Relay) -> int:
        """Submit."""
        folder = self.place.new_folder("load")
        return drive(folder, self.window.task(self.place, relay.target())).all_envelopes


@dataclass(frozen=True, slots=True)
class Draining:
    """The devices of one agency read what waited, all at once."""

    place: Place
    agencies: int = 1

    def __str__(self) -> str:
        return f"relay, {DEVICES} mailboxes drained"

    def prepare(self, relay: Relay) -> None:
        """Fill the mailboxes."""
        fill(self.place, self.place.new_folder("filling"), relay, WAITING)

    def run(self, relay: Relay) -> int:
        """Read them."""
        return read_all(self.place.new_folder("load"), relay, sockets=DEVICES).envelopes


def choose_load(place: Place) -> Load:
    """Read which load is wanted.

    Raises:
        NotMeasuredError: There is no such load.
    """
    door = os.environ.get("DOOR") or "websocket"
    if door == "mailbox":
        return Draining(place)
    if door not in {"websocket", "http"}:
        raise NotMeasuredError("DOOR is websocket, http or mailbox.")
    batch = read_count("BATCH", 1, most=DEVICES)
    clients = read_count("CLIENTS", CLIENTS, most=PARTNERS)
    return Submitting(place, Window("relay", door, batch=batch, clients=clients))  # type: ignore[arg-type]  # one of the two
