"""Tell the operator that something is wrong, again while it lasts, and once when it is over.

Rules: what is told is one of a few constant texts that name no agency, device or mailbox. An alarm
that nobody took is tried again at the next turn.

Spec: docs/spec/wake-ups.md, "Who watches".
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

from quietway_server.errors import NotTakenError
from quietway_server.log import log_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from quietway_schemas.wake import WakeEndpoint
    from quietway_server.ports import Notifier

AGAIN_SECONDS: Final = 900.0
RELAY_SILENT: Final = "quietway relay: it does not answer. Look at once."
RELAY_LATE: Final = "quietway relay: a part of it is late or not ready. Look at once."
PROVIDER_SILENT: Final = "quietway relay: wake-ups are taken and do not arrive. Look at once."
OVER: Final = "quietway relay: it is well again."
TEXTS: Final = (RELAY_SILENT, RELAY_LATE, PROVIDER_SILENT, OVER)
_KEY_BYTES: Final = 16


class Alarms:
    """The operator's targets.

    Args:
        targets: Where the operator is told.
        notifiers: How each kind is sent.
    """

    def __init__(self, targets: Sequence[WakeEndpoint], notifiers: Mapping[str, Notifier]) -> None:
        self._targets = tuple(targets)
        self._notifiers = notifiers

    async def tell(self, text: str) -> bool:
        """Send a text to every target; tell whether any took it, or there is none."""
        took = await asyncio.gather(*(self._send(target, text) for target in self._targets))
        if self._targets and not any(took):
            log_event("alarm_not_taken", failed=True)
            return False
        return True

    async def _send(self, target: WakeEndpoint, text: str) -> bool:
        try:
            notifier = self._notifiers[target.kind]
            await notifier.notify(target.target, key=secrets.token_bytes(_KEY_BYTES), text=text)
        except NotTakenError:
            return False
        return True


class Alarm:
    """One thing that may be wrong.

    Args:
        alarms: Who is told.
        event: The name of its line in the log.
        clock: Seconds, from any start, never set back.
    """

    def __init__(self, alarms: Alarms, event: str, clock: Callable[[], float]) -> None:
        self._alarms = alarms
        self._event = event
        self._clock = clock
        self._said = ""
        self._next = 0.0

    @property
    def is_raised(self) -> bool:
        """Whether it is wrong by what was last said."""
        return self._said not in {"", OVER}

    async def update(self, wrong: str) -> None:
        """Say how it is now.

        Args:
            wrong: One of `TEXTS`; empty where nothing is wrong.
        """
        if not wrong and not self.is_raised:
            return
        text = wrong or OVER
        if text == self._said and self._clock() < self._next:
            return
        if text != self._said:
            log_event(self._event if wrong else "alarm_over", failed=bool(wrong))
        self._said = text
        # One that nobody took is tried again at the next turn.
        took = await self._alarms.tell(text)
        self._next = self._clock() + (AGAIN_SECONDS if took else 0.0)
