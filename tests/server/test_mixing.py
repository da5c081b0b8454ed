"""Rows of a minute are mixed when it is over; nothing else about them changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select
from tests.server import test_services as world

from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.instants import MINUTE
from quietway_server.core.retention import expiry_of
from quietway_server.rows import Arrival
from quietway_server.services.sweeper import mix_all
from quietway_server.store.mixing import FIRST_FRESH
from quietway_server.store.sqlite import SqliteStore
from quietway_server.store.tables import ENVELOPE_TABLES, seen

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_schemas.instants import Instant

START = world.START
COUNT = 40
FLASH = EnvelopeClass.FLASH


def make_arrival(seq: int, of: EnvelopeClass = FLASH, *, at: Instant = START) -> Arrival:
    header = Header(of, 2, 7, MailboxId(b"m" * 16), EnvelopeId(seq.to_bytes(16, "big")))
    record = SubmissionRecord(header, bytes(32), bytes((seq,)) * of.sealed_bytes)
    return Arrival(record, seq, bytes(32), expiry_of(of, now=at))


def fill(store: SqliteStore, *, first: int = 1, at: Instant = START) -> None:
    """One commit for each envelope, as on a quiet relay."""
    for seq in range(first, first + COUNT):
        with store.writing() as transaction:
            transaction.append([make_arrival(seq, at=at)])


def numbers(store: SqliteStore) -> dict[int, int]:
    """Give each envelope's row number, by its place in the mailbox."""
    table = ENVELOPE_TABLES[FLASH]
    with store._engine.connect() as connection:
        return {row.seq: row.id for row in connection.execute(select(table.c.seq, table.c.id))}


def mix(store: SqliteStore, *, now: Instant, limit: int = 200) -> int:
    with store.writing() as transaction:
        return transaction.mix(now=now, limit=limit)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    made = SqliteStore(tmp_path / "r.db")
    world._found_agency(made)
    return made


def mix_and_break(store: SqliteStore) -> None:
    with store.writing() as transaction:
        transaction.mix(now=None, limit=200)
        raise ZeroDivisionError


def in_order(found: dict[int, int]) -> bool:
    return sorted(found, key=found.__getitem__) == sorted(found)


def test_a_minute_that_goes_on_is_left_as_it_is(store: SqliteStore) -> None:
    fill(store)
    assert mix(store, now=START) == 0
    assert in_order(numbers(store))
    assert min(numbers(store).values()) >= FIRST_FRESH
    store.close()


def test_a_minute_that_is_over_is_mixed_and_reads_as_before(store: SqliteStore) -> None:
    fill(store)
    with store.reading() as transaction:
        before = transaction.envelopes_after(b"m" * 16, 0, 100)
    assert mix(store, now=START + 2 * MINUTE) == COUNT
    found = numbers(store)
    assert not in_order(found)
    assert max(found.values()) < FIRST_FRESH
    with store.reading() as transaction:
        assert transaction.envelopes_after(b"m" * 16, 0, 100) == before
        keys = [(b"m" * 16, held.header.envelope_id.value) for held in before]
        assert set(transaction.find_seen(keys)) == set(keys)
    assert mix(store, now=START + 2 * MINUTE) == 0
    with store.writing() as transaction:
        transaction.acknowledge(b"m" * 16, through=COUNT, seqs=())
    assert numbers(store) == {}
    store.close()


def test_minutes_keep_apart_and_pieces_take_what_is_left(store: SqliteStore) -> None:
    fill(store)
    fill(store, first=COUNT + 1, at=START + MINUTE)
    moved = [mix(store, now=START + MINUTE, limit=15) for _ in range(4)]
    assert moved == [15, 15, 10, 0]
    found = numbers(store)
    assert {seq for seq, number in found.items() if number < FIRST_FRESH} == set(
        range(1, COUNT + 1)
    )
    store.close()


def test_what_was_not_mixed_before_an_end_is_mixed_after_the_next_start(
    store: SqliteStore, tmp_path: Path
) -> None:
    fill(store)
    store.close()
    again = SqliteStore(tmp_path / "r.db")
    fill(again, first=COUNT + 1)
    assert len(set(numbers(again).values())) == 2 * COUNT
    assert mix(again, now=START + 2 * MINUTE) == 2 * COUNT
    again.close()


def test_a_mixing_that_is_undone_leaves_everything_as_it_was(store: SqliteStore) -> None:
    fill(store)
    before = numbers(store)
    with pytest.raises(ZeroDivisionError):
        mix_and_break(store)
    assert numbers(store) == before
    with store._engine.connect() as connection:
        assert len(connection.execute(select(seen)).all()) == COUNT
    assert mix(store, now=START + 2 * MINUTE) == COUNT
    store.close()


def test_an_orderly_end_mixes_all_and_empties_the_log(store: SqliteStore, tmp_path: Path) -> None:
    fill(store)
    mix_all(store)
    assert not in_order(numbers(store))
    assert (tmp_path / "r.db-wal").stat().st_size == 0
    store.close()
