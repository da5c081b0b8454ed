"""Views: what messages add up to, whatever the order in which they came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.engine.world import START

from quietway.records import StoredMessage
from quietway.views.board import fold_board
from quietway.views.referrals import fold_referrals
from quietway_schemas.content.referral import (
    Receiving,
    ReferralAnswer,
    ReferralCancel,
    ReferralFeedback,
    ReferralOutcome,
    ReferralPacket,
    Referring,
)
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.ids import AgencyId, ConversationId, MessageId, ReferralRef
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway_schemas.content.base import ContentModel

HERE, THERE, ELSEWHERE = (AgencyId(bytes([number]) * 16) for number in (1, 2, 3))
REF = ReferralRef(b"r" * 16)
CONVERSATION = ConversationId(b"c" * 16)


def keep(
    content: ContentModel,
    *,
    position: int,
    agency: AgencyId,
    said_at: int,
    conversation: ConversationId = CONVERSATION,
) -> StoredMessage:
    return StoredMessage(
        position=position,
        key=position.to_bytes(16, "big"),
        received=agency != HERE,
        message_id=MessageId(position.to_bytes(16, "big")),
        conversation=conversation,
        agency=agency,
        program="",
        to=(THERE,) if agency == HERE else (),
        said_at=said_at,
        content=content,
    )


def packet() -> ReferralPacket:
    return ReferralPacket(
        referral_ref=REF,
        referring=Referring(
            agency="HARBOR",
            program="HARBOR-SHELTER",
            staff="R. Okafor",
            contact="ext. 12",
            at=START,
        ),
        receiving=Receiving(
            program="MERCY-SOCIALWORK", preferred_channel="phone", eligibility_note="None."
        ),
        service_type="health_medical",
        purpose_code="medical_care",
        purpose_text="A check-up.",
        info_basis="client_interview",
        time_sensitivity="standard",
        pathway="direct_handoff",
        referred_by="cbo",
        survivor_choice="chosen",
        identity_mode="none",
        feedback_due=START + DAY,
    )


def story() -> list[tuple[AgencyId, ContentModel]]:
    def answer(kind: type[ReferralAnswer], state: str, at: int, **more: str) -> ReferralAnswer:
        return kind(referral_ref=REF, state=state, at=START + at, **more)

    return [
        (HERE, packet()),
        (THERE, answer(ReferralOutcome, "pending", 1)),
        (THERE, answer(ReferralOutcome, "accepted", 2)),
        (THERE, answer(ReferralFeedback, "scheduled", 3)),
        (THERE, answer(ReferralFeedback, "completed", 4)),
    ]


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(5)))
def test_a_referral_ends_in_one_state_whatever_the_order_of_arrival(order: list[int]) -> None:
    told = story()
    messages = [
        keep(told[place][1], position=at + 1, agency=told[place][0], said_at=START + place)
        for at, place in enumerate(order)
    ]
    (referral,) = fold_referrals(messages, me=HERE)
    assert (referral.state, referral.direction) == ("completed", "out")
    assert [step.counted for step in referral.history] == [True] * 5
    assert referral.agencies == (THERE,)


def test_an_answer_from_outside_its_conversation_moves_nothing() -> None:
    forged = ReferralCancel(
        referral_ref=REF,
        state="cancelled",
        at=START,
        reason_code="duplicate",
        reason_side="system",
    )
    messages = [
        keep(packet(), position=1, agency=HERE, said_at=START),
        keep(
            forged,
            position=2,
            agency=ELSEWHERE,
            said_at=START + 1,
            conversation=ConversationId(b"o" * 16),
        ),
    ]
    (referral,) = fold_referrals(messages, me=HERE)
    assert (referral.state, len(referral.history)) == ("sent", 1)


def test_an_answer_that_does_not_follow_is_shown_and_does_not_count() -> None:
    told = story()
    messages = [
        keep(told[place][1], position=place + 1, agency=told[place][0], said_at=START + place)
        for place in (0, 4)
    ]
    (referral,) = fold_referrals(messages, me=THERE)
    assert (referral.state, referral.direction) == ("sent", "in")
    assert [step.counted for step in referral.history] == [True, False]


def indicate(state: str, effective: int) -> StatusIndicator:
    return StatusIndicator(
        code="advocate_assigned",
        state=state,
        effective=effective,
        expires=effective + DAY,
        confidence="confirmed",
    )


@settings(max_examples=30, deadline=None)
@given(st.permutations(["pending", "active", "ended"]))
def test_the_board_shows_the_newest_indicator_and_not_the_last_to_arrive(order: list[str]) -> None:
    when = {"pending": START, "active": START + 5, "ended": START + 9}
    messages = [
        keep(indicate(state, when[state]), position=at + 1, agency=THERE, said_at=when[state])
        for at, state in enumerate(order)
    ]
    (line,) = fold_board(messages, now=START + 10)
    assert line.state == "ended"


def test_each_agency_has_a_line_of_its_own_until_it_ends() -> None:
    messages = [
        keep(indicate("active", START), position=1, agency=THERE, said_at=START),
        keep(indicate("active", START + 1), position=2, agency=ELSEWHERE, said_at=START),
    ]
    assert [line.agency for line in fold_board(messages, now=START + 2)] == [ELSEWHERE, THERE]
    assert [line.agency for line in fold_board(messages, now=START + DAY)] == [ELSEWHERE]
    assert fold_board(messages, now=START + DAY + 1) == ()
