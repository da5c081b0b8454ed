"""From the claim to the sender's handler: two clients of the SDK, two agencies, an idle relay.

Each client runs in a process of its own, with its encrypted store on the disk. Alerts go one at a
time. The claim is signed, sealed under the hybrid suite for the sender's agency, made durable,
shown to the relay with the alert's secret, handed over, pushed, opened and verified, and made
durable by the sender; then its program is told.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.delivery import QUICK, Delivered
from bench.load.talking import PASSPHRASE
from bench.load.task import percentile
from bench.peers.relay import Relay
from bench.processes import Process
from tests.relay_process import product_environment

from quietway import AsyncClient

if TYPE_CHECKING:
    from pathlib import Path

    from bench.place import Place

ALERTS: Final = 40
# The first ones still load what is loaded once.
WARMING_UP: Final = 10
PATIENCE_SECONDS: Final = 90.0
CALLS: Final = ("HARBOR", "HARBOR-SHELTER", ("shelter_staff",))
CALLED: Final = ("MERCY", "MERCY-SOCIALWORK", ("hospital_social_worker", "on_call_lead"))


@dataclass(frozen=True, slots=True)
class Claiming:
    """One client calls, another claims."""

    def __str__(self) -> str:
        return "claim() to the sender's handler"

    def run(self, place: Place) -> Delivered:
        """Found two agencies, of which one leads a case; then let the other call it."""
        folder = place.new_folder("claiming")
        with Relay(folder, agencies=0) as relay:
            case = asyncio.run(_found(folder, relay))
            claiming = _act(folder, "claim", CALLED[0], str(ALERTS))
            calling = _act(folder, "call", CALLS[0], case, str(ALERTS))
            seen = json.loads(calling.ask(b"", seconds=PATIENCE_SECONDS))
            claimed = json.loads(claiming.ask(b"", seconds=PATIENCE_SECONDS))
        took = sorted((seen[alert] - claimed[alert]) / 1e6 for alert in [*claimed][WARMING_UP:])
        return Delivered(percentile(took, 0.50), percentile(took, 0.99))


async def _found(folder: Path, relay: Relay) -> str:
    calls, called = [
        await AsyncClient.found(
            folder / code,
            passphrase=PASSPHRASE,
            relay=relay.url,
            enrolment_code=relay.make_code(),
            agency_code=code,
            program=program,
            roles=roles,
            parameters=QUICK,
        )
        for code, program, roles in (CALLS, CALLED)
    ]
    for host, guest in ((calls, called), (called, calls)):
        await guest.partners.add(await host.partners.invite(guest.program))
    for client in (calls, called):
        await client.sync()
    await called.cases.set_status(await called.cases.open(), "active", to=calls.program)
    await calls.sync()
    (case,) = await calls.cases.list()
    for client in (calls, called):
        await client.aclose()
    return str(case.case_ref)


def _act(folder: Path, command: str, code: str, *rest: str) -> Process:
    return Process(
        [sys.executable, "-m", "bench.load.calling", command, str(folder / code), *rest],
        log=folder / f"{command}.log",
        environment=product_environment(),
        reads=True,
    )
