"""Remove what has expired, mix what came, and leave no trace of either in the files.

Rules: it runs every minute, in pieces small enough that nobody who writes has to wait long. Rows
whose minute is over are put into a random order. After each sweep the write-ahead log is emptied,
because it still holds what was deleted from the file, and the order in which things came.

Spec: docs/spec/relay-protocol.md, "Submitting"; docs/spec/envelope.md, "Classes".
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway_server.core.retention import oldest_kept_week
from quietway_server.errors import (
    RefusedError,
    StorageFailedError,
    StorageFullError,
    StoreError,
)
from quietway_server.heartbeats import Heartbeats
from quietway_server.log import log_event
from quietway_server.ports import BLOB_PIECE_ROWS
from quietway_server.rows import Swept

if TYPE_CHECKING:
    from quietway_server.ports import Clock, Store
    from quietway_server.services.writer import Writer

PIECE_ROWS: Final = 500
MIXED_ROWS: Final = 200
"""At 8,000 bytes each, what the database keeps in memory for one transaction."""
MOST_PIECES: Final = 1_000
_BEAT_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps, on demand or for ever."""

    writer: Writer
    store: Store
    clock: Clock
    heartbeats: Heartbeats = field(default_factory=Heartbeats)

    async def sweep(self) -> Swept:
        """Remove all that has expired by now.

        Returns:
            How many rows went.

        Raises:
            StoreError: The storage has failed.
        """
        total = Swept(0, 0)
        while True:
            piece = await self._sweep_piece()
            total = Swept(
                total.envelopes + piece.envelopes,
                total.others + piece.others,
                total.blobs + piece.blobs,
            )
            if max(piece.envelopes, piece.others) < PIECE_ROWS and piece.blobs < BLOB_PIECE_ROWS:
                break
        await self._mix()
        await self.writer.tidy()
        if not await asyncio.to_thread(self.store.restore_reserve):
            log_event("reserve_missing", failed=True)
        return total

    async def run(self, *, every_seconds: float) -> None:
        """Sweep for ever; a sweep that can't be done now is done next time."""
        self.heartbeats.expect("sweeper")
        while True:
            await self._wait(every_seconds)
            try:
                swept = await self.sweep()
            except StorageFailedError:
                return
            except Exception as error:  # noqa: BLE001, whatever it was, the next sweep must come
                log_event("sweep_failed", failed=True, error=type(error).__name__)
            else:
                log_event("swept", envelopes=swept.envelopes, others=swept.others + swept.blobs)

    async def _wait(self, seconds: float) -> None:
        """Wait for the next sweep, and show meanwhile that this loop lives."""
        while seconds > 0:
            self.heartbeats.beat("sweeper")
            await asyncio.sleep(min(seconds, _BEAT_SECONDS))
            seconds -= _BEAT_SECONDS

    async def _mix(self) -> None:
        now = self.clock.now()
        try:
            for _ in range(MOST_PIECES):
                moved = await self.writer.write(
                    lambda transaction: transaction.mix(now=now, limit=MIXED_ROWS)
                )
                if moved < MIXED_ROWS:
                    return
        except (RefusedError, StorageFullError):
            # They stay as they lie until there is room, or time; the log is emptied all the same.
            log_event("mixing_put_off", failed=True)

    async def _sweep_piece(self) -> Swept:
        self.heartbeats.beat("sweeper")
        now = self.clock.now()
        week = oldest_kept_week(now=now)
        return await self.writer.write(
            lambda transaction: transaction.sweep(now=now, oldest_week=week, limit=PIECE_ROWS),
            frees=True,
        )


def mix_all(store: Store) -> None:
    """Mix everything that is left, at an orderly end; what can't be done now stays as it lies."""
    with suppress(StoreError):
        for _ in range(MOST_PIECES):
            with store.writing() as transaction:
                moved = transaction.mix(now=None, limit=MIXED_ROWS)
            if moved < MIXED_ROWS:
                break
        store.tidy()
