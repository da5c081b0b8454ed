"""F11: the network loses, delays and is slow; all of it arrives, and alerts within ten seconds.

Latency is from one end to the other, so there and back is twice that, and each sending begins with
a handshake. `make test` runs the one cell for which a time is promised; `make faults` the grid. The
control is a way on which nothing comes through.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.apart import two_apart
from tests.faults.counts import FIRST_SEED, IS_ALONE, trials
from tests.faults.rough_way import Weather
from tests.faults.verdict import rank

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROMISED: Final = Weather(latency=0.5, loss=0.05)
PROMISED_SECONDS: Final = 10.0
_GRID: Final = [
    Weather(latency, loss, rate)
    for loss, latency, rate in product((0.01, 0.05, 0.2), (0.05, 0.5, 2.0), (0.0, 8_000.0))
]
CELLS: Final = [PROMISED, *(cell for cell in _GRID if cell != PROMISED)]
ALERTS: Final = 20 if IS_ALONE else 2
MESSAGES: Final = 5 if IS_ALONE else 1


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("number", range(trials("F11")))
async def test_over_a_rough_network_all_arrives_and_alerts_soon(
    folder: Path, number: int, report: Callable[[str], None]
) -> None:
    """A51: a fluctuating network costs time, never a message."""
    weather = CELLS[number % len(CELLS)]
    async with two_apart(folder, FIRST_SEED + number, far=2) as apart:
        await apart.open_case()
        apart.way.weather = weather
        took = await apart.call(ALERTS)
        said = await apart.speak(MESSAGES)
        apart.way.weather = Weather()
        broken = await apart.judge()
    figures = f"{weather}: {ALERTS} alerts after {rank(took, 0.5):.1f} s, {rank(took, 0.99):.1f} s"
    report(f"{figures} at most; messages after {said:.1f} s; {broken}")
    assert not any(broken.values()), figures
    assert max(took) < float("inf"), figures
    if weather == PROMISED:
        # A shared machine's clock says more of the others.
        assert rank(took, 0.99) <= PROMISED_SECONDS * (1 if IS_ALONE else 5), figures


async def test_control_where_nothing_comes_through_an_alert_is_missed(folder: Path) -> None:
    async with two_apart(folder, 0, far=1, patience=1.0) as apart:
        await apart.open_case()
        apart.way.cut(refuses=True)
        assert await apart.call(1) == [float("inf")]
