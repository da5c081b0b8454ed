"""Who stands in which tier from when until when: the rota's versions and its changes, laid out.

Pure, and the only place that says it: what is shown, published, exported and searched for gaps are
stretches of this layout.

Spec: docs/spec/on-call.md, "The rota" and "Overrides and swaps".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from quietway.oncall.local import to_instant, to_local
from quietway.oncall.tiers import NOBODY, list_devices, unite
from quietway.policy.calendar import find_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quietway.oncall.changes import Swap
    from quietway.oncall.tiers import Tiers
    from quietway_schemas.content.oncall import AgencyRota, RotaCrew
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when until when who stands where.

    Attributes:
        starts: From when, milliseconds since 1970-01-01T00:00:00Z.
        ends: Until when.
        tiers: Who, in four tiers; any of them may be empty.
    """

    starts: Instant
    ends: Instant
    tiers: Tiers


def lay_out(
    versions: Sequence[AgencyRota],
    swaps: Sequence[Swap],
    starts: Instant,
    ends: Instant,
) -> tuple[Stretch, ...]:
    """Lay out a time, without a break from its start to its end.

    Args:
        versions: The current ones, by name.
        swaps: What is carried out, in its order.
        starts: From when.
        ends: Until when; later than that.
    """
    shifts = [tuple(_list_shifts(held, starts, ends)) for held in versions]
    spans = [(held.starts, held.ends) for each in shifts for held in each]
    spans += [(held.starts, held.ends) for held in swaps]
    turns = {at for span in spans for at in span if starts < at < ends} | {starts, ends}
    stretches = [
        Stretch(begun, over, _find_tiers(shifts, swaps, begun))
        for begun, over in pairwise(sorted(turns))
    ]
    return tuple(_join(stretches))


def find_at(versions: Sequence[AgencyRota], swaps: Sequence[Swap], at: Instant) -> Tiers:
    """Say who stands where at one moment."""
    return lay_out(versions, swaps, at, at + 1)[0].tiers


def _find_tiers(shifts: Sequence[Sequence[Stretch]], swaps: Sequence[Swap], at: Instant) -> Tiers:
    said = [
        next((held.tiers for held in each if held.starts <= at < held.ends), NOBODY)
        for each in shifts
    ]
    # Sorting keeps the order of names among those who name equally many.
    tiers = unite(sorted(said, key=lambda held: -len(list_devices(held))))
    for swap in swaps:
        if swap.starts <= at < swap.ends:
            tiers = swap.carry_out(tiers)
    return tiers


def _list_shifts(rota: AgencyRota, starts: Instant, ends: Instant) -> Iterator[Stretch]:
    """List the shifts that lie in a time, also in part."""
    zone, cycle = find_zone(rota.time_zone), 7 * rota.weeks
    first = (to_local(starts, zone).date() - rota.week_one).days // cycle - 1
    last = (to_local(ends, zone).date() - rota.week_one).days // cycle
    crews = [_show_crew(crew, rota.devices) for crew in rota.crews]
    for turn in range(first, last + 1):
        monday = rota.week_one + timedelta(days=turn * cycle)
        for shift in rota.shifts:
            begun = to_instant(monday, shift.starts, zone)
            over = to_instant(monday, shift.ends, zone)
            if begun < over and begun < ends and over > starts:
                yield Stretch(begun, over, crews[shift.crew])


def _show_crew(crew: RotaCrew, devices: Sequence[DeviceId]) -> Tiers:
    tiers = ((crew.primary,), crew.backup, crew.supervisor, crew.leadership)
    return tuple(tuple(devices[place] for place in tier) for tier in tiers)


def _join(stretches: Sequence[Stretch]) -> Iterator[Stretch]:
    """Make one of neighbours that say the same."""
    held = stretches[0]
    for following in stretches[1:]:
        if following.tiers == held.tiers:
            held = Stretch(held.starts, following.ends, held.tiers)
        else:
            yield held
            held = following
    yield held
