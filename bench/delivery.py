"""From `send()` to the handler: two clients of the SDK, two agencies, an idle relay between them.

Each client runs in a process of its own, with its encrypted store on the disk. Messages go one at a
time; each is signed, sealed under the hybrid suite, made durable by the sender and by the relay,
pushed, opened, made durable by the reader, and then handed to the program.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.load.talking import PASSPHRASE
from bench.load.task import percentile
from bench.peers.relay import Relay
from bench.processes import Process
from tests.relay_process import product_environment

from quietway import AsyncClient, PassphraseParameters

if TYPE_CHECKING:
    from pathlib import Path

    from bench.place import Place

MESSAGES: Final = 200
# The first ones still load what is loaded once.
WARMING_UP: Final = 20
PATIENCE_SECONDS: Final = 60.0
PROGRAMS: Final = (("MERCY", "MERCY-SOCIALWORK"), ("HARBOR", "HARBOR-SHELTER"))
# The least that the passphrase's own rules allow: these stores guard nothing.
QUICK: Final = PassphraseParameters(time_cost=1, memory_kib=64, parallelism=1)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was seen, in milliseconds."""

    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        return f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One client speaks, another hears."""

    def __str__(self) -> str:
        return "send() to handler"

    def run(self, place: Place) -> Delivered:
        """Found two agencies, then let one send to the other."""
        folder = place.new_folder("delivery")
        with Relay(folder, agencies=0) as relay:
            asyncio.run(_make_partners(folder, relay))
            hearing = _talk(folder, "hear", "HARBOR", str(MESSAGES))
            sending = _talk(folder, "send", "MERCY", "HARBOR", str(MESSAGES))
            handed = json.loads(sending.ask(b"", seconds=PATIENCE_SECONDS))
            heard = json.loads(hearing.ask(b"", seconds=PATIENCE_SECONDS))
        took = sorted(
            (heard[number] - handed[number]) / 1e6 for number in handed if int(number) >= WARMING_UP
        )
        return Delivered(percentile(took, 0.50), percentile(took, 0.99))


async def _make_partners(folder: Path, relay: Relay) -> None:
    clients = [
        await AsyncClient.found(
            folder / code,
            passphrase=PASSPHRASE,
            relay=relay.url,
            enrolment_code=relay.make_code(),
            agency_code=code,
            program=program,
            parameters=QUICK,
        )
        for code, program in PROGRAMS
    ]
    first, second = clients
    for host, guest in ((first, second), (second, first)):
        await guest.partners.add(await host.partners.invite(guest.program))
    for client in clients:
        await client.sync()
        await client.aclose()


def _talk(folder: Path, command: str, code: str, *rest: str) -> Process:
    return Process(
        [sys.executable, "-m", "bench.load.talking", command, str(folder / code), *rest],
        log=folder / f"{command}.log",
        environment=product_environment(),
        reads=True,
    )
