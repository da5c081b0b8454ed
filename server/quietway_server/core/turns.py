"""Turns: so many a second, and who waits for one.

Theory of operation: a bucket that fills at a steady rate up to a burst. What finds no turn waits in
line; of one name only so many may wait, so that nobody fills the line alone. Whoever is sent away
is told a time: the one at which all who were told before will have been served.

Rules: pure; the time is an argument, in seconds of a clock that only goes forward.

Spec: docs/spec/relay-protocol.md, "Under load".
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

_MEASURED_OVER: Final = 32
_LEAST_SPREAD: Final = 16
"""So many times are told at least, however low the pace: nobody comes back in step."""


class Bucket:
    """Turns that come at a steady rate.

    Args:
        per_second: How many come in a second.
        burst: How many may be saved up.
    """

    def __init__(self, *, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._saved = burst
        self._at = 0.0

    def take(self, *, now: float) -> bool:
        """Take a turn; tell whether there was one."""
        self._saved = min(self._burst, self._saved + (now - self._at) * self._per_second)
        self._at = now
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True


class Line:
    """Counts who waits.

    Args:
        most: How many may wait.
        share: How many of one name.
    """

    def __init__(self, *, most: int, share: int) -> None:
        self._most = most
        self._share = share
        self._names: Counter[str] = Counter()
        self._waiting = 0

    def enter(self, name: str) -> bool:
        """Begin to wait; tell whether there was room."""
        if self._waiting >= self._most or self._names[name] >= self._share:
            return False
        self._waiting += 1
        self._names[name] += 1
        return True

    def leave(self, name: str) -> None:
        """Wait no more."""
        self._waiting -= 1
        self._names[name] -= 1
        if not self._names[name]:
            del self._names[name]


class Pace:
    """How many are served in a second, measured while somebody waits.

    Args:
        per_second: What is believed before anything was measured.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._since: float | None = None
        self._served = 0

    def note_served(self, *, now: float) -> None:
        """Note that one was served while others waited."""
        if self._since is None:
            self._since, self._served = now, 0
            return
        self._served += 1
        if self._served == _MEASURED_OVER and now > self._since:
            measured = self._served / (now - self._since)
            self.per_second += (measured - self.per_second) / 4
            self._since, self._served = now, 0

    def note_idle(self) -> None:
        """Note that nobody waits: how fast one is served now says nothing of the pace."""
        self._since = None


class Appointments:
    """When whoever is sent away had better come back: one after the other, at the pace.

    Args:
        longest_seconds: Nobody is told more. Who would be, is told something between half of it
            and all of it.
    """

    def __init__(self, longest_seconds: float) -> None:
        self._longest = longest_seconds
        self._last = 0.0

    def make(self, *, now: float, wait: float, pace: float) -> int:
        """Give the seconds after which to come back, at least one.

        Args:
            now: The time.
            wait: How long those take who wait here.
            pace: How many are served in a second.
        """
        step = min(1 / pace, self._longest / _LEAST_SPREAD)
        self._last = max(self._last, now + wait) + step
        if self._last > now + self._longest:
            self._last = now + self._longest / 2
        return max(1, math.ceil(self._last - now))
