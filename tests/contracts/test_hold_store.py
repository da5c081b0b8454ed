"""What every store promises of ladders: one suite, run on each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.contracts.test_relay_store import AGENCY, DEVICE, MAILBOX, _manifest
from tests.server.ladders import Sealer

from quietway_server.core.holds import Ladder, Place, Tier, Use
from quietway_server.rows import Arrival, DeviceRow, DueHold, HeldAlert
from quietway_server.store.memory import MemoryStore
from quietway_server.store.postgres import PostgresStore
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from quietway_server.ports import Store

HOLD, SECOND_HOLD = b"1" * 16, b"2" * 16
BACKUP = DeviceRow(b"B" * 16, AGENCY, b"b" * 16, b"I" * 32, b"L" * 32)
LADDER = Ladder(
    b"k" * 32,
    1_000,
    0,
    (
        Tier(0, (Place(MAILBOX, b"x" * 32),), is_released=True),
        Tier(60_000, (Place(BACKUP.mailbox, b"y" * 32), Place(MAILBOX, b"x" * 32))),
    ),
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    match request.param:
        case "memory":
            made: Store = MemoryStore()
        case "sqlite":
            made = SqliteStore(tmp_path / "r.db")
        case _:
            made = PostgresStore(request.getfixturevalue("empty_postgres"))
    with made.writing() as transaction:
        transaction.replace_manifest(_manifest(1), [DEVICE, BACKUP])
        transaction.keep_hold(HOLD, LADDER, due_ms=60_000)
    yield made
    made.close()


def _alerts() -> list[HeldAlert]:
    sealer = Sealer()
    return [HeldAlert(1, sealer.record(mailbox)) for mailbox in (BACKUP.mailbox, MAILBOX)]


def test_a_ladder_comes_back_as_it_was_kept_and_others_are_not_there(store: Store) -> None:
    with store.reading() as transaction:
        assert transaction.find_hold(HOLD) == LADDER
        assert transaction.find_hold(SECOND_HOLD) is None


def test_what_a_ladder_has_become_takes_the_place_of_what_it_was(store: Store) -> None:
    tiers = tuple(replace(tier, is_released=True) for tier in LADDER.tiers)
    later = replace(LADDER, tiers=tiers, age_ms=61_000, claims=(Use(b"x" * 32, b"1" * 32),))
    last = replace(later, claims=(*later.claims, Use(b"y" * 32, b"0" * 32)))
    with store.writing() as transaction:
        transaction.keep_hold(HOLD, later, due_ms=99_000)
        assert transaction.find_hold(HOLD) == later
        transaction.keep_hold(HOLD, last, due_ms=99_000)
    with store.reading() as transaction:
        assert transaction.find_hold(HOLD) == last
        bare = replace(last, tiers=(), claims=())
        assert transaction.due_holds(limit=9) == [DueHold(HOLD, bare, 99_000)]


def test_the_ladders_that_are_due_first_are_given_first(store: Store) -> None:
    with store.writing() as transaction:
        transaction.keep_hold(SECOND_HOLD, replace(LADDER, accepted=2_000), due_ms=58_000)
        assert [due.hold for due in transaction.due_holds(limit=9)] == [SECOND_HOLD, HOLD]
        assert [due.hold for due in transaction.due_holds(limit=1)] == [SECOND_HOLD]


def test_alerts_are_counted_and_taken_once(store: Store) -> None:
    alerts = _alerts()
    with store.writing() as transaction:
        transaction.hold_alerts(HOLD, alerts)
        assert dict(transaction.count_held([MAILBOX, b"?" * 16])) == {MAILBOX: 1}
        assert transaction.take_alerts(HOLD, 0) == []
        assert transaction.take_alerts(SECOND_HOLD, 1) == []
        taken = transaction.take_alerts(HOLD, 1)
        assert {record.pack() for record in taken} == {alert.record.pack() for alert in alerts}
        assert transaction.take_alerts(HOLD, 1) == []
        assert dict(transaction.count_held([MAILBOX])) == {}


def test_what_is_held_waits_for_nobody_and_is_known_all_the_same(store: Store) -> None:
    record = _alerts()[1].record
    key = (MAILBOX, record.header.envelope_id.value)
    with store.writing() as transaction:
        transaction.remember([Arrival(record, 0, b"h" * 32, 10**9)])
        row = transaction.find_mailboxes([MAILBOX])[MAILBOX]
        assert (row.latest, row.waiting) == (0, 0)
        assert transaction.find_seen([key]) == {key: b"h" * 32}
        assert transaction.find_numbers([key]) == {}
        transaction.deliver([Arrival(record, 1, b"", 10**9)])
        row = transaction.find_mailboxes([MAILBOX])[MAILBOX]
        assert (row.latest, row.waiting) == (1, 1)
        assert transaction.find_seen([key]) == {key: b"h" * 32}
    with store.reading() as transaction:
        (stored,) = transaction.envelopes_after(MAILBOX, 0, 9)
    assert (stored.seq, stored.header, stored.sealed) == (1, record.header, record.sealed)


def test_a_place_goes_with_what_is_held_for_it_and_the_others_stay(store: Store) -> None:
    with store.writing() as transaction:
        transaction.hold_alerts(HOLD, _alerts())
        assert transaction.find_holds_of([BACKUP.mailbox, b"?" * 16]) == [HOLD]
        transaction.drop_places(HOLD, [BACKUP.mailbox])
        assert transaction.find_holds_of([BACKUP.mailbox]) == []
        held = transaction.find_hold(HOLD)
        assert held is not None
        assert held.mailboxes == {MAILBOX}
        taken = transaction.take_alerts(HOLD, 1)
    assert [record.header.mailbox.value for record in taken] == [MAILBOX]


def test_a_ladder_that_is_forgotten_leaves_nothing(store: Store) -> None:
    with store.writing() as transaction:
        transaction.hold_alerts(HOLD, _alerts())
        transaction.forget_hold(HOLD)
        transaction.forget_hold(SECOND_HOLD)
        assert transaction.find_hold(HOLD) is None
        assert transaction.due_holds(limit=9) == []
        assert transaction.find_holds_of([MAILBOX]) == []
        assert transaction.take_alerts(HOLD, 1) == []
        # Its id is free: nothing of the first is left in the way of a second.
        transaction.keep_hold(HOLD, LADDER, due_ms=60_000)
        assert transaction.find_hold(HOLD) == LADDER


def test_a_mailbox_is_closing_when_its_device_goes_or_another_takes_it(store: Store) -> None:
    taken_over = replace(BACKUP, mailbox=MAILBOX)
    with store.reading() as transaction:
        assert transaction.find_closing(AGENCY, [DEVICE, BACKUP]) == frozenset()
        assert transaction.find_closing(AGENCY, [DEVICE]) == {BACKUP.mailbox}
        assert transaction.find_closing(AGENCY, ()) == {MAILBOX, BACKUP.mailbox}
        assert transaction.find_closing(AGENCY, [taken_over]) == {MAILBOX, BACKUP.mailbox}
        changed = replace(BACKUP, identity_key=b"n" * 32)
        assert transaction.find_closing(AGENCY, [DEVICE, changed]) == frozenset()
        assert transaction.find_closing(b"?" * 16, ()) == frozenset()


def test_a_transaction_that_fails_releases_nothing(store: Store) -> None:
    def fail() -> None:
        with store.writing() as transaction:
            transaction.forget_hold(HOLD)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.reading() as transaction:
        assert transaction.find_hold(HOLD) == LADDER
