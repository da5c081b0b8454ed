"""Confirming and withdrawing: by a person, and what a device does about leads by itself.

At each pass a device confirms the acceptance of what it offered, where no other agency is asked;
and it withdraws what it offered or confirmed in a term that another confirmation ended. Both are
read from what was said, so a pass that was cut off is taken up by the next one.

Rules: nothing goes to an agency that was not offered the lead by a person. What may not be said to
it now stays in the list of what is due, and is tried at the next pass.

Spec: docs/spec/cases.md, "Who confirms".
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from quietway.errors import QuietwayError, StorageFull
from quietway.faces.casework import list_cards, read_case, say_of_case
from quietway.views.lead import tell_story
from quietway.views.lead_offers import ELSEWHERE
from quietway.views.timeline import case_of
from quietway_schemas.content.case import LeadConfirm, LeadOffer, LeadWithdraw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway.reports import Sent
    from quietway.views.lead import Lead, LeadStory
    from quietway.views.lead_offers import OfferedLead
    from quietway_schemas.ids import CaseRef
    from quietway_schemas.instants import Instant


class LeadSettler:
    """What one device does about leads by itself. It keeps nothing."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def go_on(self) -> list[QuietwayError]:
        """Confirm what needs no person, and withdraw what was lost. Reports, does not raise."""
        stories = await list_cards(self._agent, self._tell)
        for case, story in stories.items():
            try:
                await self._settle(case, story)
            except StorageFull as full:
                return [full]
            except QuietwayError:
                # A rule or a pause is in the way of one case; the due list shows it.
                continue
        return []

    async def _settle(self, case: CaseRef, story: LeadStory | None) -> None:
        if story is None:
            return
        agent, now = self._agent, self._agent.clock.now()
        me = agent.keyring.agency
        ready = story.lead.find_unasked(now) if story.lead.agency == me else None
        if ready is not None:
            await say_confirmed(agent, case, story.lead, ready, automatic=True)
        for offer, since in story.find_lost(me=me, now=now):
            await say_withdrawn(agent, case, [offer], since=since)

    def _tell(self, messages: tuple[StoredMessage, ...]) -> LeadStory | None:
        offer = next((held for held in messages if isinstance(held.content, LeadOffer)), None)
        case = None if offer is None else case_of(offer.content)
        return None if case is None else _tell_story(self._agent, case, messages)


async def read_story(
    agent: Agent, case: CaseRef | str
) -> tuple[CaseRef, list[StoredMessage], LeadStory]:
    """Read who leads a case, as this device has to act: what it wrote counts before it is sent.

    Raises:
        NotFound: This store knows no such case.
    """
    ref, messages = await read_case(agent, case)
    return ref, messages, _tell_story(agent, ref, messages)


async def say_confirmed(
    agent: Agent, case: CaseRef, lead: Lead, chosen: OfferedLead, *, automatic: bool = False
) -> Sent:
    """Confirm an acceptance, and withdraw what else is out, as of the same instant.

    Raises:
        QuietwayError: As `speaking.speak`. Nothing was said to anybody.
    """
    now = agent.clock.now()
    content = LeadConfirm(case_ref=case, offer_id=chosen.offer_id, at=now)
    sent = await say_of_case(agent, case, content, to=(chosen.to,), automatic=automatic)
    for offer in lead.find_out(now):
        if offer.to != chosen.to:
            # What can't be said now is found as lost, and said at a later pass.
            with suppress(QuietwayError):
                await say_withdrawn(agent, case, [offer], since=now)
    return sent


async def say_withdrawn(
    agent: Agent,
    case: CaseRef,
    offers: Iterable[OfferedLead],
    *,
    since: Instant,
    reason_code: str = ELSEWHERE,
) -> Sent:
    """Withdraw offers, one at least, as of an instant.

    Raises:
        ContentError: There is no such reason.
        QuietwayError: As `speaking.speak`.
    """
    said = [
        await say_of_case(
            agent,
            case,
            LeadWithdraw(case_ref=case, offer_id=offer.offer_id, reason_code=reason_code, at=since),
            to=(offer.to,),
            automatic=reason_code == ELSEWHERE,
        )
        for offer in offers
    ]
    return said[-1]


def _tell_story(agent: Agent, case: CaseRef, messages: Sequence[StoredMessage]) -> LeadStory:
    me = agent.keyring.agency
    return tell_story(messages, me=me, opened_here=agent.cases.find(case, me) is not None)
