"""What every store of the relay promises: one suite, run on memory and on SQLite."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING

import pytest

from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.instants import MINUTE
from quietway_server.ports import Arrival, DeviceRow, EpochBatchRow, ManifestRow, WeekRow
from quietway_server.store.memory import MemoryStore
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from quietway_server.ports import Store

AGENCY, OTHER = b"a" * 16, b"o" * 16
MAILBOX = b"m" * 16
DEVICE = DeviceRow(b"d" * 16, AGENCY, MAILBOX, b"i" * 32, b"l" * 32)
RANDOM = random.Random(7)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "r.db")
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
        assert transaction.spend_enrolment(b"e" * 32, now=4 * MINUTE)
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


def test_a_device_that_is_gone_takes_everything_with_it(store: Store) -> None:
    arrival = _arrival(1)
    _append(store, arrival)
    successor = DeviceRow(b"D" * 16, AGENCY, b"M" * 16, b"I" * 32, b"L" * 32)
    with store.writing() as transaction:
        transaction.replace_epoch_batch(EpochBatchRow(DEVICE.device, AGENCY, 1, b"{}", b"s" * 64))
        assert transaction.replace_manifest(_manifest(2), [successor]) == [MAILBOX]
    with store.reading() as transaction:
        assert transaction.find_devices([DEVICE.device, successor.device]) == {
            successor.device: successor
        }
        assert set(transaction.find_mailboxes([MAILBOX, b"M" * 16])) == {b"M" * 16}
        assert transaction.find_epoch_batch(DEVICE.device) is None
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
        transaction.replace_epoch_batch(EpochBatchRow(DEVICE.device, AGENCY, 1, b"{}", b"s" * 64))
        assert transaction.replace_manifest(_manifest(2), [changed]) == [MAILBOX]
        batch = transaction.find_epoch_batch(DEVICE.device)
    assert (batch is None) == (key == "identity_key")
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
        transaction.replace_epoch_batch(EpochBatchRow(DEVICE.device, AGENCY, 1, b"{1}", b"s" * 64))
        transaction.replace_manifest(_manifest(1, OTHER, "RIVER"), [])
        transaction.replace_manifest(_manifest(2), [])
        kinds = [(row.change, row.kind, row.agency) for row in transaction.feed_after(0, 10)]
    # The batch had number 2 and went with its device; nothing takes the number again.
    assert kinds == [(3, "manifest", OTHER), (4, "manifest", AGENCY)]
    with store.reading() as transaction:
        assert [row.change for row in transaction.feed_after(3, 10)] == [4]
        assert transaction.is_code_taken("RIVER", by_other_than=AGENCY)
        assert not transaction.is_code_taken("RIVER", by_other_than=OTHER)
