"""A short text from one person to those in a conversation.

An answer quotes what it answers by the hash of its core and by its place, so that whoever holds
another core at that place sees that two stories were told.

Spec: schemas/README.md, "Content"; docs/spec/conversations.md, "Quoting".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import model_validator

from quietway_schemas.content.base import CaseContent, Text
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Base64, Bytes32

MOST_TEXT_BYTES: Final = 700
PLACE_BYTES: Final = 44
"""device (16) || incarnation (8) || first half of the audience digest (16) || seq (4)."""


class MessageText(CaseContent):
    """`message.text`: a text, and the core hash and place of what it answers, if it answers."""

    type: Literal["message.text"] = "message.text"
    text: Annotated[str, Text(MOST_TEXT_BYTES)]
    in_reply_to: Bytes32 | None = None
    in_reply_place: Annotated[bytes, Base64(PLACE_BYTES, PLACE_BYTES)] | None = None

    @model_validator(mode="after")
    def _check_reply(self) -> Self:
        if self.in_reply_place is not None and self.in_reply_to is None:
            raise ContentError("in_reply_place", "is of no use without what is answered")
        return self
