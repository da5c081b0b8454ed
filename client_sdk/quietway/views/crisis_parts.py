"""What is done in a huddle: actions, decisions, the next check-in, the hand-over of the lead.

Each is a fold over what counts, in display order. Spec: docs/spec/crises.md, "What is said there".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from quietway_schemas.content.crisis import (
    ActionItem,
    ActionUpdate,
    DecisionLog,
    HuddleCheckin,
    HuddleHandover,
)
from quietway_schemas.content.crisis_states import LEGAL_ACTION_PREDECESSORS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Action:
    """Something that is to be done.

    Attributes:
        action_id: 16 bytes.
        code: Of the list `urgent_action`.
        owner: The agency that sees to it.
        owner_device: The device of the person, where one was named.
        due_at: Until when.
        state: `open`, `done` or `dropped`.
        by: The agency that asked for it.
        said_at: When.
        changed_at: When its state was said last.
        note: A few words, if any.
    """

    action_id: bytes
    code: str
    owner: AgencyId
    owner_device: DeviceId | None
    due_at: Instant
    state: str
    by: AgencyId
    said_at: Instant
    changed_at: Instant
    note: str | None = field(default=None, repr=False)

    def is_overdue(self, now: Instant) -> bool:
        """Say whether it is open, and its time has come."""
        return self.state == "open" and self.due_at <= now


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided.

    Attributes:
        decision_id: 16 bytes.
        rationale: Of the list `decision_rationale`.
        by: The agency that logged it.
        at: When.
        text: What.
    """

    decision_id: bytes
    rationale: str
    by: AgencyId
    at: Instant
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Checkin:
    """When all meet again, or why they don't.

    Attributes:
        at: When; None where there is none.
        no_checkin_reason: Of the list of that name; None where there is one.
        said_at: When that was said.
        by: By which agency.
    """

    at: Instant | None
    no_checkin_reason: str | None
    said_at: Instant
    by: AgencyId


@dataclass(frozen=True, slots=True)
class Offer:
    """A hand-over of the lead that its owner offered.

    Attributes:
        offer_id: 16 bytes.
        to: The device that was asked.
        is_accepted: Whether it said yes; the owner's next statement names it.
        at: When it was offered.
    """

    offer_id: bytes
    to: DeviceId
    is_accepted: bool
    at: Instant


def fold_actions(
    said: Sequence[StoredMessage], lead_at: Callable[[Instant], AgencyId]
) -> tuple[Action, ...]:
    """Fold the actions, in the order in which they were asked for.

    Args:
        said: What counts, in order.
        lead_at: Says which agency led at a moment: beside an action's owner, whoever led when it
            was said says how the action stands. A hand-over of the lead takes nothing back.
    """
    found: dict[bytes, Action] = {}
    for held in said:
        if isinstance(held.content, ActionItem):
            found.setdefault(held.content.action_id, _begin(held.content, held))
    # Clocks differ, so an answer may stand before what it answers.
    for held in said:
        content = held.content
        if not isinstance(content, ActionUpdate) or content.action_id not in found:
            continue
        action = found[content.action_id]
        follows = action.state in LEGAL_ACTION_PREDECESSORS[content.state]
        if held.agency in {action.owner, lead_at(held.said_at)} and follows:
            found[content.action_id] = replace(action, state=content.state, changed_at=content.at)
    return tuple(found.values())


def fold_decisions(said: Sequence[StoredMessage]) -> tuple[Decision, ...]:
    """Fold the decisions, in order; of one id the first."""
    found: dict[bytes, Decision] = {}
    for held in said:
        content = held.content
        if isinstance(content, DecisionLog):
            decision = Decision(
                content.decision_id, content.rationale, held.agency, content.at, content.text
            )
            found.setdefault(content.decision_id, decision)
    return tuple(found.values())


def fold_checkin(said: Sequence[StoredMessage]) -> Checkin | None:
    """Give the check-in that was said last; None where nobody said."""
    found = [
        (held.content.at, held.core_hash, held.content, held.agency)
        for held in said
        if isinstance(held.content, HuddleCheckin)
    ]
    if not found:
        return None
    at, _, content, agency = max(found, key=lambda one: one[:2])
    return Checkin(content.checkin_at, content.no_checkin_reason, at, agency)


def fold_offers(said: Sequence[StoredMessage], owner: DeviceId, me: DeviceId) -> tuple[Offer, ...]:
    """Fold what the owner offered, and was not declined."""
    steps = [
        (held.content, held.device or me)
        for held in said
        if isinstance(held.content, HuddleHandover)
    ]
    answers = {(one.offer_id, one.step, device) for one, device in steps}
    return tuple(
        Offer(
            one.offer_id,
            one.to,
            is_accepted=(one.offer_id, "accepted", one.to) in answers,
            at=one.at,
        )
        for one, device in steps
        if one.step == "offered"
        and device == owner != one.to
        and (one.offer_id, "declined", one.to) not in answers
    )


def _begin(content: ActionItem, held: StoredMessage) -> Action:
    return Action(
        action_id=content.action_id,
        code=content.code,
        owner=content.owner,
        owner_device=content.owner_device,
        due_at=content.due_at,
        state="open",
        by=held.agency,
        said_at=content.at,
        changed_at=content.at,
        note=content.note,
    )
