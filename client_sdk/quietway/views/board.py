"""The status board: the newest indicator of each agency, case and code that has not ended.

Spec: schemas/README.md, "Status indicators".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_schemas.content.status import StatusIndicator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One line of the board.

    Attributes:
        agency: Who says so.
        program: The program that the sender's certificate named, or empty for one's own.
        case_ref: Of which case, or None.
        code: A code of the list `status_indicator`.
        state: A code of the list `status_state`.
        confidence: A code of the list `status_confidence`.
        effective: From when, milliseconds since 1970-01-01T00:00:00Z.
        expires: Until when.
        exercise: True in a drill.
    """

    agency: AgencyId
    program: str
    case_ref: CaseRef | None
    code: str
    state: str
    confidence: str
    effective: Instant
    expires: Instant
    exercise: bool


def fold_board(messages: Iterable[StoredMessage], *, now: Instant) -> tuple[StatusEntry, ...]:
    """Fold messages into the board of this moment, newest first.

    An indicator is absolute: the one with the later `effective` stands, whatever came first; of two
    with the same, the one that was said later.
    """
    newest: dict[tuple[AgencyId, CaseRef | None, str], tuple[StoredMessage, StatusIndicator]] = {}
    for message in messages:
        content = message.content
        if not isinstance(content, StatusIndicator):
            continue
        place = (message.agency, content.case_ref, content.code)
        held = newest.get(place)
        if held is None or _rank(held[0], held[1]) < _rank(message, content):
            newest[place] = (message, content)
    entries = (_show(message, content) for message, content in newest.values())
    live = (entry for entry in entries if now < entry.expires)
    return tuple(sorted(live, key=lambda entry: (-entry.effective, entry.code)))


def _rank(message: StoredMessage, content: StatusIndicator) -> tuple[int, int, int]:
    return content.effective, message.said_at, message.position


def _show(message: StoredMessage, content: StatusIndicator) -> StatusEntry:
    return StatusEntry(
        agency=message.agency,
        program=message.program,
        case_ref=content.case_ref,
        code=content.code,
        state=content.state,
        confidence=content.confidence,
        effective=content.effective,
        expires=content.expires,
        exercise=content.exercise,
    )
