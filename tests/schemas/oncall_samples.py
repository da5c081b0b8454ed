"""Who is on call, for the tests of what is said: of each type the smallest and the largest."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Final

from quietway_schemas.content.base import MOST_SEEN
from quietway_schemas.content.oncall import (
    HORIZON_MS,
    LONGEST_CHANGE_MS,
    MOST_CREWS,
    MOST_DEVICES,
    MOST_IN_TIER,
    MOST_SHIFTS,
    MOST_WEEKS,
    WEEK_MINUTES,
    AgencyOnCallBeat,
    AgencyOnCallChange,
    AgencyRota,
    OnCallPublished,
    PublishedCrew,
    PublishedSpan,
    RotaCrew,
    RotaShift,
)
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import LATEST_INSTANT

if TYPE_CHECKING:
    from quietway_schemas.content.base import ContentModel

MONDAY: Final = dt.date(2026, 11, 23)
_SEEDED: Final = random.Random(20_261_127)


def draw(count: int = 16) -> bytes:
    return _SEEDED.randbytes(count)


def draw_devices(count: int) -> tuple[DeviceId, ...]:
    return tuple(sorted(DeviceId(draw()) for _ in range(count)))


def make_rota(**changes: object) -> AgencyRota:
    """All week two devices, one before the other."""
    fields: dict[str, object] = {
        "nonce": draw(),
        "time_zone": "America/Chicago",
        "week_one": MONDAY,
        "devices": draw_devices(2),
        "crews": (RotaCrew(primary=0, backup=(1,)),),
        "shifts": (RotaShift(crew=0, starts=0, ends=WEEK_MINUTES),),
    }
    return AgencyRota.model_validate({**fields, **changes})


def make_override(**changes: object) -> AgencyOnCallChange:
    fields: dict[str, object] = {
        "change_id": draw(),
        "kind": "override",
        "tier": "primary",
        "on": DeviceId(draw()),
        "starts": 0,
        "ends": 60_000,
    }
    return AgencyOnCallChange.model_validate({**fields, **changes})


def make_smallest_on_call() -> list[ContentModel]:
    return [
        AgencyOnCallBeat(rota=draw()),
        AgencyOnCallChange(change_id=draw(), kind="accept"),
        make_rota(),
        OnCallPublished(issued=0),
    ]


def make_largest_on_call() -> list[ContentModel]:
    step = MOST_WEEKS * WEEK_MINUTES // MOST_SHIFTS
    last = tuple(range(MOST_DEVICES - 13, MOST_DEVICES))
    crew = RotaCrew(primary=last[0], backup=last[1:5], supervisor=last[5:9], leadership=last[9:13])
    tier = last[:MOST_IN_TIER]
    published = PublishedCrew(primary=tier, backup=tier, supervisor=tier, leadership=tier)
    issued = LATEST_INSTANT - HORIZON_MS
    return [
        AgencyOnCallBeat(
            rota=draw(), state="locking", wakeable=True, tier="leadership", exercise=True
        ),
        AgencyOnCallChange(
            change_id=draw(),
            kind="override",
            tier="leadership",
            on=DeviceId(draw()),
            off=DeviceId(draw()),
            starts=LATEST_INSTANT - LONGEST_CHANGE_MS,
            ends=LATEST_INSTANT,
            said_at=LATEST_INSTANT,
            exercise=True,
        ),
        AgencyOnCallChange(
            change_id=draw(),
            kind="override",
            said_at=LATEST_INSTANT,
            on=DeviceId(draw()),
            off=DeviceId(draw()),
            starts=LATEST_INSTANT - LONGEST_CHANGE_MS,
            ends=LATEST_INSTANT,
            back_starts=LATEST_INSTANT - LONGEST_CHANGE_MS,
            back_ends=LATEST_INSTANT,
            exercise=True,
        ),
        make_rota(
            time_zone="America/Argentina/ComodRivadavia",
            weeks=MOST_WEEKS,
            devices=draw_devices(MOST_DEVICES),
            crews=(crew,) * MOST_CREWS,
            shifts=tuple(
                RotaShift(crew=MOST_CREWS - 1, starts=at * step, ends=(at + 1) * step)
                for at in range(MOST_SHIFTS)
            ),
            supersedes=tuple(sorted(draw(32) for _ in range(MOST_SEEN))),
            exercise=True,
        ),
        OnCallPublished(
            issued=issued,
            devices=draw_devices(MOST_DEVICES),
            crews=(published,) * MOST_CREWS,
            spans=tuple(
                PublishedSpan(starts=issued + at, ends=issued + at + 1, crew=MOST_CREWS - 1)
                for at in range(MOST_SHIFTS)
            ),
            exercise=True,
        ),
    ]
