"""Referrals: sent, answered, followed.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from quietway.errors import ContentRefused, NotFound
from quietway.faces.saying import find_alias, saying_refusals
from quietway.history import list_messages
from quietway.speaking import find_partner, speak
from quietway.views.referrals import fold_referrals
from quietway_schemas.codebook.lists import entries
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
from quietway_schemas.errors import IdError
from quietway_schemas.ids import ReferralRef
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.partners import Partner
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.referrals import Referral
    from quietway_schemas.content.referral import Episode
    from quietway_schemas.instants import Instant

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
