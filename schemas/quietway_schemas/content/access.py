"""`access.event`: somebody looked at messages, or took them out of this program.

It is written by the device on which that was done, for the auditors of its own agency. It names
messages by id and hash, and says nothing of what is in them. Events are counted from 0, so that one
that is missing shows.

Spec: docs/spec/access-log.md, "The event".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import ContentModel
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes32, Count, Moment
from quietway_schemas.ids import MessageId

MOST_ACCESSED: Final = 24

AccessAction = Literal["open", "export", "print", "forward_attempt"]


class AccessEvent(ContentModel):
    """`access.event`: what was done, when, and to which messages. Sorted by message id."""

    type: Literal["access.event"] = "access.event"
    action: AccessAction
    at: Moment
    number: Count
    message_ids: Annotated[tuple[MessageId, ...], Field(min_length=1, max_length=MOST_ACCESSED)]
    core_hashes: Annotated[tuple[Bytes32, ...], Field(min_length=1, max_length=MOST_ACCESSED)]
    purpose: Annotated[str, CodeIn("purpose_of_use")] | None = None

    @model_validator(mode="after")
    def _check_messages(self) -> Self:
        if list(self.message_ids) != sorted(set(self.message_ids)):
            raise ContentError("message_ids", "is not sorted, or names something twice")
        if len(self.core_hashes) != len(self.message_ids):
            raise ContentError("core_hashes", "does not have one hash for each message")
        return self
