"""Four tiers of devices, and how they are put together: whoever is named stays named.

Spec: docs/spec/on-call.md, "The rota" and "Whom an alert reaches".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from quietway_schemas.content.oncall import TIERS
from quietway_schemas.holds import MOST_PLACES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from quietway_schemas.ids import DeviceId

Tiers: TypeAlias = "tuple[tuple[DeviceId, ...], ...]"

NOBODY: Final[Tiers] = ((),) * len(TIERS)
PRIMARY: Final = TIERS.index("primary")
BACKUP: Final = TIERS.index("backup")


def each_once(tiers: Sequence[Sequence[DeviceId]]) -> Tiers:
    """Let each device stand in the first tier that names it, and once."""
    seen: set[DeviceId] = set()
    kept: list[tuple[DeviceId, ...]] = []
    for tier in tiers:
        fresh = tuple(held for held in dict.fromkeys(tier) if held not in seen)
        seen.update(fresh)
        kept.append(fresh)
    return tuple(kept)


def list_devices(tiers: Sequence[Sequence[DeviceId]]) -> tuple[DeviceId, ...]:
    """Give everybody, whoever is called first first."""
    return tuple(held for tier in each_once(tiers) for held in tier)


def unite(versions: Sequence[Tiers]) -> Tiers:
    """Put together what several versions say of one moment: all whom any of them calls.

    Args:
        versions: The one whose primary counts first.
    """
    if not versions:
        return NOBODY
    primaries = [held for tiers in versions for held in tiers[PRIMARY]]
    joined = [
        list(dict.fromkeys(held for tiers in versions for held in tiers[place]))
        for place in range(len(TIERS))
    ]
    return each_once([primaries[:1], [*primaries[1:], *joined[BACKUP]], *joined[BACKUP + 1 :]])


def keep(tiers: Tiers, may: Callable[[DeviceId], bool]) -> Tiers:
    """Leave out whoever may not stand there."""
    return tuple(tuple(held for held in tier if may(held)) for tier in tiers)


def tier_of(tiers: Tiers, device: DeviceId) -> int | None:
    """Say in which tier a device stands, as its place from 0; None for in none."""
    return next((place for place, tier in enumerate(tiers) if device in tier), None)


def fill_tiers(tiers: Sequence[Sequence[DeviceId]]) -> Tiers:
    """Let a tier without anybody have those of the next one that has; the last ones, before."""
    filled: list[tuple[DeviceId, ...]] = []
    for place in range(len(tiers)):
        following = (*tiers[place:], *reversed(tiers[:place]))
        found = next((tuple(held) for held in following if held), ())
        filled.append(found[:MOST_PLACES])
    return tuple(filled)


def add_where_empty(tiers: Tiers, more: Sequence[Iterable[DeviceId]], places: range) -> Tiers:
    """Put others into these tiers where nobody stands, in so far as they stand nowhere yet."""
    filled = [list(tier) for tier in tiers]
    for place in places:
        if not filled[place]:
            named = set(list_devices(filled))
            filled[place] = [held for held in more[place] if held not in named]
    return tuple(tuple(tier) for tier in filled)
