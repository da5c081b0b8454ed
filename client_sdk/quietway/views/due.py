"""What needs a person now, as far as referrals and escalations say: one line for each referral.

Rules: a survivor's hesitation is an answer, so nothing about it is due and nobody is reminded. A
line proposes and never does: to raise something is a person's decision.

Spec: docs/spec/referrals.md, "What is due".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway.policy.windows import find_window
from quietway.views.escalations import LEVEL_ROLES, find_standing
from quietway_schemas.content.coordination import FRONTLINE, LEADERSHIP
from quietway_schemas.content.referral import ReferralAnswer, ReferralCancel, ReferralPacket
from quietway_schemas.content.referral_states import CLOSED_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.policy.calendar import BusinessCalendar
    from quietway.views.escalations import Escalated
    from quietway.views.referrals import Referral, ReferralStep
    from quietway_schemas.content.contact import ResponseWindows
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

Turn: TypeAlias = Literal["ours", "theirs"]
"""Whose move it is: this agency's, or the other one's."""
CalendarSource: TypeAlias = Literal["theirs", "own", "assumed"]
"""Whose calendar was counted with; see docs/spec/referrals.md, "Business calendars"."""
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "acknowledge": "Say that a person has seen this referral.",
        "feedback": "Tell whoever referred what was decided.",
        "remind": "Remind them: their answer is due soon.",
        "escalate": "Their answer is overdue: call them, or take it to the next level.",
        "escalated": "They have been asked at this level, and have until then.",
        "escalated_unanswered": "Their leadership has not answered: call them.",
        "answer_escalation": "Your agency was asked at this level: answer, and resolve it.",
        "follow_up": "Nothing was said about this for long: ask, or say how it goes.",
        "confirm_cancel": "They ask to cancel it: confirm, or say how it ended.",
    }
)
_WAITS_FOR_SURVIVOR: Final = "awaiting_survivor_choice"


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that needs a person.

    Attributes:
        source: Which part of the program says so, as `referrals`.
        kind: What is to be done, as a code: a key of `WORDS`, or the source's own.
        subject: What it is about, in text: a referral's or case's reference, an id.
        at: When it fell or falls due, milliseconds since 1970-01-01T00:00:00Z.
        turn: Whose move it is.
        agency: The other agency; None where it concerns one's own alone.
        level: Of an escalation, 1 to 3: the one that stands, or that may be raised next; else 0.
        roles: Whose move it is within the agency; empty for everyone in casework.
        words: What to do, in a sentence.
        calendar: Whose calendar it was counted with.
    """

    source: str
    kind: str
    subject: str
    at: Instant
    turn: Turn
    agency: AgencyId | None = None
    level: int = 0
    roles: tuple[str, ...] = ()
    words: str = field(default="", repr=False)
    calendar: CalendarSource = "theirs"

    def is_overdue(self, now: Instant) -> bool:
        """Say whether its time is over."""
        return self.at <= now


@dataclass(frozen=True, slots=True)
class _Clocks:
    """What is waited for of a referral, counted.

    Attributes:
        due: When it ends.
        remind: From when a line stands before that.
        kind: What the side does that was asked.
    """

    due: Instant
    remind: Instant
    kind: str


def fold_due(
    referral: Referral,
    escalations: Iterable[Escalated],
    *,
    now: Instant,
    calendar: BusinessCalendar,
    promised: ResponseWindows | None = None,
    counted_with: CalendarSource = "theirs",
) -> Due | None:
    """Say what a referral needs of a person now; None for nothing.

    Args:
        referral: As it stands.
        escalations: Those about it.
        now: Milliseconds since 1970-01-01T00:00:00Z.
        calendar: Of the agency that was asked.
        promised: How soon that one says that it answers; None for the usual.
        counted_with: Whose that is, for the line.
    """
    held = tuple(escalations)
    clocks = _count(referral, _begin(referral, held), calendar, promised)
    line = _judge(referral, held, now, clocks)
    if line is None:
        return None
    kind, at, turn, level = line
    return Due(
        source="referrals",
        kind=kind,
        subject=str(referral.ref),
        at=at,
        turn=turn,
        agency=min(referral.agencies, default=None),
        level=level,
        roles=LEVEL_ROLES[level] if kind == "answer_escalation" else (),
        words=WORDS[kind],
        calendar=counted_with,
    )


