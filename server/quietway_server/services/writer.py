"""The one thread that writes, and the few that read.

Theory of operation: whoever wants to write hands in a job and waits. The writing thread takes
everything that has queued, runs it in one transaction, commits once, and only then answers all of
it: one sync of the disk serves the whole group, and nobody waits for company. A job either refuses
before it has written anything or does not refuse; so a refusal leaves the group as it is. When the
group can't be committed, each job is tried once more by itself: one that is broken, or that finds
the disk full, then fails alone. A failed disk ends the process, because a sync that failed once may
claim to succeed later.

Spec: docs/spec/relay-protocol.md, "Ground rules"; docs/decisions/relay-group-commit.md.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from quietway_server.core.quota import BUSY_RETRY_SECONDS
from quietway_server.errors import (
    RefusedError,
    StorageBusyError,
    StorageFailedError,
    StorageFullError,
)
from quietway_server.log import log_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway_server.ports import Store, Transaction

T = TypeVar("T")

GROUP_JOBS: Final = 512
QUEUED_JOBS: Final = 8192
QUEUED_BYTES: Final = 64 * 1024 * 1024


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    """A piece of work, and then its outcome."""

    work: Callable[[Transaction], T]
    answer: asyncio.Future[T]
    body_bytes: int
    frees: bool
    result: T | None = None
    error: BaseException | None = None


class Writer:
    """Runs jobs against the store, one group after the other.

    Args:
        store: Where the jobs write.
        on_failure: Called from the writing thread when the storage has failed: end the process.
    """

    def __init__(self, store: Store, *, on_failure: Callable[[], None]) -> None:
        self._store = store
        self._on_failure = on_failure
        self._queue: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._queued_jobs = 0
        self._queued_bytes = 0
        self._lacks_reserve = False
        self._failed = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="quietway-writer")
        self._thread.start()

    async def write(
        self, work: Callable[[Transaction], T], *, body_bytes: int = 0, frees: bool = False
    ) -> T:
        """Run a job in the next group and wait until it is durable.

        Args:
            work: Runs in the writing thread. It may raise `RefusedError` before its first write.
            body_bytes: What the job holds in memory.
            frees: Whether it makes room: such a job may use the reserve when the disk is full.

        Raises:
            RefusedError: By the job; or `overloaded`, because too much is waiting.
            StorageFullError: There is no room.
            StorageFailedError: The storage has failed.
        """
        if self._queued_jobs >= QUEUED_JOBS or self._queued_bytes + body_bytes > QUEUED_BYTES:
            raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)
        job = _Job(work, self._loop.create_future(), body_bytes, frees)
        self._queued_jobs += 1
        self._queued_bytes += body_bytes
        self._queue.put(job)
        answer: T = await job.answer
        return answer

    async def tidy(self) -> None:
        """Clear the store's files of what was deleted, after everything that has queued by now.

        Raises:
            StoreError: They are not cleared.
        """
        await self.write(lambda _: None, frees=True)
        try:
            await asyncio.to_thread(self._store.tidy)
        except StorageFailedError as error:
            # It wrote to the file, as a commit does: it may not be tried again either.
            self._fail([], error)
            raise

    def close(self) -> None:
        """Finish what has queued, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._take_group()
            if group:
                self._commit(group)
                self._loop.call_soon_threadsafe(self._answer, group)

    def _take_group(self) -> tuple[list[_Job[object]], bool]:
        taken = self._queue.get()
        group: list[_Job[object]] = []
        while taken is not None:
            group.append(taken)
            if len(group) == GROUP_JOBS:
                return group, True
            try:
                taken = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[_Job[object]]) -> None:
        if self._failed:
            for job in group:
                job.error = StorageFailedError()
        elif self._lacks_reserve:
            self._commit_each(group)
        else:
            try:
                self._commit_together(group)
            except StorageFailedError as error:
                self._fail(group, error)
            except StorageBusyError:
                for job in group:
                    job.error = RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)
            except Exception:  # noqa: BLE001, whatever it was, each job now meets it alone
                self._commit_each(group)

    def _commit_together(self, group: list[_Job[object]]) -> None:
        with self._store.writing() as transaction:
            for job in group:
                job.result = job.error = None
                try:
                    job.result = job.work(transaction)
                except RefusedError as refused:
                    job.error = refused

    def _commit_each(self, group: list[_Job[object]]) -> None:
        for at, job in enumerate(group):
            try:
                self._commit_alone(job)
            except StorageFailedError as error:
                self._fail(group[at:], error)
                return
            except Exception as error:  # noqa: BLE001, it is the job's own answer
                job.error = error

    def _commit_alone(self, job: _Job[object]) -> None:
        if self._lacks_reserve and not job.frees:
            self._lacks_reserve = not self._store.restore_reserve()
            if self._lacks_reserve:
                raise StorageFullError
        try:
            self._commit_together([job])
        except StorageFullError:
            log_event("storage_full", failed=True)
            if not (job.frees and self._store.make_room()):
                raise
            self._lacks_reserve = True
            self._commit_together([job])

    def _fail(self, group: list[_Job[object]], error: StorageFailedError) -> None:
        self._failed = True
        for job in group:
            job.error = error
        log_event("storage_failed", failed=True)
        self._on_failure()

    def _answer(self, group: list[_Job[object]]) -> None:
        for job in group:
            self._queued_jobs -= 1
            self._queued_bytes -= job.body_bytes
            if job.answer.done():  # whoever asked is gone
                continue
            if job.error is not None:
                job.answer.set_exception(job.error)
            else:
                job.answer.set_result(job.result)


class Reader:
    """Runs reading jobs in a few threads, each on a consistent view.

    Args:
        store: Where the jobs read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="quietway-reader")

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a job and wait for what it found.

        Raises:
            StorageFailedError: The storage has failed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    def close(self) -> None:
        """Finish what was begun."""
        self._threads.shutdown()

    def _run(self, work: Callable[[Transaction], T]) -> T:
        with self._store.reading() as transaction:
            return work(transaction)
