"""The one thread that writes.

Theory of operation: whoever wants to write hands in a job. Jobs collect in the event loop; when the
writing thread is free it is given all of them, once the loop has read what lies ready. It runs them
in one transaction, commits once, and only then are all of them answered: one sync of the disk
serves the whole group, and nobody waits for company that is not there yet. Only a job that nobody
waits for is patient: it goes along with the next group, or after a quarter of a second.

Jobs of one kind run together, so that a hundred batches cost as many statements as one; the kinds
take turns in the order in which they first came. A job either refuses before it has written
anything or does not refuse; so a refusal leaves the group as it is. When the group can't be
committed, each job is tried once more by itself: one that is broken, or that finds the disk full,
then fails alone. A failed disk ends the process, because a sync that failed once may claim to
succeed later.

Spec: docs/spec/relay-protocol.md, "Ground rules"; docs/decisions/relay-group-commit.md.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

from quietway_server.core.quota import BUSY_RETRY_SECONDS
from quietway_server.errors import (
    RefusedError,
    StorageBusyError,
    StorageFailedError,
    StorageFullError,
)
from quietway_server.log import log_event
from quietway_server.services.jobs import Job, run_each, run_together, settle_into

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway_server.ports import Store, Transaction
    from quietway_server.services.jobs import Item, Run, Settle

T = TypeVar("T")

GROUP_JOBS: Final = 512
GROUP_BYTES: Final = 8 * 1024 * 1024
PATIENCE_SECONDS: Final = 0.25
QUEUED_JOBS: Final = 8192
QUEUED_BYTES: Final = 64 * 1024 * 1024


class Writer:
    """Runs jobs against the store, one group after the other.

    Args:
        store: Where the jobs write.
        on_failure: Called from the writing thread when the storage has failed: end the process.
    """

    def __init__(self, store: Store, *, on_failure: Callable[[], None]) -> None:
        self._store = store
        self._on_failure = on_failure
        self._waiting: deque[Job] = deque()
        self._groups: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        # Whoever ends the writer may do so from another thread than the loop's.
        self._taking = threading.Lock()
        self._is_busy = False
        self._hurried_jobs = 0
        self._patience: asyncio.TimerHandle | None = None
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
        return await self.run(run_each, work, body_bytes=body_bytes, frees=frees)

    async def run(
        self, run: Run[Item, T], item: Item, *, body_bytes: int = 0, frees: bool = False
    ) -> T:
        """Hand in a job as `hand_in` does, and wait until it is durable.

        Raises:
            RefusedError: As `write`.
            StorageFullError: As `write`.
            StorageFailedError: As `write`.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self.hand_in(run, item, settle_into(answer), body_bytes=body_bytes, frees=frees)
        return await answer

    def hand_in(
        self,
        run: Run[Item, T],
        item: Item,
        settle: Settle[T],
        *,
        body_bytes: int = 0,
        frees: bool = False,
        is_patient: bool = False,
    ) -> None:
        """Hand in a job that may run together with others of its kind; do not wait for it.

        Args:
            run: The kind: jobs with the same one run together, in the order they were handed in.
            item: What this job adds.
            settle: Is told the outcome when it is durable, or the error of `write`.
            body_bytes: What the job holds in memory.
            frees: Whether it makes room.
            is_patient: Whether nobody waits for it, so that it may wait for company.

        Raises:
            RefusedError: `overloaded`, because too much is waiting.
        """
        if self._queued_jobs >= QUEUED_JOBS or self._queued_bytes + body_bytes > QUEUED_BYTES:
            raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)
        self._queued_jobs += 1
        self._queued_bytes += body_bytes
        self._waiting.append(Job(run, item, settle, body_bytes, frees, is_patient))
        self._hurried_jobs += not is_patient
        if self._is_busy:
            return
        if not is_patient:
            self._is_busy = True
            self._loop.call_soon(self._start_group)
        elif self._patience is None:
            self._patience = self._loop.call_later(PATIENCE_SECONDS, self._start_group)

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

    @property
    def has_failed(self) -> bool:
        """Whether the storage has failed: then nothing may be written any more."""
        return self._failed

    def close(self) -> None:
        """Finish what has queued, then end the thread."""
        with self._taking:
            while self._waiting:
                self._groups.put(self._take_group())
            self._groups.put(None)
        self._thread.join()

    def _start_group(self) -> None:
        with self._taking:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None
            self._is_busy = bool(self._waiting)
            if self._waiting:
                self._groups.put(self._take_group())

    def _take_group(self) -> list[Job]:
        group: list[Job] = []
        held = 0
        while self._waiting and len(group) < GROUP_JOBS and held < GROUP_BYTES:
            group.append(self._waiting.popleft())
            held += group[-1].body_bytes
            self._hurried_jobs -= not group[-1].is_patient
        return group

    def _run(self) -> None:
        while (group := self._groups.get()) is not None:
            self._commit(group)
            self._loop.call_soon_threadsafe(self._answer, group)

    def _commit(self, group: list[Job]) -> None:
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

    def _commit_together(self, group: list[Job]) -> None:
        with self._store.writing() as transaction:
            run_together(transaction, group)

    def _commit_each(self, group: list[Job]) -> None:
        for at, job in enumerate(group):
            try:
                self._commit_alone(job)
            except StorageFailedError as error:
                self._fail(group[at:], error)
                return
            except Exception as error:  # noqa: BLE001, it is the job's own answer
                job.error = error

    def _commit_alone(self, job: Job) -> None:
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

    def _fail(self, group: list[Job], error: StorageFailedError) -> None:
        self._failed = True
        for job in group:
            job.error = error
        log_event("storage_failed", failed=True)
        self._on_failure()

    def _answer(self, group: list[Job]) -> None:
        if self._hurried_jobs or not self._waiting:
            # The next group is on its way to the disk while this one is answered.
            self._start_group()
        else:
            self._is_busy = False
            self._patience = self._loop.call_later(PATIENCE_SECONDS, self._start_group)
        for job in group:
            self._queued_jobs -= 1
            self._queued_bytes -= job.body_bytes
            job.settle(job.result, job.error)
