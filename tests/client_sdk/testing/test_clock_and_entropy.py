"""The clocks and the randomness: the ones that a test decides, and the system's own."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.controls import without

from quietway.ambient import SystemClock, SystemEntropy
from quietway.testing.clock import START, FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.errors import RandomnessError
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import DAY, to_text


async def test_a_fake_clock_stands_still_until_it_is_advanced() -> None:
    clock = FakeClock()
    await asyncio.sleep(0.01)
    assert clock.now() == START
    clock.advance(1.5)
    assert clock.now() == START + 1_500


def test_a_fake_clock_starts_on_a_monday_morning() -> None:
    assert to_text(START) == "2026-11-23T10:00:00.000Z"
    assert START - EnvelopeClass.CASE.epoch_start(EnvelopeClass.CASE.epoch_of(START)) < DAY


async def test_who_sleeps_on_a_fake_clock_wakes_when_it_was_advanced_far_enough() -> None:
    clock = FakeClock()
    sleeps = [asyncio.ensure_future(clock.sleep(seconds)) for seconds in (1, 5)]
    await asyncio.sleep(0)
    assert clock.sleepers == 2
    clock.advance(2)
    await asyncio.wait_for(sleeps[0], 5)
    assert not sleeps[1].done()
    clock.advance(3)
    await asyncio.wait_for(sleeps[1], 5)
    assert clock.sleepers == 0


async def test_a_fake_clock_may_be_advanced_from_another_thread() -> None:
    clock = FakeClock()
    sleeping = asyncio.ensure_future(clock.sleep(60))
    await asyncio.sleep(0)
    thread = threading.Thread(target=clock.advance, args=(60,))
    thread.start()
    await asyncio.wait_for(sleeping, 5)
    thread.join()


async def test_a_sleep_that_was_cancelled_leaves_no_sleeper() -> None:
    clock = FakeClock()
    sleeping = asyncio.ensure_future(clock.sleep(60))
    await asyncio.sleep(0)
    sleeping.cancel()
    await asyncio.gather(sleeping, return_exceptions=True)
    assert clock.sleepers == 0
    await clock.sleep(0)


def test_seeded_entropy_is_the_same_each_time_and_never_repeats() -> None:
    first, second, other = SeededEntropy(7), SeededEntropy(7), SeededEntropy(8)
    draws = [first.draw(16) for _ in range(100)]
    assert [second.draw(16) for _ in range(100)] == draws
    assert len(set(draws)) == 100
    assert other.draw(16) not in draws
    assert len(first.draw(1_000)) == 1_000
    assert first.draw(0) == b""


def test_the_systems_randomness_differs_each_time() -> None:
    entropy = SystemEntropy()
    assert len({entropy.draw(16) for _ in range(100)}) == 100


def test_randomness_that_repeats_itself_is_refused_at_its_first_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "secrets:token_bytes", bytes)
    with pytest.raises(RandomnessError):
        SystemEntropy().draw(32)


def test_without_the_check_randomness_that_repeats_itself_makes_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "secrets:token_bytes", bytes)
    without(monkeypatch, "quietway.ambient:check_randomness", lambda _: None)
    assert SystemEntropy().draw(32) == bytes(32)


async def test_the_systems_clock_goes_on() -> None:
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0.02)
    assert 10 <= clock.now() - before < 60_000
