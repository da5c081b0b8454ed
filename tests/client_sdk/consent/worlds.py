"""Releases for tests: what a survivor signed, as short as it can be said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.client_sdk.agencies import WHOLE_REFERRAL

from quietway.content import CaseRef

if TYPE_CHECKING:
    from quietway import AsyncClient, ConsentReport

CASE = CaseRef(b"\x07" * 16)
INFORMED = ("benefits", "risks", "alternatives", "may_withdraw", "not_condition_of_service")
SIGNED: dict[str, Any] = {
    "categories": ["identity", "narrative", "services", "status"],
    "purposes": ["safety_coordination", "service_referral"],
    "scopes": ["coordination_status", "safehouse"],
    "informed": INFORMED,
}
WHOLE = {**WHOLE_REFERRAL, "case_ref": CASE}
NAMED = {
    **WHOLE,
    "identity_mode": "identifying",
    "identifiability": "identifying",
    "disclosure_basis": "survivor_release",
}


async def release(client: AsyncClient, to: str = "MERCY", **changed: Any) -> ConsentReport:
    """Record a release of CASE that covers a referral with a name."""
    return await client.consent.grant(CASE, to, **{**SIGNED, **changed})


async def list_kinds(client: AsyncClient) -> list[str]:
    """List what a client shows of what it received, without the talk about consent."""
    kinds = [received.content.type for received in await client.inbox()]
    return [kind for kind in kinds if not kind.startswith(("consent.", "rollback.", "purge."))]
