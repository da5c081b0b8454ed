"""Messages as they are kept: one row for each, written in the same commit as the place it takes.

What was received stays as it was signed; what was sent gets its id when it goes out. A second story
at one place is kept as evidence beside the messages and is never shown as one of them.

Spec: docs/spec/envelope.md, "Core".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.engine.conversations import chain_key
from quietway.engine.effects import Record, RecordNotice, RecordReceived, RecordSent
from quietway.ports import Put
from quietway_schemas.content.registry import parse_content
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, MessageId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.ports import Row
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.instants import Instant

MESSAGE: Final = "message"
EVIDENCE: Final = "evidence"
NOTICE: Final = "notice"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message of the store.

    Attributes:
        position: Grows in the order of first writing.
        key: The message id's bytes when it was received, the local id when it was sent.
        received: False for what this device said.
        message_id: None until it was sent.
        conversation: Where.
        agency: Who said it; this device's own agency for what was sent.
        program: The program code that the sender's certificate named then, or empty.
        to: The agencies it was sent to; empty for what was received.
        said_at: When it was sent; when it was written, as long as it was not.
        content: What it says.
        chain: The chain it stands in (72 bytes), empty for what was sent.
        seq: Its place there.
        prev: What it quotes as the core before.
        audience_digest: 32 bytes, empty until it was sent.
        core_hash: 32 bytes, empty until it was sent.
    """

    position: int
    key: bytes
    received: bool
    message_id: MessageId | None
    conversation: ConversationId
    agency: AgencyId
    program: str
    to: tuple[AgencyId, ...]
    said_at: Instant
    content: ContentModel = field(repr=False)
    chain: bytes = b""
    seq: int = 0
    prev: bytes = b""
    audience_digest: bytes = b""
    core_hash: bytes = b""


def write_record(record: Record, *, agency: AgencyId, program: str, counted: int) -> Put:
    """Turn a record of the engine into a row.

    Args:
        record: What to keep.
        agency: This device's agency.
        program: The program code of the sender's certificate, for what was received.
        counted: For a notice, how many of its kind there were on this day before.
    """
    match record:
        case RecordReceived():
            return _write_received(record, program)
        case RecordSent():
            return _write_sent(record, agency)
        case RecordNotice():
            return Put(NOTICE, name_notice(record), write_row(count=counted + 1, last=record.now))


def name_notice(record: RecordNotice) -> bytes:
    """Name the row that counts this refusal: its class and its day."""
    return f"{record.reason}/{record.now // DAY}".encode("ascii")


def read_message(row: Row) -> StoredMessage:
    """Read a message back.

    Raises:
        SchemaError, CryptoError: The row is not what this room writes.
    """
    held = Fields(row.value)
    class_ = EnvelopeClass.FLASH if held.truth("flash") else EnvelopeClass.CASE
    name = held.raw("message")
    return StoredMessage(
        position=row.position,
        key=row.key,
        received=held.truth("received"),
        message_id=MessageId(name) if name else None,
        conversation=ConversationId.from_text(held.text("conversation")),
        agency=AgencyId.from_text(held.text("agency")),
        program=held.text("program"),
        to=tuple(AgencyId.from_text(text) for text in held.texts("to")),
        said_at=held.number("said_at"),
        content=parse_content(held.raw("content"), class_),
        chain=held.raw("chain"),
        seq=held.number("seq"),
        prev=held.raw("prev"),
        audience_digest=held.raw("audience"),
        core_hash=held.raw("core_hash"),
    )


def _write_received(record: RecordReceived, program: str) -> Put:
    opened = record.opened
    core = opened.core
    row = write_row(
        received=True,
        flash=opened.header.class_ is EnvelopeClass.FLASH,
        message=opened.message_id.value,
        conversation=str(core.conversation),
        agency=str(core.agency),
        device=str(core.device),
        program=program,
        said_at=core.created,
        received_at=record.now,
        content=core.content,
        chain=chain_key(core),
        seq=core.seq,
        prev=core.prev,
        audience=core.audience_digest,
        core_hash=opened.core_hash,
        **_evidence(record),
    )
    return Put(EVIDENCE if record.evidence else MESSAGE, opened.message_id.value, row)


def _evidence(record: RecordReceived) -> dict[str, bytes]:
    # The signature of a flash message is let go of; that of a case record is kept with it.
    opened = record.opened
    if opened.header.class_ is EnvelopeClass.FLASH and not record.evidence:
        return {}
    return {
        "core": opened.core.pack(),
        "header": opened.header.pack(),
        "signature": opened.signature,
    }


def _write_sent(record: RecordSent, agency: AgencyId) -> Put:
    core = record.core
    sent: dict[str, object] = {}
    if core is not None and record.message_id is not None:
        sent = {
            "message": record.message_id.value,
            "audience": core.audience_digest,
            "core_hash": record.core_hash,
        }
    row = write_row(
        received=False,
        flash=record.class_ is EnvelopeClass.FLASH,
        conversation=str(record.conversation),
        agency=str(agency),
        to=[str(held) for held in record.to],
        said_at=record.composed if core is None else core.created,
        content=record.content,
        **sent,
    )
    return Put(MESSAGE, record.local_id, row)


def sender_of(record: Record) -> tuple[AgencyId, DeviceId] | None:
    """Say whose message a record keeps, None where it is none or one's own."""
    if isinstance(record, RecordReceived):
        return record.opened.core.agency, record.opened.core.device
    return None
