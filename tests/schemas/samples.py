"""Real objects for the tests of what is said: of each content type the smallest and the largest."""

import random
from collections.abc import Callable
from typing import Final

from tests.schemas.alert_samples import make_largest_of_alerts, make_smallest_of_alerts
from tests.schemas.case_samples import make_largest_of_cases, make_smallest_of_cases
from tests.schemas.crisis_samples import make_largest_of_crises, make_smallest_of_crises
from tests.schemas.debrief_samples import make_largest_debriefs, make_smallest_debriefs
from tests.schemas.oncall_samples import make_largest_on_call, make_smallest_on_call

from quietway_schemas.canonical import LARGEST_INTEGER
from quietway_schemas.checkpoints import format_note, format_text
from quietway_schemas.codebook.lists import codes
from quietway_schemas.content.access import MOST_ACCESSED, MOST_RULES, AccessEvent
from quietway_schemas.content.agency import (
    MOST_OFFER_BYTES,
    MOST_PARTS,
    MOST_REQUEST_BYTES,
    MOST_ROW_BYTES,
    MOST_ROWS,
    PART_BYTES,
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
    SharedRow,
)
from quietway_schemas.content.attachment import LARGEST_FILE, LARGEST_PADDED, AttachmentFile
from quietway_schemas.content.audience import MOST_AUDIENCE, AudienceList
from quietway_schemas.content.base import MOST_SEEN, ContentModel
from quietway_schemas.content.lane import LaneGrant
from quietway_schemas.content.log import MOST_NOTE_BYTES, MOST_PATH, LogCheckpoint
from quietway_schemas.content.message import MOST_GROUNDED_TEXT_BYTES, PLACE_BYTES, MessageText
from quietway_schemas.content.receipt import (
    MOST_RECEIPTS,
    ReceiptCover,
    ReceiptOpened,
    ReceiptStored,
)
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
from quietway_schemas.directory import (
    MAX_CERTIFICATE_BYTES,
    Approval,
    Certificate,
    CertifiedDevice,
    Departed,
    EpochBatch,
    EpochKeys,
    Manifest,
    OpsKey,
    OpsList,
    SignedObject,
)
from quietway_schemas.ids import AgencyId, CaseRef, DeviceId, MailboxId, MessageId, ReferralRef
from quietway_schemas.instants import DAY, LATEST_INSTANT
from quietway_schemas.linking import LinkOffer, LinkRequest

NOW: Final = 1_795_377_600_000
_SEEDED: Final = random.Random(20_261_122)
ANSWERS: Final[tuple[tuple[type[ReferralAnswer], str], ...]] = (
    (ReferralAck, "accepted"),
    (ReferralOutcome, "accepted"),
    (ReferralFeedback, "completed"),
    (ReferralReopen, "sent"),
)


def draw(count: int = 16) -> bytes:
    return _SEEDED.randbytes(count)


def longest(list_name: str) -> str:
    return max(codes(list_name), key=len)


def make_referring(**changes: object) -> Referring:
    fields: dict[str, object] = {
        "agency": "HARBOR",
        "program": "HARBOR-SHELTER",
        "staff": "On-call advocate",
        "contact": "By secure message",
        "at": NOW,
    }
    return Referring.model_validate({**fields, **changes})


def make_packet(**changes: object) -> ReferralPacket:
    receiving = Receiving(
        program="CITY-HOSPITAL",
        preferred_channel="secure_message",
        eligibility_note="Adults, with or without children.",
    )
    fields: dict[str, object] = {
        "referral_ref": ReferralRef(draw()),
        "referring": make_referring(),
        "receiving": receiving,
        "service_type": "forensic_exam",
        "purpose_code": "medical_care",
        "purpose_text": "An examination this week.",
        "info_basis": "client_interview",
        "time_sensitivity": "priority",
        "pathway": "warm_linkage",
        "referred_by": "law_enforcement",
        "survivor_choice": "agreed",
        "identity_mode": "none",
        "feedback_due": NOW + 3 * DAY,
    }
    return ReferralPacket.model_validate({**fields, **changes})


