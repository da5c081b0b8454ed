"""Coded, absolute, expiring values: what the board and a case are made of.

Theory of operation. A value stands at a place: whose it is, of which case, and which one of its
kind. Its versions name the versions that their authors saw. What is named is gone, whatever came
first and whatever its times say; of several that nobody put in order the most cautious is shown
that has not ended. So what is shown is a function of the set of messages. All that differs between
the kinds stands in one table, `KINDS`.

Rules: an alert stays until somebody who saw it says that it is over; nobody relies on a plan, a bed
or a choice of which one of two says that it is not there; a barrier, an action, a case that one of
two says is open is open.

Spec: docs/spec/cases.md, "Values"; docs/spec/conversations.md, "Absolute objects".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    TypeAlias,
    TypeGuard,
    cast,
)

from quietway_schemas.content.base import MOST_SEEN
from quietway_schemas.content.case import (
    LONGEST_BARRIER_MS,
    LONGEST_RELOCATION_MS,
    BarrierUpdate,
    CaseStatus,
    RelocationOptions,
    UrgentAction,
)
from quietway_schemas.content.status import ALERT_CODES, StatusIndicator
from quietway_schemas.instants import DAY, LATEST_INSTANT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from quietway.records import StoredMessage
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

Value: TypeAlias = StatusIndicator | BarrierUpdate | UrgentAction | RelocationOptions | CaseStatus

SAFETY: Final = "safety"
BARRIERS: Final = "barriers"
ACTIONS: Final = "actions"
RELOCATION: Final = "relocation"
CASE: Final = "case"
ACTION_KEPT_MS: Final = 30 * DAY
"""So long after it was due an action that nobody ended is still shown."""
ACTION_OVER_MS: Final = DAY
"""So long a line shows that an action is over."""

OPEN_ACTION: Final = frozenset({"blocked", "open"})
"""The states of an action that nobody ended."""

ALERTS: Final = {"active": 3, "pending": 2, "unknown": 1, "ended": 0}
OTHERS: Final = {"unknown": 3, "ended": 2, "pending": 1, "active": 0}
_BARRIER: Final = {"present": 2, "easing": 1, "resolved": 0}
_ACTION: Final = {"open": 3, "blocked": 2, "done": 1, "cancelled": 0}
_CHOICE: Final = {"undecided": 2, "none": 1}
_CASE: Final = {"active": 3, "reopened": 2, "inactive_monitoring": 1, "closed": 0}
"""How cautious it is to show each state, of each kind."""


class Place(NamedTuple):
    """Where a value stands.

    Attributes:
        column: Of the board, or `case`.
        agency: Who says so; None where several agencies write versions of one value.
        case_ref: Of which case, or None.
        key: Which one of its column.
    """

    column: str
    agency: AgencyId | None
    case_ref: CaseRef | None
    key: str = ""


@dataclass(frozen=True, slots=True)
class ValueKind:
    """What is particular about a type of values.

    Attributes:
        column: Of the board, or `case`.
        key: Which one of its column it is, beside agency and case.
        state: Its state, as a code.
        start: From when it stands, of its content and the time when it was said.
        until: Until when, of the same.
        caution: How cautious it is to show it; the greater wins.
        own: True where each agency speaks for itself alone.
    """

    column: str
    key: Callable[[Any], str]
    state: Callable[[Any], str]
    start: Callable[[Any, Instant], Instant]
    until: Callable[[Any, Instant], Instant]
    caution: Callable[[Any], int]
    own: bool = True


def _end_action(value: UrgentAction, said: Instant) -> Instant:
    if value.state in OPEN_ACTION:
        return value.due_at + ACTION_KEPT_MS
    return said + ACTION_OVER_MS


KINDS: Final[Mapping[str, ValueKind]] = {
    "status.indicator": ValueKind(
        SAFETY,
        key=lambda value: value.code,
        state=lambda value: value.state,
        start=lambda value, _said: value.effective,
        until=lambda value, _said: value.expires,
        caution=lambda value: (ALERTS if value.code in ALERT_CODES else OTHERS)[value.state],
    ),
    "barrier.update": ValueKind(
        BARRIERS,
        key=lambda value: value.code,
        state=lambda value: value.state,
        start=lambda _value, said: said,
        until=lambda value, said: min(value.expires, said + LONGEST_BARRIER_MS),
        caution=lambda value: _BARRIER[value.state],
    ),
    "urgent_action": ValueKind(
        ACTIONS,
        key=lambda value: value.action_id.hex(),
        state=lambda value: value.state,
        start=lambda _value, said: said,
        until=_end_action,
        caution=lambda value: _ACTION[value.state],
        own=False,
    ),
    "relocation.options": ValueKind(
        RELOCATION,
        key=lambda _value: "",
        state=lambda value: value.survivor_choice,
        start=lambda _value, said: said,
        until=lambda value, said: min(value.expires, said + LONGEST_RELOCATION_MS),
        caution=lambda value: _CHOICE.get(value.survivor_choice, 0),
    ),
    "case.status": ValueKind(
        CASE,
        key=lambda _value: "",
        state=lambda value: value.state,
        start=lambda value, _said: value.effective,
        until=lambda _value, _said: LATEST_INSTANT,
        caution=lambda value: _CASE[value.state],
    ),
}
"""Every type of values, by its name."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a value.

    Attributes:
        message: What was said.
        kind: Its row of the table.
    """

    message: StoredMessage
    kind: ValueKind

    @property
    def content(self) -> Value:
        """What it says."""
        return cast("Value", self.message.content)

    @property
    def place(self) -> Place:
        """Where it stands."""
        content = self.content
        agency = self.message.agency if self.kind.own else None
        return Place(self.kind.column, agency, content.case_ref, self.kind.key(content))

    @property
    def state(self) -> str:
        """Its state, as a code."""
        return self.kind.state(self.content)

    @property
    def start(self) -> Instant:
        """From when it stands."""
        return self.kind.start(self.content, self.message.said_at)

    @property
    def until(self) -> Instant:
        """Until when it stands."""
        return self.kind.until(self.content, self.message.said_at)

    @property
    def rank(self) -> tuple[int, int, int, bytes]:
        """Its order among what one device said, and where nothing was named."""
        message = self.message
        order = message.seq if message.received else message.position
        return self.start, message.said_at, order, message.core_hash

    def gives_way_to(self, other: Version) -> bool:
        """Say whether another one counts as having seen this one, although it does not name it.

        A device has seen what it said itself, also before it was sent and had a name. Who names
        nothing wrote with a former version, of which the later counted.
        """
        if other.rank <= self.rank:
            return False
        return other.content.supersedes is None or _speaker(other) == _speaker(self)


def fold_values(messages: Iterable[StoredMessage], *, now: Instant) -> list[Version]:
    """Give the version that is shown of each place that something stands at now."""
    return choose_shown(gather_left(messages), now=now)


def gather_left(messages: Iterable[StoredMessage]) -> tuple[tuple[Version, ...], ...]:
    """Give the versions that are left at each place, whatever time it is, most cautious first."""
    return tuple(_leave(versions) for versions in gather_current(messages).values() if versions)


def choose_shown(places: Iterable[tuple[Version, ...]], *, now: Instant) -> list[Version]:
    """Choose at each place the most cautious version that has not ended."""
    found = (next((one for one in left if now < one.until), None) for left in places)
    return [version for version in found if version is not None]


def rank_caution(version: Version) -> tuple[int, int, int, bytes]:
    """Say how cautious it is to show a version rather than another one; the greater wins."""
    message, caution = version.message, version.kind.caution(version.content)
    return caution, version.start, message.said_at, message.core_hash


def find_action(
    messages: Iterable[StoredMessage], action_id: bytes, *, now: Instant
) -> tuple[StoredMessage, UrgentAction] | None:
    """Find the urgent action that is shown by an id, and who said so; None where none is."""
    for version in fold_values(messages, now=now):
        content = version.content
        if isinstance(content, UrgentAction) and content.action_id == action_id:
            return version.message, content
    return None


def gather_current(messages: Iterable[StoredMessage]) -> Mapping[Place, list[Version]]:
    """Gather the versions that no known version of their place names, by place."""
    by_place: dict[Place, list[Version]] = {}
    for message in messages:
        kind = KINDS.get(message.content.type)
        if kind is not None:
            version = Version(message, kind)
            by_place.setdefault(version.place, []).append(version)
    current: dict[Place, list[Version]] = {}
    for place, versions in by_place.items():
        named = {name for version in versions for name in version.content.supersedes or ()}
        current[place] = [held for held in versions if held.message.core_hash not in named]
    return current


def name_shown(
    messages: Iterable[StoredMessage], place: Place, to: Iterable[AgencyId]
) -> tuple[bytes, ...]:
    """Give what a new version names: what is current, and known to one of these agencies.

    What others were told is left out: by a hash two agencies could tell that it is one case.
    """
    agencies = frozenset(to)
    seen = [
        version
        for version in gather_current(messages).get(place, ())
        if version.message.core_hash and is_known_to(version, agencies)
    ]
    newest = sorted(seen, key=lambda version: version.rank)[-MOST_SEEN:]
    return tuple(sorted(version.message.core_hash for version in newest))


def is_known_to(version: Version, agencies: frozenset[AgencyId]) -> bool:
    """Say whether one of these agencies said a version, or was told it."""
    return not agencies.isdisjoint((version.message.agency, *version.message.to))


def place_of(content: Value, agency: AgencyId, case: CaseRef | None) -> Place:
    """Say where a value that an agency is about to say of a case will stand."""
    kind = KINDS[content.type]
    return Place(kind.column, agency if kind.own else None, case, kind.key(content))


def is_value(content: ContentModel) -> TypeGuard[Value]:
    """Say whether a content is a version of a value."""
    return content.type in KINDS


def _leave(versions: list[Version]) -> tuple[Version, ...]:
    if len(versions) == 1:
        return tuple(versions)
    left = (one for one in versions if not any(one.gives_way_to(two) for two in versions))
    return tuple(sorted(left, key=rank_caution, reverse=True))


def _speaker(version: Version) -> object:
    message = version.message
    if message.device is not None or not message.received:
        return message.device
    # It came with a snapshot, which does not say whose it is.
    return message.core_hash
