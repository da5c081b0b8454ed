"""Business days, in the zone of whoever has to answer, without weekends and holidays.

Rules: every `Instant` that comes in or goes out is in milliseconds UTC; a date exists only in here,
and never without a zone. A window of business days does not count the day on which it begins, and
ends when the last of its days closes. A window in minutes runs through nights and holidays, because
what is urgent does not wait for an office to open.

The zones are tzdata's and the holidays those of the package `holidays`: tables that stand on the
disk. Nothing here asks what time it is.

Spec: docs/spec/referrals.md, "Business calendars".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quietway.errors import ContentRefused

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from quietway_schemas.instants import Instant

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_MS: Final = timedelta(milliseconds=1)
_SATURDAY: Final = 5
# No country closes its offices for longer; a zone or a table that says so is not believed.
_MOST_DAYS_CLOSED: Final = 60


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """When somebody works.

    Attributes:
        time_zone: An IANA name, as `America/Chicago`.
        country: ISO 3166-1, two letters, whose public holidays are free; None for none.
        subdivision: Of that country, as the second part of its ISO 3166-2 code; None for none.
        opens: Local time at which a business day begins.
        closes: Local time at which it ends.

    Raises:
        ContentRefused: There is no such zone, country or subdivision.
    """

    time_zone: str = "UTC"
    country: str | None = None
    subdivision: str | None = None
    opens: time = time(9)
    closes: time = time(17)

    def __post_init__(self) -> None:
        find_zone(self.time_zone)
        # Any year would do: it is asked whether there is such a place.
        _find_holidays(self.country, self.subdivision, _EPOCH.year)

    def is_business_day(self, day: date) -> bool:
        """Say whether this is a day of the week on which there is no holiday."""
        free = _find_holidays(self.country, self.subdivision, day.year)
        return day.weekday() < _SATURDAY and day not in free

    def day_of(self, at: Instant) -> date:
        """Give the local date."""
        return self._show(at).date()

    def is_open(self, at: Instant) -> bool:
        """Say whether somebody works at this moment."""
        today = self.day_of(at)
        opens, closes = self._at(today, self.opens), self._at(today, self.closes)
        return self.is_business_day(today) and opens <= at < closes

    def opening_after(self, at: Instant, days: int) -> Instant:
        """Give the moment at which the nth business day after that of `at` opens.

        Args:
            at: Milliseconds since 1970-01-01T00:00:00Z.
            days: 1 or more.
        """
        return self._at(self._count(at, days), self.opens)

    def closing_after(self, at: Instant, days: int) -> Instant:
        """Give the moment at which the nth business day after that of `at` closes.

        Args:
            at: Milliseconds since 1970-01-01T00:00:00Z. Its own day is not counted.
            days: 1 or more.
        """
        return self._at(self._count(at, days), self.closes)

    def closing_today(self, at: Instant) -> Instant:
        """Give the end of the business day of `at`; of the next one where that is over, or none."""
        today = self.day_of(at)
        closing = self._at(today, self.closes)
        if self.is_business_day(today) and at < closing:
            return closing
        return self.closing_after(at, 1)

    def _count(self, at: Instant, days: int) -> date:
        following = self._business_days_after(self.day_of(at))
        for _ in range(days - 1):
            next(following)
        return next(following)

    def _business_days_after(self, day: date) -> Iterator[date]:
        closed = 0
        while closed < _MOST_DAYS_CLOSED:
            day += _DAY
            closed += 1
            if self.is_business_day(day):
                closed = 0
                yield day
        raise ContentRefused("country", "has no business day in two months: name another calendar.")

    def _show(self, at: Instant) -> datetime:
        return (_EPOCH + timedelta(milliseconds=at)).astimezone(find_zone(self.time_zone))

    def _at(self, day: date, clock: time) -> Instant:
        local = datetime.combine(day, clock, tzinfo=find_zone(self.time_zone))
        return (local.astimezone(UTC) - _EPOCH) // _MS


@cache
def find_zone(name: str) -> ZoneInfo:
    """Find a time zone by its IANA name.

    Raises:
        ContentRefused: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ContentRefused(
            "time_zone", "is not a zone that is known here: name one as America/Chicago."
        ) from None


@cache
def _find_holidays(country: str | None, subdivision: str | None, year: int) -> Container[date]:
    if country is None:
        return ()
    # Its tables take a tenth of a second, which no program pays that knows no country.
    import holidays  # noqa: PLC0415

    try:
        found = holidays.country_holidays(
            country, subdiv=subdivision, years=year, expand=False, observed=True
        )
    except NotImplementedError:
        raise ContentRefused(
            "country", "or its subdivision is not known here: leave it out, or name another."
        ) from None
    return frozenset(found)
