"""Who is on call: an agency's rota, its changes, its heartbeats, and what partners are told of it.

Devices and times, and nothing else: no name of a person, no text, no case. A rota says who is
called in minutes of local time; what partners get is moments, so that both sides need no common
table of zones.

Spec: docs/spec/on-call.md.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.content.base import Absolute, ContentModel, ContentPart
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes16, Moment
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import DAY

TierName = Literal["primary", "backup", "supervisor", "leadership"]
TIERS: Final[tuple[TierName, ...]] = ("primary", "backup", "supervisor", "leadership")
"""From who is called first to who is called last."""

MOST_DEVICES: Final = 32
MOST_CREWS: Final = 16
MOST_IN_TIER: Final = 4
MOST_SHIFTS: Final = 56
MOST_WEEKS: Final = 8
WEEK_MINUTES: Final = 7 * 24 * 60
HORIZON_MS: Final = 14 * DAY
"""So far ahead partners are told."""
LONGEST_CHANGE_MS: Final = 62 * DAY

_Place = Annotated[int, Field(ge=0, lt=MOST_DEVICES)]
_Tier = Annotated[tuple[_Place, ...], Field(max_length=MOST_IN_TIER)]


class RotaCrew(ContentPart):
    """Who is called together, as places in the rota's `devices` (V06)."""

    primary: _Place
    backup: Annotated[_Tier, Field(min_length=1)]
    supervisor: _Tier = ()
    leadership: _Tier = ()

    @model_validator(mode="after")
    def _check_once(self) -> Self:
        named = list(self.places())
        if len(named) != len(set(named)):
            raise ContentError("crews", "name a device twice: primary, backup and others differ")
        return self

    def places(self) -> Iterator[int]:
        """Give all that are named, the primary first."""
        yield self.primary
        for tier in (self.backup, self.supervisor, self.leadership):
            yield from tier


class RotaShift(ContentPart):
    """From when until when a crew is on call, in minutes of local time since `week_one` 00:00."""

    crew: Annotated[int, Field(ge=0, lt=MOST_CREWS)]
    starts: Annotated[int, Field(ge=0, lt=MOST_WEEKS * WEEK_MINUTES)]
    ends: Annotated[int, Field(ge=1, le=(MOST_WEEKS + 1) * WEEK_MINUTES)]


class AgencyRota(Absolute):
    """`agency.rota`: who is on call, week after week. An absolute object."""

    type: Literal["agency.rota"] = "agency.rota"
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{1,39}$")]
    week_one: dt.date
    weeks: Annotated[int, Field(ge=1, le=MOST_WEEKS)] = 1
    devices: Annotated[tuple[DeviceId, ...], Field(min_length=2, max_length=MOST_DEVICES)]
    crews: Annotated[tuple[RotaCrew, ...], Field(min_length=1, max_length=MOST_CREWS)]
    shifts: Annotated[tuple[RotaShift, ...], Field(min_length=1, max_length=MOST_SHIFTS)]

    @model_validator(mode="after")
    def _check_rota(self) -> Self:
        _check_devices(self.devices)
        if self.week_one.weekday() != 0:
            raise ContentError("week_one", "is no Monday")
        places = (place for crew in self.crews for place in crew.places())
        _check_below(places, len(self.devices), "crews", "name a device that is not listed")
        crews = (shift.crew for shift in self.shifts)
        _check_below(crews, len(self.crews), "shifts", "name a crew that is not listed")
        self._check_shifts()
        return self

    def _check_shifts(self) -> None:
        cycle = self.weeks * WEEK_MINUTES
        for shift in self.shifts:
            if not shift.starts < shift.ends <= shift.starts + WEEK_MINUTES:
                raise ContentError("shifts", "do not end after they start, within a week")
            if shift.starts >= cycle:
                raise ContentError("shifts", "start after the cycle is over")
        # After the last comes the first again, a cycle later.
        starts = [shift.starts for shift in self.shifts]
        following = [*starts[1:], starts[0] + cycle]
        if any(shift.ends > after for shift, after in zip(self.shifts, following, strict=True)):
            raise ContentError("shifts", "are not sorted, or overlap")


