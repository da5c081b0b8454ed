"""Contents of every type, as different from one another as their types allow.

Texts run from one letter to the cap, in scripts of one to four bytes a letter, so that their sizes
do spread: rows about lengths would prove nothing over texts that are alike.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Final

from tests.gallery.parties import NOW
from tests.schemas.samples import make_largest, make_smallest

from quietway_schemas.codebook.lists import codes, entries
from quietway_schemas.content.access import MOST_ACCESSED, AccessEvent
from quietway_schemas.content.agency import (
    MOST_OFFER_BYTES,
    MOST_PARTS,
    MOST_REQUEST_BYTES,
    MOST_ROWS,
    PART_BYTES,
    AgencyLeaving,
    AgencyProposal,
    AgencyReview,
    AgencyShared,
    AgencySnapshotApproval,
    AgencySnapshotOffer,
    AgencySnapshotPart,
    AgencyStanding,
    SharedRow,
)
from quietway_schemas.content.attachment import AttachmentFile
from quietway_schemas.content.audience import MOST_AUDIENCE, AudienceList
from quietway_schemas.content.lane import LaneGrant
from quietway_schemas.content.log import MOST_NOTE_BYTES, MOST_PATH, LogCheckpoint
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.receipt import (
    MOST_RECEIPTS,
    ReceiptCover,
    ReceiptOpened,
    ReceiptStored,
)
from quietway_schemas.content.referral import (
    Receiving,
    ReferralAck,
    ReferralCancel,
    ReferralFeedback,
    ReferralOutcome,
    ReferralPacket,
    ReferralReopen,
    Referring,
    VspContact,
)
from quietway_schemas.content.referral_states import STATES_OF_TYPE, STATES_WITH_REASON
from quietway_schemas.content.registry import CONTENT_TYPES
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.directory import MAX_CERTIFICATE_BYTES, MOST_APPROVALS, Approval
from quietway_schemas.ids import AgencyId, CaseRef, DeviceId, MessageId, ReferralRef
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.content.receipt import Receipt
    from quietway_schemas.content.referral import ReferralAnswer

_SCRIPTS: Final = ("e", "ß", "я", "語", "😀", '"', "\n", "word ")


def write_text(chance: random.Random, most_bytes: int, most_characters: int = 0) -> str:
    """Write a text in one script, from one letter up to its caps (as written in JSON)."""
    letter = chance.choice(_SCRIPTS)
    width = len(letter.encode()) + sum(letter.count(escaped) for escaped in '"\\\n')
    most = (most_bytes - 1) // width
    if most_characters:
        most = min(most, (most_characters - 1) // len(letter))
    return "a" + letter * chance.randint(0, most)


def _code(chance: random.Random, name: str) -> str:
    return chance.choice(sorted(codes(name)))


def _ids(chance: random.Random, most: int) -> list[bytes]:
    return sorted({chance.randbytes(16) for _ in range(chance.randint(1, most))})


def _attachment(chance: random.Random) -> ContentModel:
    return AttachmentFile(
        blob_id=chance.randbytes(16),
        padded_length=chance.randint(65_536, 2**26),
        length=chance.randint(0, 65_528),
        sha256=chance.randbytes(32),
        commitment=chance.randbytes(32),
        header=chance.randbytes(24),
        key=chance.randbytes(32),
        opening=chance.randbytes(32),
        media_type=chance.choice(("application/pdf", "image/jpeg", "text/plain")),
        name="a" * chance.randint(1, 120),
        expires=NOW,
    )


def _access(chance: random.Random) -> AccessEvent:
    ids = _ids(chance, MOST_ACCESSED)
    return AccessEvent(
        action=chance.choice(("open", "export", "print", "forward_attempt")),
        at=NOW,
        number=chance.randrange(10**9),
        message_ids=tuple(MessageId(one) for one in ids),
        core_hashes=tuple(chance.randbytes(32) for _ in ids),
    )


def _audience(chance: random.Random) -> ContentModel:
    return AudienceList(devices=tuple(DeviceId(raw) for raw in _ids(chance, MOST_AUDIENCE)))


def _message(chance: random.Random) -> ContentModel:
    reply = chance.randbytes(32) if chance.random() < 0.5 else None
    place = None if reply is None else chance.randbytes(44)
    return MessageText(text=write_text(chance, 700), in_reply_to=reply, in_reply_place=place)


def _receipt(chance: random.Random, type_: type[Receipt]) -> ContentModel:
    ids = tuple(MessageId(raw) for raw in _ids(chance, MOST_RECEIPTS))
    hashes = tuple(chance.randbytes(32) for _ in ids) if chance.random() < 0.5 else None
    return type_.model_validate({"message_ids": ids, "core_hashes": hashes})


def _status(chance: random.Random) -> ContentModel:
    return StatusIndicator(
        code=_code(chance, "status_indicator"),
        state=_code(chance, "status_state"),
        effective=NOW,
        expires=NOW + chance.randint(1, 30) * DAY,
        confidence=_code(chance, "status_confidence"),
        case_ref=CaseRef(chance.randbytes(16)) if chance.random() < 0.5 else None,
    )


def _packet(chance: random.Random) -> ContentModel:
    contact = VspContact(staff=write_text(chance, 120), contact=write_text(chance, 240))
    by_contact = chance.random() < 0.5
    return ReferralPacket(
        referral_ref=ReferralRef(chance.randbytes(16)),
        referring=Referring(
            agency="HARBOR",
            program="HARBOR-SHELTER",
            staff=write_text(chance, 120),
            contact=write_text(chance, 240),
            at=NOW,
        ),
        receiving=Receiving(
            program="MERCY-SOCIALWORK",
            preferred_channel=_code(chance, "channel_tier"),
            eligibility_note=write_text(chance, 560),
        ),
        service_type=_code(chance, "service_type"),
        purpose_code=_code(chance, "purpose_code"),
        purpose_text=write_text(chance, 1_120, 280),
        info_basis=_code(chance, "info_basis"),
        time_sensitivity=_code(chance, "time_sensitivity"),
        pathway="direct_handoff",
        referred_by=_code(chance, "referred_by"),
        survivor_choice=_code(chance, "survivor_choice"),
        identity_mode="vsp_contact" if by_contact else "none",
        vsp_contact=contact if by_contact else None,
        feedback_due=NOW + chance.randint(1, 5) * DAY,
    )


def _answer(chance: random.Random, type_: type[ReferralAnswer]) -> ContentModel:
    name = type_.model_fields["type"].default
    state = chance.choice(sorted(STATES_OF_TYPE[name]))
    reason = None
    if state in STATES_WITH_REASON or chance.random() < 0.3:
        reason = _code(chance, "reason")
    return type_.model_validate(
        {
            "referral_ref": ReferralRef(chance.randbytes(16)),
            "state": state,
            "at": NOW,
            "reason_code": reason,
            "reason_side": None if reason is None else entries("reason")[reason].side,
            "next_steps": _code(chance, "next_steps") if chance.random() < 0.5 else None,
        }
    )


def _approval(chance: random.Random) -> Approval:
    return Approval(key=chance.randbytes(32), signature=chance.randbytes(64))


def _proposal(chance: random.Random) -> ContentModel:
    approvals = [_approval(chance) for _ in range(chance.randint(1, MOST_APPROVALS))]
    linked = chance.random() < 0.5
    return AgencyProposal(
        certificate=chance.randbytes(chance.randint(400, MAX_CERTIFICATE_BYTES)),
        approvals=tuple(sorted(approvals, key=lambda held: held.key)),
        request=chance.randbytes(MOST_REQUEST_BYTES) if linked else None,
        offer=chance.randbytes(MOST_OFFER_BYTES) if linked else None,
    )


def _shared(chance: random.Random) -> ContentModel:
    rows = [
        SharedRow(
            kind="case_alias",
            key=chance.randbytes(32),
            value=chance.randbytes(chance.randint(1, 300)),
            at=NOW,
        )
        for _ in range(chance.randint(1, MOST_ROWS))
    ]
    return AgencyShared(rows=tuple(rows))


def _snapshot_offer(chance: random.Random) -> ContentModel:
    return AgencySnapshotOffer(
        snapshot_id=chance.randbytes(16),
        to=DeviceId(chance.randbytes(16)),
        digest=chance.randbytes(32),
        parts=chance.randint(1, MOST_PARTS),
        statuses=chance.randint(0, 1_000),
        referrals=chance.randint(0, 1_000),
    )


def _snapshot_approval(chance: random.Random) -> ContentModel:
    return AgencySnapshotApproval(
        snapshot_id=chance.randbytes(16), digest=chance.randbytes(32), approval=_approval(chance)
    )


def _snapshot_part(chance: random.Random) -> ContentModel:
    return AgencySnapshotPart(
        snapshot_id=chance.randbytes(16),
        number=chance.randrange(MOST_PARTS),
        piece=chance.randbytes(chance.randint(1, PART_BYTES)),
    )


def _log_checkpoint(chance: random.Random) -> ContentModel:
    path = tuple(chance.randbytes(32) for _ in range(chance.randint(1, MOST_PATH)))
    return LogCheckpoint(
        note="n" * chance.randint(1, MOST_NOTE_BYTES),
        old_size=chance.randint(1, NOW),
        path=path if chance.random() < 0.5 else None,
    )


def _review(chance: random.Random) -> ContentModel:
    return AgencyReview(device=DeviceId(chance.randbytes(16)), issued=chance.randrange(NOW))


def _standing(chance: random.Random) -> ContentModel:
    return AgencyStanding(
        partner=AgencyId(chance.randbytes(16)),
        stance=chance.choice(["granted", "paused", "ended"]),
        nonce=chance.randbytes(16),
        supersedes=tuple(sorted(chance.randbytes(32) for _ in range(chance.randrange(17)))),
    )


@cache
def _draw_extremes() -> Mapping[str, tuple[ContentModel, ...]]:
    """Give what the dictionary's tests make of each type: at its smallest, and at every cap."""
    made: dict[str, tuple[ContentModel, ...]] = {}
    for content in (*make_smallest(), *make_largest("a", 1), *make_largest("م", 2)):
        made[content.type] = (*made.get(content.type, ()), content)
    return made


