"""`client.cases.lead`: who leads a case, and how that is handed over.

Spec: docs/spec/cases.md, "The lead".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import ContentRefused
from quietway.faces.casework import ID_BYTES, find_told, read_case, say_of_case, summarise
from quietway.faces.saying import saying_refusals
from quietway.speaking import find_partner
from quietway_schemas.content.case import LeadAccept, LeadAssign, LeadDecline, LeadOffer
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.lead import Lead, OfferedLead
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

USUAL_OFFER_MS: Final = 2 * DAY


class AsyncCaseLead:
    """Exactly one agency leads a case; it keeps the duty until another one accepts it."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def show(self, case: CaseRef | str) -> Lead:
        """Say who leads a case now, and what it offers.

        Raises:
            NotFound: This store knows no such case.
        """
        _, _, lead = await self._read(case)
        return lead

    async def offer(
        self,
        case: CaseRef | str,
        to: Addressee,
        *,
        reason_code: str,
        expires: Instant | None = None,
    ) -> Sent:
        """OfferedLead the lead to a partner. Nothing changes until it accepts.

        Args:
            case: One's own reference.
            to: The partner.
            reason_code: Of the list `lead_reason`.
            expires: Until when it may accept; two days from now where it is None.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: Another agency leads; or an offer to another one may still be accepted.
                Nothing was sealed.
        """
        ref, messages, lead = await self._read(case)
        partner, now = find_partner(self._agent, to), self._agent.clock.now()
        self._demand_lead(lead)
        if lead.offer is not None and lead.is_bound_at(now) and lead.offer.to != partner.agency_id:
            raise ContentRefused(
                "to",
                "is another agency than the one that may still accept: ask that one to decline.",
            )
        with saying_refusals():
            content = LeadOffer(
                case_ref=ref,
                offer_id=self._agent.entropy.draw(ID_BYTES),
                to_agency=partner.agency_id,
                reason_code=reason_code,
                offered_at=now,
                expires=now + USUAL_OFFER_MS if expires is None else expires,
            )
        told = await find_told(self._agent, messages, content, partner)
        return await say_of_case(self._agent, ref, content, to=told)

    async def accept(self, case: CaseRef | str) -> Sent:
        """Accept the lead that was offered to this agency: from now on it leads.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: Nothing is offered to this agency, or no more. Nothing was sealed.
        """
        ref, messages, lead = await self._read(case)
        now = self._agent.clock.now()
        by, offer = self._find_offer(lead)
        if offer.expires <= now:
            raise ContentRefused("offer", "has ended: ask the lead to offer it again.")
        content = LeadAccept(case_ref=ref, offer_id=offer.offer_id, at=now)
        told = await find_told(self._agent, messages, content, by)
        return await say_of_case(self._agent, ref, content, to=told)

    async def decline(self, case: CaseRef | str, *, reason_code: str) -> Sent:
        """Decline the lead that was offered to this agency: the other one goes on.

        Args:
            case: One's own reference.
            reason_code: Of the list `lead_reason`.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: Nothing is offered to this agency. Nothing was sealed.
        """
        ref, messages, lead = await self._read(case)
        by, offer = self._find_offer(lead)
        with saying_refusals():
            content = LeadDecline(
                case_ref=ref,
                offer_id=offer.offer_id,
                reason_code=reason_code,
                at=self._agent.clock.now(),
            )
        told = await find_told(self._agent, messages, content, by)
        return await say_of_case(self._agent, ref, content, to=told)

    async def assign(
        self,
        case: CaseRef | str,
        role: str,
        *,
        reason_code: str = "first_contact",
        to: Addressee | Iterable[Addressee] | None = None,
    ) -> Sent:
        """Say that this agency leads, and in which role.

        Args:
            case: One's own reference.
            role: Of the list `role`.
            reason_code: Of the list `lead_reason`.
            to: The partners who are told; all that the case is spoken of with where it is None.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: Another agency leads: it offers, and this one accepts. Nothing was
                sealed.
        """
        ref, messages, lead = await self._read(case)
        self._demand_lead(lead)
        with saying_refusals():
            content = LeadAssign(
                case_ref=ref,
                agency=self._agent.keyring.agency,
                role=role,
                reason_code=reason_code,
                at=self._agent.clock.now(),
            )
        told = await find_told(self._agent, messages, content, to)
        return await say_of_case(self._agent, ref, content, to=told)

    async def tell(
        self, case: CaseRef | str, role: str, *, to: Addressee | Iterable[Addressee]
    ) -> Sent:
        """Tell partners that saw no acceptance who leads now, after this agency handed it over.

        It names an agency that works on the case, so it is a person's decision whom to tell.

        Args:
            case: One's own reference.
            role: Of the list `role`.
            to: The partners; not the one that leads.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: It is the lead's own affair, or a code breaks a rule. Nothing was
                sealed.
        """
        ref, messages, lead = await self._read(case)
        if lead.agency is None:
            raise ContentRefused("lead", "is not known here any more: ask who leads.")
        with saying_refusals():
            content = LeadAssign(
                case_ref=ref,
                agency=lead.agency,
                role=role,
                reason_code="main_service",
                at=self._agent.clock.now(),
            )
        told = await find_told(self._agent, messages, content, to)
        if lead.agency in told:
            raise ContentRefused("to", "names the lead: it knows.")
        return await say_of_case(self._agent, ref, content, to=told)

    async def _read(self, case: CaseRef | str) -> tuple[CaseRef, list[StoredMessage], Lead]:
        ref, messages = await read_case(self._agent, case)
        return ref, messages, summarise(self._agent, ref, messages).lead

    def _demand_lead(self, lead: Lead) -> None:
        if lead.agency != self._agent.keyring.agency:
            raise ContentRefused("lead", "is another agency's: ask it to offer the lead.")

    def _find_offer(self, lead: Lead) -> tuple[AgencyId, OfferedLead]:
        offer, me = lead.offer, self._agent.keyring.agency
        if lead.agency is None or offer is None or offer.to != me:
            raise ContentRefused("offer", "is not there: the lead was not offered to this agency.")
        return lead.agency, offer
