"""A directory of ten agencies with four devices each: what a client reads, writes and holds.

It is the bench's fleet, small, over a relay in memory. Work is counted here, and no time.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final, cast

import pytest
from bench.fleet import Fleet
from tests.client_sdk.agencies import SHELTER, Agencies

from quietway.errors import RelayUnreachable
from quietway.keyring.batches import DIRECTORY, holds_batches
from quietway.ports import Delete, Put
from quietway.store.memory import MemoryStore
from quietway_schemas.directory import DirectoryEntry, DirectoryPage, EpochBatch, SignedObject
from quietway_schemas.ids import AgencyId
from quietway_schemas.instants import DAY, SECOND
from quietway_server.store.memory import MemoryStore as RelayStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.agent import Agent
    from quietway.client import AsyncClient
    from quietway.ports import Relay
    from quietway.reports import SyncProgress
    from quietway.testing.relay_log import RelayLog
    from quietway_server.rows import FeedRow

AGENCIES: Final = 10
DEVICES: Final = 4
EVERYONE: Final = AGENCIES * DEVICES
PAGE: Final = 32


class _Served:
    """A relay that serves the fleet's directory in small pages, and is otherwise as it is."""

    def __init__(self, fleet: Fleet, log: RelayLog) -> None:
        self.store, self.log = RelayStore(), log
        self.fails_after = 10**6
        fleet.write_all(self.store)
        for number in range(AGENCIES):
            log.append_manifest(fleet.agency(number), fleet.manifest_hash(number))

    def serve(self, agent: Agent) -> None:
        """Stand between a device and its relay."""
        self._inner = agent.relay
        agent.relay = cast("Relay", self)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        if self.fails_after <= 0:
            raise RelayUnreachable
        self.fails_after -= 1
        with self.store.reading() as transaction:
            rows = transaction.feed_after(after, PAGE + 1, soft_bytes=2**24)
        entries = tuple(self._show(row) for row in rows[:PAGE])
        return DirectoryPage(
            entries=entries,
            next=entries[-1].seq if entries else after,
            more=len(rows) > PAGE,
            checkpoint=self.log.checkpoint().note,
            consistency=self.log.consistency_to_head(log_size),
            log_key=self.log.log_key,
        )

    def _show(self, row: FeedRow) -> DirectoryEntry:
        agency = AgencyId(row.agency)
        return DirectoryEntry(
            seq=row.change,
            kind="manifest" if row.kind == "manifest" else "epochs",
            agency_id=agency,
            object=SignedObject(payload=row.payload, signature=row.signature),
            log=self.log.prove(agency) if row.kind == "manifest" else None,
        )


class _CountedStore(MemoryStore):
    """A store that remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Put | Delete] = []

    async def commit(self, writes: Sequence[Put | Delete]) -> None:
        self.written += writes
        await super().commit(writes)


@pytest.fixture
async def reader(agencies: Agencies) -> tuple[AsyncClient, Fleet, _Served, _CountedStore]:
    store = _CountedStore()
    agencies.stores[SHELTER] = store
    client = await agencies.found(SHELTER)
    fleet = Fleet(AGENCIES, DEVICES, agencies.clock.now())
    served, agent = _Served(fleet, agencies.relay.books.log), client._agent
    for number in range(AGENCIES):
        agent.directory.pin(fleet.agency(number), fleet.root(number).public)
    agent.directory.cursor = 0
    served.serve(agent)
    return client, fleet, served, store


def _count_known(agent: Agent, fleet: Fleet) -> int:
    numbers = range(AGENCIES)
    return sum(len(agent.directory._batches.of(fleet.agency(n))) for n in numbers)


async def test_a_first_reading_that_was_cut_off_goes_on_where_it_was(
    agencies: Agencies, reader: tuple[AsyncClient, Fleet, _Served, _CountedStore]
) -> None:
    client, fleet, served, store = reader
    served.fails_after = 1
    seen: list[SyncProgress] = []
    assert any(
        isinstance(problem, RelayUnreachable)
        for problem in (await client.sync(seen.append)).problems
    )
    assert [step.done for step in seen if step.stage == "directory"] == [0, 32]
    half = _count_known(client._agent, fleet)
    assert 0 < half < EVERYONE
    await client.aclose()
    again = await agencies.reopen(SHELTER, store)
    agent = again._agent
    assert _count_known(agent, fleet) == half
    assert agent.directory.cursor == 32
    served.serve(agent)
    served.fails_after = 10**6
    await agent.pull_directory()
    assert _count_known(agent, fleet) == EVERYONE


async def test_a_day_writes_two_rows_a_device_and_a_minute_writes_none(
    agencies: Agencies, reader: tuple[AsyncClient, Fleet, _Served, _CountedStore]
) -> None:
    client, fleet, served, store = reader
    agent = client._agent
    await agent.pull_directory()
    store.written.clear()
    await agent.pull_directory()
    assert store.written == []
    agencies.clock.advance(DAY // SECOND)
    agent.directory.note_time(agencies.clock.now())
    fleet.write_next_day(served.store)
    await agent.pull_directory()
    batches = [write for write in store.written if holds_batches(write.kind)]
    assert sum(isinstance(write, Put) for write in batches) == EVERYONE
    others = [write for write in store.written if write.kind == DIRECTORY]
    # One for each device, and the cursor with each page.
    assert EVERYONE < len(others) <= EVERYONE + 3


def _list_batches() -> list[EpochBatch]:
    gc.collect()
    return [held for held in gc.get_objects() if type(held) is EpochBatch]


async def test_no_batch_and_no_key_stays_in_memory(
    reader: tuple[AsyncClient, Fleet, _Served, _CountedStore],
) -> None:
    client, fleet, _, _ = reader
    agent = client._agent
    # What other tests of this process still hold is none of this one's.
    before = _list_batches()
    await agent.pull_directory()
    known = {id(held) for held in before}
    assert not [held for held in _list_batches() if id(held) not in known]
    batches = agent.directory._batches
    assert not batches._waiting.get(fleet.agency(0))
    assert fleet.agency(0) not in batches._loaded
    assert not agent.directory.take_writes()
