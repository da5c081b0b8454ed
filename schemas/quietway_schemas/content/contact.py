"""Whom to reach at an agency, what it does and how soon; and that two agencies were in contact.

Contacts and profiles are about staff and services, and never about a case. Each says all of it: an
agency's newest is the one that counts. An agency has one primary contact and at least one backup
(V06), so that nobody waits for a person who is away.

Spec: schemas/README.md, "Contacts".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import (
    Absolute,
    CaseContent,
    ContentModel,
    ContentPart,
    Sorted,
    Text,
)
from quietway_schemas.directory import AgencyCode, ProgramCode
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Moment

MOST_SLOTS: Final = 5
MOST_LANGUAGES: Final = 8
MOST_PROGRAMS: Final = 12
MOST_PARTIES: Final = 12
MOST_NOTE_CHARACTERS: Final = 280
_DAY_MINUTES: Final = 24 * 60

NoteText = Annotated[str, Text(1_120, MOST_NOTE_CHARACTERS)]
BusinessDays = Annotated[int, Field(ge=1, le=30)]
Minutes = Annotated[int, Field(ge=1, le=_DAY_MINUTES)]


class ContactSlot(ContentPart):
    """One person to reach, and how."""

    slot: Annotated[str, CodeIn("contact_slot")]
    name: Annotated[str, Text(120)]
    role: Annotated[str, CodeIn("role")]
    phone: Annotated[str, Text(40)]
    secure_email: Annotated[str, Text(120)] | None = None
    languages: Annotated[
        tuple[Annotated[str, CodeIn("language")], ...], Field(max_length=MOST_LANGUAGES), Sorted
    ] = ()


class AfterHours(ContentPart):
    """What to do when nobody is there."""

    method: Annotated[str, CodeIn("after_hours_method")]
    text: Annotated[str, Text(280)]


class DirectoryContact(Absolute):
    """`directory.contact`: an agency's primary contact, its backups, and its way out of hours."""

    type: Literal["directory.contact"] = "directory.contact"
    slots: Annotated[tuple[ContactSlot, ...], Field(min_length=2, max_length=MOST_SLOTS)]
    after_hours: AfterHours
    valid_from: Moment

    @model_validator(mode="after")
    def _check_slots(self) -> Self:
        kinds = [held.slot for held in self.slots]
        if kinds.count("primary") != 1 or "backup" not in kinds:
            raise ContentError("slots", "need one primary contact, and at least one backup")
        reached = [(held.name, held.phone) for held in self.slots]
        if len(set(reached)) != len(reached):
            raise ContentError("slots", "name one person twice: a backup is somebody else")
        return self


class ProgramCapacity(ContentPart):
    """Whether one program has room."""

    program: ProgramCode
    capacity: Annotated[str, CodeIn("capacity")]


class ResponseWindows(ContentPart):
    """How soon an agency answers: business days of its own calendar, or minutes by the clock.

    What is left out is the partnership's usual: 3 days (a reminder after 2), 1 day where it is
    priority, 60 minutes to acknowledge and 240 to answer where it is urgent; feedback on a referral
    after 5 days, 1 day and 240 minutes.
    """

    routine_days: BusinessDays = 3
    routine_remind_days: BusinessDays = 2
    priority_days: BusinessDays = 1
    urgent_acknowledge_minutes: Minutes = 60
    urgent_minutes: Minutes = 240
    feedback_days: BusinessDays = 5
    feedback_priority_days: BusinessDays = 1
    feedback_urgent_minutes: Minutes = 240

    @model_validator(mode="after")
    def _check_reminder(self) -> Self:
        if self.routine_remind_days > self.routine_days:
            raise ContentError("routine_remind_days", "is later than the answer is due")
        return self


class AgencyProfile(Absolute):
    """`directory.profile`: what an agency does, for whom, how to get there, and how soon.

    `time_zone` is an IANA name, `country` and `subdivision` are ISO 3166 codes: they choose the
    calendar by which its business days are counted. `holidays` says whether it closes on them.
    """

    type: Literal["directory.profile"] = "directory.profile"
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{1,39}$")]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    subdivision: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,3}$")] | None = None
    holidays: bool = True
    capacity: Annotated[tuple[ProgramCapacity, ...], Field(max_length=MOST_PROGRAMS)] = ()
    eligibility: Annotated[str, Text(560)] | None = None
    mandate: Annotated[tuple[Annotated[str, CodeIn("mandate")], ...], Sorted] = ()
    scope: Annotated[tuple[Annotated[str, CodeIn("service_type")], ...], Sorted] = ()
    limits: Annotated[tuple[Annotated[str, CodeIn("service_limit")], ...], Sorted] = ()
    access_points: Annotated[tuple[Annotated[str, CodeIn("entry_point")], ...], Sorted] = ()
    referral_docs: Annotated[tuple[Annotated[str, CodeIn("referral_doc")], ...], Sorted] = ()
    windows: ResponseWindows = ResponseWindows()
    decision_structure: NoteText | None = None

    @model_validator(mode="after")
    def _check_programs(self) -> Self:
        programs = [held.program for held in self.capacity]
        if programs != sorted(set(programs)):
            raise ContentError("capacity", "is not sorted by program, or names one twice")
        return self


class ContactLog(CaseContent):
    """`contact.log`: two agencies were in contact: when, how, about what, and what came of it.

    `deviation` says why it was another way than the one that is proposed for such a purpose.
    """

    type: Literal["contact.log"] = "contact.log"
    at: Moment
    interaction_type: Annotated[str, CodeIn("interaction_type")]
    purpose_code: Annotated[str, CodeIn("purpose_code")]
    outcome_code: Annotated[str, CodeIn("contact_outcome")]
    parties: Annotated[tuple[AgencyCode, ...], Field(min_length=1, max_length=MOST_PARTIES), Sorted]
    duration_min: Annotated[int, Field(ge=0, le=_DAY_MINUTES)] | None = None
    note: NoteText | None = None
    time_sensitivity: Annotated[str, CodeIn("time_sensitivity")] = "standard"
    deviation: Annotated[str, CodeIn("channel_deviation")] | None = None


class ClarificationRequest(CaseContent):
    """`clarification.request`: what do you mean? `cross_cutting` puts it before the partnership."""

    type: Literal["clarification.request"] = "clarification.request"
    topic_code: Annotated[str, CodeIn("clarification_topic")]
    text: NoteText
    cross_cutting: bool = False
    time_sensitivity: Annotated[str, CodeIn("time_sensitivity")] = "standard"


class SystemProblem(ContentModel):
    """`system_problem`: something is wrong with the program. No case is named in it."""

    type: Literal["system_problem"] = "system_problem"
    code: Annotated[str, CodeIn("system_problem")]
    text: NoteText
    agenda: bool = False
