"""Ordering: what goes with a revocation, so that whoever was told deletes what was said.

The order of a revocation bears its nonce as its id. So whoever learns of the revocation knows which
order it owes an answer to, also where the order itself went to others.

Spec: docs/spec/consent.md, "Rollback".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.consent.changing import list_about
from quietway.consent.purging import ROLLBACK_AFTER_MS
from quietway.consent.rollback import ASKED, note_order
from quietway.engine.codec import write_row
from quietway.ports import Put
from quietway_schemas.content.consent import MOST_TARGETS, ConsentRevoke, RollbackOrder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.agent import Agent
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef, MessageId

_ID_BYTES: Final = 16


async def list_orders_of(
    agent: Agent, case: CaseRef, agency: AgencyId, content: ContentModel
) -> Sequence[RollbackOrder]:
    """Give the orders that go with a revocation: of all, or of what stood on one release."""
    if not isinstance(content, ConsentRevoke):
        return []
    if content.consent_id is None:
        return [_make_order(agent, content.case_ref, content.nonce, ())]
    targets = await list_said_under(agent, case, agency, content.consent_id)
    return make_orders(agent, content.case_ref, content.nonce, targets)


def make_orders(
    agent: Agent,
    alias: CaseRef,
    first_id: bytes,
    targets: Sequence[MessageId],
    *,
    reason_code: str = "consent_revoked",
) -> list[RollbackOrder]:
    """Give the orders that name these messages: as many as it takes, none where there are none."""
    parts = [
        targets[start : start + MOST_TARGETS] for start in range(0, len(targets), MOST_TARGETS)
    ]
    return [
        _make_order(
            agent,
            alias,
            first_id if number == 0 else agent.entropy.draw(_ID_BYTES),
            tuple(part),
            reason_code=reason_code,
        )
        for number, part in enumerate(parts)
    ]


async def list_said_under(
    agent: Agent, case: CaseRef, agency: AgencyId, consent_id: bytes
) -> list[MessageId]:
    """List what this agency said to another one about a case on one release, sorted."""
    return sorted(
        held.message_id
        for held in await list_about(agent, case)
        if held.message_id is not None
        and held.agency == agent.keyring.agency
        and agency in held.to
        and getattr(held.content, "consent_id", None) == consent_id
    )


def write_asked(agent: Agent, case: CaseRef, agency: AgencyId, order: RollbackOrder) -> Put:
    """Give the row of an order that this device gives now."""
    row = write_row(**note_order(agent, case, agency, order, is_mine=True))
    return Put(ASKED, order.order_id, row)


def _make_order(
    agent: Agent,
    alias: CaseRef,
    order_id: bytes,
    targets: tuple[MessageId, ...],
    *,
    reason_code: str = "consent_revoked",
) -> RollbackOrder:
    return RollbackOrder(
        case_ref=alias,
        order_id=order_id,
        due=agent.clock.now() + ROLLBACK_AFTER_MS,
        reason_code=reason_code,
        targets=targets,
        nonce=agent.entropy.draw(_ID_BYTES),
    )
