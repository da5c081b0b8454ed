"""What a program is told of files: how far a transfer is, and what became of it.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_schemas.ids import AgencyId, ConversationId, MessageId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far a file has come.

    Attributes:
        stage: `clean`, `seal` and `upload` on the way out, `fetch` and `open` on the way in.
        done: How many bytes of this stage.
        total: Out of how many.
    """

    stage: Literal["clean", "seal", "upload", "fetch", "open"]
    done: int
    total: int


Tell = Callable[[TransferProgress], None]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside a message, as it is known here.

    Attributes:
        message_id: Of the message that names it; None until that went out.
        conversation: Where it belongs.
        agency: Whose device sent it.
        to: The agencies it was sent to, where this agency sent it.
        name: The sender's word for the file.
        media_type: As `application/pdf`.
        length: Of the file, in bytes.
        at: When it was sent, milliseconds since 1970-01-01T00:00:00Z.
        expires: When the relay drops it; 0 until it is there.
        state: `uploading` until the relay has all of it, `available` until it drops it, `expired`.
    """

    message_id: MessageId | None
    conversation: ConversationId
    agency: AgencyId
    to: tuple[AgencyId, ...]
    name: str = field(repr=False)
    media_type: str
    length: int
    at: Instant
    expires: Instant
    state: Literal["uploading", "available", "expired"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched, verified and written.

    Attributes:
        path: Where it lies; its name may differ from the sender's, where that one was taken.
        length: In bytes.
        media_type: What its sender calls it.
    """

    path: Path
    length: int
    media_type: str
