"""Whether an event is closed, and what is still owed before it can be: a fold of what was said.

A closing counts where the lead said it, and every agency that took part has a note or a reason why
it is missing (V22). So no agency that is gone keeps an event open, and none is forgotten either.

Spec: docs/spec/reviews.md, "Notes" and "Closing".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway_schemas.content.debrief import EventClosed, EventNote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.crisis.chain import Membership
    from quietway.records import StoredMessage
    from quietway_schemas.content.crisis import CrisisActivate
    from quietway_schemas.content.debrief import MissingNote
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What a fold of events says of one, as far as its end needs it.

    Attributes:
        event_id: 16 bytes.
        conversation: Where it is spoken about.
        exercise: True in a drill.
        began_at: When it was activated, milliseconds since 1970-01-01T00:00:00Z.
        leads: Since when which agency led, oldest first; the first since it began.
        took_part: Each agency that was ever a member.
        members: Each that is one now.
        case_ref: One's own reference of the case; None where this agency has none.
    """

    event_id: bytes
    conversation: ConversationId
    exercise: bool
    began_at: Instant
    leads: tuple[tuple[Instant, AgencyId], ...]
    took_part: frozenset[AgencyId]
    members: frozenset[AgencyId]
    case_ref: CaseRef | None = None

    @property
    def lead(self) -> AgencyId:
        """Who leads now."""
        return self.leads[-1][1]

    def lead_at(self, at: Instant) -> AgencyId:
        """Say who led at a moment."""
        return [agency for since, agency in self.leads if since <= at or since == self.began_at][-1]


def make_facts(
    activation: CrisisActivate,
    conversation: ConversationId,
    membership: Membership,
    *,
    case: CaseRef | None = None,
) -> EventFacts:
    """Give what is to be known of an event, from what it was activated with and who took part.

    Args:
        activation: What began it.
        conversation: Of its huddle.
        membership: Who takes part, by statements in their order; whoever opened it, without one.
        case: One's own reference of its case.
    """
    leads = [(activation.at, activation.lead)]
    took_part = {activation.opener}
    for statement in membership.statements:
        seats = statement.seats
        took_part |= {seat.agency for seat in seats.values()}
        leads.append((statement.content.at, seats[statement.content.owner].agency))
    if len(leads) > 1:
        # Once the huddle is open its owner's agency leads, whoever was named before.
        leads[0] = (activation.at, leads[1][1])
    members = {seat.agency for seat in membership.seats.values()} or {activation.opener}
    return EventFacts(
        event_id=activation.event_id,
        conversation=conversation,
        exercise=activation.exercise,
        began_at=activation.at,
        leads=tuple(leads),
        took_part=frozenset(took_part),
        members=frozenset(members),
        case_ref=case,
    )


@dataclass(frozen=True, slots=True)
class NoteSaid:
    """What one agency wrote down of its part.

    Attributes:
        agency: Whose.
        at: When it was sent.
        content: What.
    """

    agency: AgencyId
    at: Instant
    content: EventNote = field(repr=False)


@dataclass(frozen=True, slots=True)
class Closing:
    """An event's end, as far as it is known here.

    Attributes:
        at: When it was closed; None while it is open.
        by: The agency that closed it; None likewise.
        content: What it said; None likewise.
        notes: All notes, oldest first.
        owed: The agencies whose note is not here, and that are not named as missing; sorted.
        unseen_notes: Agencies whose note the lead held and this device does not; sorted.
        late_notes: Agencies that were named as missing, and said their note after all; sorted.
        not_counted: Closings that moved nothing, with why: `not_lead` or `notes_owed`.
    """

    at: Instant | None = None
    by: AgencyId | None = None
    content: EventClosed | None = field(default=None, repr=False)
    notes: tuple[NoteSaid, ...] = field(default=(), repr=False)
    owed: tuple[AgencyId, ...] = ()
    unseen_notes: tuple[AgencyId, ...] = ()
    late_notes: tuple[AgencyId, ...] = ()
    not_counted: tuple[tuple[AgencyId, str], ...] = ()

    @property
    def took_part(self) -> tuple[AgencyId, ...]:
        """Each agency that the closing names; nobody while the event is open."""
        if self.content is None:
            return ()
        return tuple(sorted({*self.content.noted, *(held.agency for held in self.missing)}))

    @property
    def missing(self) -> tuple[MissingNote, ...]:
        """The agencies whose note is missing, and why."""
        return () if self.content is None else self.content.missing


def fold_closing(messages: Iterable[StoredMessage], event: EventFacts) -> Closing:
    """Fold what was said into an event's end.

    Args:
        messages: All that may be of it; what is of another event or conversation is passed over.
        event: What is known of it.
    """
    said = sort_of_event(messages, event)
    notes = tuple(
        NoteSaid(held.agency, held.said_at, held.content)
        for held in said
        if isinstance(held.content, EventNote) and held.agency in event.took_part
    )
    noted = {note.agency for note in notes}
    refused: list[tuple[AgencyId, str]] = []
    for held in said:
        if not isinstance(held.content, EventClosed):
            continue
        why = find_fault(held, event)
        if not why:
            return _show(held, held.content, notes, tuple(refused))
        refused.append((held.agency, why))
    owed = tuple(sorted(event.took_part - noted))
    return Closing(notes=notes, owed=owed, not_counted=tuple(refused))


def find_fault(message: StoredMessage, event: EventFacts) -> str:
    """Say why a closing moves nothing; empty where it counts.

    Args:
        message: That says it.
        event: Of which it is.
    """
    content = message.content
    assert isinstance(content, EventClosed)  # noqa: S101 - its callers chose it so
    if message.agency != event.lead_at(message.said_at):
        return "not_lead"
    named = {*content.noted, *(held.agency for held in content.missing)}
    return "" if event.took_part <= named else "notes_owed"


def sort_of_event(messages: Iterable[StoredMessage], event: EventFacts) -> list[StoredMessage]:
    """Give what was said of an event, each once, in one order everywhere."""
    held = {message.key: message for message in messages if is_of_event(message, event)}
    return sorted(held.values(), key=rank)


def is_of_event(message: StoredMessage, event: EventFacts) -> bool:
    """Say whether a message is of an event: its conversation, its id, and its flag (V25)."""
    return (
        message.conversation == event.conversation
        and getattr(message.content, "event_id", None) == event.event_id
        and message.content.exercise == event.exercise
    )


def rank(message: StoredMessage) -> tuple[int, bool, bytes, int, int]:
    """Order what was said the same everywhere, whatever the order in which it came."""
    unsent = message.message_id is None
    return message.said_at, unsent, message.core_hash, message.seq, message.position


def _show(
    message: StoredMessage,
    content: EventClosed,
    notes: tuple[NoteSaid, ...],
    refused: tuple[tuple[AgencyId, str], ...],
) -> Closing:
    noted = {note.agency for note in notes}
    missing = {held.agency for held in content.missing}
    return Closing(
        at=message.said_at,
        by=message.agency,
        content=content,
        notes=notes,
        unseen_notes=tuple(sorted(set(content.noted) - noted)),
        late_notes=tuple(sorted(missing & noted)),
        not_counted=refused,
    )
