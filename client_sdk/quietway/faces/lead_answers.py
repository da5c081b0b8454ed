"""Which offer a person speaks of: the one to accept, to decline, to confirm, to take back.

Each refusal says how the offer stands and what to do next.

Spec: docs/spec/cases.md, "What an offer comes to" and "Who confirms".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.errors import ContentRefused
from quietway.views.lead_offers import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.views.lead import Lead, LeadStory
    from quietway.views.lead_offers import OfferedLead
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant


def find_open(story: LeadStory, me: AgencyId, now: Instant) -> OfferedLead:
    """Find the offer that this agency may accept.

    Raises:
        ContentRefused: There is none, or none any more.
    """
    mine = [offer for offer in story.offers if offer.to == me]
    for offer in reversed(mine):
        if offer.by == story.lead.agency and offer.state == "offered" and now < offer.expires:
            return offer
    raise ContentRefused("offer", _explain(story.lead, mine))


def find_to_decline(story: LeadStory, me: AgencyId) -> OfferedLead:
    """Find the offer that this agency may decline: also one that it accepted.

    Raises:
        ContentRefused: There is none, or none any more.
    """
    found = [offer for offer in story.lead.offers if offer.to == me]
    if not found:
        raise ContentRefused("offer", _explain(story.lead, _list_of(story, me)))
    return found[-1]


def find_acceptance(lead: Lead, to: AgencyId | None) -> OfferedLead:
    """Find the acceptance that is to be confirmed.

    Raises:
        ContentRefused: There is none, or several agencies accepted and none of them is named.
    """
    accepted = [offer for offer in lead.offers if offer.state == "accepted"]
    found = [offer for offer in accepted if to in {None, offer.to}]
    if not found:
        raise ContentRefused("offer", "was not accepted by them: wait for their answer.")
    _demand_one(found)
    return found[0]


def find_offers_out(lead: Lead, to: AgencyId | None, now: Instant) -> list[OfferedLead]:
    """Find the offers that are to be taken back: those to one agency.

    Raises:
        ContentRefused: There is none, or several agencies were asked and none of them is named.
    """
    found = [offer for offer in lead.find_out(now) if to in {None, offer.to}]
    if not found:
        raise ContentRefused("offer", "is not there: nobody was asked, or it is over.")
    _demand_one(found)
    return found


def _list_of(story: LeadStory, me: AgencyId) -> list[OfferedLead]:
    return [offer for offer in story.offers if offer.to == me]


def _demand_one(found: Sequence[OfferedLead]) -> None:
    if len({offer.to for offer in found}) > 1:
        raise ContentRefused("to", "is missing: several agencies were asked, so name one.")


def _explain(lead: Lead, mine: Sequence[OfferedLead]) -> str:
    last = mine[-1] if mine else None
    if last is None or last.state == "led" or last.by != lead.agency:
        return "is not there: the lead was not offered to this agency."
    if last.state == "accepted":
        return "was accepted already: they lead until they confirm it, so call them."
    if last.withdrawn_for == ELSEWHERE:
        return "is over: the lead went to another agency, so ask them who leads."
    if last.withdrawn_at is not None:
        return "was taken back: ask the lead to offer it again."
    if last.declined_at is not None:
        return "was declined by this agency: ask the lead to offer it again."
    return "has ended: ask the lead to offer it again."
