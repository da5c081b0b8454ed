"""`client.cases`: opening a case, how it stands, who leads it, and what was said about it.

Spec: docs/spec/cases.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.cases import write_alias
from quietway.errors import ContentRefused
from quietway.exercises import keep_live
from quietway.faces.case_lead import AsyncCaseLead
from quietway.faces.case_links import link_case
from quietway.faces.casework import (
    ID_BYTES,
    find_told,
    list_cards,
    read_case,
    say_of_case,
    summarise,
)
from quietway.faces.saying import saying_refusals
from quietway.history import list_messages
from quietway.own.sharing import write_shared
from quietway.roles import keep_readable, my_roles
from quietway.speaking import find_partner
from quietway.views.cases import advise, fold_barriers, fold_progress
from quietway.views.concerns import fold_concerns
from quietway.views.indicators import fold_indicators
from quietway.views.timeline import case_of, export_timeline, fold_timeline
from quietway_schemas.content.case import (
    CaseReview,
    CaseStatus,
    ProgressNote,
    RespondentEvent,
    TemplateBand,
)
from quietway_schemas.content.case_states import check_transition
from quietway_schemas.ids import CaseRef, ReferralRef
from quietway_schemas.instants import DAY, to_text

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.faces.board import AsyncBoard
    from quietway.own.accesses import AccessLines
    from quietway.records import StoredMessage
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.cases import Advice, BarrierHistory, CaseSummary
    from quietway.views.concerns import Concern
    from quietway.views.indicators import Indicators
    from quietway.views.timeline import TimelineEntry
    from quietway_schemas.content.base import CaseContent
    from quietway_schemas.instants import Instant

REVIEW_AFTER_CHANGE_MS: Final = 5 * DAY
USUAL_REVIEW_MS: Final = 30 * DAY
_MONTH: Final = len("2026-11")


class AsyncCases:
    """Cases: opened, followed, handed over, looked at again, closed.

    Attributes:
        lead: Who leads a case: offered, accepted, confirmed, declined, withdrawn, told.
    """

    def __init__(self, agent: Agent, access: AccessLines, board: AsyncBoard) -> None:
        self._agent = agent
        self._access = access
        self._board = board
        self.lead = AsyncCaseLead(agent)
        # One object, so that what was folded can be kept until something new is said.
        self._card = self._summarise

    async def open(self) -> CaseRef:
        """Open a case: a random reference that names it on this agency's devices and nowhere else.

        Nothing is sent to anybody.

        Raises:
            StorageFull: There is no room. Nothing was written.
        """
        agent = self._agent
        case = CaseRef(agent.entropy.draw(ID_BYTES))
        while await list_messages(agent, referral=ReferralRef(case.value)):
            case = CaseRef(agent.entropy.draw(ID_BYTES))
        own = agent.keyring.agency
        await write_shared(agent, write_alias(case, own, case))
        agent.cases.add(case, own, case)
        return case

    async def list(self, *, state: str | None = None) -> builtins.list[CaseSummary]:
        """List the cases, the one that something was last said about first.

        Args:
            state: Only those that this agency says stand so: a code of the list `case_status`.
        """
        found = await list_cards(self._agent, self._card)
        for case in self._agent.cases.list_opened(self._agent.keyring.agency):
            found.setdefault(case, summarise(self._agent, case, ()))
        chosen = [held for held in found.values() if state in {None, held.own.state}]
        return sorted(chosen, key=lambda held: (-held.last_at, held.case_ref))

    async def find(self, case: CaseRef | str) -> CaseSummary:
        """Find one case.

        Raises:
            NotFound: This store knows no such case.
        """
        ref, messages = await read_case(self._agent, case)
        return summarise(self._agent, ref, messages)

    async def due(self) -> builtins.list[CaseSummary]:
        """List the cases whose review is due, the longest overdue first."""
        now = self._agent.clock.now()
        overdue = [held for held in await self.list() if held.is_overdue(now)]
        return sorted(overdue, key=lambda held: (held.review_due or 0, held.case_ref))

    async def set_status(
        self,
        case: CaseRef | str,
        state: str,
        *,
        to: Addressee | Iterable[Addressee] | None = None,
        closure_reason: str | None = None,
        review_at: Instant | None = None,
    ) -> Sent:
        """Say how this agency's episode of a case stands.

        Args:
            case: One's own reference.
            state: Of the list `case_status`.
            to: The partners who are told; all that the case is spoken of with where it is None.
            closure_reason: Of the list `closure_reason`; asked for `closed`, and only there.
            review_at: When it is looked at again; asked for `inactive_monitoring`, and only there.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: The state does not follow the one of now, or lacks its reason or date.
                Nothing was sealed.
        """
        found = await self.find(case)
        with saying_refusals():
            check_transition(found.own.state, state)
            content = CaseStatus(
                case_ref=found.case_ref,
                nonce=bytes(ID_BYTES),
                state=state,
                effective=self._agent.clock.now(),
                closure_reason=closure_reason,
                review_at=review_at,
            )
        return await self._say(content, to)

    async def review(
        self,
        case: CaseRef | str,
        *,
        gaps: Iterable[str] = ("none",),
        changes: Iterable[str] = ("no_change",),
        next_review: Instant | None = None,
        to: Addressee | Iterable[Addressee] | None = None,
    ) -> Sent:
        """Say what a review found missing and what changed, and when the next one is.

        Args:
            case: One's own reference.
            gaps: Of the list `review_gap`.
            changes: Of the list `case_change`.
            next_review: 30 days from now where it is None.
            to: The partners who are told; all that the case is spoken of with where it is None.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: A code or the date breaks a rule. Nothing was sealed.
        """
        found, now = await self.find(case), self._agent.clock.now()
        with saying_refusals():
            content = CaseReview(
                case_ref=found.case_ref,
                gaps=tuple(sorted(set(gaps))),
                changes=tuple(sorted(set(changes))),
                next_review=now + USUAL_REVIEW_MS if next_review is None else next_review,
                at=now,
            )
        return await self._say(content, to)

    async def note_change(
        self,
        case: CaseRef | str,
        *changes: str,
        to: Addressee | Iterable[Addressee] | None = None,
    ) -> Sent:
        """Say that something changed, so that the plan is looked at within five days.

        An earlier date that was set already stays. Codes only: no detail of what changed.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: No code of the list `case_change`. Nothing was sealed.
        """
        found, now = await self.find(case), self._agent.clock.now()
        soon = now + REVIEW_AFTER_CHANGE_MS
        set_already = found.review_due if found.review_due is not None else soon
        due = set_already if now < set_already < soon else soon
        return await self.review(case, changes=changes, next_review=due, to=to)

    async def note_progress(
        self,
        case: CaseRef | str,
        *codes: str,
        to: Addressee | Iterable[Addressee] | None = None,
    ) -> Sent:
        """Say what was worked on, in codes of the list `progress_code`.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: No code of that list. Nothing was sealed.
        """
        ref, _ = await read_case(self._agent, case)
        with saying_refusals():
            content = ProgressNote(
                case_ref=ref, codes=tuple(sorted(set(codes))), at=self._agent.clock.now()
            )
        return await self._say(content, to)

    async def note_respondent(
        self,
        case: CaseRef | str,
        code: str,
        *,
        to: Addressee | Iterable[Addressee] | None = None,
        month: str | None = None,
    ) -> Sent:
        """Say what happened about the person who caused harm: a code, and a month at most.

        Args:
            case: One's own reference.
            code: Of the list `respondent_event`.
            to: The partners who are told; all that the case is spoken of with where it is None.
            month: As `2026-11`; this one where it is None.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: A code or the month breaks a rule. Nothing was sealed.
        """
        ref, _ = await read_case(self._agent, case)
        with saying_refusals():
            content = RespondentEvent(case_ref=ref, code=code, month=self._month(month))
        return await self._say(content, to)

    async def note_risk(
        self,
        case: CaseRef | str,
        instrument: str,
        band: str,
        *,
        to: Addressee | Iterable[Addressee] | None = None,
        version: str = "1.0.0",
        month: str | None = None,
    ) -> Sent:
        """Say which band an assessment gave: the tool's code and its band, never an answer in it.

        Args:
            case: One's own reference.
            instrument: Of the list `instrument`.
            band: Of the list `risk_band`.
            to: The partners who are told; all that the case is spoken of with where it is None.
            version: Of the form that was used.
            month: When it was done, as `2026-11`; this month where it is None.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: A code or the month breaks a rule. Nothing was sealed.
        """
        ref, _ = await read_case(self._agent, case)
        with saying_refusals():
            content = TemplateBand(
                case_ref=ref,
                template_id="risk_assessment",
                version=version,
                instrument=instrument,
                band=band,
                dated=self._month(month),
            )
        return await self._say(content, to)

    async def barriers(self, case: CaseRef | str) -> builtins.list[BarrierHistory]:
        """List what stood in the way over time, and what came back; by code.

        Raises:
            NotFound: This store knows no such case.
        """
        _, messages = await read_case(self._agent, case)
        return list(fold_barriers(messages))

    async def progress(self, case: CaseRef | str) -> builtins.list[ProgressNote]:
        """List the notes on what was worked on, oldest first.

        Raises:
            NotFound: This store knows no such case.
        """
        _, messages = await read_case(self._agent, case)
        return list(fold_progress(messages))

    async def concerns(self, case: CaseRef | str) -> builtins.list[Concern]:
        """List what was answered already about a survivor's safety, the newest first.

        A form shows it, so that nobody has to tell the same again.

        Raises:
            NotFound: This store knows no such case.
        """
        _, messages = await read_case(self._agent, case)
        return list(fold_concerns(messages))

    async def indicators(self, start: Instant, end: Instant) -> Indicators:
        """Count this agency's work with others in a period, as the dictionary defines it.

        It is counted from what this device keeps and may read, and told to nobody.

        Args:
            start: From when, milliseconds since 1970-01-01T00:00:00Z.
            end: Until when; this instant is not in it any more.

        Raises:
            ContentRefused: The period ends before it begins.
        """
        if end < start:
            raise ContentRefused("end", "is before the start: name the earlier instant first.")
        own = self._agent.keyring.agency
        return fold_indicators(
            keep_readable(self._agent, keep_live(await list_messages(self._agent))),
            me=own,
            my_code=self._agent.keyring.agency_code,
            start=start,
            end=end,
        )

    async def advise(self, case: CaseRef | str) -> Advice:
        """Ask the tables whom to think of inviting, and which services to think of.

        It goes by what stands on the board of this device. Nothing is done by itself.

        Raises:
            NotFound: This store knows no such case.
        """
        return advise(await self._board.show(case))

    async def timeline(
        self, case: CaseRef | str, *, purpose: str | None = None
    ) -> builtins.list[TimelineEntry]:
        """List all that was said about a case, in order, as far as this device's roles show it.

        The access log says that it was opened.

        Args:
            case: One's own reference.
            purpose: What for, of the list `purpose_of_use`, for the access log.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: There is no such purpose. Nothing was shown.
            StorageFull: The line in the access log can't be written. Nothing was shown.
        """
        ref, messages = await read_case(self._agent, case)
        entries = list(fold_timeline(messages, ref, roles=my_roles(self._agent)))
        shown = ((entry.message_id, entry.core_hash) for entry in entries)
        with saying_refusals():
            await self._access.note_open(shown, purpose=purpose)
        return entries

    async def export_timeline(self, case: CaseRef | str) -> bytes:
        """Write the timeline as canonical JSON, for a review; the access log says so.

        Raises:
            NotFound: This store knows no such case.
            StorageFull: The line in the access log can't be written. Nothing was exported.
        """
        ref, messages = await read_case(self._agent, case)
        entries = fold_timeline(messages, ref, roles=my_roles(self._agent))
        taken = [entry.message_id for entry in entries if entry.message_id is not None]
        await self._access.record("export", messages=taken)
        return export_timeline(ref, entries)

    async def link(
        self, case: CaseRef | str, one: Addressee, other: Addressee
    ) -> tuple[Sent, Sent]:
        """Tell two partners what each of them calls a case, so that they can speak of it.

        Raises:
            NotFound: This store knows no such case.
            NotPermitted: The survivor has not released it for both, with the scope `linkage`.
                Neither was told anything.
        """
        ref, _ = await read_case(self._agent, case)
        agencies = [find_partner(self._agent, named).agency_id for named in (one, other)]
        if agencies[0] == agencies[1]:
            raise ContentRefused("other", "is the same agency: name two.")
        return await link_case(self._agent, ref, *agencies)

    def _summarise(self, messages: tuple[StoredMessage, ...]) -> CaseSummary | None:
        named = (case_of(held.content) for held in messages)
        case = next((case for case in named if case is not None), None)
        return None if case is None else summarise(self._agent, case, messages)

    def _month(self, month: str | None) -> str:
        return to_text(self._agent.clock.now())[:_MONTH] if month is None else month

    async def _say(self, content: CaseContent, to: Addressee | Iterable[Addressee] | None) -> Sent:
        if content.case_ref is None:
            raise ContentRefused("case_ref", "is missing: name the case.")
        case, messages = await read_case(self._agent, content.case_ref)
        told = await find_told(self._agent, messages, content, to)
        return await say_of_case(self._agent, case, content, to=told, messages=messages)
