"""Before a device locks: colleagues are told, and whether its human can be woken.

Spec: docs/spec/on-call.md, "Heartbeats" and "A locked device".
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from quietway.covering.beating import say_locking
from quietway.covering.changing import change_book
from quietway.errors import QuietwayError

if TYPE_CHECKING:
    from quietway.agent import Agent

MOST_SECONDS: Final = 3.0
"""Nobody waits for longer in front of a screen that should be locked."""


async def say_goodbye(agent: Agent, *, wakeable: bool) -> None:
    """Tell colleagues that this device is being locked, if that is quickly done."""
    with suppress(QuietwayError, TimeoutError):
        async with asyncio.timeout(MOST_SECONDS):
            await say_locking(agent, wakeable=wakeable)


async def note_wakes(agent: Agent, *, wakes: bool) -> None:
    """Note whether wake-ups for this device were left at the relay."""
    await change_book(agent, lambda book: book.note_wakes(wakes=wakes))
