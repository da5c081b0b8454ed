"""Local times as moments, also where a clock is put forward or back.

A rota is made of local times, since people are. Two rules make each of them one moment: what the
clock jumps over is the moment of the jump, and what comes twice is the first. Both ends of a shift
go by them, so shifts that meet in the rota meet in time.

Spec: docs/spec/on-call.md, "The rota".
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date, tzinfo
    from zoneinfo import ZoneInfo

    from quietway_schemas.instants import Instant

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def to_instant(day: date, minutes: int, zone: ZoneInfo) -> Instant:
    """Give the moment that lies so many minutes of local time after a local midnight.

    Args:
        day: Whose midnight.
        minutes: Of the wall clock, from 0; as many days as one likes.
        zone: Whose clock.
    """
    local = datetime.combine(day, time()) + timedelta(minutes=minutes)
    first, second = (_read(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    # Where the time does not exist, the two offsets are those before and after the jump, and the
    # one before it leads past the jump.
    return first if first <= second else _find_jump(second, first, zone)


def to_local(at: Instant, zone: tzinfo) -> datetime:
    """Show a moment as local date and time."""
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(zone)


def _read(local: datetime) -> Instant:
    return (local.astimezone(UTC) - _EPOCH) // _MS


def _find_jump(before: Instant, after: Instant, zone: ZoneInfo) -> Instant:
    offset = to_local(after, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if to_local(middle, zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
