"""The relay as it would be with its timers in memory. Runs in a process of its own.

    python -m tests.faults.timers_in_memory serve ...

It looks after the ladders that it took itself, and knows nothing of those that came before.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway_server.__main__ import main
from quietway_server.bootstrap import SystemClock
from quietway_server.store.sql_holds import SqlHolds

if TYPE_CHECKING:
    from quietway_server.rows import DueHold

DUE: Final = "quietway_server.store.sql_holds:SqlHolds.due_holds"
_STARTED: Final = SystemClock().now()
_find_due: Final = SqlHolds.due_holds


def find_own(transaction: SqlHolds, *, limit: int) -> list[DueHold]:
    """Give the ladders that this process took."""
    found = _find_due(transaction, limit=limit)
    return [due for due in found if due.ladder.accepted >= _STARTED]


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        without(patch, DUE, find_own)
        sys.exit(main())
