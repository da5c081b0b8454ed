"""What every store of the relay promises: one suite, run on memory, SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING

import pytest

from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.instants import MINUTE
from quietway_server.rows import (
    Arrival,
    DeviceRow,
    EpochBatchRow,
    Held,
    LeafRow,
    LogHead,
    ManifestRow,
    WeekRow,
)
from quietway_server.store.memory import MemoryStore
from quietway_server.store.postgres import PostgresStore
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from quietway_server.ports import Store

MIB = 1024 * 1024
AGENCY, OTHER = b"a" * 16, b"o" * 16
MAILBOX = b"m" * 16
DEVICE = DeviceRow(b"d" * 16, AGENCY, MAILBOX, b"i" * 32, b"l" * 32)
RANDOM = random.Random(7)


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
        transaction.replace_manifest(_manifest(1), [DEVICE])
    yield made
    made.close()


def _manifest(version: int, agency: bytes = AGENCY, code: str = "HARBOR") -> ManifestRow:
    return ManifestRow(agency, code, version, b"h" * 32, b"r" * 32, b"{}", b"s" * 64)


def _arrival(
    seq: int, envelope_class: EnvelopeClass = EnvelopeClass.FLASH, expires: int = 10 * MINUTE
) -> Arrival:
    header = Header(envelope_class, 2, 7, MailboxId(MAILBOX), EnvelopeId(RANDOM.randbytes(16)))
    sealed = RANDOM.randbytes(envelope_class.sealed_bytes)
    record = SubmissionRecord(header, RANDOM.randbytes(32), sealed)
    return Arrival(record, seq, RANDOM.randbytes(32), expires)


def _append(store: Store, *arrivals: Arrival) -> None:
    with store.writing() as transaction:
        transaction.append(arrivals)


def _seqs(store: Store, after: int = 0, limit: int = 100) -> list[int]:
    with store.reading() as transaction:
        return [stored.seq for stored in transaction.envelopes_after(MAILBOX, after, limit)]


def test_envelopes_of_both_classes_come_back_in_order_and_unchanged(store: Store) -> None:
    arrivals = [_arrival(1), _arrival(2, EnvelopeClass.CASE), _arrival(3)]
    _append(store, *arrivals)
    with store.reading() as transaction:
        found = transaction.envelopes_after(MAILBOX, 0, 10)
        row = transaction.find_mailboxes([MAILBOX])[MAILBOX]
    assert [(s.seq, s.header, s.sealed) for s in found] == [
        (a.seq, a.record.header, a.record.sealed) for a in arrivals
    ]
    assert (row.latest, row.waiting, row.acknowledged) == (3, 3, 0)
    assert _seqs(store, after=1, limit=1) == [2]


def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(store: Store) -> None:
    _append(store, _arrival(1))
    with store.reading() as transaction:
        before = transaction.find_mailboxes([MAILBOX])
        _append(store, _arrival(2))
        assert transaction.find_mailboxes([MAILBOX]) == before
        assert len(transaction.envelopes_after(MAILBOX, 0, 10)) == 1
    assert _seqs(store) == [1, 2]


def test_a_transaction_that_ends_with_an_error_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.writing() as transaction:
            transaction.append([_arrival(1)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert _seqs(store) == []
    with store.reading() as transaction:
        assert transaction.find_mailboxes([MAILBOX])[MAILBOX].latest == 0


def test_what_was_appended_is_seen_within_its_own_transaction(store: Store) -> None:
    arrival = _arrival(1)
    key = (MAILBOX, arrival.record.header.envelope_id.value)
    with store.writing() as transaction:
        transaction.append([arrival])
        assert transaction.find_seen([key])[key] == arrival.record_hash
        transaction.acknowledge(MAILBOX, through=1, seqs=())
    assert _seqs(store) == []
    with store.reading() as transaction:
        assert transaction.find_seen([key])[key] == arrival.record_hash


def _held(arrival: Arrival, **changes: object) -> Held:
    header = arrival.record.header
    held = Held(MAILBOX, arrival.seq, header.envelope_id.value, arrival.record.withdraw_hash)
    return dataclasses.replace(held, **changes)  # type: ignore[arg-type]  # each test names its own


def test_withdrawing_deletes_what_stands_there_with_that_hash_and_nothing_else(
    store: Store,
) -> None:
    arrivals = [_arrival(1), _arrival(2, EnvelopeClass.CASE), _arrival(3)]
    _append(store, *arrivals)
    keys = [(MAILBOX, arrival.record.header.envelope_id.value) for arrival in arrivals]
    with store.reading() as transaction:
        found = transaction.find_numbers([*keys, (MAILBOX, b"?" * 16), (b"?" * 16, keys[0][1])])
    assert found == dict(zip(keys, [1, 2, 3], strict=True))
    with store.writing() as transaction:
        for wrong in ({"withdraw_hash": b"?" * 32}, {"seq": 3}, {"envelope_id": b"?" * 16}):
            assert not transaction.withdraw(_held(arrivals[1], **wrong))
        assert transaction.withdraw(_held(arrivals[1]))
        assert not transaction.withdraw(_held(arrivals[1]))
        row = transaction.find_mailboxes([MAILBOX])[MAILBOX]
        assert (row.latest, row.waiting, row.acknowledged) == (3, 2, 0)
        assert keys[1] in transaction.find_seen(keys)
        assert keys[1] not in transaction.find_numbers(keys)
    assert _seqs(store) == [1, 3]


def test_acknowledging_deletes_and_never_counts_beyond_the_end(store: Store) -> None:
    _append(store, *[_arrival(seq) for seq in range(1, 6)])
    with store.writing() as transaction:
        transaction.acknowledge(MAILBOX, through=None, seqs=(2, 4))
        transaction.acknowledge(b"x" * 16, through=9, seqs=())
    assert _seqs(store) == [1, 3, 5]
    with store.writing() as transaction:
        transaction.acknowledge(MAILBOX, through=99, seqs=())
        row = transaction.find_mailboxes([MAILBOX])[MAILBOX]
    assert (row.acknowledged, row.waiting, row.latest) == (5, 0, 5)


def test_a_sweep_removes_what_has_expired_and_only_that(store: Store) -> None:
    early, late = _arrival(1, expires=5 * MINUTE), _arrival(2, expires=6 * MINUTE)
    _append(store, early, late)
    with store.writing() as transaction:
        transaction.add_enrolment(b"e" * 32, 5 * MINUTE)
        transaction.replace_week(AGENCY, "2026-W01", WeekRow(1, b"w" * 32), [(b"c" * 32, "normal")])
        swept = transaction.sweep(now=5 * MINUTE, oldest_week="2026-W02", limit=10)
        row = transaction.find_mailboxes([MAILBOX])[MAILBOX]
    # Of others: one memory of an envelope, one code, one lane, one week.
    assert (swept.envelopes, swept.others, row.waiting, _seqs(store)) == (1, 4, 1, [2])


def test_a_code_is_spent_once_and_not_after_its_time(store: Store) -> None:
    with store.writing() as transaction:
        transaction.add_enrolment(b"e" * 32, 5 * MINUTE)
        transaction.add_enrolment(b"f" * 32, 5 * MINUTE)
        assert transaction.is_enrolment_open(b"e" * 32, now=4 * MINUTE)
        assert transaction.spend_enrolment(b"e" * 32, now=4 * MINUTE)
        assert not transaction.is_enrolment_open(b"e" * 32, now=4 * MINUTE)
        assert not transaction.is_enrolment_open(b"f" * 32, now=5 * MINUTE)
        assert not transaction.spend_enrolment(b"e" * 32, now=4 * MINUTE)
        assert not transaction.spend_enrolment(b"f" * 32, now=5 * MINUTE)
        assert not transaction.spend_enrolment(b"g" * 32, now=4 * MINUTE)


def test_lanes_are_found_counted_and_keep_their_counter(store: Store) -> None:
    lanes = [(b"1" * 32, "normal"), (b"2" * 32, "crisis")]
    with store.writing() as transaction:
        transaction.replace_week(AGENCY, "2026-W47", WeekRow(1, b"w" * 32), lanes)
        (lane,) = transaction.find_lanes(
            [(of, week, b"1" * 32) for of in (AGENCY, OTHER) for week in ("2026-W46", "2026-W47")]
        )
        transaction.count_uses({lane: 3})
        transaction.replace_week(AGENCY, "2026-W47", WeekRow(2, b"v" * 32), lanes[:1])
        (again,) = transaction.find_lanes([(AGENCY, "2026-W47", b"1" * 32)])
        assert again.used == 3
        assert transaction.find_lanes([(AGENCY, "2026-W47", b"2" * 32)]) == []
        assert transaction.find_week(AGENCY, "2026-W47") == WeekRow(2, b"v" * 32)
        assert transaction.find_week(AGENCY, "2026-W48") is None


def test_lanes_of_kind_crisis_are_found_by_their_hash_alone(store: Store) -> None:
    week, next_week = "2026-W47", "2026-W48"
    normal, crisis, later = (number * 32 for number in (b"1", b"2", b"3"))
    with store.writing() as transaction:
        of_week = [(normal, "normal"), (crisis, "crisis")]
        transaction.replace_week(AGENCY, week, WeekRow(1, b"w" * 32), of_week)
        transaction.replace_week(OTHER, next_week, WeekRow(1, b"w" * 32), [(later, "crisis")])
    with store.reading() as transaction:
        every = {normal, crisis, later, b"4" * 32}
        assert transaction.find_crisis_lanes(every, {week}) == {crisis: AGENCY}
        found = transaction.find_crisis_lanes(every, {week, next_week})
        assert found == {crisis: AGENCY, later: OTHER}
        assert transaction.find_crisis_lanes([], {week}) == {}


def test_a_device_that_is_gone_takes_everything_with_it(store: Store) -> None:
    arrival = _arrival(1)
    _append(store, arrival)
    successor = DeviceRow(b"D" * 16, AGENCY, b"M" * 16, b"I" * 32, b"L" * 32)
    with store.writing() as transaction:
        transaction.add_epoch_batch(_batch(1), dropping=())
        assert transaction.replace_manifest(_manifest(2), [successor]) == [MAILBOX]
    with store.reading() as transaction:
        assert transaction.find_devices([DEVICE.device, successor.device]) == {
            successor.device: successor
        }
        assert set(transaction.find_mailboxes([MAILBOX, b"M" * 16])) == {b"M" * 16}
        assert transaction.find_epoch_batches(DEVICE.device) == []
        assert not transaction.find_seen([(MAILBOX, arrival.record.header.envelope_id.value)])
    assert _seqs(store) == []


def test_a_mailbox_that_another_device_takes_over_starts_empty(store: Store) -> None:
    _append(store, _arrival(1))
    successor = DeviceRow(b"D" * 16, AGENCY, MAILBOX, b"I" * 32, b"L" * 32)
    with store.writing() as transaction:
        transaction.keep_witness(MAILBOX, b"w" * 16, changed=False)
        assert transaction.replace_manifest(_manifest(2), [successor]) == [MAILBOX]
        row = transaction.find_mailboxes([MAILBOX])[MAILBOX]
    assert (row.latest, row.waiting, row.witness) == (0, 0, None)
    assert _seqs(store) == []


@pytest.mark.parametrize("key", ["identity_key", "listen_key"])
def test_a_device_with_another_key_keeps_its_mailbox_but_no_old_batch(
    store: Store, key: str
) -> None:
    _append(store, _arrival(1))
    changed = dataclasses.replace(DEVICE, **{key: b"n" * 32})
    with store.writing() as transaction:
        transaction.add_epoch_batch(_batch(1), dropping=())
        assert transaction.replace_manifest(_manifest(2), [changed]) == [MAILBOX]
        batches = transaction.find_epoch_batches(DEVICE.device)
    assert (batches == []) == (key == "identity_key")
    assert _seqs(store) == [1]


def test_two_devices_that_change_places_both_start_empty(store: Store) -> None:
    _append(store, _arrival(1))
    other = DeviceRow(b"D" * 16, AGENCY, b"M" * 16, b"I" * 32, b"L" * 32)
    swapped = [
        dataclasses.replace(DEVICE, mailbox=other.mailbox),
        dataclasses.replace(other, mailbox=MAILBOX),
    ]
    with store.writing() as transaction:
        assert transaction.replace_manifest(_manifest(2), [other, DEVICE]) == []
        assert transaction.replace_manifest(_manifest(3), swapped) == [other.mailbox, MAILBOX]
        assert len(transaction.find_mailboxes([MAILBOX, other.mailbox])) == 2
    assert _seqs(store) == []


def test_a_mailbox_that_stays_keeps_its_numbers_and_witness(store: Store) -> None:
    _append(store, _arrival(1))
    with store.writing() as transaction:
        transaction.keep_witness(MAILBOX, b"w" * 16, changed=True)
        assert transaction.replace_manifest(_manifest(2), [DEVICE]) == []
        row = transaction.find_mailboxes([MAILBOX])[MAILBOX]
    assert (row.latest, row.waiting) == (1, 1)
    assert (row.witness, row.witness_changed) == (b"w" * 16, True)


def test_the_feed_is_in_order_of_change_and_never_reuses_a_number(store: Store) -> None:
    with store.writing() as transaction:
        transaction.add_epoch_batch(_batch(1), dropping=())
        transaction.replace_manifest(_manifest(1, OTHER, "RIVER"), [])
        transaction.replace_manifest(_manifest(2), [])
        kinds = [
            (row.change, row.kind, row.agency)
            for row in transaction.feed_after(0, 10, soft_bytes=MIB)
        ]
    # The batch had number 2 and went with its device; nothing takes the number again.
    assert kinds == [(3, "manifest", OTHER), (4, "manifest", AGENCY)]
    with store.reading() as transaction:
        assert [row.change for row in transaction.feed_after(3, 10, soft_bytes=MIB)] == [4]
        assert transaction.is_code_taken("RIVER", by_other_than=AGENCY)
        assert not transaction.is_code_taken("RIVER", by_other_than=OTHER)


def _batch(issued: int, *, over_at: int = MINUTE, payload: bytes = b"{}") -> EpochBatchRow:
    return EpochBatchRow(DEVICE.device, AGENCY, issued, over_at, payload, b"s" * 64)


def test_the_batches_of_a_device_add_up_and_each_has_its_own_number(store: Store) -> None:
    with store.writing() as transaction:
        transaction.add_epoch_batch(_batch(1), dropping=())
        transaction.add_epoch_batch(_batch(2), dropping=())
        transaction.add_epoch_batch(_batch(3), dropping={1})
        issued = [row.issued for row in transaction.find_epoch_batches(DEVICE.device)]
        feed = transaction.feed_after(0, 10, soft_bytes=MIB)
    assert issued == [2, 3]
    assert [row.kind for row in feed[-2:]] == ["epochs", "epochs"]
    assert feed[-2].change < feed[-1].change


def test_a_page_ends_with_the_entry_that_fills_it(store: Store) -> None:
    with store.writing() as transaction:
        for issued in range(1, 5):
            transaction.add_epoch_batch(_batch(issued, payload=b"x" * 10), dropping=())
        (before,) = {row.change for row in transaction.feed_after(0, 1, soft_bytes=1)}
        page = transaction.feed_after(before, 10, soft_bytes=20)
    assert [row.payload for row in page] == [b"x" * 10] * 2


def test_the_sweep_takes_batches_that_are_over_but_never_the_newest(store: Store) -> None:
    with store.writing() as transaction:
        for issued, over_at in ((1, MINUTE), (2, 9 * MINUTE), (3, 0)):
            transaction.add_epoch_batch(_batch(issued, over_at=over_at), dropping=())
        transaction.sweep(now=5 * MINUTE, oldest_week="2026-W01", limit=10)
        first = [row.issued for row in transaction.find_epoch_batches(DEVICE.device)]
        transaction.sweep(now=50 * MINUTE, oldest_week="2026-W01", limit=10)
        second = [row.issued for row in transaction.find_epoch_batches(DEVICE.device)]
    assert (first, second) == ([2, 3], [3])


def test_an_agency_that_is_removed_is_gone_at_once_and_its_names_stay_taken(store: Store) -> None:
    _append(store, _arrival(1))
    with store.writing() as transaction:
        transaction.add_epoch_batch(_batch(1), dropping=())
        code = transaction.find_manifest(AGENCY)
        assert code is not None
        assert transaction.latest_removal() == 0
        assert transaction.remove_agency(AGENCY) == [MAILBOX]
        assert transaction.remove_agency(AGENCY) == []
    with store.reading() as transaction:
        assert transaction.find_manifest(AGENCY) is None
        assert transaction.find_devices([DEVICE.device]) == {}
        assert transaction.find_mailboxes([MAILBOX]) == {}
        assert transaction.find_epoch_batches(DEVICE.device) == []
        assert transaction.find_by_code(code.agency_code) is None
        assert transaction.is_code_taken(code.agency_code, by_other_than=b"x" * 16)
        assert transaction.is_agency_removed(AGENCY)
        assert transaction.find_removed_devices([DEVICE.device]) == {
            DEVICE.device: DEVICE.identity_key
        }
        (entry,) = transaction.feed_after(0, 10, soft_bytes=MIB)
        assert (entry.kind, entry.agency, entry.payload) == ("removed", AGENCY, b"")
        assert transaction.latest_removal() == entry.change
    assert _seqs(store) == []


def _leaf(position: int, agency: bytes = AGENCY, kind: int = 1) -> LeafRow:
    return LeafRow(position, kind, b"n" * 32, agency, bytes([position]) * 32, b"f" * 32)


def test_a_log_that_never_was_has_no_head_and_no_leaves(store: Store) -> None:
    with store.reading() as transaction:
        assert transaction.find_log_head() is None
        assert transaction.leaves_from(0, 9) == []
        assert transaction.find_nodes([(0, 0), (3, 1)]) == {}
        assert transaction.find_nodes([]) == {}
        assert transaction.find_manifest_leaves([AGENCY]) == {}
        assert transaction.find_manifest_leaves([]) == {}


def test_leaves_nodes_and_head_come_back_as_they_were_kept(store: Store) -> None:
    leaves = [_leaf(0), _leaf(1, OTHER), _leaf(2), _leaf(3, OTHER, kind=2)]
    nodes: list[dict[tuple[int, int], bytes]] = [{}, {(1, 0): b"1" * 32}, {}, {(2, 0): b"2" * 32}]
    with store.writing() as transaction:
        for leaf, completed in zip(leaves, nodes, strict=True):
            transaction.append_leaf(leaf, completed)
        for size in (3, 4):
            transaction.replace_log_head(LogHead(size, b"r" * 32, f"note {size}"))
        assert transaction.leaves_from(0, 9) == leaves
    with store.reading() as transaction:
        assert transaction.find_log_head() == LogHead(4, b"r" * 32, "note 4")
        assert transaction.leaves_from(1, 2) == leaves[1:3]
        assert transaction.leaves_from(4, 2) == []
        found = transaction.find_nodes([(0, 2), (0, 9), (1, 0), (2, 0), (2, 1)])
        assert found == {(0, 2): b"f" * 32, (1, 0): b"1" * 32, (2, 0): b"2" * 32}
        newest = transaction.find_manifest_leaves({AGENCY, OTHER, b"x" * 16})
        assert newest == {AGENCY: leaves[2], OTHER: leaves[1]}


def test_a_leaf_of_a_transaction_that_failed_is_gone(store: Store) -> None:
    def fail() -> None:
        with store.writing() as transaction:
            transaction.append_leaf(_leaf(0), {(1, 0): b"1" * 32})
            transaction.replace_log_head(LogHead(1, b"r" * 32, "note"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.reading() as transaction:
        assert transaction.find_log_head() is None
        assert transaction.leaves_from(0, 9) == []
        assert transaction.find_nodes([(0, 0), (1, 0)]) == {}


def test_mixing_changes_nothing_that_is_read(store: Store) -> None:
    _append(store, *(_arrival(seq) for seq in range(1, 9)))
    with store.writing() as transaction:
        transaction.mix(now=None, limit=3)
        transaction.mix(now=None, limit=100)
    assert _seqs(store) == list(range(1, 9))
    with store.writing() as transaction:
        transaction.acknowledge(MAILBOX, through=None, seqs=(2, 5))
    assert _seqs(store) == [1, 3, 4, 6, 7, 8]
