"""What the lives of a crisis are without, in the controls: by name, each a patch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tests.controls import without

from quietway_server.bootstrap import SystemClock
from quietway_server.store.sql_holds import SqlHolds

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from quietway.alerting.watching import AlertWatch
    from quietway.errors import QuietwayError
    from quietway_server.rows import DueHold

TIMERS_IN_MEMORY: Final = "timers in memory"
NO_TIMER: Final = "no timer"
_find_due: Final = SqlHolds.due_holds


def keep_timers_in_memory(patch: pytest.MonkeyPatch) -> None:
    """Let a relay look after the ladders alone that it took itself, since its start."""
    started = SystemClock().now()

    def find_own(transaction: SqlHolds, *, limit: int) -> list[DueHold]:
        found = _find_due(transaction, limit=limit)
        return [due for due in found if due.ladder.accepted >= started]

    without(patch, "quietway_server.store.sql_holds:SqlHolds.due_holds", find_own)


def wait_for_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let a sender have no timer of its own."""

    async def sleep(_: AlertWatch) -> None:
        await asyncio.Event().wait()

    async def look(_: AlertWatch) -> list[QuietwayError]:
        return []

    without(patch, "quietway.alerting.watching:AlertWatch.run", sleep)
    without(patch, "quietway.alerting.watching:AlertWatch.look", look)


CONTROLS: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    TIMERS_IN_MEMORY: keep_timers_in_memory,
    NO_TIMER: wait_for_nothing,
}
