"""Canaries, alarms and the watch: who lies, hangs or is late is told of, again, and when over."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.server.providers import FAILS, HANGS, Provider

from quietway_schemas.wake import WAKE_TEXT, WakeEndpoint
from quietway_server.heartbeats import Heartbeats
from quietway_server.log import recent_events
from quietway_server.notify.asking import Told
from quietway_server.notify.webhook import Webhook
from quietway_server.services.alarms import (
    OVER,
    PROVIDER_SILENT,
    RELAY_LATE,
    RELAY_SILENT,
    TEXTS,
    Alarm,
    Alarms,
)
from quietway_server.services.canaries import Canaries
from quietway_server.targets import Canary
from quietway_server.watching import Watch, is_well

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = json.dumps({"loops": {"wakes": 1}, "not_ready": [], "ready": True}).encode()


@dataclass
class Seconds:
    """A clock of seconds that the test holds."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    """The operator: where alarms come to, and what they said."""

    provider: Provider
    clock: Seconds = field(default_factory=Seconds)

    def __post_init__(self) -> None:
        self.notifiers = {"webhook": Webhook((), [self.provider.origin], seconds=2.0)}
        target = WakeEndpoint(kind="webhook", target=self.provider.url("alarm"))
        self.alarms = Alarms([target], self.notifiers)

    @property
    def said(self) -> list[str]:
        came = [came for came in self.provider.came if "/alarm" in came.head]
        return [came.body.decode() for came in came]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Provider() as provider:
        yield Desk(provider)


def test_every_text_is_constant_and_names_nobody() -> None:
    assert len(set(TEXTS)) == len(TEXTS)
    assert all(text.isascii() and text.startswith("quietway relay: ") for text in TEXTS)


async def test_an_alarm_is_told_again_while_it_lasts_and_once_when_it_is_over(desk: Desk) -> None:
    alarm = Alarm(desk.alarms, "relay_silent", desk.clock)
    await alarm.update("")
    assert desk.said == []
    for _ in range(3):
        await alarm.update(RELAY_SILENT)
    assert desk.said == [RELAY_SILENT]
    desk.clock.now += 901
    await alarm.update(RELAY_SILENT)
    await alarm.update(RELAY_LATE)
    for _ in range(3):
        await alarm.update("")
    assert desk.said == [RELAY_SILENT, RELAY_SILENT, RELAY_LATE, OVER]


async def test_an_alarm_that_nobody_took_is_tried_again_at_the_next_turn(desk: Desk) -> None:
    desk.provider.answer = FAILS
    alarm = Alarm(desk.alarms, "relay_silent", desk.clock)
    for _ in range(3):
        await alarm.update(RELAY_SILENT)
    assert desk.said == [RELAY_SILENT] * 3
    assert recent_events()[-1]["event"] == "alarm_not_taken"


def canary_at(desk: Desk, provider: Provider) -> Canaries:
    endpoint = WakeEndpoint(kind="webhook", target=provider.url("canary"))
    notifiers = {"webhook": Webhook((), [provider.origin], seconds=2.0)}
    return Canaries(
        [Canary("push", endpoint)], notifiers, desk.alarms, Heartbeats(desk.clock), desk.clock
    )


async def let_pass(canaries: Canaries, desk: Desk, seconds: int) -> None:
    for _ in range(seconds // 15):
        desk.clock.now += 15
        await canaries.tick()


async def test_a_canary_looks_like_any_wake_up_and_one_that_is_heard_raises_nothing(
    desk: Desk,
) -> None:
    with Provider() as provider:
        canaries = canary_at(desk, provider)
        for _ in range(60):
            await let_pass(canaries, desk, 15)
            assert canaries.report("push")
        assert {came.body for came in provider.came} == {WAKE_TEXT.encode()}
        assert len(provider.came) == 15
    assert desk.said == []
    assert not canaries.report("other")


async def test_a_provider_that_says_200_and_does_nothing_is_noticed_within_five_minutes(
    desk: Desk,
) -> None:
    with Provider() as liar:
        canaries = canary_at(desk, liar)
        await let_pass(canaries, desk, 300)
        assert desk.said == [PROVIDER_SILENT]
        assert len(liar.came) >= 4
        # It is heard of again.
        canaries.report("push")
        await canaries.tick()
    assert desk.said == [PROVIDER_SILENT, OVER]


async def test_control_a_relay_that_believes_the_providers_answer_notices_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = Canaries._send

    async def believe(self: Canaries, canary: Canary) -> None:
        await sent(self, canary)
        self.report(canary.name)

    without(monkeypatch, "quietway_server.services.canaries:Canaries._send", believe)
    with Provider() as liar:
        await let_pass(canary_at(desk, liar), desk, 3_600)
    assert desk.said == []


@pytest.mark.parametrize(
    "told",
    [
        Told(503, READY),
        Told(200, b"ok"),
        Told(200, b"{}"),
        Told(200, READY.replace(b"true", b"false")),
        Told(200, READY.replace(b'"wakes": 1', b"")),
        Told(200, READY.replace(b'"wakes": 1', b'"wakes": 61')),
        Told(200, READY.replace(b'"wakes": 1', b'"wakes": "1"')),
    ],
)
def test_an_answer_that_is_not_good_is_no_answer(told: Told) -> None:
    assert is_well(Told(200, READY))
    assert not is_well(told)


def _answer(body: bytes, status: int = 200) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def test_a_relay_that_does_not_answer_twice_is_an_alarm(desk: Desk) -> None:
    with Provider(_answer(READY)) as relay:
        watch = Watch(relay.origin, Alarm(desk.alarms, "relay_silent", desk.clock))
        assert await watch.look() == ""
    assert await watch.look() == RELAY_SILENT
    assert desk.said == []
    assert await watch.look() == RELAY_SILENT
    assert desk.said == [RELAY_SILENT]


async def test_a_relay_that_is_late_is_an_alarm_and_its_recovery_is_told(desk: Desk) -> None:
    with Provider(_answer(READY, 503)) as relay:
        watch = Watch(relay.origin, Alarm(desk.alarms, "relay_silent", desk.clock))
        for _ in range(3):
            assert await watch.look() == RELAY_LATE
        assert desk.said == [RELAY_LATE]
        relay.answer = _answer(READY)
        await watch.look()
    assert desk.said == [RELAY_LATE, OVER]


async def test_one_bad_answer_between_good_ones_is_no_alarm(desk: Desk) -> None:
    with Provider(_answer(READY)) as relay:
        watch = Watch(relay.origin, Alarm(desk.alarms, "relay_silent", desk.clock))
        for number in range(6):
            relay.answer = _answer(READY, 503 if number % 2 else 200)
            await watch.look()
    assert desk.said == []


async def test_an_answer_without_end_is_no_answer(desk: Desk) -> None:
    with Provider(_answer(READY)[: -len(READY)] + b"x" * 10) as relay:
        relay.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 200_000
        watch = Watch(relay.origin, Alarm(desk.alarms, "relay_silent", desk.clock))
        assert await watch.look() == RELAY_SILENT


def test_a_loop_is_late_from_its_start_if_it_never_beats() -> None:
    clock = Seconds()
    beats = Heartbeats(clock)
    beats.expect("wakes")
    beats.expect("holds")
    clock.now += 30
    beats.beat("holds")
    beats.expect("holds")
    clock.now += 31
    assert beats.ages() == {"holds": 31.0, "wakes": 61.0}
    assert beats.late() == ("wakes",)
    assert beats.late(after_seconds=30) == ("holds", "wakes")


async def test_without_canaries_there_is_no_loop_that_could_be_late(desk: Desk) -> None:
    beats = Heartbeats()
    canaries = Canaries((), {}, desk.alarms, beats)
    async with asyncio.timeout(5):
        await canaries.run()
    assert beats.ages() == {}
    assert HANGS == b""
