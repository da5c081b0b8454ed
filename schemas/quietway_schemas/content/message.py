"""A short text from one person to those in a conversation.

Spec: schemas/README.md, "Content".
"""

from typing import Annotated, Final, Literal

from quietway_schemas.content.base import CaseContent, Text
from quietway_schemas.fields import Bytes32

MOST_TEXT_BYTES: Final = 700


class MessageText(CaseContent):
    """`message.text`: a text, and the core hash of what it answers, if it answers something."""

    type: Literal["message.text"] = "message.text"
    text: Annotated[str, Text(MOST_TEXT_BYTES)]
    in_reply_to: Bytes32 | None = None
