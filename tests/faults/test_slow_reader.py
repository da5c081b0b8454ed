"""F19: a device with a long backlog reads one byte a second, and nobody else notices.

The relay's memory does not grow with the backlog, others are served meanwhile, and the device
catches up as soon as it reads. The control is a relay that says everything at once.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.counts import IS_ALONE, trials
from tests.faults.flood import Sender, Tally, come_true, meanwhile, resident_mib
from tests.faults.slow_reader import catch_up, fill, read_a_byte_a_second
from tests.faults.verdict import rank
from tests.relay_process import PRODUCT, RelayProcess
from tests.server.agency import PARTNER, join
from tests.server.conftest import make_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BACKLOG: Final = 100_000 if IS_ALONE else 12_000
MOST_MIB: Final = 64.0 if IS_ALONE else 16.0
SLOW: Final = 4
OTHERS: Final = 500 if IS_ALONE else 25
PER_SECOND: Final = 2_000
SLOWER: Final = 1.2
_LIMITS: Final = {"mailbox_envelopes": "1000000", "lane_envelopes": "1000000"}


class _Outcome:
    def __init__(self) -> None:
        self.before = self.after = 0.0
        self.alone: list[float] = []
        self.beside: list[float] = []
        self.missing = BACKLOG
        self.rate = 0.0

    def figures(self) -> str:
        """Write it down in one line."""
        alone, beside = (rank(each, 0.99) * 1000 for each in (self.alone, self.beside))
        return (
            f"backlog {BACKLOG}, {SLOW} sockets of a byte a second: memory"
            f" {self.before:.0f} to {self.after:.0f} MiB; others p99 {alone:.1f} ms before,"
            f" {beside:.1f} ms beside; caught up with {self.rate:.0f} a second,"
            f" {self.missing} missing"
        )


async def _serve_others(sender: Sender) -> list[float]:
    """Send for others, one after the other; give how long each took."""
    took = []
    for _ in range(OTHERS):
        begun = time.monotonic()
        assert await sender.send() == 201
        took.append(time.monotonic() - begun)
    return took


async def _read_slowly(folder: Path, *, module: str = PRODUCT, catches_up: bool) -> _Outcome:
    outcome = _Outcome()
    relay = RelayProcess(folder, options=_LIMITS)
    relay.module = module
    with relay:
        slow, other = (join(relay.url, make_code(relay), 600 + n) for n in range(2))
        relay.stop()
        fill(relay.database, slow, BACKLOG)
        relay.restart()
        sender = Sender(relay.port, other, other.capability_for(PARTNER), Tally())
        outcome.alone = await _serve_others(sender)
        outcome.before = resident_mib(relay.pid)
        async with meanwhile(*(read_a_byte_a_second(slow) for _ in range(SLOW))):
            outcome.beside = await _serve_others(sender)
            held: list[float] = []

            def stands() -> bool:
                held.append(resident_mib(relay.pid))
                return len(held) > 40 and max(held[-20:]) <= max(held[:-20])

            await come_true(stands)
            outcome.after = max(held)
        await asyncio.sleep(0.2)
        if catches_up:
            begun = time.monotonic()
            came = await catch_up(slow, BACKLOG)
            outcome.rate = BACKLOG / (time.monotonic() - begun)
            outcome.missing = BACKLOG - len(came)
    return outcome


@pytest.mark.parametrize("trial", range(trials("F19")))
async def test_a_byte_a_second_costs_no_memory_and_nobody_else_anything(
    folder: Path, trial: int, report: Callable[[str], None]
) -> None:
    outcome = await _read_slowly(folder, catches_up=True)
    report(f"trial {trial}: {outcome.figures()}")
    assert outcome.after - outcome.before <= MOST_MIB, outcome.figures()
    assert outcome.missing == 0, outcome.figures()
    if IS_ALONE:
        assert outcome.rate >= PER_SECOND, outcome.figures()
        assert rank(outcome.beside, 0.99) <= SLOWER * rank(outcome.alone, 0.99), outcome.figures()


async def test_control_a_relay_that_says_everything_at_once_fills_its_memory(
    folder: Path, report: Callable[[str], None]
) -> None:
    outcome = await _read_slowly(folder, module="tests.faults.says_everything", catches_up=False)
    report(outcome.figures())
    assert outcome.after - outcome.before > MOST_MIB, outcome.figures()
