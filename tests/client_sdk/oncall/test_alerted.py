"""An alert reaches whom the rota names: also behind a lock, and also without whoever left."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from tests.controls import without

from quietway import AlertRaised
from quietway.oncall.tiers import NOBODY
from quietway.testing.sandbox import PASSPHRASE

if TYPE_CHECKING:
    from tests.client_sdk.oncall.office import Office

    from quietway import AsyncClient, AsyncLockedDevice
    from quietway_schemas.ids import CaseRef


async def share_case(office: Office) -> CaseRef:
    """Let the shelter lead a case that the hospital knows; gives the hospital's name for it."""
    opened = await office.first.cases.open()
    await office.first.status.set("contact_pending", to="MERCY", case_ref=opened)
    await office.settle()
    (held,) = await office.hospital.cases.list()
    return held.case_ref


async def be_woken(locked: AsyncLockedDevice) -> int:
    async with aclosing(locked.wakes()) as woken:
        return await anext(woken)


async def is_paged(client: AsyncClient) -> bool:
    told: list[AlertRaised] = []
    client._agent.listeners.append(
        lambda event: told.append(event) if isinstance(event, AlertRaised) else None
    )
    await client.sync()
    client._agent.listeners.pop()
    return bool(told)


@pytest.mark.requirement("D06", "C48")
async def test_a_locked_primary_is_woken_by_an_alert_unlocks_and_claims_it(office: Office) -> None:
    """D06: on-call leads receive crisis notifications. C48: by the on-call schedule."""
    case = await share_case(office)
    await office.first.oncall.set_rota(office.rota((1, "Mon 00:00", "Mon 00:00")))
    await office.settle()
    locked = await office.second.lock(rings=True)
    await office.first.sync()
    waking = asyncio.ensure_future(be_woken(locked))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waking.done()
    sent = await office.hospital.alerts.send(case, "needs_lead_now")
    await asyncio.wait_for(waking, 30)
    # The backup is not called before it is the backup's turn.
    assert not await is_paged(office.first)
    async with await locked.unlock(PASSPHRASE) as again:
        assert await is_paged(again)
        await again.alerts.claim(sent.alert_id)
        await office.hospital.sync()
        shown = await office.hospital.alerts.show(sent.alert_id)
        assert (shown.state, shown.confirmed) == ("claimed", True)
        assert [claim.device for claim in shown.claims] == [office.second_id]


async def test_without_the_rota_whoever_has_the_role_would_be_called_at_any_hour(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await share_case(office)
    await office.first.oncall.set_rota(office.rota((1, "Mon 00:00", "Mon 00:00")))
    await office.settle()
    without(monkeypatch, "quietway.oncall.reaching:find_scheduled", lambda *_: NOBODY)
    await office.hospital.alerts.send(case, "needs_lead_now")
    assert await is_paged(office.first)


async def test_a_primary_that_was_revoked_is_passed_over_at_once(office: Office) -> None:
    case = await share_case(office)
    await office.first.oncall.set_rota(office.rota((1, "Mon 00:00", "Mon 00:00")))
    await office.settle()
    await office.first.devices.revoke(office.second_id)
    await office.hospital.sync()
    await office.hospital.alerts.send(case, "needs_lead_now")
    assert await is_paged(office.first)
