"""What is said, as the dictionary has it: the content types and ids of a program's messages.

Every constructor refuses what the dictionary does not allow, with the field's name and never its
value. Codes are listed by `quietway.codes`.

Spec: schemas/README.md, "Content".
"""

from __future__ import annotations

from quietway_schemas.content.attachment import AttachmentFile
from quietway_schemas.content.audience import AudienceList
from quietway_schemas.content.base import ContentModel
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.receipt import ReceiptCover, ReceiptOpened, ReceiptStored
from quietway_schemas.content.referral import (
    Episode,
    Receiving,
    ReferralAck,
    ReferralAnswer,
    ReferralCancel,
    ReferralFeedback,
    ReferralOutcome,
    ReferralPacket,
    ReferralReopen,
    Referring,
    VspContact,
)
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.errors import ContentError, IdError
from quietway_schemas.ids import (
    AgencyId,
    CaseRef,
    ConversationId,
    DeviceId,
    MessageId,
    ReferralRef,
)

__all__ = [
    "AgencyId",
    "AttachmentFile",
    "AudienceList",
    "CaseRef",
    "ContentError",
    "ContentModel",
    "ConversationId",
    "DeviceId",
    "Episode",
    "IdError",
    "MessageId",
    "MessageText",
    "ReceiptCover",
    "ReceiptOpened",
    "ReceiptStored",
    "Receiving",
    "ReferralAck",
    "ReferralAnswer",
    "ReferralCancel",
    "ReferralFeedback",
    "ReferralOutcome",
    "ReferralPacket",
    "ReferralRef",
    "ReferralReopen",
    "Referring",
    "StatusIndicator",
    "VspContact",
]
