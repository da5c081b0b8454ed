"""An event of three agencies that is over, as messages that a test puts together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.client_sdk.engine.world import START
from tests.client_sdk.views.test_views import CONVERSATION, ELSEWHERE, HERE, THERE, keep
from tests.schemas.debrief_samples import (
    EVENT,
    make_closed,
    make_item,
    make_note,
    make_review,
    make_update,
)

from quietway.views.closings import EventFacts
from quietway_schemas.content.debrief import MissingNote
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId

AGENCIES = (HERE, THERE, ELSEWHERE)
CLOSED_AT = START + HOUR
DUE = CLOSED_AT + 7 * DAY
GONE = MissingNote(agency=ELSEWHERE, reason_code="unreachable")


def event(**changes: object) -> EventFacts:
    facts = EventFacts(
        event_id=EVENT,
        conversation=CONVERSATION,
        exercise=False,
        began_at=START,
        leads=((START, HERE),),
        took_part=frozenset(AGENCIES),
        members=frozenset(AGENCIES),
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def closed(**changes: object) -> ContentModel:
    fields: dict[str, object] = {"noted": (HERE, THERE), "missing": (GONE,), "review_due": DUE}
    return make_closed(at=CLOSED_AT, **{**fields, **changes})


def say(told: Iterable[tuple[AgencyId, int, ContentModel]]) -> list[StoredMessage]:
    """Each with a device of its agency, a name, and a place of its own."""
    return [
        replace(
            keep(content, position=number + 1, agency=agency, said_at=said_at),
            device=DeviceId(agency.value),
            core_hash=(number + 1).to_bytes(32, "big"),
            seq=number,
        )
        for number, (agency, said_at, content) in enumerate(told)
    ]


def story(*more: tuple[AgencyId, int, ContentModel]) -> list[StoredMessage]:
    """Two notes, and a closing that names the third agency as missing."""
    return say(
        [
            (HERE, START + 1, make_note(codes=("led_event",))),
            (THERE, START + 2, make_note(text="The line was free.")),
            (HERE, CLOSED_AT, closed()),
            *more,
        ]
    )


def words_of(agency: AgencyId, at: int, **fields: object) -> tuple[AgencyId, int, ContentModel]:
    return agency, at, make_review(nonce=at.to_bytes(16, "big"), at=at, **fields)


def item(at: int, **fields: object) -> tuple[AgencyId, int, ContentModel]:
    return HERE, at, make_item(owner=THERE, raised_at=at, **{"due": at + 10 * DAY, **fields})


def report(
    agency: AgencyId, at: int, state: str, **fields: object
) -> tuple[AgencyId, int, ContentModel]:
    return agency, at, make_update(state=state, at=at, **fields)
