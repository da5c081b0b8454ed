"""The contact log, the questions that wait for an answer, and the agenda: folds of messages. Pure.

Rules: an entry is read from a message and never written beside it. What programs tell each other is
no contact. A question is answered by whatever the other side says there afterwards, in the order in
which this store came to know it.

Spec: docs/spec/contacts.md, "The contact log", "How soon" and "The agenda".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.contact import ClarificationRequest, ContactLog, SystemProblem
from quietway_schemas.content.referral import ReferralAnswer, ReferralPacket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, MessageId
    from quietway_schemas.instants import Instant

Direction: TypeAlias = Literal["in", "out"]
"""`in`: the other agency said it. `out`: this one did."""
Later: TypeAlias = "dict[ConversationId, dict[AgencyId, int]]"
"""The place in the store of the last thing that each agency said in each conversation."""
_AWAITS_ANSWER: Final = frozenset({"attachment.file", "clarification.request", "message.text"})
_PURPOSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(_AWAITS_ANSWER, "information_request"),
        "escalation": "referral_feedback",
        "purge.attestation": "consent_verification",
        "rollback.order": "consent_verification",
        "service.uptake": "referral_feedback",
        "triage.route": "referral_feedback",
    }
)
_FAMILIES: Final[Mapping[str, str]] = MappingProxyType(
    {"consent": "consent_verification", "referral": "referral_feedback"}
)


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """One contact between this agency and another.

    Attributes:
        at: When, milliseconds since 1970-01-01T00:00:00Z.
        agencies: The others.
        direction: Who said it.
        interaction_type: `secure_message`, or what a person logged.
        purpose_code: Of the list `purpose_code`.
        outcome_code: Of the list `contact_outcome`; None while nothing came of it yet.
        kind: The type of what was said.
        case_ref: Of which case, by one's own reference, or None.
        message_id: None while it was not sent.
        deviation: Why it was another way than the one proposed; None where it was not.
        duration_min: How long it took, where a person logged it.
        note: What a person noted.
    """

    at: Instant
    agencies: tuple[AgencyId, ...]
    direction: Direction
    interaction_type: str
    purpose_code: str
    outcome_code: str | None
    kind: str
    case_ref: CaseRef | None
    message_id: MessageId | None
    deviation: str | None = None
    duration_min: int | None = None
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Clarification:
    """A request for clarification between this agency and another.

    Attributes:
        asked_at: When it was asked.
        asked_by: Who asked.
        agency: The other agency.
        conversation: Where it is answered.
        direction: `in` where this agency is asked.
        is_answered: Whether the one that was asked has said something there since.
        content: What is asked.
        message_id: None while it was not sent.
    """

    asked_at: Instant
    asked_by: AgencyId
    agency: AgencyId
    conversation: ConversationId
    direction: Direction
    is_answered: bool
    content: ClarificationRequest = field(repr=False)
    message_id: MessageId | None = None


@dataclass(frozen=True, slots=True)
class AgendaItem:
    """Something for the partnership's next meeting.

    Attributes:
        at: When it was said.
        agency: Who said it.
        content: A clarification that cuts across, or a problem of the program.
    """

    at: Instant
    agency: AgencyId
    content: ClarificationRequest | SystemProblem = field(repr=False)


def fold_contacts_back(
    page: Iterable[StoredMessage], *, me: AgencyId, later: Later
) -> list[ContactEntry]:
    """Give the contacts of one page of a store that is read from its newest message to its oldest.

    Args:
        page: The next older messages, the newest first.
        me: This agency.
        later: What the pages before said of answers; this page is noted in it. An answer is newer
            than what it answers, so it is known by then.
    """
    kept = [held for held in page if _is_contact(held)]
    _note_last(kept, later)
    return [_make_entry(held, later, me) for held in kept]


def fold_questions(messages: Iterable[StoredMessage], *, me: AgencyId) -> list[Clarification]:
    """Give the requests for clarification, oldest first."""
    kept = list(messages)
    last = _find_last(kept)
    return [
        Clarification(
            asked_at=held.said_at,
            asked_by=held.agency,
            agency=min(_list_others(held, me), default=me),
            conversation=held.conversation,
            direction=_tell_direction(held, me),
            is_answered=_is_answered(held, last),
            content=held.content,
            message_id=held.message_id,
        )
        for held in sorted(kept, key=lambda one: one.said_at)
        if isinstance(held.content, ClarificationRequest)
    ]


def fold_agenda(messages: Iterable[StoredMessage]) -> list[AgendaItem]:
    """Give what is for the partnership's meeting, oldest first, each once."""
    found: dict[tuple[AgencyId, bytes], AgendaItem] = {}
    for held in sorted(messages, key=lambda one: one.said_at):
        content = held.content
        if isinstance(content, ClarificationRequest | SystemProblem) and _is_for_all(content):
            # Each partner has a copy of its own of what was said once.
            key = held.agency, content.model_dump_json(include=_SAME).encode()
            found.setdefault(key, AgendaItem(held.said_at, held.agency, content))
    return list(found.values())


