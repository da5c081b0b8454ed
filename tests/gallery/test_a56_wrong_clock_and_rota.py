"""Row 56, for rotas: a clock that is set wrong, so that an alert calls nobody, or another shift.

The attacker sets a machine's clock: by a network's time, an empty battery, or by hand; a little, by
days, or back and forth. Defences: who is on call is asked by the relay's time where it is two hours
away at most; where the clock is known to be further off, nothing is sealed, and whom an alert
reaches is said by roles, so that nobody's alert is for the people of another shift. A device that
is on call itself finds that nothing reaches it, by the steady clock that nobody sets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.oncall.office import Office, hear
from tests.controls import without

from quietway import OnCallUnreachable
from quietway.covering.keeping import look_after
from quietway.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from quietway import OnCall
    from quietway.covering.cover import Mark
    from quietway.ports import Clock
    from quietway_schemas.ids import DeviceId

HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with Office(tmp_path) as made:
        made.clocks = FakeClock(), FakeClock()
        await made.open(first=made.clocks[0], partner=made.clocks[1])
        # At 10 by the relay: the first device is on call for an hour more, and was for one.
        rota = made.rota((0, "Mon 09:00", "Mon 11:00"), (1, "Mon 11:00", "Mon 09:00"))
        await made.first.oncall.set_rota(rota)
        await made.settle()
        yield made


def called_first(shown: OnCall) -> list[DeviceId]:
    return [held.device for held in shown.tiers[0].devices]


async def test_a_clock_that_is_a_little_wrong_calls_whoever_is_on_call_by_the_relays_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hours in (-1.5, 3.0):
        office.clocks[1].set_by_hand(hours * HOUR)
        await office.hospital.sync()
        assert called_first(await office.hospital.oncall.of("HARBOR")) == [office.first.device_id]
    without(monkeypatch, "quietway.compared_clock:ComparedClock.note", lambda *_: None)
    office.hospital._agent.compared._ahead = 0
    assert called_first(await office.hospital.oncall.of("HARBOR")) == [office.second_id]


async def test_a_clock_that_is_known_to_be_wrong_names_nobody_of_another_shift(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hours in (-240.0, -3.0, 240.0, 3.0):
        office.clocks[1].set_by_hand(hours * HOUR)
        await office.hospital.sync()
        shown = await office.hospital.oncall.of("HARBOR")
        assert shown.source == "roles"
        assert set(called_first(shown)) == {office.first.device_id, office.second_id}
        office.clocks[1].set_by_hand(-hours * HOUR)
        await office.hospital.sync()
        assert called_first(await office.hospital.oncall.of("HARBOR")) == [office.first.device_id]
    # Ahead by a shift: without the defence it would be the next one's people.
    office.clocks[1].set_by_hand(3 * HOUR)
    await office.hospital.sync()
    without(monkeypatch, "quietway.oncall.reaching:is_clock_wrong", lambda _: False)
    assert called_first(await office.hospital.oncall.of("HARBOR")) == [office.second_id]


async def test_a_device_on_call_whose_clock_swings_finds_that_nothing_reaches_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, clock, agent = hear(office.first), office.clocks[0], office.first._agent
    # A week on and back again: the same shift, so it is on call by any of these clocks.
    for swing in (7 * DAY, -14 * DAY, 14 * DAY):
        clock.set_by_hand(swing)
        for _ in range(8):
            clock.stand_still(61)
            await look_after(agent)
    assert sum(isinstance(event, OnCallUnreachable) for event in told) == 1
    assert (await office.first.oncall.show()).is_unreachable
    clock.set_by_hand(-7 * DAY)
    await office.first.sync()
    await office.first.sync()
    assert not (await office.first.oncall.show()).is_unreachable
    office.relay.offline = True
    clock.advance(HOUR / 2)
    await look_after(agent)
    clock.set_by_hand(-7 * DAY)
    clock.stand_still(301)
    assert (await office.first.oncall.show()).is_unreachable

    def by_the_wall_alone(mark: Mark, now: Clock, milliseconds: int) -> bool:
        return now.now() - mark.wall >= milliseconds

    without(monkeypatch, "quietway.covering.cover:Mark.has_passed", by_the_wall_alone)
    assert not (await office.first.oncall.show()).is_unreachable
