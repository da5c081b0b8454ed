"""By which time one may erase: every combination of clocks that may be wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietway.erasing import (
    MOST_SKEW_MS,
    Anchor,
    Believed,
    Doubt,
    Doubted,
    Reading,
    Verdict,
    Watch,
    judge,
)
from quietway.testing.clock import START
from quietway_schemas.instants import DAY, HOUR, MINUTE, SECOND

RUNNING = Watch(START, Anchor(START, START, 0))
JUST_STARTED = Watch(START)
SKEWS = st.integers(min_value=-60 * DAY, max_value=60 * DAY)


def say(watch: Watch, machine: int, *, steady: int = 0, relay: int | None = None) -> Verdict:
    return judge(watch, Reading(machine, steady, relay))[1]


def why(verdict: Verdict) -> Doubt | None:
    return verdict.why if isinstance(verdict, Doubted) else None


@pytest.mark.parametrize("off", [0, 30 * SECOND, -30 * SECOND])
def test_a_relay_that_agrees_to_a_minute_leaves_the_machines_time(off: int) -> None:
    assert say(Watch(), START, relay=START - off) == Believed(START)


@pytest.mark.parametrize("off", [2 * MINUTE, MOST_SKEW_MS, -MOST_SKEW_MS])
def test_within_two_hours_the_relays_time_counts(off: int) -> None:
    assert say(Watch(), START, relay=START - off) == Believed(START - off)


@pytest.mark.parametrize("off", [MOST_SKEW_MS + 1, -MOST_SKEW_MS - 1, 40 * DAY, -40 * DAY])
@pytest.mark.parametrize("watch", [Watch(), JUST_STARTED, RUNNING])
def test_beyond_two_hours_nothing_is_erased(watch: Watch, off: int) -> None:
    after, verdict = judge(watch, Reading(START, 0, START - off))
    assert verdict == Doubted(Doubt.DIFFERS, off)
    assert after == watch


def test_a_relays_answer_sets_a_mark_back_that_had_run_ahead() -> None:
    ahead = Watch(START + 40 * DAY)
    after, verdict = judge(ahead, Reading(START, 0, START))
    assert verdict == Believed(START)
    assert after.high_water == START


@pytest.mark.parametrize("gone", [HOUR, DAY, 60 * DAY])
@pytest.mark.parametrize("off", [0, MOST_SKEW_MS, -MOST_SKEW_MS])
def test_in_one_process_a_clock_that_goes_on_as_time_does_is_believed(gone: int, off: int) -> None:
    verdict = say(RUNNING, START + gone + off, steady=gone)
    # An hour on and two back is behind the mark by one.
    assert verdict == Believed(START + gone + off)


@pytest.mark.parametrize("off", [MOST_SKEW_MS + 1, -MOST_SKEW_MS - 1, 40 * DAY, -40 * DAY])
def test_in_one_process_a_clock_that_was_set_is_not_believed(off: int) -> None:
    assert say(RUNNING, START + DAY + off, steady=DAY) == Doubted(Doubt.JUMPED, off)


def test_in_one_process_a_clock_that_stands_still_is_not_believed() -> None:
    assert why(say(RUNNING, START, steady=3 * HOUR)) is Doubt.JUMPED


def test_many_small_steps_are_not_believed_where_one_of_their_size_would_be() -> None:
    watch, steady, verdicts = RUNNING, 0, []
    for step in range(1, 6):
        steady += HOUR
        watch, verdict = judge(watch, Reading(START + steady + step * HOUR, steady))
        verdicts.append(why(verdict))
    assert verdicts == [None, None, Doubt.JUMPED, Doubt.JUMPED, Doubt.JUMPED]


@pytest.mark.parametrize("gone", [0, HOUR, MOST_SKEW_MS, -MOST_SKEW_MS])
def test_across_a_restart_two_hours_are_believed(gone: int) -> None:
    assert say(JUST_STARTED, START + gone) == Believed(START + gone)


@pytest.mark.parametrize(
    ("gone", "doubt"),
    [
        (MOST_SKEW_MS + 1, Doubt.UNCONFIRMED),
        (20 * DAY, Doubt.UNCONFIRMED),
        (-MOST_SKEW_MS - 1, Doubt.BEHIND),
        (-40 * DAY, Doubt.BEHIND),
    ],
)
def test_across_a_restart_more_waits_for_a_relay(gone: int, doubt: Doubt) -> None:
    watch, verdict = judge(JUST_STARTED, Reading(START + gone, 0))
    assert verdict == Doubted(doubt, gone)
    # It stays so, however continuously the clock goes on from there ...
    assert why(say(watch, START + gone + DAY, steady=DAY)) is not None or gone < 0
    # ... until a relay has answered.
    watch, verdict = judge(watch, Reading(START + gone, 0, START + gone))
    assert verdict == Believed(START + gone)
    assert why(say(watch, START + gone + DAY, steady=DAY)) is None


def test_where_no_time_was_ever_believed_a_relay_is_waited_for() -> None:
    assert say(Watch(), START) == Doubted(Doubt.UNCONFIRMED, 0)


@given(off=SKEWS, gone=st.integers(min_value=0, max_value=400 * DAY), running=st.booleans())
def test_without_a_relay_no_time_is_believed_that_is_more_than_two_hours_wrong(
    *, off: int, gone: int, running: bool
) -> None:
    verdict = say(RUNNING if running else JUST_STARTED, START + gone + off, steady=gone)
    if isinstance(verdict, Believed) and running:
        assert abs(verdict.at - (START + gone)) <= MOST_SKEW_MS
    elif isinstance(verdict, Believed):
        assert abs(verdict.at - START) <= MOST_SKEW_MS


@given(st.lists(st.tuples(SKEWS, st.integers(0, 3 * DAY)), max_size=20))
def test_without_a_relay_the_mark_only_grows(steps: list[tuple[int, int]]) -> None:
    watch, steady = RUNNING, 0
    for off, gone in steps:
        steady += gone
        after, _ = judge(watch, Reading(START + steady + off, steady))
        assert after.high_water is not None
        assert watch.high_water is not None
        assert after.high_water >= watch.high_water
        watch = replace(after, anchor=after.anchor)
