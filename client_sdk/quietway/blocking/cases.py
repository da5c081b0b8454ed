"""Cases and the board for the blocking client: the same calls, waited for.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable

    from quietway.blocking.loop import Loop
    from quietway.faces.board import AsyncBoard
    from quietway.faces.case_lead import AsyncCaseLead
    from quietway.faces.cases import AsyncCases
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.board import CaseBoard
    from quietway.views.cases import Advice, BarrierHistory, CaseSummary
    from quietway.views.concerns import Concern
    from quietway.views.indicators import Indicators
    from quietway.views.lead import Lead
    from quietway.views.timeline import TimelineEntry
    from quietway_schemas.content.case import ProgressNote
    from quietway_schemas.ids import CaseRef
    from quietway_schemas.instants import Instant

    _Whom = Addressee | Iterable[Addressee] | None


class Board:
    """Safety status, current barriers, urgent actions and relocation choice of each case."""

    def __init__(self, face: AsyncBoard, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def show(self, case: CaseRef | str) -> CaseBoard:
        """Show the board of one case; empty columns where nothing stands."""
        return self._loop.run(self._face.show, case)

    def set_barrier(
        self,
        case: CaseRef | str,
        code: str,
        state: str = "present",
        *,
        to: _Whom = None,
        since: str | None = None,
        expires: Instant | None = None,
    ) -> Sent:
        """Say what stands in the way, or does no more; see `AsyncBoard.set_barrier`."""
        return self._loop.run(
            self._face.set_barrier, case, code, state, to=to, since=since, expires=expires
        )

    def set_action(
        self,
        case: CaseRef | str,
        code: str,
        *,
        to: Addressee,
        due_at: Instant,
        owner: str | None = None,
    ) -> Sent:
        """Ask one partner for something urgent; see `AsyncBoard.set_action`."""
        return self._loop.run(self._face.set_action, case, code, to=to, due_at=due_at, owner=owner)

    def answer_action(self, case: CaseRef | str, action_id: bytes, state: str) -> Sent:
        """Say how an urgent action stands now; see `AsyncBoard.answer_action`."""
        return self._loop.run(self._face.answer_action, case, action_id, state)

    def set_relocation(
        self,
        case: CaseRef | str,
        options: Iterable[str],
        *,
        to: _Whom = None,
        survivor_choice: str = "undecided",
        choice_at: Instant | None = None,
        constraints: Iterable[str] = (),
        survivor_preference: str | None = None,
        expires: Instant | None = None,
    ) -> Sent:
        """Say what was offered, and what the survivor chose; see `AsyncBoard.set_relocation`."""
        return self._loop.run(
            self._face.set_relocation,
            case,
            options,
            to=to,
            survivor_choice=survivor_choice,
            choice_at=choice_at,
            constraints=constraints,
            survivor_preference=survivor_preference,
            expires=expires,
        )

    def list(self) -> builtins.list[CaseBoard]:
        """List the cases of which something stands now, as this device's roles show it."""
        return self._loop.run(self._face.list)


