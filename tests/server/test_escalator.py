"""The escalator in hard times: a disk that is full or held, a flood of work, what is left over."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.relay_process import wait_until
from tests.server.on_call import BACKUP, LEADER, PRIMARY, SUPERVISOR, open_on_call

from quietway_crypto.lanes import hash_capability
from quietway_schemas.instants import HOUR, SECOND
from quietway_server.errors import (
    RefusedError,
    StorageBusyError,
    StorageFailedError,
    StorageFullError,
    StoreError,
)
from quietway_server.services.writer import QUEUED_JOBS, Writer
from quietway_server.store.memory import MemoryStore
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.server.on_call import OnCall

    from quietway_server.ports import Transaction
    from quietway_server.services.escalator import Due, Escalator
    from quietway_server.services.ladders import Found
    from quietway_server.store.memory import MemoryTransaction

_EVERYTHING = {0: (PRIMARY,), 60: (BACKUP,), 120: (SUPERVISOR, LEADER)}


class StumblingStore(MemoryStore):
    """A store that fails to write a few times, and can be made to wait before it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[StoreError] = []
        self.may_write = threading.Event()
        self.may_write.set()

    @contextlib.contextmanager
    def writing(self) -> Iterator[MemoryTransaction]:
        self.may_write.wait(20)
        if self.failures:
            raise self.failures.pop()
        with super().writing() as transaction:
            yield transaction


async def _run_until_released(on_call: OnCall, wanted: int, *, seconds: float = 10) -> None:
    """Let the escalator run, with looks in quick succession, until so much has arrived."""
    running = asyncio.ensure_future(on_call.relay.escalator.run(every_seconds=0.01))
    boxes = (BACKUP, SUPERVISOR, LEADER)
    try:
        await asyncio.to_thread(
            wait_until,
            lambda: sum(len(on_call.waiting(box)) for box in boxes) >= wanted,
            seconds=seconds,
        )
    finally:
        running.cancel()


@pytest.mark.parametrize("failure", [StorageFullError, StorageBusyError])
async def test_a_disk_that_is_full_or_held_delays_a_tier_and_loses_none(
    failure: type[StoreError],
) -> None:
    store = StumblingStore()
    async with open_on_call(store) as on_call:
        sealed = await on_call.place(_EVERYTHING)
        on_call.clocks.pass_seconds(120)
        store.failures = [failure() for _ in range(5)]
        await _run_until_released(on_call, 3)
        assert store.failures == []
        assert on_call.arrived(sealed) == [0, 1, 2]


async def test_a_storage_that_failed_ends_the_looking() -> None:
    store = StumblingStore()
    async with open_on_call(store) as on_call:
        await on_call.place(_EVERYTHING)
        on_call.clocks.pass_seconds(120)
        store.failures = [StorageFailedError()]
        await asyncio.wait_for(on_call.relay.escalator.run(every_seconds=0.01), 10)


async def test_a_ladder_that_fails_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_on_call(MemoryStore()) as on_call:
        broken, sound = [await on_call.place(_EVERYTHING) for _ in range(2)]
        release_all = type(on_call.relay.escalator).release_all

        def stumble(
            escalator: Escalator, transaction: Transaction, dues: Sequence[Due]
        ) -> list[Found]:
            if any(due.hold == broken.hold for due in dues):
                raise ZeroDivisionError
            return release_all(escalator, transaction, dues)

        without(monkeypatch, "quietway_server.services.escalator:Escalator.release_all", stumble)
        on_call.clocks.pass_seconds(60)
        with pytest.raises(ZeroDivisionError):
            await on_call.relay.escalator.look()
        assert (on_call.arrived(broken), on_call.arrived(sound)) == ([0], [0, 1])


async def _release_in_a_flood(store: StumblingStore) -> tuple[int, int]:
    """Let a tier come due behind a full queue; give how many waited, and were before it."""
    async with open_on_call(store) as on_call:
        sealed, written = await on_call.place(_EVERYTHING), []
        writer = on_call.relay.writer
        store.may_write.clear()
        for number in range(QUEUED_JOBS):
            writer.hand_in(lambda _, items: list(items), number, lambda *_: written.append(1))
        with pytest.raises(RefusedError, match="overloaded"):
            await writer.write(lambda _: None)
        on_call.clocks.pass_seconds(60)
        looking = asyncio.ensure_future(on_call.relay.escalator.look())
        await asyncio.sleep(0.05)
        store.may_write.set()
        await looking
        assert on_call.arrived(sealed) == [0, 1]
        return QUEUED_JOBS, len(written)


async def test_a_release_goes_before_all_that_waits() -> None:
    waited, before = await _release_in_a_flood(StumblingStore())
    assert before < waited / 4


