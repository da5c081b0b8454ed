"""Messages as they are kept: one row for each, written in the same commit as the place it takes.

What was received stays as it was signed; what was sent gets its id when it goes out. A second story
at one place is kept as evidence beside the messages, and what a device signed that had left in
quarantine; neither is ever shown as a message.

Spec: docs/spec/envelope.md, "Core".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import OUTBOX, Fields, place_entry, read_entry, write_row
from quietway.engine.conversations import chain_key
from quietway.engine.effects import (
    Record,
    RecordNotice,
    RecordReceived,
    RecordSent,
    RecordSlip,
)
from quietway.ports import Put
from quietway.retention import choose_shelf
from quietway.slips import write_slip
from quietway.standing import own_message, tags_of
from quietway_schemas.content.alert import ALERT_KIND
from quietway_schemas.content.quiet import is_heeded, is_taken_in
from quietway_schemas.content.registry import read_kept_content
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, MessageId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.events import SenderStanding
    from quietway.ports import Row, Shelf
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.instants import Instant

ACCESS: Final = "access"
"""What other devices of this agency looked at, as they signed it; see `own.accesses`."""
ACCESS_OWN: Final = "access_own"
"""What was looked at on this device."""
MESSAGE: Final = "message"
EVIDENCE: Final = "evidence"
QUARANTINE: Final = "quarantine"
NOTICE: Final = "notice"
UPLOAD: Final = "upload"
"""A file on its way to the relay; see `attaching.upload`."""
WITHIN: Final = "within"
"""Until it is taken in: a colleague's word, a lane a partner gave, a copy of what is heeded."""
SNAPSHOT: Final = "snapshot"
"""Snapshots on their way between this agency's devices; see `own.snapshot_rows`."""
INDEXED: Final = "indexed"
"""There once every message is tagged with what it is found by; a backup does not have it."""
INDEXED_KINDS: Final = (EVIDENCE, MESSAGE)
CONTENT_KINDS: Final = frozenset(
    {ACCESS, ACCESS_OWN, MESSAGE, EVIDENCE, QUARANTINE, OUTBOX, SNAPSHOT, UPLOAD}
)
"""The kinds of rows that hold what somebody said: they are put away under record keys."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message of the store.

    Attributes:
        position: Grows in the order of first writing.
        key: The message id's bytes when it was received, the local id when it was sent.
        received: False for what this device said.
        message_id: None until it was sent.
        conversation: Where.
        agency: Who said it; this device's own agency for what was sent here or by a colleague.
        device: The device that signed it; None for what was sent.
        program: The program code that the sender's certificate named then, or empty.
        to: The agencies it was sent to by this agency; empty for what others said.
        said_at: When it was sent; when it was written, as long as it was not.
        content: What it says.
        chain: The chain it stands in (72 bytes), empty until it was sent.
        seq: Its place there.
        prev: What it quotes as the core before.
        audience_digest: 32 bytes, empty until it was sent.
        core_hash: 32 bytes, empty until it was sent.
        from_snapshot: True where it was given to this device when it was linked.
        sender_standing: How the device that signed it stands now: `current`, `retired` or
            `revoked`.
        received_at: When it came here; 0 for what was sent.
        cancel_secret: Of an alert that was opened here, what claims it, 32 bytes; else empty.
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
    from_snapshot: bool = False
    device: DeviceId | None = None
    sender_standing: SenderStanding = "current"
    received_at: Instant = 0
    cancel_secret: bytes = field(default=b"", repr=False)


def write_record(
    record: Record,
    *,
    agency: AgencyId,
    program: str,
    counted: int,
    to: Iterable[AgencyId] = (),
) -> Put:
    """Turn a record of the engine into a row.

    Args:
        record: What to keep.
        agency: This device's agency.
        program: The program code of the sender's certificate, for what was received.
        counted: For a notice, how many of its kind there were on this day before.
        to: For what a colleague's device said, the agencies that it was said to.
    """
    match record:
        case RecordReceived():
            return _write_received(record, program, to)
        case RecordSent():
            return _write_sent(record, agency)
        case RecordSlip():
            return write_slip(record)
        case RecordNotice():
            return Put(NOTICE, name_notice(record), write_row(count=counted + 1, last=record.now))


def heed(record: Record, put: Put) -> tuple[Put, ...]:
    """Give the row by which a message is acted on as well: what a device takes in, once."""
    if put.kind != MESSAGE or not isinstance(record, RecordReceived):
        return ()
    kind = record.opened.content.type
    return (Put(WITHIN, put.key, put.value),) if is_heeded(kind) else ()


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
    name, device = held.raw("message"), held.text("device")
    return StoredMessage(
        position=row.position,
        key=row.key,
        received=held.truth("received"),
        message_id=MessageId(name) if name else None,
        conversation=ConversationId.from_text(held.text("conversation")),
        agency=_read_agency(held.text("agency")),
        program=held.text("program"),
        to=tuple(_read_agency(text) for text in held.texts("to")),
        said_at=held.number("said_at"),
        content=read_kept_content(held.raw("content"), class_),
        chain=held.raw("chain"),
        seq=held.number("seq"),
        prev=held.raw("prev"),
        audience_digest=held.raw("audience"),
        core_hash=held.raw("core_hash"),
        from_snapshot=held.truth("snapshot"),
        cancel_secret=held.raw("cancel"),
        device=_read_device(device) if device else None,
        received_at=held.number("received_at"),
    )


# Few agencies and devices say a hundred thousand messages.
_read_agency = lru_cache(maxsize=1_024)(AgencyId.from_text)
_read_device = lru_cache(maxsize=1_024)(DeviceId.from_text)


def find_shelf(kind: str, row: Row) -> Shelf:
    """Find the shelf of a row that was written before there were any.

    Raises:
        SchemaError, CryptoError: The row is not what this room writes.
    """
    if kind == OUTBOX:
        return place_entry(read_entry(row))
    held = Fields(row.value)
    shelf = choose_shelf(
        held.raw("content"),
        EnvelopeClass.FLASH if held.truth("flash") else EnvelopeClass.CASE,
        created=held.number("said_at"),
        conversation=ConversationId.from_text(held.text("conversation")),
        agency=AgencyId.from_text(min(held.texts("to"), default=held.text("agency"))),
    )
    is_message = kind == MESSAGE
    return tag_shelf(shelf, held.raw("content"), held.raw("message")) if is_message else shelf


def tag_shelf(shelf: Shelf, content: bytes, message_id: bytes) -> Shelf:
    """Say what a message is found by, beside what its shelf names.

    Args:
        shelf: Its shelf.
        content: Canonical JSON.
        message_id: 16 bytes, or empty as long as it was not sent.
    """
    named = (own_message(MessageId(message_id)),) if message_id else ()
    return replace(shelf, tags=(*named, *tags_of(content)))


def _write_received(record: RecordReceived, program: str, to: Iterable[AgencyId]) -> Put:
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
        to=[str(held) for held in to],
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
    shelf = choose_shelf(
        core.content,
        opened.header.class_,
        created=core.created,
        conversation=core.conversation,
        # A case is called as the agency calls it that was spoken to.
        agency=min(to, default=core.agency),
    )
    kind = _kind_of(record)
    if kind == MESSAGE:
        shelf = tag_shelf(shelf, core.content, opened.message_id.value)
    return Put(kind, opened.message_id.value, row, None if kind == WITHIN else shelf)


def _evidence(record: RecordReceived) -> dict[str, bytes]:
    # The signature of a flash message is let go of; that of a case record is kept with it. What
    # claims an alert is made of it, and lives as long as the alert.
    opened = record.opened
    if opened.header.class_ is EnvelopeClass.FLASH and _kind_of(record) == MESSAGE:
        return {"cancel": opened.cancel_secret} if opened.content.type == ALERT_KIND else {}
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
            "chain": chain_key(core),
            "seq": core.seq,
            "prev": core.prev,
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
    shelf = choose_shelf(
        record.content,
        record.class_,
        created=record.composed if core is None else core.created,
        conversation=record.conversation,
        agency=min(record.to),
    )
    message_id = b"" if record.message_id is None else record.message_id.value
    return Put(MESSAGE, record.local_id, row, tag_shelf(shelf, record.content, message_id))


def sender_of(record: Record) -> tuple[AgencyId, DeviceId] | None:
    """Say whose message a record keeps, None where it is none or one's own."""
    if isinstance(record, RecordReceived):
        return record.opened.core.agency, record.opened.core.device
    return None


def _kind_of(record: RecordReceived) -> str:
    if record.quarantined:
        return QUARANTINE
    if record.evidence:
        return EVIDENCE
    return WITHIN if is_taken_in(record.opened.content.type) else MESSAGE