class AgencyOnCallChange(ContentModel):
    """`agency.oncall_change`: for some time somebody else is on call than the rota says.

    An override counts at once; an offer once the other has accepted it. `said_at` stands where a
    colleague tells a new device what was said before.
    """

    type: Literal["agency.oncall_change"] = "agency.oncall_change"
    change_id: Bytes16
    kind: Literal["override", "offer", "accept", "withdraw"]
    tier: TierName | None = None
    on: DeviceId | None = None
    off: DeviceId | None = None
    starts: Moment | None = None
    ends: Moment | None = None
    back_starts: Moment | None = None
    back_ends: Moment | None = None
    said_at: Moment | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        said = (self.tier, self.on, self.off, self.starts, self.ends, self.said_at)
        back = (self.back_starts, self.back_ends)
        if self.kind in {"accept", "withdraw"}:
            if any(held is not None for held in (*said, *back)):
                raise ContentError("kind", "says no more than which change it is about")
            return self
        _check_span("ends", self.starts, self.ends)
        if self.on is None or self.on == self.off:
            raise ContentError("on", "is missing, or the same as `off`")
        if self.kind == "offer" and (self.tier is not None or self.said_at is not None):
            raise ContentError("kind", "names no tier, and is said by whoever offers")
        if self.tier is None and self.off is None:
            raise ContentError("off", "is who offers, or is replaced, where no tier is named")
        if any(held is not None for held in back):
            if self.tier is not None:
                raise ContentError("back_starts", "stands where no tier is named")
            _check_span("back_ends", *back)
        return self


class AgencyOnCallBeat(ContentModel):
    """`agency.oncall_beat`: this device is on call, and an alert would arrive here.

    `rota` says by which versions it goes; `wakeable`, whether its human can be woken once it is
    locked.
    """

    type: Literal["agency.oncall_beat"] = "agency.oncall_beat"
    state: Literal["awake", "locking"] = "awake"
    wakeable: bool = False
    tier: TierName | None = None
    rota: Bytes16


class PublishedCrew(ContentPart):
    """Whom an alert is sealed for, as places in `devices`."""

    primary: _Tier = ()
    backup: _Tier = ()
    supervisor: _Tier = ()
    leadership: _Tier = ()

    def tiers(self) -> tuple[tuple[int, ...], ...]:
        """Give them from who is called first to who is called last."""
        return self.primary, self.backup, self.supervisor, self.leadership


class PublishedSpan(ContentPart):
    """From when until when a crew is on call."""

    starts: Moment
    ends: Moment
    crew: Annotated[int, Field(ge=0, lt=MOST_CREWS)]


class OnCallPublished(ContentModel):
    """`oncall.published`: whom a partner's alert reaches here, in the next two weeks."""

    type: Literal["oncall.published"] = "oncall.published"
    issued: Moment
    devices: Annotated[tuple[DeviceId, ...], Field(max_length=MOST_DEVICES)] = ()
    crews: Annotated[tuple[PublishedCrew, ...], Field(max_length=MOST_CREWS)] = ()
    spans: Annotated[tuple[PublishedSpan, ...], Field(max_length=MOST_SHIFTS)] = ()

    @model_validator(mode="after")
    def _check_published(self) -> Self:
        _check_devices(self.devices)
        places = (place for crew in self.crews for tier in crew.tiers() for place in tier)
        _check_below(places, len(self.devices), "crews", "name a device that is not listed")
        crews = (span.crew for span in self.spans)
        _check_below(crews, len(self.crews), "spans", "name a crew that is not listed")
        if any(not span.starts < span.ends <= self.issued + HORIZON_MS for span in self.spans):
            raise ContentError("spans", "end before they start, or more than 14 days ahead")
        if any(after.starts < before.ends for before, after in pairwise(self.spans)):
            raise ContentError("spans", "are not sorted, or overlap")
        return self


def _check_devices(devices: Sequence[DeviceId]) -> None:
    if list(devices) != sorted(set(devices)):
        raise ContentError("devices", "is not sorted, or names something twice")


def _check_below(numbers: Iterable[int], limit: int, field: str, reason: str) -> None:
    if any(number >= limit for number in numbers):
        raise ContentError(field, reason)


def _check_span(field: str, starts: int | None, ends: int | None) -> None:
    if starts is None or ends is None or not starts < ends <= starts + LONGEST_CHANGE_MS:
        raise ContentError(field, "is missing, not after the start, or more than 62 days after it")
