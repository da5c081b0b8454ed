"""F24: twenty times of what the relay has places for is offered, and alarms come through.

Nothing that was accepted is lost, what is refused says when to come back, and memory stays flat.
The control is a relay for which nothing is urgent: there, alarms are refused with the rest.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.counts import IS_ALONE, trials
from tests.faults.flood import (
    Sender,
    Tally,
    count_lost,
    meanwhile,
    raise_alarms,
    resident_mib,
)
from tests.faults.verdict import rank
from tests.relay_process import PRODUCT, RelayProcess
from tests.server.agency import PARTNER, join
from tests.server.conftest import make_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLACES: Final = 8
OFFERED: Final = 20 * PLACES
ALARMS: Final = 200 if IS_ALONE else 14
ALARM_SECONDS: Final = 2.0
FLAT_MIB: Final = 24.0 if IS_ALONE else 64.0
_LIMITS: Final = {
    "max_requests": str(PLACES),
    "mailbox_envelopes": "1000000",
    "lane_envelopes": "1000000",
}


class _Outcome:
    def __init__(self) -> None:
        self.flood, self.alarms = Tally(), Tally()
        self.memory: list[float] = []
        self.lost = 0

    def figures(self) -> str:
        """Write it down in one line."""
        slowest = rank(self.alarms.seconds, 0.99)
        return (
            f"{OFFERED} senders at {PLACES} places: {dict(self.flood.answers)};"
            f" {len(self.alarms.seconds)} alarms: {dict(self.alarms.answers)}, p99 {slowest:.2f} s;"
            f" lost {self.lost}; memory {', '.join(f'{mib:.0f}' for mib in self.memory)} MiB"
        )


async def _offer_too_much(folder: Path, *, module: str = PRODUCT) -> _Outcome:
    """Flood a relay, raise alarms meanwhile, then look for all that was accepted."""
    outcome = _Outcome()
    relay = RelayProcess(folder, options=_LIMITS)
    relay.module = module
    with relay:
        loud, alarmed = (join(relay.url, make_code(relay), 900 + n) for n in range(2))
        lane = loud.capability_for(PARTNER)
        senders = [
            Sender(relay.port, loud, lane, outcome.flood, keeps=number % 2 == 0)
            for number in range(OFFERED)
        ]
        async with meanwhile(*(sender.flood() for sender in senders)):
            await asyncio.sleep(0.5)
            for _ in range(3):
                await raise_alarms(relay.port, alarmed, outcome.alarms, times=ALARMS // 3 + 1)
                outcome.memory.append(resident_mib(relay.pid))
        relay.stop()
    outcome.lost = count_lost(relay.database, outcome.flood.accepted | outcome.alarms.accepted)
    return outcome


@pytest.mark.parametrize("trial", range(trials("F24")))
async def test_alarms_come_through_while_twenty_times_too_much_is_offered(
    folder: Path, trial: int, report: Callable[[str], None]
) -> None:
    outcome = await _offer_too_much(folder)
    report(f"trial {trial}: {outcome.figures()}")
    assert set(outcome.alarms.answers) == {201}, outcome.figures()
    assert outcome.lost == 0, outcome.figures()
    assert outcome.flood.answers[201] > 0, outcome.figures()
    assert outcome.flood.answers[503] > OFFERED, outcome.figures()
    assert outcome.flood.without_retry == 0, outcome.figures()
    assert outcome.memory[-1] <= outcome.memory[0] + FLAT_MIB, outcome.figures()
    if IS_ALONE:
        assert rank(outcome.alarms.seconds, 0.99) <= ALARM_SECONDS, outcome.figures()


async def test_control_where_nothing_is_urgent_alarms_are_refused_with_the_rest(
    folder: Path, report: Callable[[str], None]
) -> None:
    outcome = await _offer_too_much(folder, module="tests.faults.no_reserve")
    report(outcome.figures())
    assert outcome.alarms.answers[503] > 0, outcome.figures()
