"""What fails for as long as an outage lasts is told when it begins, and once a minute."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING

from tests.controls import without
from tests.relay_process import wait_until
from tests.server.on_call import open_on_call

from quietway_server.errors import StorageAwayError, StorageBusyError
from quietway_server.log import LastingFailure, log_event
from quietway_server.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from quietway_server.store.memory import MemoryTransaction

MET = "quietway_server.log:LastingFailure.met"


class FarStore(MemoryStore):
    """A store that goes away and comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.asked = 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[MemoryTransaction]:
        self._ask()
        with super().reading() as transaction:
            yield transaction

    @contextlib.contextmanager
    def writing(self) -> Iterator[MemoryTransaction]:
        self._ask()
        with super().writing() as transaction:
            yield transaction

    def _ask(self) -> None:
        self.asked += 1
        if self.is_away:
            raise StorageAwayError


async def _ask_often(store: FarStore, times: int) -> None:
    enough = store.asked + times
    await asyncio.to_thread(wait_until, lambda: store.asked >= enough)


async def _suffer_outages(caplog: pytest.LogCaptureFixture, count: int) -> Counter[str]:
    """Let the database go away while every loop runs; count the lines of each event."""
    caplog.set_level("INFO", logger="quietway_server")
    store = FarStore()
    async with open_on_call(store) as on_call:
        relay = on_call.relay

        async def write_on() -> None:
            while True:
                with contextlib.suppress(StorageAwayError):
                    await relay.writer.write(lambda _: None)
                await asyncio.sleep(0.005)

        loops = (
            relay.escalator.run(every_seconds=0.005),
            relay.waker.run(every_seconds=0.005),
            relay.removals.run(every_seconds=0.005),
            write_on(),
        )
        running = [asyncio.ensure_future(loop) for loop in loops]
        for _ in range(count):
            for store.is_away in (True, False):
                await _ask_often(store, 60)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return Counter(json.loads(line)["event"] for line in caplog.messages)


async def test_an_outage_is_told_once_by_each_that_meets_it_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = await _suffer_outages(caplog, 2)
    assert told == dict.fromkeys(
        ("look_failed", "waking_failed", "database_away", "database_back"), 2
    )


async def test_control_without_its_memory_each_look_would_write_a_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(failure: LastingFailure, _: BaseException) -> None:
        log_event(failure._event, failed=True)

    without(monkeypatch, MET, forget)
    told = await _suffer_outages(caplog, 1)
    assert told["look_failed"] > 5


def test_a_failure_that_lasts_is_told_again_each_minute_and_another_one_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    failure = LastingFailure("look_failed", clock=lambda: now[0])

    def lines_at(seconds: float, error: BaseException) -> int:
        now[0] = seconds
        before = len(caplog.messages)
        failure.met(error)
        return len(caplog.messages) - before

    away, busy = StorageAwayError(), StorageBusyError()
    assert [lines_at(at, away) for at in (0, 1, 59.9, 60, 61, 119.9, 120)] == [1, 0, 0, 1, 0, 0, 1]
    assert [lines_at(at, busy) for at in (121, 122)] == [1, 0]
    assert (failure.over(), failure.over()) == (True, False)
    assert lines_at(123, away) == 1
