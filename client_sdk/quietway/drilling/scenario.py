"""A scenario: what a drill begins with, what comes in while it runs, and what is expected of it.

It is a file of TOML that a person writes. It names codes, roles and seconds, and no person, place
or case, so that it says nothing about anybody and can be run anywhere (C80). Each code is looked up
when it is read: a scenario that names one the dictionary has not is refused with its field.

Spec: docs/spec/drills.md, "Scenarios".
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from quietway.errors import ContentRefused
from quietway_schemas.codebook.lists import CodeIn, check
from quietway_schemas.content.debrief import SECTIONS
from quietway_schemas.errors import ContentError, SchemaError
from quietway_schemas.fields import WireModel

MAX_SCENARIO_BYTES: Final = 65_536
MOST_INJECTS: Final = 40
LONGEST_DRILL_S: Final = 86_400
InjectKind: TypeAlias = Literal["status", "barrier", "action", "prompt"]
LIST_OF: Final[dict[str, str]] = {
    "status": "status_indicator",
    "barrier": "barrier",
    "action": "urgent_action",
}
"""From which list the code of each kind of inject is; a prompt has none."""

_Seconds = Annotated[int, Field(ge=0, le=LONGEST_DRILL_S)]
_Words = Annotated[str, Field(min_length=1, max_length=400)]


class Inject(WireModel):
    """Something that comes in while a drill runs.

    Attributes:
        at_s: Seconds after the beginning.
        kind: What it is; `prompt` is said by whoever runs the drill, and not sent.
        code: Of the kind's list; empty for a prompt.
        to: Who gets it: the agency that leads, or all partners of the drill.
        words: For whoever runs it.
    """

    at_s: _Seconds
    kind: InjectKind
    code: str = ""
    to: Literal["lead", "partners"] = "partners"
    words: _Words

    @model_validator(mode="after")
    def _check_code(self) -> Self:
        if (self.kind == "prompt") != (not self.code):
            raise ContentError("code", "stands in every inject but a prompt")
        if self.code:
            check(LIST_OF[self.kind], self.code, "code")
        return self


class Expected(WireModel):
    """What a drill is measured by: seconds from its beginning, and who is to be reached.

    Attributes:
        claim_s: Until somebody has claimed the alert.
        verify_s: Until it is verified; None where the script has no verification.
        activate_s: Until the event is activated.
        close_s: Until it is closed.
        tiers: How many tiers may be reached before somebody claims.
        roles: Codes of the list `role`: whose devices are to be reached in each agency.
        actions: Codes of `urgent_action` that are to be set.
    """

    claim_s: _Seconds
    activate_s: _Seconds
    close_s: _Seconds
    verify_s: _Seconds | None = None
    tiers: Annotated[int, Field(ge=1, le=4)] = 1
    roles: Annotated[tuple[Annotated[str, CodeIn("role")], ...], Field(min_length=1)]
    actions: tuple[Annotated[str, CodeIn("urgent_action")], ...] = ()


class Verify(WireModel):
    """The verification that the script expects."""

    source_class: Annotated[str, CodeIn("verification_source")]
    result: Annotated[str, CodeIn("verify_result")]


class Question(WireModel):
    """A question to think about afterwards, and the section of the review that it leads to."""

    question: _Words
    section: str

    @model_validator(mode="after")
    def _check_section(self) -> Self:
        if self.section not in SECTIONS:
            raise ContentError("section", "is none of a review's five")
        return self


class _ScenarioFile(WireModel):
    """A scenario's file, as it is written."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    title: Annotated[str, Field(min_length=1, max_length=80)]
    about: _Words
    alert_code: Annotated[str, CodeIn("alert_code")]
    urgency: Annotated[str, CodeIn("time_sensitivity")]
    event_type: Annotated[str, CodeIn("event_type")]
    criteria: Annotated[tuple[Annotated[str, CodeIn("crisis_criterion")], ...], Field(min_length=1)]
    mode: Annotated[str, CodeIn("communication_mode")]
    expected: Expected
    inject: Annotated[tuple[Inject, ...], Field(max_length=MOST_INJECTS)] = ()
    reflect: Annotated[tuple[Question, ...], Field(min_length=1, max_length=MOST_INJECTS)]
    verify: Verify | None = None

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if (self.verify is None) != (self.expected.verify_s is None):
            raise ContentError("verify", "stands with its time in expected, or not at all")
        times = [held.at_s for held in self.inject]
        if times != sorted(times):
            raise ContentError("inject", "is not in the order of time")
        return self


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario that was read.

    Attributes:
        name: Lower case letters, digits and hyphens.
        title: What it is, in a line.
        about: What it is, in a few sentences.
        alert_code: Of the list `alert_code`.
        urgency: Of the list `time_sensitivity`.
        event_type: Of the list `event_type`.
        criteria: Of the list `crisis_criterion`, sorted.
        mode: Of the list `communication_mode`.
        expected: What it is measured by.
        injects: What comes in, the earliest first.
        questions: To think about afterwards.
        verify: The verification that the script expects, or None.
        raw: The file, as it was read.
    """

    name: str
    title: str
    about: str = field(repr=False)
    alert_code: str
    urgency: str
    event_type: str
    criteria: tuple[str, ...]
    mode: str
    expected: Expected = field(repr=False)
    injects: tuple[Inject, ...] = field(repr=False)
    questions: tuple[Question, ...] = field(repr=False)
    verify: Verify | None = None
    raw: bytes = field(default=b"", repr=False)


def read_scenario(raw: bytes) -> Scenario:
    """Read a scenario's file.

    Args:
        raw: TOML, at most 64 KiB.

    Raises:
        ContentRefused: It is no TOML, too long, or a field is missing, unknown or wrong; it is
            named, and its value is not repeated.
    """
    if len(raw) > MAX_SCENARIO_BYTES:
        raise ContentRefused("scenario", f"is longer than {MAX_SCENARIO_BYTES} bytes.")
    try:
        read = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise ContentRefused("scenario", "is not TOML: see docs/spec/drills.md.") from None
    try:
        held = _ScenarioFile.model_validate(_tuples(read))
    except SchemaError as refused:
        field_name = getattr(refused, "field", "scenario")
        reason = getattr(refused, "reason", "is not one that is understood here")
        raise ContentRefused(field_name, f"{reason}.") from None
    return Scenario(
        name=held.name,
        title=held.title,
        about=held.about,
        alert_code=held.alert_code,
        urgency=held.urgency,
        event_type=held.event_type,
        criteria=tuple(sorted(set(held.criteria))),
        mode=held.mode,
        expected=held.expected,
        injects=held.inject,
        questions=held.reflect,
        verify=held.verify,
        raw=raw,
    )


def _tuples(read: object) -> object:
    """TOML has lists where the models have tuples, and is otherwise what they are made of."""
    if isinstance(read, dict):
        return {name: _tuples(held) for name, held in read.items()}
    if isinstance(read, list):
        return tuple(_tuples(held) for held in read)
    return read
