"""A rota as iCalendar (RFC 5545): one event for each stretch and tier, with the zone's own rules.

It says tiers, programs, times, and the first characters of device ids. No person is named, and
nothing of cases or alerts is in it: a calendar is synchronised to places that nobody vouches for.

Spec: docs/spec/on-call.md, "iCalendar".
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from quietway.oncall.local import to_local
from quietway.policy.calendar import find_zone
from quietway_crypto.encoding import TAG_VERSION_HASH, hash_tagged
from quietway_schemas.content.oncall import TIERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from icalendar import Calendar, Event

    from quietway.oncall.layout import Stretch
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

PRODUCT: Final = "-//quietway//on call//EN"
_SHOWN_CHARACTERS: Final = 12
_UID_BYTES: Final = 16
_YEAR: Final = timedelta(days=366)


def write_calendar(
    layout: Sequence[Stretch],
    *,
    zone: str,
    programs: Mapping[DeviceId, str],
    now: Instant,
) -> str:
    """Write a layout as a calendar.

    Args:
        layout: Who stands where; one stretch at least.
        zone: In whose local times, by its IANA name.
        programs: Of the devices, as `HARBOR-SHELTER`.
        now: When it was written.
    """
    from icalendar import Calendar, Timezone  # noqa: PLC0415 - few write a calendar

    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    first, last = (to_local(at, find_zone(zone)) for at in (layout[0].starts, layout[-1].ends))
    # One change of the clock before the first event, so that its offset is known.
    calendar.add_component(
        Timezone.from_tzid(zone, first_date=(first - _YEAR).date(), last_date=(last + _YEAR).date())
    )
    for stretch in layout:
        for name, tier in zip(TIERS, stretch.tiers, strict=True):
            if tier:
                words = ", ".join(_call(device, programs) for device in tier)
                _add_event(calendar, stretch, f"On call, {name}: {words}", zone, now)
    return str(calendar.to_ical(), "utf-8")


def _add_event(calendar: Calendar, stretch: Stretch, words: str, zone: str, now: Instant) -> None:
    from icalendar import Event  # noqa: PLC0415 - as above

    local = find_zone(zone)
    event: Event = Event()
    name = f"{stretch.starts} {stretch.ends} {words}".encode()
    event.add("uid", f"{hash_tagged(TAG_VERSION_HASH, name)[:_UID_BYTES].hex()}@quietway")
    event.add("dtstamp", to_local(now, UTC))
    event.add("dtstart", _write_time(stretch.starts, local))
    event.add("dtend", _write_time(stretch.ends, local))
    event.add("summary", words)
    event.add("class", "PRIVATE")
    calendar.add_component(event)


def _write_time(at: Instant, zone: ZoneInfo) -> datetime:
    """Give the local time; of one that comes twice a calendar takes the first, so then UTC."""
    local = to_local(at, zone)
    shown = local.astimezone(UTC) if local.fold else local
    return shown.replace(second=0, microsecond=0)


def _call(device: DeviceId, programs: Mapping[DeviceId, str]) -> str:
    return f"{programs.get(device, '')} {str(device)[:_SHOWN_CHARACTERS]}".strip()
