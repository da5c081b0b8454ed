"""The four faces of the client: partners, referrals, status, messages.

Each is a thin turn of phrase over `speaking` and the views. Content is built here, so a program
gives fields and codes, and gets a sentence back when the dictionary refuses one.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.cases import draw_alias, write_alias
from quietway.engine.codec import write_row
from quietway.errors import ContentRefused, NotFound, RelayError
from quietway.history import list_messages
from quietway.partners import INVITED, PARTNER, PARTNER_BYTES, Invitation, PartnerRecord
from quietway.ports import Put
from quietway.speaking import find_agencies, find_partner, list_partners, speak
from quietway.views.board import fold_board
from quietway.views.referrals import fold_referrals
from quietway_crypto.lanes import derive_lane
from quietway_crypto.secret import Secret
from quietway_schemas.codebook.lists import entries
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.referral import (
    Receiving,
    ReferralAck,
    ReferralAnswer,
    ReferralCancel,
    ReferralFeedback,
    ReferralOutcome,
    ReferralPacket,
    ReferralReopen,
    Referring,
)
from quietway_schemas.content.referral_states import STATES_OF_TYPE, check_transition
from quietway_schemas.content.status import StatusIndicator, propose_expiry
from quietway_schemas.errors import ContentError, IdError
from quietway_schemas.ids import CaseRef, ConversationId, ReferralRef
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quietway.agent import Agent
    from quietway.partners import Partner
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.board import StatusEntry
    from quietway.views.referrals import Referral
    from quietway_schemas.content.referral import Episode
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

BOARD: Final = "board"
FEEDBACK_AFTER_MS: Final = 7 * DAY
_ID_BYTES: Final = 16
_ANSWERS: Final = (
    ReferralAck,
    ReferralOutcome,
    ReferralFeedback,
    ReferralCancel,
    ReferralReopen,
)
_Answer = TypeVar("_Answer", bound=ReferralAnswer)


class AsyncPartners:
    """Whom this agency works with."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def invite(self, label: str) -> Invitation:
        """Make an invitation for one agency, and let its lane be known to the relay.

        Args:
            label: What you call them, for your own records.

        Returns:
            Hand its `to_text()` over by a way that both of you trust. It is a secret: whoever holds
            it can send to you.
        """
        agent, keyring = self._agent, self._agent.keyring
        partner = agent.entropy.draw(PARTNER_BYTES)
        row = write_row(label=label, at=agent.clock.now())
        await agent.settle(also=[Put(INVITED, partner, row)])
        with _offline_is_fine():
            await agent.check_clock()
            await agent.publisher.publish(now=agent.clock.now())
        return Invitation(
            relay=keyring.relay,
            agency_id=keyring.agency,
            agency_code=keyring.agency_code,
            root_key=keyring.root.public,
            partner=partner,
            lane=Secret(derive_lane(keyring.agency_secret, partner)),
        )

    async def add(self, invitation: Invitation | str, *, label: str | None = None) -> Partner:
        """Accept an invitation: pin its agency's root key, and learn its devices.

        Raises:
            ContentRefused: It is not an invitation, or it is this agency's own.
            IdentityChanged: The agency was accepted with another root key. That one stays.
        """
        agent = self._agent
        if isinstance(invitation, str):
            invitation = Invitation.from_text(invitation)
        agency = invitation.agency_id
        if agency == agent.keyring.agency:
            raise ContentRefused("invitation", "is this agency's own: give it to a partner.")
        record = PartnerRecord(invitation, label or invitation.agency_code)
        agent.directory.pin(agency, invitation.root_key)
        agent.touch_directory()
        await agent.settle(also=[Put(PARTNER, agency.value, record.to_row())])
        agent.lanes.add(record)
        with _offline_is_fine():
            await agent.check_clock()
            await agent.pull_directory()
        return find_partner(agent, agency)

    async def list(self) -> list[Partner]:
        """List the partners, in the order in which they were added."""
        return list_partners(self._agent)

    async def find(self, named: Addressee) -> Partner:
        """Find a partner by agency id, agency code, program code or label.

        Raises:
            UnknownPartner: There is none, or the label names several.
        """
        return find_partner(self._agent, named)