def make_status(**changes: object) -> StatusIndicator:
    fields: dict[str, object] = {
        "code": "safety_plan_active",
        "state": "active",
        "effective": NOW,
        "expires": NOW + 14 * DAY,
        "confidence": "confirmed",
    }
    return StatusIndicator.model_validate({**fields, **changes})


def make_outcome(**changes: object) -> ReferralOutcome:
    fields: dict[str, object] = {
        "referral_ref": ReferralRef(draw()),
        "state": "accepted",
        "at": NOW,
    }
    return ReferralOutcome.model_validate({**fields, **changes})


def make_smallest() -> list[ContentModel]:
    """One of every registered type, with nothing that could be left out."""
    ref = ReferralRef(draw())
    return [
        make_access(),
        AgencyLeaving(),
        AgencyOverrideConfirmation(digest=draw(32)),
        make_override_request(),
        AgencyProposal(certificate=b"{}", approvals=(make_approval(),)),
        AgencyReview(device=DeviceId(draw()), issued=LATEST_INSTANT),
        AgencyShared(rows=(SharedRow(kind="invited", key=draw(), value=b"{}", at=NOW),)),
        AgencySnapshotApproval(snapshot_id=draw(), digest=draw(32), approval=make_approval()),
        AgencySnapshotOffer(
            snapshot_id=draw(),
            to=DeviceId(draw()),
            digest=draw(32),
            parts=1,
            statuses=0,
            referrals=0,
        ),
        AgencySnapshotPart(snapshot_id=draw(), number=0, piece=b"["),
        AgencyStanding(partner=AgencyId(draw()), stance="paused", nonce=draw()),
        make_attachment(),
        AudienceList(devices=(DeviceId(draw()),)),
        LogCheckpoint(note="."),
        MessageText(text="."),
        ReceiptOpened(message_ids=(MessageId(draw()),)),
        LaneGrant(lane=draw(32), since=1),
        ReceiptStored(message_ids=(MessageId(draw()),)),
        *(
            kind.model_validate({"referral_ref": ref, "state": state, "at": NOW})
            for kind, state in ANSWERS
        ),
        ReferralCancel(
            referral_ref=ref,
            state="cancelled",
            at=NOW,
            reason_code="duplicate",
            reason_side="system",
        ),
        make_packet(),
        make_status(),
        *make_smallest_of_alerts(),
        *make_smallest_of_cases(),
        *make_smallest_debriefs(),
        *make_smallest_of_crises(),
        *make_smallest_on_call(),
    ]