async def test_control_a_release_that_does_not_go_first_waits_for_all_of_a_flood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Writer.run

    async def run_as_any(writer: Writer, kind: object, item: object, **options: object) -> object:
        options.pop("goes_first", None)
        return await run(writer, kind, item, **options)  # type: ignore[arg-type]  # passed on

    without(monkeypatch, "quietway_server.services.writer:Writer.run", run_as_any)
    waited, before = await _release_in_a_flood(StumblingStore())
    assert before > waited / 2


def _read_all(folder: Path) -> bytes:
    paths = [path for path in folder.glob("r.db*") if not path.name.endswith(("-reserve", "-shm"))]
    return b"".join(path.read_bytes() for path in paths)


async def _leave_traces(folder: Path) -> list[bytes]:
    """Let a ladder come, go and be over, and one more that is claimed; give what is found of it."""
    store = SqliteStore(folder / "r.db")
    try:
        async with open_on_call(store) as on_call:
            sealed = await on_call.place(_EVERYTHING)
            places = sealed.ladder.places
            words = on_call.sealer.claim(sealed.secrets[0], PRIMARY, LEADER)
            await on_call.wait(60)
            await on_call.relay.holds.claim(sealed.hold, words.pack())
            await on_call.wait(97 * HOUR / SECOND)
            await on_call.relay.sweeper.sweep()
        kept = await asyncio.to_thread(_read_all, folder)
        wanted = [sealed.hold, *(place.cancel_hash for place in places)]
        wanted += [record.sealed[:32] for record in words.records]
        wanted += [place.record.sealed[:32] for place in places]
        assert hash_capability(b"c" * 32) in kept, "It looked where nothing is."
        return [trace for trace in wanted if trace in kept]
    finally:
        store.close()


async def test_a_ladder_that_is_over_leaves_no_trace_in_the_files(tmp_path: Path) -> None:
    assert await _leave_traces(tmp_path) == []


async def test_control_a_relay_that_forgets_no_ladder_keeps_its_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_server.store.sql_holds:SqlHolds.forget_hold", lambda *_: None)
    assert len(await _leave_traces(tmp_path)) >= 5


class UnreadableStore(MemoryStore):
    """A store whose readers fail for a while, as where one connection of several is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[MemoryTransaction]:
        if self.fails and threading.current_thread().name.startswith("quietway-reader"):
            self.fails -= 1
            raise StorageFailedError
        with super().reading() as transaction:
            yield transaction


async def test_a_reader_that_failed_ends_no_looking_while_the_relay_goes_on() -> None:
    store = UnreadableStore()
    async with open_on_call(store) as on_call:
        sealed = await on_call.place(_EVERYTHING)
        on_call.clocks.pass_seconds(120)
        store.fails = 3
        await _run_until_released(on_call, 3)
        assert on_call.arrived(sealed) == [0, 1, 2]


async def test_who_cannot_look_does_not_show_that_it_lives() -> None:
    store = UnreadableStore()
    async with open_on_call(store) as on_call:
        relay = on_call.relay
        before = relay.heartbeats.ages()
        store.fails = 10**6
        loops = [
            asyncio.ensure_future(relay.escalator.run(every_seconds=0.01)),
            asyncio.ensure_future(relay.waker.run(every_seconds=0.01)),
            asyncio.ensure_future(relay.removals.run(every_seconds=0.01)),
        ]
        await asyncio.to_thread(wait_until, lambda: store.fails < 10**6 - 30)
        waited = relay.heartbeats.ages()
        await asyncio.to_thread(wait_until, lambda: store.fails < 10**6 - 60)
        ages = relay.heartbeats.ages()
        assert before == {}
        assert all(ages[loop] > waited[loop] for loop in ("holds", "removals", "wakes"))
        store.fails = 0
        await asyncio.to_thread(
            wait_until,
            lambda: all(age < ages[loop] for loop, age in relay.heartbeats.ages().items()),
        )
        assert not any(loop.done() for loop in loops)
        for loop in loops:
            loop.cancel()


async def test_a_removal_watch_survives_what_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    def stumble(_transaction: Transaction) -> int:
        nonlocal asked
        asked += 1
        raise ZeroDivisionError

    without(monkeypatch, "quietway_server.store.memory:MemoryTransaction.latest_removal", stumble)
    async with open_on_call(MemoryStore()) as on_call:
        running = asyncio.ensure_future(on_call.relay.removals.run(every_seconds=0.01))
        await asyncio.to_thread(wait_until, lambda: asked > 3)
        assert not running.done()
        running.cancel()


async def test_a_claim_that_was_taken_is_answered_without_a_turn_of_the_writer() -> None:
    store = StumblingStore()
    async with open_on_call(store) as on_call:
        sealed = await on_call.place(_EVERYTHING)
        claim = on_call.sealer.claim(sealed.secrets[0], PRIMARY, LEADER).pack()
        assert await on_call.relay.holds.claim(sealed.hold, claim)
        store.may_write.clear()
        again = [on_call.relay.holds.claim(sealed.hold, claim) for _ in range(200)]
        assert await asyncio.wait_for(asyncio.gather(*again), 10) == [True] * 200
        store.may_write.set()
