"""Forwarding events to another program on this machine, in order, as long as the client runs.

Rules: the client never waits for the receiver. What was not taken is sent again until it is, and
the next one waits for it, so the order stays. The queue has an end: what has no room becomes one
`missed`, which says that there was more and that the store has it.

Spec: docs/reference/webhook.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from quietway.webhook import check_secret, describe_event, write_body
from quietway_crypto.encoding import encode_base64

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from quietway.agent import Agent
    from quietway.events import Event
    from quietway.ports import Clock, Entropy
    from quietway.transport.webhook import LocalWebhook

MOST_WAITING: Final = 1_000
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0
STARTED: Final = "started"
MISSED: Final = "missed"
_RUN_BYTES: Final = 8


class Forwarding:
    """What waits for one receiver.

    Args:
        webhook: The way to it.
        clock: Says when things happened, and waits between attempts.
        entropy: Names this run.
    """

    def __init__(self, webhook: LocalWebhook, clock: Clock, entropy: Entropy) -> None:
        self._webhook = webhook
        self._clock = clock
        self._run = encode_base64(entropy.draw(_RUN_BYTES))
        self._number = 0
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._more = asyncio.Event()
        self._add(STARTED, {})

    def take(self, event: Event) -> None:
        """Put an event behind the others; never waits."""
        if len(self._waiting) < MOST_WAITING:
            self._add(*describe_event(event))
        elif self._waiting[-1][0] != MISSED:
            self._add(MISSED, {})

    async def deliver(self) -> None:
        """Send what waits, and what will, until cancelled."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await self._insist(self._waiting[0][1])
                self._waiting.popleft()

    def _add(self, name: str, ids: dict[str, Any]) -> None:
        self._number += 1
        now = self._clock.now()
        body = write_body(name, ids, run=self._run, number=self._number, at=now)
        self._waiting.append((name, body))
        self._more.set()

    async def _insist(self, body: bytes) -> None:
        wait = FIRST_WAIT_SECONDS
        while not await self._webhook.post(body, self._clock.now()):
            await self._clock.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)


@asynccontextmanager
async def forward(
    events: Callable[[], AsyncGenerator[Event, None]], agent: Agent, url: str, secret: str
) -> AsyncGenerator[None, None]:
    """Forward what happens for as long as the block runs; see `AsyncClient.forward_events`."""
    from quietway.transport.webhook import LocalWebhook  # noqa: PLC0415 - it loads all of HTTP, which few programs need twice

    check_secret(secret)
    webhook = LocalWebhook(url, secret)
    forwarding = Forwarding(webhook, agent.clock, agent.entropy)
    tasks = (
        asyncio.create_task(forwarding.deliver()),
        asyncio.create_task(_listen(events, forwarding)),
    )
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await webhook.aclose()
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _listen(
    events: Callable[[], AsyncGenerator[Event, None]], forwarding: Forwarding
) -> None:
    async with aclosing(events()) as told:
        async for event in told:
            forwarding.take(event)
