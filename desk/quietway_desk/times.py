"""Moments as people read them: local time with its zone, always both.

Spec: docs/reference/desk.md, "What is shown".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def show_instant(instant: int) -> str:
    """Write an instant (milliseconds UTC) in local time, as `22 Nov 2026 20:36 CET`."""
    return _as_datetime(instant).astimezone().strftime("%d %b %Y %H:%M %Z")


def show_clock(instant: int) -> str:
    """Write the time of day of an instant, local, as `20:36:05 CET`."""
    return _as_datetime(instant).astimezone().strftime("%H:%M:%S %Z")


def show_wait(milliseconds: int) -> str:
    """Write how long something still takes, as `4:32`; never less than nothing."""
    seconds = max(0, milliseconds) // 1_000
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def write_instant(instant: int) -> str:
    """Write an instant in UTC as machines read it, as `2026-11-22T20:36:00.000Z`."""
    return _as_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % 1000:03d}Z"


def _as_datetime(instant: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=instant)
