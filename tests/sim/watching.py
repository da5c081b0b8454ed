"""What the relay does, seen from outside its services: what it delivers, and when.

The store is the product's; this one tells after each commit which envelopes are new in a mailbox.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway_server.store.memory import MemoryStore, MemoryTransaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sim.history import History

    from quietway_schemas.holds import Ladder

LATE_SECONDS = 3.0
"""The promise is a second; a relay that is just starting may need a moment more."""


class WatchedStore(MemoryStore):
    """The relay's store in memory.

    Attributes:
        arrived: Is told of each envelope that came into a mailbox: the mailbox, and its id.
    """

    def __init__(self) -> None:
        super().__init__()
        self.arrived: Callable[[bytes, bytes], None] = lambda *_: None

    @contextlib.contextmanager
    def writing(self) -> Iterator[MemoryTransaction]:
        """Open the writing transaction; what it commits is told."""
        before = self._state.envelopes.keys()
        with super().writing() as transaction:
            yield transaction
        for key in [key for key in self._state.envelopes if key not in before]:
            header = self._state.envelopes[key].record.header
            self.arrived(key[0], header.envelope_id.value)


@dataclass
class Rungs:
    """A ladder as it was handed over.

    Attributes:
        seen: When it was handed over first: the relay has it not before.
        taken: When its sender knew that the relay has it; None as long as it does not.
        tiers: When each is due, in seconds, and its places: (mailbox, envelope id).
        claimed: When a claim was first handed over.
        dropped: Whether a lying relay said that it has it, and has not.
    """

    seen: float
    tiers: list[tuple[int, frozenset[tuple[bytes, bytes]]]]
    taken: float | None = None
    claimed: float | None = None
    dropped: bool = False


@dataclass
class LadderBook:
    """The reference model of ladders: each place once, in its time, and all of them.

    Attributes:
        history: Where what is broken is written.
        started: When the relay was started last.
    """

    history: History
    started: float = 0.0
    ladders: dict[bytes, Rungs] = field(default_factory=dict)
    places: dict[tuple[bytes, bytes], tuple[bytes, int]] = field(default_factory=dict)
    came: dict[tuple[bytes, bytes], float] = field(default_factory=dict)
    closed: set[bytes] = field(default_factory=set)

    @property
    def _now(self) -> float:
        return self.history.loop.time()

    def see_ladder(self, hold: bytes, ladder: Ladder) -> None:
        """Note what is handed over; the same again changes nothing."""
        if hold in self.ladders:
            return
        tiers = [
            (
                tier.due,
                frozenset(
                    (place.record.header.mailbox.value, place.record.header.envelope_id.value)
                    for place in tier.places
                ),
            )
            for tier in ladder.tiers
        ]
        secrets = [place.cancel_hash for tier in ladder.tiers for place in tier.places]
        if len(set(secrets)) < len(secrets):
            self.history.break_promise("I3: one secret cancels for several who were called")
        self.ladders[hold] = Rungs(self._now, tiers)
        for due, places in tiers:
            self.places |= dict.fromkeys(places, (hold, due))

    def places_of(self, hold: bytes) -> frozenset[tuple[bytes, bytes]]:
        """Give all places of a ladder: (mailbox, envelope id)."""
        return frozenset[tuple[bytes, bytes]]().union(*(of for _, of in self.ladders[hold].tiers))

    def take(self, hold: bytes) -> None:
        """Note that the relay has it."""
        held = self.ladders[hold]
        held.taken = held.taken or self._now

    def drop(self, hold: bytes) -> None:
        """Note that a lying relay drops it."""
        self.ladders[hold].dropped = True

    def see_claim(self, hold: bytes) -> None:
        """Note that somebody claims it."""
        held = self.ladders.get(hold)
        if held is not None and held.claimed is None:
            held.claimed = self._now

    def arrive(self, mailbox: bytes, name: bytes) -> None:
        """Judge an envelope that came into a mailbox."""
        key = (mailbox, name)
        if key in self.came:
            self.history.break_promise("I2: the relay delivered an envelope twice")
        self.came[key] = self._now
        hold, due = self.places.get(key, (b"", 0))
        held = self.ladders.get(hold)
        if held is None or held.claimed is not None or self._is_thinned(held):
            return
        if self._now < held.seen + due - 0.002:
            self.history.break_promise(f"I2: a tier due after {due} s went {self._now - held.seen}")
        latest = max((held.taken or held.seen) + due, self.started) + LATE_SECONDS
        if held.taken is not None and self._now > latest:
            self.history.break_promise(f"I2: a tier due after {due} s was late")

    def _is_thinned(self, held: Rungs) -> bool:
        """Say whether a mailbox of it was closed: an emptied tier brings the next one forward."""
        return any(box in self.closed for _, places in held.tiers for box, _ in places)

    def judge(self) -> int:
        """I1, I2: whatever the relay has taken has reached every tier, or was claimed."""
        for held in self.ladders.values():
            for due, places in held.tiers if held.taken is not None and not held.dropped else ():
                missing = [
                    key for key in places if key not in self.came and key[0] not in self.closed
                ]
                is_over = self._now > max(held.taken + due, self.started) + LATE_SECONDS
                if missing and (is_over or held.claimed is not None):
                    self.history.break_promise(
                        f"I1: {len(missing)} places of a tier due after {due} s were left out"
                    )
        return sum(held.taken is not None for held in self.ladders.values())