class CaseLead:
    """Exactly one agency leads a case; it keeps the duty until it confirms whom it goes to."""

    def __init__(self, face: AsyncCaseLead, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def show(self, case: CaseRef | str) -> Lead:
        """Say who leads a case now, and what it offers."""
        return self._loop.run(self._face.show, case)

    def offer(
        self,
        case: CaseRef | str,
        to: Addressee,
        *,
        reason_code: str,
        expires: Instant | None = None,
    ) -> Sent:
        """Offer the lead to a partner; see `AsyncCaseLead.offer`."""
        return self._loop.run(self._face.offer, case, to, reason_code=reason_code, expires=expires)

    def withdraw(
        self, case: CaseRef | str, *, reason_code: str, to: Addressee | None = None
    ) -> Sent:
        """Take an offer back; see `AsyncCaseLead.withdraw`."""
        return self._loop.run(self._face.withdraw, case, reason_code=reason_code, to=to)

    def accept(self, case: CaseRef | str) -> Sent:
        """Accept the lead that was offered to this agency; see `AsyncCaseLead.accept`."""
        return self._loop.run(self._face.accept, case)

    def confirm(self, case: CaseRef | str, *, to: Addressee | None = None) -> Sent:
        """Confirm one acceptance: that agency leads; see `AsyncCaseLead.confirm`."""
        return self._loop.run(self._face.confirm, case, to=to)

    def decline(self, case: CaseRef | str, *, reason_code: str) -> Sent:
        """Decline the lead that was offered to this agency; see `AsyncCaseLead.decline`."""
        return self._loop.run(self._face.decline, case, reason_code=reason_code)

    def assign(
        self,
        case: CaseRef | str,
        role: str,
        *,
        reason_code: str = "first_contact",
        to: _Whom = None,
    ) -> Sent:
        """Say that this agency leads, and in which role; see `AsyncCaseLead.assign`."""
        return self._loop.run(self._face.assign, case, role, reason_code=reason_code, to=to)

    def tell(self, case: CaseRef | str, role: str, *, to: Addressee | Iterable[Addressee]) -> Sent:
        """Tell partners that saw no acceptance who leads now; see `AsyncCaseLead.tell`."""
        return self._loop.run(self._face.tell, case, role, to=to)


class Cases:
    """Cases: opened, followed, handed over, looked at again, closed.

    Attributes:
        lead: Who leads a case: offered, accepted, confirmed, declined, withdrawn, told.
    """

    def __init__(self, face: AsyncCases, loop: Loop) -> None:
        self._face = face
        self._loop = loop
        self.lead = CaseLead(face.lead, loop)

    def open(self) -> CaseRef:
        """Open a case: a random reference; see `AsyncCases.open`."""
        return self._loop.run(self._face.open)

    def find(self, case: CaseRef | str) -> CaseSummary:
        """Find one case."""
        return self._loop.run(self._face.find, case)

    def due(self) -> builtins.list[CaseSummary]:
        """List the cases whose review is due, the longest overdue first."""
        return self._loop.run(self._face.due)

    def set_status(
        self,
        case: CaseRef | str,
        state: str,
        *,
        to: _Whom = None,
        closure_reason: str | None = None,
        review_at: Instant | None = None,
    ) -> Sent:
        """Say how this agency's episode of a case stands; see `AsyncCases.set_status`."""
        return self._loop.run(
            self._face.set_status,
            case,
            state,
            to=to,
            closure_reason=closure_reason,
            review_at=review_at,
        )

    def review(
        self,
        case: CaseRef | str,
        *,
        gaps: Iterable[str] = ("none",),
        changes: Iterable[str] = ("no_change",),
        next_review: Instant | None = None,
        to: _Whom = None,
    ) -> Sent:
        """Say what a review found missing and what changed; see `AsyncCases.review`."""
        return self._loop.run(
            self._face.review, case, gaps=gaps, changes=changes, next_review=next_review, to=to
        )

    def note_change(self, case: CaseRef | str, *changes: str, to: _Whom = None) -> Sent:
        """Say that something changed, so that a review is due; see `AsyncCases.note_change`."""
        return self._loop.run(self._face.note_change, case, *changes, to=to)

    def note_progress(self, case: CaseRef | str, *codes: str, to: _Whom = None) -> Sent:
        """Say what was worked on, in codes."""
        return self._loop.run(self._face.note_progress, case, *codes, to=to)

    def note_respondent(
        self, case: CaseRef | str, code: str, *, to: _Whom = None, month: str | None = None
    ) -> Sent:
        """Say what happened about the respondent: a code, and a month at most."""
        return self._loop.run(self._face.note_respondent, case, code, to=to, month=month)

    def note_risk(
        self,
        case: CaseRef | str,
        instrument: str,
        band: str,
        *,
        to: _Whom = None,
        version: str = "1.0.0",
        month: str | None = None,
    ) -> Sent:
        """Say which band an assessment gave; see `AsyncCases.note_risk`."""
        return self._loop.run(
            self._face.note_risk, case, instrument, band, to=to, version=version, month=month
        )

    def link(self, case: CaseRef | str, one: Addressee, other: Addressee) -> tuple[Sent, Sent]:
        """Tell two partners what each of them calls a case; see `AsyncCases.link`."""
        return self._loop.run(self._face.link, case, one, other)

    def barriers(self, case: CaseRef | str) -> builtins.list[BarrierHistory]:
        """List what stood in the way over time, and what came back; by code."""
        return self._loop.run(self._face.barriers, case)

    def progress(self, case: CaseRef | str) -> builtins.list[ProgressNote]:
        """List the notes on what was worked on, oldest first."""
        return self._loop.run(self._face.progress, case)

    def concerns(self, case: CaseRef | str) -> builtins.list[Concern]:
        """List what was answered already about a survivor's safety, the newest first."""
        return self._loop.run(self._face.concerns, case)

    def indicators(self, start: Instant, end: Instant) -> Indicators:
        """Count this agency's work with others in a period; see `AsyncCases.indicators`."""
        return self._loop.run(self._face.indicators, start, end)

    def advise(self, case: CaseRef | str) -> Advice:
        """Ask the tables whom to think of inviting, and which services to think of."""
        return self._loop.run(self._face.advise, case)

    def timeline(
        self, case: CaseRef | str, *, purpose: str | None = None
    ) -> builtins.list[TimelineEntry]:
        """List all that was said about a case, in order; see `AsyncCases.timeline`."""
        return self._loop.run(self._face.timeline, case, purpose=purpose)

    def export_timeline(self, case: CaseRef | str) -> bytes:
        """Write the timeline as canonical JSON; the access log says so."""
        return self._loop.run(self._face.export_timeline, case)

    def list(self, *, state: str | None = None) -> builtins.list[CaseSummary]:
        """List the cases, the one that something was last said about first."""
        return self._loop.run(self._face.list, state=state)
