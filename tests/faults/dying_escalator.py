"""An escalator that dies between the effect and the commit. Runs in a process of its own.

    python -m tests.faults.dying_escalator DATABASE WALL_MS LOOKS

It looks once. After so many ladders' tiers were put into their mailboxes, and before anything of it
is committed, it gets SIGKILL from itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.server.on_call import Clocks

from quietway_server.delivery.local import LocalDelivery
from quietway_server.heartbeats import Heartbeats
from quietway_server.services import escalator
from quietway_server.services.reader import Reader
from quietway_server.services.writer import Writer
from quietway_server.store.postgres import PostgresStore
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from quietway_server.ports import Store, Transaction
    from quietway_server.services.ladders import Found

LOOK: Final = "quietway_server.services.escalator:look"


def open_escalator(store: Store, clocks: Clocks) -> escalator.Escalator:
    """Give an escalator with threads of its own. Call it in the event loop."""
    writer, reader = Writer(store, on_failure=lambda: None), Reader(store)
    return escalator.Escalator(
        writer, reader, LocalDelivery(), clocks, Heartbeats(), steady=lambda: clocks.steady
    )


def open_database(database: str) -> Store:
    """Open a file, or a database that relays share, by its path or address."""
    if database.startswith("postgresql:"):
        return PostgresStore(database)
    return SqliteStore(Path(database))


async def look_and_die(database: str, wall: int, looks: int) -> None:
    """Look once, and be killed in the middle of the commit that it leads to."""
    true_look, left = escalator.look, [looks]

    def look(transaction: Transaction, hold: bytes, *, now: int, elapsed_ms: int = 0) -> Found:
        found = true_look(transaction, hold, now=now, elapsed_ms=elapsed_ms)
        left[0] -= 1
        if not left[0]:
            transaction.flush()  # type: ignore[attr-defined]  # the rows stand in the file's log
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    with pytest.MonkeyPatch.context() as patch:
        without(patch, LOOK, look)
        await open_escalator(open_database(database), Clocks(wall)).look()


if __name__ == "__main__":
    asyncio.run(look_and_die(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
