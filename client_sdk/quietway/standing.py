"""What stands: which messages a board, a queue or a card still reads. Pure.

Of 200,000 messages a board shows a few thousand: what was said and is not over. Those bear the tag
`STANDING` in the store from the commit that they are written in, so that they are read without the
others. The tag is a byte and says nothing of what was said. A message stands from the start, unless
its type is one that passes (a text, a file, a log); it stands no more once it was named by a newer
version, once it is over and nothing depends on it, or once its referral is closed. Taking the tag
off too late costs a little time; taking it off too early would hide something, so what isn't known
here stands.

Spec: docs/decisions/finding-by-tags.md.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from quietway.views.referrals import fold_referrals
from quietway_crypto.encoding import decode_kept_base64
from quietway_schemas.canonical import decode_kept
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.referral_states import CLOSED_STATES
from quietway_schemas.ids import CaseRef, ReferralRef
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.ids import MessageId
    from quietway_schemas.instants import Instant

ATTACHMENT: Final = "attachment.file"
ACTIVATION: Final = "crisis.activate"
QUESTION: Final = "clarification.request"
OF_MESSAGE: Final = b"\x04"
STANDING: Final = b"\x05"
"""Borne by what a board, a queue or a card may still show."""
OF_ANY_REFERRAL: Final = b"\x06"
"""Borne by all that names a referral, closed or not."""
OF_ANY_FILE: Final = b"\x07"
"""Borne by every message that names a file."""
OF_ANY_ALERT: Final = b"\x08"
"""Borne by every alert, and by all that was said of one."""
OF_ALERT: Final = b"\x09"
OF_ANY_CRISIS: Final = b"\x0b"
"""Borne by every activation of a crisis."""
OF_EVENT: Final = b"\x0c"
PASSING: Final = frozenset(
    {
        "action.item",
        "action.update",
        "alert.claimed",
        "alert.declined",
        "alert.handed_off",
        "alert.minimal",
        "alert.released",
        "alert.verify",
        "alert.verify_second",
        ATTACHMENT,
        "contact.log",
        ACTIVATION,
        "crisis.answer",
        "decision.log",
        "huddle.checkin",
        "huddle.handover",
        "huddle.left",
        "huddle.members",
        "huddle.message",
        "huddle.stopped",
        "huddle.summary",
        "logistics",
        "message.text",
        "progress.note",
        "purge.attestation",
        "rollback.order",
    }
)
"""Types that are read in their conversation or case, and stand on no board."""
VALUES: Final = frozenset(
    {"barrier.update", "relocation.options", "status.indicator", "urgent_action"}
)
"""Absolute, expiring values: what is named by another of its type, or over, is on no board."""
SHOWN_AFTER_MS: Final = 31 * DAY
"""How long after its end a value may still be shown, as an action that nobody ended is."""
_LARGEST_CONTENT: Final = 65_536


def own_message(message_id: MessageId) -> bytes:
    """Name a message by its id, as what it is found by."""
    return OF_MESSAGE + message_id.value


def of_alert(alert_id: bytes) -> bytes:
    """Name an alert, as what it and all that was said of it is found by."""
    return OF_ALERT + alert_id


def of_event(event_id: bytes) -> bytes:
    """Name an event, as what all that was said of it is found by."""
    return OF_EVENT + event_id


def tags_of(content: bytes) -> tuple[bytes, ...]:
    """Give what a message is found by for what kind of thing it says.

    Args:
        content: Canonical JSON; empty where it was let go of already.
    """
    fields = decode_kept(content, max_bytes=_LARGEST_CONTENT) if content else {}
    kind, alert, event = fields.get("type"), fields.get("alert_id"), fields.get("event_id")
    if isinstance(event, str):
        any_crisis = (OF_ANY_CRISIS,) if kind == ACTIVATION else ()
        stands_too = (STANDING,) if isinstance(kind, str) and stands(kind) else ()
        return (*stands_too, *any_crisis, of_event(decode_kept_base64(event)))
    if isinstance(alert, str):
        return (OF_ANY_ALERT, of_alert(decode_kept_base64(alert)))
    if not isinstance(kind, str) or not stands(kind):
        return (OF_ANY_FILE,) if kind == ATTACHMENT else ()
    return (STANDING, OF_ANY_REFERRAL) if "referral_ref" in fields else (STANDING,)


def stands(kind: str) -> bool:
    """Say whether messages of a type stand, as long as they are not over."""
    return kind not in PASSING


def case_of(message: StoredMessage) -> CaseRef | None:
    """Give the case that a message names, or None."""
    return message.content.case_ref if isinstance(message.content, CaseContent) else None


def referral_of(message: StoredMessage) -> ReferralRef | None:
    """Give the referral that a message is a packet of, an answer to, or names; or None."""
    named = getattr(message.content, "referral_ref", None)
    return named if isinstance(named, ReferralRef) else None


def find_over(messages: Iterable[StoredMessage], *, now: Instant) -> frozenset[bytes]:
    """Find what stands no more: values that were replaced or are over, and closed referrals.

    Args:
        messages: All that is said to stand, with one's own case references.
        now: Milliseconds since 1970-01-01T00:00:00Z.

    Returns:
        The keys of their rows.
    """
    kept = tuple(messages)
    closed = _find_closed(kept)
    return frozenset(
        {
            *_find_past(kept, now),
            *(message.key for message in kept if referral_of(message) in closed),
        }
    )


def _find_closed(messages: tuple[StoredMessage, ...]) -> frozenset[ReferralRef]:
    folded = fold_referrals(messages, me=None)
    return frozenset(held.ref for held in folded if held.state in CLOSED_STATES)


def _find_past(messages: tuple[StoredMessage, ...], now: Instant) -> Iterable[bytes]:
    # What answers a request for an advocate is one of these values, and answers it for good.
    asking = {case_of(held) for held in messages if held.content.type == "advocate.request"}
    lines: dict[object, list[StoredMessage]] = defaultdict(list)
    for message in messages:
        if message.content.type in VALUES and case_of(message) not in asking:
            content = message.content
            place = (getattr(content, name, None) for name in ("code", "action_id"))
            lines[content.type, case_of(message), *place].append(message)
    for line in lines.values():
        named = {name for held in line for name in getattr(held.content, "supersedes", None) or ()}
        if all(_ends(held) + SHOWN_AFTER_MS < now for held in line):
            yield from (held.key for held in line)
        else:
            yield from (held.key for held in line if held.core_hash in named)


def _ends(message: StoredMessage) -> Instant:
    content = message.content
    ends = (getattr(content, name, None) for name in ("expires", "due_at"))
    return max((end for end in ends if isinstance(end, int)), default=0)
