"""A rota as a person writes it, and as it travels.

    Rota("America/Chicago", crews=(Crew(mine, backup=(hers,)),), shifts=(Shift(0, "Mon 09:00",
         "Mon 17:00"),))

Spec: docs/spec/on-call.md, "The rota".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from quietway.errors import ContentRefused
from quietway.policy.calendar import find_zone
from quietway_schemas.content.oncall import (
    MOST_DEVICES,
    WEEK_MINUTES,
    AgencyRota,
    RotaCrew,
    RotaShift,
)
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_schemas.ids import DeviceId

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_MINUTES: Final = 24 * 60
_TIME: Final = re.compile(r"(?P<day>[A-Z][a-z]{2}) (?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)")
_ANY_MONDAY: Final = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Crew:
    """Who is called together: one primary, one backup or more, and others after them (V06).

    Attributes:
        primary: Who is called first.
        backup: Who is called next; one to four.
        supervisor: Who is called then; where nobody is named, whoever has that role.
        leadership: Who is called last; where nobody is named, agency leads.
    """

    primary: DeviceId
    backup: tuple[DeviceId, ...]
    supervisor: tuple[DeviceId, ...] = ()
    leadership: tuple[DeviceId, ...] = ()

    def devices(self) -> tuple[DeviceId, ...]:
        """Give everybody, whoever is called first first."""
        return (self.primary, *self.backup, *self.supervisor, *self.leadership)


@dataclass(frozen=True, slots=True)
class Shift:
    """From when until when a crew is on call, in local time.

    Attributes:
        crew: Its place in the rota's crews, from 0.
        starts: As `Mon 09:00`.
        ends: The same. Where it is not later in the week than `starts`, it lies in the next one.
        week: In which week of the cycle it starts, from 1.
    """

    crew: int
    starts: str
    ends: str
    week: int = 1


@dataclass(frozen=True, slots=True)
class Rota:
    """Who is on call, week after week.

    Attributes:
        time_zone: An IANA name, as `America/Chicago`.
        crews: Who is called together.
        shifts: When; no two at once.
        weeks: How long the cycle is, 1 to 8.
        week_one: The Monday of a first week. Of no account where there is one week.
    """

    time_zone: str
    crews: tuple[Crew, ...]
    shifts: tuple[Shift, ...]
    weeks: int = 1
    week_one: date = field(default=_ANY_MONDAY)


def write_rota(rota: Rota, *, nonce: bytes, supersedes: Sequence[bytes]) -> AgencyRota:
    """Write a rota as it travels.

    Raises:
        ContentRefused: It breaks a rule; the field says which.
    """
    find_zone(rota.time_zone)
    devices = sorted({held for crew in rota.crews for held in crew.devices()})
    if not 1 < len(devices) <= MOST_DEVICES:
        raise ContentRefused("crews", f"name fewer than two devices, or more than {MOST_DEVICES}.")
    place = {device: at for at, device in enumerate(devices)}
    try:
        shifts = sorted(map(_write_shift, rota.shifts), key=lambda held: (held.starts, held.ends))
        return AgencyRota(
            nonce=nonce,
            supersedes=tuple(sorted(supersedes)),
            time_zone=rota.time_zone,
            week_one=rota.week_one,
            weeks=rota.weeks,
            devices=tuple(devices),
            crews=tuple(_write_crew(crew, place) for crew in rota.crews),
            shifts=tuple(shifts),
        )
    except ContentError as refused:
        raise ContentRefused(refused.field, f"{refused.reason}.") from None


def read_rota(content: AgencyRota) -> Rota:
    """Read a rota back."""
    named = content.devices
    return Rota(
        time_zone=content.time_zone,
        crews=tuple(
            Crew(
                primary=named[crew.primary],
                backup=tuple(named[place] for place in crew.backup),
                supervisor=tuple(named[place] for place in crew.supervisor),
                leadership=tuple(named[place] for place in crew.leadership),
            )
            for crew in content.crews
        ),
        shifts=tuple(
            Shift(
                shift.crew,
                _show_minutes(shift.starts),
                _show_minutes(shift.ends),
                shift.starts // WEEK_MINUTES + 1,
            )
            for shift in content.shifts
        ),
        weeks=content.weeks,
        week_one=content.week_one,
    )


def _write_crew(crew: Crew, place: dict[DeviceId, int]) -> RotaCrew:
    return RotaCrew(
        primary=place[crew.primary],
        backup=tuple(place[held] for held in crew.backup),
        supervisor=tuple(place[held] for held in crew.supervisor),
        leadership=tuple(place[held] for held in crew.leadership),
    )


def _write_shift(shift: Shift) -> RotaShift:
    starts, ends = _read_minutes(shift.starts), _read_minutes(shift.ends)
    begun = (shift.week - 1) * WEEK_MINUTES
    if begun < 0:
        raise ContentRefused("week", "of a shift is counted from 1.")
    if ends <= starts:
        ends += WEEK_MINUTES
    return RotaShift(crew=shift.crew, starts=begun + starts, ends=begun + ends)


def _read_minutes(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None or found["day"] not in DAYS:
        raise ContentRefused("shifts", "name a day and a time, as `Mon 09:00`: write them so.")
    return DAYS.index(found["day"]) * _DAY_MINUTES + int(found["hour"]) * 60 + int(found["minute"])


def _show_minutes(minutes: int) -> str:
    day, rest = divmod(minutes % WEEK_MINUTES, _DAY_MINUTES)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"
