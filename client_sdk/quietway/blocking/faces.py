"""The faces of the blocking client: the same calls, waited for.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable
    from pathlib import Path

    from quietway.attaching.transfer import Attachment, Fetched, Tell
    from quietway.blocking.loop import Loop
    from quietway.errors import QuietwayError
    from quietway.events import Received
    from quietway.faces.attachments import AsyncAttachments
    from quietway.faces.log import AsyncLog
    from quietway.faces.messages import AsyncMessages
    from quietway.faces.partners import AsyncPartners
    from quietway.faces.referrals import AsyncReferrals
    from quietway.faces.status import AsyncStatus
    from quietway.holding import AsyncRetention, Holdable
    from quietway.own.admitting import OpenInvitation, PartnerDevice
    from quietway.partners import Invitation, Partner
    from quietway.reports import (
        Conversation,
        ForkEvidence,
        LegalHold,
        LogStanding,
        Sent,
        StandingReport,
        SweepReport,
    )
    from quietway.speaking import Addressee
    from quietway.views.advocates import AdvocateWait
    from quietway.views.board import StatusEntry
    from quietway.views.conversation import ConversationEntry, Said
    from quietway.views.referrals import Referral
    from quietway.witnessing.alarms import LogAlarm
    from quietway_schemas.content.referral import Episode, ReferralPacket
    from quietway_schemas.ids import CaseRef, ConversationId, DeviceId, MessageId, ReferralRef
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

    def pause(self, partner: Addressee, reason_code: str | None = None) -> StandingReport:
        """Share nothing with a partner from now on; see `AsyncPartners.pause`."""
        return self._loop.run(self._face.pause, partner, reason_code)

    def end(self, partner: Addressee, reason_code: str | None = None) -> StandingReport:
        """Share nothing with a partner any more; see `AsyncPartners.end`."""
        return self._loop.run(self._face.end, partner, reason_code)

    def resume(self, partner: Addressee, *, ended: bool = False) -> StandingReport:
        """Share with a partner again; see `AsyncPartners.resume`."""
        return self._loop.run(self._face.resume, partner, ended=ended)

    def invitations(self) -> builtins.list[OpenInvitation]:
        """List the invitations of this agency whose lane is open, oldest first."""
        return self._loop.run(self._face.invitations)

    def withdraw_invitation(self, named: str) -> None:
        """Shut the lane of an invitation; see `AsyncPartners.withdraw_invitation`."""
        self._loop.run(self._face.withdraw_invitation, named)

    def devices(self, partner: Addressee) -> builtins.list[PartnerDevice]:
        """List a partner's devices as its agency certifies them."""
        return self._loop.run(self._face.devices, partner)

    def cut_off(self, device: DeviceId | str) -> None:
        """Take one device of a partner the right to send here; see `AsyncPartners.cut_off`."""
        self._loop.run(self._face.cut_off, device)

    def restore(self, device: DeviceId | str) -> None:
        """Give a device of a partner back the right to send here."""
        self._loop.run(self._face.restore, device)

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

    def feedback_due(self, to: Addressee, time_sensitivity: str = "standard") -> Instant:
        """Say until when feedback is awaited; see `AsyncReferrals.feedback_due`."""
        return self._loop.run(self._face.feedback_due, to, time_sensitivity)

    def route(
        self,
        ref: ReferralRef | str,
        to: Addressee,
        *,
        criteria: Iterable[str],
        capacity: str,
        program: str | None = None,
    ) -> Sent:
        """Route a referral as a triage hub; see `AsyncReferrals.route`."""
        return self._loop.run(
            self._face.route, ref, to, criteria=criteria, capacity=capacity, program=program
        )

    def uptake(
        self,
        ref: ReferralRef | str,
        state: str,
        *,
        started: str | None = None,
        ended: str | None = None,
    ) -> Sent:
        """Say how the service is taken up; see `AsyncReferrals.uptake`."""
        return self._loop.run(self._face.uptake, ref, state, started=started, ended=ended)

    def request_advocate(
        self,
        case_ref: CaseRef,
        to: Addressee,
        *,
        requester_role: str,
        survivor_wants_contact: str,
        urgency: str = "priority",
    ) -> Sent:
        """Ask for an advocate for a case; see `AsyncReferrals.request_advocate`."""
        return self._loop.run(
            self._face.request_advocate,
            case_ref,
            to,
            requester_role=requester_role,
            survivor_wants_contact=survivor_wants_contact,
            urgency=urgency,
        )

    def advocates(self, case_ref: CaseRef | None = None) -> builtins.list[AdvocateWait]:
        """List the requests for an advocate, with the time that each took to be answered."""
        return self._loop.run(self._face.advocates, case_ref)

    def open(self, ref: ReferralRef | str, *, purpose: str | None = None) -> Referral:
        """Find one referral to read it; the access log says so."""
        return self._loop.run(self._face.open, ref, purpose=purpose)

    def find(self, ref: ReferralRef | str) -> Referral:
        """Find one referral."""
        return self._loop.run(self._face.find, ref)

    def list(self, *, exercise: bool = False) -> list[Referral]:
        """List every referral that this store knows; see `AsyncReferrals.list`."""
        return self._loop.run(self._face.list, exercise=exercise)


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
        answers: MessageId | str | None = None,
    ) -> Sent:
        """Send a text of at most 700 bytes as written; see `AsyncMessages.send`."""
        return self._loop.run(
            self._face.send, text, to=to, conversation=conversation, answers=answers
        )

    def conversations(self, limit: int | None = None) -> list[Conversation]:
        """List the conversations, the one that was last spoken in last; of many, so many."""
        return self._loop.run(self._face.conversations, limit)

    def conversation(self, conversation: ConversationId | str) -> tuple[ConversationEntry, ...]:
        """Show a conversation in display order; see `AsyncMessages.conversation`."""
        return self._loop.run(self._face.conversation, conversation)

    def mark_opened(self, *messages: Received | Said | MessageId | str) -> None:
        """Note that a person saw these messages; see `AsyncMessages.mark_opened`."""
        self._loop.run(self._face.mark_opened, *messages)

    def receipts(self, conversation: ConversationId | str, *, on: bool) -> None:
        """Give receipts for what is said in a conversation, or none from now on."""
        self._loop.run(self._face.receipts, conversation, on=on)


