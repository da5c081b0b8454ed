"""The faces of the blocking client: the same calls, waited for.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.blocking.loop import Loop
    from quietway.faces.messages import AsyncMessages
    from quietway.faces.partners import AsyncPartners
    from quietway.faces.referrals import AsyncReferrals
    from quietway.faces.status import AsyncStatus
    from quietway.holding import AsyncRetention, Holdable
    from quietway.partners import Invitation, Partner
    from quietway.reports import (
        LegalHold,
        Sent,
        SweepReport,
    )
    from quietway.speaking import Addressee
    from quietway.views.board import StatusEntry
    from quietway.views.referrals import Referral
    from quietway_schemas.content.referral import Episode, ReferralPacket
    from quietway_schemas.ids import CaseRef, ConversationId, ReferralRef
    from quietway_schemas.instants import Instant


class Partners:
    """Whom this agency works with."""

    def __init__(self, face: AsyncPartners, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def invite(self, label: str) -> Invitation:
        """Make an invitation for one agency; see `AsyncPartners.invite`."""
        return self._loop.run(self._face.invite, label)

    def add(
        self, invitation: Invitation | str, *, label: str | None = None, spoken: str | None = None
    ) -> Partner:
        """Accept an invitation; see `AsyncPartners.add`."""
        return self._loop.run(self._face.add, invitation, label=label, spoken=spoken)

    def verify(self, partner: Addressee, spoken: str) -> Partner:
        """Compare a partner's fingerprint with what they read out; see `AsyncPartners.verify`."""
        return self._loop.run(self._face.verify, partner, spoken)

    def find(self, named: Addressee) -> Partner:
        """Find a partner by agency id, agency code, program code or label."""
        return self._loop.run(self._face.find, named)

    def list(self) -> list[Partner]:
        """List the partners, in the order in which they were added."""
        return self._loop.run(self._face.list)


class Referrals:
    """Referrals: sent, answered, followed."""

    def __init__(self, face: AsyncReferrals, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def send(
        self,
        packet: ReferralPacket | Addressee | None = None,
        /,
        *,
        to: Addressee | None = None,
        **fields: object,
    ) -> Sent:
        """Send a referral, as a packet or as its fields; see `AsyncReferrals.send`."""
        return self._loop.run(self._face.send, packet, to=to, **fields)

    def acknowledge(
        self,
        ref: ReferralRef | str,
        state: str = "accepted",
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
    ) -> Sent:
        """Say that a person has seen a referral; see `AsyncReferrals.acknowledge`."""
        return self._loop.run(
            self._face.acknowledge,
            ref,
            state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
        )

    def outcome(
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
        return self._loop.run(
            self._face.outcome,
            ref,
            state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
            filler_ref=filler_ref,
            episode=episode,
        )

    def feedback(
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
        return self._loop.run(
            self._face.feedback,
            ref,
            state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
            filler_ref=filler_ref,
            episode=episode,
        )

    def cancel(
        self,
        ref: ReferralRef | str,
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        state: str = "cancelled",
    ) -> Sent:
        """Cancel a referral, ask for that, or say that it was entered in error."""
        return self._loop.run(
            self._face.cancel, ref, reason_code=reason_code, reason_side=reason_side, state=state
        )

    def reopen(
        self,
        ref: ReferralRef | str,
        *,
        reason_code: str | None = None,
        next_steps: str | None = None,
    ) -> Sent:
        """Ask again for what was closed."""
        return self._loop.run(
            self._face.reopen, ref, reason_code=reason_code, next_steps=next_steps
        )

    def answer(
        self,
        ref: ReferralRef | str,
        *,
        state: str,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
    ) -> Sent:
        """Answer a referral with a state; see `AsyncReferrals.answer`."""
        return self._loop.run(
            self._face.answer,
            ref,
            state=state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
        )

    def find(self, ref: ReferralRef | str) -> Referral:
        """Find one referral."""
        return self._loop.run(self._face.find, ref)

    def list(self) -> list[Referral]:
        """List every referral that this store knows, with its state and history."""
        return self._loop.run(self._face.list)


class Status:
    """Status indicators: codes with an end, and no words."""

    def __init__(self, face: AsyncStatus, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def set(
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
        """Say where something stands; see `AsyncStatus.set`."""
        return self._loop.run(
            self._face.set,
            code,
            to=to,
            state=state,
            case_ref=case_ref,
            effective=effective,
            expires=expires,
            confidence=confidence,
            exercise=exercise,
        )

    def board(self) -> list[StatusEntry]:
        """List the indicators that stand now, newest first."""
        return self._loop.run(self._face.board)


class Messages:
    """Short texts between people."""

    def __init__(self, face: AsyncMessages, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def send(
        self,
        text: str,
        *,
        to: Addressee | Iterable[Addressee],
        conversation: ConversationId | None = None,
    ) -> Sent:
        """Send a text of at most 700 bytes as written."""
        return self._loop.run(self._face.send, text, to=to, conversation=conversation)


class Retention:
    """What is kept, and for how long."""

    def __init__(self, face: AsyncRetention, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def hold(self, case: Holdable | str) -> LegalHold:
        """Keep everything of a case or a conversation until it is released."""
        return self._loop.run(self._face.hold, case)

    def release(self, case: Holdable | str) -> None:
        """End a hold. The former times count again: what is over goes at the next sweep."""
        self._loop.run(self._face.release, case)

    def holds(self) -> list[LegalHold]:
        """List the holds, in the order in which they were laid."""
        return self._loop.run(self._face.holds)

    def sweep(self) -> SweepReport:
        """Erase what is due now; see `AsyncRetention.sweep`."""
        return self._loop.run(self._face.sweep)
