"""The board: four columns for each case, and no fifth.

Safety status, current barriers, urgent actions, relocation choice: coded, with who says so, since
when and until when. A device shows what its own roles may receive. Nothing is merged: where two
agencies differ, both lines stand and say so. No place, no route, no words.

Spec: docs/spec/cases.md, "The board".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from quietway.views.values import (
    ACTIONS,
    BARRIERS,
    OPEN_ACTION,
    RELOCATION,
    SAFETY,
    choose_shown,
    gather_left,
)
from quietway_schemas.content.case import UrgentAction
from quietway_schemas.content.roles import find_receivers, is_among

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from quietway.records import StoredMessage
    from quietway.views.values import Value, Version
    from quietway_schemas.content.roles import Roles
    from quietway_schemas.content.status import StatusIndicator
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

    _Shown: TypeAlias = tuple[Roles, "BoardLine"]
    Statuses: TypeAlias = tuple[tuple[Version, ...], ...]

_STATUS: Final = "status.indicator"
_COLUMNS: Final = (SAFETY, BARRIERS, ACTIONS, RELOCATION)


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One status indicator that stands.

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
class BoardLine:
    """One line of a case's board.

    Attributes:
        code: What it is about: a status, a barrier, an action; of a relocation the choice.
        state: How it stands, as a code.
        agency: Who says so.
        program: The program that the sender's certificate named, or empty for one's own.
        since: From when it stands, milliseconds since 1970-01-01T00:00:00Z.
        until: Until when.
        content: All that was said: owner, due time and id of an action, options of a relocation.
        overdue: Whether an action that nobody ended is past its due time.
        differs: Whether another agency says something else of the same code: call each other.
    """

    code: str
    state: str
    agency: AgencyId
    program: str
    since: Instant
    until: Instant
    content: Value = field(repr=False)
    overdue: bool = False
    differs: bool = False


@dataclass(frozen=True, slots=True)
class CaseBoard:
    """What the board shows of one case, the newest line of each column first.

    Attributes:
        case_ref: One's own reference.
        sharing_paused: The agencies with which sharing about it is paused or ended, whoever
            stopped it. The lines of one that stopped are not shown; one's own are.
        safety: Status indicators.
        barriers: What stands in the way.
        actions: What is to be done at once, the earliest due first.
        relocation: What the survivor was offered, and chose.
    """

    case_ref: CaseRef
    sharing_paused: tuple[AgencyId, ...] = ()
    safety: tuple[BoardLine, ...] = ()
    barriers: tuple[BoardLine, ...] = ()
    actions: tuple[BoardLine, ...] = ()
    relocation: tuple[BoardLine, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseCard:
    """What a case's board shows at any time: by column and place, the most cautious line first.

    Each line stands with the roles that may receive it.
    """

    safety: tuple[tuple[_Shown, ...], ...] = ()
    barriers: tuple[tuple[_Shown, ...], ...] = ()
    actions: tuple[tuple[_Shown, ...], ...] = ()
    relocation: tuple[tuple[_Shown, ...], ...] = ()


def fold_board(messages: Iterable[StoredMessage], *, now: Instant) -> tuple[StatusEntry, ...]:
    """Fold messages into the status indicators that stand at this moment, newest first."""
    return show_statuses([fold_statuses(messages)], now=now)


def fold_statuses(messages: Iterable[StoredMessage]) -> Statuses:
    """Fold messages into the status indicators that are left at each place, to be kept."""
    return gather_left(held for held in messages if held.content.type == _STATUS)


def show_statuses(cards: Iterable[Statuses], *, now: Instant) -> tuple[StatusEntry, ...]:
    """Show the status indicators that stand at this moment, newest first.

    Args:
        cards: What `fold_statuses` gives, for each case.
        now: Milliseconds since 1970-01-01T00:00:00Z.
    """
    shown = (version for card in cards for version in choose_shown(card, now=now))
    return tuple(sorted((_show(version) for version in shown), key=_order_statuses))


def fold_card(messages: Iterable[StoredMessage]) -> CaseCard:
    """Fold what was said about one case into what its board shows at any time, to be kept."""
    columns: dict[str, list[tuple[_Shown, ...]]] = {column: [] for column in _COLUMNS}
    for left in gather_left(messages):
        column = left[0].kind.column
        if column in columns:
            columns[column].append(tuple(_make_line(version) for version in left))
    return CaseCard(**{column: tuple(places) for column, places in columns.items()})


def show_boards(
    cards: Mapping[CaseRef, CaseCard],
    *,
    roles: Collection[str],
    now: Instant,
    paused: Mapping[CaseRef, tuple[AgencyId, ...]] | None = None,
    held_back: Collection[tuple[CaseRef, AgencyId]] = (),
) -> tuple[CaseBoard, ...]:
    """Show the board of every case of which something stands now.

    Args:
        cards: What `fold_card` gives for each case.
        roles: Of the device that shows it.
        now: Milliseconds since 1970-01-01T00:00:00Z.
        paused: With whom sharing about a case is paused, whoever paused it.
        held_back: Each case with each partner whose lines are not shown.

    Returns:
        The cases, in the order of their references.
    """
    stopped, held = paused or {}, frozenset(roles)
    silent: dict[CaseRef, set[AgencyId]] = defaultdict(set)
    for case, agency in held_back:
        silent[case].add(agency)
    boards: list[CaseBoard] = []
    for case in sorted({*cards, *silent}, key=lambda case: case.value):
        hidden, card = silent.get(case, ()), cards.get(case, CaseCard())
        columns = {
            column: _show_column(getattr(card, column), held, now, hidden) for column in _COLUMNS
        }
        if hidden or any(columns.values()):
            boards.append(CaseBoard(case, tuple(sorted(stopped.get(case, ()))), **columns))
    return tuple(boards)


def _show_column(
    places: Iterable[tuple[_Shown, ...]],
    roles: frozenset[str],
    now: Instant,
    silent: Collection[AgencyId],
) -> tuple[BoardLine, ...]:
    lines: list[BoardLine] = []
    for place in places:
        for receivers, line in place:
            if now < line.until:
                if line.agency not in silent and is_among(roles, receivers):
                    lines.append(line)
                # The most cautious that has not ended is the one of this place.
                break
    if not lines:
        return ()
    return tuple(sorted(_mark(lines, now), key=_order))


def _mark(lines: list[BoardLine], now: Instant) -> list[BoardLine]:
    """Mark what is overdue, and where two agencies say different things of one code."""
    if isinstance(lines[0].content, UrgentAction):
        return [replace(line, overdue=_is_overdue(line, now)) for line in lines]
    states: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        states[line.code].add(line.state)
    if len(states) == len(lines):
        return lines
    return [replace(line, differs=len(states[line.code]) > 1) for line in lines]


def _is_overdue(line: BoardLine, now: Instant) -> bool:
    content = line.content
    return isinstance(content, UrgentAction) and line.state in OPEN_ACTION and content.due_at <= now


def _make_line(version: Version) -> _Shown:
    content, message = version.content, version.message
    line = BoardLine(
        code=getattr(content, "code", version.state),
        state=version.state,
        agency=message.agency,
        program=message.program,
        since=version.start,
        until=version.until,
        content=content,
    )
    return find_receivers(content), line


def _order_statuses(entry: StatusEntry) -> tuple[Instant, str, bytes, bytes]:
    case = b"" if entry.case_ref is None else entry.case_ref.value
    return -entry.effective, entry.code, entry.agency.value, case


def _order(line: BoardLine) -> tuple[Instant, str, bytes, bytes]:
    content = line.content
    if isinstance(content, UrgentAction):
        # One agency may have the same thing to do twice.
        return content.due_at, line.code, line.agency.value, content.action_id
    return -line.since, line.code, line.agency.value, b""


def _show(version: Version) -> StatusEntry:
    content, message = cast("StatusIndicator", version.content), version.message
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