_SAME: Final = {"code", "text", "topic_code", "type"}


def _is_for_all(content: ClarificationRequest | SystemProblem) -> bool:
    return content.agenda if isinstance(content, SystemProblem) else content.cross_cutting


def _is_contact(held: StoredMessage) -> bool:
    return isinstance(held.content, CaseContent | SystemProblem)


def _make_entry(held: StoredMessage, last: Later, me: AgencyId) -> ContactEntry:
    content = held.content
    logged = content if isinstance(content, ContactLog) else None
    return ContactEntry(
        at=held.said_at if logged is None else logged.at,
        agencies=_list_others(held, me),
        direction=_tell_direction(held, me),
        interaction_type="secure_message" if logged is None else logged.interaction_type,
        purpose_code=_find_purpose(held) if logged is None else logged.purpose_code,
        outcome_code=_find_outcome(held, last) if logged is None else logged.outcome_code,
        kind=content.type,
        case_ref=content.case_ref if isinstance(content, CaseContent) else None,
        message_id=held.message_id,
        deviation=None if logged is None else logged.deviation,
        duration_min=None if logged is None else logged.duration_min,
        note=None if logged is None else logged.note,
    )


def _find_purpose(held: StoredMessage) -> str:
    content = held.content
    if isinstance(content, ReferralPacket):
        return content.purpose_code
    family = content.type.partition(".")[0]
    return _PURPOSES.get(content.type) or _FAMILIES.get(family, "status_update")


def _find_outcome(held: StoredMessage, last: Later) -> str | None:
    content = held.content
    if isinstance(content, ReferralPacket):
        return "referral_made"
    if isinstance(content, ReferralAnswer) and content.state == "declined":
        return "declined"
    if content.type in _AWAITS_ANSWER and not _is_answered(held, last):
        return None
    return "information_exchanged"


def _find_last(messages: Iterable[StoredMessage]) -> Later:
    """Find the last thing that each agency said in each conversation, by its place in the store."""
    last: Later = {}
    _note_last((held for held in messages if _is_contact(held)), last)
    return last


def _note_last(contacts: Iterable[StoredMessage], last: Later) -> None:
    for held in contacts:
        there = last.setdefault(held.conversation, {})
        there[held.agency] = max(held.position, there.get(held.agency, held.position))


def _is_answered(held: StoredMessage, last: Later) -> bool:
    said = last.get(held.conversation, {}).items()
    return any(agency != held.agency and held.position < position for agency, position in said)


def _list_others(held: StoredMessage, me: AgencyId) -> tuple[AgencyId, ...]:
    return tuple(sorted({held.agency, *held.to} - {me}))


def _tell_direction(held: StoredMessage, me: AgencyId) -> Direction:
    return "out" if held.agency == me else "in"
