"""Expiring: what stood on a release that is over is ordered to be deleted, once its grace is over.

For a week after its end a person is reminded (`ended`): the survivor may go on, by a new release.
If she does not, this device orders what was said on it to be deleted, as after a revocation, and
the order is attested and chased like any other.

Rules: nothing is ordered while another release for the same partner is live, or is to begin: then
she went on. The order bears the release's own id, so that of several devices all give the same one.
A release that was paused ends on its day all the same.

Spec: docs/spec/consent.md, "After the end".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.consent.ordering import list_said_under, make_orders, write_asked
from quietway.consent.rollback import ASKED
from quietway.consent.telling import compose_word, find_talk, is_casework
from quietway.consents import CONSENT, read_consents
from quietway.engine.codec import Fields
from quietway.policy.absolute import Stance
from quietway_schemas.ids import AgencyId, CaseRef
from quietway_schemas.instants import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.agent import Agent
    from quietway.consents import Side
    from quietway.errors import QuietwayError
    from quietway.policy.releases import Release
    from quietway_schemas.instants import Instant

GRACE_MS: Final = 7 * DAY
LOOKED_EVERY_MS: Final = HOUR
_ID_BYTES: Final = 16
_SAYS_A_GRANT: Final = b'"given_granted"'


@dataclass(slots=True)
class Expiries:
    """When this process looked for releases that are over, last; None for never."""

    looked: Instant | None = None


async def order_after_the_end(agent: Agent) -> list[QuietwayError]:
    """Order what stood on releases that are over for a week to be deleted; once an hour."""
    now, seen = agent.clock.now(), agent.expiries
    if seen.looked is not None and seen.looked <= now < seen.looked + LOOKED_EVERY_MS:
        return []
    seen.looked = now
    said = False
    for row in await agent.store.scan(CONSENT) if is_casework(agent) else ():
        if _SAYS_A_GRANT not in row.value:
            continue
        case, agency = CaseRef(row.key[:_ID_BYTES]), AgencyId(row.key[_ID_BYTES:])
        for held in list_over(read_consents(row.value).given, now):
            if not await _is_ordered(agent, held):
                said = await _order(agent, case, agency, held.consent_id) or said
    if said:
        await agent.send_what_waits()
    return []


def list_over(side: Side, now: Instant) -> Iterator[Release]:
    """List the releases of a direction that are over, and whose grace is over too."""
    releases = side.releases
    goes_on = any(held.stance is Stance.GRANTED and not held.is_over(now) for held in releases)
    if side.stance is Stance.ENDED or goes_on:
        return
    for held in releases:
        if held.stance is not Stance.ENDED and (held.until or now) + GRACE_MS <= now:
            yield held


async def _is_ordered(agent: Agent, release: Release) -> bool:
    """Say whether an order was given since this end of a release.

    It may have been amended since an earlier one. And a partner's word about an order that nobody
    gave yet, which it can make up from the id, is no order.
    """
    held = Fields(await agent.store.read(ASKED, release.consent_id) or b"{}")
    return bool(held.raw("case")) and held.number("at") >= (release.until or 0)


async def _order(agent: Agent, case: CaseRef, agency: AgencyId, consent_id: bytes) -> bool:
    alias = agent.cases.find(case, agency)
    if alias is None:
        return False
    targets = await list_said_under(agent, case, agency, consent_id)
    orders = make_orders(agent, alias, consent_id, targets, reason_code="consent_expired")
    if not orders:
        return False
    conversation = await find_talk(agent, case, agency)
    words = [compose_word(agent, order, agency, conversation) for order in orders]
    rows = [write_asked(agent, case, agency, order) for order in orders]
    async with agent.consent_turn:
        await agent.settle(*words, also=rows)
    return True
