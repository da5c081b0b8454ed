"""What besides referrals needs a person: releases, orders, cases, leads, agreements, permissions.

Each source turns what its own part already says into lines. None decides anything of its own.

Spec: docs/spec/referrals.md, "What is due".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.consent.reminding import list_reminders
from quietway.consent.rollback import list_orders
from quietway.huddling.reading import list_crises, show_event_id
from quietway.own.reviews import list_review
from quietway.views.agencies import OLD_MS, find_newest
from quietway.views.cases import find_review, fold_case
from quietway.views.due import Due
from quietway.views.due_leads import list_due_leads
from quietway_schemas.content.case import LeadOffer
from quietway_schemas.content.contact import DirectoryContact
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway.views.cases import CaseSummary
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

REVIEW_AHEAD_MS: Final = 30 * DAY
_WITH_A_TIME: Final = frozenset({"ends_tomorrow", "ended", "told_by_law", "ends_soon"})
"""Reminders that somebody has to act on; what only tells of rights is asked for by itself."""


async def list_due_consents(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List the releases that end, and what a survivor is to be told of."""
    del now
    return [
        Due(
            source="consents",
            kind=held.why,
            subject=str(held.case),
            at=held.due,
            turn="ours",
            agency=held.agency,
            words=held.text,
        )
        for held in await list_reminders(agent)
        if held.why in _WITH_A_TIME
    ]


async def list_due_orders(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List the orders to delete that somebody has not attested in time."""
    del now
    return [
        Due(
            source="orders",
            kind="chase_order" if held.state == "due" else "escalate_order",
            subject=str(held.case),
            at=held.due,
            turn="ours",
            agency=held.agency,
            words="They have not said that it is deleted: call them.",
        )
        for held in await list_orders(agent)
        if held.state in {"due", "escalate"}
    ]


async def list_due_cases(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List the cases to be reviewed, and the leads that are to be answered or confirmed."""
    me = agent.keyring.agency
    cards = await agent.ledger.case_cards(_FoldDue(me))
    reviews = [
        _show_review(case, card.review)
        for case, card in cards.items()
        if case is not None and card.review is not None and card.review <= now
    ]
    offered = [case for case, card in cards.items() if case is not None and card.is_offered]
    leads = [list_due_leads(await _fold_case(agent, case), me, now) for case in offered]
    return [*reviews, *(line for lines in leads for line in lines)]


async def list_due_actions(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List the open actions of huddles that this agency sees to; drills are left out."""
    del now
    me = agent.keyring.agency
    return [
        Due(
            source="crises",
            kind="huddle_action",
            subject=show_event_id(crisis.event_id),
            at=action.due_at,
            turn="ours",
            agency=None if action.by == me else action.by,
            words="This was asked for in a huddle: see to it, and say so there.",
        )
        for crisis in await list_crises(agent)
        if crisis.is_open and not crisis.exercise
        for action in crisis.actions
        if action.owner == me and action.state == "open"
    ]


async def list_due_agreements(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List the agreements in force that are to be looked at again within 30 days."""
    me = agent.keyring.agency
    return [
        Due(
            source="agreements",
            kind="review_agreement",
            subject=held.signed.terms.name,
            at=held.signed.terms.review_by,
            turn="ours",
            words="This agreement is to be looked at again, by all who signed it.",
        )
        for held in agent.agreements.list()
        if held.signed is not None
        and agent.agreements.tell_state(held, me, now) == "active"
        and held.signed.terms.review_by <= now + REVIEW_AHEAD_MS
    ]


async def list_due_permissions(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List the devices whose permissions nobody has looked at for too long."""
    del now
    return [
        Due(
            source="permissions",
            kind="review_permissions",
            subject=str(line.device),
            at=line.due,
            turn="ours",
            words="Look at what this device may do, and attest it.",
        )
        for line in (await list_review(agent)).overdue
    ]


async def list_due_contacts(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """Say that this agency's contacts are to be confirmed, where nobody did so for long."""
    keyring = agent.keyring
    said = find_newest(await agent.ledger.standing(), DirectoryContact).get(keyring.agency)
    if said is None or now < said.said_at + OLD_MS:
        return []
    return [
        Due(
            source="contacts",
            kind="confirm",
            subject=keyring.agency_code,
            at=said.said_at + OLD_MS,
            turn="ours",
            words="Nobody has confirmed your agency's contacts for long: publish them again.",
        )
    ]


async def _fold_case(agent: Agent, case: CaseRef) -> CaseSummary:
    me = agent.keyring.agency
    opened_here = agent.cases.find(case, me) is not None
    return fold_case(case, await agent.ledger.of_case(case), me=me, opened_here=opened_here)


@dataclass(frozen=True, slots=True)
class _DueCase:
    """What of a case may need a person at some time; kept until something is said of the case."""

    review: Instant | None
    is_offered: bool


@dataclass(frozen=True, slots=True)
class _FoldDue:
    """Folds a case as far as that, for one agency."""

    me: AgencyId

    def __call__(self, messages: tuple[StoredMessage, ...]) -> _DueCase:
        """Fold what stands of one case."""
        return _DueCase(
            find_review(messages, me=self.me),
            any(isinstance(held.content, LeadOffer) for held in messages),
        )


def _show_review(case: CaseRef, at: Instant) -> Due:
    return Due(
        source="cases",
        kind="review_case",
        subject=str(case),
        at=at,
        turn="ours",
        words="This case is to be reviewed.",
    )
