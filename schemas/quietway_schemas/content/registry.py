"""The registry of content types: each type's model, its class of envelope, and who may say it.

The evolution rule. A type's name is never used for anything else. A field is never removed and
never changes its meaning; a new one is optional and stands last. A new shape that an old reader
must not take for the old one is a new type. An unknown type, field or code is refused with a typed
error: guessing at what somebody meant is not safe here.

Spec: docs/spec/envelope.md, "Classes"; schemas/README.md, "How it may change".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from quietway_schemas.canonical import JsonObject, decode_canonical, decode_kept
from quietway_schemas.codebook.lists import DICTIONARY_VERSION
from quietway_schemas.content.access import AccessEvent
from quietway_schemas.content.agency import (
    AgencyLeaving,
    AgencyOverrideConfirmation,
    AgencyOverrideRequest,
    AgencyProposal,
    AgencyReview,
    AgencyShared,
    AgencySnapshotApproval,
    AgencySnapshotOffer,
    AgencySnapshotPart,
    AgencyStanding,
    is_within,
)
from quietway_schemas.content.agreement import (
    AgreementEnded,
    AgreementShared,
)
from quietway_schemas.content.alert import (
    AlertClaimed,
    AlertDeclined,
    AlertHandedOff,
    AlertMinimal,
    AlertReleased,
    AlertVerify,
    AlertVerifySecond,
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
    PurgeAttestation,
    RollbackOrder,
)
from quietway_schemas.content.contact import (
    AgencyProfile,
    ClarificationRequest,
    ContactLog,
    DirectoryContact,
    SystemProblem,
)
from quietway_schemas.content.coordination import (
    AdvocateRequest,
    Escalation,
    ServiceUptake,
    TriageRoute,
)
from quietway_schemas.content.crisis import (
    ActionItem,
    ActionUpdate,
    CrisisActivate,
    CrisisAnswer,
    DecisionLog,
    HuddleCheckin,
    HuddleHandover,
    HuddleLeft,
    HuddleMembers,
    HuddleMessage,
    HuddleStopped,
    HuddleSummary,
    Logistics,
)
from quietway_schemas.content.debrief import (
    AfterActionReview,
    AgencyDrillScore,
    EventClosed,
    EventNote,
    ReviewItem,
    ReviewUpdate,
)
from quietway_schemas.content.lane import LANE_GRANT, LaneGrant
from quietway_schemas.content.log import LogCheckpoint
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.oncall import (
    AgencyOnCallBeat,
    AgencyOnCallChange,
    AgencyRota,
    OnCallPublished,
)
from quietway_schemas.content.receipt import ReceiptCover, ReceiptOpened, ReceiptStored
from quietway_schemas.content.referral import (
    ReferralAck,
    ReferralCancel,
    ReferralFeedback,
    ReferralOutcome,
    ReferralPacket,
    ReferralReopen,
)
from quietway_schemas.content.roles import ROLE_RULES, RoleRule
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import (
    ContentError,
    TooLongError,
    UnknownCodeError,
    UnsupportedDictionaryError,
)
from quietway_schemas.semver import SemVer


@dataclass(frozen=True, slots=True)
class ContentType:
    """One row of the registry. Its roles stand in `roles.ROLE_RULES`, a table of their own."""

    name: str
    model: type[ContentModel]
    envelope_class: EnvelopeClass

    @property
    def roles(self) -> RoleRule:
        """Who may say it, and who may receive it."""
        return ROLE_RULES[self.name]

    @property
    def within_agency(self) -> bool:
        """Whether it is for the devices of the sender's own agency alone."""
        return is_within(self.name)


