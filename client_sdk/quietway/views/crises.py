"""Crises: what an event comes to, folded out of what was said of it.

Who takes part is what the chain of statements says; what others say counts for nothing, and is
counted. The fold is the same on every device that heard the same, in whatever order it came.

Rules: pure; a time is an argument. A drill and a real event never stand in one event.

Spec: docs/spec/crises.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway.crisis.chain import Authority, Membership, Seat, Statement, find_membership
from quietway.crisis.naming import is_opened_by, name_huddle
from quietway.views.closings import make_facts
from quietway.views.conversation import order_messages
from quietway.views.crisis_parts import (
    Action,
    Checkin,
    Decision,
    Offer,
    fold_actions,
    fold_checkin,
    fold_decisions,
    fold_offers,
)
from quietway.views.reviews import fold_reviews
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.crisis import (
    LONGEST_LOGISTICS_MS,
    OBSERVER,
    CrisisActivate,
    CrisisAnswer,
    HuddleLeft,
    HuddleMembers,
    HuddleMessage,
    HuddleStopped,
    HuddleSummary,
    Logistics,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.crisis.sequence import Step
    from quietway.records import StoredMessage
    from quietway.views.closings import EventFacts
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, DeviceId, MessageId
    from quietway_schemas.instants import Instant

EventState: TypeAlias = Literal["activated", "huddle_open", "closed", "reviewed"]
_OF_ALL: Final = (CrisisActivate, CrisisAnswer, HuddleMembers)
"""What is judged by itself: everything else counts where its device takes part."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody who was called answered.

    Attributes:
        agency: Of the device.
        device: Which said it.
        answer: A code of the list `crisis_answer`.
        not_partners: The parties that its agency exchanged no invitation with.
        at: When it was said.
    """

    agency: AgencyId
    device: DeviceId
    answer: str
    not_partners: tuple[AgencyId, ...]
    at: Instant


@dataclass(frozen=True, slots=True)
class HuddleSaid:
    """One text of a huddle.

    Attributes:
        message_id: None while it was not sent.
        at: When it was said.
        agency: Who said it.
        device: On which device.
        text: What.
    """

    message_id: MessageId | None
    at: Instant
    agency: AgencyId
    device: DeviceId
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Crisis:
    """An event as far as it is known here.

    Attributes:
        event_id: 16 bytes.
        case: By one's own reference.
        conversation: Of its huddle.
        exercise: Whether it is a drill.
        state: `activated`, `huddle_open`, `closed` or `reviewed`.
        activation: What it was activated with: criteria, kind, mode, verification, parties.
        opened_at: When that was.
        lead: The agency that leads: the owner's, or before the huddle is open the one named.
        membership: Who takes part, and by which statements.
        answers: What those answered who were called; of each device the last.
        actions: What is to be done.
        decisions: What was decided.
        checkin: When all meet again, or why not; None where nobody said.
        offers: Hand-overs of the lead that are open or accepted.
        messages: The texts, in order.
        summaries: The generated summaries, in order.
        logistics: What is arranged, said by or to this device, and is not over.
        left: The devices that said that they take part no more.
        stopped: The agencies of which whoever vouched for them says that they are told no more.
        said: Everything that counts, in order: for those who fold on.
        refused: How much was said that does not count.
        steps: Whom this device calls, and how far that is; empty on others.
        me: This device.
    """

    event_id: bytes
    case: CaseRef
    conversation: ConversationId
    exercise: bool
    state: EventState
    activation: CrisisActivate = field(repr=False)
    opened_at: Instant
    lead: AgencyId
    membership: Membership
    answers: tuple[Answer, ...]
    actions: tuple[Action, ...] = field(repr=False)
    decisions: tuple[Decision, ...] = field(repr=False)
    checkin: Checkin | None
    offers: tuple[Offer, ...]
    messages: tuple[HuddleSaid, ...] = field(repr=False)
    summaries: tuple[HuddleSummary, ...] = field(repr=False)
    logistics: tuple[Logistics, ...] = field(repr=False)
    left: frozenset[DeviceId]
    stopped: frozenset[AgencyId]
    said: tuple[StoredMessage, ...] = field(repr=False)
    refused: int
    steps: tuple[Step, ...]
    me: DeviceId

    @property
    def members(self) -> tuple[Seat, ...]:
        """Who takes part, by agency and device; without who left, and whom nobody vouches for."""
        seats = (
            seat
            for seat in self.membership.seats.values()
            if seat.device not in self.left and seat.agency not in self.stopped
        )
        return tuple(sorted(seats, key=lambda held: (held.agency, held.device)))

    @property
    def roles(self) -> dict[DeviceId, str]:
        """What each person does there."""
        return {seat.device: seat.role for seat in self.members}

    @property
    def owner(self) -> Seat | None:
        """Whose device says who takes part; None before the huddle is open."""
        return self.membership.owner

    @property
    def epoch(self) -> int:
        """The epoch of the last statement that counts."""
        last = self.membership.last
        return 0 if last is None else last.content.epoch

    @property
    def checkin_at(self) -> Instant | None:
        """When all meet again; None where nobody said, or there is none."""
        return None if self.checkin is None else self.checkin.at

    @property
    def seat(self) -> Seat | None:
        """This device's own place; None where it takes no part."""
        return next((held for held in self.members if held.device == self.me), None)

    @property
    def is_owner(self) -> bool:
        """Whether this device says who takes part; before the huddle is open, its opener."""
        owner = self.owner
        return self.me == (self.activation.opener_device if owner is None else owner.device)

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state in {"activated", "huddle_open"}


