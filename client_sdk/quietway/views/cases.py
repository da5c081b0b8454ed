"""Cases: what all that was said about one comes to.

Each agency says how its own episode stands. A version that does not follow from those that it names
stays in the timeline and moves nothing. All of it is a function of the set of messages.

Spec: docs/spec/cases.md, "Case status" and "Reviews".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.policy.advice import ADVICE_VERSION, suggest_roles, suggest_services
from quietway.views.lead import fold_lead
from quietway.views.timeline import order_case
from quietway.views.values import CASE, fold_values
from quietway_schemas.content.case import (
    BarrierUpdate,
    CaseReview,
    CaseStatus,
    ProgressNote,
    RespondentEvent,
    TemplateBand,
)
from quietway_schemas.content.case_states import LEGAL_PREDECESSORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.policy.advice import DecisionRule, InvolvementRule
    from quietway.records import StoredMessage
    from quietway.views.board import CaseBoard
    from quietway.views.lead import Lead
    from quietway_schemas.content.base import CaseContent
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

ALWAYS: Final = 0
"""A case's status has no end, so no time has to be asked."""
_OVER: Final = frozenset({"cancelled", "done", "ended", "resolved", "unknown"})
USUAL_STATE: Final = "active"
"""Of a case of which its agency has said nothing yet."""
_OF_REVIEWS: Final = (CaseReview, CaseStatus)
_Content = TypeVar("_Content", bound="CaseContent")


@dataclass(frozen=True, slots=True)
class CaseState:
    """How one agency says that its episode of a case stands.

    Attributes:
        state: A code of the list `case_status`.
        since: From when.
        closure_reason: Why it is closed, or None.
        review_at: When a case under monitoring is looked at again, or None.
    """

    state: str = USUAL_STATE
    since: Instant = 0
    closure_reason: str | None = None
    review_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """A case as far as it is known here.

    Attributes:
        case_ref: One's own reference.
        own: How this agency says that its own episode stands.
        others: How the others say that theirs do, by agency.
        lead: Who leads it.
        agencies: The other agencies that it was spoken of with.
        last_at: When something was last said about it; 0 where nothing was.
        review_due: When it is to be looked at, None where no date was set or it is closed.
        risk: The assessments: the last band of each tool, by its code.
        respondent: What was said of the respondent: codes and months, as it was said.
    """

    case_ref: CaseRef
    own: CaseState
    others: Mapping[AgencyId, CaseState]
    lead: Lead
    agencies: tuple[AgencyId, ...]
    last_at: Instant
    review_due: Instant | None = None
    risk: Mapping[str, TemplateBand] = field(default_factory=dict, repr=False)
    respondent: tuple[RespondentEvent, ...] = field(default=(), repr=False)

    def is_overdue(self, now: Instant) -> bool:
        """Say whether its review is due."""
        return self.review_due is not None and self.review_due <= now


@dataclass(frozen=True, slots=True)
class BarrierHistory:
    """One barrier of a case, over the time that messages are kept.

    Attributes:
        code: A code of the list `barrier`.
        states: Each agency's states of it, in the order of the timeline.
        times_present: How often it came, or came back.
        recurrent: Whether it came back after it was resolved.
    """

    code: str
    states: tuple[str, ...]
    times_present: int

    @property
    def recurrent(self) -> bool:
        """Whether it came back after it was resolved."""
        return self.times_present > 1


@dataclass(frozen=True, slots=True)
class Advice:
    """What the agencies' tables suggest for a case. A person decides; nothing is done by itself.

    Attributes:
        version: Of the tables.
        invite: Whom to think of inviting, each with the row that says so.
        services: Which services to think of, the same.
    """

    version: str
    invite: tuple[InvolvementRule, ...]
    services: tuple[DecisionRule, ...]


def advise(board: CaseBoard) -> Advice:
    """Ask the tables about what stands on a case's board now."""
    lines = (*board.safety, *board.barriers, *board.actions)
    standing = {line.code for line in lines if line.state not in _OVER}
    return Advice(ADVICE_VERSION, suggest_roles(standing), suggest_services(standing))


