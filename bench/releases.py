"""Ladders by the hundred, and how late the relay releases their tiers.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from bench.load.releasing import Released, ReleaseTask
from bench.peers.relay import Relay
from bench.processes import Process
from tests.relay_process import product_environment

if TYPE_CHECKING:
    from bench.place import Place

LADDERS: Final = 500
# One after the other: who waits for a turn to place would count as the relay's being late.
CLIENTS: Final = 1
FIRST_SECONDS: Final = 3
LAST_SECONDS: Final = 10
PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Releases:
    """Many ladders side by side, all for devices that are connected."""

    def __str__(self) -> str:
        return f"relay, {LADDERS} ladders at once"

    def run(self, place: Place) -> Released:
        """Enrol an agency, and let its devices be called."""
        folder = place.new_folder("releases")
        with Relay(folder, agencies=1) as relay:
            load = Process(
                [sys.executable, "-m", "bench.load.releasing"],
                log=folder / "load.log",
                environment=product_environment(),
                reads=True,
            )
            task = json.dumps(asdict(_task(relay))).encode()
            return Released(**json.loads(load.ask(task, seconds=PATIENCE_SECONDS)))


def _task(relay: Relay) -> ReleaseTask:
    (called,) = relay.agencies
    return ReleaseTask(
        port=relay.port,
        called=called.upgrades(relay.port),
        mailboxes=called.mailboxes,
        lane=relay.target([called], kind="crisis")["lanes"][0],
        epoch=called.signer.record().header.epoch,
        ladders=LADDERS,
        clients=CLIENTS,
        first=FIRST_SECONDS,
        last=LAST_SECONDS,
    )
