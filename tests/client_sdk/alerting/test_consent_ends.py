"""Consent that ends while an alert is out: who can still take it, and who hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.alerting.led import Led, face_of_cases, listen, make_led

from quietway import AlertRaised, AlertUnanswered
from quietway.errors import NotFound
from quietway.faces.alerts import AsyncAlerts
from quietway.faces.consent import AsyncConsent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.client_sdk.agencies import Agencies


@pytest.fixture
async def led(agencies: Agencies) -> AsyncIterator[Led]:
    async with make_led(agencies) as made:
        yield made


async def test_an_alert_is_taken_although_those_called_share_nothing_more_of_the_case(
    led: Led,
) -> None:
    primary = led.leads[0]
    alert_id = await led.raise_()
    await led.sync()
    (case,) = await face_of_cases(primary).list()
    await AsyncConsent(primary).revoke(case.case_ref)
    await AsyncAlerts(primary).claim(alert_id)
    await led.sync()
    held = await AsyncAlerts(led.shelter).show(alert_id)
    assert held.holder is not None
    assert held.holder.device == primary.keyring.device


async def test_where_who_raised_it_shares_nothing_more_nobody_sees_it_and_they_are_alarmed(
    led: Led,
) -> None:
    primary, backup, _ = led.leads
    told = listen(led.shelter, AlertUnanswered)
    paged = listen(backup, AlertRaised)
    alert_id = await led.raise_()
    await led.sync()
    await AsyncConsent(led.shelter).pause(led.case)
    for _ in range(4):
        await led.sync()
        led.advance(4)
    with pytest.raises(NotFound):
        await AsyncAlerts(primary).claim(alert_id)
    assert paged == []
    await led.sync(led.shelter)
    assert [event.alert_id for event in told] == [alert_id]
    # What is shared again is seen again, and taken.
    await AsyncConsent(led.shelter).resume(led.case, "MERCY")
    await led.sync()
    await led.sync()
    assert [event.alert_id for event in paged] == [alert_id]
    await AsyncAlerts(primary).claim(alert_id)
