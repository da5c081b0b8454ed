"""Escalations: how far each has come, one level at a time.

A level counts where it follows the one before, and that had its time; for a reason of safety it may
be any higher one, at once. What does not count is shown all the same. Whoever raised an escalation
takes it further; either side resolves it, and then it stays resolved.

Spec: docs/spec/referrals.md, "Escalation".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway_schemas.content.coordination import FRONTLINE, LEADERSHIP, SUPERVISORY, Escalation
from quietway_schemas.content.roles import CASEWORK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, ConversationId
    from quietway_schemas.instants import Instant

CRISIS_REASONS: Final = frozenset({"safety_concern"})
"""Reasons for which a level may be skipped, and nobody waits for the one before."""
LEVEL_ROLES: Final[Mapping[int, tuple[str, ...]]] = {
    FRONTLINE: tuple(sorted(CASEWORK - {"agency_lead", "integration_app", "supervisor"})),
    SUPERVISORY: ("supervisor",),
    LEADERSHIP: ("agency_lead",),
}
"""Whose turn a level is, in the agency that is asked: frontline, supervisory, leadership."""


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """One thing that was said about an escalation.

    Attributes:
        at: When it was sent, milliseconds since 1970-01-01T00:00:00Z.
        agency: Who said it.
        content: What.
        counted: False where it skipped a level, came too early, or after the end.
    """

    at: Instant
    agency: AgencyId
    content: Escalation = field(repr=False)
    counted: bool


@dataclass(frozen=True, slots=True)
class Escalated:
    """An escalation as far as it is known here.

    Attributes:
        escalation_id: 16 bytes.
        content: What counts now: subject, level, reason, when it was raised, when it is due.
        raised_by: The agency that raised it.
        asked: The agencies whose turn it is.
        conversation: Where it was said.
        resolution: A code of the list `escalation_resolution`; None while it is open.
        resolved_at: When that was said; None while it is open.
        history: All that was said about it.
    """

    escalation_id: bytes
    content: Escalation = field(repr=False)
    raised_by: AgencyId
    asked: tuple[AgencyId, ...]
    conversation: ConversationId
    resolution: str | None
    resolved_at: Instant | None
    history: tuple[EscalationStep, ...] = field(repr=False)

    @property
    def level(self) -> int:
        """How high it has come: 1 frontline, 2 supervisory, 3 leadership."""
        return self.content.level

    def may_go_on(self, *, now: Instant) -> bool:
        """Say whether there is a next level, and this one had its time."""
        has_time = now < self.content.due_at
        return self.resolution is None and self.level < LEADERSHIP and not has_time


def fold_escalations(messages: Iterable[StoredMessage]) -> tuple[Escalated, ...]:
    """Fold messages into escalations, in the order in which they were raised."""
    grouped: dict[tuple[ConversationId, bytes], list[StoredMessage]] = {}
    for message in messages:
        if isinstance(message.content, Escalation):
            key = message.conversation, message.content.escalation_id
            grouped.setdefault(key, []).append(message)
    found = (_fold(said) for said in grouped.values())
    counted = [one for one in found if one is not None]
    return tuple(sorted(counted, key=lambda one: (one.history[0].at, one.escalation_id)))


def find_standing(escalations: Iterable[Escalated]) -> Escalated | None:
    """Give the open one that has come highest, None where none is open."""
    open_ones = [one for one in escalations if one.resolution is None]
    return max(open_ones, key=lambda one: (one.level, one.escalation_id), default=None)


def follows(content: Escalation, standing: Escalation | None) -> bool:
    """Say whether this may be said after what stands: its level, and its time.

    Args:
        content: What is to be said, or was.
        standing: What counted before; None at the beginning.
    """
    level = 0 if standing is None else standing.level
    if content.level <= level:
        return False
    if content.reason_code in CRISIS_REASONS:
        return True
    had_its_time = standing is None or content.raised_at >= standing.due_at
    return content.level == level + 1 and had_its_time


def _fold(said: Iterable[StoredMessage]) -> Escalated | None:
    standing: StoredMessage | None = None
    opened: StoredMessage | None = None
    ended: StoredMessage | None = None
    history = []
    for message in sorted(said, key=_rank):
        content = message.content
        assert isinstance(content, Escalation)  # noqa: S101 - `fold_escalations` chose it so
        counted = False
        if ended is None and content.resolution is not None:
            counted = opened is not None
            ended = message if counted else None
        elif ended is None and (opened is None or message.agency == opened.agency):
            counted = follows(content, _content(standing))
            standing = message if counted else standing
            opened = opened or standing
        history.append(EscalationStep(message.said_at, message.agency, content, counted))
    return None if opened is None or standing is None else _show(opened, standing, ended, history)


def _show(
    opened: StoredMessage,
    standing: StoredMessage,
    ended: StoredMessage | None,
    history: list[EscalationStep],
) -> Escalated:
    content, end = _content(standing), _content(ended)
    assert content is not None  # noqa: S101 - it was counted
    return Escalated(
        escalation_id=content.escalation_id,
        content=content,
        raised_by=opened.agency,
        asked=opened.to,
        conversation=opened.conversation,
        resolution=None if end is None else end.resolution,
        resolved_at=None if ended is None else ended.said_at,
        history=tuple(history),
    )


def _content(message: StoredMessage | None) -> Escalation | None:
    content = None if message is None else message.content
    return content if isinstance(content, Escalation) else None


def _rank(message: StoredMessage) -> tuple[bool, int, bool, int, bytes, int]:
    # The end comes last, also where a clock was behind: what is resolved stays so.
    content, unsent = _content(message), message.message_id is None
    ends = content is not None and content.resolution is not None
    return ends, message.said_at, unsent, message.seq, message.core_hash, message.position
