"""Where a case stands: its state, what is in the way, what must be done, who leads.

All of it is codes and times, and most of it expires. Nothing here has a field for text, for a
place, or for the day of something that a calendar makes public: where a day would say more than is
needed, it is a month. A risk assessment travels as its tool's code and its band, and never as
answers (B03, B09).

Spec: schemas/README.md, "Cases".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import AbsoluteOfCase, OfCase, Sorted
from quietway_schemas.directory import AgencyCode
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes16, Count, Moment, Month
from quietway_schemas.ids import AgencyId, CaseRef
from quietway_schemas.instants import DAY
from quietway_schemas.semver import VERSION_PATTERN

USUAL_BARRIER_MS: Final = 90 * DAY
LONGEST_BARRIER_MS: Final = 180 * DAY
USUAL_RELOCATION_MS: Final = 14 * DAY
LONGEST_RELOCATION_MS: Final = 30 * DAY
"""How long a barrier and a set of options stand, from when they were said: a reader ends them
there, whatever `expires` says."""

LEAST_OPTIONS: Final = 2


class CaseStatus(AbsoluteOfCase):
    """`case.status`: open, watched, closed, or open again."""

    type: Literal["case.status"] = "case.status"
    state: Annotated[str, CodeIn("case_status")]
    effective: Moment
    closure_reason: Annotated[str, CodeIn("closure_reason")] | None = None
    review_at: Moment | None = None

    @model_validator(mode="after")
    def _check_state(self) -> Self:
        if (self.state == "closed") != (self.closure_reason is not None):
            raise ContentError("closure_reason", "stands where a case is closed, and only there")
        if (self.state == "inactive_monitoring") != (self.review_at is not None):
            raise ContentError("review_at", "stands where a case is watched, and only there")
        if self.review_at is not None and self.review_at <= self.effective:
            raise ContentError("review_at", "is not after effective")
        return self


class BarrierUpdate(AbsoluteOfCase):
    """`barrier.update`: something stands in the way, or does so no more."""

    type: Literal["barrier.update"] = "barrier.update"
    code: Annotated[str, CodeIn("barrier")]
    state: Annotated[str, CodeIn("barrier_state")]
    since: Month
    expires: Moment


class UrgentAction(AbsoluteOfCase):
    """`urgent_action`: something must be done by a time, and one agency sees to it (V20)."""

    type: Literal["urgent_action"] = "urgent_action"
    action_id: Bytes16
    code: Annotated[str, CodeIn("urgent_action")]
    owner: AgencyCode
    due_at: Moment
    state: Annotated[str, CodeIn("urgent_action_state")]


class RelocationOptions(AbsoluteOfCase):
    """`relocation.options`: ways to be safer, two at least, and what the survivor chose of them."""

    type: Literal["relocation.options"] = "relocation.options"
    options: Annotated[
        tuple[Annotated[str, CodeIn("relocation_option")], ...],
        Field(min_length=LEAST_OPTIONS),
        Sorted,
    ]
    survivor_choice: Annotated[str, CodeIn("relocation_choice")]
    choice_at: Moment | None = None
    constraints: Annotated[tuple[Annotated[str, CodeIn("relocation_constraint")], ...], Sorted] = ()
    survivor_preference: Annotated[str, CodeIn("relocation_preference")] | None = None
    expires: Moment

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if self.survivor_choice not in {"none", "undecided", *self.options}:
            raise ContentError("survivor_choice", "is not one of the options")
        if (self.survivor_choice == "undecided") != (self.choice_at is None):
            raise ContentError("choice_at", "stands where a choice was made, and only there")
        return self


class LeadAssign(OfCase):
    """`lead.assign`: this agency leads from now on, and in which role."""

    type: Literal["lead.assign"] = "lead.assign"
    agency: AgencyId
    role: Annotated[str, CodeIn("role")]
    reason_code: Annotated[str, CodeIn("lead_reason")]
    at: Moment


class LeadOffer(OfCase):
    """`lead.handover`: will you lead? Nothing changes until they accept and it is confirmed (V08).

    `term` counts how often this agency led the case before, and gave the lead away.
    """

    type: Literal["lead.handover"] = "lead.handover"
    offer_id: Bytes16
    to_agency: AgencyId
    term: Count
    reason_code: Annotated[str, CodeIn("lead_reason")]
    offered_at: Moment
    expires: Moment

    @model_validator(mode="after")
    def _check_end(self) -> Self:
        if self.expires <= self.offered_at:
            raise ContentError("expires", "is not after offered_at")
        return self


class LeadAccept(OfCase):
    """`lead.accepted`: yes; the old lead goes on until it confirms."""

    type: Literal["lead.accepted"] = "lead.accepted"
    offer_id: Bytes16
    at: Moment


class LeadConfirm(OfCase):
    """`lead.confirmed`: the acceptance of this offer is the one that counts (V07)."""

    type: Literal["lead.confirmed"] = "lead.confirmed"
    offer_id: Bytes16
    at: Moment


class LeadDecline(OfCase):
    """`lead.declined`: no, and why; the old lead goes on."""

    type: Literal["lead.declined"] = "lead.declined"
    offer_id: Bytes16
    reason_code: Annotated[str, CodeIn("lead_reason")]
    at: Moment


class LeadWithdraw(OfCase):
    """`lead.withdrawn`: this offer stands no more since `at`, whoever accepted it."""

    type: Literal["lead.withdrawn"] = "lead.withdrawn"
    offer_id: Bytes16
    reason_code: Annotated[str, CodeIn("lead_reason")]
    at: Moment


class CaseLink(OfCase):
    """`case.link`: under which alias another agency knows the case. It takes a release for that."""

    type: Literal["case.link"] = "case.link"
    consent_id: Bytes16
    other: AgencyId
    other_ref: CaseRef


class CaseReview(OfCase):
    """`case_review`: what a review found missing, what changed, and when the next one is."""

    type: Literal["case_review"] = "case_review"
    gaps: Annotated[tuple[Annotated[str, CodeIn("review_gap")], ...], Field(min_length=1), Sorted]
    changes: Annotated[
        tuple[Annotated[str, CodeIn("case_change")], ...], Field(min_length=1), Sorted
    ]
    next_review: Moment
    at: Moment

    @model_validator(mode="after")
    def _check_next(self) -> Self:
        if self.next_review <= self.at:
            raise ContentError("next_review", "is not after the time of this review")
        if "none" in self.gaps and len(self.gaps) > 1:
            raise ContentError("gaps", "says that none was found, and names one")
        return self


class ProgressNote(OfCase):
    """`progress.note`: what was worked on."""

    type: Literal["progress.note"] = "progress.note"
    codes: Annotated[
        tuple[Annotated[str, CodeIn("progress_code")], ...], Field(min_length=1), Sorted
    ]
    at: Moment


class RespondentEvent(OfCase):
    """`respondent.event`: what happened about the person who caused harm, by month (B45)."""

    type: Literal["respondent.event"] = "respondent.event"
    code: Annotated[str, CodeIn("respondent_event")]
    month: Month


class TemplateBand(OfCase):
    """`template.instance`: a form was filled in; of an assessment, its tool and its band."""

    type: Literal["template.instance"] = "template.instance"
    template_id: Annotated[str, CodeIn("template")]
    version: Annotated[str, Field(pattern=VERSION_PATTERN, max_length=20)]
    instrument: Annotated[str, CodeIn("instrument")] | None = None
    band: Annotated[str, CodeIn("risk_band")] | None = None
    dated: Month

    @model_validator(mode="after")
    def _check_assessment(self) -> Self:
        assessed = self.template_id == "risk_assessment"
        for field in ("instrument", "band"):
            if (getattr(self, field) is not None) != assessed:
                raise ContentError(field, "stands in a risk assessment, and only there")
        return self
