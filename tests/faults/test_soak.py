"""F25, the relay's part: hours of ordinary work in minutes; memory, files and log stay as they are.

Envelopes are sent, read and acknowledged without a pause, on connections that come and go, sockets
open and close, and ladders are placed, released and claimed. The control is a relay that forgets
nothing of what it judged.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.calls import call_on
from tests.faults.counts import IS_ALONE, trials
from tests.faults.flood import Sender, Tally, count_lost, meanwhile, resident_mib
from tests.faults.slow_reader import read_on
from tests.relay_process import PRODUCT, RelayProcess
from tests.server.agency import PARTNER, join
from tests.server.conftest import make_code

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTES: Final = 10.0 if IS_ALONE else 0.1
SENDERS: Final = 8
SAMPLES: Final = 20
SLOPE_MIB: Final = 8.0
LOG_MIB: Final = 64.0
FILES: Final = 16
_LIMITS: Final = {
    "mailbox_envelopes": "1000000",
    "lane_envelopes": "100000000",
    "lane_crisis_envelopes": "100000000",
}


class _Outcome:
    def __init__(self) -> None:
        self.tally = Tally()
        self.alerts: Counter[str] = Counter()
        self.read = 0
        self.memory: list[float] = []
        self.files: list[int] = []
        self.log_mib = 0.0
        self.lost = 0

    @property
    def grown(self) -> float:
        """What the second half of the time holds more than the first, at its most, in MiB."""
        half = len(self.memory) // 2
        return max(self.memory[half:]) - max(self.memory[:half])

    def look(self, relay: RelayProcess) -> None:
        """Look at what the relay holds now."""
        self.memory.append(resident_mib(relay.pid))
        self.files.append(len(list(Path(f"/proc/{relay.pid}/fd").iterdir())))
        log = relay.database.with_name(relay.database.name + "-wal")
        if log.exists():
            self.log_mib = max(self.log_mib, log.stat().st_size / 2**20)

    def figures(self) -> str:
        """Write it down in one line."""
        return (
            f"{MINUTES} minutes: {dict(self.tally.answers)}, ladders {dict(self.alerts)},"
            f" {self.read} read; memory"
            f" {self.memory[0]:.0f} to {self.memory[-1]:.0f} MiB, {self.grown:+.1f} between the"
            f" halves; files {min(self.files)} to {max(self.files)}; log at most"
            f" {self.log_mib:.1f} MiB; lost {self.lost}"
        )


async def _soak(folder: Path, *, module: str = PRODUCT) -> _Outcome:
    outcome = _Outcome()
    relay = RelayProcess(folder, options=_LIMITS)
    relay.module = module
    with relay:
        agency = join(relay.url, make_code(relay), 400)
        lane = agency.capability_for(PARTNER)
        senders = [
            Sender(relay.port, agency, lane, outcome.tally, keeps=number % 2 == 0)
            for number in range(SENDERS)
        ]

        def count(read: int) -> None:
            outcome.read += read

        working = [sender.flood() for sender in senders]
        calling = call_on(agency, outcome.tally, outcome.alerts, 1)
        async with meanwhile(*working, calling, read_on(agency, count)):
            # What is loaded and cached at first is no leak.
            await asyncio.sleep(MINUTES * 60 / SAMPLES)
            for _ in range(SAMPLES):
                await asyncio.sleep(MINUTES * 60 / SAMPLES)
                outcome.look(relay)
        relay.stop()
    outcome.lost = count_lost(relay.database, outcome.tally.accepted)
    return outcome


@pytest.mark.parametrize("trial", range(trials("F25")))
async def test_a_relay_that_works_on_and_on_grows_in_nothing(
    folder: Path, trial: int, report: Callable[[str], None]
) -> None:
    outcome = await _soak(folder)
    report(f"trial {trial}: {outcome.figures()}")
    assert outcome.lost == 0, outcome.figures()
    assert outcome.read > 0, outcome.figures()
    assert set(outcome.alerts) == {"placed: 201", "claimed: 200"}, outcome.figures()
    assert outcome.grown <= SLOPE_MIB, outcome.figures()
    assert max(outcome.files) <= min(outcome.files) + FILES, outcome.figures()
    assert outcome.log_mib <= LOG_MIB, outcome.figures()


async def test_control_a_relay_that_forgets_nothing_is_found_out(
    folder: Path, report: Callable[[str], None]
) -> None:
    outcome = await _soak(folder, module="tests.faults.forgets_nothing")
    report(outcome.figures())
    assert outcome.grown > SLOPE_MIB, outcome.figures()