_ROWS: Final = (
    ContentType("aar", AfterActionReview, EnvelopeClass.CASE),
    ContentType("aar.item", ReviewItem, EnvelopeClass.CASE),
    ContentType("aar.update", ReviewUpdate, EnvelopeClass.CASE),
    ContentType("access.event", AccessEvent, EnvelopeClass.CASE),
    ContentType("action.item", ActionItem, EnvelopeClass.CASE),
    ContentType("action.update", ActionUpdate, EnvelopeClass.CASE),
    ContentType("advocate.request", AdvocateRequest, EnvelopeClass.CASE),
    ContentType("agency.drill_score", AgencyDrillScore, EnvelopeClass.CASE),
    ContentType("agency.leaving", AgencyLeaving, EnvelopeClass.CASE),
    ContentType("agency.oncall_beat", AgencyOnCallBeat, EnvelopeClass.FLASH),
    ContentType("agency.oncall_change", AgencyOnCallChange, EnvelopeClass.CASE),
    ContentType("agency.override_confirmation", AgencyOverrideConfirmation, EnvelopeClass.CASE),
    ContentType("agency.override_request", AgencyOverrideRequest, EnvelopeClass.CASE),
    ContentType("agency.proposal", AgencyProposal, EnvelopeClass.CASE),
    ContentType("agency.review", AgencyReview, EnvelopeClass.CASE),
    ContentType("agency.rota", AgencyRota, EnvelopeClass.CASE),
    ContentType("agency.shared", AgencyShared, EnvelopeClass.CASE),
    ContentType("agency.snapshot_approval", AgencySnapshotApproval, EnvelopeClass.CASE),
    ContentType("agency.snapshot_offer", AgencySnapshotOffer, EnvelopeClass.CASE),
    ContentType("agency.snapshot_part", AgencySnapshotPart, EnvelopeClass.CASE),
    ContentType("agency.standing", AgencyStanding, EnvelopeClass.CASE),
    ContentType("agreement.ended", AgreementEnded, EnvelopeClass.CASE),
    ContentType("agreement.shared", AgreementShared, EnvelopeClass.CASE),
    ContentType("alert.claimed", AlertClaimed, EnvelopeClass.FLASH),
    ContentType("alert.declined", AlertDeclined, EnvelopeClass.FLASH),
    ContentType("alert.handed_off", AlertHandedOff, EnvelopeClass.FLASH),
    ContentType("alert.minimal", AlertMinimal, EnvelopeClass.FLASH),
    ContentType("alert.released", AlertReleased, EnvelopeClass.FLASH),
    ContentType("alert.verify", AlertVerify, EnvelopeClass.CASE),
    ContentType("alert.verify_second", AlertVerifySecond, EnvelopeClass.CASE),
    ContentType("attachment.file", AttachmentFile, EnvelopeClass.CASE),
    ContentType("audience.list", AudienceList, EnvelopeClass.CASE),
    ContentType("barrier.update", BarrierUpdate, EnvelopeClass.CASE),
    ContentType("case.link", CaseLink, EnvelopeClass.CASE),
    ContentType("case.status", CaseStatus, EnvelopeClass.CASE),
    ContentType("case_review", CaseReview, EnvelopeClass.CASE),
    ContentType("clarification.request", ClarificationRequest, EnvelopeClass.CASE),
    ContentType("consent.amend", ConsentAmend, EnvelopeClass.CASE),
    ContentType("consent.grant", ConsentGrant, EnvelopeClass.CASE),
    ContentType("consent.lift", ConsentLift, EnvelopeClass.CASE),
    ContentType("consent.pause", ConsentPause, EnvelopeClass.CASE),
    ContentType("consent.preferences", ConsentPreferences, EnvelopeClass.CASE),
    ContentType("consent.resume", ConsentResume, EnvelopeClass.CASE),
    ContentType("consent.revoke", ConsentRevoke, EnvelopeClass.CASE),
    ContentType("consent.window", ConsentWindow, EnvelopeClass.CASE),
    ContentType("contact.log", ContactLog, EnvelopeClass.CASE),
    ContentType("crisis.activate", CrisisActivate, EnvelopeClass.CASE),
    ContentType("crisis.answer", CrisisAnswer, EnvelopeClass.CASE),
    ContentType("decision.log", DecisionLog, EnvelopeClass.CASE),
    ContentType("directory.contact", DirectoryContact, EnvelopeClass.CASE),
    ContentType("directory.profile", AgencyProfile, EnvelopeClass.CASE),
    ContentType("escalation", Escalation, EnvelopeClass.CASE),
    ContentType("event.closed", EventClosed, EnvelopeClass.CASE),
    ContentType("event.note", EventNote, EnvelopeClass.CASE),
    ContentType("huddle.checkin", HuddleCheckin, EnvelopeClass.CASE),
    ContentType("huddle.handover", HuddleHandover, EnvelopeClass.CASE),
    ContentType("huddle.left", HuddleLeft, EnvelopeClass.CASE),
    ContentType("huddle.members", HuddleMembers, EnvelopeClass.CASE),
    ContentType("huddle.message", HuddleMessage, EnvelopeClass.FLASH),
    ContentType("huddle.stopped", HuddleStopped, EnvelopeClass.CASE),
    ContentType("huddle.summary", HuddleSummary, EnvelopeClass.CASE),
    ContentType(LANE_GRANT, LaneGrant, EnvelopeClass.CASE),
    ContentType("lead.accepted", LeadAccept, EnvelopeClass.CASE),
    ContentType("lead.assign", LeadAssign, EnvelopeClass.CASE),
    ContentType("lead.confirmed", LeadConfirm, EnvelopeClass.CASE),
    ContentType("lead.declined", LeadDecline, EnvelopeClass.CASE),
    ContentType("lead.handover", LeadOffer, EnvelopeClass.CASE),
    ContentType("lead.withdrawn", LeadWithdraw, EnvelopeClass.CASE),
    ContentType("log.checkpoint", LogCheckpoint, EnvelopeClass.FLASH),
    ContentType("logistics", Logistics, EnvelopeClass.FLASH),
    ContentType("message.text", MessageText, EnvelopeClass.FLASH),
    ContentType("oncall.published", OnCallPublished, EnvelopeClass.CASE),
    ContentType("progress.note", ProgressNote, EnvelopeClass.CASE),
    ContentType("purge.attestation", PurgeAttestation, EnvelopeClass.CASE),
    ContentType("receipt.cover", ReceiptCover, EnvelopeClass.FLASH),
    ContentType("receipt.opened", ReceiptOpened, EnvelopeClass.FLASH),
    ContentType("receipt.stored", ReceiptStored, EnvelopeClass.FLASH),
    ContentType("referral.ack", ReferralAck, EnvelopeClass.CASE),
    ContentType("referral.cancel", ReferralCancel, EnvelopeClass.CASE),
    ContentType("referral.feedback", ReferralFeedback, EnvelopeClass.CASE),
    ContentType("referral.outcome", ReferralOutcome, EnvelopeClass.CASE),
    ContentType("referral.packet", ReferralPacket, EnvelopeClass.CASE),
    ContentType("referral.reopen", ReferralReopen, EnvelopeClass.CASE),
    ContentType("relocation.options", RelocationOptions, EnvelopeClass.CASE),
    ContentType("respondent.event", RespondentEvent, EnvelopeClass.CASE),
    ContentType("rollback.order", RollbackOrder, EnvelopeClass.CASE),
    ContentType("service.uptake", ServiceUptake, EnvelopeClass.CASE),
    ContentType("status.indicator", StatusIndicator, EnvelopeClass.CASE),
    ContentType("system_problem", SystemProblem, EnvelopeClass.CASE),
    ContentType("template.instance", TemplateBand, EnvelopeClass.CASE),
    ContentType("triage.route", TriageRoute, EnvelopeClass.CASE),
    ContentType("urgent_action", UrgentAction, EnvelopeClass.CASE),
)