def fold_case(
    case: CaseRef,
    messages: Iterable[StoredMessage],
    *,
    me: AgencyId,
    opened_here: bool = False,
) -> CaseSummary:
    """Fold what was said about one case.

    Args:
        case: One's own reference.
        messages: What `timeline.group_cases` gives, in any order.
        me: This device's agency.
        opened_here: Whether this agency opened it.
    """
    said = order_case(messages)
    states = _fold_states(said)
    own = states.pop(me, CaseState())
    named = {agency for held in said for agency in (held.agency, *held.to)}
    return CaseSummary(
        case_ref=case,
        own=own,
        others=states,
        lead=fold_lead(said, me=me, opened_here=opened_here),
        agencies=tuple(sorted(named - {me})),
        last_at=max((held.said_at for held in said), default=0),
        review_due=_find_review(said, own, states),
        risk={
            band.instrument: band
            for band in _pick(said, TemplateBand)
            if band.instrument is not None
        },
        respondent=tuple(_pick_once(said, RespondentEvent)),
    )


def find_review(messages: Iterable[StoredMessage], *, me: AgencyId) -> Instant | None:
    """Say when one case is to be looked at, as `fold_case` does, without the rest of it."""
    said = order_case(held for held in messages if isinstance(held.content, _OF_REVIEWS))
    states = _fold_states(said)
    return _find_review(said, states.pop(me, CaseState()), states)


def fold_barriers(messages: Iterable[StoredMessage]) -> tuple[BarrierHistory, ...]:
    """Fold what was said about a case into the history of its barriers, by code."""
    by_code: dict[str, list[str]] = defaultdict(list)
    last: dict[tuple[str, object], str] = {}
    for held in order_case(messages):
        content = held.content
        if not isinstance(content, BarrierUpdate):
            continue
        # One agency tells several the same, and that is one state.
        if last.get((content.code, held.agency)) != content.state:
            last[content.code, held.agency] = content.state
            by_code[content.code].append(content.state)
    return tuple(
        BarrierHistory(code, tuple(states), _count_comings(states))
        for code, states in sorted(by_code.items())
    )


def fold_progress(messages: Iterable[StoredMessage]) -> tuple[ProgressNote, ...]:
    """Give the notes on what was worked on, in the order of the timeline, each once."""
    return tuple(_pick_once(order_case(messages), ProgressNote))


def _fold_states(said: list[StoredMessage]) -> dict[AgencyId, CaseState]:
    statuses = [held for held in said if isinstance(held.content, CaseStatus)]
    by_hash = {held.core_hash: held for held in statuses if held.core_hash}
    counted = [held for held in statuses if _follows(held, by_hash)]
    states: dict[AgencyId, CaseState] = {}
    for version in fold_values(counted, now=ALWAYS):
        content = version.content
        if version.kind.column == CASE and isinstance(content, CaseStatus):
            states[version.message.agency] = CaseState(
                content.state, content.effective, content.closure_reason, content.review_at
            )
    return states


def _follows(held: StoredMessage, by_hash: Mapping[bytes, StoredMessage]) -> bool:
    content = held.content
    assert isinstance(content, CaseStatus)  # noqa: S101 - `_fold_states` chose it so
    seen = (by_hash[name].content for name in content.supersedes if name in by_hash)
    before = {one.state for one in seen if isinstance(one, CaseStatus)}
    # Of several that stood beside each other, one that it may follow is enough.
    return not before or not before.isdisjoint(LEGAL_PREDECESSORS[content.state])


def _find_review(
    said: list[StoredMessage], own: CaseState, others: Mapping[AgencyId, CaseState]
) -> Instant | None:
    if own.state == "closed":
        return None
    last = {
        held.agency: held.content.next_review
        for held in said
        if isinstance(held.content, CaseReview)
    }
    states = (own, *others.values())
    monitored = [state.review_at for state in states if state.review_at is not None]
    return min((*last.values(), *monitored), default=None)


def _count_comings(states: Iterable[str]) -> int:
    comings, there = 0, False
    for state in states:
        comings += state == "present" and not there
        there = state != "resolved"
    return comings


def _pick(said: Iterable[StoredMessage], kind: type[_Content]) -> list[_Content]:
    return [held.content for held in said if isinstance(held.content, kind)]


def _pick_once(said: Iterable[StoredMessage], kind: type[_Content]) -> list[_Content]:
    """Pick what several agencies were told once: copies differ in what allows them alone."""
    seen: dict[object, _Content] = {}
    for held in said:
        if isinstance(held.content, kind):
            words = held.content.model_dump(exclude=_OF_ONE_COPY)
            seen.setdefault((held.agency, tuple(sorted(map(str, words.items())))), held.content)
    return list(seen.values())


_OF_ONE_COPY: Final = {"agreement_id", "consent_id", "retain_days"}
