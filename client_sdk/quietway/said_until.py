"""Until when what waits may go out: what stands on a release or an agreement ends with it.

A message that could not be handed over waits for days, and its ground may end meanwhile. So the end
is written down in the same commit as the message, and looked at before anything is handed over.

Rules: what is over is stopped for good, and never goes out because a ground is renewed: whoever
renews it decides what is said under it.

Spec: docs/spec/policy.md, "What waits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.ports import Delete, Put

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.engine.state import State
    from quietway.ports import Row
    from quietway_schemas.instants import Instant

SAID_UNTIL: Final = "said_until"
MOST_SETTLED: Final = 64
"""So many entries that wait no more are let go of at once."""
_TIME_BYTES: Final = 8


class SaidUntil:
    """The ends of what was said, by the entry's local id."""

    def __init__(self) -> None:
        self._ends: dict[bytes, Instant] = {}
        self._not_written: set[bytes] = set()

    @classmethod
    def restore(cls, rows: Iterable[Row]) -> SaidUntil:
        """Bring back what the store holds."""
        held = cls()
        for row in rows:
            held._ends[row.key] = int.from_bytes(row.value, "big")
        return held

    def note(self, local_id: bytes, until: Instant | None) -> list[Put]:
        """Remember until when an entry may go out; give the row for the commit that has it."""
        if until is None:
            return []
        self._ends[local_id] = until
        self._not_written.add(local_id)
        return [Put(SAID_UNTIL, local_id, until.to_bytes(_TIME_BYTES, "big"))]

    def shorten(self, local_id: bytes, until: Instant | None) -> list[Put]:
        """Go by an earlier end of what waits already; a later one changes nothing."""
        former = self._ends.get(local_id)
        if until is None or (former is not None and former <= until):
            return []
        self._ends[local_id] = until
        return [Put(SAID_UNTIL, local_id, until.to_bytes(_TIME_BYTES, "big"))]

    def is_over(self, local_id: bytes, now: Instant) -> bool:
        """Say whether the end that was written down has come."""
        return local_id in self._ends and self._ends[local_id] <= now

    def list_over(self, state: State, now: Instant) -> list[bytes]:
        """List the entries that wait and may not go out any more."""
        return [held for held, end in self._ends.items() if end <= now and _waits(state, held)]

    def forget_settled(self, state: State) -> list[Delete]:
        """Let go of what can't wait again, once that is worth a commit; give the deletions.

        What the relay has on disk can: a relay that was put back is handed it once more.
        """
        self._not_written.difference_update(state.outbox)
        known = self._ends.keys() - self._not_written
        done = sorted(held for held in known if _is_done_with(state, held))
        if len(done) < MOST_SETTLED:
            return []
        for local_id in done:
            del self._ends[local_id]
        return [Delete(SAID_UNTIL, local_id) for local_id in done]


def _waits(state: State, local_id: bytes) -> bool:
    entry = state.outbox.get(local_id)
    return entry is not None and not (entry.settled or entry.withdrawn or entry.expired)


def _is_done_with(state: State, local_id: bytes) -> bool:
    entry = state.outbox.get(local_id)
    return entry is None or entry.withdrawn or entry.expired
