"""Reviews of events that are over: what each agency said of them, and what is to change.

Each agency has a place of its own, and an item stands as it was raised, so nothing that one agency
wrote is lost by what another wrote at the same time. How an item stands is its owner's to report:
what others say of it is shown, and moves nothing.

Spec: docs/spec/reviews.md, "The review" and "Items".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from quietway.views.closings import Closing, fold_closing, sort_of_event
from quietway_schemas.content.debrief import AfterActionReview, ReviewItem, ReviewUpdate
from quietway_schemas.content.review_states import OPEN_STATES, START, check_transition
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.records import StoredMessage
    from quietway.views.closings import EventFacts
    from quietway_schemas.content.debrief import ExposureRisk
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId
    from quietway_schemas.instants import Instant

ReviewState: TypeAlias = Literal["due", "held"]


@dataclass(frozen=True, slots=True)
class Word:
    """One agency's word on an event.

    Attributes:
        agency: Whose.
        at: When it was sent.
        content: What.
        name: By which a newer version names it; empty until it was sent.
    """

    agency: AgencyId
    at: Instant
    content: AfterActionReview = field(repr=False)
    name: bytes = b""


@dataclass(frozen=True, slots=True)
class SectionLine:
    """One code of a section, and who said it.

    Attributes:
        code: Of the section's list.
        agencies: Who said so, sorted.
    """

    code: str
    agencies: tuple[AgencyId, ...]


@dataclass(frozen=True, slots=True)
class ItemStep:
    """One report on an item.

    Attributes:
        at: When it was sent.
        agency: Who said it.
        state: Of the list `aar_item_state`.
        reason_code: Of the list `aar_item_reason`, or None.
        counted: False where it was not the owner's, or did not follow.
    """

    at: Instant
    agency: AgencyId
    state: str
    reason_code: str | None
    counted: bool


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is to change.

    Attributes:
        item_id: 16 bytes.
        category: Of the list `aar_category`.
        owner: Whose it is.
        due: Until when.
        raised_by: Who raised it.
        raised_at: When.
        state: Of the list `aar_item_state`: what its owner reported last.
        reported_at: When; None where the owner reported nothing yet.
        text: A few words, or None.
        history: Every report, also of those who do not own it.
    """

    item_id: bytes
    category: str
    owner: AgencyId
    due: Instant
    raised_by: AgencyId
    raised_at: Instant
    state: str
    reported_at: Instant | None = None
    text: str | None = field(default=None, repr=False)
    history: tuple[ItemStep, ...] = field(default=(), repr=False)

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in OPEN_STATES

    def is_overdue(self, now: Instant) -> bool:
        """Say whether it is open, and its time is over."""
        return self.is_open and self.due <= now


@dataclass(frozen=True, slots=True)
class EventReview:
    """The review of one event.

    Attributes:
        event_id: 16 bytes.
        conversation: Where it is spoken about.
        exercise: True where it is of a drill.
        state: `held` once the lead's own word stands, else `due`.
        lead: The agency that closed the event.
        took_part: Each agency that did, sorted.
        closed_at: When the event was closed.
        due: Until when it is to be looked back on.
        closing: The end itself: outcome, check-in, notes, and which of them are missing.
        words: What each agency says of it, newest last; two of one agency where they crossed.
        items: What is to change, in the order in which it was raised.
        case_ref: One's own reference of the case, or None.
    """

    event_id: bytes
    conversation: ConversationId
    exercise: bool
    state: ReviewState
    lead: AgencyId
    took_part: tuple[AgencyId, ...]
    closed_at: Instant
    due: Instant
    closing: Closing
    words: tuple[Word, ...] = field(default=(), repr=False)
    items: tuple[Item, ...] = field(default=(), repr=False)
    case_ref: CaseRef | None = None

    @property
    def worked_well(self) -> tuple[SectionLine, ...]:
        """What worked well, of the list `aar_strength`."""
        return _unite((word.agency, word.content.worked_well) for word in self.words)

    @property
    def barriers(self) -> tuple[SectionLine, ...]:
        """What stood in the way, of the list `aar_barrier`."""
        return _unite((word.agency, word.content.barriers) for word in self.words)

    @property
    def timing(self) -> tuple[SectionLine, ...]:
        """What there is to say of the times, of the list `aar_timing`."""
        return _unite((word.agency, word.content.timing) for word in self.words)

    @property
    def data_gaps(self) -> tuple[SectionLine, ...]:
        """What was missing in documentation, of the list `aar_gap`."""
        return _unite((word.agency, word.content.data_gaps) for word in self.words)

    @property
    def exposure_risks(self) -> tuple[tuple[AgencyId, ExposureRisk], ...]:
        """Where something could have become known, who said so, and what is to follow."""
        found = ((word.agency, risk) for word in self.words for risk in word.content.exposure_risks)
        return tuple(sorted(set(found), key=lambda held: (held[1].code, held[0])))

    def has_spoken(self, agency: AgencyId) -> bool:
        """Say whether an agency's word stands."""
        return any(word.agency == agency for word in self.words)


