"""Faults: what the network, the clocks, the machines and the relay do to everybody, by the seed.

Until the healing anything may happen. Then nothing does any more, and everything must come right.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_schemas.instants import MINUTE, SECOND

if TYPE_CHECKING:
    import random

    from tests.sim.device import Device
    from tests.sim.run import Run

MOST_SKEW_MS = 100 * MINUTE
"""The SDK works with a clock that is up to two hours wrong."""


@dataclass(frozen=True)
class Mood:
    """How bad it gets in a seed: how often each fault comes, in times per device and hour."""

    name: str
    delay: tuple[float, float]
    loss: float
    twice: float
    cuts: float
    clogs: float
    crashes: float
    jumps: float
    restarts: float
    lies: float

    def start(self, link_random: random.Random) -> tuple[float, float]:
        """Give a link's delays."""
        low, high = self.delay
        return low, link_random.uniform(low, high)


MOODS = (
    Mood("calm", (0.005, 0.2), 0.0, 0.0, 1, 0, 2, 1, 0.0, 0.0),
    Mood("lossy", (0.01, 2.0), 0.08, 0.08, 4, 4, 4, 2, 1.0, 0.0),
    Mood("stormy", (0.01, 8.0), 0.2, 0.15, 12, 8, 14, 6, 4.0, 0.0),
    Mood("hostile", (0.005, 0.5), 0.02, 0.02, 2, 1, 4, 1, 1.0, 1.0),
)


class Weather:
    """Lets faults happen to a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._random = run.random
        self.mood = self._random.choices(MOODS, (3, 4, 4, 3))[0]
        self.is_over = False

    def begin(self) -> None:
        """Let it begin, for all devices that are at work."""
        run = self._run
        run.history.note(f"weather {self.mood.name}")
        for device in run.working:
            link = device.link
            link.delay = self.mood.start(self._random)
            link.loss, link.twice = self.mood.loss, self.mood.twice
            device.clock.skew_ms = self._draw_skew()
            run.spawn(self._happen(device, self.mood.cuts, self._cut))
            run.spawn(self._happen(device, self.mood.clogs, self._clog))
            run.spawn(self._happen(device, self.mood.crashes, self._crash))
            run.spawn(self._happen(device, self.mood.jumps, self._jump))
        run.spawn(self._restart_relay())

    def heal(self) -> None:
        """End it."""
        self.is_over = True
        for device in self._run.world.every():
            device.link.heal()
            device.fuse = None
            device.clock.skew_ms = 0

    def _draw_skew(self) -> int:
        if self._random.random() < 0.15:
            return self._random.randint(-MOST_SKEW_MS, MOST_SKEW_MS)
        return round(self._random.gauss(0, 40 * SECOND))

    async def _happen(self, device: Device, per_hour: float, fault: object) -> None:
        while per_hour and not self.is_over:
            await asyncio.sleep(self._random.expovariate(per_hour / 3_600))
            if not self.is_over:
                await fault(device)  # type: ignore[operator]

    async def _cut(self, device: Device) -> None:
        self._run.history.note(f"{device.name} cut off")
        device.link.cut = True
        await asyncio.sleep(self._random.uniform(1, 240))
        device.link.cut = False

    async def _clog(self, device: Device) -> None:
        self._run.history.note(f"{device.name} clogged")
        device.link.clogged_until = self._run.loop.time() + self._random.uniform(1, 90)

    async def _crash(self, device: Device) -> None:
        device.fuse = self._random.randint(0, 25)

    async def _jump(self, device: Device) -> None:
        device.clock.skew_ms = self._draw_skew()
        self._run.history.note(f"{device.name} clock {device.clock.skew_ms} ms off")

    async def _restart_relay(self) -> None:
        while self.mood.restarts and not self.is_over:
            await asyncio.sleep(self._random.expovariate(self.mood.restarts / 3_600))
            if not self.is_over:
                await self._run.restart_relay(self._random.uniform(0, 60))
