"""The escalator: release each tier of each ladder when its time has come, though nobody asks.

Theory of operation: once a second, and sooner where a tier is due sooner, it reads which ladders
are next, and asks both clocks for their ages. For each that is due it hands in one job, which looks
once more in the writing thread and does what there is to do. So a ladder that fails keeps no other
waiting, and two escalators on one database do nothing twice. The first look comes at the start:
whatever became due while no relay ran goes at once.

Rules: late rather than never. A look that fails is made again, for ever; only a storage that failed
ends the relay, and the next one goes on. The jobs go before everything else that waits to be
written, are never refused because too much is waiting, and may use the reserve of a full disk.

Spec: docs/spec/holds.md, "Release", "Clocks".
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_schemas.instants import SECOND
from quietway_server.core.holds import LIFE_MS, NOTE_MS, Ages, age_of
from quietway_server.errors import StorageFailedError
from quietway_server.log import LastingFailure
from quietway_server.metrics import count, measure, observe
from quietway_server.services.ladders import look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quietway_schemas.instants import Instant
    from quietway_server.heartbeats import Heartbeats
    from quietway_server.ports import Clock, Delivery, Transaction
    from quietway_server.rows import DueHold
    from quietway_server.services.ladders import Found
    from quietway_server.services.reader import Reader
    from quietway_server.services.writer import Writer

LOOP: Final = "holds"
EVERY_SECONDS: Final = 1.0
MOST_HOLDS: Final = 512
"""How many ladders are looked at together, those first that are due first."""
_SOONEST_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True)
class Due:
    """A ladder whose time has come, and its age as the steady clock counts it."""

    hold: bytes
    elapsed_ms: int


class Escalator:
    """Looks after all ladders of a store.

    Args:
        writer: Releases.
        reader: Looks.
        delivery: Is told what arrived.
        clock: Wall time.
        heartbeats: Is told with each look that this loop lives.
        steady: Milliseconds of a clock that nobody sets, from any beginning.
    """

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        delivery: Delivery,
        clock: Clock,
        heartbeats: Heartbeats,
        *,
        steady: Callable[[], int],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._delivery = delivery
        self._clock = clock
        self._heartbeats = heartbeats
        self._steady = steady
        self._ages = Ages()
        self._known: dict[bytes, DueHold] = {}
        self._news = asyncio.Event()
        self._failure = LastingFailure("look_failed")

    def notice(self) -> None:
        """Look once more: a ladder came."""
        self._news.set()

    def elapsed(self, hold: bytes) -> int:
        """Give a ladder's age as the steady clock counts it, in ms; 0 where it was not seen yet."""
        known = self._known.get(hold)
        return 0 if known is None else self._count(known)

    async def run(self, *, every_seconds: float = EVERY_SECONDS) -> None:
        """Look for ever, at least so often."""
        self._heartbeats.expect(LOOP)
        while True:
            pause = every_seconds
            try:
                pause = min(pause, await self.look())
            except Exception as error:  # noqa: BLE001, whatever it was, the next look must come
                self._failure.met(error)
                if self._writer.has_failed:
                    return
            else:
                self._failure.over()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)
            self._news.clear()

    async def look(self) -> float:
        """Release what is due now.

        Returns:
            In how many seconds the next tier is due.

        Raises:
            StoreError: Nobody could look.
        """
        rows = await self._reader.read(lambda transaction: transaction.due_holds(limit=MOST_HOLDS))
        # Not before: who can't even look does not live, however often it is tried.
        self._heartbeats.beat(LOOP)
        self._known = {row.hold: row for row in rows}
        self._ages.keep_only(self._known)
        now, due, aged = self._clock.now(), [], []
        for row in rows:
            counted = self._count(row)
            aged.append((row, age_of(row.ladder, now=now, elapsed_ms=counted)))
            if is_due(row, now=now, elapsed_ms=counted):
                due.append(Due(row.hold, counted))
        measure("holds_overdue", sum(age >= row.due_ms for row, age in aged))
        overdue = [age - row.due_ms for row, age in aged]
        measure("escalator_late_seconds", max([0, *overdue]) / SECOND)
        done = await asyncio.gather(*map(self._release, due), return_exceptions=True)
        failures = [each for each in done if isinstance(each, BaseException)]
        if failures:
            raise next((f for f in failures if isinstance(f, StorageFailedError)), failures[0])
        if any(done):
            # Behind those that went there may be others.
            return _SOONEST_SECONDS
        waits = [row.due_ms - age for row, age in aged if age < row.due_ms]
        return max(_SOONEST_SECONDS, min(waits, default=LIFE_MS) / SECOND)

    async def _release(self, due: Due) -> int:
        found = await self._writer.run(self.release_all, due, frees=True, goes_first=True)
        for arrival in found.arrived:
            self._delivery.wake(arrival.record.header.mailbox.value, arrival.seq)
        count("holds_released", len(found.late_ms))
        for late_ms in found.late_ms:
            observe("release_late_seconds", late_ms / SECOND)
        return len(found.late_ms)

    def release_all(self, transaction: Transaction, dues: Sequence[Due]) -> list[Found]:
        """Run in the writing thread: look at each ladder, whoever looked before."""
        now = self._clock.now()
        return [look(transaction, due.hold, now=now, elapsed_ms=due.elapsed_ms) for due in dues]

    def _count(self, row: DueHold) -> int:
        return self._ages.elapsed(row.hold, row.ladder, steady_ms=self._steady())


def is_due(row: DueHold, *, now: Instant, elapsed_ms: int) -> bool:
    """Tell whether there is something to do for a ladder, or to be written down.

    Args:
        row: The ladder.
        now: Wall time.
        elapsed_ms: Its age as the steady clock counts it.
    """
    if age_of(row.ladder, now=now, elapsed_ms=elapsed_ms) >= row.due_ms:
        return True
    is_running = row.due_ms < LIFE_MS
    return is_running and elapsed_ms - row.ladder.age_ms >= NOTE_MS
