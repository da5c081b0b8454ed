"""The status board: one line for each agency, case and code, as its current versions add up to.

An indicator is absolute, and names the versions that its author saw. What is named is gone,
whatever came first and whatever its times say. Of several that nobody put in order the most
cautious is shown: an alert stays until somebody who saw it says that it is over, and nobody relies
on a plan or a bed of which one of two says that it is not there.

Spec: docs/spec/conversations.md, "Absolute objects".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from quietway_schemas.content.base import MOST_SEEN
from quietway_schemas.content.status import ALERT_CODES, StatusIndicator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

Place: TypeAlias = "tuple[AgencyId, CaseRef | None, str]"
"""A line of the board: agency, case and code."""
ALERTS: Final = {"active": 3, "pending": 2, "unknown": 1, "ended": 0}
OTHERS: Final = {"unknown": 3, "ended": 2, "pending": 1, "active": 0}
"""How cautious it is to show each state, of codes that call for action at once and of the rest."""


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


@dataclass(frozen=True, slots=True)
class StatusVersion:
    """One version of a line of the board.

    Attributes:
        message: What was said.
        content: Its indicator.
    """

    message: StoredMessage
    content: StatusIndicator

    @property
    def place(self) -> Place:
        """The line that it is a version of."""
        return self.message.agency, self.content.case_ref, self.content.code

    @property
    def rank(self) -> tuple[int, int, int, bytes]:
        """Its order among what one device said, and where nothing was named."""
        message = self.message
        order = message.seq if message.received else message.position
        return self.content.effective, message.said_at, order, message.core_hash

    def gives_way_to(self, other: StatusVersion) -> bool:
        """Say whether another one counts as having seen this one, although it does not name it.

        A device has seen what it said itself, also before it was sent and had a name. Who names
        nothing wrote with a former version, of which the later counted.
        """
        if other.rank <= self.rank:
            return False
        return other.content.supersedes is None or _speaker(other) == _speaker(self)


def fold_board(messages: Iterable[StoredMessage], *, now: Instant) -> tuple[StatusEntry, ...]:
    """Fold messages into the board of this moment, newest first.

    Of several current versions of a line the most cautious that has not ended is shown.
    """
    shown: list[StatusVersion] = []
    for versions in gather_current(messages).values():
        left = (one for one in versions if not any(one.gives_way_to(two) for two in versions))
        live = [version for version in left if now < version.content.expires]
        shown += [max(live, key=_caution)] if live else []
    entries = [_show(version.message, version.content) for version in shown]
    return tuple(sorted(entries, key=lambda entry: (-entry.effective, entry.code)))


def gather_current(messages: Iterable[StoredMessage]) -> Mapping[Place, list[StatusVersion]]:
    """Gather the versions that no known version of their line names, by line."""
    by_place: dict[Place, list[StatusVersion]] = {}
    for message in messages:
        if isinstance(message.content, StatusIndicator):
            version = StatusVersion(message, message.content)
            by_place.setdefault(version.place, []).append(version)
    current: dict[Place, list[StatusVersion]] = {}
    for place, versions in by_place.items():
        named = {name for version in versions for name in version.content.supersedes or ()}
        current[place] = [held for held in versions if held.message.core_hash not in named]
    return current


def name_shown(
    messages: Iterable[StoredMessage], place: Place, to: Iterable[AgencyId]
) -> tuple[bytes, ...]:
    """Give what a new version of a line names: what is current and was said to one of these.

    What others were told is left out: by a hash two agencies could tell that it is one case.
    """
    agencies = frozenset(to)
    seen = [
        version
        for version in gather_current(messages).get(place, ())
        if version.message.core_hash and not agencies.isdisjoint(version.message.to)
    ]
    newest = sorted(seen, key=lambda version: version.rank)[-MOST_SEEN:]
    return tuple(sorted(version.message.core_hash for version in newest))


def _speaker(version: StatusVersion) -> object:
    message = version.message
    if message.device is not None or not message.received:
        return message.device
    # It came with a snapshot, which does not say whose it is.
    return message.core_hash


def _caution(version: StatusVersion) -> tuple[int, int, int, bytes]:
    order = ALERTS if version.content.code in ALERT_CODES else OTHERS
    content, message = version.content, version.message
    return order[content.state], content.effective, message.said_at, message.core_hash


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
