"""How an event ends, and what is learned from it: notes, the closing, the review, drill scores.

Codes first: what is said in words is short, and read by the guard like all that is said. An item of
a review stands as it was raised, and how it stands is reported by the agency that owns it. A score
is of an arrangement and never of a person.

Spec: docs/spec/reviews.md; docs/spec/drills.md, "Score".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import (
    Absolute,
    ContentModel,
    ContentPart,
    Sorted,
    Text,
)
from quietway_schemas.content.crisis import InHuddle
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes16, Count, Moment
from quietway_schemas.ids import AgencyId

MOST_TAKING_PART: Final = 16
MOST_RISKS: Final = 12
SECTIONS: Final = ("worked_well", "barrier", "timing", "data_documentation_gap", "exposure_risk")
"""The five sections of a review, as codes of `aar_category`, in the order in which they stand."""

_NoteText = Annotated[str, Text(1_120, 280)]
_SectionText = Annotated[str, Text(560, 280)]
_Agencies = Annotated[tuple[AgencyId, ...], Field(max_length=MOST_TAKING_PART), Sorted]


class EventNote(InHuddle):
    """`event.note`: what an agency did in an event, in codes; a few words where they say more."""

    type: Literal["event.note"] = "event.note"
    codes: Annotated[tuple[Annotated[str, CodeIn("event_note")], ...], Field(min_length=1), Sorted]
    at: Moment
    text: _NoteText | None = None

    @model_validator(mode="after")
    def _check_codes(self) -> Self:
        if "not_needed" in self.codes and len(self.codes) > 1:
            raise ContentError("codes", "says that the agency was not needed, and what it did")
        return self


class MissingNote(ContentPart):
    """An agency whose note is missing, and why."""

    agency: AgencyId
    reason_code: Annotated[str, CodeIn("missing_note_reason")]


class EventClosed(InHuddle):
    """`event.closed`: the event is over; whose notes there are, and when it is looked at again.

    It names a next check-in, or why there is none (V21), and each agency that took part: with a
    note, or with why that is missing (V22).
    """

    type: Literal["event.closed"] = "event.closed"
    outcome: Annotated[str, CodeIn("event_outcome")]
    noted: _Agencies = ()
    missing: Annotated[tuple[MissingNote, ...], Field(max_length=MOST_TAKING_PART)] = ()
    checkin_at: Moment | None = None
    no_checkin_reason: Annotated[str, CodeIn("no_checkin_reason")] | None = None
    review_due: Moment
    at: Moment

    @model_validator(mode="after")
    def _check_checkin(self) -> Self:
        if (self.checkin_at is None) == (self.no_checkin_reason is None):
            raise ContentError("checkin_at", "stands, or the reason why there is none; not both")
        if self.checkin_at is not None and self.checkin_at <= self.at:
            raise ContentError("checkin_at", "is not after the closing")
        if self.review_due <= self.at:
            raise ContentError("review_due", "is not after the closing")
        return self

    @model_validator(mode="after")
    def _check_agencies(self) -> Self:
        missing = [held.agency for held in self.missing]
        if missing != sorted(set(missing)):
            raise ContentError("missing", "is not sorted, or names something twice")
        if not {*self.noted, *missing}:
            raise ContentError("noted", "names nobody who took part")
        if set(self.noted) & set(missing):
            raise ContentError("missing", "names an agency whose note is there")
        return self


class ExposureRisk(ContentPart):
    """Where something could have become known, and what is to follow.

    `followed` says that somebody acted on it.
    """

    code: Annotated[str, CodeIn("aar_exposure")]
    follow_up: Annotated[str, CodeIn("exposure_follow_up")] = "none"
    followed: bool = False


class SectionText(ContentPart):
    """A few words about one section of a review."""

    section: Annotated[str, CodeIn("aar_category")]
    text: _SectionText


class AfterActionReview(Absolute, InHuddle):
    """`aar`: one agency's word on an event that is over, in five sections (C53)."""

    type: Literal["aar"] = "aar"
    worked_well: Annotated[tuple[Annotated[str, CodeIn("aar_strength")], ...], Sorted] = ()
    barriers: Annotated[tuple[Annotated[str, CodeIn("aar_barrier")], ...], Sorted] = ()
    timing: Annotated[tuple[Annotated[str, CodeIn("aar_timing")], ...], Sorted] = ()
    data_gaps: Annotated[tuple[Annotated[str, CodeIn("aar_gap")], ...], Sorted] = ()
    exposure_risks: Annotated[tuple[ExposureRisk, ...], Field(max_length=MOST_RISKS)] = ()
    texts: Annotated[tuple[SectionText, ...], Field(max_length=len(SECTIONS))] = ()
    at: Moment

    @model_validator(mode="after")
    def _check_sections(self) -> Self:
        risks = [held.code for held in self.exposure_risks]
        if risks != sorted(set(risks)):
            raise ContentError("exposure_risks", "is not sorted, or names something twice")
        named = [held.section for held in self.texts]
        if not set(named) <= set(SECTIONS) or named != sorted(set(named), key=SECTIONS.index):
            raise ContentError("texts", "names no section, or does not keep their order")
        if "none" in self.data_gaps and len(self.data_gaps) > 1:
            raise ContentError("data_gaps", "says that none was found, and names one")
        said = (self.worked_well, self.barriers, self.timing, self.data_gaps, risks, named)
        if not any(said):
            raise ContentError("worked_well", "and all other sections are empty: say something")
        return self


class ReviewItem(InHuddle):
    """`aar.item`: something that is to change, whose it is, and until when (C54)."""

    type: Literal["aar.item"] = "aar.item"
    item_id: Bytes16
    category: Annotated[str, CodeIn("aar_category")]
    owner: AgencyId
    due: Moment
    raised_at: Moment
    text: _NoteText | None = None

    @model_validator(mode="after")
    def _check_due(self) -> Self:
        if self.due <= self.raised_at:
            raise ContentError("due", "is not after raised_at")
        return self


class ReviewUpdate(InHuddle):
    """`aar.update`: how an item stands. It counts where its owner says it (C55)."""

    type: Literal["aar.update"] = "aar.update"
    item_id: Bytes16
    state: Annotated[str, CodeIn("aar_item_state")]
    at: Moment
    reason_code: Annotated[str, CodeIn("aar_item_reason")] | None = None

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        if self.state == "dropped" and self.reason_code is None:
            raise ContentError("reason_code", "is missing: why was it dropped?")
        return self


class AgencyDrillScore(ContentModel):
    """`agency.drill_score`: what a drill came to, for the agency's own devices.

    Seconds are counted from its beginning; what is absent did not happen.
    """

    type: Literal["agency.drill_score"] = "agency.drill_score"
    drill_id: Bytes16
    scenario: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    outcome: Annotated[str, CodeIn("drill_outcome")]
    at: Moment
    expected_people: Count = 0
    missed_people: Count = 0
    unexpected_people: Count = 0
    tiers_reached: Count = 0
    guard_findings: Count = 0
    actions_expected: Count = 0
    actions_set: Count = 0
    claimed_s: Count | None = None
    verified_s: Count | None = None
    activated_s: Count | None = None
    closed_s: Count | None = None
    verified_first: bool = False

    @model_validator(mode="after")
    def _check_drill(self) -> Self:
        if not self.exercise:
            raise ContentError("exercise", "is not set: a drill is one")
        if self.missed_people > self.expected_people:
            raise ContentError("missed_people", "is more than were expected")
        return self
