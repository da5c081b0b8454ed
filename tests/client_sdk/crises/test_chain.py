"""Who takes part is what the owner's chain of statements says, in whatever order it came."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.crises.chains import (
    COLLEAGUE,
    MEMBER,
    NOW,
    OTHER,
    OWNER,
    STRANGER,
    THIRD,
    find,
    state,
)
from tests.controls import without

from quietway.crisis.chain import GRACE_MS, Statement

if TYPE_CHECKING:
    from random import Random

    from quietway_schemas.ids import DeviceId


def test_nobody_takes_part_before_the_first_statement() -> None:
    found = find([])
    assert (found.last, dict(found.seats), found.owner) == (None, {}, None)


def test_each_statement_says_all_of_who_takes_part() -> None:
    first = state(OWNER, MEMBER)
    second = state(OWNER, MEMBER, OTHER, after=first)
    third = state(OWNER, MEMBER, after=second)
    for order in permutations((first, second, third)):
        found = find(order)
        assert set(found.seats) == {OWNER, MEMBER}
        assert [held.content.epoch for held in found.statements] == [0, 1, 2]
        assert set(found.put_out) == {OTHER}
    assert set(find([first, second]).seats) == {OWNER, MEMBER, OTHER}


@pytest.mark.requirement("C49")
@pytest.mark.parametrize("by", [MEMBER, STRANGER, COLLEAGUE])
def test_a_statement_of_whoever_is_not_the_owner_brings_nobody_in(by: DeviceId) -> None:
    """C49: who takes part is a chain of one device; no member, colleague or stranger adds to it."""
    first = state(OWNER, MEMBER)
    forged = state(OWNER, MEMBER, STRANGER, after=first, by=by, owner=OWNER)
    found = find([first, forged])
    assert set(found.seats) == {OWNER, MEMBER}
    assert found.refused == 1


def test_without_asking_who_signed_it_a_stranger_would_be_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: were the signer not compared with the owner, the forged one would count."""
    first = state(OWNER, MEMBER)
    forged = state(OWNER, MEMBER, STRANGER, after=first, by=MEMBER)
    without(
        monkeypatch,
        "quietway.crisis.chain:_Walk._is_later",
        lambda self, held, current: (
            held.content.epoch > current.content.epoch and held.name not in self._used
        ),
    )
    assert STRANGER in find([first, forged]).seats


def test_a_statement_that_was_shown_before_changes_nothing() -> None:
    first = state(OWNER, MEMBER, STRANGER)
    second = state(OWNER, MEMBER, after=first)
    replayed = Statement(first.content, first.agency, first.device, NOW + 99)
    assert set(find([first, second, replayed]).seats) == {OWNER, MEMBER}


def test_where_the_owner_told_two_stories_those_take_part_who_stand_in_both() -> None:
    first = state(OWNER, MEMBER)
    one = state(OWNER, MEMBER, OTHER, after=first)
    other = state(OWNER, MEMBER, STRANGER, after=first)
    after = state(OWNER, MEMBER, OTHER, after=one)
    for order in permutations((first, one, other, after)):
        found = find(order)
        assert set(found.seats) == {OWNER, MEMBER}
        assert found.forked


