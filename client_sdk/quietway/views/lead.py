"""Who leads a case: exactly one agency, at every moment.

Who opened the case leads it, until it confirms the acceptance of an agency that it offered the lead
to. Neither an offer nor an acceptance moves anything, so the duty lies with the old lead until it
gave it away itself, to one. Only what was sealed counts for others.

Rules: `fold_lead` gives one lead for every set of messages, in whatever order they came. The lead
goes along the offers that are led, from one agency to the next; no clock of one agency is compared
with that of another, but for what third agencies are told.

Spec: docs/spec/cases.md, "The lead".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from quietway.views.lead_offers import ELSEWHERE, OfferedLead, find_led, find_lost, gather_offers
from quietway.views.timeline import order_case
from quietway_schemas.content.case import (
    LeadAccept,
    LeadAssign,
    LeadConfirm,
    LeadDecline,
    LeadOffer,
    LeadWithdraw,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

_SAID_OF_LEADS: Final = (
    LeadAccept,
    LeadAssign,
    LeadConfirm,
    LeadDecline,
    LeadOffer,
    LeadWithdraw,
)
_BEFORE_ALL: Final = -1


@dataclass(frozen=True, slots=True)
class Lead:
    """Who leads a case now.

    Attributes:
        agency: Which agency; None where nothing is left of what another agency said of a case that
            was not opened here. (Then it is another one: this agency leads by its own word alone.)
        role: Of the list `role`, where the lead named it; else empty.
        since: When it took the lead over; 0 where it has led from the start.
        offers: What it offers to other agencies and is neither closed nor ended by another one; it
            keeps the duty until it confirms one of them.
        went_elsewhere: Whether it said that the lead, which it had offered to this agency, went to
            another one. It is asked where.
        term: How often it led before, and gave the lead away, by what is known here.
    """

    agency: AgencyId | None
    role: str = ""
    since: Instant = 0
    offers: tuple[OfferedLead, ...] = ()
    went_elsewhere: bool = False
    term: int = 0

    @property
    def offer(self) -> OfferedLead | None:
        """The offer that came furthest: one that was accepted, else the last that was made."""
        accepted = [offer for offer in self.offers if offer.state == "accepted"]
        return next(iter(accepted or reversed(self.offers)), None)

    def find_out(self, now: Instant) -> tuple[OfferedLead, ...]:
        """Find the offers that may still be accepted, or were and await confirmation."""
        return tuple(offer for offer in self.offers if offer.is_out_at(now))

    def find_unasked(self, now: Instant) -> OfferedLead | None:
        """Find the acceptance that this device confirms by itself; None where a person decides.

        It offered it, and no other agency is asked.
        """
        out = self.find_out(now)
        if len({offer.to for offer in out}) != 1:
            return None
        ready = (offer for offer in out if offer.state == "accepted" and offer.made_here)
        return next(ready, None)


@dataclass(frozen=True, slots=True)
class LeadStory:
    """Who leads, and all offers there ever were.

    Attributes:
        lead: Who leads.
        offers: All offers, in the order of the timeline.
        term: This agency's own: how often it led before, and gave the lead away.
    """

    lead: Lead
    offers: tuple[OfferedLead, ...]
    term: int

    def find_lost(self, *, me: AgencyId, now: Instant) -> tuple[tuple[OfferedLead, Instant], ...]:
        """Find the offers that this device is to withdraw, each with since when."""
        leads = self.lead.agency == me
        return find_lost(self.offers, me=me, term=self.term, leads=leads, now=now)


@dataclass(frozen=True, slots=True)
class _Move:
    """A step of the lead from one agency to another, at its place in the timeline."""

    giver: AgencyId
    taker: AgencyId
    at: Instant
    place: int
    term: int | None = None
    role: str = ""


@dataclass(frozen=True, slots=True)
class _Tenure:
    agency: AgencyId | None
    since: Instant = 0
    place: int = _BEFORE_ALL
    role: str = ""
    terms: dict[AgencyId, int] = field(default_factory=dict)


def fold_lead(
    messages: Iterable[StoredMessage], *, me: AgencyId, opened_here: bool = False
) -> Lead:
    """Say who leads a case.

    Args:
        messages: What was said about it, in any order.
        me: This device's agency.
        opened_here: Whether this agency opened the case.
    """
    sent = (held for held in messages if held.message_id is not None)
    return tell_story(sent, me=me, opened_here=opened_here).lead


def tell_story(
    messages: Iterable[StoredMessage], *, me: AgencyId, opened_here: bool = False
) -> LeadStory:
    """Say who leads a case by all of these messages, also those that were not sent yet."""
    kept = list(messages)
    said = order_case(held for held in kept if isinstance(held.content, _SAID_OF_LEADS))
    offers = gather_offers(said)
    moves = [*_list_led(said, find_led(offers, me)), *_list_told(said, me)]
    tenure = _Tenure(_find_first(kept, me, opened_here=opened_here))
    while (move := _find_next(tenure, moves)) is not None:
        tenure = _go(tenure, move)
    return LeadStory(_show(tenure, said, offers, me), offers, _next_term(tenure, me))


def _find_first(kept: list[StoredMessage], me: AgencyId, *, opened_here: bool) -> AgencyId | None:
    # Whoever told of the case, and never this agency: its own word is not what made it the lead.
    told = (held for held in kept if held.agency != me)
    first = min(told, key=lambda held: (held.said_at, held.core_hash, held.key), default=None)
    return me if opened_here else None if first is None else first.agency


def _list_led(said: Sequence[StoredMessage], led: Iterable[OfferedLead]) -> Iterable[_Move]:
    places: dict[tuple[AgencyId, bytes], int] = {}
    for place, held in enumerate(said):
        if isinstance(held.content, LeadConfirm):
            places.setdefault((held.agency, held.content.offer_id), place)
    for offer in led:
        at, place = offer.confirmed_at or 0, places[offer.by, offer.offer_id]
        yield _Move(offer.by, offer.to, at, place, offer.term)


def _list_told(said: Sequence[StoredMessage], me: AgencyId) -> Iterable[_Move]:
    for place, held in enumerate(said):
        content = held.content
        if not isinstance(content, LeadAssign) or content.agency == held.agency:
            continue
        # Nobody is made the lead by what another one says: that takes one's own acceptance. And
        # what this agency told others was no news here.
        if me not in {held.agency, content.agency}:
            yield _Move(held.agency, content.agency, held.said_at, place, role=content.role)


def _find_next(tenure: _Tenure, moves: Iterable[_Move]) -> _Move | None:
    mine = [move for move in moves if move.giver == tenure.agency]
    term = _next_term(tenure, tenure.agency)
    led = [move for move in mine if move.term is not None and move.term >= term]
    told = [move for move in mine if move.term is None and move.place > tenure.place]
    # What was confirmed to this agency, or by it, says more than what it was told of others.
    return next(iter((*led, *told)), None)


def _go(tenure: _Tenure, move: _Move) -> _Tenure:
    terms = tenure.terms if move.term is None else tenure.terms | {move.giver: move.term}
    place = max(tenure.place, move.place)
    return _Tenure(move.taker, move.at, place, move.role, terms)


def _show(
    tenure: _Tenure,
    said: Sequence[StoredMessage],
    offers: tuple[OfferedLead, ...],
    me: AgencyId,
) -> Lead:
    agency = tenure.agency
    lead = Lead(agency, _find_role(tenure, said), tenure.since)
    if agency is None:
        return lead
    term = _next_term(tenure, agency)
    made = [offer for offer in offers if offer.by == agency and offer.term >= term]
    here = [offer.withdrawn_for for offer in made if offer.to == me]
    return replace(
        lead,
        offers=tuple(offer for offer in made if offer.state in {"accepted", "offered"}),
        went_elsewhere=here[-1:] == [ELSEWHERE],
        term=term,
    )


def _next_term(tenure: _Tenure, agency: AgencyId | None) -> int:
    return 0 if agency is None else tenure.terms.get(agency, _BEFORE_ALL) + 1


def _find_role(tenure: _Tenure, said: Sequence[StoredMessage]) -> str:
    named = [
        held.content.role
        for place, held in enumerate(said)
        if place > tenure.place
        and held.agency == tenure.agency
        and isinstance(held.content, LeadAssign)
        and held.content.agency == held.agency
    ]
    return named[-1] if named else tenure.role
