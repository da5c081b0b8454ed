"""Ladders in memory: the same promises, except that nothing outlives the process.

Spec: docs/spec/holds.md, "What is kept, and for how long".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from quietway_server.rows import DueHold

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_server.core.holds import Ladder
    from quietway_server.rows import HeldAlert


@dataclass(slots=True)
class HoldState:
    """What is kept of ladders: their states, when somebody must look, and the alerts held."""

    ladders: dict[bytes, tuple[Ladder, int]] = field(default_factory=dict)
    alerts: dict[tuple[bytes, int, bytes], SubmissionRecord] = field(default_factory=dict)

    def copy(self) -> HoldState:
        """Give a copy that may be changed."""
        return HoldState(dict(self.ladders), dict(self.alerts))


class MemoryHolds:
    """The ladders' part of a transaction on a state."""

    _holds: HoldState

    def find_hold(self, hold: bytes) -> Ladder | None:
        """Give a ladder's state."""
        found = self._holds.ladders.get(hold)
        return None if found is None else found[0]

    def keep_hold(self, hold: bytes, ladder: Ladder, *, due_ms: int) -> None:
        """Keep a new ladder, or what one has become."""
        tiers = tuple(
            replace(tier, places=tuple(sorted(tier.places, key=lambda place: place.mailbox)))
            for tier in ladder.tiers
        )
        self._holds.ladders[hold] = (replace(ladder, tiers=tiers), due_ms)

    def due_holds(self, *, limit: int) -> list[DueHold]:
        """Give the ladders at which somebody must look first, by wall time, at most `limit`."""
        found = [
            DueHold(hold, replace(ladder, tiers=(), claims=()), due_ms)
            for hold, (ladder, due_ms) in self._holds.ladders.items()
        ]
        return sorted(found, key=lambda due: due.ladder.accepted + due.due_ms)[:limit]

    def hold_alerts(self, hold: bytes, alerts: Sequence[HeldAlert]) -> None:
        """Keep alerts until their tiers' time."""
        for alert in alerts:
            self._holds.alerts[hold, alert.tier, alert.record.header.mailbox.value] = alert.record

    def take_alerts(self, hold: bytes, tier: int) -> list[SubmissionRecord]:
        """Give the alerts that are held for a tier, and delete them."""
        taken = [key for key in self._holds.alerts if key[:2] == (hold, tier)]
        return [self._holds.alerts.pop(key) for key in taken]

    def count_held(self, wanted: Collection[bytes]) -> dict[bytes, int]:
        """Count the alerts that are held for mailboxes; those without one are left out."""
        return Counter(mailbox for _, _, mailbox in self._holds.alerts if mailbox in wanted)

    def find_holds_of(self, mailboxes: Collection[bytes]) -> list[bytes]:
        """Give the ladders that address one of these mailboxes."""
        wanted = set(mailboxes)
        return [hold for hold, (of, _) in self._holds.ladders.items() if wanted & of.mailboxes]

    def drop_places(self, hold: bytes, mailboxes: Collection[bytes]) -> None:
        """Delete a ladder's places of these mailboxes, and what is held for them."""
        ladder, due_ms = self._holds.ladders[hold]
        tiers = tuple(
            replace(
                tier, places=tuple(place for place in tier.places if place.mailbox not in mailboxes)
            )
            for tier in ladder.tiers
        )
        self._holds.ladders[hold] = (replace(ladder, tiers=tiers), due_ms)
        for key in [key for key in self._holds.alerts if key[0] == hold and key[2] in mailboxes]:
            del self._holds.alerts[key]

    def forget_hold(self, hold: bytes) -> None:
        """Delete all that is left of a ladder."""
        self._holds.ladders.pop(hold, None)
        for key in [key for key in self._holds.alerts if key[0] == hold]:
            del self._holds.alerts[key]
