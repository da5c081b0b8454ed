"""Clocks on virtual time: the relay's, and one for each device, which may be wrong and may jump."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant

START: Final[Instant] = 1_795_428_000_000
"""2026-11-23T10:00:00Z, a Monday."""


class SimClock:
    """A `Clock` of the SDK and of the relay alike.

    Attributes:
        skew_ms: How far it is ahead of the true time.

    Args:
        loop: Whose time it tells.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.skew_ms = 0

    def now(self) -> Instant:
        """Tell what this clock shows, in milliseconds."""
        return START + self.steady() + self.skew_ms

    def true_now(self) -> Instant:
        """Tell the true time."""
        return START + self.steady()

    def steady(self) -> int:
        """Tell the milliseconds since the beginning, which nobody sets."""
        return int(self._loop.time() * SECOND)

    async def sleep(self, seconds: float) -> None:
        """Return when that much virtual time has passed."""
        await asyncio.sleep(seconds)

    async def rest(self, seconds: float) -> None:
        """Return when that much virtual time has passed."""
        await asyncio.sleep(seconds)


class SimEntropy:
    """An `Entropy` that a seed decides, and that may be given another seed.

    Args:
        seed: Text or number.
    """

    def __init__(self, seed: str | int) -> None:
        self.reseed(seed)

    def reseed(self, seed: str | int) -> None:
        """Go on with another stream."""
        self._random = random.Random(seed)

    def draw(self, size: int) -> bytes:
        """Return the next `size` bytes of the stream."""
        return self._random.randbytes(size)