def fold_crisis(
    messages: Iterable[StoredMessage],
    *,
    mine: AgencyId,
    me: DeviceId,
    now: Instant,
    hidden: frozenset[bytes] = frozenset(),
    steps: tuple[Step, ...] = (),
) -> Crisis | None:
    """Fold what was said of one event; None where no activation of it is known.

    Args:
        messages: All of it, with one's own case reference.
        mine: This device's agency.
        me: This device.
        now: Milliseconds since 1970-01-01T00:00:00Z.
        hidden: The keys of messages that a partner stopped sharing: they bring nobody in unseen,
            and are shown nowhere.
        steps: Whom this device calls.
    """
    heard = _Heard(order_messages(messages), mine, me)
    activation = heard.activation
    if activation is None:
        return None
    content = activation.content
    assert isinstance(content, CrisisActivate)  # noqa: S101 - it was found by its type
    membership = heard.membership
    counted = [held for held in heard.counted if held.key not in hidden]
    owner = membership.owner
    facts = make_facts(content, name_huddle(content.event_id), membership)
    return Crisis(
        event_id=content.event_id,
        case=content.case_ref,
        conversation=facts.conversation,
        exercise=content.exercise,
        state=_find_state(counted, membership, facts),
        activation=content,
        opened_at=content.at,
        lead=content.lead if owner is None else owner.agency,
        membership=membership,
        answers=heard.answers,
        actions=fold_actions(counted, facts.lead_at),
        decisions=fold_decisions(counted),
        checkin=fold_checkin(counted),
        offers=() if owner is None else fold_offers(counted, owner.device, me),
        messages=tuple(_show_text(held, heard.device_of(held)) for held in _texts(counted)),
        summaries=tuple(
            held.content for held in counted if isinstance(held.content, HuddleSummary)
        ),
        logistics=_list_logistics(counted, me, now),
        left=frozenset(
            heard.device_of(held) for held in counted if isinstance(held.content, HuddleLeft)
        ),
        stopped=_find_stopped(counted, membership),
        said=tuple(counted),
        refused=heard.refused + membership.refused,
        steps=steps,
        me=me,
    )


