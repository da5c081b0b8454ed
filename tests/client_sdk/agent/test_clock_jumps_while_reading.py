"""A clock that is set back while a mailbox is read: nothing of it is given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.client_sdk.agencies import HOSPITAL, SHELTER, invite
from tests.controls import without

from quietway.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest
    from tests.client_sdk.agencies import Agencies

    from quietway.ports import Arrival

BACK_SECONDS = -45 * 60


class _Passing:
    """A relay, or a mailbox of it, in front of which somebody sets the clock."""

    def __init__(self, behind: Any, clock: FakeClock) -> None:
        self._behind, self._clock = behind, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)

    async def open_mailbox(self, **given: Any) -> Any:
        return _Passing(await self._behind.open_mailbox(**given), self._clock)

    async def arrivals(self) -> AsyncIterator[Arrival]:
        async for arrival in self._behind.arrivals():
            yield arrival
        # All was read, and is opened now.
        self._clock.set_by_hand(BACK_SECONDS)


async def _read_while_the_clock_jumps(agencies: Agencies) -> list[str]:
    clock = FakeClock()
    shelter, hospital = await agencies.found(SHELTER), await agencies.found(HOSPITAL, clock)
    await invite(hospital, shelter)
    await invite(shelter, hospital)
    await shelter.messages.send("Are you there?", to="MERCY")
    agent = hospital._agent
    agent.relay = _Passing(agent.relay, clock)
    await hospital.sync()
    return [held.content.text for held in await hospital.inbox()]  # type: ignore[attr-defined]


async def test_what_comes_while_the_clock_is_set_back_is_shown(agencies: Agencies) -> None:
    assert await _read_while_the_clock_jumps(agencies) == ["Are you there?"]


async def test_control_by_the_clock_of_before_it_would_be_given_up(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def believe_it(*_: object) -> None:
        pass

    without(monkeypatch, "quietway.agent:Agent.check_clock", believe_it)
    assert await _read_while_the_clock_jumps(agencies) == []
