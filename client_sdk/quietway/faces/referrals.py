"""Referrals: sent, answered, followed, routed.

Spec: docs/reference/sdk.md; docs/spec/referrals.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.calendars import read_agencies
from quietway.errors import ContentRefused, NotFound
from quietway.exercises import keep_live, keep_of
from quietway.faces.referring import Request, build_packet, count_feedback, find_warnings
from quietway.faces.routing import Choice, find_referral, name_case, route_referral
from quietway.faces.saying import saying_refusals
from quietway.history import list_messages, list_tagged
from quietway.naming import find_alias
from quietway.roles import keep_readable
from quietway.speaking import find_partner, speak
from quietway.standing import OF_ANY_REFERRAL
from quietway.views.advocates import AdvocateWait, fold_advocates
from quietway.views.referrals import fold_referrals
from quietway_schemas.codebook.lists import entries
from quietway_schemas.content.coordination import AdvocateRequest, ServiceUptake
from quietway_schemas.content.referral import (
    ReferralAck,
    ReferralAnswer,
    ReferralCancel,
    ReferralFeedback,
    ReferralOutcome,
    ReferralPacket,
    ReferralReopen,
)
from quietway_schemas.content.referral_states import STATES_OF_TYPE, check_transition
from quietway_schemas.errors import IdError
from quietway_schemas.ids import ReferralRef

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.calendars import AgencyBook
    from quietway.own.accesses import AccessLines
    from quietway.reports import Sent, SentWarning
    from quietway.speaking import Addressee
    from quietway.views.referrals import Referral
    from quietway_schemas.content.referral import Episode
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

_ANSWERS: Final = (
    ReferralAck,
    ReferralOutcome,
    ReferralFeedback,
    ReferralCancel,
    ReferralReopen,
)
_Answer = TypeVar("_Answer", bound=ReferralAnswer)


class AsyncReferrals:
    """Referrals: sent, answered, followed."""

    def __init__(self, agent: Agent, access: AccessLines) -> None:
        self._agent = agent
        self._access = access

    async def send(
        self,
        packet: ReferralPacket | Addressee | None = None,
        /,
        *,
        to: Addressee | None = None,
        **fields: object,
    ) -> Sent:
        """Send a referral: a whole packet, `send(packet, to=...)`, or fields, `send(to, ...)`.

        With fields: `staff` and `contact` say who refers; `service_type`, `purpose_code`,
        `purpose_text`, `info_basis`, `referred_by` and `survivor_choice` are asked for; all others
        of the packet may be given and have plain defaults. Without a `pathway` the recipient
        reaches the survivor through a contact of this agency; `vsp_contact` names another.

        What a person should know (the same was asked lately, the program has no room) stands in
        `Sent.warnings`, and refuses nothing.

        Raises:
            ContentRefused: A field is missing or breaks a rule. Nothing was sealed.
            UnknownPartner: It is for nobody you are a partner of.
        """
        whole = packet if isinstance(packet, ReferralPacket) else None
        named = to if to is not None else (None if whole else packet)
        if named is None or isinstance(named, ReferralPacket):
            raise ContentRefused("to", "is missing: name the partner.")
        partner = find_partner(self._agent, named)
        agencies = await read_agencies(self._agent)
        if whole is None:
            whole = build_packet(self._agent, Request(partner, named, agencies), fields)
        elif fields:
            raise ContentRefused(min(fields), "is given beside a whole packet: leave it out.")
        warnings = await self._warn(whole, partner.agency_id, agencies)
        if whole.case_ref is not None:
            alias = await find_alias(self._agent, whole.case_ref, partner.agency_id)
            whole = whole.model_copy(update={"case_ref": alias})
        sent = await speak(
            self._agent, whole, to=[partner.agency_id], referral_ref=whole.referral_ref
        )
        return replace(sent, warnings=warnings)

    async def feedback_due(self, to: Addressee, time_sensitivity: str = "standard") -> Instant:
        """Say until when feedback is awaited on what is referred now, by the partner's calendar.

        Args:
            to: The partner.
            time_sensitivity: A code of that list.

        Raises:
            ContentRefused: There is no such urgency.
            UnknownPartner: It is nobody that you are a partner of.
        """
        agency = find_partner(self._agent, to).agency_id
        agencies = await read_agencies(self._agent)
        return count_feedback(agencies, agency, time_sensitivity, self._agent.clock.now())

    async def route(
        self,
        ref: ReferralRef | str,
        to: Addressee,
        *,
        criteria: Iterable[str],
        capacity: str,
        program: str | None = None,
    ) -> Sent:
        """Route a referral that this agency was sent as a triage hub to the program it chose.

        A new packet goes there, under a reference of its own, and what was chosen by is said to
        both sides. Whoever referred is still owed an answer by this agency.

        Args:
            ref: The referral, as it came.
            to: Whom it is routed to.
            criteria: What was chosen by: codes of the list `triage_criterion`.
            capacity: Of the list `capacity`.
            program: Of the chosen agency; the one that `to` names, or its first.

        Raises:
            ContentRefused: It was not sent for triage, is closed, or a code is none.
            NotFound: There is no such referral in this store.

        Returns:
            What became of the new packet.
        """
        referral = await self.find(ref)
        partner = find_partner(self._agent, to)
        return await route_referral(
            self._agent, referral, partner, Choice(tuple(criteria), capacity, program, to)
        )

    async def uptake(
        self,
        ref: ReferralRef | str,
        state: str,
        *,
        started: str | None = None,
        ended: str | None = None,
    ) -> Sent:
        """Say how the service is taken up.

        Args:
            ref: The referral.
            state: Of the list `uptake_state`.
            started: Since which month, as `2026-11`.
            ended: Until which month.

        Raises:
            NotFound: There is no such referral in this store.
            ContentRefused: A code or a month breaks a rule.
        """
        referral = await self.find(ref)
        with saying_refusals():
            content = ServiceUptake(
                referral_ref=referral.ref,
                case_ref=await name_case(self._agent, referral),
                state=state,
                started=started,
                ended=ended,
                exercise=referral.packet.exercise,
            )
        return await self._speak_about(referral, content)

    async def acknowledge(
        self,
        ref: ReferralRef | str,
        state: str = "accepted",
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
    ) -> Sent:
        """Say that a person has seen a referral, and what was decided if that is known already."""
        return await self.answer(
            ref,
            state=state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
        )

    async def outcome(
        self,
        ref: ReferralRef | str,
        state: str,
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
        filler_ref: ReferralRef | None = None,
        episode: Episode | None = None,
    ) -> Sent:
        """Say what was decided."""
        return await self._say(
            ReferralOutcome,
            ref,
            state=state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
            filler_ref=filler_ref,
            episode=episode,
        )

    async def feedback(
        self,
        ref: ReferralRef | str,
        state: str = "completed",
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
        filler_ref: ReferralRef | None = None,
        episode: Episode | None = None,
    ) -> Sent:
        """Say how it went on."""
        return await self._say(
            ReferralFeedback,
            ref,
            state=state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
            filler_ref=filler_ref,
            episode=episode,
        )

    async def cancel(
        self,
        ref: ReferralRef | str,
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        state: str = "cancelled",
    ) -> Sent:
        """Cancel a referral, ask for that, or say that it was entered in error."""
        return await self._say(
            ReferralCancel, ref, state=state, reason_code=reason_code, reason_side=reason_side
        )

    async def reopen(
        self,
        ref: ReferralRef | str,
        *,
        reason_code: str | None = None,
        next_steps: str | None = None,
    ) -> Sent:
        """Ask again for what was closed."""
        return await self._say(
            ReferralReopen, ref, state="sent", reason_code=reason_code, next_steps=next_steps
        )

    async def answer(
        self,
        ref: ReferralRef | str,
        *,
        state: str,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
    ) -> Sent:
        """Answer a referral with a state; the type of the answer follows from it.

        Raises:
            NotFound: There is no such referral in this store.
            ContentRefused: The state does not follow the one it is in, or lacks its reason.
        """
        kind = next(
            (kind for kind in _ANSWERS if state in STATES_OF_TYPE[_type_of(kind)]), ReferralOutcome
        )
        return await self._say(
            kind,
            ref,
            state=state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
        )

    async def request_advocate(
        self,
        case_ref: CaseRef,
        to: Addressee,
        *,
        requester_role: str,
        survivor_wants_contact: str,
        urgency: str = "priority",
    ) -> Sent:
        """Ask for an advocate for a case, early.

        Args:
            case_ref: One's own reference.
            to: Who has advocates.
            requester_role: Of the list `role`.
            survivor_wants_contact: Of the list `survivor_wants_contact`. With `no` and
                `unsafe_to_ask` the advocate is for those who ask, and nobody is reminded.
            urgency: Of the list `time_sensitivity`.

        Raises:
            ContentRefused: A code breaks a rule. Nothing was sealed.
        """
        agency = find_partner(self._agent, to).agency_id
        with saying_refusals():
            content = AdvocateRequest(
                case_ref=await find_alias(self._agent, case_ref, agency),
                requester_role=requester_role,
                urgency=urgency,
                survivor_wants_contact=survivor_wants_contact,
                at=self._agent.clock.now(),
            )
        return await speak(self._agent, content, to=[agency])

    async def advocates(self, case_ref: CaseRef | None = None) -> builtins.list[AdvocateWait]:
        """List the requests for an advocate, with the time that each took to be answered."""
        said = keep_live(await list_messages(self._agent, case=case_ref))
        messages = keep_readable(self._agent, said)
        return list(fold_advocates(messages, me=self._agent.keyring.agency))

    async def list(self, *, exercise: bool = False) -> list[Referral]:
        """List every referral that this store knows, with its state and history.

        Args:
            exercise: Those of drills instead, and no other.
        """
        said = keep_of(await list_tagged(self._agent, OF_ANY_REFERRAL), exercise=exercise)
        messages = keep_readable(self._agent, said)
        return list(fold_referrals(messages, me=self._agent.keyring.agency))

    async def find(self, ref: ReferralRef | str) -> Referral:
        """Find one referral.

        Raises:
            NotFound: There is no such referral in this store.
        """
        found = await find_referral(self._agent, ref)
        if found is None:
            raise NotFound(_name_ref(str(ref)))
        return found

    async def open(self, ref: ReferralRef | str, *, purpose: str | None = None) -> Referral:
        """Find one referral to read it; the access log says so.

        Args:
            ref: The referral.
            purpose: What for, of the list `purpose_of_use`, for the access log.

        Raises:
            NotFound: There is no such referral in this store.
            ContentRefused: There is no such purpose. Nothing was shown.
            StorageFull: The line in the access log can't be written. Nothing was shown.
        """
        found = await self.find(ref)
        said = await list_messages(self._agent, referral=found.ref)
        shown = ((held.message_id, held.core_hash) for held in said)
        with saying_refusals():
            await self._access.note_open(shown, purpose=purpose)
        return found

    async def _say(
        self, kind: type[_Answer], ref: ReferralRef | str, *, state: str, **fields: object
    ) -> Sent:
        referral = await self.find(ref)
        with saying_refusals():
            check_transition(referral.state, state)
            given = {**fields, "exercise": referral.packet.exercise}
            content = _build_answer(kind, referral.ref, self._agent.clock.now(), state, given)
        return await self._speak_about(referral, content)

    async def _speak_about(
        self, referral: Referral, content: ReferralAnswer | ServiceUptake
    ) -> Sent:
        return await speak(
            self._agent,
            content,
            to=referral.agencies,
            conversation=referral.conversation,
            referral_ref=referral.ref,
        )

    async def _warn(
        self, packet: ReferralPacket, agency: AgencyId, agencies: AgencyBook
    ) -> tuple[SentWarning, ...]:
        if packet.case_ref is None:
            return find_warnings(packet, agency, agencies, ())
        said = await list_messages(self._agent, case=packet.case_ref)
        of_case = keep_of(said, exercise=packet.exercise)
        return find_warnings(packet, agency, agencies, of_case)


def _build_answer(
    kind: type[_Answer], ref: ReferralRef, now: Instant, state: str, fields: dict[str, object]
) -> _Answer:
    given = {name: value for name, value in fields.items() if value is not None}
    reason = given.get("reason_code")
    known = entries("reason").get(reason) if isinstance(reason, str) else None
    if known is not None:
        given.setdefault("reason_side", known.side)
    return kind(referral_ref=ref, state=state, at=now, **given)  # type: ignore[arg-type] # the model checks each


def _type_of(kind: type[ReferralAnswer]) -> str:
    return str(kind.model_fields["type"].default)


def _name_ref(text: str) -> str:
    """Repeat a reference only where it is one: anything else may be somebody's words."""
    try:
        return str(ReferralRef.from_text(text))
    except IdError:
        return "A referral by that reference"
