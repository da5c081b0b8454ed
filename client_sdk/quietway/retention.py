"""How long content is kept, and the shelf that it is put away on. Pure.

Retention is counted from the moment at which something was said, by the class that it travelled in;
a type may have a time of its own, and a content may say that it is kept for fewer days, where an
agreement asks for that (V36). What ends in one ISO week and belongs to one case (or to one
conversation, where no case is named) lies under one record key, and that key dies at the end of the
week's Sunday, 24:00 UTC. So the time at which a key dies tells a week and nothing nearer.

Spec: docs/spec/keys.md, "Record keys".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.ports import Shelf
from quietway_schemas.canonical import decode_kept
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import CaseRef, ReferralRef
from quietway_schemas.instants import DAY, WEEK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_schemas.ids import AgencyId, ConversationId
    from quietway_schemas.instants import Instant

KEPT_FOR_MS: Final[Mapping[EnvelopeClass, int]] = {
    EnvelopeClass.FLASH: 30 * DAY,
    EnvelopeClass.CASE: 365 * DAY,
}
KEPT_FOR_OF_TYPE_MS: Final[Mapping[str, int]] = {"logistics": DAY}
"""Types with a time of their own, by name; all others are kept as long as their class is."""

_FIRST_MONDAY_MS: Final = 4 * DAY
"""1970 began on a Thursday."""
_LARGEST_CONTENT: Final = 65_536


def kept_for_ms(kind: str, class_: EnvelopeClass) -> int:
    """Say for how many milliseconds content of this type is kept."""
    return KEPT_FOR_OF_TYPE_MS.get(kind, KEPT_FOR_MS[class_])


def bucket_end(until: Instant) -> Instant:
    """Give the end of the ISO week that an instant lies in: its Sunday, 24:00 UTC.

    Args:
        until: When retention ends.

    Returns:
        Later than `until` by a week at most: a Monday, 00:00 UTC.
    """
    return (until - _FIRST_MONDAY_MS) // WEEK * WEEK + _FIRST_MONDAY_MS + WEEK


def choose_shelf(
    content: bytes,
    class_: EnvelopeClass,
    *,
    created: Instant,
    conversation: ConversationId,
    agency: AgencyId,
) -> Shelf:
    """Choose the shelf of something that was said.

    Args:
        content: Canonical JSON; empty where it was let go of already.
        class_: What it travels in.
        created: When it was sent; when it was written, as long as it was not.
        conversation: Where.
        agency: Who said it, or to whom it was said.

    Raises:
        SchemaError: The content is not one.
    """
    fields = decode_kept(content, max_bytes=_LARGEST_CONTENT) if content else {}
    kind, case, referral = (fields.get(name) for name in ("type", "case_ref", "referral_ref"))
    kept = kept_for_ms(kind if isinstance(kind, str) else "", class_)
    days = fields.get("retain_days")
    return Shelf(
        conversation=conversation,
        case_ref=CaseRef.from_text(case) if isinstance(case, str) else None,
        agency=agency,
        until=created + (min(kept, days * DAY) if isinstance(days, int) else kept),
        referral_ref=ReferralRef.from_text(referral) if isinstance(referral, str) else None,
    )