class AsyncReferrals:
    """Referrals: sent, answered, followed."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

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
        of the packet may be given and have plain defaults.

        Raises:
            ContentRefused: A field is missing or breaks a rule. Nothing was sealed.
            UnknownPartner: It is for nobody you are a partner of.
        """
        whole = packet if isinstance(packet, ReferralPacket) else None
        named = to if to is not None else (None if whole else packet)
        if named is None or isinstance(named, ReferralPacket):
            raise ContentRefused("to", "is missing: name the partner.")
        partner = find_partner(self._agent, named)
        if whole is None:
            whole = self._build(partner, named, fields)
        elif fields:
            raise ContentRefused(min(fields), "is given beside a whole packet: leave it out.")
        if whole.case_ref is not None:
            alias = await find_alias(self._agent, whole.case_ref, partner.agency_id)
            whole = whole.model_copy(update={"case_ref": alias})
        return await speak(
            self._agent, whole, to=[partner.agency_id], referral_ref=whole.referral_ref
        )

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

    async def list(self) -> list[Referral]:
        """List every referral that this store knows, with its state and history."""
        messages = await list_messages(self._agent)
        return list(fold_referrals(messages, me=self._agent.keyring.agency))

    async def find(self, ref: ReferralRef | str) -> Referral:
        """Find one referral.

        Raises:
            NotFound: There is no such referral in this store.
        """
        wanted = str(ref)
        for referral in await self.list():
            if str(referral.ref) == wanted:
                return referral
        raise NotFound(_name_ref(wanted))

    async def _say(
        self, kind: type[_Answer], ref: ReferralRef | str, *, state: str, **fields: object
    ) -> Sent:
        referral = await self.find(ref)
        with saying_refusals():
            check_transition(referral.state, state)
            content = _build_answer(kind, referral.ref, self._agent.clock.now(), state, fields)
        return await speak(
            self._agent,
            content,
            to=referral.agencies,
            conversation=referral.conversation,
            referral_ref=referral.ref,
        )

    def _build(
        self, partner: Partner, named: Addressee, fields: dict[str, object]
    ) -> ReferralPacket:
        now = self._agent.clock.now()
        with saying_refusals():
            defaults: dict[str, object] = {
                "referral_ref": ReferralRef(self._agent.entropy.draw(_ID_BYTES)),
                "time_sensitivity": "standard",
                "pathway": "direct_handoff",
                "identity_mode": "none",
                "feedback_due": now + FEEDBACK_AFTER_MS,
            }
            given = dict(fields)
            if "referring" not in given:
                defaults["referring"] = self._refer(given, now)
            if "receiving" not in given:
                defaults["receiving"] = _receive(partner, named, given)
            return ReferralPacket(**{**defaults, **given})  # type: ignore[arg-type] # the model checks each

    def _refer(self, given: dict[str, object], now: Instant) -> Referring:
        keyring = self._agent.keyring
        told = {name: given.pop(name) for name in ("staff", "contact") if name in given}
        return Referring(agency=keyring.agency_code, program=keyring.program, at=now, **told)  # type: ignore[arg-type] # the model checks each