def waits_for_survivor(referral: Referral) -> bool:
    """Say whether the last word is that the survivor has not decided, or is not ready."""
    last = _last_counted(referral).content
    if not isinstance(last, ReferralAnswer):
        return False
    return last.reason_side == "survivor" or last.next_steps == _WAITS_FOR_SURVIVOR


def _judge(
    referral: Referral, escalations: tuple[Escalated, ...], now: Instant, clocks: _Clocks
) -> tuple[str, Instant, Turn, int] | None:
    asked_us = referral.direction == "in"
    if referral.state == "cancel_requested":
        at = _last_counted(referral).at
        return ("confirm_cancel", at, "ours", 0) if asked_us else None
    if referral.state in CLOSED_STATES or waits_for_survivor(referral):
        return None
    standing = find_standing(escalations)
    if standing is not None:
        return _judge_escalated(referral, standing, now)
    return _judge_asked(clocks, now) if asked_us else _judge_awaited(clocks, now)


def _judge_asked(clocks: _Clocks, now: Instant) -> tuple[str, Instant, Turn, int] | None:
    starts = now if clocks.kind == "acknowledge" else clocks.remind
    return (clocks.kind, clocks.due, "ours", 0) if starts <= now else None


def _judge_awaited(clocks: _Clocks, now: Instant) -> tuple[str, Instant, Turn, int] | None:
    if clocks.due <= now:
        late = ("follow_up", 0) if clocks.kind == "follow_up" else ("escalate", FRONTLINE)
        return late[0], clocks.due, "ours", late[1]
    return ("remind", clocks.remind, "ours", 0) if clocks.remind <= now else None


def _judge_escalated(
    referral: Referral, standing: Escalated, now: Instant
) -> tuple[str, Instant, Turn, int]:
    at = standing.content.due_at
    if standing.raised_by in referral.agencies:
        return "answer_escalation", at, "ours", standing.level
    if standing.may_go_on(now=now):
        return "escalate", at, "ours", standing.level + 1
    if now < at or standing.level < LEADERSHIP:
        return "escalated", at, "theirs", standing.level
    return "escalated_unanswered", at, "ours", standing.level


def _count(
    referral: Referral,
    begun: Instant,
    calendar: BusinessCalendar,
    promised: ResponseWindows | None,
) -> _Clocks:
    packet = referral.packet
    urgency = packet.time_sensitivity
    answers = [step for step in _since_asked(referral) if isinstance(step.content, ReferralAnswer)]
    if not answers:
        window = find_window("acknowledgement", urgency, promised)
        due = window.due(begun, calendar)
        return _Clocks(due, window.reminder(begun, calendar) or due, "acknowledge")
    if not any(_decides(step) for step in answers):
        window = find_window("feedback", urgency, promised)
        fresh = begun == referral.history[0].at
        due = packet.feedback_due if fresh else window.due(begun, calendar)
        return _Clocks(due, min(due, window.reminder(begun, calendar) or due), "feedback")
    window = find_window("follow_up", urgency, promised)
    last = max(begun, answers[-1].at)
    due = window.due(last, calendar)
    return _Clocks(due, due, "follow_up")


def _decides(step: ReferralStep) -> bool:
    content = step.content
    return isinstance(content, ReferralAnswer) and content.state not in {"sent", "pending"}


def _begin(referral: Referral, escalations: Iterable[Escalated]) -> Instant:
    # A resolved escalation gives whoever is asked their time once more.
    asked = [step.at for step in referral.history if step.counted and _asks(step)]
    resolved = [one.resolved_at for one in escalations if one.resolved_at is not None]
    return max([*asked, *resolved])


def _since_asked(referral: Referral) -> list[ReferralStep]:
    """Give what was counted since it was asked for the last time, without what the asker said."""
    counted = [step for step in referral.history if step.counted]
    last = max(place for place, step in enumerate(counted) if _asks(step))
    asker = counted[0].agency
    return [
        step
        for step in counted[last + 1 :]
        if step.agency != asker and not isinstance(step.content, ReferralCancel)
    ]


def _asks(step: ReferralStep) -> bool:
    content = step.content
    return isinstance(content, ReferralPacket) or content.state == "sent"


def _last_counted(referral: Referral) -> ReferralStep:
    return [step for step in referral.history if step.counted][-1]
