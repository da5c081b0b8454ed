"""The bus of hints inside one process.

Rules: it carries (mailbox, latest) and keeps nothing. All calls come from the event loop's thread.
A hint that comes while a listener is busy is not lost: the listener looks once more.

Spec: docs/spec/relay-protocol.md, "Websocket".
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class LocalSubscription:
    """One listener."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def changed(self) -> None:
        """Wait until there may be something new since the last call."""
        await self._event.wait()
        self._event.clear()

    def wake(self) -> None:
        """Let the listener look once more."""
        self._event.set()


class LocalDelivery:
    """Wakes the listeners of this process."""

    def __init__(self) -> None:
        self._listening: dict[bytes, set[LocalSubscription]] = {}

    def wake(self, mailbox: bytes, latest: int) -> None:
        """Tell whoever listens that a mailbox has come to a number."""
        del latest  # who listens here asks the store; a bus between machines carries the number
        for subscription in self._listening.get(mailbox, ()):
            subscription.wake()

    def wake_all(self) -> None:
        """Let everybody who listens look once more."""
        for mailbox in list(self._listening):
            self.wake(mailbox, 0)

    @contextlib.contextmanager
    def listen(self, mailbox: bytes) -> Iterator[LocalSubscription]:
        """Subscribe to one mailbox until the context ends."""
        subscription = LocalSubscription()
        self._listening.setdefault(mailbox, set()).add(subscription)
        try:
            yield subscription
        finally:
            listeners = self._listening[mailbox]
            listeners.discard(subscription)
            if not listeners:
                del self._listening[mailbox]

    async def run(self) -> None:
        """Keep the bus going, for ever: inside one process there is nothing to keep."""
        await asyncio.Event().wait()

    def listeners(self, mailbox: bytes) -> int:
        """Count who listens to a mailbox."""
        return len(self._listening.get(mailbox, ()))
