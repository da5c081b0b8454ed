"""The text of a snapshot: what stands about cases, given to a new device of the same agency.

Each item is one message as its giver holds it: who said it, where, and the exact bytes of what was
said. It is believed for the ops keys that approved its digest, not for who sent it.

Spec: docs/spec/keys.md, "A snapshot for a new device".
"""

from typing import Annotated, Final

from pydantic import Field

from quietway_schemas.directory import ProgramCode
from quietway_schemas.fields import Base64, Bytes32, Moment, WireModel
from quietway_schemas.ids import AgencyId, ConversationId, MessageId

MOST_ITEMS: Final = 50_000
MOST_CONTENT_BYTES: Final = 6_614


class SnapshotItem(WireModel):
    """One message of the story of a status or a referral. `to` is sorted; empty for what came."""

    agency: AgencyId
    content: Annotated[bytes, Base64(2, MOST_CONTENT_BYTES)]
    conversation: ConversationId
    core_hash: Bytes32
    message: MessageId
    program: ProgramCode | None = None
    said_at: Moment
    to: tuple[AgencyId, ...]


class SnapshotText(WireModel):
    """All of it."""

    items: Annotated[tuple[SnapshotItem, ...], Field(max_length=MOST_ITEMS)]
