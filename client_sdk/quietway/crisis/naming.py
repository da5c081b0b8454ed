"""Names of an event: its id, which only its opener can have made, and its huddle's conversation.

Spec: docs/spec/crises.md, "The event".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import TAG_EVENT, TAG_HUDDLE, constant_time_equal, hash_tagged
from quietway_schemas.ids import ConversationId

if TYPE_CHECKING:
    from quietway_schemas.content.crisis import CrisisActivate
    from quietway_schemas.ids import AgencyId, DeviceId

EVENT_ID_BYTES: Final = 16


def make_event_id(opener: AgencyId, device: DeviceId, nonce: bytes) -> bytes:
    """Make the id of an event of its opener and 16 random bytes."""
    return hash_tagged(TAG_EVENT, opener.value + device.value + nonce)[:EVENT_ID_BYTES]


def is_opened_by(content: CrisisActivate) -> bool:
    """Say whether an activation's event is of the opener that it names."""
    made = make_event_id(content.opener, content.opener_device, content.nonce)
    return constant_time_equal(made, content.event_id)


def name_huddle(event_id: bytes) -> ConversationId:
    """Name the conversation in which everything but the activation is said."""
    return ConversationId(hash_tagged(TAG_HUDDLE, event_id)[:EVENT_ID_BYTES])
