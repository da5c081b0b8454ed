"""Gaps: when nobody would stand as primary or as backup, and why.

Spec: docs/spec/on-call.md, "Gaps".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway.oncall.tiers import BACKUP, PRIMARY
from quietway_schemas.content.oncall import HORIZON_MS, TIERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from quietway.oncall.layout import Stretch
    from quietway_schemas.content.oncall import TierName
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

Unfit: TypeAlias = Literal["device_left", "without_role", "without_keys"]
GapReason: TypeAlias = Literal["nobody", "device_left", "without_role", "without_keys"]

AHEAD_MS: Final = HORIZON_MS
GAP_WORDS: Final[dict[GapReason, str]] = {
    "nobody": "Nobody is on call in this tier: set the rota, or an override.",
    "device_left": "Whoever is on call has a device that left the agency: put somebody else there.",
    "without_role": "The device on call may not receive alerts: change its roles, or the rota.",
    "without_keys": "No alert can be sealed to the device on call: open it, and synchronise.",
}


@dataclass(frozen=True, slots=True)
class CoverGap:
    """A time in which a tier has nobody whom an alert can reach.

    Attributes:
        starts: From when; now, where it has begun.
        ends: Until when, as far as was looked.
        tier: `primary` or `backup`.
        why: `nobody`, where the rota names none; else what is the matter with who is named.
        devices: Who is named.
    """

    starts: Instant
    ends: Instant
    tier: TierName
    why: GapReason
    devices: tuple[DeviceId, ...] = ()


def find_gaps(
    layout: Iterable[Stretch], judge: Callable[[DeviceId], Unfit | None]
) -> tuple[CoverGap, ...]:
    """Find the gaps of a layout, the earliest first.

    Args:
        layout: Who stands where.
        judge: What is the matter with a device now; None where an alert reaches it.
    """
    found: list[CoverGap] = []
    for place in (PRIMARY, BACKUP):
        held: CoverGap | None = None
        for stretch in layout:
            gap = _judge(stretch, place, judge)
            if gap is not None and held is not None and _goes_on(held, gap):
                held = found[-1] = replace(held, ends=gap.ends)
                continue
            held = gap
            if gap is not None:
                found.append(gap)
    return tuple(sorted(found, key=lambda gap: (gap.starts, TIERS.index(gap.tier))))


def _judge(
    stretch: Stretch, place: int, judge: Callable[[DeviceId], Unfit | None]
) -> CoverGap | None:
    named = stretch.tiers[place]
    judged = [judge(device) for device in named]
    reasons = [reason for reason in judged if reason is not None]
    if len(reasons) < len(judged):
        return None
    why: GapReason = reasons[0] if reasons else "nobody"
    return CoverGap(stretch.starts, stretch.ends, TIERS[place], why, named)


def _goes_on(held: CoverGap, gap: CoverGap) -> bool:
    same = (held.why, held.devices) == (gap.why, gap.devices)
    return same and held.ends == gap.starts
