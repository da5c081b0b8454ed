"""What needs a person now, from every part that has something to say.

A source is one function: it is asked with the time, and gives its lines. Who adds one adds it to
`SOURCES`, and nothing else changes. A source reads and never says anything to anybody.

Spec: docs/spec/referrals.md, "What is due".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from quietway.calendars import read_agencies
from quietway.covering.findings import list_due_on_call
from quietway.debriefing.events import list_reviews
from quietway.due_alerts import list_due_alerts, list_due_seconds
from quietway.due_sources import (
    list_due_actions,
    list_due_agreements,
    list_due_cases,
    list_due_consents,
    list_due_contacts,
    list_due_orders,
    list_due_permissions,
)
from quietway.history import list_around
from quietway.policy.windows import find_window
from quietway.roles import keep_readable
from quietway.standing import QUESTION
from quietway.views.advocates import AdvocateWait, fold_advocates
from quietway.views.contact_log import fold_questions
from quietway.views.due import Due, fold_due
from quietway.views.due_questions import LIAISON, fold_due_question
from quietway.views.due_reviews import fold_due_review
from quietway.views.escalations import Escalated, fold_escalations
from quietway.views.referrals import fold_referrals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.calendars import AgencyBook
    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, ReferralRef
    from quietway_schemas.instants import Instant


class Source(Protocol):
    """A part of the program that knows of things that need a person."""

    async def __call__(self, agent: Agent, *, now: Instant) -> Iterable[Due]:
        """List them. It writes nothing and asks no relay."""
        ...


async def list_due_referrals(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List what referrals need: to be acknowledged, answered, asked after, taken further."""
    messages, me = await _list_readable(agent), agent.keyring.agency
    agencies = await read_agencies(agent)
    escalated = _group(fold_escalations(messages))
    lines = []
    for referral in fold_referrals(messages, me=me):
        asked = me if referral.direction == "in" else min(referral.agencies, default=me)
        calendar, source = agencies.find_calendar(asked)
        lines.append(
            fold_due(
                referral,
                escalated.get(referral.ref, ()),
                now=now,
                calendar=calendar,
                promised=agencies.find_windows(asked),
                counted_with=source,
            )
        )
    return [line for line in lines if line is not None]


async def list_due_advocates(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List the requests for an advocate that nobody has answered."""
    me = agent.keyring.agency
    waits = fold_advocates(await _list_readable(agent), me=me)
    agencies = await read_agencies(agent)
    lines = (_show_wait(wait, agencies, me) for wait in waits if wait.is_due)
    return [line for line in lines if line.turn == "ours" or line.is_overdue(now)]


async def list_due_questions(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List the requests for clarification that nobody has answered."""
    keyring = agent.keyring
    asked_of = keep_readable(agent, await list_around(agent, QUESTION))
    questions = fold_questions(asked_of, me=keyring.agency)
    agencies = await read_agencies(agent)
    liaisons = any(LIAISON in held.roles for held in agent.directory.devices_of(keyring.agency))
    lines = []
    for question in questions:
        asked = keyring.agency if question.direction == "in" else question.agency
        calendar, source = agencies.find_calendar(asked)
        lines.append(
            fold_due_question(
                question,
                now=now,
                calendar=calendar,
                promised=agencies.find_windows(asked),
                counted_with=source,
                roles=(LIAISON,) if liaisons else (),
            )
        )
    return [line for line in lines if line is not None]


async def list_due_reviews(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List what reviews of events need: to be held, added to, their items to be done."""
    agencies = await read_agencies(agent)
    lines = [
        fold_due_review(
            review, me=agent.keyring.agency, now=now, find_calendar=agencies.find_calendar
        )
        for review in await list_reviews(agent)
    ]
    return [line for found in lines for line in found]


SOURCES: Final[tuple[Source, ...]] = (
    list_due_referrals,
    list_due_advocates,
    list_due_questions,
    list_due_consents,
    list_due_contacts,
    list_due_orders,
    list_due_actions,
    list_due_cases,
    list_due_agreements,
    list_due_permissions,
    list_due_on_call,
    list_due_reviews,
    list_due_alerts,
    list_due_seconds,
)
"""All of them, in no order that counts."""


async def list_due(agent: Agent) -> list[Due]:
    """List what needs a person now, the earliest first."""
    now = agent.clock.now()
    lines = [line for source in SOURCES for line in await source(agent, now=now)]
    return sorted(lines, key=lambda line: (line.at, line.source, line.subject))


async def _list_readable(agent: Agent) -> list[StoredMessage]:
    # What is over or closed is due to nobody, and is not read.
    return keep_readable(agent, await agent.ledger.standing())


def _show_wait(wait: AdvocateWait, agencies: AgencyBook, me: AgencyId) -> Due:
    asked = me if wait.direction == "in" else wait.agency
    calendar, source = agencies.find_calendar(asked)
    window = find_window("acknowledgement", wait.content.urgency, agencies.find_windows(asked))
    ours = wait.direction == "in"
    return Due(
        source="advocates",
        kind="send_advocate" if ours else "await_advocate",
        subject=str(wait.case_ref),
        at=window.due(wait.at, calendar),
        turn="ours" if ours else "theirs",
        agency=wait.agency,
        words="An advocate is asked for: assign one, and say so."
        if ours
        else "No advocate is there yet: call them.",
        calendar=source,
    )


def _group(found: Iterable[Escalated]) -> Mapping[ReferralRef, tuple[Escalated, ...]]:
    grouped: dict[ReferralRef, tuple[Escalated, ...]] = {}
    for one in found:
        subject = one.content.subject
        if subject is not None:
            grouped[subject] = (*grouped.get(subject, ()), one)
    return grouped
