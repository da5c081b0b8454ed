"""A clock that is three hours off: it says so, and nothing is sent, erased or lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.journeys.conftest import PASSPHRASE, Trio, code_of

from quietway import Client, ClockError
from quietway.ambient import SystemClock
from quietway.content import MessageText

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.ports import Clock

THREE_HOURS_MS: Final = 3 * 3_600_000


class ClockSetWrong(SystemClock):
    """This machine's clock, as if somebody had set it wrong."""

    def __init__(self, offset_ms: int) -> None:
        self._offset_ms = offset_ms

    def now(self) -> int:
        return super().now() + self._offset_ms


def reopen(home: Path, clock: Clock | None = None) -> Client:
    return Client.open(home, passphrase=PASSPHRASE, clock=clock)


def list_texts(client: Client) -> list[str]:
    client.sync()
    return [held.content.text for held in client.inbox() if isinstance(held.content, MessageText)]


@pytest.mark.parametrize(
    ("offset_ms", "direction"), [(THREE_HOURS_MS, "ahead of"), (-THREE_HOURS_MS, "behind")]
)
def test_with_a_clock_three_hours_off_nothing_is_sent_and_nothing_is_lost(
    trio: Trio, offset_ms: int, direction: str
) -> None:
    home = trio.shelter.home
    trio.shelter.close()

    with reopen(home, ClockSetWrong(offset_ms)) as wrong:
        sent = wrong.messages.send("written at a wrong hour", to=code_of(trio.hospital))
        problems = wrong.sync().problems
        findings = {finding.name: finding for finding in wrong.doctor()}

    assert sent.state == "not_yet_sent"
    assert [type(problem) for problem in problems] == [ClockError]
    # The relay tells the time to the second, so a minute may seem to be missing.
    assert direction in str(problems[0])
    assert "Set the clock, then try again" in str(problems[0])
    assert not findings["relay and clock"].ok
    assert "Set the clock" in findings["relay and clock"].what_next
    assert list_texts(trio.hospital) == []

    with reopen(home) as right:
        assert right.sync().problems == ()
    assert list_texts(trio.hospital) == ["written at a wrong hour"]


async def _trust_any_clock(_agent: object) -> None:
    """Stand in for the comparison with the relay's clock."""


def test_without_the_comparison_of_clocks_the_message_is_lost(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = trio.shelter.home
    trio.shelter.close()
    without(monkeypatch, "quietway.agent:Agent.check_clock", _trust_any_clock)

    with reopen(home, ClockSetWrong(THREE_HOURS_MS)) as wrong:
        wrong.messages.send("written at a wrong hour", to=code_of(trio.hospital))
        wrong.sync()
    with reopen(home) as right:
        right.sync()

    # It was sealed with a time that its recipient refuses.
    assert list_texts(trio.hospital) == []