def test_without_looking_for_two_stories_one_of_them_would_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: were a fork not looked for, who stands in one story alone would be in."""
    first = state(OWNER, MEMBER)
    one = state(OWNER, MEMBER, OTHER, after=first)
    other = state(OWNER, MEMBER, STRANGER, after=first)
    without(monkeypatch, "quietway.crisis.chain:_Walk._take_next", _take_whatever_joins_on)
    assert OTHER in find([first, one, other]).seats


def _take_whatever_joins_on(walk: Any) -> bool:
    current = walk._chain[-1]
    found = [held for held in walk._said if walk._is_later(held, current)]
    if found:
        walk._go_by(min(found, key=lambda held: (held.content.epoch, OTHER not in held.seats)))
    return bool(found)


def test_a_missing_statement_is_shown_and_keeps_nobody_out_of_the_last_one() -> None:
    first = state(OWNER, MEMBER, OTHER)
    second = state(OWNER, MEMBER, after=first)
    third = state(OWNER, MEMBER, THIRD, after=second)
    found = find([first, third])
    assert set(found.seats) == {OWNER, MEMBER, THIRD}
    assert found.behind
    assert not find([first, second, third]).behind


def test_a_joiner_begins_with_the_first_statement_that_names_it() -> None:
    first = state(OWNER, OTHER)
    second = state(OWNER, OTHER, MEMBER, after=first)
    assert set(find([second]).seats) == {OWNER, OTHER, MEMBER}
    assert set(find([first]).seats) == {OWNER, OTHER}
    # One of an agency that there is no reason to believe begins nothing.
    lie = state(STRANGER, MEMBER, by=STRANGER)
    assert not find([lie]).seats


@pytest.mark.requirement("C49")
def test_another_device_of_the_lead_agency_goes_on_where_the_owners_is_gone() -> None:
    """C49: the membership goes on: a successor names the last statement, and counts everywhere."""
    first = state(OWNER, COLLEAGUE, MEMBER)
    successor = state(COLLEAGUE, MEMBER, by=COLLEAGUE, follows=first)
    for order in permutations((first, successor)):
        found = find(order)
        assert set(found.seats) == {COLLEAGUE, MEMBER}
        assert found.owner is not None
        assert found.owner.device == COLLEAGUE
    # Neither another agency's member, nor a colleague who takes no part, can do that.
    assert OWNER in find([first, state(MEMBER, by=MEMBER, follows=first)]).seats
    assert OWNER in find([first, state(THIRD, MEMBER, by=THIRD, follows=first)]).seats


def test_of_two_successors_the_same_one_counts_on_every_device() -> None:
    first = state(OWNER, COLLEAGUE, THIRD, MEMBER)
    second = state(OWNER, COLLEAGUE, THIRD, MEMBER, OTHER, after=first)
    early = state(COLLEAGUE, MEMBER, by=COLLEAGUE, follows=second, at=5)
    late = state(THIRD, MEMBER, by=THIRD, follows=second, at=6)
    former = state(THIRD, MEMBER, by=THIRD, follows=first, at=1)
    on = state(THIRD, MEMBER, OTHER, after=late, by=THIRD)
    for order in permutations((first, second, early, late, former, on)):
        found = find(order)
        assert found.owner is not None
        assert found.owner.device == COLLEAGUE
        assert set(found.seats) == {COLLEAGUE, MEMBER}


def test_whom_the_old_owner_put_out_meanwhile_stays_out() -> None:
    first = state(OWNER, COLLEAGUE, MEMBER, STRANGER)
    removed = state(OWNER, COLLEAGUE, MEMBER, after=first)
    successor = state(COLLEAGUE, MEMBER, STRANGER, by=COLLEAGUE, follows=first)
    assert STRANGER not in find([first, removed, successor]).seats
    # The new owner lets them go, and may name them again.
    without_them = state(COLLEAGUE, MEMBER, after=successor, by=COLLEAGUE)
    again = state(COLLEAGUE, MEMBER, STRANGER, after=without_them, by=COLLEAGUE)
    assert STRANGER in find([first, removed, successor, without_them, again]).seats


def test_what_was_said_before_somebody_was_put_out_counts_if_it_came_in_time() -> None:
    first = state(OWNER, MEMBER, OTHER)
    second = state(OWNER, MEMBER, after=first, at=60_000, came_at=70_000)
    found = find([first, second])
    put_out, heard = NOW + 60_000, NOW + 70_000
    assert found.may_have_said(OTHER, put_out, heard + GRACE_MS) is True
    assert found.may_have_said(OTHER, put_out + 1, heard) is False
    assert found.may_have_said(OTHER, put_out, heard + GRACE_MS + 1) is False
    assert found.may_have_said(STRANGER, put_out, heard) is None


@given(st.randoms(use_true_random=False), st.integers(2, 7))
@settings(max_examples=60, deadline=None)
def test_whatever_order_statements_come_in_the_same_take_part(random: Random, count: int) -> None:
    pool = [OWNER, COLLEAGUE, MEMBER, OTHER]
    said, last = [state(*pool)], None
    for _ in range(count):
        last = said[-1]
        some = random.sample([COLLEAGUE, MEMBER, OTHER], k=random.randint(1, 3))
        said.append(state(OWNER, *some, after=last))
    said.append(state(COLLEAGUE, MEMBER, by=COLLEAGUE, follows=said[0]))
    said.append(state(OWNER, STRANGER, after=said[0], by=STRANGER))
    expected = find(said)
    random.shuffle(said)
    assert find(said) == expected
    assert STRANGER not in expected.seats