def fold_reviews(
    messages: Iterable[StoredMessage], events: Iterable[EventFacts]
) -> tuple[EventReview, ...]:
    """Fold what was said into the reviews of the events that are over, the first closed first.

    Args:
        messages: All that may be of them.
        events: What is known of each event.
    """
    held = tuple(messages)
    found = (_fold(held, event) for event in events)
    reviews = [review for review in found if review is not None]
    return tuple(sorted(reviews, key=lambda review: (review.closed_at, review.event_id)))


def _fold(messages: tuple[StoredMessage, ...], event: EventFacts) -> EventReview | None:
    closing = fold_closing(messages, event)
    if closing.content is None or closing.at is None or closing.by is None:
        return None
    involved = closing.took_part
    said = [held for held in sort_of_event(messages, event) if held.agency in involved]
    words = find_current(said)
    return EventReview(
        event_id=event.event_id,
        conversation=event.conversation,
        exercise=event.exercise,
        state="held" if any(word.agency == closing.by for word in words) else "due",
        lead=closing.by,
        took_part=involved,
        closed_at=closing.at,
        due=closing.content.review_due,
        closing=closing,
        words=words,
        items=_fold_items(said, involved),
        case_ref=event.case_ref,
    )


def find_current(said: Iterable[StoredMessage]) -> tuple[Word, ...]:
    """Give the words that none of their own agency replaced.

    A version is replaced by one that names it, and by a later one in its own chain.

    Args:
        said: In one order everywhere.
    """
    held = [message for message in said if isinstance(message.content, AfterActionReview)]
    named = {
        (message.agency, name)
        for message in held
        for name in getattr(message.content, "supersedes", ())
    }
    latest = {_line_of(message): message.key for message in sorted(held, key=_place)}
    return tuple(
        Word(message.agency, message.said_at, message.content, message.core_hash)
        for message in held
        if isinstance(message.content, AfterActionReview)
        and (message.agency, message.core_hash) not in named
        and latest[_line_of(message)] == message.key
    )


def _line_of(message: StoredMessage) -> tuple[AgencyId, object]:
    # What was said here and is not sent yet has no chain: it is this device's own.
    return message.agency, message.device or ("here" if not message.received else message.key)


def _place(message: StoredMessage) -> tuple[bool, int, int, int]:
    return message.message_id is None, message.said_at, message.seq, message.position


def _fold_items(said: Iterable[StoredMessage], involved: tuple[AgencyId, ...]) -> tuple[Item, ...]:
    raised: dict[bytes, StoredMessage] = {}
    reports: Mapping[bytes, list[StoredMessage]] = defaultdict(list)
    for message in said:
        content = message.content
        if isinstance(content, ReviewItem) and content.owner in involved:
            raised.setdefault(content.item_id, message)
        elif isinstance(content, ReviewUpdate):
            reports[content.item_id].append(message)
    return tuple(_fold_item(message, reports[item]) for item, message in raised.items())


def _fold_item(message: StoredMessage, reports: Iterable[StoredMessage]) -> Item:
    item = message.content
    assert isinstance(item, ReviewItem)  # noqa: S101 - `_fold_items` chose it so
    state, reported, history = START, None, []
    for report in reports:
        state, step = _follow(state, report, item.owner)
        history.append(step)
        reported = step.at if step.counted else reported
    return Item(
        item_id=item.item_id,
        category=item.category,
        owner=item.owner,
        due=item.due,
        raised_by=message.agency,
        raised_at=message.said_at,
        state=state,
        reported_at=reported,
        text=item.text,
        history=tuple(history),
    )


def _follow(state: str, message: StoredMessage, owner: AgencyId) -> tuple[str, ItemStep]:
    content = message.content
    assert isinstance(content, ReviewUpdate)  # noqa: S101 - `_fold_items` chose it so
    brought, counted = state, False
    if may_report(message.agency, owner):
        try:
            brought, counted = check_transition(state, content.state), True
        except ContentError:
            brought = state
    step = ItemStep(message.said_at, message.agency, content.state, content.reason_code, counted)
    return brought, step


def may_report(agency: AgencyId, owner: AgencyId) -> bool:
    """Say whether an agency reports how an item stands: its owner, and nobody else."""
    return agency == owner


def _unite(said: Iterable[tuple[AgencyId, tuple[str, ...]]]) -> tuple[SectionLine, ...]:
    found: dict[str, set[AgencyId]] = defaultdict(set)
    for agency, codes in said:
        for code in codes:
            found[code].add(agency)
    return tuple(SectionLine(code, tuple(sorted(found[code]))) for code in sorted(found))
