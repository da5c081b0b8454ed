"""How long the relay keeps a thing, and how exactly it remembers when: to the minute, rounded up.

Rules: pure arithmetic on milliseconds; nothing here knows what time it is. Rounding up means that a
thing is never dropped before its time, and that a row never says to the second when somebody wrote.

Spec: docs/spec/relay-protocol.md, "Ground rules"; docs/spec/envelope.md, "Classes".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway_schemas.instants import DAY, HOUR, WEEK, Instant, iso_week, round_up_to_minute

if TYPE_CHECKING:
    from quietway_schemas.envelope import EnvelopeClass

ENROLMENT_LIFE_MS: Final = 72 * HOUR
BLOB_LIFE_MS: Final = 30 * DAY
UNFINISHED_BLOB_MS: Final = 24 * HOUR
WEEK_SKEW_MS: Final = 2 * HOUR
_WEEKS_BEHIND: Final = 1
_WEEKS_AHEAD: Final = 3


def expiry_of(envelope_class: EnvelopeClass, *, now: Instant) -> Instant:
    """Give the minute at which an envelope accepted now is dropped unread, in milliseconds."""
    return round_up_to_minute(now + envelope_class.life_ms)


def blob_expiry(*, now: Instant) -> Instant:
    """Give the minute at which a blob that is whole now is dropped, in milliseconds."""
    return round_up_to_minute(now + BLOB_LIFE_MS)


def unfinished_expiry(*, now: Instant) -> Instant:
    """Give the minute at which a blob that is begun now, and never whole, is dropped."""
    return round_up_to_minute(now + UNFINISHED_BLOB_MS)


def enrolment_expiry(*, now: Instant) -> Instant:
    """Give the minute at which an enrolment code that is made now dies, in milliseconds."""
    return round_up_to_minute(now + ENROLMENT_LIFE_MS)


def sendable_weeks(*, now: Instant) -> frozenset[str]:
    """Name the weeks whose lanes open now: the week of any instant within 2 hours."""
    return frozenset(iso_week(now + skew) for skew in (-WEEK_SKEW_MS, 0, WEEK_SKEW_MS))


def publishable_weeks(*, now: Instant) -> frozenset[str]:
    """Name the weeks whose lanes may be published now: from one behind to three ahead."""
    return frozenset(
        iso_week(now + away * WEEK) for away in range(-_WEEKS_BEHIND, _WEEKS_AHEAD + 1)
    )


def oldest_kept_week(*, now: Instant) -> str:
    """Name the oldest week whose lanes are kept. Names of weeks sort like the weeks."""
    return iso_week(now - _WEEKS_BEHIND * WEEK)
