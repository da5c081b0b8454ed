"""What stood on a release is ordered to be deleted a week after its end, unless she went on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.consent.worlds import CASE, NAMED, list_kinds, release
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient


async def _go_on(agencies: Agencies, days: int, *clients: AsyncClient) -> None:
    agencies.clock.advance(days * DAY // SECOND)
    await settle_all(*clients)


async def _let_a_release_end(agencies: Agencies, *, again: bool = False) -> AsyncClient:
    """Refer on a release of three days; look at it 11 days later. Returns the hospital."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await release(shelter, expires=agencies.clock.now() + 3 * DAY)
    await shelter.referrals.send("MERCY", **NAMED)
    await _go_on(agencies, 0, shelter, hospital)
    await _go_on(agencies, 5, shelter, hospital)
    assert await list_kinds(hospital) == ["referral.packet"]
    assert "ended" in [held.kind for held in await shelter.due.list()]
    if again:
        await release(shelter)
    await _go_on(agencies, 6, shelter, hospital)
    orders = await shelter.consent.orders(CASE)
    assert [held.state for held in orders] == ([] if again else ["done"])
    return hospital


@pytest.mark.requirement("A14", "A21")
async def test_what_stood_on_a_release_that_is_over_is_deleted(agencies: Agencies) -> None:
    """A14, A21: what was disclosed for a time is over by itself, at whoever holds it, too."""
    assert await list_kinds(await _let_a_release_end(agencies)) == []


async def test_where_she_went_on_by_a_new_release_nothing_is_ordered(agencies: Agencies) -> None:
    hospital = await _let_a_release_end(agencies, again=True)
    assert await list_kinds(hospital) == ["referral.packet"]


async def test_control_without_the_order_it_lies_there_for_a_year(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.expiring:list_over", lambda *_: ())
    with pytest.raises(AssertionError):
        await _let_a_release_end(agencies)


async def test_who_does_not_attest_it_stands_among_what_is_due(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await release(shelter, expires=agencies.clock.now() + 3 * DAY)
    await shelter.referrals.send("MERCY", **NAMED)
    await _go_on(agencies, 0, shelter, hospital)
    await _go_on(agencies, 11, shelter)
    await _go_on(agencies, 4, shelter)
    assert [held.kind for held in await shelter.due.list() if held.source == "orders"] == [
        "chase_order"
    ]
