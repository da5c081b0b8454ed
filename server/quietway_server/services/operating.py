"""What an operator may ask of a running relay: is it ready, and how is it.

Theory of operation: each part of being ready is asked anew, at most once a second, however many
ask. The storage is asked by writing what stands there already, because a disk that takes nothing
still reads well. Gauges are measured when somebody asks for them, and never else.

Rules: answers are names of parts and counts. A part that can't be asked in time is not ready.

Spec: docs/reference/operating.md, "The operator's listener".
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quietway_protocol.checkpoints import read_checkpoint
from quietway_protocol.errors import CheckpointRefusedError
from quietway_schemas.instants import SECOND
from quietway_server.metrics import measure, render_metrics
from quietway_server.services.log import find_head

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway_server.heartbeats import Heartbeats
    from quietway_server.ports import Transaction
    from quietway_server.services.relay import Relay

PARTS: Final = ("draining", "log", "loops", "schema", "storage")
"""What a relay that is not ready may lack, in the order in which it is told."""
ASKED_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 5.0
_FILES: Final = {"database": "", "wal": "-wal", "shm": "-shm", "reserve": "-reserve"}
_PROCESS: Final = Path("/proc/self")


class Operating:
    """Watches one relay for its operator.

    Args:
        relay: The services.
        heartbeats: When each background loop last showed that it lives.
    """

    def __init__(self, relay: Relay, heartbeats: Heartbeats) -> None:
        self._relay = relay
        self._heartbeats = heartbeats
        self._asking = asyncio.Lock()
        self._asked = float("-inf")
        self._lacking: tuple[str, ...] = ()
        self._is_draining = False
        self._latest = relay.clock.now()

    def drain(self) -> None:
        """Say from now on that the relay comes to its end."""
        self._is_draining = True

    async def find_lacking(self) -> tuple[str, ...]:
        """Name the parts that are not ready; none where all are."""
        async with self._asking:
            if time.monotonic() - self._asked > ASKED_SECONDS:
                self._lacking = await self._ask()
                self._asked = time.monotonic()
        lacking = {*self._lacking, *(("draining",) if self._is_draining else ())}
        return tuple(part for part in PARTS if part in lacking)

    def find_ages(self) -> dict[str, int]:
        """Give how long ago each loop showed that it lives, in whole seconds."""
        return {loop: int(age) for loop, age in self._heartbeats.ages().items()}

    def report_canary(self, name: str) -> bool:
        """Take the report of a canary wake-up; tell whether there is one of that name."""
        return self._relay.canaries.report(name)

    async def render(self) -> bytes:
        """Measure what is measured, and write all metrics down."""
        lacking = await self.find_lacking()
        measure("ready", not lacking)
        self._measure_clock()
        for loop, age in self._heartbeats.ages().items():
            measure("heartbeat_age_seconds", age, label=loop)
        measure("queue_jobs", self._relay.writer.queued_jobs)
        measure("queue_bytes", self._relay.writer.queued_bytes)
        measure_disk(self._relay.settings.database)
        _measure_process()
        if "storage" not in lacking:
            await self._relay.reader.read(_measure_rows)
        return render_metrics()

    def _measure_clock(self) -> None:
        now = self._relay.clock.now()
        self._latest = max(self._latest, now)
        measure("clock_high_water_seconds", self._latest / SECOND)
        measure("clock_behind_seconds", (self._latest - now) / SECOND)

    async def _ask(self) -> tuple[str, ...]:
        lacking = [*self._find_late()]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                lacking += await self._relay.reader.read(self._find_wrong)
                if self._relay.writer.lacks_room or self._relay.writer.has_failed:
                    lacking.append("storage")
                else:
                    await self._relay.writer.write(lambda transaction: transaction.probe())
        except Exception:  # noqa: BLE001, whatever it was, the storage did not answer as it should
            lacking.append("storage")
        return tuple(lacking)

    def _find_late(self) -> Collection[str]:
        return ("loops",) if self._heartbeats.late() else ()

    def _find_wrong(self, transaction: Transaction) -> list[str]:
        wrong = [] if transaction.is_current() else ["schema"]
        head = find_head(transaction)
        try:
            signed = read_checkpoint(head.checkpoint, self._relay.log.key.public)
        except CheckpointRefusedError:
            return [*wrong, "log"]
        return wrong if (signed.size, signed.root) == (head.size, head.root) else [*wrong, "log"]


def measure_disk(database: Path) -> None:
    """Measure the files of a database, and what their disk has free."""
    for name, ending in _FILES.items():
        path = database.with_name(database.name + ending)
        measure("file_bytes", path.stat().st_size if path.exists() else 0, label=name)
    if database.parent.exists():
        measure("disk_free_bytes", shutil.disk_usage(database.parent).free)


def _measure_rows(transaction: Transaction) -> None:
    waiting = transaction.count_waiting()
    measure("waiting_envelopes", waiting.envelopes)
    measure("fullest_mailbox", waiting.fullest)
    measure("log_leaves", find_head(transaction).size)


def _measure_process() -> None:
    if not _PROCESS.exists():
        return  # only Linux tells a process so much of itself
    import resource  # noqa: PLC0415, Windows has none

    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    measure("most_open_files", most)
    measure("open_files", sum(1 for _ in (_PROCESS / "fd").iterdir()))
    pages = int((_PROCESS / "statm").read_text("ascii").split()[1])
    measure("memory_bytes", pages * os.sysconf("SC_PAGE_SIZE"))
