"""Contacts for the blocking client: the same calls, waited for.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable

    from quietway.blocking.loop import Loop
    from quietway.faces.contacts import AsyncContacts
    from quietway.policy.proposing import ChannelProposal
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.agencies import AgencyEntry, AgencyGap
    from quietway.views.contact_log import AgendaItem, Clarification, ContactEntry
    from quietway_schemas.content.contact import AfterHours, ContactSlot
    from quietway_schemas.ids import CaseRef
    from quietway_schemas.instants import Instant


class Contacts:
    """Contacts of agencies, the ways to reach them, and the log of contact with them."""

    def __init__(self, face: AsyncContacts, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def publish(
        self,
        slots: Iterable[ContactSlot],
        after_hours: AfterHours,
        *,
        valid_from: Instant | None = None,
    ) -> Sent:
        """Tell all partners whom to reach here; see `AsyncContacts.publish`."""
        return self._loop.run(self._face.publish, slots, after_hours, valid_from=valid_from)

    def publish_profile(self, **fields: Any) -> Sent:
        """Tell all partners what this agency does; see `AsyncContacts.publish_profile`."""
        return self._loop.run(self._face.publish_profile, **fields)

    def show(self, partner: Addressee | None = None) -> AgencyEntry:
        """Show what a partner, or this agency, says of itself."""
        return self._loop.run(self._face.show, partner)

    def list(self) -> builtins.list[AgencyEntry]:
        """List what this agency and its partners say of themselves, this one first."""
        return self._loop.run(self._face.list)

    def missing(self) -> builtins.list[AgencyGap]:
        """List what is missing: contacts, profiles, partners that were not told, what is old."""
        return self._loop.run(self._face.missing)

    def propose_channel(
        self, partner: Addressee, purpose_code: str, time_sensitivity: str = "standard"
    ) -> ChannelProposal:
        """Propose by which way to reach a partner now; see `AsyncContacts.propose_channel`."""
        return self._loop.run(self._face.propose_channel, partner, purpose_code, time_sensitivity)

    def log(
        self,
        *,
        partner: Addressee | None = None,
        case: CaseRef | str | None = None,
        limit: int | None = None,
    ) -> builtins.list[ContactEntry]:
        """List the contacts with other agencies, oldest first; see `AsyncContacts.log`."""
        return self._loop.run(self._face.log, partner=partner, case=case, limit=limit)

    def log_call(
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
        """Log contact that left no message; see `AsyncContacts.log_call`."""
        return self._loop.run(
            self._face.log_call,
            partner,
            interaction_type,
            purpose_code,
            outcome_code,
            case=case,
            at=at,
            time_sensitivity=time_sensitivity,
            deviation=deviation,
            duration_min=duration_min,
            note=note,
        )

    def ask(
        self,
        partner: Addressee,
        topic_code: str,
        text: str,
        *,
        case: CaseRef | str | None = None,
        cross_cutting: bool = False,
        time_sensitivity: str = "standard",
    ) -> Sent:
        """Ask a partner's liaison what something means; see `AsyncContacts.ask`."""
        return self._loop.run(
            self._face.ask,
            partner,
            topic_code,
            text,
            case=case,
            cross_cutting=cross_cutting,
            time_sensitivity=time_sensitivity,
        )

    def questions(self) -> builtins.list[Clarification]:
        """List what was asked between this agency and others, oldest first."""
        return self._loop.run(self._face.questions)

    def report_problem(
        self,
        code: str,
        text: str,
        *,
        to: Addressee | Iterable[Addressee] | None = None,
        agenda: bool = False,
    ) -> Sent:
        """Tell partners that something is wrong with the program; see the async namesake."""
        return self._loop.run(self._face.report_problem, code, text, to=to, agenda=agenda)

    def agenda(self) -> builtins.list[AgendaItem]:
        """List what is for the partnership's next meeting, oldest first."""
        return self._loop.run(self._face.agenda)
