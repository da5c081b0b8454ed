"""`client.cases.lead`: who leads a case, and how that is handed over.

Spec: docs/spec/cases.md, "The lead".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from quietway.errors import ContentRefused
from quietway.faces.casework import ID_BYTES, find_told, read_case, say_of_case, summarise
from quietway.faces.lead_answers import find_acceptance, find_offers_out, find_open, find_to_decline
from quietway.faces.lead_settling import LeadSettler, read_story, say_confirmed, say_withdrawn
from quietway.faces.saying import saying_refusals
from quietway.speaking import find_partner
from quietway_schemas.content.case import LeadAccept, LeadAssign, LeadDecline, LeadOffer
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.errors import QuietwayError
    from quietway.records import StoredMessage
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.lead import Lead
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

USUAL_OFFER_MS: Final = 2 * DAY


class AsyncCaseLead:
    """Exactly one agency leads a case; it keeps the duty until it confirms whom it goes to."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        # What a person does and what goes on by itself never decide at once.
        self._turn = asyncio.Lock()
        self._settler = LeadSettler(agent)
        agent.errands_of_cases.append(self._go_on)

    async def show(self, case: CaseRef | str) -> Lead:
        """Say who leads a case now, and what it offers.

        Raises:
            NotFound: This store knows no such case.
        """
        ref, messages = await read_case(self._agent, case)
        return summarise(self._agent, ref, messages).lead

    async def offer(
        self,
        case: CaseRef | str,
        to: Addressee,
        *,
        reason_code: str,
        expires: Instant | None = None,
    ) -> Sent:
        """Offer the lead to a partner. Nothing changes until it accepts and that is confirmed.

        Once it accepted, this device confirms by itself where no other agency was asked.

        Args:
            case: One's own reference.
            to: The partner.
            reason_code: Of the list `lead_reason`.
            expires: Until when it may accept; two days from now where it is None.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: Another agency leads; or an offer to another one stands. Nothing was
                sealed.
        """
        async with self._turn:
            ref, messages, story = await read_story(self._agent, case)
            partner, now = find_partner(self._agent, to), self._agent.clock.now()
            self._demand_lead(story.lead)
            if any(held.to != partner.agency_id for held in story.lead.find_out(now)):
                raise ContentRefused(
                    "to",
                    "is another agency than the one that may still accept: withdraw that offer.",
                )
            with saying_refusals():
                content = LeadOffer(
                    case_ref=ref,
                    offer_id=self._agent.entropy.draw(ID_BYTES),
                    to_agency=partner.agency_id,
                    term=story.term,
                    reason_code=reason_code,
                    offered_at=now,
                    expires=now + USUAL_OFFER_MS if expires is None else expires,
                )
            told = await find_told(self._agent, messages, content, partner)
            return await say_of_case(self._agent, ref, content, to=told)

    async def withdraw(
        self, case: CaseRef | str, *, reason_code: str, to: Addressee | None = None
    ) -> Sent:
        """Take an offer back; an acceptance of it that was not confirmed moves nothing any more.

        Args:
            case: One's own reference.
            reason_code: Of the list `lead_reason`.
            to: Whose offer; the only one that stands where it is None.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: Another agency leads, no such offer stands, or several agencies were
                asked and none is named. Nothing was sealed.
        """
        async with self._turn:
            ref, _, story = await read_story(self._agent, case)
            self._demand_lead(story.lead)
            now = self._agent.clock.now()
            offers = find_offers_out(story.lead, self._find(to), now)
            with saying_refusals():
                return await say_withdrawn(
                    self._agent, ref, offers, since=now, reason_code=reason_code
                )

    async def accept(self, case: CaseRef | str) -> Sent:
        """Accept the lead that was offered to this agency; it leads once that is confirmed.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: Nothing is offered to this agency, or no more. Nothing was sealed.
        """
        async with self._turn:
            ref, messages, story = await read_story(self._agent, case)
            now = self._agent.clock.now()
            offer = find_open(story, self._agent.keyring.agency, now)
            content = LeadAccept(case_ref=ref, offer_id=offer.offer_id, at=now)
            told = await find_told(self._agent, messages, content, offer.by)
            return await say_of_case(self._agent, ref, content, to=told)

    async def confirm(self, case: CaseRef | str, *, to: Addressee | None = None) -> Sent:
        """Confirm one acceptance: that agency leads from now on, and the others are told so.

        A device does it by itself for what it offered, where no other agency was asked.

        Args:
            case: One's own reference.
            to: Whose acceptance; the only one where it is None.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: Another agency leads, nobody accepted, or several did and none is named.
                Nothing was sealed.
        """
        async with self._turn:
            ref, _, story = await read_story(self._agent, case)
            self._demand_lead(story.lead)
            chosen = find_acceptance(story.lead, self._find(to))
            return await say_confirmed(self._agent, ref, story.lead, chosen)

    async def decline(self, case: CaseRef | str, *, reason_code: str) -> Sent:
        """Decline the lead that was offered to this agency: the other one goes on.

        What was accepted may be declined as long as it is not confirmed.

        Args:
            case: One's own reference.
            reason_code: Of the list `lead_reason`.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: Nothing is offered to this agency. Nothing was sealed.
        """
        async with self._turn:
            ref, messages, story = await read_story(self._agent, case)
            offer = find_to_decline(story, self._agent.keyring.agency)
            with saying_refusals():
                content = LeadDecline(
                    case_ref=ref,
                    offer_id=offer.offer_id,
                    reason_code=reason_code,
                    at=self._agent.clock.now(),
                )
            told = await find_told(self._agent, messages, content, offer.by)
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
        """Tell partners that saw no confirmation who leads now, after this agency handed it over.

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

    async def _go_on(self) -> list[QuietwayError]:
        async with self._turn:
            return await self._settler.go_on()

    async def _read(self, case: CaseRef | str) -> tuple[CaseRef, list[StoredMessage], Lead]:
        ref, messages = await read_case(self._agent, case)
        return ref, messages, summarise(self._agent, ref, messages).lead

    def _find(self, named: Addressee | None) -> AgencyId | None:
        return None if named is None else find_partner(self._agent, named).agency_id

    def _demand_lead(self, lead: Lead) -> None:
        if lead.agency != self._agent.keyring.agency:
            raise ContentRefused("lead", "is another agency's: ask it to offer the lead.")
