"""Lines of the list of what is due that come from cases, orders to delete, and agreements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.client.test_agreements import agree
from tests.client_sdk.consent.test_rollback import hold_a_referral
from tests.client_sdk.consent.worlds import CASE
from tests.client_sdk.two_agencies import line
from tests.controls import without

from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    import pytest
    from tests.client_sdk.agencies import Agencies
    from tests.client_sdk.two_agencies import Two

    from quietway import AsyncClient, Due


async def find_line(client: AsyncClient, source: str) -> Due | None:
    found = [held for held in await client.due.list() if held.source == source]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_case_is_due_on_the_day_that_its_review_named_and_not_before(two: Two) -> None:
    case = two.shelter.cases.open()
    two.refer(case_ref=case)
    review_at = two.shelter.now() + 10 * DAY
    two.shelter.cases.review(case, next_review=review_at, to="MERCY")
    assert line(two.shelter, "cases") is None
    two.sandbox.clock.advance(9 * DAY // SECOND)
    assert line(two.shelter, "cases") is None
    two.sandbox.clock.advance(2 * DAY // SECOND)
    due = line(two.shelter, "cases")
    assert due is not None
    assert (due.kind, due.subject, due.at) == ("review_case", str(case), review_at)
    # Another review: the line of the first one is gone.
    two.shelter.cases.review(case, to="MERCY")
    assert line(two.shelter, "cases") is None


def test_a_closed_case_is_not_due(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    case = two.shelter.cases.open()
    two.refer(case_ref=case)
    two.shelter.cases.review(case, next_review=two.shelter.now() + DAY, to="MERCY")
    two.shelter.cases.set_status(case, "closed", closure_reason="needs_met", to="MERCY")
    two.sandbox.clock.advance(2 * DAY // SECOND)
    assert line(two.shelter, "cases") is None
    # The control: its own state is not looked at.
    without(monkeypatch, "quietway.views.cases:_fold_states", lambda *_: {})
    two.shelter._client._agent.ledger._cards.clear()
    assert line(two.shelter, "cases") is not None


async def test_an_order_that_nobody_attested_is_chased_and_then_taken_further(
    agencies: Agencies,
) -> None:
    shelter, _ = await hold_a_referral(agencies)
    await shelter.consent.revoke(CASE)
    assert await find_line(shelter, "orders") is None
    (order,) = await shelter.consent.orders(CASE)
    agencies.clock.advance((order.due - shelter._agent.clock.now()) // SECOND + 1)
    due = await find_line(shelter, "orders")
    assert due is not None
    assert (due.kind, due.subject, due.at) == ("chase_order", str(CASE), order.due)
    agencies.clock.advance(4 * DAY // SECOND)
    due = await find_line(shelter, "orders")
    assert due is not None
    assert due.kind == "escalate_order"


async def test_an_agreement_is_due_thirty_days_before_its_review(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await agree(shelter, hospital, life=90 * DAY)
    assert await find_line(shelter, "agreements") is None
    (held,) = await shelter.agreements.list()
    ahead = held.review_by - 30 * DAY - shelter._agent.clock.now()
    agencies.clock.advance(ahead // SECOND - 1)
    assert await find_line(shelter, "agreements") is None
    agencies.clock.advance(2)
    due = await find_line(shelter, "agreements")
    assert due is not None
    assert (due.kind, due.subject, due.at) == ("review_agreement", drafted.name, held.review_by)
