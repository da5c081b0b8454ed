"""Receipts: a signed word to the sender's agency that messages were stored, or seen by a person.

A receipt is about messages, not about a case, so it has none of the fields of one, and it is never
sent for a receipt. It may quote the hashes of the cores: a sender who told two stories under one id
then shows. Where a device has nothing to say at its tick, it says `receipt.cover`, so that nobody
who counts envelopes learns whether it had.

Spec: schemas/README.md, "Content"; docs/spec/conversations.md, "Receipts".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.content.base import ContentModel
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes32
from quietway_schemas.ids import MessageId

MOST_RECEIPTS: Final = 12
_RECEIPTS: Final = "receipt."


def is_receipt(kind: str) -> bool:
    """Say whether a type is a receipt or a cover: never shown, and never given a receipt."""
    return kind.startswith(_RECEIPTS)


class Receipt(ContentModel):
    """What both receipts have in common: sorted ids, and in their order the hashes."""

    message_ids: Annotated[tuple[MessageId, ...], Field(min_length=1, max_length=MOST_RECEIPTS)]
    core_hashes: Annotated[tuple[Bytes32, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        if list(self.message_ids) != sorted(set(self.message_ids)):
            raise ContentError("message_ids", "is not sorted, or names something twice")
        if self.core_hashes is not None and len(self.core_hashes) != len(self.message_ids):
            raise ContentError("core_hashes", "does not have one hash for each message")
        return self


class ReceiptCover(ContentModel):
    """`receipt.cover`: nothing was owed at this tick. It looks like a receipt to the relay."""

    type: Literal["receipt.cover"] = "receipt.cover"


class ReceiptStored(Receipt):
    """`receipt.stored`: these are safe in this device's store."""

    type: Literal["receipt.stored"] = "receipt.stored"


class ReceiptOpened(Receipt):
    """`receipt.opened`: a person has seen these."""

    type: Literal["receipt.opened"] = "receipt.opened"