class AsyncStatus:
    """Status indicators: codes with an end, and no words."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def set(
        self,
        code: str,
        *,
        to: Addressee | Iterable[Addressee],
        state: str = "active",
        case_ref: CaseRef | None = None,
        effective: Instant | None = None,
        expires: Instant | None = None,
        confidence: str = "reported",
        exercise: bool = False,
    ) -> Sent:
        """Say where something stands.

        Args:
            code: Of the list `status_indicator`.
            to: The partners who may know.
            state: Of the list `status_state`.
            case_ref: Of which case, by one's own reference. Each agency is told of it apart, under
                an alias of its own, so that no two of them can tell that it is one case.
            effective: From when; now where it is None.
            expires: Until when; what the dictionary proposes for the code where it is None.
            confidence: Of the list `status_confidence`.
            exercise: True in a drill.

        Raises:
            ContentRefused: A code or a time breaks a rule. Nothing was sealed.

        Returns:
            What became of it; with a case and several agencies, of the copy that came least far.
        """
        agencies = find_agencies(self._agent, to)
        start = self._agent.clock.now() if effective is None else effective
        with saying_refusals():
            content = StatusIndicator(
                code=code,
                state=state,
                effective=start,
                expires=propose_expiry(code, start) if expires is None else expires,
                confidence=confidence,
                exercise=exercise,
            )
        if case_ref is None:
            return await self._say(content, agencies)
        said = [await self._say_of(case_ref, content, agency) for agency in sorted(set(agencies))]
        return next((sent for sent in said if sent.problem is not None), said[0])

    async def board(self) -> list[StatusEntry]:
        """List the indicators that stand now, newest first, one's own among them."""
        messages = await list_messages(self._agent)
        return list(fold_board(messages, now=self._agent.clock.now()))

    async def _say(self, content: StatusIndicator, agencies: tuple[AgencyId, ...]) -> Sent:
        conversation = await self._find_conversation(agencies)
        return await speak(self._agent, content, to=agencies, conversation=conversation)

    async def _say_of(self, case: CaseRef, content: StatusIndicator, agency: AgencyId) -> Sent:
        alias = await find_alias(self._agent, case, agency)
        return await self._say(content.model_copy(update={"case_ref": alias}), (agency,))

    async def _find_conversation(self, agencies: tuple[AgencyId, ...]) -> ConversationId:
        # One conversation for each circle of agencies: an audience is introduced once.
        key = b"".join(agency.value for agency in sorted(set(agencies)))
        held = await self._agent.store.read(BOARD, key)
        if held is not None:
            return ConversationId(held)
        drawn = self._agent.entropy.draw(_ID_BYTES)
        await self._agent.settle(also=[Put(BOARD, key, drawn)])
        return ConversationId(drawn)


class AsyncMessages:
    """Short texts between people."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def send(
        self,
        text: str,
        *,
        to: Addressee | Iterable[Addressee],
        conversation: ConversationId | None = None,
    ) -> Sent:
        """Send a text.

        Args:
            text: At most 700 bytes as written.
            to: The partners.
            conversation: Where; a new one where it is None.

        Raises:
            ContentRefused: The text is empty or too long. Nothing was sealed.
        """
        agencies = find_agencies(self._agent, to)
        with saying_refusals():
            content = MessageText(text=text)
        return await speak(self._agent, content, to=agencies, conversation=conversation)


async def find_alias(agent: Agent, case: CaseRef, agency: AgencyId) -> CaseRef:
    """Give what an agency shall know a case by, and keep it."""
    async with agent.cases.turn:
        held = agent.cases.find(case, agency)
        if held is not None:
            return held
        drawn = draw_alias(case, agent.entropy.draw(_ID_BYTES))
        alias = case if await _comes_from(agent, case, agency) else drawn
        await agent.settle(also=[write_alias(case, agency, alias)])
        agent.cases.add(case, agency, alias)
        return alias


async def _comes_from(agent: Agent, case: CaseRef, agency: AgencyId) -> bool:
    """Say whether this is what the agency itself calls the case."""
    said = (held for held in await list_messages(agent) if held.received)
    return any(
        held.agency == agency
        and isinstance(held.content, CaseContent)
        and held.content.case_ref == case
        for held in said
    )


@contextmanager
def saying_refusals() -> Iterator[None]:
    """Say the dictionary's refusal as the SDK's own."""
    try:
        yield
    except ContentError as refused:
        raise ContentRefused(refused.field, f"{refused.reason}.") from None


@contextmanager
def _offline_is_fine() -> Iterator[None]:
    """What needs the relay here is done by the next `sync` just as well."""
    try:
        yield
    except RelayError:
        return


def _receive(partner: Partner, named: Addressee, given: dict[str, object]) -> Receiving:
    program = named if isinstance(named, str) and named in partner.programs else None
    if program is None and partner.programs:
        program = partner.programs[0]
    return Receiving(
        program=given.pop("program", program),  # type: ignore[arg-type] # the model checks it
        preferred_channel=given.pop("preferred_channel", "secure_message"),  # type: ignore[arg-type] # the same
        eligibility_note=given.pop("eligibility_note", "As the program has published it."),  # type: ignore[arg-type] # the same
    )


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
