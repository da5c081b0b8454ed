"""Row 57: a partner raises five hundred false alarms, so that nobody wakes for the true one.

The partner is real, may raise alerts, and tires out whoever is on call. Defences: a budget for each
agency, which makes the rest one page in a quarter of an hour and drops nothing; a claim names who
made it and is shown to all; a claim of somebody who is not on call, or whose device was revoked,
changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, Agencies, invite
from tests.client_sdk.alerting.led import listen
from tests.controls import without

from quietway import AlertRaised, AlertsDigested, RoleRefused
from quietway.alerting.budget import MOST_PAGES, Budget
from quietway.alerting.raising import draft_alert, raise_alert
from quietway.alerting.rungs import arrange_rungs
from quietway.faces.alerts import AsyncAlerts
from quietway.speaking import speak
from quietway.testing.clock import FakeClock
from quietway_schemas.content.alert import AlertClaimed
from quietway_schemas.ids import CaseRef

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from quietway.agent import Agent
    from quietway.client import AsyncClient
    from quietway.events import Event

FLOOD = 500
CASE = CaseRef(b"\x22" * 16)


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[AsyncClient]]:
    """A hospital on call, a shelter and the police, both of whom may raise alerts there."""
    async with Agencies(tmp_path) as agencies:
        lead = await agencies.found(HOSPITAL, role="on_call_lead")
        partners = [await agencies.found(program) for program in (SHELTER, POLICE)]
        for partner in partners:
            await invite(lead, partner)
            await invite(partner, lead)
        for client in (lead, *partners, lead, *partners):
            await client.sync()
        yield [lead, *partners]


async def call(by: Agent, lead: Agent, *, case: CaseRef = CASE, exercise: bool = False) -> bytes:
    rungs = arrange_rungs(((lead.keyring.device,),), me=by.keyring.device)
    to = lead.keyring.agency
    alert = await draft_alert(by, case, "needs_lead_now", to=to, rungs=rungs, exercise=exercise)
    sent = await raise_alert(by, alert, to=to, rungs=rungs)
    assert sent.state == "stored_at_relay"
    return alert.alert_id


async def flood(three: list[AsyncClient], *, times: int) -> tuple[list[Event], bytes]:
    """Let the shelter raise that many and the police one; give what the hospital was told."""
    lead, shelter, police = (client._agent for client in three)
    told = listen(lead, AlertRaised, AlertsDigested)
    for _ in range(times):
        await call(shelter, lead)
    await three[0].sync()
    true = await call(police, lead, case=CaseRef(b"\x33" * 16))
    await three[0].sync()
    return told, true


async def test_after_five_hundred_false_alarms_the_true_one_pages_at_once(
    three: list[AsyncClient],
) -> None:
    lead, shelter, police = three
    told, true = await flood(three, times=FLOOD)
    pages = [event for event in told if isinstance(event, AlertRaised)]
    assert [event.agency for event in pages] == [shelter.agency_id] * MOST_PAGES + [
        police.agency_id
    ]
    assert pages[-1].alert_id == true
    # All of them are listed, and each can be claimed.
    listed = await lead.alerts.list()
    assert len(listed) == FLOOD + 1
    await lead.alerts.claim(listed[FLOOD // 2].alert_id)
    assert len(await lead.alerts.list()) == FLOOD
    # The digest pages once in its window, and then for all that waited.
    digests = [event.alerts for event in told if isinstance(event, AlertsDigested)]
    assert digests == [1]
    for minutes in (14, 1, 1, 20):
        advance(three, minutes)
        await lead.sync()
    digests = [event.alerts for event in told if isinstance(event, AlertsDigested)]
    assert digests == [1, FLOOD - MOST_PAGES - 1]


async def test_drills_use_up_nothing_of_what_is_real(three: list[AsyncClient]) -> None:
    lead, shelter, _ = (client._agent for client in three)
    told = listen(lead, AlertRaised)
    for _ in range(2 * MOST_PAGES):
        await call(shelter, lead, exercise=True)
    await three[0].sync()
    assert [event.exercise for event in told if isinstance(event, AlertRaised)] == [
        True
    ] * MOST_PAGES
    true = await call(shelter, lead)
    await three[0].sync()
    assert told[-1] == AlertRaised(true, three[1].agency_id, exercise=False)
    assert len(await three[0].alerts.list()) == 1


async def test_control_without_a_budget_every_false_alarm_pages(
    three: list[AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.alerting.budget:Budget.spend", lambda held, _: (held, "page"))
    told, _ = await flood(three, times=20)
    assert sum(isinstance(event, AlertRaised) for event in told) == 21


async def test_control_with_one_budget_for_all_the_true_alarm_waits(
    three: list[AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Budget()

    def spend(_: Budget, now: int) -> tuple[Budget, str]:
        nonlocal shared
        shared, paging = spend_alone(shared, now)
        return shared, paging

    spend_alone = Budget.spend
    without(monkeypatch, "quietway.alerting.budget:Budget.spend", spend)
    told, true = await flood(three, times=20)
    assert true not in [event.alert_id for event in told if isinstance(event, AlertRaised)]


async def test_who_is_not_on_call_silences_nothing(three: list[AsyncClient]) -> None:
    lead, shelter, _ = three
    alert_id = await call(shelter._agent, lead._agent)
    await lead.sync()
    with pytest.raises(RoleRefused):
        # The shelter's device is of no agency that was called, and has no role on call.
        await claim_as_anybody(shelter._agent, alert_id)
    assert (await lead.alerts.show(alert_id)).state == "raised"


async def claim_as_anybody(agent: Agent, alert_id: bytes) -> None:
    """Say that this device has an alert, as a program would that asks nobody."""
    alert = await AsyncAlerts(agent).show(alert_id)
    content = AlertClaimed(alert_id=alert_id, at=agent.clock.now())
    await speak(agent, content, to=(alert.lead,), conversation=alert.conversation)


def advance(three: list[AsyncClient], minutes: float) -> None:
    clock = three[0]._ports.clock
    assert isinstance(clock, FakeClock)
    clock.advance(minutes * 60)
