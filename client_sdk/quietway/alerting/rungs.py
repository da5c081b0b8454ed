"""Who stands on which rung: each device once, and no time is left to nobody. Pure.

Spec: docs/spec/alerts.md, "Sending".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.inputs import Rung
from quietway_schemas.holds import MOST_PLACES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway_schemas.ids import DeviceId

USUAL_DUES: Final = (0, 300, 600, 900)
"""At once, and after 5, 10 and 15 minutes."""


def arrange_rungs(
    tiers: Iterable[Iterable[DeviceId]],
    *,
    me: DeviceId,
    dues: Sequence[int] = USUAL_DUES,
) -> tuple[Rung, ...]:
    """Arrange whom to call on rungs.

    Args:
        tiers: Whoever is on call first, then their backup, and so on.
        me: Who calls, and is not called.
        dues: Seconds, growing; the first is 0.

    Returns:
        At most as many rungs as there are times; none where nobody is left to call.
    """
    called: list[list[DeviceId]] = []
    seen = {me}
    for tier in tiers:
        new = sorted(set(tier) - seen)
        seen |= set(new)
        called += [new[start : start + MOST_PLACES] for start in range(0, len(new), MOST_PLACES)]
    while len(called) > len(dues):
        # Sooner, rather than never. Whoever finds no place on the last rung is not called.
        last = called.pop()
        called[-1] = sorted(called[-1] + last)[:MOST_PLACES]
    return tuple(Rung(due, tuple(held)) for due, held in zip(dues, called, strict=False))


def put_first(
    device: DeviceId, tiers: Sequence[Sequence[DeviceId]]
) -> tuple[tuple[DeviceId, ...], ...]:
    """Let one device be called alone before all others; the first two tiers become one."""
    joined = tuple(held for tier in tiers[:2] for held in tier)
    return ((device,), joined, *(tuple(tier) for tier in tiers[2:]))
