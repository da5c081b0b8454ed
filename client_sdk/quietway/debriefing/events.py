"""Events as reviews need them.

Spec: docs/spec/reviews.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.huddling.reading import list_crises
from quietway.views.closings import make_facts
from quietway.views.reviews import EventReview, fold_reviews

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.views.closings import EventFacts
    from quietway.views.crises import Crisis


def facts_of(crisis: Crisis) -> EventFacts:
    """Give what the folds of closings and reviews need of an event."""
    return make_facts(crisis.activation, crisis.conversation, crisis.membership, case=crisis.case)


def fold_review(crisis: Crisis) -> EventReview | None:
    """Fold the review of an event; None while it is not closed."""
    return next(iter(fold_reviews(crisis.said, [facts_of(crisis)])), None)


async def list_reviews(agent: Agent, *, exercise: bool = False) -> list[EventReview]:
    """List the reviews of events that are over, the first closed first."""
    events = [held for held in await list_crises(agent) if held.exercise == exercise]
    reviews = [review for event in events if (review := fold_review(event)) is not None]
    return sorted(reviews, key=lambda review: (review.closed_at, review.event_id))
