"""A turn for each signature to check, so that a herd that comes back can't take the processor.

Theory of operation: a check costs most of a millisecond of the interpreter. While fewer come than
there are turns, each has its own at once. Else they wait in line, in their order, each signer with
a few at most; who waits too long is told to come back.

Rules: a turn says nothing about a signature. The line is bounded.

Spec: docs/spec/relay-protocol.md, "Under load".
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from quietway_server.core.quota import BUSY_RETRY_SECONDS
from quietway_server.core.turns import Bucket, Line
from quietway_server.errors import RefusedError

PER_SECOND: Final = 500
BURST: Final = 250
MOST_WAITING: Final = 4096
OF_A_SIGNER: Final = 16
LONGEST_SECONDS: Final = 8.0
_TICK_SECONDS: Final = 0.02


class Turns:
    """Whose signature is checked next."""

    def __init__(self) -> None:
        self._bucket = Bucket(per_second=PER_SECOND, burst=BURST)
        self._line = Line(most=MOST_WAITING, share=OF_A_SIGNER)
        self._queue: deque[asyncio.Future[None]] = deque()
        self._is_ticking = False

    def take_now(self) -> bool:
        """Take a turn if nobody waits; tell whether there was one."""
        return not self._queue and self._bucket.take(now=asyncio.get_running_loop().time())

    async def wait(self, key_id: str) -> None:
        """Wait for a turn.

        Raises:
            RefusedError: `overloaded`: too many wait, or it took too long.
        """
        if not self._line.enter(key_id):
            raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        if not self._is_ticking:
            self._is_ticking = True
            self._tick()
        try:
            await asyncio.wait_for(turn, LONGEST_SECONDS)
        except TimeoutError:
            raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS) from None
        finally:
            self._line.leave(key_id)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            if self._queue[0].done():  # whoever asked is gone
                self._queue.popleft()
            elif self._bucket.take(now=loop.time()):
                self._queue.popleft().set_result(None)
            else:
                loop.call_later(_TICK_SECONDS, self._tick)
                return
        self._is_ticking = False
