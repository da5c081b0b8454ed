"""What could not be handed over ends with the release or agreement that allowed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.client.test_agreements import agree
from tests.controls import without

from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient


async def wait_beyond_the_end(agencies: Agencies) -> tuple[AsyncClient, AsyncClient]:
    """Write a text under an agreement of two days, while the relay is gone beyond them."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await agree(shelter, hospital, life=2 * DAY)
    agencies.clock.advance(DAY // SECOND)
    await shelter.sync()
    await hospital.sync()
    agencies.relay.offline = True
    sent = await shelter.messages.send("Under the agreement.", to="MERCY")
    assert sent.state in {"not_yet_sent", "sealed"}
    agencies.clock.advance(3 * DAY // 2 // SECOND)
    agencies.relay.offline = False
    await shelter.aclose()
    return await agencies.reopen(SHELTER), hospital


@pytest.mark.requirement("A14")
async def test_what_waited_for_longer_than_its_ground_does_not_go_out(agencies: Agencies) -> None:
    """A14: temporary disclosure ends by itself, also for what was on its way."""
    shelter, hospital = await wait_beyond_the_end(agencies)
    await shelter.sync()
    await hospital.sync()
    kinds = [held.content.type for held in await hospital.inbox()]
    assert "message.text" not in kinds
    assert [held.state for held in await shelter.outbox()][-1] == "withdrawing"


async def test_control_without_looking_at_the_end_it_goes_out(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.said_until:SaidUntil.list_over", lambda *_: [])
    shelter, hospital = await wait_beyond_the_end(agencies)
    await shelter.sync()
    await hospital.sync()
    kinds = [held.content.type for held in await hospital.inbox()]
    assert "message.text" in kinds
