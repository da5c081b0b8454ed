"""The line of upgrades: a few at once, in their order, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from tests.controls import without
from tests.relay_process import RelayProcess

from quietway_server.upgrades import AT_ONCE, Upgrades

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

    def go_on(self) -> None:
        self.told = "go on"

    def turn_away(self) -> None:
        self.told = "come back later"


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
