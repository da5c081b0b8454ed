"""Closing an event: each agency's note, and the lead's word that it is over.

Rules: the lead names each agency that took part, with its note or with why that is missing. A note
is named where it is here, and nowhere else. The review's due date is set by itself.

Spec: docs/spec/reviews.md, "Notes" and "Closing".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.calendars import read_agencies
from quietway.crisis.summary import make_summary
from quietway.debriefing.events import facts_of
from quietway.debriefing.saying import say_to_members
from quietway.errors import ContentRefused, NotesOwed
from quietway.saying import saying_refusals
from quietway.speaking import find_partner
from quietway.views.closings import fold_closing
from quietway.views.due_reviews import count_review_due
from quietway_schemas.content.debrief import EventClosed, EventNote, MissingNote
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.closings import Closing
    from quietway.views.crises import Crisis
    from quietway_schemas.instants import Instant


async def note_event(
    agent: Agent, crisis: Crisis, codes: Iterable[str], *, text: str | None = None
) -> Sent:
    """Write down what this agency did in an event, for all who take part.

    Args:
        agent: Of this device.
        crisis: The event.
        codes: Of the list `event_note`.
        text: A few words where codes do not say it.

    Raises:
        ContentRefused: A code or the text breaks a rule, or this device takes no part.
        LocationFound: The guard found what should not be said.
    """
    with saying_refusals():
        content = EventNote(
            event_id=crisis.event_id,
            epoch=crisis.epoch,
            exercise=crisis.exercise,
            codes=tuple(sorted(set(codes))),
            text=text,
            at=agent.clock.now(),
        )
    return await say_to_members(agent, crisis, content)


async def close_event(
    agent: Agent,
    crisis: Crisis,
    outcome: str,
    *,
    checkin_at: Instant | None = None,
    no_checkin_reason: str | None = None,
    missing: Mapping[Addressee, str] | None = None,
) -> Sent:
    """Say that an event is over, and send its summary to those who took part.

    Args:
        agent: Of this device.
        crisis: The event, as it stands.
        outcome: Of the list `event_outcome`.
        checkin_at: When those involved talk again, or
        no_checkin_reason: why they don't, of that list. Where neither is named, what was said in
            the huddle last counts.
        missing: Agencies whose note is missing, and why: of the list `missing_note_reason`.

    Raises:
        ContentRefused: This agency does not lead it, it is closed already, there is neither a
            check-in nor a reason, or a code breaks a rule. Nothing was said.
        NotesOwed: An agency's note is neither here nor named as missing. The same.
    """
    _check_may_close(agent, crisis)
    closing = fold_closing(crisis.said, facts_of(crisis))
    gone = await name_missing(agent, crisis, closing, missing or {})
    if checkin_at is None and no_checkin_reason is None and crisis.checkin is not None:
        checkin_at, no_checkin_reason = crisis.checkin.at, crisis.checkin.no_checkin_reason
    now = agent.clock.now()
    if checkin_at is not None and checkin_at <= now:
        raise ContentRefused("checkin_at", "is over: set the next check-in, or say why not.")
    agencies = await read_agencies(agent)
    calendar, _ = agencies.find_calendar(agent.keyring.agency)
    with saying_refusals():
        content = EventClosed(
            event_id=crisis.event_id,
            epoch=crisis.epoch,
            exercise=crisis.exercise,
            outcome=outcome,
            noted=tuple(sorted(_noted(closing) - {held.agency for held in gone})),
            missing=gone,
            checkin_at=checkin_at,
            no_checkin_reason=no_checkin_reason,
            review_due=count_review_due(now, calendar),
            at=now,
        )
        summary = make_summary(crisis, now=now, final=True)
    await say_to_members(agent, crisis, summary)
    return await say_to_members(agent, crisis, content)


async def name_missing(
    agent: Agent, crisis: Crisis, closing: Closing, missing: Mapping[Addressee, str]
) -> tuple[MissingNote, ...]:
    """Name the agencies whose note is missing; no other is left out, and none is named in vain.

    Raises:
        NotesOwed: Some are neither noted nor named. It names them.
        ContentRefused: One that is named took no part, has a note, or the reason is none.
    """
    named = {_find_agency(agent, held): reason for held, reason in missing.items()}
    owed = find_owed(crisis, closing)
    if strangers := sorted(set(named) - owed):
        name = agent.directory.agency_code(strangers[0]) or str(strangers[0])
        raise ContentRefused("missing", f"names {name}, whose note is not missing.")
    if left := owed - set(named):
        codes = (agent.directory.agency_code(held) or str(held) for held in left)
        raise NotesOwed(tuple(sorted(codes)))
    with saying_refusals():
        return tuple(
            MissingNote(agency=agency, reason_code=named[agency]) for agency in sorted(named)
        )


def find_owed(crisis: Crisis, closing: Closing) -> set[AgencyId]:
    """Find the agencies that took part and have no note here (V22)."""
    return set(facts_of(crisis).took_part) - _noted(closing)


def _noted(closing: Closing) -> set[AgencyId]:
    return {note.agency for note in closing.notes}


def _check_may_close(agent: Agent, crisis: Crisis) -> None:
    if not crisis.is_open:
        raise ContentRefused("event_id", "is of an event that is closed already.")
    if crisis.lead != agent.keyring.agency:
        name = agent.directory.agency_code(crisis.lead) or str(crisis.lead)
        raise ContentRefused("event_id", f"is of an event that {name} leads: ask them to close it.")


def _find_agency(agent: Agent, named: Addressee) -> AgencyId:
    # An agency that is no partner any more is named by its id.
    return named if isinstance(named, AgencyId) else find_partner(agent, named).agency_id