def _extreme(name: str, chance: random.Random) -> ContentModel:
    return chance.choice(_draw_extremes()[name])


MAKERS: Final[Mapping[str, Callable[[random.Random], ContentModel]]] = {
    **{name: partial(_extreme, name) for name in CONTENT_TYPES},
    "access.event": _access,
    "agency.leaving": lambda _: AgencyLeaving(),
    "agency.proposal": _proposal,
    "agency.review": _review,
    "agency.shared": _shared,
    "agency.snapshot_approval": _snapshot_approval,
    "agency.snapshot_offer": _snapshot_offer,
    "agency.snapshot_part": _snapshot_part,
    "agency.standing": _standing,
    "attachment.file": _attachment,
    "audience.list": _audience,
    "log.checkpoint": _log_checkpoint,
    "lane.grant": lambda chance: LaneGrant(lane=chance.randbytes(32), since=chance.randrange(NOW)),
    "message.text": _message,
    "receipt.cover": lambda _chance: ReceiptCover(),
    "receipt.opened": lambda chance: _receipt(chance, ReceiptOpened),
    "receipt.stored": lambda chance: _receipt(chance, ReceiptStored),
    "referral.ack": lambda chance: _answer(chance, ReferralAck),
    "referral.cancel": lambda chance: _answer(chance, ReferralCancel),
    "referral.feedback": lambda chance: _answer(chance, ReferralFeedback),
    "referral.outcome": lambda chance: _answer(chance, ReferralOutcome),
    "referral.packet": _packet,
    "referral.reopen": lambda chance: _answer(chance, ReferralReopen),
    "status.indicator": _status,
}
"""One maker for each content type of the registry; those without one of their own are extremes."""
