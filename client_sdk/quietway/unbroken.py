"""Work that is ended once it has begun, whoever stops waiting for it.

A program may stop waiting at any moment: a timeout, Ctrl-C, a closed stream. What runs on another
thread does not stop with it, so its outcome has to be awaited all the same, or this device would
remember less than its disk.

Spec: docs/spec/envelope.md, "Core".
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_Result = TypeVar("_Result")


async def end_what_began(work: Coroutine[object, object, _Result]) -> _Result:
    """Do the work to its end, and only then pass on that nobody waits for it any more."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            # Whoever cancels may do so again and again; the disk takes milliseconds.
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
