"""The one thread that writes.

Theory of operation: whoever wants to write hands in a job. Jobs collect in the event loop; when the
writing thread is free it is given all of them, once the loop has read what lies ready. It runs them
in one transaction, commits once, and only then are all of them answered: one sync of the disk
serves the whole group, and nobody waits for company that is not there yet. Only a job that nobody
waits for is patient: it goes along with the next group, or after a quarter of a second. Urgent jobs
go first in every group. What waits is bounded: what makes room and what is urgent have places of
their own, so that a flood of the rest keeps neither out.

An alarm has two privileges, found in two ways. `urgent` is its place under load: it must be known
before anything waits, so it is what the capability was remembered to open when the request or the
socket came, and it is bounded by shares; where it could not be looked up there is none. `alarm` is
its room on a full disk: it is asked in the writing thread, when nothing else is left, of these very
mailboxes and as the lanes are now. So a lookup that failed, or is a minute old, costs an alarm its
turn and never its place on the disk, and a capability for crises of another agency takes none of
the reserve.

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
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

from quietway_server.core.capacity import Capacity
from quietway_server.core.quota import BUSY_RETRY_SECONDS
from quietway_server.errors import (
    RefusedError,
    StorageAwayError,
    StorageBusyError,
    StorageFailedError,
    StorageFullError,
)
from quietway_server.log import LastingFailure, log_event
from quietway_server.metrics import observe
from quietway_server.services.jobs import Job, run_each, run_together, settle_into

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway_server.core.capacity import Urgent
    from quietway_server.ports import Store, Transaction
    from quietway_server.services.jobs import Item, Run, Settle

T = TypeVar("T")

GROUP_JOBS: Final = 512
GROUP_BYTES: Final = 8 * 1024 * 1024
PATIENCE_SECONDS: Final = 0.25
QUEUED_JOBS: Final = 8192
QUEUED_BYTES: Final = 64 * 1024 * 1024
FULL_SECONDS: Final = 60.0
URGENT_JOBS: Final = 1024
URGENT_BYTES: Final = 16 * 1024 * 1024
FREEING_JOBS: Final = 16_384


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
        self._urgent: deque[Job] = deque()
        self._groups: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        # Whoever ends the writer may do so from another thread than the loop's.
        self._taking = threading.Lock()
        self._is_busy = False
        self._hurried_jobs = 0
        self._patience: asyncio.TimerHandle | None = None
        self._jobs = Capacity(QUEUED_JOBS, reserved=URGENT_JOBS)
        self._bytes = Capacity(QUEUED_BYTES, reserved=URGENT_BYTES)
        self._freeing = Capacity(FREEING_JOBS)
        self._lacks_reserve = False
        self._was_full = float("-inf")
        self._failed = False
        self._full = LastingFailure("storage_full")
        self._away = LastingFailure("database_away")
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="quietway-writer")
        self._thread.start()

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        body_bytes: int = 0,
        frees: bool = False,
        urgent: Urgent | None = None,
        goes_first: bool = False,
        alarm: Callable[[Transaction], bool] | None = None,
    ) -> T:
        """Run a job in the next group and wait until it is durable.

        Args:
            work: Runs in the writing thread. It may raise `RefusedError` before its first write.
            body_bytes: What the job holds in memory.
            frees: Whether it makes room: such a job may use the reserve when the disk is full.
            goes_first: As `hand_in`.
            urgent: As `hand_in`.
            alarm: As `hand_in`.

        Raises:
            RefusedError: By the job; or `overloaded`, because too much is waiting.
            StorageFullError: There is no room.
            StorageFailedError: The storage has failed.
        """
        return await self.run(
            run_each,
            work,
            body_bytes=body_bytes,
            frees=frees,
            urgent=urgent,
            goes_first=goes_first,
            alarm=alarm,
        )

    async def run(
        self,
        run: Run[Item, T],
        item: Item,
        *,
        body_bytes: int = 0,
        frees: bool = False,
        urgent: Urgent | None = None,
        goes_first: bool = False,
        alarm: Callable[[Transaction], bool] | None = None,
    ) -> T:
        """Hand in a job as `hand_in` does, and wait until it is durable.

        Raises:
            RefusedError: As `write`.
            StorageFullError: As `write`.
            StorageFailedError: As `write`.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        settle = settle_into(answer)
        self.hand_in(
            run,
            item,
            settle,
            body_bytes=body_bytes,
            frees=frees,
            urgent=urgent,
            goes_first=goes_first,
            alarm=alarm,
        )
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
        urgent: Urgent | None = None,
        goes_first: bool = False,
        alarm: Callable[[Transaction], bool] | None = None,
    ) -> None:
        """Hand in a job that may run together with others of its kind; do not wait for it.

        Args:
            run: The kind: jobs with the same one run together, in the order they were handed in.
            item: What this job adds.
            settle: Is told the outcome when it is durable, or the error of `write`.
            body_bytes: What the job holds in memory.
            frees: Whether it makes room.
            is_patient: Whether nobody waits for it, so that it may wait for company.
            urgent: What `Urgency.judge` found when it came: then it goes first, and has a place of
                its own in the queue. What is over its share there is a job like any other.
            goes_first: Whether it is the relay's own, before all that waits, however much that is.
            alarm: Tells whether it is an alarm as the lanes are now, which a full disk still takes.
                It is asked only then, whatever `urgent` was.

        Raises:
            RefusedError: `overloaded`, because too much is waiting.
        """
        job = Job(run, item, settle, body_bytes, frees, is_patient, alarm=alarm)
        if goes_first:
            job.goes_first = True
            self._urgent.appendleft(job)
        elif urgent is not None and self._take_reserved(urgent, body_bytes):
            job.urgent = urgent
            self._urgent.append(job)
        elif self._take(job):
            self._waiting.append(job)
        else:
            raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)
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
    def queued_jobs(self) -> int:
        """How many jobs were handed in and are not answered."""
        return self._jobs.taken + self._freeing.taken

    @property
    def queued_bytes(self) -> int:
        """What these hold in memory."""
        return self._bytes.taken

    @property
    def lacks_room(self) -> bool:
        """Whether something found the disk full within the last minute, or the reserve is spent."""
        return self._lacks_reserve or time.monotonic() - self._was_full < FULL_SECONDS

    @property
    def has_failed(self) -> bool:
        """Whether the storage has failed: then nothing may be written any more."""
        return self._failed

    def close(self) -> None:
        """Finish what has queued, then end the thread."""
        with self._taking:
            while self._urgent or self._waiting:
                self._groups.put(self._take_group())
            self._groups.put(None)
        self._thread.join()

    def _start_group(self) -> None:
        with self._taking:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None
            self._is_busy = bool(self._urgent or self._waiting)
            if self._is_busy:
                self._groups.put(self._take_group())

    def _take_reserved(self, urgent: Urgent, body_bytes: int) -> bool:
        if not self._jobs.take_reserved(urgent):
            return False
        if self._bytes.take_reserved(urgent, body_bytes):
            return True
        self._jobs.give_back(urgent)
        return False

    def _take(self, job: Job) -> bool:
        if job.frees:
            # What makes room is small, and a flood of what needs room may not keep it out.
            return self._freeing.take()
        if not self._jobs.take():
            return False
        if self._bytes.take(job.body_bytes):
            return True
        self._jobs.give_back(None)
        return False

    def _give_back(self, job: Job) -> None:
        if job.goes_first:
            return
        if job.frees and job.urgent is None:
            self._freeing.give_back(None)
            return
        self._jobs.give_back(job.urgent)
        self._bytes.give_back(job.urgent, job.body_bytes)

    def _take_group(self) -> list[Job]:
        group: list[Job] = []
        held = 0
        while len(group) < GROUP_JOBS and held < GROUP_BYTES:
            queued = self._urgent or self._waiting
            if not queued:
                break
            group.append(queued.popleft())
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
            except StorageAwayError as error:
                # It may have been committed. Whoever sends the same again gets the same answer.
                for job in group:
                    job.error = error
                self._away.met(error)
            except Exception:  # noqa: BLE001, whatever it was, each job now meets it alone
                self._commit_each(group)

    def _commit_together(self, group: list[Job]) -> None:
        began = time.perf_counter()
        with self._store.writing() as transaction:
            run_together(transaction, group)
        observe("commit_seconds", time.perf_counter() - began)
        if self._away.over():
            log_event("database_back")

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
            if self._lacks_reserve and not self._is_alarm(job):
                raise StorageFullError
        try:
            self._commit_together([job])
        except StorageFullError as error:
            self._was_full = time.monotonic()
            self._full.met(error)
            if not self._make_room(job):
                raise
            self._lacks_reserve = True
            self._commit_together([job])

    def _make_room(self, job: Job) -> bool:
        if job.frees:
            return self._store.make_room()
        return self._is_alarm(job) and self._store.make_room(for_alarms=True)

    def _is_alarm(self, job: Job) -> bool:
        if job.alarm is None:
            return False
        with self._store.reading() as transaction:
            return job.alarm(transaction)

    def _fail(self, group: list[Job], error: StorageFailedError) -> None:
        self._failed = True
        for job in group:
            job.error = error
        log_event("storage_failed", failed=True)
        self._on_failure()

    def _answer(self, group: list[Job]) -> None:
        if self._hurried_jobs or not (self._urgent or self._waiting):
            # The next group is on its way to the disk while this one is answered.
            self._start_group()
        else:
            self._is_busy = False
            self._patience = self._loop.call_later(PATIENCE_SECONDS, self._start_group)
        for job in group:
            self._give_back(job)
            job.settle(job.result, job.error)
