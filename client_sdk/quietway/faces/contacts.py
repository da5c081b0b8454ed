"""`client.contacts`: whom to reach at an agency and by which way; and what contact there was.

Spec: docs/spec/contacts.md; docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from quietway.calendars import read_agencies
from quietway.contact_log import list_contacts, list_contacts_of
from quietway.errors import ContentRefused
from quietway.faces.casework import read_case, say_of_case
from quietway.faces.saying import saying_refusals
from quietway.history import list_around
from quietway.partner_standing import NAMES
from quietway.policy.absolute import Stance
from quietway.policy.calendar import BusinessCalendar
from quietway.policy.channels import deviates
from quietway.policy.proposing import propose
from quietway.roles import keep_readable
from quietway.speaking import find_agencies, find_partner, list_partners, speak
from quietway.standing import QUESTION
from quietway.views.agencies import AgencyEntry, fold_agencies, list_missing, name_current
from quietway.views.contact_log import fold_agenda, fold_questions
from quietway_schemas.content.contact import (
    AfterHours,
    AgencyProfile,
    ClarificationRequest,
    ContactLog,
    ContactSlot,
    DirectoryContact,
    SystemProblem,
)

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.policy.proposing import ChannelProposal
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.agencies import AgencyGap
    from quietway.views.contact_log import AgendaItem, Clarification, ContactEntry
    from quietway_schemas.content.base import CaseContent, ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

_ID_BYTES: Final = 16


class AsyncContacts:
    """Contacts of agencies, the ways to reach them, and the log of contact with them."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def publish(
        self,
        slots: Iterable[ContactSlot],
        after_hours: AfterHours,
        *,
        valid_from: Instant | None = None,
    ) -> Sent:
        """Tell all partners whom to reach here. It says all of it: the former contacts are gone.

        Args:
            slots: Exactly one `primary`, and at least one `backup` who is somebody else.
            after_hours: What to do when nobody is there.
            valid_from: Now, where it is None.

        Raises:
            ContentRefused: The contacts break a rule, or there is no partner. Nothing was sealed.
        """
        with saying_refusals():
            content = DirectoryContact(
                slots=tuple(slots),
                after_hours=after_hours,
                valid_from=self._agent.clock.now() if valid_from is None else valid_from,
                nonce=self._agent.entropy.draw(_ID_BYTES),
            )
        return await self._tell_all(content)

    async def publish_profile(self, **fields: Any) -> Sent:
        """Tell all partners what this agency does and how soon. It says all of it.

        Args:
            **fields: Those of `AgencyProfile`, without `nonce` and `supersedes`; `time_zone` and
                `country` at least.

        Raises:
            ContentRefused: A field breaks a rule, no calendar is known for the zone or the country,
                or there is no partner. Nothing was sealed.
        """
        nonce = self._agent.entropy.draw(_ID_BYTES)
        with saying_refusals():
            content = AgencyProfile.model_validate({**fields, "nonce": nonce})
        BusinessCalendar(content.time_zone, content.country, content.subdivision)
        return await self._tell_all(content)

    async def show(self, partner: Addressee | None = None) -> AgencyEntry:
        """Show what a partner says of itself; this agency where None is given.

        Raises:
            UnknownPartner: There is no such partner.
        """
        me = self._agent.keyring.agency
        wanted = me if partner is None else find_partner(self._agent, partner).agency_id
        return next(entry for entry in await self.list() if entry.agency == wanted)

    async def list(self) -> builtins.list[AgencyEntry]:
        """List what this agency and its partners say of themselves, this one first."""
        return fold_agencies(await self._agent.ledger.standing(), self._list_codes())

    async def missing(self) -> builtins.list[AgencyGap]:
        """List what is missing: contacts, profiles, partners that were not told, what is old."""
        messages = await self._agent.ledger.standing()
        return list_missing(
            fold_agencies(messages, self._list_codes()),
            messages,
            me=self._agent.keyring.agency,
            now=self._agent.clock.now(),
        )

    async def propose_channel(
        self, partner: Addressee, purpose_code: str, time_sensitivity: str = "standard"
    ) -> ChannelProposal:
        """Propose by which way to reach a partner now, whom, and until when it answers.

        Raises:
            UnknownPartner: There is no such partner.
            ContentRefused: There is no such purpose or urgency.
        """
        agency = find_partner(self._agent, partner).agency_id
        book = await read_agencies(self._agent)
        with saying_refusals():
            return propose(
                purpose_code,
                time_sensitivity,
                contacts=book.contacts.get(agency),
                calendar=book.find_calendar(agency)[0],
                promised=book.find_windows(agency),
                now=self._agent.clock.now(),
            )

    async def log(
        self,
        *,
        partner: Addressee | None = None,
        case: CaseRef | str | None = None,
        limit: int | None = None,
    ) -> builtins.list[ContactEntry]:
        """List the contacts with other agencies, oldest first.

        Args:
            partner: Only those with this one.
            case: Only those about this case, by one's own reference.
            limit: Only so many, those that this store came to know last; None for all.

        Raises:
            UnknownPartner: There is no such partner.
            NotFound: This store knows no such case.
        """
        agency = None if partner is None else find_partner(self._agent, partner).agency_id
        if case is None:
            return await list_contacts(self._agent, agency=agency, limit=limit)
        messages = (await read_case(self._agent, case))[1]
        return list_contacts_of(self._agent, messages, agency=agency, limit=limit)

    async def log_call(
        self,
        partner: Addressee,
        interaction_type: str,
        purpose_code: str,
        outcome_code: str,
        *,
        case: CaseRef | str | None = None,
        at: Instant | None = None,
        time_sensitivity: str = "standard",
        deviation: str | None = None,
        duration_min: int | None = None,
        note: str | None = None,
    ) -> Sent:
        """Log contact that left no message: a call, a meeting, an e-mail. The partner logs it too.

        Args:
            partner: Whom it was with.
            interaction_type: How, of that list.
            purpose_code: What for, of that list.
            outcome_code: What came of it, of the list `contact_outcome`.
            case: About which case, by one's own reference.
            at: When; now, where it is None.
            time_sensitivity: How soon it had to be.
            deviation: Why it was another way than the one proposed, of the list
                `channel_deviation`; asked for there, and only there.
            duration_min: How long it took.
            note: At most 280 characters.

        Raises:
            UnknownPartner: There is no such partner.
            NotFound: This store knows no such case.
            ContentRefused: A code breaks a rule, or the reason of a deviation is missing. Nothing
                was sealed.
        """
        agency = find_partner(self._agent, partner)
        with saying_refusals():
            other_way = deviates(interaction_type, purpose_code, time_sensitivity)
        if other_way != (deviation is not None):
            raise ContentRefused(
                "deviation",
                "is missing: say why it was another way than the one proposed."
                if other_way
                else "is given, and this is the way that is proposed: leave it out.",
            )
        with saying_refusals():
            content = ContactLog(
                at=self._agent.clock.now() if at is None else at,
                interaction_type=interaction_type,
                purpose_code=purpose_code,
                outcome_code=outcome_code,
                parties=tuple(sorted({self._agent.keyring.agency_code, agency.agency_code})),
                duration_min=duration_min,
                note=note,
                time_sensitivity=time_sensitivity,
                deviation=deviation,
            )
        return await self._say(content, agency.agency_id, case)

    async def ask(
        self,
        partner: Addressee,
        topic_code: str,
        text: str,
        *,
        case: CaseRef | str | None = None,
        cross_cutting: bool = False,
        time_sensitivity: str = "standard",
    ) -> Sent:
        """Ask a partner's liaison what something means. An answer is due within its window.

        Args:
            partner: Whom.
            topic_code: What about, of the list `clarification_topic`.
            text: At most 280 characters.
            case: About which case, by one's own reference; most concern none.
            cross_cutting: Put it on the partnership's agenda.
            time_sensitivity: How soon, of that list.

        Raises:
            UnknownPartner: There is no such partner.
            NotFound: This store knows no such case.
            ContentRefused: A code or the text breaks a rule. Nothing was sealed.
        """
        agency = find_partner(self._agent, partner).agency_id
        with saying_refusals():
            content = ClarificationRequest(
                topic_code=topic_code,
                text=text,
                cross_cutting=cross_cutting,
                time_sensitivity=time_sensitivity,
            )
        return await self._say(content, agency, case)

    async def questions(self) -> builtins.list[Clarification]:
        """List what was asked between this agency and others, oldest first."""
        messages = keep_readable(self._agent, await list_around(self._agent, QUESTION))
        return fold_questions(messages, me=self._agent.keyring.agency)

    async def report_problem(
        self,
        code: str,
        text: str,
        *,
        to: Addressee | Iterable[Addressee] | None = None,
        agenda: bool = False,
    ) -> Sent:
        """Tell partners that something is wrong with the program. Name no case and no person.

        Args:
            code: Of the list `system_problem`.
            text: At most 280 characters.
            to: Whom; all partners where it is None.
            agenda: Put it on the partnership's agenda.

        Raises:
            ContentRefused: The code or the text breaks a rule, or there is no partner. Nothing was
                sealed.
        """
        with saying_refusals():
            content = SystemProblem(code=code, text=text, agenda=agenda)
        agencies = self._list_told() if to is None else find_agencies(self._agent, to)
        return await self._tell_each(dict.fromkeys(agencies, content))

    async def agenda(self) -> builtins.list[AgendaItem]:
        """List what is for the partnership's next meeting, oldest first."""
        return fold_agenda(keep_readable(self._agent, await self._agent.ledger.standing()))

    def _list_codes(self) -> dict[AgencyId, str]:
        keyring = self._agent.keyring
        partners = {held.agency_id: held.agency_code for held in list_partners(self._agent)}
        return {keyring.agency: keyring.agency_code, **partners}

    def _list_told(self) -> builtins.list[AgencyId]:
        """List the partners that something can be said to now."""
        # One that nothing may be sealed to keeps nobody else from being told; `missing` names it.
        return [
            held.agency_id
            for held in list_partners(self._agent)
            if held.stance == NAMES[Stance.GRANTED]
            and not held.removed
            and self._agent.directory.hindrance(held.agency_id, self._agent.clock.now())
            != "identity_changed"
        ]

    async def _tell_all(self, content: DirectoryContact | AgencyProfile) -> Sent:
        messages, me = await self._agent.ledger.standing(), self._agent.keyring.agency
        return await self._tell_each(
            {
                agency: content.model_copy(
                    update={"supersedes": name_current(messages, type(content), me=me, to=agency)}
                )
                for agency in self._list_told()
            }
        )

    async def _tell_each(self, contents: dict[AgencyId, ContentModel]) -> Sent:
        # A message to each, so that a large partnership needs no audience of everyone.
        if not contents:
            raise ContentRefused("to", "names nobody: add a partner first.")
        said = [
            await speak(self._agent, content, to=[agency]) for agency, content in contents.items()
        ]
        return next((sent for sent in said if sent.problem is not None), said[0])

    async def _say(
        self, content: CaseContent, agency: AgencyId, case: CaseRef | str | None
    ) -> Sent:
        if case is None:
            return await speak(self._agent, content, to=[agency])
        ref, messages = await read_case(self._agent, case)
        return await say_of_case(self._agent, ref, content, to=[agency], messages=messages)
