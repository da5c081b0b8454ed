"""The line of upgrades: a few at once, in their order, and nobody waits in vain."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.controls import without
from tests.relay_process import RelayProcess

from quietway_server.core.turns import Appointments, Pace
from quietway_server.upgrades import (
    AT_ONCE,
    EAGERNESS,
    FIRST_PACE,
    LATEST_SECONDS,
    PATIENT_SECONDS,
    Upgrades,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

UPGRADE = (
    b"GET /v1/mailbox HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class _Asking(asyncio.Transport):
    """Who asks, and what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told = ""
        self.seconds = 0

    def go_on(self) -> None:
        self.told = "go on"

    def turn_away(self, retry_after: int) -> None:
        self.told, self.seconds = "come back later", retry_after


def _ask(upgrades: Upgrades, count: int) -> list[_Asking]:
    asking = [_Asking() for _ in range(count)]
    for each in asking:
        upgrades.ask(each, each)
    return asking


async def test_a_few_are_under_way_and_each_answer_lets_the_next_in() -> None:
    upgrades = Upgrades()
    asking = _ask(upgrades, AT_ONCE + 3)
    assert [each.told for each in asking] == ["go on"] * AT_ONCE + [""] * 3
    upgrades.leave(asking[0])
    upgrades.leave(asking[0])
    await asyncio.sleep(0)
    assert [each.told for each in asking[AT_ONCE:]] == ["go on", "", ""]


async def test_who_is_gone_waits_no_more() -> None:
    upgrades = Upgrades(at_once=1)
    first, gone, last = _ask(upgrades, 3)
    upgrades.leave(gone)
    upgrades.leave(first)
    await asyncio.sleep(0)
    assert (gone.told, last.told) == ("", "go on")


async def test_who_waited_too_long_is_told_to_come_back_and_the_place_is_given_on() -> None:
    upgrades = Upgrades(at_once=1, longest_seconds=0.05)
    first, late = _ask(upgrades, 2)
    await asyncio.sleep(0.1)
    fresh = _ask(upgrades, 1)[0]
    upgrades.leave(first)
    await asyncio.sleep(0)
    assert (late.told, fresh.told) == ("come back later", "go on")


async def test_where_too_many_wait_one_more_is_turned_away_at_once() -> None:
    upgrades = Upgrades(at_once=1, most_waiting=2)
    assert [each.told for each in _ask(upgrades, 4)] == ["go on", "", "", "come back later"]


def _told_times(asking: list[_Asking]) -> list[int]:
    return [each.seconds for each in asking if each.told == "come back later"]


async def test_who_would_wait_longer_than_a_few_seconds_is_told_a_time_at_once() -> None:
    asking = _ask(Upgrades(), 5_000)
    assert [each.told for each in asking].count("") == PATIENT_SECONDS * FIRST_PACE
    told = _told_times(asking)
    # The clock goes on while they ask, so a full second may fall between two.
    assert all(later >= sooner - 1 for sooner, later in pairwise(told))
    # No more of them in any second than are called back in one; a few fall into the next.
    assert max(Counter(told).values()) <= EAGERNESS * FIRST_PACE * 1.2
    assert told[-1] <= 1 + PATIENT_SECONDS / 2 + len(told) / EAGERNESS / FIRST_PACE


def test_however_low_the_pace_they_do_not_come_back_in_step() -> None:
    appointments = Appointments(20.0)
    told = [appointments.make(now=0.0, wait=0.0, pace=0.001) for _ in range(160)]
    assert len(set(told)) >= 8
    assert max(Counter(told).values()) <= 160 / 4


async def test_control_without_appointments_all_are_told_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_server.core.turns:Appointments.make", lambda *_, **__: 5)
    told = _told_times(_ask(Upgrades(), 5_000))
    assert max(Counter(told).values()) > EAGERNESS * FIRST_PACE * 1.2


async def test_control_without_a_look_at_its_length_thousands_wait_in_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_server.upgrades:Upgrades._is_short", lambda _: True)
    asking = _ask(Upgrades(), 5_000)
    assert [each.told for each in asking].count("") == 5_000 - AT_ONCE


def test_the_pace_is_what_is_served_while_somebody_waits() -> None:
    pace = Pace(250.0)
    for at in range(1_000):
        pace.note_served(now=at / 100)
    assert 99 < pace.per_second < 101
    pace.note_idle()
    for at in range(1_000):
        pace.note_served(now=3_600 + at / 100)
    assert 99 < pace.per_second < 101


def test_no_time_is_told_that_is_later_than_the_latest_and_the_last_are_spread_too() -> None:
    appointments = Appointments(LATEST_SECONDS)
    told = [appointments.make(now=7.0, wait=4.0, pace=100.0) for _ in range(20_000)]
    assert min(told) == 5
    assert max(told) == LATEST_SECONDS
    assert max(Counter(told[10_000:]).values()) < 1_500
    assert appointments.make(now=1_000.0, wait=0.0, pace=100.0) == 1


async def test_control_without_the_line_all_are_begun_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(
        monkeypatch,
        "quietway_server.upgrades:Upgrades.ask",
        lambda _, __, upgrading: upgrading.go_on(),
    )
    assert {each.told for each in _ask(Upgrades(), 1_000)} == {"go on"}


def test_each_answer_and_each_end_gives_the_place_back(tmp_path: Path) -> None:
    with RelayProcess(tmp_path) as relay:
        for _ in range(AT_ONCE * 2):
            with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as connection:
                connection.sendall(UPGRADE)
                assert connection.recv(100).startswith(b"HTTP/1.1 4")
            with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as connection:
                connection.sendall(UPGRADE)
