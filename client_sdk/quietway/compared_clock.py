"""This machine's clock, set right by what the relay says, within the two hours that are borne.

Messages carry the time at which they were sent, and whoever opens one refuses what is more than ten
minutes ahead of its own time. Two machines that are each an hour off, in opposite directions, would
refuse everything from one another; so all go by the relay's clock where theirs is off by more than
a minute. A clock that is off by more than two hours is not corrected: nothing is done by it.

Spec: docs/spec/envelope.md, "Core"; docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from quietway.ports import Clock
    from quietway_schemas.instants import Instant

LEFT_ALONE_MS: Final = MINUTE
"""The relay tells the time to the second, and its answer takes a while."""


class ComparedClock:
    """A `Clock` over another one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = 0

    def now(self) -> Instant:
        """Return the time, set right as far as that is known."""
        return self._clock.now() - self._ahead

    def steady(self) -> int:
        """Return what the machine's steady clock says: nobody sets it, so nothing sets it right."""
        return self._clock.steady()

    def machine_now(self) -> Instant:
        """Return what the machine's own clock says."""
        return self._clock.now()

    def note(self, relay_now: Instant) -> None:
        """Take in what the relay's clock says at this moment."""
        ahead = self._clock.now() - relay_now
        self._ahead = ahead if abs(ahead) > LEFT_ALONE_MS else 0

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have passed."""
        await self._clock.sleep(seconds)

    async def rest(self, seconds: float) -> None:
        """Let a few seconds pass that nobody waits for."""
        await self._clock.rest(seconds)
