"""Waking: when it is due, what is tried next, and that nothing but an end of waiting ends it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.controls import without
from tests.relay_process import wait_until
from tests.server.providers import FAILS, HANGS, MailProvider, Provider
from tests.server.woken import CRISIS, NORMAL, START, Woken

from quietway_crypto.secret import Secret
from quietway_schemas.instants import HOUR, MINUTE, SECOND
from quietway_server.core.waking import (
    CHANCES,
    LONGEST_MS,
    NEXT_MS,
    ROUND_MS,
    TAKEN_MS,
    attempt_key,
    plan_next,
    wake_due,
)
from quietway_server.errors import RefusedError
from quietway_server.log import recent_events
from quietway_server.store.memory_wakes import MemoryWakes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator


@pytest.fixture
def first() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def second() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
async def make_woken() -> AsyncIterator[Callable[..., Woken]]:
    """Make relays that end with the test."""
    made: list[Woken] = []

    def make(*arguments: object, **options: object) -> Woken:
        made.append(Woken(*arguments, **options))  # type: ignore[arg-type]  # each test its own
        return made[-1]

    yield make
    for woken in made:
        woken.close()


@given(chance=st.integers(0, CHANCES - 1), is_full=st.booleans())
def test_a_routine_wake_up_waits_for_a_random_time_and_a_crisis_for_none(
    chance: int, *, is_full: bool
) -> None:
    waiting, widest = (3, HOUR) if is_full else (0, 5 * MINUTE)
    due = wake_due(is_crisis=False, waiting=waiting, now=START, chance=chance)
    assert START <= due < START + widest
    assert wake_due(is_crisis=True, waiting=waiting, now=START, chance=chance) == START


def test_what_follows_an_attempt() -> None:
    def follow(attempt: int, endpoints: int, *, took: bool = False, taken: bool = False) -> object:
        after = plan_next(attempt, endpoints, took=took, taken=taken, now=0)
        return after.attempt, after.taken, after.due

    # Within a round: the next endpoint, soon after a failure, later after one that took it.
    assert follow(0, 2) == (1, False, NEXT_MS)
    assert follow(0, 2, took=True) == (1, True, TAKEN_MS)
    # The last of a round: over where any took it, else again from the first.
    assert follow(1, 2, taken=True) == (2, True, None)
    assert follow(1, 2, took=True) == (2, True, None)
    assert follow(0, 1, took=True) == (1, True, None)
    rounds = [follow(attempt, 1) for attempt in (0, 1, 2, 6, 500)]
    waits = [ROUND_MS, 2 * ROUND_MS, 4 * ROUND_MS, LONGEST_MS, LONGEST_MS]
    assert rounds == [
        (tried, False, due) for tried, due in zip((1, 2, 3, 7, 501), waits, strict=True)
    ]


@given(
    attempt=st.integers(0, 10_000),
    endpoints=st.integers(1, 4),
    took=st.booleans(),
    taken=st.booleans(),
)
def test_no_wake_up_ends_that_nobody_took_and_the_next_endpoint_is_tried_within_a_minute(
    attempt: int, endpoints: int, *, took: bool, taken: bool
) -> None:
    after = plan_next(attempt, endpoints, took=took, taken=taken, now=0)
    if after.due is None:
        assert took or taken
    else:
        assert 0 < after.due <= LONGEST_MS
    if (attempt + 1) % endpoints:
        # The claim, the attempt itself and the waker's turn come on top.
        assert after.due is not None
        assert after.due + 12 * SECOND <= MINUTE


def test_a_key_is_the_same_for_one_wake_up_and_place_and_for_nothing_else() -> None:
    keys = {attempt_key(bytes([of]) * 16, place) for of in range(4) for place in range(4)}
    assert len(keys) == 16
    assert {len(key) for key in keys} == {16}
    assert attempt_key(b"w" * 16, 1) == attempt_key(b"w" * 16, 1)


async def test_a_crisis_wakes_two_seconds_later_and_a_device_that_is_awake_is_left_alone(
    make_woken: Callable[..., Woken],
    first: Provider,
) -> None:
    woken = make_woken([first])
    await woken.leave(first.url())
    await woken.send()
    await woken.pass_seconds(1)
    assert first.came == []
    await woken.pass_seconds(1)
    assert len(first.came) == 1
    # The next one is fetched at once.
    await woken.send(number=2)
    await woken.acknowledge()
    await woken.pass_seconds(120)
    assert len(first.came) == 1
    assert woken.due() is None


async def test_a_routine_envelope_wakes_later_and_a_crisis_brings_it_forward(
    make_woken: Callable[..., Woken],
    first: Provider,
) -> None:
    woken = make_woken([first])
    await woken.leave(first.url())
    await woken.send(NORMAL)
    due = woken.due()
    assert due is not None
    assert due <= 300
    await woken.send(CRISIS, number=2)
    assert woken.due() == 0
    await woken.pass_seconds(400)
    # One wake-up for both.
    assert len(first.came) == 1


async def test_a_mailbox_without_endpoints_is_never_woken_and_nothing_is_written(
    make_woken: Callable[..., Woken],
    first: Provider,
) -> None:
    woken = make_woken([first])
    await woken.send()
    assert woken.due() is None
    await woken.leave(first.url())
    await woken.leave()
    await woken.send(number=2)
    assert woken.due() is None


@pytest.mark.parametrize("bad", [FAILS, HANGS], ids=["500", "hangs"])
async def test_after_a_failure_the_next_endpoint_is_tried(
    make_woken: Callable[..., Woken], first: Provider, second: Provider, bad: bytes
) -> None:
    first.answer = bad
    woken = make_woken([first, second], patience=0.3)
    await woken.leave(first.url(), second.url())
    await woken.send()
    await woken.pass_seconds(9)
    assert (len(first.came), len(second.came)) == (1, 1)
    await woken.pass_seconds(300)
    # One took it, so no round follows.
    assert (len(first.came), len(second.came)) == (1, 1)
    assert woken.due() is None


async def test_a_provider_that_is_gone_is_tried_again_for_as_long_as_something_waits(
    make_woken: Callable[..., Woken],
    first: Provider,
) -> None:
    first.answer = FAILS
    woken = make_woken([first])
    await woken.leave(first.url())
    await woken.send()
    await woken.pass_seconds(2 + 32 + 62 + 122 + 2)
    assert len(first.came) == 4
    assert {came.header("Idempotency-Key") for came in first.came} == {
        first.came[0].header("Idempotency-Key")
    }
    first.answer = Provider().answer
    await woken.pass_seconds(260)
    assert len(first.came) == 5
    assert woken.due() is None


async def test_where_a_provider_took_it_and_nobody_came_the_next_one_is_tried(
    make_woken: Callable[..., Woken], first: Provider, second: Provider
) -> None:
    with MailProvider() as mail:
        woken = make_woken([first, second], mail)
        await woken.leave(first.url(), second.url(), "lead@agency.example")
        await woken.send()
        await woken.pass_seconds(46)
        assert (len(first.came), len(second.came), len(mail.mails)) == (1, 0, 0)
        await woken.pass_seconds(4)
        assert (len(first.came), len(second.came), len(mail.mails)) == (1, 1, 0)
        await woken.acknowledge()
        await woken.pass_seconds(300)
        assert (len(first.came), len(second.came), len(mail.mails)) == (1, 1, 0)


async def _fetch_and_be_alerted(woken: Woken, first: Provider) -> int:
    """Let somebody who was woken come, fetch all, and be alerted within the minute; count calls."""
    await woken.send()
    await woken.pass_seconds(4)
    assert len(first.came) == 1
    await woken.acknowledge()
    await woken.send(number=2)
    await woken.pass_seconds(4)
    return len(first.came)


async def test_whoever_came_and_is_alerted_again_is_called_where_they_came_from(
    make_woken: Callable[..., Woken], first: Provider, second: Provider
) -> None:
    woken = make_woken([first, second])
    await woken.leave(first.url(), second.url())
    assert await _fetch_and_be_alerted(woken, first) == 2
    assert second.came == []


async def test_control_without_an_end_to_the_former_wake_up_the_first_endpoint_is_passed_over(
    make_woken: Callable[..., Woken],
    first: Provider,
    second: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def go_on(
        held: MemoryWakes, mailboxes: Collection[bytes], *, due: int, **_emptied: object
    ) -> None:
        queue_wakes(held, mailboxes, due=due)

    queue_wakes = MemoryWakes.queue_wakes
    without(monkeypatch, "quietway_server.store.memory_wakes:MemoryWakes.queue_wakes", go_on)
    woken = make_woken([first, second])
    await woken.leave(first.url(), second.url())
    assert await _fetch_and_be_alerted(woken, first) == 1
    assert len(second.came) == 1


async def test_control_without_the_rule_about_lies_nobody_else_is_tried(
    make_woken: Callable[..., Woken],
    first: Provider,
    second: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def believe(attempt: int, endpoints: int, *, took: bool, taken: bool, now: int) -> object:
        return plan_next(attempt, 1 if took else endpoints, took=took, taken=taken, now=now)

    without(monkeypatch, "quietway_server.services.waking:plan_next", believe)
    woken = make_woken([first, second])
    await woken.leave(first.url(), second.url())
    await woken.send()
    await woken.pass_seconds(300)
    assert (len(first.came), len(second.came)) == (1, 0)


async def test_a_relay_that_ends_between_sending_and_writing_it_down_sends_again_under_one_key(
    make_woken: Callable[..., Woken], first: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken = make_woken([first])
    await woken.leave(first.url())
    await woken.send()

    async def end(*_: object) -> None:
        await asyncio.sleep(0)

    with monkeypatch.context() as ending:
        without(ending, "quietway_server.services.waking:Waker._settle", end)
        await woken.pass_seconds(3)
    assert len(first.came) == 1
    await woken.pass_seconds(31)
    assert len(first.came) == 2
    assert len({came.header("Idempotency-Key") for came in first.came}) == 1
    assert woken.due() is None


async def test_endpoints_that_do_not_open_are_kept_and_come_back_with_the_right_key(
    make_woken: Callable[..., Woken],
    first: Provider,
) -> None:
    woken = make_woken([first])
    await woken.leave(first.url())
    other = make_woken([first], store=woken.store, key=Secret(b"?" * 32))
    await other.send()
    await other.pass_seconds(3)
    assert first.came == []
    assert recent_events()[-1]["event"] == "wake_unreadable"
    woken.clock.time = START + ROUND_MS
    await woken.pass_seconds(5)
    assert len(first.came) == 1


async def test_an_endpoint_that_would_never_be_used_is_refused(
    make_woken: Callable[..., Woken], first: Provider
) -> None:
    woken = make_woken([first])
    for target in ("https://elsewhere.example/x", "lead@agency.example"):
        with pytest.raises(RefusedError, match="invalid_field") as refused:
            await woken.leave(target)
        assert refused.value.field == "target"
    assert woken.due() is None


async def test_a_provider_that_hangs_keeps_nobody_else_waiting(
    make_woken: Callable[..., Woken], first: Provider, second: Provider
) -> None:
    first.answer = HANGS
    woken = make_woken([first, second], patience=5.0)
    await woken.leave(first.url())
    await woken.send()
    woken.clock.time += 2 * SECOND
    assert await woken.relay.waker.tick() == 1
    async with asyncio.timeout(4):
        # The loop goes on looking while that one hangs.
        assert await woken.relay.waker.tick() == 0
        await asyncio.to_thread(wait_until, lambda: bool(first.came))
    first.__exit__()
    await woken.relay.waker.finish()
