"""What every store promises of wake-ups: one suite, run on each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.contracts import test_relay_store as contract

from quietway_schemas.instants import SECOND
from quietway_server.core.waking import NO_MAILBOX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_server.ports import Store
    from quietway_server.rows import DeviceRow, DueWake

store = contract.store
MAILBOX, SEALED = contract.MAILBOX, b"e" * 2_600
NOW = 1_800_000_000_000
LEASE = 30 * SECOND


def leave_endpoints(store: Store, sealed: bytes | None = SEALED) -> None:
    with store.writing() as transaction:
        transaction.replace_endpoints(MAILBOX, sealed)


def let_wait(store: Store, seq: int = 1) -> None:
    contract._append(store, contract._arrival(seq, expires=NOW * 2))


def queue(store: Store, due: int, *mailboxes: bytes) -> None:
    with store.writing() as transaction:
        transaction.queue_wakes(mailboxes or [MAILBOX], due=due)


def claim(store: Store, now: int = NOW, limit: int = 10) -> list[DueWake]:
    with store.writing() as transaction:
        return transaction.claim_wakes(now=now, until=now + LEASE, limit=limit)


def settle(store: Store, wake: DueWake, due: int | None) -> None:
    with store.writing() as transaction:
        transaction.settle_wake(wake, due=due)


def count(store: Store, now: int = NOW) -> int:
    with store.reading() as transaction:
        return transaction.count_due_wakes(now=now)


def put_manifest(store: Store, certified: Sequence[DeviceRow]) -> None:
    with store.writing() as transaction:
        transaction.replace_manifest(contract._manifest(2), certified)


def test_endpoints_take_the_place_of_those_before_and_an_end_takes_the_wake_up_along(
    store: Store,
) -> None:
    leave_endpoints(store, b"f" * 2_600)
    leave_endpoints(store)
    with store.reading() as transaction:
        assert transaction.find_wakeable([MAILBOX, b"?" * 16]) == {MAILBOX}
        assert transaction.find_any_endpoints() == (MAILBOX, SEALED)
    queue(store, NOW)
    assert count(store) == 1
    leave_endpoints(store, None)
    with store.reading() as transaction:
        assert transaction.find_wakeable([MAILBOX]) == set()
        assert transaction.find_any_endpoints() is None
    assert count(store) == 0


def test_a_mailbox_without_endpoints_has_no_wake_up(store: Store) -> None:
    queue(store, NOW, MAILBOX, b"?" * 16)
    assert count(store) == 0


def test_there_is_one_wake_up_a_mailbox_and_the_earlier_time_counts(store: Store) -> None:
    leave_endpoints(store)
    let_wait(store)
    for due in (NOW + 60 * SECOND, NOW + 1, NOW + 90 * SECOND):
        queue(store, due)
    # Rounded up to the second: never before its time.
    assert (count(store), count(store, NOW + SECOND - 1), count(store, NOW + SECOND)) == (0, 0, 1)
    assert claim(store) == []
    assert len(claim(store, NOW + SECOND)) == 1


def test_what_is_claimed_is_nobody_elses_until_the_claim_is_over(store: Store) -> None:
    leave_endpoints(store)
    let_wait(store)
    queue(store, NOW)
    (wake,) = claim(store)
    assert (wake.mailbox, wake.attempt, wake.taken, wake.sealed) == (MAILBOX, 0, False, SEALED)
    assert len(wake.wake_id) == 16
    assert claim(store, NOW + LEASE - 1) == []
    (again,) = claim(store, NOW + LEASE)
    assert again.wake_id == wake.wake_id
    # Whoever claimed it first comes late, and changes nothing.
    settle(store, wake, None)
    settle(store, replace(wake, attempt=7), NOW)
    assert claim(store, NOW + 2 * LEASE) == [replace(again, until=NOW + 3 * LEASE)]


def test_a_wake_up_is_dropped_where_nothing_waits(store: Store) -> None:
    leave_endpoints(store)
    let_wait(store)
    queue(store, NOW)
    with store.writing() as transaction:
        transaction.acknowledge(MAILBOX, through=1, seqs=())
    assert claim(store) == []
    assert count(store, NOW * 2) == 0


def test_a_wake_up_that_was_tried_comes_again_with_what_is_known_of_it(store: Store) -> None:
    leave_endpoints(store)
    let_wait(store)
    queue(store, NOW)
    (wake,) = claim(store)
    settle(store, replace(wake, attempt=1, taken=True), NOW + 45 * SECOND)
    assert claim(store, NOW + 44 * SECOND) == []
    (again,) = claim(store, NOW + 45 * SECOND)
    assert (again.wake_id, again.attempt, again.taken) == (wake.wake_id, 1, True)
    settle(store, again, None)
    assert count(store, NOW * 2) == 0


def test_what_becomes_due_while_it_is_sent_stays_due(store: Store) -> None:
    leave_endpoints(store)
    let_wait(store)
    queue(store, NOW)
    (wake,) = claim(store)
    queue(store, NOW + SECOND)
    settle(store, replace(wake, attempt=1), NOW + 45 * SECOND)
    (again,) = claim(store, NOW + SECOND)
    assert (again.wake_id, again.attempt) == (wake.wake_id, 1)
    queue(store, NOW + 2 * SECOND)
    settle(store, again, None)
    (anew,) = claim(store, NOW + 2 * SECOND)
    assert (anew.attempt, anew.taken) == (0, False)
    # To a provider that knows the first by its key, this is another one.
    assert anew.wake_id != wake.wake_id


def test_at_most_so_many_are_claimed_the_longest_due_first(store: Store) -> None:
    second = replace(contract.DEVICE, device=b"e" * 16, mailbox=b"n" * 16)
    put_manifest(store, [contract.DEVICE, second])
    leave_endpoints(store)
    let_wait(store)
    with store.writing() as transaction:
        transaction.replace_endpoints(second.mailbox, SEALED)
    queue(store, NOW - SECOND)
    queue(store, NOW, second.mailbox)
    assert [wake.mailbox for wake in claim(store, limit=1)] == [MAILBOX]
    # The other one's mailbox is empty.
    assert claim(store) == []
    assert count(store) == 0


def test_endpoints_and_wake_up_go_with_the_device(store: Store) -> None:
    leave_endpoints(store)
    queue(store, NOW)
    put_manifest(store, [contract.DEVICE])
    assert count(store) == 1
    put_manifest(store, [replace(contract.DEVICE, device=b"e" * 16)])
    with store.reading() as transaction:
        assert transaction.find_any_endpoints() is None
    assert count(store) == 0


def test_endpoints_go_with_the_identity_key_that_chose_them(store: Store) -> None:
    leave_endpoints(store)
    queue(store, NOW)
    put_manifest(store, [replace(contract.DEVICE, listen_key=b"?" * 32)])
    assert count(store) == 1
    put_manifest(store, [replace(contract.DEVICE, identity_key=b"?" * 32)])
    with store.reading() as transaction:
        assert transaction.find_wakeable([MAILBOX]) == set()
    assert count(store) == 0


def test_endpoints_go_with_the_agency(store: Store) -> None:
    leave_endpoints(store)
    queue(store, NOW)
    with store.writing() as transaction:
        transaction.remove_agency(contract.AGENCY)
        assert transaction.find_any_endpoints() is None
        assert transaction.count_due_wakes(now=NOW) == 0


def test_all_endpoints_can_be_forgotten(store: Store) -> None:
    leave_endpoints(store)
    queue(store, NOW)
    with store.writing() as transaction:
        # What only tells the key is nobody's, and goes along.
        transaction.replace_endpoints(NO_MAILBOX, SEALED)
        assert transaction.forget_endpoints() == 1
        assert transaction.find_any_endpoints() is None
        assert transaction.forget_endpoints() == 0
    assert count(store) == 0


def test_where_nothing_waited_any_more_another_wake_up_begins(store: Store) -> None:
    leave_endpoints(store)
    let_wait(store)
    queue(store, NOW)
    (wake,) = claim(store)
    settle(store, replace(wake, attempt=1, taken=True), NOW + 45 * SECOND)
    with store.writing() as transaction:
        transaction.acknowledge(MAILBOX, through=1, seqs=())
    let_wait(store, 2)
    with store.writing() as transaction:
        transaction.queue_wakes([MAILBOX], due=NOW + SECOND, emptied=[MAILBOX])
    (anew,) = claim(store, NOW + SECOND)
    assert (anew.attempt, anew.taken) == (0, False)
    assert anew.wake_id != wake.wake_id
    settle(store, wake, None)
    assert count(store, NOW + SECOND + LEASE) == 1


def test_a_time_that_only_a_clock_ahead_could_have_written_is_due(store: Store) -> None:
    leave_endpoints(store)
    let_wait(store)
    queue(store, NOW + 4 * 3_600 * SECOND)
    assert count(store) == 0
    assert count(store, NOW - 365 * 86_400 * SECOND) == 1
    assert len(claim(store, NOW - 365 * 86_400 * SECOND)) == 1
