"""Moments in time: an `Instant` is a whole number of milliseconds since 1970-01-01T00:00:00Z.

Nothing here asks what time it is; whoever needs that passes `now` in. Time zones and calendars
belong to the desk.

Spec: docs/spec/envelope.md, "Conventions".
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from quietway_schemas.errors import ContentError

Instant: TypeAlias = int

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

LATEST_INSTANT: Final[Instant] = 253_402_300_799_999
"""The last millisecond of the year 9999: what a text form can still name."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", re.ASCII
)


def round_up_to_minute(instant: Instant) -> Instant:
    """Give the first whole minute that is not before an instant, in milliseconds."""
    return -(-instant // MINUTE) * MINUTE


def iso_week(now: Instant) -> str:
    """Name the ISO 8601 week, in UTC, that an instant lies in, as `2026-W47`.

    Raises:
        ContentError: The instant lies before 1970 or after the year 9999.
    """
    year, week, _ = _as_datetime(now).isocalendar()
    return f"{year:04d}-W{week:02d}"


def to_text(instant: Instant) -> str:
    """Write an instant as RFC 3339 in UTC with milliseconds, as `2026-11-22T20:13:19.000Z`.

    Raises:
        ContentError: The instant lies before 1970 or after the year 9999.
    """
    return _as_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % SECOND:03d}Z"


def from_text(text: str) -> Instant:
    """Read exactly the form that `to_text` writes; any other spelling of a time is refused.

    Raises:
        ContentError: Another form, or a date that does not exist, or one before 1970.
    """
    if _TEXT.fullmatch(text) is None:
        raise ContentError("instant", "is not a UTC time with milliseconds, ending in Z")
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise ContentError("instant", "names a time that does not exist") from None
    instant = (moment - _EPOCH) // timedelta(milliseconds=1)
    if instant < 0:
        raise ContentError("instant", "lies before 1970")
    return instant


def _as_datetime(instant: Instant) -> datetime:
    # Adding to the epoch is exact; fromtimestamp() would go through a float.
    if not 0 <= instant <= LATEST_INSTANT:
        raise ContentError("instant", "lies before 1970 or after the year 9999")
    return _EPOCH + timedelta(milliseconds=instant)
