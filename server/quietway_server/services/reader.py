"""The few threads that read.

Theory of operation: who reads a mailbox hands in a job, and whatever has collected while one group
was read is read together as the next: one hop to a thread and back, and one view of the store, for
all of them. When a group can't be read, each job is tried once more by itself: one mailbox with a
damaged row keeps nobody else from reading. What is rare goes to a thread by itself.

Spec: docs/decisions/relay-group-commit.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from quietway_server.core.quota import BUSY_RETRY_SECONDS
from quietway_server.errors import RefusedError
from quietway_server.services.jobs import Job, run_together, settle_into

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway_server.ports import Store, Transaction
    from quietway_server.services.jobs import Item, Run

T = TypeVar("T")

GROUP_JOBS: Final = 32
"""Nobody waits longer than it takes to read this many windows."""
QUEUED_JOBS: Final = 8192


class Reader:
    """Runs reading jobs in a few threads, each on a consistent view.

    Args:
        store: Where the jobs read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="quietway-reader")
        self._waiting: deque[Job] = deque()
        self._is_busy = False

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a job by itself and wait for what it found.

        Raises:
            StorageFailedError: The storage has failed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    async def run(self, run: Run[Item, T], item: Item, *, goes_first: bool = False) -> T:
        """Run a job together with others of its kind, and wait for what it found.

        Args:
            run: The kind.
            item: What this job asks.
            goes_first: Whether it is read before everything that waits.

        Raises:
            RefusedError: By the job; or `overloaded`, because too much is waiting.
            StorageFailedError: The storage has failed.
        """
        if len(self._waiting) >= QUEUED_JOBS:
            raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        queue = self._waiting.appendleft if goes_first else self._waiting.append
        queue(Job(run, item, settle_into(answer)))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._start_group, loop)
        return await answer

    async def apart(self, work: Callable[[Store], T]) -> T:
        """Run in a reading thread what the store does outside of any view; wait for its outcome.

        Raises:
            StoreError: By the work.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, self._store)

    def close(self) -> None:
        """Finish what was begun."""
        self._threads.shutdown()

    def _run(self, work: Callable[[Transaction], T]) -> T:
        with self._store.reading() as transaction:
            return work(transaction)

    def _start_group(self, loop: asyncio.AbstractEventLoop) -> None:
        group = [self._waiting.popleft() for _ in range(min(GROUP_JOBS, len(self._waiting)))]
        self._is_busy = bool(group)
        if group:
            self._threads.submit(self._read, group, loop)

    def _read(self, group: list[Job], loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._read_together(group)
        except Exception as error:  # noqa: BLE001, whatever it was, each job now meets it alone
            self._read_each(group, error)
        loop.call_soon_threadsafe(self._answer, group, loop)

    def _read_together(self, group: list[Job]) -> None:
        with self._store.reading() as transaction:
            run_together(transaction, group)

    def _read_each(self, group: list[Job], error: Exception) -> None:
        for job in group:
            job.error = error
            if len(group) == 1:
                return
            try:
                self._read_together([job])
            except Exception as its_own:  # noqa: BLE001, it is the job's own answer
                job.error = its_own

    def _answer(self, group: list[Job], loop: asyncio.AbstractEventLoop) -> None:
        self._start_group(loop)
        for job in group:
            job.settle(job.result, job.error)
