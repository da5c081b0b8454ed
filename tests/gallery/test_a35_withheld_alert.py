"""Row 35: the relay takes an alert, says so, and delivers it half an hour later, or never.

Nobody sees that from the relay's answers: it took the ladder, and its releases are told to nobody.
Defences: who raised it waits for a signed claim and alarms by their own clock; who gets it late is
told when it was sent and when it came; and what somebody says afterwards in the same conversation
shows that something is missing before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import Agencies
from tests.client_sdk.alerting.led import Led, listen, make_led
from tests.client_sdk.alerting.test_watching import come_to_rest, watching, whys
from tests.controls import without

from quietway import AlertRaised
from quietway.faces.alerts import AsyncAlerts
from quietway.history import show_conversation
from quietway.testing.relay import InMemoryRelay
from quietway.views.conversation import Gap
from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_schemas.instants import Instant


class Withholding(InMemoryRelay):
    """A relay that releases no ladder as long as it `withholds`, whatever it answers."""

    withholds = False
    kept: list[SubmissionRecord]

    def _deliver(self, released: Sequence[SubmissionRecord], *, now: Instant) -> None:
        if self.withholds:
            self.kept = [*getattr(self, "kept", ()), *released]
            return
        super()._deliver(released, now=now)

    def give(self) -> None:
        """Deliver what it withheld, at last."""
        self.withholds = False
        kept, self.kept = self.kept, []
        self._deliver(kept, now=self.clock.now())


@pytest.fixture
async def led(tmp_path: Path) -> AsyncIterator[Led]:
    async with Agencies(tmp_path) as agencies:
        agencies.relay = Withholding(agencies.clock)
        async with make_led(agencies, leads=2) as made:
            yield made


async def withhold(led: Led) -> tuple[bytes, list[str]]:
    """Let the relay withhold an alert for half an hour; give what its sender was alarmed of."""
    relay = led.agencies.relay
    assert isinstance(relay, Withholding)
    relay.withholds = True
    async with watching(led.shelter) as told:
        alert_id = await led.raise_()
        for _ in range(30):
            led.advance(1)
            await come_to_rest()
    relay.give()
    return alert_id, whys(told)


async def test_its_sender_is_alarmed_and_its_reader_sees_how_old_it_is(led: Led) -> None:
    paged = listen(led.leads[0], AlertRaised)
    alert_id, alarmed = await withhold(led)
    # The relay said that it took it, so only the claim is missing.
    assert alarmed == ["not_claimed"]
    await led.sync()
    assert len(paged) == 1
    there = await AsyncAlerts(led.leads[0]).show(alert_id)
    assert there.received_at is not None
    assert there.received_at - there.raised_at == 30 * MINUTE
    assert (there.late, there.state) == (True, "unanswered")
    await AsyncAlerts(led.leads[0]).claim(alert_id)
    await led.sync()
    assert (await AsyncAlerts(led.shelter).show(alert_id)).confirmed


async def test_what_is_said_afterwards_shows_that_something_is_missing(led: Led) -> None:
    primary, backup = led.leads
    relay = led.agencies.relay
    assert isinstance(relay, Withholding)
    alert_id = await led.raise_()
    await led.sync()
    await AsyncAlerts(primary).claim(alert_id)
    await led.sync()
    # The backup is to be called by the next round, and the relay keeps that from them.
    relay.withholds = True
    await AsyncAlerts(primary).release(alert_id, "shift_ended")
    await led.sync()
    assert (await AsyncAlerts(backup).show(alert_id)).state == "released"
    # What it delivers of the next round to the same people bears its number.
    relay.withholds = False
    await AsyncAlerts(primary).release(alert_id, "not_able_now")
    await led.sync()
    conversation = (await AsyncAlerts(backup).show(alert_id)).conversation
    gaps = [one for one in await show_conversation(backup, conversation) if isinstance(one, Gap)]
    assert [(gap.device, gap.missing) for gap in gaps] == [(primary.keyring.device, 1)]


async def test_control_without_the_timer_nobody_learns_of_it(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(*_: object) -> list[object]:
        return []

    without(monkeypatch, "quietway.alerting.watching:AlertWatch.look", look)
    _, alarmed = await withhold(led)
    assert alarmed == []


async def test_control_without_looking_at_the_times_it_reads_like_a_new_one(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.views.alerts:_is_late", lambda *_: False)
    alert_id, _ = await withhold(led)
    await led.sync()
    assert not (await AsyncAlerts(led.leads[0]).show(alert_id)).late