CONTENT_TYPES: Final[Mapping[str, ContentType]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every content type, by its name."""


def find_class(content: ContentModel) -> EnvelopeClass:
    """Say which class of envelope a content travels in.

    Raises:
        UnknownCodeError: The type is not registered.
    """
    return _find_row(content.type).envelope_class


def encode_content(content: ContentModel) -> bytes:
    """Write a content as the bytes that stand in a core.

    Raises:
        UnknownCodeError: The type is not registered.
        TooLongError: It does not fit into its class.
    """
    room = find_class(content).content_room
    raw = content.to_canonical()
    if len(raw) > room:
        raise TooLongError("object", room)
    return raw


def parse_content(raw: bytes, envelope_class: EnvelopeClass) -> ContentModel:
    """Read the content of an opened and verified core.

    Args:
        raw: The bytes after the core's fixed fields.
        envelope_class: The class in the header.

    Raises:
        JsonError: Not canonical JSON, or too long for its class.
        UnsupportedDictionaryError: It was said with another dictionary: of another major number, or
            of a later version in which something is not known here.
        UnknownCodeError: An unknown type, or an unknown code in a field.
        ContentError: The class is not the type's, or a field is missing, unknown or wrong.
    """
    found = decode_canonical(raw, max_bytes=envelope_class.content_room)
    try:
        return _read_content(raw, found, envelope_class)
    except ContentError:
        if _is_of_another_dictionary(found.get("dictionary_version")):
            raise UnsupportedDictionaryError from None
        raise


def read_kept_content(raw: bytes, envelope_class: EnvelopeClass) -> ContentModel:
    """Read a content that `parse_content` has read once, or `encode_content` has written.

    Its bytes were kept sealed since, so their form is not looked at again; each field is.

    Args:
        raw: Canonical JSON.
        envelope_class: The class that it travelled in.

    Raises:
        JsonError, UnknownCodeError, ContentError: It was never either.
    """
    found = decode_kept(raw, max_bytes=envelope_class.content_room)
    return _find_row(found.get("type")).model.from_kept(raw)


def _is_of_another_dictionary(version: object) -> bool:
    try:
        found = SemVer.from_text(version if isinstance(version, str) else "")
    except ContentError:
        return False
    known = SemVer.from_text(DICTIONARY_VERSION)
    return found.major != known.major or found > known


def _read_content(raw: bytes, found: JsonObject, envelope_class: EnvelopeClass) -> ContentModel:
    row = _find_row(found.get("type"))
    if row.envelope_class is not envelope_class:
        raise ContentError("type", "travels in the other class of envelope")
    return row.model.from_canonical(raw, max_bytes=envelope_class.content_room)


def _find_row(name: object) -> ContentType:
    row = CONTENT_TYPES.get(name) if isinstance(name, str) else None
    if row is None:
        raise UnknownCodeError("content_types", "type")
    return row
