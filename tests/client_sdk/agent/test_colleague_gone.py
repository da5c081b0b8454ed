"""A colleague's device is revoked while something for all of them is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

if TYPE_CHECKING:
    import pytest
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient


async def _write_while_one_is_revoked(agencies: Agencies) -> AsyncClient:
    """Seal a text for two colleagues, and revoke one of them before it goes out."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    staying = await link(agencies, shelter, "a second machine")
    gone = await link(agencies, shelter, "a third machine")
    await settle(shelter, hospital, staying, gone)
    agencies.relay.offline = True
    await shelter.messages.send("Are you there?", to="MERCY")
    agencies.relay.offline = False
    await shelter.devices.revoke(gone.device_id)
    for client in (shelter, hospital, staying, shelter, staying):
        await client.sync()
    return staying


async def test_the_others_have_it_though_one_mailbox_is_gone(agencies: Agencies) -> None:
    staying = await _write_while_one_is_revoked(agencies)
    assert [held.content.text for held in await staying.inbox()] == ["Are you there?"]


async def test_control_a_mailbox_that_is_gone_taken_for_a_lane_keeps_it_from_colleagues(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch,
        "quietway.agent:Agent._lacks_lane",
        lambda *given: given[-1].code == "not_found",
    )
    without(monkeypatch, "quietway.agent:Agent._has_left", lambda *_: False)
    staying = await _write_while_one_is_revoked(agencies)
    assert await staying.inbox() == []
