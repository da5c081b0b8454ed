"""What is urgent: a capability that opens a lane of kind crisis, looked up before anything waits.

Theory of operation: the relay knows a lane by the hash of its capability, and an index finds it.
What was found is remembered for a while, a yes longer than a no, so that a lane that is shown again
costs nothing. Lookups go first among what is read, many at once.

Rules: a claim to be urgent counts for nothing. The memory is bounded, holds hashes and nothing of
who showed them, and is never written down. What can't be looked up is not urgent.

    urgent = await relay.urgency.judge(hash_capability(capability))
    await relay.writer.write(work, urgent=urgent)

Spec: docs/spec/relay-protocol.md, "What alarms have reserved".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from quietway_schemas.instants import SECOND
from quietway_server.core.capacity import Urgent
from quietway_server.core.retention import sendable_weeks
from quietway_server.errors import RelayError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_schemas.instants import Instant
    from quietway_server.errors import RefusedError
    from quietway_server.ports import Clock, Transaction
    from quietway_server.services.reader import Reader

V = TypeVar("V")

YES_MS: Final = 60 * SECOND
NO_MS: Final = 10 * SECOND
REMEMBERED: Final = 32_768


class Urgency:
    """Tells what is urgent.

    Args:
        reader: Where lanes are looked up.
        clock: The time.
    """

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._known: dict[bytes, tuple[Instant, Urgent]] = {}
        self._unknown: dict[bytes, Instant] = {}

    async def judge(self, lane: bytes) -> Urgent | None:
        """Find out whether a capability opens a lane of kind crisis now.

        Args:
            lane: The hash of the capability that was shown.

        Returns:
            What it opens; None where it is for everything else, or for nothing.
        """
        now = self._clock.now()
        until, urgent = self._known.get(lane, (0, None))
        if urgent is not None and now < until:
            return urgent
        if now < self._unknown.get(lane, 0):
            return None
        try:
            urgent = await self._reader.run(self.look_up, lane, goes_first=True)
        except RelayError:
            return None
        if urgent is None:
            _remember(self._unknown, lane, now + NO_MS)
        else:
            _remember(self._known, lane, (now + YES_MS, urgent))
        return urgent

    def look_up(
        self, transaction: Transaction, lanes: Sequence[bytes]
    ) -> Sequence[Urgent | RefusedError | None]:
        """Run in a reading thread: find whose lanes of kind crisis these are."""
        weeks = sendable_weeks(now=self._clock.now())
        found = transaction.find_crisis_lanes(set(lanes), weeks)
        return [Urgent(lane, found[lane]) if lane in found else None for lane in lanes]


def _remember(memory: dict[bytes, V], lane: bytes, value: V) -> None:
    memory.pop(lane, None)
    memory[lane] = value
    if len(memory) > REMEMBERED:
        del memory[next(iter(memory))]
