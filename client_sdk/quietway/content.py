"""What is said, as the dictionary has it: the content types and ids of a program's messages.

Every constructor refuses what the dictionary does not allow, with the field's name and never its
value. Codes are listed by `quietway.codes`.

Spec: schemas/README.md, "Content".
"""

from __future__ import annotations

from quietway_schemas.content.agreement import (
    AgreementCell,
    AgreementEnded,
    AgreementShared,
    AgreementTerms,
    SignedAgreement,
)
from quietway_schemas.content.attachment import AttachmentFile
from quietway_schemas.content.audience import AudienceList
from quietway_schemas.content.base import ContentModel
from quietway_schemas.content.case import (
    BarrierUpdate,
    CaseLink,
    CaseReview,
    CaseStatus,
    LeadAccept,
    LeadAssign,
    LeadConfirm,
    LeadDecline,
    LeadOffer,
    LeadWithdraw,
    ProgressNote,
    RelocationOptions,
    RespondentEvent,
    TemplateBand,
    UrgentAction,
)
from quietway_schemas.content.consent import (
    ConsentAmend,
    ConsentGrant,
    ConsentLift,
    ConsentPause,
    ConsentPreferences,
    ConsentResume,
    ConsentRevoke,
    ConsentWindow,
    InformedItems,
    PurgeAttestation,
    Release,
    RollbackOrder,
    Withdrawal,
)
from quietway_schemas.content.contact import (
    AfterHours,
    AgencyProfile,
    ClarificationRequest,
    ContactLog,
    ContactSlot,
    DirectoryContact,
    ProgramCapacity,
    ResponseWindows,
    SystemProblem,
)
from quietway_schemas.content.coordination import (
    AdvocateRequest,
    Escalation,
    ServiceUptake,
    TriageRoute,
)
from quietway_schemas.content.debrief import ExposureRisk
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.missing import list_missing
from quietway_schemas.content.profiles import find_absent_fields
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
    "AdvocateRequest",
    "AfterHours",
    "AgencyId",
    "AgencyProfile",
    "AgreementCell",
    "AgreementEnded",
    "AgreementShared",
    "AgreementTerms",
    "AttachmentFile",
    "AudienceList",
    "BarrierUpdate",
    "CaseLink",
    "CaseRef",
    "CaseReview",
    "CaseStatus",
    "ClarificationRequest",
    "ConsentAmend",
    "ConsentGrant",
    "ConsentLift",
    "ConsentPause",
    "ConsentPreferences",
    "ConsentResume",
    "ConsentRevoke",
    "ConsentWindow",
    "ContactLog",
    "ContactSlot",
    "ContentError",
    "ContentModel",
    "ConversationId",
    "DeviceId",
    "DirectoryContact",
    "Episode",
    "Escalation",
    "ExposureRisk",
    "IdError",
    "InformedItems",
    "LeadAccept",
    "LeadAssign",
    "LeadConfirm",
    "LeadDecline",
    "LeadOffer",
    "LeadWithdraw",
    "MessageId",
    "MessageText",
    "ProgramCapacity",
    "ProgressNote",
    "PurgeAttestation",
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
    "Release",
    "RelocationOptions",
    "RespondentEvent",
    "ResponseWindows",
    "RollbackOrder",
    "ServiceUptake",
    "SignedAgreement",
    "StatusIndicator",
    "SystemProblem",
    "TemplateBand",
    "TriageRoute",
    "UrgentAction",
    "VspContact",
    "Withdrawal",
    "find_absent_fields",
    "list_missing",
]
