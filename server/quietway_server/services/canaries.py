"""Canary wake-ups: find the provider that takes wake-ups and does nothing.

Theory of operation: the operator has an endpoint of their own at each provider, and something that
receives there and reports each wake-up to the operator's listener. Every minute one is sent, in no
way different from others. Where no report came for three and a half minutes, whoever should have
been woken by that provider meanwhile may sleep: the operator is told.

Rules: what counts is the report, and never the provider's answer.

Spec: docs/spec/wake-ups.md, "Canary wake-ups".
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from quietway_server.errors import NotTakenError
from quietway_server.log import log_event
from quietway_server.metrics import measure
from quietway_server.services.alarms import PROVIDER_SILENT, Alarm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from quietway_server.heartbeats import Heartbeats
    from quietway_server.ports import Notifier
    from quietway_server.services.alarms import Alarms
    from quietway_server.targets import Canary

LOOP: Final = "canaries"
SEND_SECONDS: Final = 60.0
SILENT_SECONDS: Final = 210.0
LOOK_SECONDS: Final = 15.0
_KEY_BYTES: Final = 16


class Canaries:
    """Sends canaries, and listens for them.

    Args:
        canaries: Those that the operator named.
        notifiers: How each kind is sent.
        alarms: Who is told.
        heartbeats: Where this loop shows that it lives.
        clock: Seconds, from any start, never set back.
    """

    def __init__(
        self,
        canaries: Sequence[Canary],
        notifiers: Mapping[str, Notifier],
        alarms: Alarms,
        heartbeats: Heartbeats,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._canaries = tuple(canaries)
        self._notifiers = notifiers
        self._heartbeats = heartbeats
        self._clock = clock
        self._heard = {canary.name: clock() for canary in canaries}
        self._sent = float("-inf")
        self._alarms = {canary.name: Alarm(alarms, "canary_silent", clock) for canary in canaries}

    def report(self, name: str) -> bool:
        """Take the report of a canary that arrived; tell whether there is one of that name."""
        if name not in self._heard:
            return False
        self._heard[name] = self._clock()
        return True

    async def run(self, *, every_seconds: float = LOOK_SECONDS) -> None:
        """Send and look for ever; without canaries there is nothing to do."""
        if not self._canaries:
            return
        self._heartbeats.expect(LOOP)
        while True:
            try:
                await self.tick()
            except Exception as error:  # noqa: BLE001, whatever it was, the next turn must come
                log_event("waking_failed", failed=True, error=type(error).__name__)
            else:
                self._heartbeats.beat(LOOP)
            await asyncio.sleep(every_seconds)

    async def tick(self) -> tuple[str, ...]:
        """Send what is to be sent by now, and tell the operator which are silent.

        Returns:
            The names of the canaries that are silent.
        """
        now = self._clock()
        if now - self._sent >= SEND_SECONDS:
            self._sent = now
            await asyncio.gather(*(self._send(canary) for canary in self._canaries))
        silent = tuple(name for name, heard in self._heard.items() if now - heard >= SILENT_SECONDS)
        measure("canaries_silent", len(silent))
        for name, alarm in self._alarms.items():
            await alarm.update(PROVIDER_SILENT if name in silent else "")
        return silent

    async def _send(self, canary: Canary) -> None:
        # One that is not taken is not heard of either, which is what counts.
        with suppress(NotTakenError):
            notifier = self._notifiers[canary.endpoint.kind]
            await notifier.notify(canary.endpoint.target, key=secrets.token_bytes(_KEY_BYTES))
