"""What keeps a referral going: taking it further, a hub's choice, uptake, asking for an advocate.

Codes, times and references only. What a service is taken up from and until is a month.

Spec: schemas/README.md, "Coordination".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import CaseContent, OfCase, Sorted
from quietway_schemas.directory import AgencyCode, ProgramCode
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes16, Moment, Month
from quietway_schemas.ids import ReferralRef

FRONTLINE: Final = 1
SUPERVISORY: Final = 2
LEADERSHIP: Final = 3


class Escalation(CaseContent):
    """`escalation`: this needs the next level; said again, with a resolution, when it is over.

    `level` is 1 (frontline), 2 (supervisory) or 3 (leadership). `subject` is the referral that it
    is about, if it is about one.
    """

    type: Literal["escalation"] = "escalation"
    escalation_id: Bytes16
    subject: ReferralRef | None = None
    level: Annotated[int, Field(ge=FRONTLINE, le=LEADERSHIP)]
    reason_code: Annotated[str, CodeIn("escalation_reason")]
    raised_at: Moment
    due_at: Moment
    resolution: Annotated[str, CodeIn("escalation_resolution")] | None = None

    @model_validator(mode="after")
    def _check_due(self) -> Self:
        if self.due_at <= self.raised_at:
            raise ContentError("due_at", "is not after raised_at")
        return self


class ServiceUptake(CaseContent):
    """`service.uptake`: whether the survivor uses a service, and since and until which month."""

    type: Literal["service.uptake"] = "service.uptake"
    referral_ref: ReferralRef
    state: Annotated[str, CodeIn("uptake_state")]
    started: Month | None = None
    ended: Month | None = None

    @model_validator(mode="after")
    def _check_months(self) -> Self:
        if self.state == "not_started" and (self.started or self.ended):
            raise ContentError("started", "stands although nothing has begun")
        if self.ended is not None and (self.started is None or self.ended < self.started):
            raise ContentError("ended", "is before started, or stands without it")
        return self


class TriageRoute(CaseContent):
    """`triage.route`: which program a hub chose for a referral, and by what."""

    type: Literal["triage.route"] = "triage.route"
    referral_ref: ReferralRef
    hub: AgencyCode
    chosen_program: ProgramCode
    criteria: Annotated[
        tuple[Annotated[str, CodeIn("triage_criterion")], ...], Field(min_length=1), Sorted
    ]
    capacity: Annotated[str, CodeIn("capacity")]


class AdvocateRequest(OfCase):
    """`advocate.request`: please send an advocate; and whether the survivor wants one."""

    type: Literal["advocate.request"] = "advocate.request"
    requester_role: Annotated[str, CodeIn("role")]
    urgency: Annotated[str, CodeIn("time_sensitivity")]
    survivor_wants_contact: Annotated[str, CodeIn("survivor_wants_contact")]
    at: Moment
