"""Requests for an advocate: who was asked, and how long it took until one was there.

Spec: docs/spec/referrals.md, "Advocates".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeGuard

from quietway_schemas.content.coordination import AdvocateRequest
from quietway_schemas.content.status import StatusIndicator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

_ASSIGNED: Final = "advocate_assigned"
_NOT_WANTED: Final = frozenset({"no", "unsafe_to_ask"})


@dataclass(frozen=True, slots=True)
class AdvocateWait:
    """One request for an advocate.

    Attributes:
        case_ref: One's own reference.
        direction: `out` when this agency asked, `in` when it was asked.
        agency: The other agency.
        content: What was asked.
        at: When, milliseconds since 1970-01-01T00:00:00Z.
        answered_at: When `advocate_assigned` was said; None while it was not.
    """

    case_ref: CaseRef
    direction: Literal["in", "out"]
    agency: AgencyId
    content: AdvocateRequest = field(repr=False)
    at: Instant
    answered_at: Instant | None

    @property
    def took_ms(self) -> int | None:
        """The time to an advocate, in milliseconds; None while there is none."""
        return None if self.answered_at is None else self.answered_at - self.at

    @property
    def is_due(self) -> bool:
        """Whether somebody has to act: not where the survivor wants nobody, or can't be asked."""
        wants = self.content.survivor_wants_contact
        return self.answered_at is None and wants not in _NOT_WANTED


def fold_advocates(messages: Iterable[StoredMessage], *, me: AgencyId) -> tuple[AdvocateWait, ...]:
    """Fold messages into the requests for an advocate, oldest first."""
    asked: list[tuple[StoredMessage, AdvocateRequest]] = []
    assigned: dict[tuple[CaseRef | None, AgencyId], list[Instant]] = {}
    for message in messages:
        content = message.content
        if isinstance(content, AdvocateRequest):
            asked.append((message, content))
        elif _is_assigned(content):
            key = content.case_ref, message.agency
            assigned.setdefault(key, []).append(message.said_at)
    asked.sort(key=lambda held: (held[0].said_at, held[0].key))
    return tuple(_show(message, content, assigned, me) for message, content in asked)


def _show(
    message: StoredMessage,
    content: AdvocateRequest,
    assigned: dict[tuple[CaseRef | None, AgencyId], list[Instant]],
    me: AgencyId,
) -> AdvocateWait:
    sent = message.agency == me
    agency = min(message.to) if sent else message.agency
    times = assigned.get((content.case_ref, agency if sent else me), [])
    later = [at for at in times if at >= message.said_at]
    return AdvocateWait(
        case_ref=content.case_ref,
        direction="out" if sent else "in",
        agency=agency,
        content=content,
        at=message.said_at,
        answered_at=min(later, default=None),
    )


def _is_assigned(content: object) -> TypeGuard[StatusIndicator]:
    return (
        isinstance(content, StatusIndicator)
        and content.code == _ASSIGNED
        and content.state == "active"
    )