class _Heard:
    """What was heard of one event, sorted into what counts and what does not."""

    def __init__(self, said: Sequence[StoredMessage], mine: AgencyId, me: DeviceId) -> None:
        self._mine, self._me = mine, me
        activations = [held for held in said if _is_genuine(held)]
        # An activation by the opener itself comes before one of whoever else invites.
        self.activation = min(activations, key=self._rank, default=None)
        self.membership = Membership()
        self.answers: tuple[Answer, ...] = ()
        self.counted: list[StoredMessage] = []
        self.refused = 0
        if self.activation is not None:
            self._judge(said, activations)

    def device_of(self, held: StoredMessage) -> DeviceId:
        """Say which device said something."""
        return self._me if held.device is None else held.device

    def _rank(self, held: StoredMessage) -> tuple[bool, int, bytes]:
        content = held.content
        assert isinstance(content, CrisisActivate)  # noqa: S101 - it was found by its type
        by_opener = (held.agency, self.device_of(held)) == (content.opener, content.opener_device)
        return not by_opener, content.at, held.key

    def _judge(self, said: Sequence[StoredMessage], activations: list[StoredMessage]) -> None:
        assert self.activation is not None  # noqa: S101 - asked just before
        exercise = getattr(self.activation.content, "exercise", False)
        alike = [held for held in said if held.content.exercise == exercise]
        self.refused = len(said) - len(alike)
        statements = [
            # What was said here came here when it was said.
            Statement(
                held.content,
                held.agency,
                self.device_of(held),
                held.received_at or held.content.at,
            )
            for held in alike
            if isinstance(held.content, HuddleMembers)
        ]
        self.membership = find_membership(statements, self._find_authority(activations))
        self.answers = self._list_answers(alike)
        for held in alike:
            if isinstance(held.content, _OF_ALL):
                continue
            counts = self._counts(held)
            self.refused += counts is False
            if counts:
                self.counted.append(held)

    def _find_authority(self, activations: list[StoredMessage]) -> Authority:
        assert self.activation is not None  # noqa: S101 - asked just before
        first = self.activation.content
        assert isinstance(first, CrisisActivate)  # noqa: S101 - it was found by its type
        named = {getattr(held.content, "lead", held.agency) for held in activations}
        inviting = {held.agency for held in activations}
        return Authority(
            opener=first.opener,
            opener_device=first.opener_device,
            me=self._me,
            believed=frozenset({first.opener, self._mine, *named, *inviting}),
        )

    def _counts(self, held: StoredMessage) -> bool | None:
        content, device = held.content, self.device_of(held)
        if not isinstance(content, CaseContent) or content.case_ref is not None:
            return False
        if not held.received:
            return True
        if not self.membership.statements:
            assert self.activation is not None  # noqa: S101 - asked just before
            return held.agency == getattr(self.activation.content, "opener", None) or None
        counts = self.membership.may_have_said(device, held.said_at, held.received_at)
        seat = self.membership.seats.get(device)
        if seat is not None and seat.agency != held.agency:
            return False
        role = self.membership.find_role(device, held.said_at, held.received_at)
        if counts and role == OBSERVER:
            return isinstance(content, HuddleLeft)
        return counts

    def _list_answers(self, said: Sequence[StoredMessage]) -> tuple[Answer, ...]:
        found: dict[DeviceId, Answer] = {}
        for held in said:
            if isinstance(held.content, CrisisAnswer):
                device = self.device_of(held)
                found[device] = Answer(
                    held.agency,
                    device,
                    held.content.answer,
                    held.content.not_partners,
                    held.content.at,
                )
        return tuple(found.values())


def _is_genuine(held: StoredMessage) -> bool:
    return isinstance(held.content, CrisisActivate) and is_opened_by(held.content)


def _find_state(
    counted: Sequence[StoredMessage], membership: Membership, facts: EventFacts
) -> EventState:
    for review in fold_reviews(counted, [facts]):
        return "reviewed" if review.state == "held" else "closed"
    return "huddle_open" if membership.statements else "activated"


def _find_stopped(counted: Sequence[StoredMessage], membership: Membership) -> frozenset[AgencyId]:
    last = membership.last
    vouching = (
        {} if last is None else {held.agency: held.vouched_by for held in last.content.parties}
    )
    return frozenset(
        held.content.agency
        for held in counted
        if isinstance(held.content, HuddleStopped)
        and vouching.get(held.content.agency) == held.agency
    )


def _texts(counted: Sequence[StoredMessage]) -> list[StoredMessage]:
    return [held for held in counted if isinstance(held.content, HuddleMessage)]


def _show_text(held: StoredMessage, device: DeviceId) -> HuddleSaid:
    content = held.content
    assert isinstance(content, HuddleMessage)  # noqa: S101 - it was found by its type
    return HuddleSaid(held.message_id, held.said_at, held.agency, device, content.text)


def _list_logistics(
    counted: Sequence[StoredMessage], me: DeviceId, now: Instant
) -> tuple[Logistics, ...]:
    return tuple(
        held.content
        for held in counted
        if isinstance(held.content, Logistics)
        and (not held.received or me in held.content.recipients)
        and now < min(held.content.expires, held.said_at + LONGEST_LOGISTICS_MS)
    )