def make_largest(letter: str, written_bytes: int) -> list[ContentModel]:
    """One of every registered type with every field set, and every text and list at its cap.

    Args:
        letter: What the texts are filled with.
        written_bytes: The bytes that the letter takes in canonical JSON.
    """

    def fill(most_bytes: int, most_characters: int = 10_000) -> str:
        return letter * min(most_bytes // written_bytes, most_characters)

    return [
        make_access(
            MOST_ACCESSED,
            action="override",
            number=LARGEST_INTEGER,
            exercise=True,
            purpose=longest("purpose_of_use"),
            rules=make_rules(),
            guard_reason=longest("guard_reason"),
            second=DeviceId(draw()),
        ),
        *_make_largest_within(),
        make_attachment(
            **_full_header(),
            length=LARGEST_FILE,
            padded_length=LARGEST_PADDED,
            media_type=f"{'a' * 39}/{'b' * 79}",
            name=("\U0001f600" if written_bytes == 4 else "م") * (120 // max(written_bytes, 2)),
            expires=LATEST_INSTANT,
        ),
        AudienceList(
            exercise=True, devices=tuple(sorted(DeviceId(draw()) for _ in range(MOST_AUDIENCE)))
        ),
        LogCheckpoint(
            exercise=True,
            note=fill(MOST_NOTE_BYTES),
            old_size=LARGEST_INTEGER,
            path=tuple(draw(32) for _ in range(MOST_PATH)),
        ),
        MessageText.model_validate(
            {
                **_full_header(),
                "identifiability": "identifying",
                "text": fill(MOST_GROUNDED_TEXT_BYTES),
                "in_reply_to": draw(32),
                "in_reply_place": draw(PLACE_BYTES),
            }
        ),
        ReceiptCover(exercise=True),
        LaneGrant(exercise=True, lane=b"\xff" * 32, since=LATEST_INSTANT),
        ReceiptOpened.model_validate(_full_receipt()),
        ReceiptStored.model_validate(_full_receipt()),
        *(kind.model_validate({**_full_answer(), "state": state}) for kind, state in ANSWERS),
        ReferralCancel.model_validate({**_full_answer(), "state": "cancel_requested"}),
        _make_full_packet(fill(120), fill(240), fill(560), fill(1_120, 280)),
        make_status(
            **_full_header(),
            code=longest("status_indicator"),
            state=longest("status_state"),
            effective=LATEST_INSTANT - DAY,
            expires=LATEST_INSTANT,
            confidence="confirmed",
            supersedes=draw_seen(),
        ),
        *make_largest_of_alerts(_full_header()),
        *make_largest_of_cases(_full_header(), draw_seen(), _fill_caps(fill)),
        *make_largest_debriefs(_full_header(), draw_seen(), _fill_caps(fill)),
        *make_largest_of_crises(_full_header(), _fill_caps(fill)),
        *make_largest_on_call(),
    ]


def _fill_caps(fill: Callable[[int, int], str]) -> dict[int, str]:
    caps = {120: 120, 240: 60, 280: 280, 560: 560, 1_120: 280}
    return {most: fill(most, characters) for most, characters in caps.items()}


def draw_seen() -> tuple[bytes, ...]:
    """The names of as many versions as one may name."""
    return tuple(sorted(draw(32) for _ in range(MOST_SEEN)))


def make_attachment(**changes: object) -> AttachmentFile:
    fields: dict[str, object] = {
        "blob_id": draw(),
        "padded_length": 65_536,
        "length": 1,
        "sha256": draw(32),
        "commitment": draw(32),
        "header": draw(24),
        "key": draw(32),
        "opening": draw(32),
        "media_type": "text/plain",
        "name": "notes.txt",
        "expires": NOW,
    }
    return AttachmentFile.model_validate({**fields, **changes})


def make_rules() -> tuple[str, ...]:
    names = (chr(ord("a") + number) for number in range(MOST_RULES))
    return tuple(f"{name * 24}.{name * 40}" for name in names)


def make_access(messages: int = 1, **changes: object) -> AccessEvent:
    fields: dict[str, object] = {
        "action": "open",
        "at": LATEST_INSTANT,
        "number": 0,
        "message_ids": tuple(sorted(MessageId(draw()) for _ in range(messages))),
        "core_hashes": tuple(draw(32) for _ in range(messages)),
    }
    return AccessEvent.model_validate({**fields, **changes})


def make_override_request(**changes: object) -> AgencyOverrideRequest:
    fields: dict[str, object] = {
        "digest": draw(32),
        "kind": "message.text",
        "rules": ("vehicle.plate",),
        "reason_code": "rule_mistaken",
    }
    return AgencyOverrideRequest.model_validate({**fields, **changes})


def make_approval() -> Approval:
    return Approval(key=draw(32), signature=draw(64))


_LOG_NAME: Final = f"quietway.log/{'a' * 26}"
LONGEST_NOTE: Final = format_note(
    _LOG_NAME,
    format_text(_LOG_NAME, LARGEST_INTEGER, draw(32)),
    key_id=draw(4),
    signature=draw(64),
)
"""A checkpoint's note at its longest; nobody has signed it."""


def make_link() -> tuple[LinkRequest, LinkOffer]:
    """A request and an offer at their longest."""
    request = LinkRequest(
        agency_owned=False,
        device_id=DeviceId(draw()),
        identity_key=draw(32),
        listen_key=draw(32),
        mailbox=MailboxId(draw()),
        nonce=draw(),
        suites=(1, 2),
    )
    offer = LinkOffer(
        agency_code="A" * 16,
        agency_id=AgencyId(draw()),
        log=draw(136),
        nonce=draw(),
        program=f"{'A' * 16}-{'B' * 24}",
        relay=f"https://{'r' * 192}",
        roles=tuple(sorted(codes("role"))),
        root_key=draw(32),
    )
    return request, offer


def _make_largest_within() -> list[ContentModel]:
    request, offer = (held.to_canonical() for held in make_link())
    approvals = sorted((make_approval() for _ in range(9)), key=lambda held: held.key)
    share = MOST_ROW_BYTES // MOST_ROWS - 64
    rows = [
        SharedRow(kind="agency_secret", key=draw(64), value=draw(share), at=LATEST_INSTANT)
        for _ in range(MOST_ROWS)
    ]
    return [
        AgencyLeaving(exercise=True),
        AgencyOverrideConfirmation(exercise=True, digest=draw(32)),
        make_override_request(
            exercise=True,
            kind="a" * 24 + "." + "a" * 24,
            rules=make_rules(),
            reason_code=longest("guard_reason"),
        ),
        AgencyProposal(
            exercise=True,
            certificate=draw(MAX_CERTIFICATE_BYTES),
            approvals=tuple(approvals),
            request=request + b" " * (MOST_REQUEST_BYTES - len(request)),
            offer=offer + b" " * (MOST_OFFER_BYTES - len(offer)),
        ),
        AgencyReview(exercise=True, device=DeviceId(draw()), issued=LATEST_INSTANT),
        AgencyShared(exercise=True, rows=tuple(rows)),
        AgencySnapshotApproval(
            exercise=True, snapshot_id=draw(), digest=draw(32), approval=make_approval()
        ),
        AgencySnapshotOffer(
            exercise=True,
            snapshot_id=draw(),
            to=DeviceId(draw()),
            digest=draw(32),
            parts=MOST_PARTS,
            statuses=LARGEST_INTEGER,
            referrals=LARGEST_INTEGER,
        ),
        AgencySnapshotPart(
            exercise=True, snapshot_id=draw(), number=MOST_PARTS - 1, piece=draw(PART_BYTES)
        ),
        AgencyStanding(
            exercise=True,
            partner=AgencyId(draw()),
            stance="granted",
            nonce=draw(),
            supersedes=draw_seen(),
            scopes=tuple(sorted(codes("consent_scope"))),
            reason_code=longest("reason"),
        ),
    ]


def _full_header() -> dict[str, object]:
    return {
        "exercise": True,
        "case_ref": CaseRef(draw()),
        "purpose_of_use": longest("purpose_of_use"),
        "disclosure_basis": "statutory_mandate",
        "identifiability": "none",
        "handling": ("no_redisclosure",),
        "agreement_id": draw(),
        "consent_id": draw(),
        "retain_days": 3_650,
        "compartment": longest("compartment"),
        "circumstance": longest("circumstance"),
    }


def _full_episode() -> Episode:
    days = {"intake": 1, "referral": 2, "service_start": 3, "closure": 4}
    return Episode.model_validate_json(
        "{" + ",".join(f'"{name}":"2026-11-0{day}"' for name, day in days.items()) + "}"
    )


def _full_answer() -> dict[str, object]:
    return {
        **_full_header(),
        "referral_ref": ReferralRef(draw()),
        "at": LATEST_INSTANT,
        "reason_code": "additional_assessment_required",
        "reason_side": "provider",
        "next_steps": longest("next_steps"),
        "filler_ref": ReferralRef(draw()),
        "episode": _full_episode(),
    }


def _full_receipt() -> dict[str, object]:
    return {
        "exercise": True,
        "message_ids": tuple(sorted(MessageId(draw()) for _ in range(MOST_RECEIPTS))),
        "core_hashes": tuple(draw(32) for _ in range(MOST_RECEIPTS)),
    }


def _make_full_packet(staff: str, contact: str, note: str, purpose: str) -> ReferralPacket:
    agency = "A" * 16
    program = f"{agency}-{'B' * 24}"
    return make_packet(
        **_full_header(),
        referring=make_referring(
            agency=agency, program=program, staff=staff, contact=contact, at=LATEST_INSTANT - 1
        ),
        receiving=Receiving(
            program=program, preferred_channel=longest("channel_tier"), eligibility_note=note
        ),
        service_type=longest("service_type"),
        purpose_code=longest("purpose_code"),
        purpose_text=purpose,
        info_basis=longest("info_basis"),
        time_sensitivity=longest("time_sensitivity"),
        pathway="warm_linkage",
        referred_by=longest("referred_by"),
        survivor_choice=longest("survivor_choice"),
        identity_mode="vsp_contact",
        feedback_due=LATEST_INSTANT,
        entry_point=longest("entry_point"),
        stated_goal=longest("stated_goal"),
        vsp_contact=VspContact(staff=staff, contact=contact),
        episode=_full_episode(),
        client_present=longest("client_present"),
        joint_call=LATEST_INSTANT,
    )


AGENCY = AgencyId(draw())


def make_ops_list(agency_code: str = "HARBOR", **changes: object) -> OpsList:
    fields: dict[str, object] = {
        "agency_id": AGENCY,
        "agency_code": agency_code,
        "root_key": draw(32),
        "version": 1,
        "issued": NOW,
        "approvals": 1,
        "ops": (OpsKey(key=draw(32), expires=NOW + 400 * DAY),),
    }
    return OpsList.model_validate({**fields, **changes})


def make_certificate(agency_code: str = "HARBOR", **changes: object) -> Certificate:
    fields: dict[str, object] = {
        "agency_id": AGENCY,
        "device_id": DeviceId(draw()),
        "identity_key": draw(32),
        "listen_key": draw(32),
        "mailbox": MailboxId(draw()),
        "relay": "https://relay.example.org",
        "program": f"{agency_code}-SHELTER",
        "roles": ("frontline_advocate",),
        "suites": (1, 2),
        "agency_owned": True,
        "issued": NOW,
    }
    return Certificate.model_validate({**fields, **changes})


def certify(certificate: Certificate, approvals: int = 1) -> CertifiedDevice:
    """Put approvals under a certificate that nobody made: the form is all that matters here."""
    return CertifiedDevice(
        certificate=certificate.to_canonical(),
        approvals=tuple(
            Approval(key=key, signature=draw(64))
            for key in sorted(draw(32) for _ in range(approvals))
        ),
    )


def make_departed(**changes: object) -> Departed:
    fields: dict[str, object] = {
        "device_id": DeviceId(draw()),
        "identity_key": draw(32),
        "at": NOW,
        "how": "retired",
    }
    return Departed.model_validate({**fields, **changes})


def make_manifest(agency_code: str = "HARBOR", **changes: object) -> Manifest:
    agency = changes.get("agency_id", AGENCY)
    ops = make_ops_list(agency_code, agency_id=agency)
    fields: dict[str, object] = {
        "agency_id": agency,
        "version": 1,
        "prev_hash": bytes(32),
        "issued": NOW,
        "expires": NOW + 90 * DAY,
        "ops_list": SignedObject(payload=ops.to_canonical(), signature=draw(64)),
        "signed_by": ops.ops[0].key,
        "departed": (),
    }
    if "devices" not in changes:
        fields["devices"] = (certify(make_certificate(agency_code, agency_id=agency)),)
    return Manifest.model_validate({**fields, **changes})


def make_batch(**changes: object) -> EpochBatch:
    day = NOW // DAY
    fields: dict[str, object] = {
        "agency_id": AgencyId(draw()),
        "device_id": DeviceId(draw()),
        "manifest_version": 1,
        "manifest_hash": draw(32),
        "issued": NOW,
        "epochs": tuple(
            EpochKeys(class_="flash", epoch=day + ahead, keys={"1": draw(32), "2": draw(1_216)})
            for ahead in range(8)
        ),
    }
    return EpochBatch.model_validate({**fields, **changes})
