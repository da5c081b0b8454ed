"""Turns: so many a second, and who waits for one.

Theory of operation: a bucket that fills at a steady rate up to a burst. What finds no turn waits in
line; of one name only so many may wait, so that nobody fills the line alone.

Rules: pure; the time is an argument, in seconds of a clock that only goes forward.

Spec: docs/spec/relay-protocol.md, "Under load".
"""

from __future__ import annotations

from collections import Counter


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
