"""What becomes of a ladder, event by event, as its spec's tables say.

That no order of events breaks a rule is shown by tests/faults/test_ladders_explored.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_schemas.instants import DAY, HOUR, MINUTE, SECOND
from quietway_server.core.holds import (
    LIFE_MS,
    MOST_CLAIMS,
    Ages,
    Claimed,
    DeliverClaim,
    DropPlaces,
    Effect,
    Forget,
    Ladder,
    Looked,
    Place,
    Placed,
    Release,
    Removed,
    Tier,
    age_of,
    is_first,
    release_expiry,
    step,
)
from quietway_server.errors import RefusedError

NOW = 1_800_000_000_000


def make_tier(due_ms: int, *devices: str) -> Tier:
    return Tier(due_ms, tuple(Place(name.encode(), b"#" + name.encode()) for name in devices))


PLACED = Placed(
    b"body",
    (make_tier(0, "ann"), make_tier(5 * MINUTE, "ben", "cat"), make_tier(HOUR, "dan")),
    NOW,
)


def place() -> Ladder:
    ladder, _ = step(None, PLACED)
    assert ladder is not None
    return ladder


def claim_by(name: str, *, at: int = 0, words: bytes = b"mine") -> Claimed:
    return Claimed(b"#" + name.encode(), words, NOW + at, at)


def look_at(age: int) -> Looked:
    return Looked(NOW + age, age)


def release(tier: int, *devices: str, wake_in_ms: int = 0) -> Release:
    return Release(tier, frozenset(name.encode() for name in devices), wake_in_ms)


def names(*devices: str) -> frozenset[bytes]:
    return frozenset(name.encode() for name in devices)


def follow(ladder: Ladder, *events: Looked | Claimed | Removed) -> list[Effect]:
    """Step through events; give all effects."""
    came: list[Effect] = []
    state: Ladder | None = ladder
    for event in events:
        state, effects = step(state, event)
        came += effects
    return came


@pytest.mark.requirement("C44")
def test_steps_are_called_in_their_order_and_each_in_its_time() -> None:
    """C44: a notification sequence in order and timeframe; the relay sees opaque steps only."""
    _, at_once = step(None, PLACED)
    assert at_once == (release(0, "ann"),)
    later = follow(place(), *(look_at(minute * MINUTE - SECOND) for minute in range(1, 62)))
    assert later == [release(1, "ben", "cat"), release(2, "dan")]


@pytest.mark.requirement("C44")
def test_an_answer_ends_the_sequence_and_whoever_was_to_come_is_told_quietly() -> None:
    """C44: steps time out unless somebody acknowledges; then nobody further is called."""
    claimed = follow(place(), claim_by("ann", at=MINUTE))
    everybody = names("ann", "ben", "cat", "dan")
    assert claimed == [
        DeliverClaim(b"mine", everybody),
        release(1, "ben", "cat", wake_in_ms=4 * MINUTE),
        release(2, "dan", wake_in_ms=59 * MINUTE),
    ]
    assert follow(place(), claim_by("ann"), look_at(HOUR), look_at(2 * HOUR))[3:] == []


def test_after_downtime_everything_overdue_goes_at_once_lowest_first() -> None:
    assert follow(place(), Looked(NOW + 3 * HOUR)) == [release(1, "ben", "cat"), release(2, "dan")]


def test_a_tier_that_is_overdue_when_a_claim_comes_is_woken_at_once() -> None:
    claimed = follow(place(), claim_by("ann", at=6 * MINUTE))
    assert claimed[1] == release(1, "ben", "cat")


def test_the_same_ladder_again_is_recognised_and_another_is_a_conflict() -> None:
    ladder = place()
    assert step(ladder, PLACED) == (ladder, ())
    with pytest.raises(RefusedError, match="conflict"):
        step(ladder, replace(PLACED, key=b"other"))


def test_a_later_claim_delivers_itself_and_nothing_else_and_a_repeated_one_nothing() -> None:
    first, second = claim_by("ann"), claim_by("dan", words=b"me too")
    came = follow(place(), first, second, second, first)
    assert came[3:] == [DeliverClaim(b"me too", names("ann", "ben", "cat", "dan"))]


def test_who_was_first_stays_known() -> None:
    state, _ = step(place(), claim_by("ann"))
    state, _ = step(state, claim_by("dan", words=b"me too"))
    assert state is not None
    assert (is_first(state, b"mine"), is_first(state, b"me too")) == (True, False)
    assert not is_first(place(), b"mine")


@pytest.mark.parametrize("state", [None, place()], ids=["no ladder", "wrong secret"])
def test_what_is_unknown_and_what_is_wrong_look_alike(state: Ladder | None) -> None:
    with pytest.raises(RefusedError, match="not_found"):
        step(state, claim_by("eve"))


def test_a_removed_device_can_not_claim_and_is_not_reached() -> None:
    state, effects = step(place(), Removed(names("ben", "eve")))
    assert effects == (DropPlaces(names("ben")),)
    with pytest.raises(RefusedError, match="not_found"):
        step(state, claim_by("ben"))
    assert state is not None
    assert follow(state, look_at(HOUR)) == [release(1, "cat"), release(2, "dan")]
    assert step(state, Removed(names("ben", "eve"))) == (state, ())


@pytest.mark.parametrize(
    ("removed", "called"),
    [
        (("ann",), [release(1, "ben", "cat")]),
        (("ben", "cat"), [release(2, "dan")]),
        (("dan",), []),
        (("ann", "ben", "cat"), [release(2, "dan")]),
        (("ann", "ben", "cat", "dan"), []),
    ],
)
def test_where_a_removal_empties_a_tier_the_next_is_due_now(
    removed: tuple[str, ...], called: list[Release]
) -> None:
    assert follow(place(), Removed(names(*removed))) == [DropPlaces(names(*removed)), *called]


def test_a_claim_goes_through_8_times_a_secret_and_others_are_not_kept_out_by_it() -> None:
    state: Ladder | None = place()
    for n in range(MOST_CLAIMS):
        state, _ = step(state, claim_by("ann", words=bytes([n])))
    with pytest.raises(RefusedError, match="over_quota"):
        step(state, claim_by("ann", words=b"once more"))
    assert step(state, claim_by("ann", words=bytes([3]))) == (state, ())
    assert step(state, claim_by("dan"))[1] == (
        DeliverClaim(b"mine", names("ann", "ben", "cat", "dan")),
    )


def test_a_ladder_is_forgotten_when_its_life_is_over_and_releases_what_it_held_before() -> None:
    assert step(place(), Looked(NOW + LIFE_MS)) == (
        None,
        (release(1, "ben", "cat"), release(2, "dan"), Forget()),
    )
    assert step(None, Looked(NOW + LIFE_MS)) == (None, ())
    assert step(None, Removed(names("ann"))) == (None, ())


def test_what_is_released_waits_until_96_hours_from_the_acceptance_and_an_hour_at_least() -> None:
    assert release_expiry(place(), now=NOW + HOUR) == NOW + 96 * HOUR
    assert release_expiry(place(), now=NOW + 96 * HOUR + 1) == NOW + 97 * HOUR + MINUTE


def test_where_nothing_changes_the_state_is_the_same_object() -> None:
    ladder = place()
    assert step(ladder, Looked(NOW + 59 * SECOND, 59 * SECOND))[0] is ladder
    noted, effects = step(ladder, Looked(NOW + 61 * SECOND, 61 * SECOND))
    assert effects == ()
    assert noted == replace(ladder, age_ms=61 * SECOND)


@given(st.lists(st.integers(-10 * 365 * DAY, 10 * 365 * DAY), max_size=8))
@settings(max_examples=60, deadline=None)
def test_no_course_of_the_wall_clock_moves_the_count(walls: list[int]) -> None:
    ladder, ages = place(), Ages()
    for second, wall in enumerate(walls):
        elapsed = ages.elapsed(b"hold", ladder, steady_ms=7 * DAY + second * SECOND)
        assert elapsed == second * SECOND
        age = age_of(ladder, now=NOW + wall, elapsed_ms=elapsed)
        assert age == max(wall, elapsed)


def test_a_process_goes_on_from_the_count_that_is_kept_and_forgets_what_it_is_told_to() -> None:
    ladder, ages = replace(place(), age_ms=MINUTE), Ages()
    assert ages.elapsed(b"hold", ladder, steady_ms=5) == MINUTE
    assert ages.elapsed(b"hold", ladder, steady_ms=SECOND + 5) == MINUTE + SECOND
    further = replace(ladder, age_ms=HOUR)
    assert ages.elapsed(b"hold", further, steady_ms=SECOND + 5) == HOUR
    ages.keep_only([b"other"])
    assert ages.elapsed(b"hold", ladder, steady_ms=DAY) == MINUTE
