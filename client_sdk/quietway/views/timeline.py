"""The timeline of a case: all that was said about it, in one order that depends on nothing else.

Rules: an entry says who signed it and when it says it was said. What this device's roles may not
receive is not in it. The export is canonical JSON, so two that hold the same bytes hold the same
story.

Spec: docs/spec/cases.md, "The timeline".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.crisis.naming import name_huddle
from quietway.views.conversation import order_messages
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.crisis import CrisisActivate
from quietway_schemas.content.registry import encode_content
from quietway_schemas.content.roles import find_receivers, is_among
from quietway_schemas.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, MessageId
    from quietway_schemas.instants import Instant

FORM: Final = "quietway-timeline/1"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that was said about a case.

    Attributes:
        at: When it was sent (or written), milliseconds since 1970-01-01T00:00:00Z.
        agency: Who signed it.
        program: The program that the sender's certificate named, or empty for one's own.
        to: The agencies that this agency said it to; empty for what others said.
        message_id: None while it was not sent.
        core_hash: What its author signed, 32 bytes; empty while it was not sent.
        content: What it says, with one's own reference of the case.
    """

    at: Instant
    agency: AgencyId
    program: str
    to: tuple[AgencyId, ...]
    message_id: MessageId | None
    core_hash: bytes
    content: ContentModel = field(repr=False)


def order_case(messages: Iterable[StoredMessage]) -> list[StoredMessage]:
    """Put what was said about a case into the order of the timeline, each message once."""
    return order_messages({held.key: held for held in messages}.values())


def group_cases(messages: Iterable[StoredMessage]) -> dict[CaseRef, list[StoredMessage]]:
    """Group messages by case: they name it, or stand where no other case is spoken of."""
    kept = list(messages)
    spoken_of: dict[ConversationId, set[CaseRef]] = defaultdict(set)
    for held in kept:
        if (named := case_of(held.content)) is not None:
            spoken_of[held.conversation].add(named)
            if isinstance(held.content, CrisisActivate):
                # In the huddle nobody names the case: it is the one that was activated.
                spoken_of[name_huddle(held.content.event_id)].add(named)
    grouped: dict[CaseRef, list[StoredMessage]] = {}
    for held in kept:
        named, there = case_of(held.content), spoken_of[held.conversation]
        case = next(iter(there)) if named is None and len(there) == 1 else named
        if case is not None:
            grouped.setdefault(case, []).append(held)
    return grouped


def fold_timeline(
    messages: Iterable[StoredMessage], case: CaseRef, *, roles: Collection[str]
) -> tuple[TimelineEntry, ...]:
    """Fold messages into the timeline of a case, as far as these roles may receive it."""
    return tuple(
        TimelineEntry(
            at=held.said_at,
            agency=held.agency,
            program=held.program,
            to=held.to,
            message_id=held.message_id,
            core_hash=held.core_hash,
            content=held.content,
        )
        for held in order_case(group_cases(messages).get(case, ()))
        if is_among(roles, find_receivers(held.content))
    )


def export_timeline(case: CaseRef, entries: Iterable[TimelineEntry]) -> bytes:
    """Write a timeline as canonical JSON.

    Each entry's `content` is the text that stands for what it says, with one's own reference; the
    signed bytes are named by `core_hash`.
    """
    return encode_canonical(
        {
            "form": FORM,
            "case_ref": str(case),
            "entries": [
                {
                    "at": to_text(entry.at),
                    "agency": str(entry.agency),
                    "program": entry.program,
                    "to": [str(agency) for agency in entry.to],
                    "message": "" if entry.message_id is None else str(entry.message_id),
                    "core_hash": entry.core_hash.hex(),
                    "content": encode_content(entry.content).decode("utf-8"),
                }
                for entry in entries
            ],
        }
    )


def case_of(content: ContentModel) -> CaseRef | None:
    """Say which case a content names; None where it names none."""
    return content.case_ref if isinstance(content, CaseContent) else None
