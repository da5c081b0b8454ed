"""Custodians: any m of n bring the seed back, fewer never do, and nothing altered opens."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_crypto.encoding import TAG_CUSTODIAN, hash_tagged
from quietway_crypto.errors import KeyRefusedError, OpenError
from quietway_crypto.recovery import (
    MOST_CUSTODIANS,
    CustodianKey,
    box_bytes,
    derive_custodian_key,
    list_choices,
    open_with_custodians,
    seal_to_custodians,
)
from quietway_crypto.suites.x25519 import SMALL_ORDER

SEED = bytes(range(32))
circles = st.integers(1, MOST_CUSTODIANS).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(1, n), st.integers(0, 2**32))
)


def people(count: int, first: int = 0) -> list[CustodianKey]:
    seeds = [hash_tagged(TAG_CUSTODIAN, b"%d" % (first + number)) for number in range(count)]
    return sorted((derive_custodian_key(seed) for seed in seeds), key=lambda held: held.public)


def publics(keys: list[CustodianKey]) -> list[bytes]:
    return [key.public for key in keys]


@settings(max_examples=25, deadline=None)
@given(circles)
def test_any_m_of_n_open_and_one_fewer_never_do(circle: tuple[int, int, int]) -> None:
    n, m, first = circle
    keys = people(n, first)
    boxes = seal_to_custodians(SEED, publics(keys), m)
    choices = list_choices(n, m)
    assert choices == tuple(combinations(range(n), m))
    assert {len(box) for box in boxes} == {box_bytes(m)}
    for choice, box in zip(choices, boxes, strict=True):
        chosen = [keys[place] for place in choice]
        assert open_with_custodians(box, chosen).reveal() == SEED
        for missing in range(m):
            fewer = chosen[:missing] + chosen[missing + 1 :]
            try:
                found = open_with_custodians(box, fewer).reveal()
            except OpenError:
                continue
            # Who lacks the last layer holds a box, and no seed.
            assert SEED not in found
            assert len(found) != len(SEED)


@settings(deadline=None)
@given(st.integers(0, box_bytes(2) * 8 - 1))
def test_a_box_with_one_bit_altered_does_not_open(bit: int) -> None:
    keys = people(2)
    (box,) = seal_to_custodians(SEED, publics(keys), 2)
    altered = bytearray(box)
    altered[bit // 8] ^= 1 << bit % 8
    with pytest.raises(OpenError):
        open_with_custodians(bytes(altered), keys)


def test_the_same_people_in_another_order_open_nothing() -> None:
    keys = people(3)
    (box,) = seal_to_custodians(SEED, publics(keys), 3)
    with pytest.raises(OpenError):
        open_with_custodians(box, [keys[1], keys[0], keys[2]])


def test_a_custodians_key_is_the_tagged_hash_of_their_seed() -> None:
    key = derive_custodian_key(SEED)
    assert key.private.reveal() == hash_tagged(TAG_CUSTODIAN, SEED)
    assert key.private.reveal().hex() not in repr(key)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 1), (2, 0), (2, 3), (8, 2)])
def test_numbers_that_make_no_sense_are_refused(n: int, m: int) -> None:
    with pytest.raises(KeyRefusedError, match="1 to 7 custodians"):
        seal_to_custodians(SEED, publics(people(n)), m)


def test_custodians_out_of_order_or_twice_are_refused() -> None:
    one, other = publics(people(2))
    for row in ([other, one], [one, one]):
        with pytest.raises(KeyRefusedError, match="each of them once"):
            seal_to_custodians(SEED, row, 2)


@pytest.mark.parametrize("weak", sorted(SMALL_ORDER))
def test_a_key_that_anybody_could_open_is_no_custodian(weak: bytes) -> None:
    with pytest.raises(KeyRefusedError):
        seal_to_custodians(SEED, sorted([weak, *publics(people(1))]), 1)


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(KeyRefusedError):
        seal_to_custodians(bytes(16), publics(people(2)), 2)
