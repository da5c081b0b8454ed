"""A drill stays a drill (V25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import WHOLE_REFERRAL
from tests.client_sdk.two_agencies import say
from tests.controls import without

from quietway import ContentRefused
from quietway_schemas.content.referral import ReferralOutcome
from quietway_schemas.ids import ReferralRef

if TYPE_CHECKING:
    from tests.client_sdk.two_agencies import Two


def test_v25_an_answer_to_a_drill_is_a_drill_and_no_drill_moves_a_real_referral(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    for exercise in (True, False):
        sent = two.shelter.referrals.send("MERCY", **WHOLE_REFERRAL, exercise=exercise)
        two.sandbox.sync()
        ref = str(sent.referral_ref)
        two.hospital.referrals.acknowledge(ref)
        two.hospital.referrals.uptake(ref, "not_started")
        two.sandbox.sync()
        assert two.shelter.referrals.find(ref).state == "accepted"
        assert {held.content.exercise for held in two.shelter.inbox()[-2:]} == {exercise}
        with pytest.raises(ContentRefused, match="drill"):
            answer_otherwise(two, ref, exercise=not exercise)
        with monkeypatch.context() as patched:
            # Whoever does not hold to it says it all the same, and moves nothing.
            without(patched, "quietway.speaking:check_flag", say_anything)
            answer_otherwise(two, ref, exercise=not exercise)
        found = two.shelter.referrals.find(ref)
        assert found.state == "accepted"
        assert [held.counted for held in found.history] == [True, True, False]


async def say_anything(*_: object) -> None:
    """What the SDK would be that never asked."""


def answer_otherwise(two: Two, ref: str, *, exercise: bool) -> None:
    conversation = two.hospital.referrals.find(ref).conversation
    content = ReferralOutcome(
        referral_ref=ReferralRef.from_text(ref),
        state="failed",
        at=two.sandbox.clock.now(),
        reason_code="no_capacity",
        reason_side="provider",
        exercise=exercise,
    )
    say(two, "hospital", content, conversation=conversation)
