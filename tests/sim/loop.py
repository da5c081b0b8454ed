"""An event loop whose time is a number: nothing waits, and what happens next is the seed's choice.

Where the loop of the product would sleep until something is due, this one moves its clock there.
Callbacks that are ready together run in an order that the seed shuffles. What the product hands to
a thread runs at once, on the spot, so one seed is one history.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


class StuckError(Exception):
    """Everybody waits, and nothing will ever happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop on a clock of its own, in seconds from 0.

    Attributes:
        random: Shuffles; None leaves callbacks in their order.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        self._now = 0.0
        self.random: random.Random | None = None

    def time(self) -> float:
        """Tell the virtual time."""
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Stand in for the selector: let the time pass until the next timer is due."""
        if timeout is None:
            raise StuckError
        self._now += timeout
        if self.random is not None and len(self._ready) > 1:
            ready = list(self._ready)
            self.random.shuffle(ready)
            self._ready.clear()
            self._ready.extend(ready)
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run it now."""
        del executor
        answer = self.create_future()
        try:
            answer.set_result(func(*args))
        except Exception as error:  # noqa: BLE001, it is the job's own answer
            answer.set_exception(error)
        return answer


class OnTheSpot(concurrent.futures.Executor):
    """An executor without threads."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run it now."""
        answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            answer.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001, it is the job's own answer
            answer.set_exception(error)
        return answer
