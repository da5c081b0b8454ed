"""Two agencies speak about one referral: whatever crosses, they come to the same state."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.views.test_views import HERE, START, THERE, keep, packet
from tests.controls import without

from quietway.policy.calendar import BusinessCalendar
from quietway.views.due import fold_due, waits_for_survivor
from quietway.views.referrals import fold_referrals
from quietway_schemas.codebook.lists import codes, entries
from quietway_schemas.content.referral import (
    ReferralAck,
    ReferralAnswer,
    ReferralCancel,
    ReferralFeedback,
    ReferralOutcome,
    ReferralPacket,
    ReferralReopen,
)
from quietway_schemas.content.referral_states import (
    CLOSED_STATES,
    LEGAL_PREDECESSORS,
    OPEN_STATES,
    STATES_OF_TYPE,
)
from quietway_schemas.content.referral_states import (
    START as NOTHING,
)
from quietway_schemas.instants import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from quietway.records import StoredMessage
    from quietway.views.referrals import Referral
    from quietway_schemas.ids import AgencyId

KINDS = (ReferralAck, ReferralOutcome, ReferralFeedback, ReferralCancel, ReferralReopen)
REASONS = sorted(codes("reason"))
PLAIN = BusinessCalendar()


class Side:
    """What one agency knows: what it said and what has arrived, in the order of its own store."""

    def __init__(self, me: AgencyId) -> None:
        self.me = me
        self.known: list[tuple[ReferralPacket | ReferralAnswer, AgencyId, int]] = []

    def learn(self, said: tuple[ReferralPacket | ReferralAnswer, AgencyId, int]) -> None:
        self.known.append(said)

    def fold(self) -> Referral | None:
        messages = [self._keep(place, *said) for place, said in enumerate(self.known, start=1)]
        return next(iter(fold_referrals(messages, me=self.me)), None)

    def _keep(
        self, position: int, content: ReferralPacket | ReferralAnswer, by: AgencyId, at: int
    ) -> StoredMessage:
        held = keep(content, position=position, agency=by, said_at=at)
        told = sha256(repr((content.model_dump(), by, at)).encode()).digest()
        return replace(held, received=by != self.me, core_hash=told)


def say(side: Side, choice: int, at: int) -> ReferralAnswer | None:
    """Let a side say something that may follow what it knows, as the SDK does."""
    known = side.fold()
    if known is None:
        return None
    options = [
        (kind, state)
        for kind in KINDS
        for state in sorted(STATES_OF_TYPE[str(kind.model_fields["type"].default)])
        if known.state in LEGAL_PREDECESSORS[state]
    ]
    if not options:
        return None
    kind, state = options[choice % len(options)]
    reason = REASONS[choice % len(REASONS)]
    return kind(
        referral_ref=known.ref,
        state=state,
        at=at,
        reason_code=reason,
        reason_side=entries("reason")[reason].side,
    )


acts = st.lists(
    st.tuples(st.sampled_from(["here", "there", "deliver"]), st.integers(0, 1_000)), max_size=14
)


def play(steps: list[tuple[str, int]], skew: int) -> tuple[Side, Side]:
    """Play both sides, with post that is late; at the end everything has arrived."""
    here, there = Side(HERE), Side(THERE)
    first = (packet(), HERE, START)
    here.learn(first)
    post = {THERE: [first], HERE: []}
    for number, (what, choice) in enumerate(steps, start=1):
        if what == "deliver":
            for side in (here, there):
                if post[side.me]:
                    side.learn(post[side.me].pop(choice % len(post[side.me])))
            continue
        side, other = (here, there) if what == "here" else (there, here)
        at = START + number * MINUTE + (skew if side is there else 0)
        answer = say(side, choice, max(at, START))
        if answer is not None:
            said = (answer, side.me, answer.at)
            side.learn(said)
            post[other.me].append(said)
    for side in (here, there):
        for said in post[side.me]:
            side.learn(said)
    return here, there


@pytest.mark.requirement("C26")
@settings(max_examples=600, deadline=None)
@given(acts, st.integers(-10 * MINUTE, 10 * MINUTE))
def test_no_interleaving_ends_in_an_illegal_state_and_both_sides_come_to_the_same(
    steps: list[tuple[str, int]], skew: int
) -> None:
    """C26: outcomes are a state machine: both agencies agree once they know the same."""
    one, other = (side.fold() for side in play(steps, skew))
    assert one is not None
    assert other is not None
    assert (one.state, len(one.history)) == (other.state, len(other.history))
    assert [held.counted for held in one.history] == [held.counted for held in other.history]
    assert one.state in OPEN_STATES | CLOSED_STATES
    counted = [step.content for step in one.history if step.counted]
    states = [getattr(held, "state", "sent") for held in counted]
    for before, after in pairwise([NOTHING, *states]):
        assert before in LEGAL_PREDECESSORS[after]


def test_control_in_the_order_of_arrival_the_sides_come_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Both close it at the same time, before either has heard of the other.
    steps = [("deliver", 0), *(("here", number) for number in range(1)), ("there", 3)]
    apart = [[*steps, ("here", a), ("there", b)] for a in range(12) for b in range(12)]

    def differ() -> bool:
        pairs = (play(held, 0) for held in apart)
        return any(one.fold().state != other.fold().state for one, other in pairs)  # type: ignore[union-attr] # both know the packet

    assert not differ()
    without(monkeypatch, "quietway.views.referrals:_rank", lambda message: (message.position,))
    assert differ()


@settings(max_examples=300, deadline=None)
@given(acts, st.integers(0, 60 * 24))
def test_nothing_is_due_of_what_is_closed_or_waits_for_the_survivor_on_either_side(
    steps: list[tuple[str, int]], hours: int
) -> None:
    now = START + DAY + hours * HOUR
    for side in play(steps, 0):
        known = side.fold()
        assert known is not None
        due = fold_due(known, (), now=now, calendar=PLAIN)
        if known.state in CLOSED_STATES:
            assert due is None
        elif waits_for_survivor(known):
            assert due is None or due.kind == "confirm_cancel"
        elif due is not None:
            assert due.turn == "ours"
            assert due.words
