"""An upload: what is kept of a file until the relay has all of it and its pointer went out.

The row is put away like a message, under the key of its shelf, since it holds the key of the file.
It is written when the file is sealed, so what is cut off before has sent nothing.

Spec: docs/spec/blobs.md, "Pointer".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.attaching.transfer import Attachment
from quietway.engine.codec import Fields, write_row
from quietway.ports import Put
from quietway.records import UPLOAD
from quietway.retention import choose_shelf
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_schemas.content.attachment import AttachmentFile
from quietway_schemas.content.registry import encode_content, parse_content
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import ContentError
from quietway_schemas.ids import AgencyId, CaseRef, ConversationId

if TYPE_CHECKING:
    from quietway.ports import Row
    from quietway_schemas.instants import Instant

_SEPARATOR: Final = "/"


@dataclass(frozen=True, slots=True)
class Copy:
    """One message that names the file.

    Attributes:
        local_id: This store's own name for it, given before it is said.
        to: The agencies.
        case_ref: What they call the case; None where the file names none.
    """

    local_id: bytes
    to: tuple[AgencyId, ...]
    case_ref: CaseRef | None = None

    def to_text(self) -> str:
        """Write it as a row keeps it."""
        case = "" if self.case_ref is None else str(self.case_ref)
        parts = (encode_base64(self.local_id), case, *(str(agency) for agency in self.to))
        return _SEPARATOR.join(parts)

    @classmethod
    def from_text(cls, text: str) -> Copy:
        """Read what `to_text` wrote."""
        local_id, case, *agencies = text.split(_SEPARATOR)
        return cls(
            decode_base64(local_id),
            tuple(AgencyId.from_text(agency) for agency in agencies),
            CaseRef.from_text(case) if case else None,
        )


@dataclass(frozen=True, slots=True)
class Upload:
    """A sealed file on its way.

    Attributes:
        pointer: What will be said; it says no expiry yet, and no case.
        writer: 32 bytes: the secret that goes on writing it at the relay.
        size: Of the sealed file, in bytes.
        conversation: Where it will be said.
        copies: The messages that will name it.
        at: When it was begun.
    """

    pointer: AttachmentFile
    writer: bytes
    size: int
    conversation: ConversationId
    copies: tuple[Copy, ...]
    at: Instant

    def to_put(self) -> Put:
        """Write it as a row."""
        content = encode_content(self.pointer)
        shelf = choose_shelf(
            content,
            EnvelopeClass.CASE,
            created=self.at,
            conversation=self.conversation,
            agency=min(self.copies[0].to),
        )
        row = write_row(
            content=content,
            writer=self.writer,
            size=self.size,
            conversation=str(self.conversation),
            copies=[copy.to_text() for copy in self.copies],
            at=self.at,
        )
        return Put(UPLOAD, self.pointer.blob_id, row, shelf)

    @classmethod
    def from_row(cls, row: Row) -> Upload:
        """Read it back.

        Raises:
            SchemaError, CryptoError: The row is not what this room writes.
        """
        held = Fields(row.value)
        pointer = parse_content(held.raw("content"), EnvelopeClass.CASE)
        if not isinstance(pointer, AttachmentFile):
            raise ContentError("content", "is no pointer to a file")
        return cls(
            pointer,
            held.raw("writer"),
            held.number("size"),
            ConversationId.from_text(held.text("conversation")),
            tuple(Copy.from_text(text) for text in held.texts("copies")),
            held.number("at"),
        )

    def say(self, copy: Copy, expires: Instant) -> AttachmentFile:
        """Give what one of its messages says."""
        return self.pointer.model_copy(update={"expires": expires, "case_ref": copy.case_ref})

    def show(self, agency: AgencyId) -> Attachment:
        """Show it as a file of this agency that is on its way."""
        return Attachment(
            message_id=None,
            conversation=self.conversation,
            agency=agency,
            to=tuple(to for copy in self.copies for to in copy.to),
            name=self.pointer.name,
            media_type=self.pointer.media_type,
            length=self.pointer.length,
            at=self.at,
            expires=0,
            state="uploading",
        )
