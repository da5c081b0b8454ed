"""What partners are told of who is on call, and how it is read: device ids and times.

Spec: docs/spec/on-call.md, "What partners are told".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.oncall.layout import Stretch
from quietway.oncall.tiers import NOBODY, list_devices
from quietway_schemas.content.oncall import (
    HORIZON_MS,
    MOST_CREWS,
    MOST_DEVICES,
    MOST_IN_TIER,
    MOST_SHIFTS,
    OnCallPublished,
    PublishedCrew,
    PublishedSpan,
)
from quietway_schemas.instants import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from quietway.oncall.tiers import Tiers
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

RUNS_SHORT_MS: Final = 7 * DAY
BACK_MS: Final = HOUR
"""Also the hour before is told: a partner's clock may be behind."""


def write_published(
    layout: Iterable[Stretch], *, now: Instant, after: Instant = 0
) -> OnCallPublished:
    """Write who is on call in the next two weeks, or as far as it has room.

    Args:
        layout: Who stands where, from an hour before now.
        now: Milliseconds since 1970-01-01T00:00:00Z.
        after: When what it replaces was issued: it is later than that, also within one moment.
    """
    kept = _keep_what_fits([held for held in layout if list_devices(held.tiers)], now)
    devices = sorted({device for held in kept for device in list_devices(held.tiers)})
    place = {device: at for at, device in enumerate(devices)}
    crews = list(dict.fromkeys(held.tiers for held in kept))
    return OnCallPublished(
        issued=max(now, after + 1),
        devices=tuple(devices),
        crews=tuple(_write_crew(tiers, place) for tiers in crews),
        spans=tuple(
            PublishedSpan(starts=held.starts, ends=held.ends, crew=crews.index(held.tiers))
            for held in kept
        ),
    )


def read_published(content: OnCallPublished) -> tuple[Stretch, ...]:
    """Read it back, sorted and apart."""
    crews = [
        tuple(tuple(content.devices[place] for place in tier) for tier in crew.tiers())
        for crew in content.crews
    ]
    return tuple(Stretch(span.starts, span.ends, crews[span.crew]) for span in content.spans)


def find_published(content: OnCallPublished | None, at: Instant) -> Tiers:
    """Say whom a partner named for a moment; nobody where it said nothing of it."""
    stretches = () if content is None else read_published(content)
    return next((held.tiers for held in stretches if held.starts <= at < held.ends), NOBODY)


def is_due(held: OnCallPublished | None, layout: Sequence[Stretch], *, now: Instant) -> bool:
    """Say whether a partner is to be told: what it holds runs short, or says something else."""
    fresh = write_published(layout, now=now)
    if held is None:
        return bool(fresh.spans)
    before, after = read_published(held), read_published(fresh)
    until = before[-1].ends if before else held.issued
    if after and until < min(now + RUNS_SHORT_MS, after[-1].ends):
        return True
    return _cut(before, now, until) != _cut(after, now, until)


def _keep_what_fits(layout: Sequence[Stretch], now: Instant) -> list[Stretch]:
    kept: list[Stretch] = []
    for held in _cut(layout, now - BACK_MS, now + HORIZON_MS):
        trimmed = Stretch(held.starts, held.ends, tuple(tier[:MOST_IN_TIER] for tier in held.tiers))
        tried = [*kept, trimmed]
        devices = {device for one in tried for device in list_devices(one.tiers)}
        crews = {one.tiers for one in tried}
        if len(tried) > MOST_SHIFTS or len(devices) > MOST_DEVICES or len(crews) > MOST_CREWS:
            break
        kept = tried
    return kept


def _cut(layout: Iterable[Stretch], starts: Instant, ends: Instant) -> list[Stretch]:
    cut = (Stretch(max(held.starts, starts), min(held.ends, ends), held.tiers) for held in layout)
    return [held for held in cut if held.starts < held.ends]


def _write_crew(tiers: Tiers, place: Mapping[DeviceId, int]) -> PublishedCrew:
    primary, backup, supervisor, leadership = (
        tuple(place[device] for device in tier) for tier in tiers
    )
    return PublishedCrew(
        primary=primary, backup=backup, supervisor=supervisor, leadership=leadership
    )
