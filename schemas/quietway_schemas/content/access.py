"""`access.event`: somebody looked at messages, took them out, or sent one that the guard had held.

It is written by the device on which that was done, for the auditors of its own agency. It names
messages by id and hash, and says nothing of what is in them; of what was sent although the guard
held it, it says by which rules, why, and who was the second person. Events are counted from 0, so
that one that is missing shows.

Spec: docs/spec/access-log.md, "The event".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import ContentModel, Sorted
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes32, Count, Moment
from quietway_schemas.ids import DeviceId, MessageId

MOST_ACCESSED: Final = 24
MOST_RULES: Final = 12
OVERRIDE: Final = "override"

AccessAction = Literal["open", "export", "print", "forward_attempt", "override"]
RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,23}\.[a-z][a-z0-9_]{0,39}$")]
"""A rule of the guard, as `class.name`."""
Rules = Annotated[tuple[RuleId, ...], Field(max_length=MOST_RULES), Sorted]


class AccessEvent(ContentModel):
    """`access.event`: what was done, when, and to which messages. Sorted by message id.

    `rules`, `guard_reason` and `second` (the device that confirmed it, in a crisis) stand with the
    action `override`, and only there.
    """

    type: Literal["access.event"] = "access.event"
    action: AccessAction
    at: Moment
    number: Count
    message_ids: Annotated[tuple[MessageId, ...], Field(min_length=1, max_length=MOST_ACCESSED)]
    core_hashes: Annotated[tuple[Bytes32, ...], Field(min_length=1, max_length=MOST_ACCESSED)]
    purpose: Annotated[str, CodeIn("purpose_of_use")] | None = None
    rules: Rules = ()
    guard_reason: Annotated[str, CodeIn("guard_reason")] | None = None
    second: DeviceId | None = None

    @model_validator(mode="after")
    def _check_messages(self) -> Self:
        if list(self.message_ids) != sorted(set(self.message_ids)):
            raise ContentError("message_ids", "is not sorted, or names something twice")
        if len(self.core_hashes) != len(self.message_ids):
            raise ContentError("core_hashes", "does not have one hash for each message")
        return self

    @model_validator(mode="after")
    def _check_override(self) -> Self:
        overrides = self.action == OVERRIDE
        if bool(self.rules) != overrides or (self.guard_reason is not None) != overrides:
            raise ContentError("guard_reason", "and rules stand with an override, and only there")
        if self.second is not None and not overrides:
            raise ContentError("second", "stands with an override, and only there")
        return self
