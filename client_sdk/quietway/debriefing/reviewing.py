"""Looking back: an agency's word on an event, what is to change, and how that stands.

Rules: a word names the versions that its author's agency shows, so that two devices that write at
once lose nothing of each other. How an item stands is said by its owner.

Spec: docs/spec/reviews.md, "The review" and "Items".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.debriefing.events import fold_review
from quietway.debriefing.saying import say_to_members
from quietway.errors import ContentRefused, NotFound
from quietway.saying import saying_refusals
from quietway.views.reviews import may_report
from quietway_schemas.content.base import MOST_SEEN
from quietway_schemas.content.debrief import (
    SECTIONS,
    AfterActionReview,
    ExposureRisk,
    ReviewItem,
    ReviewUpdate,
    SectionText,
)
from quietway_schemas.content.review_states import check_transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway.views.crises import Crisis
    from quietway.views.reviews import EventReview, Item, Word
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

ID_BYTES: Final = 16


def show_review(crisis: Crisis) -> EventReview:
    """Show the review of an event.

    Raises:
        ContentRefused: The event is not closed: there is nothing to look back on yet.
    """
    review = fold_review(crisis)
    if review is None:
        raise ContentRefused("event_id", "is of an event that is not closed yet.")
    return review


async def record_word(
    agent: Agent,
    crisis: Crisis,
    *,
    worked_well: Iterable[str] = (),
    barriers: Iterable[str] = (),
    timing: Iterable[str] = (),
    data_gaps: Iterable[str] = (),
    exposure_risks: Iterable[ExposureRisk] = (),
    texts: Mapping[str, str] | None = None,
) -> Sent:
    """Say this agency's word on an event. It takes the place of what the agency said before.

    Raises:
        ContentRefused: The event is not closed, this agency took no part, or a code breaks a rule.
        LocationFound: The guard found what should not be said.
    """
    review = show_review(crisis)
    _check_took_part(agent, review)
    words = texts or {}
    seen = sorted(
        word.name for word in review.words if word.agency == agent.keyring.agency and word.name
    )
    with saying_refusals():
        content = AfterActionReview(
            event_id=crisis.event_id,
            epoch=crisis.epoch,
            exercise=crisis.exercise,
            nonce=agent.entropy.draw(ID_BYTES),
            supersedes=tuple(seen[:MOST_SEEN]),
            worked_well=tuple(sorted(set(worked_well))),
            barriers=tuple(sorted(set(barriers))),
            timing=tuple(sorted(set(timing))),
            data_gaps=tuple(sorted(set(data_gaps))),
            exposure_risks=tuple(sorted(exposure_risks, key=lambda risk: risk.code)),
            texts=tuple(
                SectionText(section=section, text=words[section])
                for section in sorted(words, key=_place_of)
            ),
            at=agent.clock.now(),
        )
    return await say_to_members(agent, crisis, content)


def find_risk(agent: Agent, review: EventReview, code: str) -> tuple[Word, ExposureRisk]:
    """Find a risk of exposure that this agency named, and is still to act on.

    Raises:
        NotFound: It named none of that code that is to be followed.
    """
    for word in review.words:
        for risk in word.content.exposure_risks:
            is_open = risk.follow_up != "none" and not risk.followed
            if word.agency == agent.keyring.agency and risk.code == code and is_open:
                return word, risk
    raise NotFound("A risk of exposure of that code that your agency is still to act on")


async def mark_followed(agent: Agent, crisis: Crisis, word: Word, followed: ExposureRisk) -> Sent:
    """Say that a risk was acted on: the agency's word stays as it was, but for that."""
    risks = tuple(
        held.model_copy(update={"followed": True}) if held == followed else held
        for held in word.content.exposure_risks
    )
    content = word.content.model_copy(
        update={
            "exposure_risks": risks,
            "nonce": agent.entropy.draw(ID_BYTES),
            "supersedes": (word.name,) if word.name else (),
            "epoch": crisis.epoch,
            "at": agent.clock.now(),
        }
    )
    return await say_to_members(agent, crisis, content)


async def add_item(
    agent: Agent,
    crisis: Crisis,
    category: str,
    owner: AgencyId,
    due: Instant,
    *,
    text: str | None = None,
) -> tuple[bytes, Sent]:
    """Say what is to change, whose it is, and until when.

    Returns:
        The item's id, and what became of the message.

    Raises:
        ContentRefused: The event is not closed, the owner took no part, the due time is over, or a
            code breaks a rule.
        LocationFound: The guard found what should not be said.
    """
    review, now = show_review(crisis), agent.clock.now()
    _check_took_part(agent, review)
    if owner not in review.took_part:
        raise ContentRefused("owner", "took no part in the event: name an agency that did.")
    item_id = agent.entropy.draw(ID_BYTES)
    with saying_refusals():
        content = ReviewItem(
            event_id=crisis.event_id,
            epoch=crisis.epoch,
            exercise=crisis.exercise,
            item_id=item_id,
            category=category,
            owner=owner,
            due=due,
            raised_at=now,
            text=text,
        )
    return item_id, await say_to_members(agent, crisis, content)


async def update_item(
    agent: Agent, crisis: Crisis, item_id: bytes, state: str, *, reason_code: str | None = None
) -> Sent:
    """Say how an item of this agency stands.

    Raises:
        NotFound: The review has no such item.
        ContentRefused: Another agency owns it, the state does not follow, or a code breaks a rule.
    """
    item = _find_item(show_review(crisis), item_id)
    if not may_report(agent.keyring.agency, item.owner):
        name = agent.directory.agency_code(item.owner) or str(item.owner)
        raise ContentRefused("item_id", f"is of an item that {name} owns: they say how it stands.")
    with saying_refusals():
        content = ReviewUpdate(
            event_id=crisis.event_id,
            epoch=crisis.epoch,
            exercise=crisis.exercise,
            item_id=item_id,
            state=check_transition(item.state, state),
            reason_code=reason_code,
            at=agent.clock.now(),
        )
    return await say_to_members(agent, crisis, content)


def _find_item(review: EventReview, item_id: bytes) -> Item:
    for item in review.items:
        if item.item_id == item_id:
            return item
    raise NotFound("An item by that id in this review", "quietway review show")


def _check_took_part(agent: Agent, review: EventReview) -> None:
    if agent.keyring.agency not in review.took_part:
        raise ContentRefused("event_id", "is of an event in which your agency took no part.")


def _place_of(section: str) -> int:
    return SECTIONS.index(section) if section in SECTIONS else len(SECTIONS)
