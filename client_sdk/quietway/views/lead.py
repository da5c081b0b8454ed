"""Who leads a case: exactly one agency, at every moment.

Who opened the case leads it, until an agency accepts what the lead offered to it. An offer moves
nothing, so the duty lies with the old lead for as long as nobody took it over. Only what was sealed
counts: an acceptance that its author has not sent binds nobody.

Rules: `fold_lead` gives one lead for every set of messages. That no two agencies ever accept two
offers is the offering side's affair: `Lead.is_bound_at` says until when an offer may be accepted.

Spec: docs/spec/cases.md, "The lead".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from quietway.views.timeline import order_case
from quietway_schemas.content.case import LeadAccept, LeadAssign, LeadDecline, LeadOffer
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

ON_ITS_WAY_MS: Final = EnvelopeClass.CASE.life_ms + 2 * HOUR
"""So long after an offer's end an acceptance from before it can still arrive."""
_SAID_OF_LEADS: Final = (LeadAssign, LeadOffer, LeadAccept, LeadDecline)


@dataclass(frozen=True, slots=True)
class OfferedLead:
    """The lead, as it was offered to an agency and not answered yet.

    Attributes:
        offer_id: 16 bytes.
        to: To whom.
        reason_code: Why, a code of the list `lead_reason`.
        at: When.
        expires: Until when it may be accepted.
    """

    offer_id: bytes
    to: AgencyId
    reason_code: str
    at: Instant
    expires: Instant


@dataclass(frozen=True, slots=True)
class Lead:
    """Who leads a case now.

    Attributes:
        agency: Which agency; None where nothing is left of what another agency said of a case that
            was not opened here. (Then it is another one: this agency leads by its own word alone.)
        role: Of the list `role`, where the lead named it; else empty.
        since: When it took the lead over; 0 where it has led from the start.
        offer: What it offers to another agency; it keeps the duty until that accepts.
    """

    agency: AgencyId | None
    role: str = ""
    since: Instant = 0
    offer: OfferedLead | None = None

    def is_bound_at(self, now: Instant) -> bool:
        """Say whether an acceptance of its offer can still arrive."""
        return self.offer is not None and now < self.offer.expires + ON_ITS_WAY_MS


def fold_lead(
    messages: Iterable[StoredMessage], *, me: AgencyId, opened_here: bool = False
) -> Lead:
    """Say who leads a case.

    Args:
        messages: What was said about it, in any order.
        me: This device's agency.
        opened_here: Whether this agency opened the case.
    """
    sent = [held for held in messages if held.message_id is not None]
    said = order_case(held for held in sent if isinstance(held.content, _SAID_OF_LEADS))
    lead = _begin(sent, me, opened_here=opened_here)
    for held in said:
        lead = _follow(lead, held, me)
    return lead


def _begin(sent: list[StoredMessage], me: AgencyId, *, opened_here: bool) -> Lead:
    # Whoever told of the case, and never this agency: its own word is not what made it the lead.
    told = (held for held in sent if held.agency != me)
    first = min(told, key=lambda held: (held.said_at, held.core_hash, held.key), default=None)
    return Lead(me if opened_here else None if first is None else first.agency)


def _follow(lead: Lead, held: StoredMessage, me: AgencyId) -> Lead:
    content, at, offer = held.content, held.said_at, lead.offer
    says_lead = held.agency == lead.agency
    says_offered = offer is not None and held.agency == offer.to
    match content:
        case LeadOffer() if says_lead:
            made = OfferedLead(
                content.offer_id, content.to_agency, content.reason_code, at, content.expires
            )
            return replace(lead, offer=made)
        case LeadAccept() if says_offered and offer is not None and at < offer.expires:
            return Lead(offer.to, since=at) if content.offer_id == offer.offer_id else lead
        case LeadDecline() if says_offered and offer is not None:
            return replace(lead, offer=None) if content.offer_id == offer.offer_id else lead
        case LeadAssign() if says_lead and content.agency == lead.agency:
            return replace(lead, role=content.role)
        # Nobody is made the lead by what another one says: that takes one's own acceptance.
        case LeadAssign() if says_lead and content.agency != me:
            return Lead(content.agency, content.role, at)
        case _:
            return lead
