"""F20: thousands of sockets drop and come back at once; all are back soon, and alarms come through.

What is judged on a shared machine are counts: that all are back, that the herd is spread, that no
alarm is refused or lost. Where nothing else runs, the clock judges too. The control is a client
without jitter, whose herd comes in one wave.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.counts import IS_ALONE, trials
from tests.faults.flood import Tally, come_true, count_lost, meanwhile, raise_alarms, resident_mib
from tests.faults.herd import SOCKETS_OF_ONE, certify
from tests.faults.herd_process import WAVE_SECONDS, herding
from tests.faults.verdict import rank
from tests.relay_process import RelayProcess
from tests.server.agency import join
from tests.server.conftest import make_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOCKETS: Final = 5_000 if IS_ALONE else 240
BACK_SECONDS: Final = 30.0
ALARM_SECONDS: Final = 3.0
FLAT_MIB: Final = 24.0
PARTS: Final = 2 if IS_ALONE else 1
ENOUGH: Final = 5


class _Return:
    def __init__(self) -> None:
        self.alarms = Tally()
        self.seconds = 0.0
        self.in_first_wave = 0.0
        self.refused = 0
        self.before = self.after = 0.0
        self.lost = 0

    def figures(self) -> str:
        """Write it down in one line."""
        return (
            f"{SOCKETS} sockets back after {self.seconds:.1f} s, {self.refused} attempts failed,"
            f" {self.in_first_wave:.0%} came within {WAVE_SECONDS} s;"
            f" {len(self.alarms.seconds)} alarms: {dict(self.alarms.answers)},"
            f" p99 {rank(self.alarms.seconds, 0.99):.2f} s, lost {self.lost};"
            f" memory {self.before:.0f} and {self.after:.0f} MiB"
        )


async def _come_back(folder: Path, *, at_once: bool = False) -> _Return:
    """Open all sockets, drop them at once, and raise alarms until all are back."""
    outcome = _Return()
    relay = RelayProcess(folder)
    with relay:
        crowd, alarmed = (join(relay.url, make_code(relay), 700 + n) for n in range(2))
        devices = certify(relay.database, crowd, SOCKETS // SOCKETS_OF_ONE)
        async with herding(relay.url, devices, parts=PARTS, at_once=at_once) as herd:
            await come_true(lambda: herd.status.open_ == SOCKETS)
            herd.order("sign")
            await come_true(lambda: herd.status.signed == 1)
            outcome.before = resident_mib(relay.pid)
            herd.order("drop")
            dropped = time.monotonic()
            async with meanwhile(
                raise_alarms(relay.port, alarmed, outcome.alarms, times=1_000_000)
            ):
                await come_true(lambda: herd.status.drops == 1 and herd.status.open_ == SOCKETS)
                outcome.seconds = time.monotonic() - dropped
                await come_true(lambda: len(outcome.alarms.seconds) >= ENOUGH)
            outcome.in_first_wave = herd.status.early / SOCKETS
            outcome.after, outcome.refused = resident_mib(relay.pid), herd.status.refused
        relay.stop()
    outcome.lost = count_lost(relay.database, outcome.alarms.accepted)
    return outcome


@pytest.mark.parametrize("trial", range(trials("F20")))
async def test_a_herd_comes_back_and_alarms_come_through(
    folder: Path, trial: int, report: Callable[[str], None]
) -> None:
    outcome = await _come_back(folder)
    report(f"trial {trial}: {outcome.figures()}")
    assert set(outcome.alarms.answers) <= {201, 0}, outcome.figures()
    assert outcome.alarms.answers[201] >= ENOUGH, outcome.figures()
    assert outcome.lost == 0, outcome.figures()
    assert outcome.in_first_wave < 0.5, outcome.figures()
    assert outcome.after <= outcome.before + FLAT_MIB, outcome.figures()
    if IS_ALONE:
        assert outcome.seconds <= BACK_SECONDS, outcome.figures()
        assert rank(outcome.alarms.seconds, 0.99) <= ALARM_SECONDS, outcome.figures()


async def test_control_without_jitter_the_herd_comes_in_one_wave(
    folder: Path, report: Callable[[str], None]
) -> None:
    outcome = await _come_back(folder, at_once=True)
    report(outcome.figures())
    assert outcome.in_first_wave > 0.5, outcome.figures()
