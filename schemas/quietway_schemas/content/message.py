"""A short text from one person to those in a conversation.

An answer quotes what it answers by the hash of its core and by its place, so that whoever holds
another core at that place sees that two stories were told.

Spec: schemas/README.md, "Content"; docs/spec/conversations.md, "Quoting".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import model_validator

from quietway_schemas.content.base import CaseContent, Text, count_written_bytes
from quietway_schemas.errors import ContentError, TooLongError
from quietway_schemas.fields import Base64, Bytes32

MOST_TEXT_BYTES: Final = 700
MOST_GROUNDED_TEXT_BYTES: Final = 560
"""Of a text that names what allows it: a flash envelope has room for both, and no more."""
_GROUNDS: Final = ("circumstance", "compartment", "consent_id", "retain_days")
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

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        grounded = any(getattr(self, name) is not None for name in _GROUNDS)
        if grounded and count_written_bytes(self.text) > MOST_GROUNDED_TEXT_BYTES:
            raise TooLongError("text", MOST_GROUNDED_TEXT_BYTES)
        return self
