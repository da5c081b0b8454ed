"""A crisis: an alarm to 20 devices, while others send 2,000 a second and 1,000 are connected.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from bench.load.alarm import Alarmed, AlarmTask
from bench.load.task import Task
from bench.peers.relay import Relay
from bench.processes import Process
from tests.relay_process import product_environment

if TYPE_CHECKING:
    from bench.place import Place

CALLED: Final = 20
# Agencies of 50 devices each: those that wait, those that others send to, the one that is called.
IDLE_AGENCIES: Final = 20
OTHER_AGENCIES: Final = 4
OTHERS_RATE: Final = 2_000
OTHERS_CLIENTS: Final = 16
SECONDS: Final = 8.0
WARM_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Alarms:
    """Alarms, one after the other."""

    def __str__(self) -> str:
        return f"relay, alarms to {CALLED} devices among much else"

    def run(self, place: Place) -> Alarmed:
        """Enrol everybody, then raise alarms."""
        folder = place.new_folder("alarms")
        with Relay(folder, agencies=IDLE_AGENCIES + OTHER_AGENCIES + 1) as relay:
            load = Process(
                [sys.executable, "-m", "bench.load.alarm"],
                log=folder / "load.log",
                environment=product_environment(),
                reads=True,
            )
            task = json.dumps(asdict(_task(relay))).encode()
            return Alarmed(**json.loads(load.ask(task, seconds=PATIENCE_SECONDS)))


def _task(relay: Relay) -> AlarmTask:
    idle, others = relay.agencies[:IDLE_AGENCIES], relay.agencies[IDLE_AGENCIES:-1]
    called = relay.agencies[-1]
    submitting = Task(
        kind="websocket",
        batch=1,
        clients=OTHERS_CLIENTS,
        supply=int(OTHERS_RATE * SECONDS),
        seconds=SECONDS,
        warm_seconds=WARM_SECONDS,
        **relay.target(others),
    )
    alarm = replace(
        submitting,
        batch=CALLED,
        clients=1,
        supply=CALLED * int(SECONDS / PAUSE_SECONDS),
        agencies=[called.mailboxes[:CALLED]],
        lanes=relay.target([called], kind="crisis")["lanes"],
    )
    return AlarmTask(
        idle=[upgrade for agency in idle for upgrade in agency.upgrades(relay.port)],
        called=called.upgrades(relay.port)[:CALLED],
        alarm=asdict(alarm),
        others=asdict(submitting),
        pause_seconds=PAUSE_SECONDS,
    )
