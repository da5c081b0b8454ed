"""Wake whoever is to be woken: the loop that claims what is due, sends it, and tries again.

Theory of operation: every second the loop looks whether anything is due. What is due is claimed in
a commit of its own, by moving its due time, before anything leaves; then each wake-up is an attempt
of its own, so that a provider that hangs keeps nobody else waiting. What became of it is written
down: the next endpoint, the same list again later, or the end. A relay that dies meanwhile leaves
claims that are over in half a minute, and whoever finds them tries again under the same key.

Rules: late rather than never. There is no end but an endpoint that took it and a mailbox in which
nothing waits. A wake-up says one constant text, whatever its reason.

Spec: docs/spec/wake-ups.md, "When a wake-up is due" and "Trying, and trying again".
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from quietway_server.core.waking import (
    CLAIM_MS,
    GRACE_MS,
    ROUND_MS,
    attempt_key,
    plan_next,
)
from quietway_server.errors import NotTakenError, RelayError
from quietway_server.log import LastingFailure, log_event
from quietway_server.metrics import count, measure

if TYPE_CHECKING:
    from quietway_schemas.wake import WakeEndpoint
    from quietway_server.heartbeats import Heartbeats
    from quietway_server.ports import Clock
    from quietway_server.rows import DueWake
    from quietway_server.services.endpoints import Endpoints
    from quietway_server.services.reader import Reader
    from quietway_server.services.writer import Writer

LOOP: Final = "wakes"
EVERY_SECONDS: Final = 1.0
MOST_AT_ONCE: Final = 128


@dataclass(frozen=True, slots=True)
class Waker:
    """Wakes, on demand or for ever."""

    writer: Writer
    reader: Reader
    clock: Clock
    endpoints: Endpoints
    heartbeats: Heartbeats
    _going: set[asyncio.Task[None]] = field(default_factory=set)
    _failure: LastingFailure = field(default_factory=partial(LastingFailure, "waking_failed"))

    async def run(self, *, every_seconds: float = EVERY_SECONDS) -> None:
        """Look for ever. A look that fails is made again."""
        self.heartbeats.expect(LOOP)
        try:
            while True:
                try:
                    await self.tick()
                except Exception as error:  # noqa: BLE001, whatever it was, the next look must come
                    self._failure.met(error)
                else:
                    self._failure.over()
                    # Who can't look, or claim, wakes nobody, however often it is tried.
                    self.heartbeats.beat(LOOP)
                await asyncio.sleep(every_seconds)
        finally:
            for task in self._going:
                task.cancel()

    async def tick(self) -> int:
        """Begin an attempt for each wake-up that is due, as far as there is room.

        Returns:
            How many were begun.

        Raises:
            RelayError: Nothing could be claimed.
        """
        room = MOST_AT_ONCE - len(self._going)
        now = self.clock.now()
        due = await self.reader.read(lambda held: held.count_due_wakes(now=now - GRACE_MS))
        measure("wakes_waiting", due)
        if not due or room <= 0:
            return 0
        # On a full disk this may use the reserve: who is woken fetches, and that makes room.
        claimed = await self.writer.write(
            lambda held: held.claim_wakes(now=now - GRACE_MS, until=now + CLAIM_MS, limit=room),
            frees=True,
        )
        for wake in claimed:
            task = asyncio.get_running_loop().create_task(self._attempt(wake))
            self._going.add(task)
            task.add_done_callback(self._going.discard)
        return len(claimed)

    async def finish(self) -> None:
        """Wait until every attempt that was begun is over."""
        await asyncio.gather(*self._going)

    async def _attempt(self, wake: DueWake) -> None:
        endpoints = self.endpoints.open(wake)
        try:
            if endpoints:
                await self._try(wake, endpoints)
            else:
                # It stays as it is: the right key, perhaps another relay's, brings it back.
                log_event("wake_unreadable", failed=True)
                await self._settle(wake, self.clock.now() + ROUND_MS)
        except RelayError as error:
            # The claim is over in a moment, and then it is tried again.
            self._failure.met(error)

    async def _try(self, wake: DueWake, endpoints: tuple[WakeEndpoint, ...]) -> None:
        place = wake.attempt % len(endpoints)
        took = await self._send(endpoints[place], attempt_key(wake.wake_id, place))
        after = plan_next(
            wake.attempt, len(endpoints), took=took, taken=wake.taken, now=self.clock.now()
        )
        await self._settle(replace(wake, attempt=after.attempt, taken=after.taken), after.due)

    async def _send(self, endpoint: WakeEndpoint, key: bytes) -> bool:
        took = False
        # A kind that the operator has taken away since may come back.
        if notifier := self.endpoints.notifiers.get(endpoint.kind):
            with suppress(NotTakenError):
                await notifier.notify(endpoint.target, key=key)
                took = True
        count("wakes_sent" if took else "wakes_failed", label=endpoint.kind)
        return took

    async def _settle(self, wake: DueWake, due: int | None) -> None:
        await self.writer.write(lambda held: held.settle_wake(wake, due=due), frees=True)
