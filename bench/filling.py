"""Is a relay as quick with 100,000 envelopes as with 1,000, and how large is it then?

Two relays stand side by side, one of each, and one client asks them in turn, a moment each: what
the disk does at that moment is the same for both. The full one is filled once a run.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.mailboxes import fill
from bench.peers.relay import Relay
from bench.windows import Window, drive

if TYPE_CHECKING:
    from pathlib import Path

    from bench.load.task import Task
    from bench.place import Place

FEW: Final = 1_000
MANY: Final = 100_000
TURNS: Final = 3
TURN_SECONDS: Final = 0.7
WARM_SECONDS: Final = 0.3
ONE_CLIENT: Final = Window("relay", "websocket", clients=1)


@dataclass(frozen=True, slots=True)
class Filled:
    """What was seen.

    Attributes:
        few_p50_us: Accept latency of one client where 1,000 and a few more are stored.
        many_p50_us: The same where 100,000 are.
    """

    few_p50_us: float
    many_p50_us: float

    def __str__(self) -> str:
        return f"p50 {self.few_p50_us:,.0f} us with few, {self.many_p50_us:,.0f} us with many"


class _Full:
    """A relay that holds many. It ends with the place."""

    def __init__(self, place: Place) -> None:
        self.folder = place.new_folder("full")
        self.relay = Relay(self.folder)
        empty = self.relay.disk_bytes()
        held = fill(place, self.folder, self.relay, MANY)
        self.disk_bytes = (self.relay.disk_bytes() - empty) / held


@dataclass(frozen=True, slots=True)
class Storing:
    """A full relay, and what it takes on the disk: bytes for each envelope, its log included."""

    def __str__(self) -> str:
        return f"relay, {MANY:,} stored, bytes of disk for each"

    def run(self, place: Place) -> float:
        """Fill it, if that was not done yet."""
        return place.keep(_Full, lambda: _Full(place)).disk_bytes


@dataclass(frozen=True, slots=True)
class Filling:
    """One client asks two relays in turn, one of which is full."""

    def __str__(self) -> str:
        return f"relay, {FEW:,} stored beside {MANY:,}"

    def run(self, place: Place) -> Filled:
        """Fill what is not filled yet, then ask."""
        full = place.keep(_Full, lambda: _Full(place))
        folder = place.new_folder("few")
        with Relay(folder) as relay:
            fill(place, folder, relay, FEW)
            pairs = [
                (_ask(place, folder, relay), _ask(place, full.folder, full.relay))
                for _ in range(TURNS)
            ]
        few, many = zip(*pairs, strict=True)
        return Filled(median(few), median(many))


def _ask(place: Place, folder: Path, relay: Relay) -> float:
    task: Task = ONE_CLIENT.task(place, relay.target())
    task = replace(task, seconds=TURN_SECONDS, warm_seconds=WARM_SECONDS)
    return drive(folder, task).p50_us
