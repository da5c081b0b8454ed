"""What each offer of a lead comes to: offered, accepted, led, void or closed.

The two agencies of an offer know the same messages about it once these have arrived, and its fate
depends on nothing else. So both come to the same, whatever else either of them knows.

Rules: an offer is known by its id and by who made it. A withdrawal and a confirmation are weighed
by the time that they name, the earliest of each. `find_lost` names what is to be withdrawn, so that
of two offers of one term one alone is left.

Spec: docs/spec/cases.md, "What an offer comes to" and "Who confirms".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway_schemas.content.case import (
    LeadAccept,
    LeadConfirm,
    LeadDecline,
    LeadOffer,
    LeadWithdraw,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

ELSEWHERE: Final = "led_elsewhere"
OfferState: TypeAlias = Literal["offered", "accepted", "closed", "void", "led"]
_Named: TypeAlias = "tuple[AgencyId, bytes]"
"""An offer: by whom, and its `offer_id`."""


@dataclass(frozen=True, slots=True)
class OfferedLead:
    """The lead, as it was offered to an agency.

    Attributes:
        offer_id: 16 bytes.
        to: To whom.
        reason_code: Why, a code of the list `lead_reason`.
        at: When, milliseconds since 1970-01-01T00:00:00Z.
        expires: Until when it may be accepted.
        by: By whom; it leads until it confirms.
        term: How often that agency led before.
        accepted_at: When it was accepted, or None. Nothing moves by that.
        confirmed_at: When that was confirmed, or None.
        declined_at: When it was declined, or None.
        withdrawn_at: Since when it stands no more, or None.
        withdrawn_for: Why, a code of the list `lead_reason`; else empty.
        made_here: Whether this device offered it.
        confirmed_here: Whether this device confirmed it.
    """

    offer_id: bytes
    to: AgencyId
    reason_code: str
    at: Instant
    expires: Instant
    by: AgencyId
    term: int
    accepted_at: Instant | None = None
    confirmed_at: Instant | None = None
    declined_at: Instant | None = None
    withdrawn_at: Instant | None = None
    withdrawn_for: str = ""
    # All devices show the same; which of them said it is no part of that.
    made_here: bool = field(default=False, compare=False)
    confirmed_here: bool = field(default=False, compare=False)

    @property
    def state(self) -> OfferState:
        """How it stands: `offered`; `accepted`, which awaits confirmation; or what it came to."""
        if self.confirmed_at is not None:
            is_void = self.withdrawn_at is not None and self.withdrawn_at <= self.confirmed_at
            return "void" if is_void else "led"
        if self.withdrawn_at is not None or self.declined_at is not None:
            return "closed"
        in_time = self.accepted_at is not None and self.accepted_at < self.expires
        return "accepted" if in_time else "offered"

    @property
    def is_from_here(self) -> bool:
        """Whether this device offered or confirmed it, and so withdraws it where it is lost."""
        return self.made_here or self.confirmed_here

    def is_out_at(self, now: Instant) -> bool:
        """Say whether it may still be accepted, or was and awaits confirmation."""
        return self.state == "accepted" or (self.state == "offered" and now < self.expires)


def gather_offers(said: Sequence[StoredMessage]) -> tuple[OfferedLead, ...]:
    """Gather all offers with what they came to, in the order in which they were made.

    Args:
        said: What was said of leads, in the order of the timeline.
    """
    offers: dict[_Named, OfferedLead] = {}
    for held in said:
        if isinstance(held.content, LeadOffer):
            offers.setdefault(_name(held.content, held.agency), _make(held, held.content))
    # An answer may stand before its offer where a clock runs ahead: it counts all the same.
    for held in said:
        for named in _find_meant(held, offers):
            offers[named] = _follow(offers[named], held)
    return tuple(offers.values())


def find_led(offers: Iterable[OfferedLead], me: AgencyId) -> tuple[OfferedLead, ...]:
    """Find the offers that a lead went along: of each term of each agency the earliest confirmed.

    Args:
        offers: What `gather_offers` gives.
        me: This device's agency; nobody else's word makes it a lead without its own acceptance.
    """
    first: dict[tuple[AgencyId, int], OfferedLead] = {}
    for offer in sorted(offers, key=_rank):
        if offer.state == "led" and (offer.to != me or offer.accepted_at is not None):
            first.setdefault((offer.by, offer.term), offer)
    return tuple(sorted(first.values(), key=lambda offer: offer.term))


def find_lost(
    offers: Sequence[OfferedLead], *, me: AgencyId, term: int, leads: bool, now: Instant
) -> tuple[tuple[OfferedLead, Instant], ...]:
    """Find the offers that this device is to withdraw, each with since when.

    Args:
        offers: What `gather_offers` gives.
        me: This device's agency.
        term: Its own: of the terms before, one offer each was led.
        leads: Whether it leads now, in that term.
        now: Milliseconds since 1970-01-01T00:00:00Z.
    """
    kept = tuple(offer for offer in offers if offer.by == me)
    winners = {led.term: led for led in find_led(kept, me) if led.term < term}
    # What is over because it never began: only on the word of whoever offered it.
    unbegun = any(offer.to == me and offer.state == "void" for offer in offers)
    lost = []
    for offer in kept:
        if offer.state != "led" and not offer.is_out_at(now):
            continue
        winner = winners.get(offer.term)
        if winner is not None and winner.confirmed_at is not None and winner.to != offer.to:
            if offer.is_from_here or winner.confirmed_here:
                lost.append((offer, winner.confirmed_at))
        elif offer.term >= term and not leads and unbegun and offer.is_from_here:
            lost.append((offer, offer.at))
    return tuple(lost)


def _name(content: LeadOffer | LeadConfirm | LeadWithdraw, by: AgencyId) -> _Named:
    # Whoever was offered the lead knows the id, and may say an offer of its own under it.
    return by, content.offer_id


def _find_meant(held: StoredMessage, offers: Mapping[_Named, OfferedLead]) -> Iterable[_Named]:
    """Find the offers that somebody speaks of: its own, or those that were made to it."""
    match held.content:
        case LeadConfirm() | LeadWithdraw() as said:
            return [_name(said, held.agency)] if _name(said, held.agency) in offers else []
        case LeadAccept() | LeadDecline() as said:
            return [
                named
                for named, offer in offers.items()
                if offer.offer_id == said.offer_id and offer.to == held.agency
            ]
        case _:
            return []


def _make(held: StoredMessage, content: LeadOffer) -> OfferedLead:
    return OfferedLead(
        offer_id=content.offer_id,
        to=content.to_agency,
        reason_code=content.reason_code,
        at=held.said_at,
        expires=content.expires,
        by=held.agency,
        term=content.term,
        made_here=not held.received,
    )


def _follow(offer: OfferedLead, held: StoredMessage) -> OfferedLead:
    content = held.content
    match content:
        case LeadAccept():
            return replace(offer, accepted_at=_earliest(offer.accepted_at, held.said_at))
        case LeadDecline():
            return replace(offer, declined_at=_earliest(offer.declined_at, held.said_at))
        case LeadConfirm():
            return replace(
                offer,
                confirmed_at=_earliest(offer.confirmed_at, content.at),
                confirmed_here=offer.confirmed_here or not held.received,
            )
        case LeadWithdraw():
            # Of several the one that says more: that another agency leads.
            says_where = ELSEWHERE in {content.reason_code, offer.withdrawn_for}
            return replace(
                offer,
                withdrawn_at=_earliest(offer.withdrawn_at, content.at),
                withdrawn_for=ELSEWHERE if says_where else content.reason_code,
            )
        case _:
            return offer


def _earliest(held: Instant | None, said: Instant) -> Instant:
    return said if held is None else min(held, said)


def _rank(offer: OfferedLead) -> tuple[Instant, bytes]:
    return offer.confirmed_at or 0, offer.offer_id
