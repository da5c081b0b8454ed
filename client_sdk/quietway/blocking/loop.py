"""The one loop that all blocking clients of a process share, in a thread of its own.

Ctrl-C ends the wait and the work that was waited for, and the store stays whole.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from anyio.from_thread import BlockingPortalProvider

from quietway.errors import DeviceLocked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from anyio.from_thread import BlockingPortal


_LONGEST_END_SECONDS: Final = 10.0
_PORTALS = BlockingPortalProvider(backend="asyncio")
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Loop:
    """The shared loop, held by one client until it closes."""

    def __init__(self) -> None:
        self._portal: BlockingPortal | None = _PORTALS.__enter__()
        self.is_locked = False

    @property
    def is_held(self) -> bool:
        """Whether the client is still open."""
        return self._portal is not None

    def run(
        self,
        method: Callable[_Arguments, Awaitable[_Result]],
        /,
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Run a method on the loop and wait for it; on Ctrl-C it is cancelled and waited for."""
        if self._portal is None:
            if self.is_locked:
                raise DeviceLocked
            raise RuntimeError("This client is closed.")
        ended = threading.Event()

        async def work() -> _Result:
            try:
                return await method(*args, **kwargs)
            finally:
                ended.set()

        future = self._portal.start_task_soon(work)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                future.cancel()
                ended.wait(_LONGEST_END_SECONDS)
            raise

    def keep(self, running: AbstractAsyncContextManager[None]) -> AbstractContextManager[None]:
        """Keep something running on the loop for the length of a `with`."""
        if self._portal is None:
            raise DeviceLocked if self.is_locked else RuntimeError("This client is closed.")
        return self._portal.wrap_async_context_manager(running)

    def leave(self) -> None:
        """Let go of the loop; the last client stops it."""
        if self._portal is not None:
            self._portal = None
            _PORTALS.__exit__(None, None, None)
