"""The relay as it is when a loop of it is stuck: it serves, and wakes nobody. A process of its own.

    python -m tests.faults.stuck_loop serve ...

This is the fault, and not a control: the waker's turn never ends.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest
from tests.controls import without

from quietway_server.__main__ import main

if TYPE_CHECKING:
    from quietway_server.services.waking import Waker


async def stick(_: Waker) -> int:
    """Never come back."""
    await asyncio.Event().wait()
    return 0


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        without(patch, "quietway_server.services.waking:Waker.tick", stick)
        sys.exit(main())