class Log:
    """The relay's transparency log, as this device has verified it."""

    def __init__(self, face: AsyncLog, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def standing(self) -> LogStanding:
        """Say which log is relied on, and how far it was verified."""
        return self._loop.run(self._face.standing)

    def alarms(self) -> list[LogAlarm]:
        """List the alarms that no person has acknowledged, the oldest first."""
        return self._loop.run(self._face.alarms)

    def acknowledge(self, alarm: LogAlarm) -> None:
        """Say that a person has seen an alarm; see `AsyncLog.acknowledge`."""
        self._loop.run(self._face.acknowledge, alarm)

    def evidence(self) -> list[ForkEvidence]:
        """List the proofs that the log showed two faces, acknowledged or not."""
        return self._loop.run(self._face.evidence)

    def export(self, fork_id: bytes) -> bytes:
        """Write one proof as a file that anybody can check."""
        return self._loop.run(self._face.export, fork_id)


class Attachments:
    """Files: sent, listed, fetched, taken back."""

    def __init__(self, face: AsyncAttachments, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def send(
        self,
        source: Path | str | bytes,
        *,
        to: Addressee | Iterable[Addressee],
        name: str | None = None,
        media_type: str | None = None,
        case_ref: CaseRef | None = None,
        conversation: ConversationId | None = None,
        progress: Tell | None = None,
    ) -> Sent:
        """Send a file; see `AsyncAttachments.send`."""
        return self._loop.run(
            self._face.send,
            source,
            to=to,
            name=name,
            media_type=media_type,
            case_ref=case_ref,
            conversation=conversation,
            progress=progress,
        )

    def list(self) -> list[Attachment]:
        """List the files that are known here, oldest first, and last what is on its way."""
        return self._loop.run(self._face.list)

    def fetch(
        self, message: MessageId | str, folder: Path | str, *, progress: Tell | None = None
    ) -> Fetched:
        """Fetch a file into a folder; see `AsyncAttachments.fetch`."""
        return self._loop.run(self._face.fetch, message, folder, progress=progress)

    def withdraw(self, message: MessageId | str) -> None:
        """Have the relay drop a file of this device; see `AsyncAttachments.withdraw`."""
        return self._loop.run(self._face.withdraw, message)

    def go_on(self) -> builtins.list[QuietwayError]:
        """Go on with the files that are on their way; `sync` does so too."""
        return self._loop.run(self._face.go_on)


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
