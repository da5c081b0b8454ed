"""Referrals in any state, for the tests of exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.client_sdk.interop.samples import NOW, say

from quietway.content import (
    AgencyId,
    ConversationId,
    ReferralAnswer,
    ReferralCancel,
    ReferralFeedback,
    ReferralOutcome,
    ReferralPacket,
    ReferralRef,
    ReferralReopen,
)
from quietway.views.referrals import Referral, ReferralStep
from quietway_schemas.codebook.lists import entries
from quietway_schemas.content.referral_states import STATES_OF_TYPE, STATES_WITH_REASON

if TYPE_CHECKING:
    from collections.abc import Mapping

ME: Final = AgencyId(bytes([1]) * 16)
THEM: Final = AgencyId(bytes([2]) * 16)
STATES: Final = tuple(entries("referral_state"))
LATER_MS: Final = 60_000
_ANSWERS: Final = (ReferralOutcome, ReferralFeedback, ReferralCancel, ReferralReopen)


def make_packet(**changed: object) -> ReferralPacket:
    said = {name: held for name, held in say().items() if name != "entropy"}
    return ReferralPacket(
        **said  # type: ignore[arg-type] # the tests change one at a time
        | {
            "referral_ref": ReferralRef(bytes(range(16))),
            "service_type": "safehouse",
            "time_sensitivity": "priority",
            "identity_mode": "none",
        }
        | changed
    )


def make_answer(state: str, reason: str | None = None, **changed: object) -> ReferralAnswer:
    (kind, *_) = (
        answer
        for answer in _ANSWERS
        if state in STATES_OF_TYPE[answer.model_fields["type"].default]
    )
    fields: Mapping[str, object] = {
        "referral_ref": ReferralRef(bytes(range(16))),
        "state": state,
        "at": NOW + LATER_MS,
        "reason_code": reason,
        "reason_side": None if reason is None else entries("reason")[reason].side,
    }
    return kind(**{**fields, **changed})


def make_referral(
    state: str, *, reason: str | None = None, packet: ReferralPacket | None = None
) -> Referral:
    """Make a referral in one state, with the answer that brought it there, if an answer did."""
    asked = packet or make_packet()
    if state in STATES_WITH_REASON and reason is None:
        reason = "no_capacity"
    history = [ReferralStep(NOW, ME, asked, counted=True)]
    if state not in ("draft", "sent"):
        answer = make_answer(state, reason)
        history.append(ReferralStep(NOW + LATER_MS, THEM, answer, counted=True))
    return Referral(
        ref=asked.referral_ref,
        direction="out",
        state=state,
        packet=asked,
        history=tuple(history),
        conversation=ConversationId(bytes([3]) * 16),
        agencies=(THEM,),
    )
