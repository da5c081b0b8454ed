"""Types that are no message of anybody's: they take places in chains, and are never shown.

*Taken in*: what devices tell each other for themselves, which the agent reads in its own time.
*Heeded*: messages that people are shown, and that the agent acts on as well.
*Quiet*: what is taken in, and what the engine settles by itself: lists of who reads along, and
receipts.

Spec: docs/spec/conversations.md, "Audiences".
"""

from typing import Final

from quietway_schemas.content.agency import is_within
from quietway_schemas.content.receipt import is_receipt

_ALERTS: Final = "alert."
AUDIENCE_KIND: Final = "audience.list"
BEAT_KIND: Final = "agency.oncall_beat"
_TAKEN_IN: Final = ("lane.", "log.", "oncall.")
_HEEDED: Final = (
    "agreement.",
    "alert.",
    "case.link",
    "consent.",
    "crisis.",
    "huddle.handover",
    "huddle.left",
    "huddle.members",
    "huddle.stopped",
    "purge.",
    "rollback.",
)


def is_taken_in(kind: str) -> bool:
    """Say whether a type is read by the agent, of its own agency or of a partner's device."""
    return is_within(kind) or kind.startswith(_TAKEN_IN)


def is_passing(kind: str) -> bool:
    """Say whether a type stands for its moment alone: a receipt, or a heartbeat."""
    return kind == BEAT_KIND or is_receipt(kind)


def is_heeded(kind: str) -> bool:
    """Say whether a type is shown as a message and also acted on, once, by each device."""
    return kind.startswith(_HEEDED)


def is_introduced(kind: str) -> bool:
    """Say whether a list of who reads along goes before a type, where that is new.

    None goes before an alert and what is said of it: nothing may come before it, and who is on call
    is nobody else's business (docs/spec/alerts.md, "Sending"). None goes before what passes.
    """
    return not (kind.startswith(_ALERTS) or is_passing(kind))


def is_quiet(kind: str) -> bool:
    """Say whether a type is never shown to people as a message, nor confirmed by a receipt."""
    return kind == AUDIENCE_KIND or is_taken_in(kind) or is_receipt(kind)
