"""Overrides and swaps: what counts of what was said, and what it makes of the tiers.

What counts is a function of the set of what is known, in whatever order it came. An override counts
by itself; an offer once the other has said yes; neither, once it was withdrawn.

Spec: docs/spec/on-call.md, "Overrides and swaps".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway.oncall.tiers import BACKUP, PRIMARY, each_once
from quietway_schemas.content.oncall import TIERS
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.oncall.tiers import Tiers
    from quietway_schemas.content.oncall import AgencyOnCallChange, TierName
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

KEPT_MS: Final = 2 * DAY
"""So long after its end a change is still known."""
ChangeState: TypeAlias = Literal["counts", "offered", "withdrawn"]


@dataclass(frozen=True, slots=True)
class SaidOfChange:
    """What a device said of a change.

    Attributes:
        content: What.
        device: Which device.
        at: When, by its core.
        hash: Of its canonical form.
    """

    content: AgencyOnCallChange
    device: DeviceId
    at: Instant
    hash: bytes

    @property
    def order(self) -> tuple[Instant, bytes]:
        """Of two under one id the smaller counts."""
        return self.at, self.hash


@dataclass(frozen=True, slots=True)
class Swap:
    """Somebody stands in for somebody else, or in a tier, for some time.

    Attributes:
        starts: From when.
        ends: Until when.
        on: Who stands.
        off: Who does not; None where nobody is relieved.
        tier: Where, as a place from 0; None for wherever `off` stands.
    """

    starts: Instant
    ends: Instant
    on: DeviceId
    off: DeviceId | None
    tier: int | None

    def carry_out(self, tiers: Tiers) -> Tiers:
        """Make of the tiers what it says."""
        if self.tier is None:
            return each_once([_exchange(tier, self.off, self.on) for tier in tiers])
        others = [[held for held in tier if held not in {self.off, self.on}] for tier in tiers]
        if self.tier == PRIMARY:
            # Whoever is replaced and not relieved can still be reached.
            others[BACKUP] = [*others[PRIMARY], *others[BACKUP]]
            others[PRIMARY] = []
        others[self.tier] = [self.on, *others[self.tier]]
        return each_once(others)


@dataclass(frozen=True, slots=True)
class OnCallChange:
    """An override or a swap, as it stands.

    Attributes:
        change_id: What it is called by.
        kind: `override` or `offer`.
        state: `counts`; `offered`, as long as the other has not accepted; `withdrawn`.
        said_by: Whose word it is.
        said_at: When it was said.
        tier: Where `on` stands; None for wherever `off` would.
        on: Who takes over.
        off: Who is relieved, if anybody.
        starts: From when.
        ends: Until when.
        back: From when until when `off` takes over from `on`, in return.
    """

    change_id: bytes
    kind: Literal["override", "offer"]
    state: ChangeState
    said_by: DeviceId
    said_at: Instant
    tier: TierName | None
    on: DeviceId
    off: DeviceId | None
    starts: Instant
    ends: Instant
    back: tuple[Instant, Instant] | None = None

    def swaps(self) -> tuple[Swap, ...]:
        """Give what it comes to, where it counts."""
        tier = None if self.tier is None else TIERS.index(self.tier)
        there = Swap(self.starts, self.ends, self.on, self.off, tier)
        if self.back is None or self.off is None:
            return (there,)
        return there, Swap(*self.back, self.off, self.on, None)

    def is_over(self, now: Instant) -> bool:
        """Say whether it may be forgotten."""
        return now >= max(self.ends, 0 if self.back is None else self.back[1]) + KEPT_MS


def fold_changes(said: Iterable[SaidOfChange]) -> tuple[OnCallChange, ...]:
    """Say how every change stands, those that were said first first."""
    grouped: dict[bytes, list[SaidOfChange]] = {}
    for one in said:
        grouped.setdefault(one.content.change_id, []).append(one)
    changes = (_fold(held) for held in grouped.values())
    found = (change for change in changes if change is not None)
    return tuple(sorted(found, key=lambda held: (held.said_at, held.change_id)))


def list_swaps(changes: Iterable[OnCallChange]) -> tuple[Swap, ...]:
    """List what is carried out, in its order."""
    return tuple(swap for held in changes if held.state == "counts" for swap in held.swaps())


def _fold(said: list[SaidOfChange]) -> OnCallChange | None:
    begun = [held for held in said if held.content.kind == "override" or _is_own_offer(held)]
    if not begun:
        return None
    first = min(begun, key=lambda held: held.order)
    content = first.content
    assert content.on is not None  # noqa: S101 - the content's own rule
    assert content.starts is not None  # noqa: S101 - the same
    assert content.ends is not None  # noqa: S101 - the same
    back = (content.back_starts, content.back_ends)
    return OnCallChange(
        change_id=content.change_id,
        kind="offer" if content.kind == "offer" else "override",
        state=_find_state(first, said),
        said_by=first.device,
        said_at=first.at,
        tier=content.tier,
        on=content.on,
        off=content.off,
        starts=content.starts,
        ends=content.ends,
        back=None if back[0] is None or back[1] is None else (back[0], back[1]),
    )


def _find_state(first: SaidOfChange, said: list[SaidOfChange]) -> ChangeState:
    if any(held.content.kind == "withdraw" for held in said):
        return "withdrawn"
    by_other = [held for held in said if held.content.kind == "accept"]
    if first.content.kind == "override" or any(
        held.device == first.content.on for held in by_other
    ):
        return "counts"
    return "offered"


def _is_own_offer(said: SaidOfChange) -> bool:
    return said.content.kind == "offer" and said.content.off == said.device


def _exchange(
    tier: tuple[DeviceId, ...], off: DeviceId | None, on: DeviceId
) -> tuple[DeviceId, ...]:
    return tuple(on if held == off else held for held in tier)
