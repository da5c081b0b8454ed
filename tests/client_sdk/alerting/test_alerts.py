"""Alerts by the face: who is paged, who is told, and what becomes of what nobody can take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.alerting.led import Led, face_of_cases, listen, make_led
from tests.controls import without

from quietway import AlertClaimed, AlertRaised, AlertReleased, ContentRefused, NobodyToCall
from quietway.due import list_due
from quietway.errors import NotFound
from quietway.faces.alerts import AsyncAlerts
from quietway.own.telling import tell_own
from quietway_schemas.content.agency import AgencyOverrideRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.client_sdk.agencies import Agencies

    from quietway.agent import Agent


@pytest.fixture
async def led(agencies: Agencies) -> AsyncIterator[Led]:
    async with make_led(agencies) as made:
        yield made


async def due(agent: Agent) -> list[tuple[str, str]]:
    return [(line.kind, line.turn) for line in await list_due(agent) if line.source == "alerts"]


@pytest.mark.requirement("A43", "C44")
async def test_an_alert_calls_the_leads_on_call_and_a_claim_is_seen_by_all(led: Led) -> None:
    """A43: to the lead's on-call alone. C44: the order and the times in which they are called."""
    primary, backup, _ = led.leads
    paged = [listen(lead, AlertRaised) for lead in led.leads]
    seen = listen(led.shelter, AlertClaimed)
    alert_id = await led.raise_()
    await led.sync()
    assert [len(told) for told in paged] == [1, 0, 0]
    assert await due(led.shelter) == [("await_claim", "theirs")]
    assert await due(primary) == [("answer_alert", "ours")]
    shown = await AsyncAlerts(primary).show(alert_id.hex())
    assert (shown.state, shown.confirmed, shown.late) == ("raised", False, False)
    assert shown.next_tier is not None
    assert shown.next_tier.name == "backup"
    await AsyncAlerts(primary).claim(alert_id)
    await led.sync()
    # Behind the claim, which they have, the others are told and not paged.
    assert [len(told) for told in paged] == [1, 0, 0]
    assert [type(event) for event in seen] == [AlertClaimed]
    for agent in led.everyone:
        held = await AsyncAlerts(agent).show(alert_id)
        assert (held.state, held.confirmed) == ("claimed", True)
        assert held.holder is not None
        assert held.holder.device == primary.keyring.device
    assert await AsyncAlerts(backup).list() == []
    assert len(await AsyncAlerts(backup).list(open_only=False)) == 1
    assert await due(primary) == [("verify_alert", "ours")]
    assert await due(led.shelter) == []


@pytest.mark.parametrize("defended", [True, False])
async def test_a_page_that_nobody_heard_is_told_once_to_the_first_who_listens(
    led: Led, monkeypatch: pytest.MonkeyPatch, defended: bool
) -> None:
    primary, backup, _ = led.leads
    if not defended:
        without(monkeypatch, "quietway.alerting.paging:is_heard", lambda _: True)
    alert_id = await led.raise_()
    await led.sync()
    paged = listen(primary, AlertRaised)
    for _ in range(2):
        await led.sync(primary)
    assert [event.alert_id for event in paged] == ([alert_id] if defended else [])
    # Nobody is called for what somebody has by then.
    led.advance(5)
    await led.sync(backup)
    await AsyncAlerts(primary).claim(alert_id)
    late = listen(backup, AlertRaised)
    await led.sync(backup)
    assert late == []


async def test_a_release_pages_again_and_who_raised_it_waits_anew(led: Led) -> None:
    primary, backup, _ = led.leads
    told = listen(led.shelter, AlertReleased)
    paged = listen(backup, AlertRaised)
    alert_id = await led.raise_()
    await led.sync()
    await AsyncAlerts(primary).claim(alert_id)
    await led.sync()
    await AsyncAlerts(primary).release(alert_id, "shift_ended")
    await led.sync()
    assert len(told) == 1
    assert len(paged) == 1
    there = await AsyncAlerts(backup).show(alert_id)
    assert (there.round, there.state) == (1, "raised")
    assert (await AsyncAlerts(led.shelter).show(alert_id)).state == "released"
    await AsyncAlerts(backup).claim(alert_id)
    await led.sync()
    for agent in led.everyone:
        held = await AsyncAlerts(agent).show(alert_id)
        assert held.holder is not None
        assert held.holder.device == backup.keyring.device


async def test_an_alert_handed_on_is_claimed_where_it_was_handed_to(led: Led) -> None:
    primary, _, third = led.leads
    alert_id = await led.raise_()
    await led.sync()
    await AsyncAlerts(primary).decline(alert_id, "engaged_elsewhere")
    await AsyncAlerts(primary).hand_off(alert_id, third.keyring.device, "better_placed")
    await led.sync()
    held = await AsyncAlerts(third).show(alert_id)
    assert (held.round, held.handed_to) == (1, third.keyring.device)
    await AsyncAlerts(third).claim(alert_id)
    await led.sync()
    assert (await AsyncAlerts(led.shelter).show(alert_id)).confirmed


async def test_a_drill_is_in_no_list_of_real_alerts(led: Led) -> None:
    alert_id = await led.raise_(exercise=True)
    await led.sync()
    for agent in (led.shelter, led.leads[0]):
        assert await AsyncAlerts(agent).list(open_only=False) == []
        assert await due(agent) == []
        (drill,) = await AsyncAlerts(agent).list(exercise=True)
        assert (drill.alert_id, drill.exercise) == (alert_id, True)
    script = await AsyncAlerts(led.shelter).phone_script(alert_id)
    assert script.lines[0].startswith("EXERCISE")


async def test_a_colleague_who_asks_for_a_second_person_is_in_what_is_due(led: Led) -> None:
    primary, backup, _ = led.leads
    asked = AgencyOverrideRequest(
        digest=b"d" * 32, kind="message.text", rules=("place.town",), reason_code="survivor_asked"
    )
    await tell_own(primary, asked)
    await led.sync()
    (line,) = [held for held in await list_due(backup) if held.source == "guard"]
    assert (line.kind, line.turn, line.subject) == ("confirm_override", "ours", (b"d" * 32).hex())
    assert [held for held in await list_due(primary) if held.source == "guard"] == []


async def test_who_raised_it_answers_nothing_and_what_is_no_alert_is_not_found(led: Led) -> None:
    alert_id = await led.raise_()
    with pytest.raises(ContentRefused, match="another agency"):
        await AsyncAlerts(led.shelter).claim(alert_id)
    with pytest.raises(NotFound):
        await AsyncAlerts(led.shelter).show("00" * 16)
    with pytest.raises(NotFound):
        await AsyncAlerts(led.shelter).show("no id")
    with pytest.raises(ContentRefused, match="ladder"):
        await led.raise_(ladder=(60, 30))
    with pytest.raises(ContentRefused):
        await AsyncAlerts(led.shelter).send(led.case, "no_such_code")


async def test_where_nobody_can_be_called_the_error_says_whom_to_phone(agencies: Agencies) -> None:
    async with make_led(agencies, leads=1) as led:
        (lead,) = led.leads
        (held,) = await face_of_cases(lead).list()
        with pytest.raises(NobodyToCall) as refused:
            await AsyncAlerts(lead).send(held.case_ref, "needs_lead_now")
        script = refused.value.script
        assert script is not None
        assert str(held.case_ref) in " ".join(script.lines)
        assert await AsyncAlerts(lead).list(open_only=False) == []
