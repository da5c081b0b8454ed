"""The one room that asks the system: for the time, for randomness, and for where to keep things.

Everything else is told. Randomness comes from the operating system alone, with no state of ours in
between that a fork or a restored machine could repeat; its first use looks whether it repeats
itself. Nothing here caches the time.

Spec: docs/spec/envelope.md, "Conventions".
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from quietway.files import make_private_folder
from quietway_crypto.health import check_randomness

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant

HOME_VARIABLE: Final = "QUIETWAY_HOME"
_NANOSECONDS_A_MILLISECOND: Final = 1_000_000
_SAMPLE_BYTES: Final = 32


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> Instant:
        """Return milliseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // _NANOSECONDS_A_MILLISECOND

    def steady(self) -> int:
        """Return milliseconds since some moment; the machine's sleep counts where that is known."""
        if sys.platform == "linux":
            nanoseconds = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        else:
            nanoseconds = time.monotonic_ns()
        return nanoseconds // _NANOSECONDS_A_MILLISECOND

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have passed."""
        await asyncio.sleep(seconds)

    async def rest(self, seconds: float) -> None:
        """Let a few seconds pass that nobody waits for."""
        await self.sleep(seconds)


class SystemEntropy:
    """The operating system's randomness."""

    __slots__ = ("_checked",)

    def __init__(self) -> None:
        self._checked = False

    def draw(self, size: int) -> bytes:
        """Return `size` bytes.

        Raises:
            RandomnessError: The system's randomness repeats itself, so no key may be made of it.
        """
        if not self._checked:
            first, second = secrets.token_bytes(_SAMPLE_BYTES), secrets.token_bytes(_SAMPLE_BYTES)
            check_randomness(first + second)
            self._checked = True
        return secrets.token_bytes(size)


def default_home() -> Path:
    """Return the folder that holds this device's files, made for its owner alone.

    Returns:
        What QUIETWAY_HOME names, else the place where the system keeps such things.
    """
    named = os.environ.get(HOME_VARIABLE)
    home = Path(named) if named else Path(platformdirs.user_data_dir("quietway", appauthor=False))
    make_private_folder(home)
    return home
