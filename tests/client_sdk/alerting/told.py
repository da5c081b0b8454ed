"""Messages about alerts, as a store holds them, for the tests of folds."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from quietway.records import StoredMessage
from quietway_schemas.content.alert import (
    AlertClaimed,
    AlertDeclined,
    AlertHandedOff,
    AlertMinimal,
    AlertReleased,
    AlertVerify,
    AlertVerifySecond,
)
from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, DeviceId, MessageId

if TYPE_CHECKING:
    from quietway.events import SenderStanding
    from quietway_schemas.content.base import ContentModel

RAISER, LEAD, OTHER = (AgencyId(bytes([number]) * 16) for number in (1, 2, 3))
SENDER, FIRST, SECOND, THIRD = (DeviceId(bytes([number]) * 16) for number in (16, 17, 18, 19))
ALERT: Final = b"a" * 16
CASE: Final = CaseRef(b"k" * 16)
START: Final = 1_795_428_000_000
TIERS: Final = (0, 300, 600, 900)


def say(
    content: ContentModel,
    *,
    by: DeviceId,
    at: int,
    agency: AgencyId = LEAD,
    seen_by: DeviceId = SENDER,
    came: int = 0,
    standing: SenderStanding = "current",
) -> StoredMessage:
    """Give a message as `seen_by` holds it; each has a name of its own."""
    key = hashlib.sha256(by.value + content.to_canonical()).digest()[:16]
    own = by == seen_by
    return StoredMessage(
        position=0,
        key=key,
        received=not own,
        message_id=MessageId(key),
        conversation=ConversationId(b"c" * 16),
        agency=agency,
        program="" if own else "MERCY-ONCALL",
        to=(LEAD,) if own else (),
        said_at=START + at,
        content=content,
        core_hash=key * 2,
        device=None if own else by,
        sender_standing=standing,
        received_at=0 if own else START + (came or at),
    )


def raised(
    *,
    number: int = 0,
    at: int = 0,
    by: DeviceId = SENDER,
    agency: AgencyId = RAISER,
    **more: object,
) -> StoredMessage:
    exercise = bool(more.pop("exercise", False))
    content = AlertMinimal(
        alert_id=ALERT,
        ladder_id=bytes([number]) * 16,
        case_ref=CASE,
        code="needs_lead_now",
        urgency="urgent",
        raised_at=START,
        tiers=TIERS,
        round=number,
        raised_by=RAISER if number else None,
        raised_on=SENDER if number else None,
        exercise=exercise,
    )
    return say(content, by=by, at=at, agency=agency, **more)  # type: ignore[arg-type]  # passed on


def claimed(by: DeviceId, at: int, *, number: int = 0, **more: object) -> StoredMessage:
    exercise = bool(more.pop("exercise", False))
    content = AlertClaimed(alert_id=ALERT, at=START + at, round=number, exercise=exercise)
    return say(content, by=by, at=at, **more)  # type: ignore[arg-type]  # passed on


def declined(by: DeviceId, at: int) -> StoredMessage:
    content = AlertDeclined(alert_id=ALERT, at=START + at, reason_code="not_able_now")
    return say(content, by=by, at=at)


def released(by: DeviceId, at: int, *, number: int = 0, **more: object) -> StoredMessage:
    content = AlertReleased(alert_id=ALERT, at=START + at, round=number, reason_code="shift_ended")
    return say(content, by=by, at=at, **more)  # type: ignore[arg-type]  # passed on


def handed(by: DeviceId, at: int, to: DeviceId) -> StoredMessage:
    content = AlertHandedOff(
        alert_id=ALERT, at=START + at, reason_code="better_placed", to_device=to
    )
    return say(content, by=by, at=at)


def verified(
    by: DeviceId,
    at: int,
    result: str = "supports",
    *,
    basis: str | None = None,
    agency: AgencyId = LEAD,
    **more: object,
) -> StoredMessage:
    content = AlertVerify(
        alert_id=ALERT,
        at=START + at,
        source_class="trusted_contact",
        result=result,
        basis=basis,
    )
    return say(content, by=by, at=at, agency=agency, **more)  # type: ignore[arg-type]  # passed on


def seconded(by: DeviceId, at: int, of: StoredMessage, *, agency: AgencyId = LEAD) -> StoredMessage:
    assert of.message_id is not None
    content = AlertVerifySecond(alert_id=ALERT, at=START + at, verification=of.message_id)
    return say(content, by=by, at=at, agency=agency)
