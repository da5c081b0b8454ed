"""When each background loop of the relay last showed that it lives.

Theory of operation: a loop is expected from the moment it is started, and beats at each turn. Who
asks is told how long ago each did. A loop that never beats is as old as its start, so one that died
at once is seen too; a process that stands still answers nobody, which whoever asks notices.

Rules: ages come from a clock that nobody sets. Beats come from any thread.

Spec: docs/spec/wake-ups.md, "Who watches".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LATE_SECONDS: Final = 60.0
"""A loop that has not beaten for so long is late, whatever it is for."""


class Heartbeats:
    """The loops of one process, by name.

    Args:
        clock: Seconds, from any start, never set back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def expect(self, loop: str) -> None:
        """Begin to count for a loop that starts now."""
        self._last.setdefault(loop, self._clock())

    def beat(self, loop: str) -> None:
        """Say that a loop has made a turn."""
        self._last[loop] = self._clock()

    def ages(self) -> dict[str, float]:
        """Give how long ago each loop last beat, or was started, in seconds."""
        now = self._clock()
        return {loop: max(0.0, now - last) for loop, last in sorted(self._last.items())}

    def late(self, *, after_seconds: float = LATE_SECONDS) -> tuple[str, ...]:
        """Name the loops that have not beaten for longer than that."""
        return tuple(loop for loop, age in self.ages().items() if age > after_seconds)
