"""Concerns: what was said already about a survivor's safety, so that nobody has to ask it again.

Each was coded when it was said: a status, a barrier, the band of an assessment, what happened about
the respondent. A form shows them as answers that a person confirms or changes. What is over is
among them: it was answered, and asking anew would make somebody tell it anew. No words are in it.

Spec: docs/spec/cases.md, "Concerns".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.views.timeline import order_case
from quietway_schemas.content.case import BarrierUpdate, RespondentEvent, TemplateBand
from quietway_schemas.content.status import StatusIndicator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Concern:
    """One question that was answered already.

    Attributes:
        kind: The content's type; it says of which lists the codes are.
        code: What it is about: a status, a barrier, an instrument, an event.
        answer: What was said last: a state, a band, a month.
        agency: Who said so.
        said_at: When, milliseconds since 1970-01-01T00:00:00Z.
    """

    kind: str
    code: str
    answer: str
    agency: AgencyId
    said_at: Instant


def fold_concerns(messages: Iterable[StoredMessage]) -> tuple[Concern, ...]:
    """Give the last answer of each agency to each question about one case, the newest first.

    What was said in a drill is not among them.
    """
    last: dict[tuple[str, str, AgencyId], Concern] = {}
    for held in order_case(messages):
        answered = _read_answer(held.content)
        if answered is not None:
            code, answer = answered
            kind = held.content.type
            last[kind, code, held.agency] = Concern(kind, code, answer, held.agency, held.said_at)
    newest = sorted(last.values(), key=lambda held: (-held.said_at, held.kind, held.code))
    return tuple(newest)


def _read_answer(content: ContentModel) -> tuple[str, str] | None:
    match content:
        case StatusIndicator() if not content.exercise:
            return content.code, content.state
        case BarrierUpdate() if not content.exercise:
            return content.code, content.state
        case TemplateBand(instrument=str(tool), band=str(band)) if not content.exercise:
            return tool, band
        case RespondentEvent() if not content.exercise:
            return content.code, content.month
        case _:
            return None
