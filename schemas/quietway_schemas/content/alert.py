"""Alerts: one code for whoever is on call, who takes it, and how it is verified. Never a text.

An alert says that somebody has to look at a case now, and as little more as possible: no words, no
place, nothing that names a person. What else there is to say is said after somebody has claimed it.
One alert keeps its `alert_id` for as long as it lives; it is called out in *rounds*, one for each
ladder: a release or a hand-off ends a round, and the next one begins. What is said of a round
(claimed, declined, released, handed off) names it, so that a word that comes late says nothing of
the rounds after it.

Spec: docs/spec/alerts.md, "What is said".
"""

from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import ContentModel, OfCase
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes16, Moment
from quietway_schemas.holds import HORIZON_SECONDS, MOST_TIERS
from quietway_schemas.ids import AgencyId, DeviceId, MessageId

ALERT_KIND: Final = "alert.minimal"
CLAIM_KIND: Final = "alert.claimed"
MOST_ROUNDS: Final = 1_000

Round = Annotated[int, Field(ge=0, lt=MOST_ROUNDS)]
DueSeconds = Annotated[int, Field(ge=0, le=HORIZON_SECONDS)]


class AlertMinimal(OfCase):
    """`alert.minimal`: this case needs somebody now.

    `ladder_id` is what the relay keeps this round's ladder under: 16 random bytes, new for each.
    `tiers` says after how many seconds each tier is called; who stands on them is nowhere in it.
    `raised_at` is when the alert was raised, and stays the same in all of its rounds; `raised_by`
    and `raised_on` name the agency and the device that raised it, in the rounds after the first,
    which another one calls.
    """

    type: Literal["alert.minimal"] = "alert.minimal"
    alert_id: Bytes16
    ladder_id: Bytes16
    code: Annotated[str, CodeIn("alert_code")]
    urgency: Annotated[str, CodeIn("time_sensitivity")]
    raised_at: Moment
    tiers: Annotated[tuple[DueSeconds, ...], Field(min_length=1, max_length=MOST_TIERS)]
    round: Round = 0
    raised_by: AgencyId | None = None
    raised_on: DeviceId | None = None

    @model_validator(mode="after")
    def _check_round(self) -> Self:
        for name in ("raised_by", "raised_on"):
            if (self.round > 0) != (getattr(self, name) is not None):
                raise ContentError(name, "stands with a later round, and only there")
        return self

    @model_validator(mode="after")
    def _check_tiers(self) -> Self:
        if self.tiers[0] != 0:
            raise ContentError("tiers", "do not begin at once")
        if any(later <= sooner for sooner, later in pairwise(self.tiers)):
            raise ContentError("tiers", "do not follow one another")
        return self


class OfAlert(ContentModel):
    """The base of what is said of an alert: by its id, and never by its case."""

    alert_id: Bytes16
    at: Moment


class OfRound(OfAlert):
    """The base of what is said of one round of an alert."""

    round: Round = 0


class AlertClaimed(OfRound):
    """`alert.claimed`: a person has this alert now. Who it is, the signature says."""

    type: Literal["alert.claimed"] = "alert.claimed"


class AlertDeclined(OfRound):
    """`alert.declined`: a person who was called can't take it; nobody is called later for it."""

    type: Literal["alert.declined"] = "alert.declined"
    reason_code: Annotated[str, CodeIn("alert_reason")]


class AlertReleased(OfRound):
    """`alert.released`: whoever had claimed it has it no more, and it climbs again."""

    type: Literal["alert.released"] = "alert.released"
    reason_code: Annotated[str, CodeIn("alert_reason")]


class AlertHandedOff(OfRound):
    """`alert.handed_off`: another device's person is asked first in the round that follows."""

    type: Literal["alert.handed_off"] = "alert.handed_off"
    reason_code: Annotated[str, CodeIn("alert_reason")]
    to_device: DeviceId


class AlertVerify(OfAlert):
    """`alert.verify`: what a source says of it. `basis` is there where judgement stands for one.

    Judgement counts once a second person has confirmed it (`alert.verify_second`).
    """

    type: Literal["alert.verify"] = "alert.verify"
    source_class: Annotated[str, CodeIn("verification_source")]
    result: Annotated[str, CodeIn("verify_result")]
    basis: Annotated[str, CodeIn("verification_basis")] | None = None


class AlertVerifySecond(OfAlert):
    """`alert.verify_second`: a second person stands by a verification that rests on judgement."""

    type: Literal["alert.verify_second"] = "alert.verify_second"
    verification: MessageId
