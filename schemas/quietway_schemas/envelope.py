"""The envelope's fixed bytes: classes, epochs, the header, the core, submissions.

Everything here is a table of the spec turned into a frozen type. An instance that exists is
well-formed: each is checked when it is made, whether from fields or from bytes. Widths are exact,
trailing bytes are refused, a number out of range is a refusal and never a wrap. Nothing here seals,
opens, signs, hashes or looks at a clock.

Spec: docs/spec/envelope.md, "Classes", "Header", "Core"; relay-protocol.md, "Submitting".
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Self

from quietway_schemas.errors import EnvelopeError
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, EnvelopeId, MailboxId
from quietway_schemas.instants import DAY, HOUR, WEEK, Instant

WIRE_VERSION: Final = 1
SUITE_SEALED_BOX: Final = 1
SUITE_HYBRID: Final = 2
SUITES: Final = frozenset({SUITE_SEALED_BOX, SUITE_HYBRID})

HEADER_BYTES: Final = 37
CORE_BYTES: Final = 184
WITHDRAW_HASH_BYTES: Final = 32
INCARNATION_BYTES: Final = 8
DIGEST_BYTES: Final = 32
MOST_RECORDS: Final = 128
ZERO_DIGEST: Final = bytes(DIGEST_BYTES)
SMALLEST_CONTENT_BYTES: Final = 2

_HEADER: Final = struct.Struct(">BBBH16s16s")
_CORE: Final = struct.Struct(">16s16s8sI16s32sI32sQQQ32s")
_U16: Final = 2**16 - 1
_U32: Final = 2**32 - 1
_U64: Final = 2**64 - 1
_SEALED_BYTES: Final = (0, 2_560, 8_000)
"""By the code of the class."""
_WRONG_LENGTH: Final = "does not have the length that its table gives"


class EnvelopeClass(IntEnum):
    """The two sizes of envelope: the relay sees the class, and the size says nothing more."""

    FLASH = 1
    CASE = 2

    @property
    def sealed_bytes(self) -> int:
        """The size of the sealed bytes, in bytes."""
        return _SEALED_BYTES[self]

    @property
    def life_ms(self) -> int:
        """The longest time between created and expires, in milliseconds."""
        return 96 * HOUR if self is EnvelopeClass.FLASH else 30 * DAY

    @property
    def content_room(self) -> int:
        """The most that the content may take, in bytes, in either suite."""
        return 1_174 if self is EnvelopeClass.FLASH else 6_614

    @property
    def record_bytes(self) -> int:
        """The size of a submission record, in bytes."""
        return HEADER_BYTES + WITHDRAW_HASH_BYTES + self.sealed_bytes

    def epoch_of(self, now: Instant) -> int:
        """Number the epoch that an instant lies in: a day for flash, a week from Monday for case.

        Raises:
            EnvelopeError: The number does not fit into 16 bits.
        """
        days = now // DAY
        epoch = days if self is EnvelopeClass.FLASH else (days + 3) // 7
        return _check_range("epoch", epoch, _U16)

    def epoch_start(self, epoch: int) -> Instant:
        """Give the first millisecond of an epoch."""
        return epoch * DAY if self is EnvelopeClass.FLASH else epoch * WEEK - 3 * DAY

    def epoch_end(self, epoch: int) -> Instant:
        """Give the first millisecond after an epoch."""
        return self.epoch_start(epoch + 1)


# Looking a class up in its enumeration takes longer than reading the rest of a header.
_CLASSES: Final = {int(class_): class_ for class_ in EnvelopeClass}


@dataclass(frozen=True, slots=True)
class Header:
    """What the relay sees of an envelope: 37 bytes, all of them bound by the seal or the signature.

    Attributes:
        class_: Which of the two sizes.
        suite: 1 or 2.
        epoch: Number of the epoch of the recipient's key.
        mailbox: The recipient device's.
        envelope_id: New for each envelope.
    """

    class_: EnvelopeClass
    suite: int
    epoch: int
    mailbox: MailboxId
    envelope_id: EnvelopeId

    def __post_init__(self) -> None:
        if type(self.class_) is not EnvelopeClass:
            raise EnvelopeError("class", "is neither flash nor case")
        if self.suite not in SUITES:
            raise EnvelopeError("suite", "is not a suite of this version")
        _check_range("epoch", self.epoch, _U16)

    def pack(self) -> bytes:
        """Write the header.

        Returns:
            37 bytes.
        """
        mailbox, envelope = self.mailbox.value, self.envelope_id.value
        return _HEADER.pack(WIRE_VERSION, self.class_, self.suite, self.epoch, mailbox, envelope)

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """Read exactly 37 bytes.

        Raises:
            EnvelopeError: Another length, version, class or suite.
        """
        if len(raw) != HEADER_BYTES:
            raise EnvelopeError("header", _WRONG_LENGTH)
        version, class_, suite, epoch, mailbox, envelope = _HEADER.unpack(raw)
        if version != WIRE_VERSION:
            raise EnvelopeError("version", "is not the version that this program speaks")
        return cls(read_class(class_), suite, epoch, MailboxId(mailbox), EnvelopeId(envelope))


@dataclass(frozen=True, slots=True)
class Core:
    """What is said, by whom, in which place: the same bytes for every recipient.

    Attributes:
        agency: The sender's agency.
        device: The sender's device.
        incarnation: 8 random bytes, new each time the sender's store is opened.
        manifest_version: Of the sender's manifest, from 1.
        conversation: The conversation.
        audience_digest: 32 bytes.
        seq: The place in the chain, from 0.
        prev: 32 bytes, the hash of the core before, or zeros.
        created: Instant.
        expires: Instant.
        content: Canonical JSON, at least 2 bytes.
        checkpoint_size: 0 until there is a transparency log.
        checkpoint_root: 32 bytes, zeros while the size is 0.
    """

    agency: AgencyId
    device: DeviceId
    incarnation: bytes
    manifest_version: int
    conversation: ConversationId
    audience_digest: bytes
    seq: int
    prev: bytes
    created: Instant
    expires: Instant
    content: bytes = field(repr=False)
    checkpoint_size: int = 0
    checkpoint_root: bytes = ZERO_DIGEST

    def __post_init__(self) -> None:
        _check_width("incarnation", self.incarnation, INCARNATION_BYTES)
        _check_width("audience digest", self.audience_digest, DIGEST_BYTES)
        _check_width("prev", self.prev, DIGEST_BYTES)
        _check_width("checkpoint root", self.checkpoint_root, DIGEST_BYTES)
        _check_range("manifest version", self.manifest_version, _U32, least=1)
        _check_range("seq", self.seq, _U32)
        _check_range("created", self.created, _U64)
        _check_range("expires", self.expires, _U64)
        _check_range("checkpoint size", self.checkpoint_size, _U64)
        if self.checkpoint_size == 0 and self.checkpoint_root != ZERO_DIGEST:
            raise EnvelopeError("checkpoint root", "is not zero although the size is")
        if len(self.content) < SMALLEST_CONTENT_BYTES:
            raise EnvelopeError("content", "is shorter than 2 bytes")

    def pack(self) -> bytes:
        """Write the core.

        Returns:
            184 bytes, then the content.
        """
        fixed = _CORE.pack(
            self.agency.value,
            self.device.value,
            self.incarnation,
            self.manifest_version,
            self.conversation.value,
            self.audience_digest,
            self.seq,
            self.prev,
            self.created,
            self.expires,
            self.checkpoint_size,
            self.checkpoint_root,
        )
        return fixed + self.content

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """Read a core; all that follows the 184 bytes is its content.

        Raises:
            EnvelopeError: Too short, or a field out of its range.
        """
        if len(raw) < CORE_BYTES + SMALLEST_CONTENT_BYTES:
            raise EnvelopeError("core", "is too short to hold a content")
        agency, device, incarnation, manifest, conversation, digest, seq, prev, *rest = (
            _CORE.unpack_from(raw)
        )
        created, expires, size, root = rest
        return cls(
            agency=AgencyId(agency),
            device=DeviceId(device),
            incarnation=incarnation,
            manifest_version=manifest,
            conversation=ConversationId(conversation),
            audience_digest=digest,
            seq=seq,
            prev=prev,
            created=created,
            expires=expires,
            content=raw[CORE_BYTES:],
            checkpoint_size=size,
            checkpoint_root=root,
        )


@dataclass(frozen=True, slots=True)
class SubmissionRecord:
    """One envelope on its way to the relay: header || withdraw hash || sealed.

    Attributes:
        header: The envelope's header.
        withdraw_hash: 32 bytes; whoever shows its preimage may take the envelope back.
        sealed: As many bytes as the class asks.
    """

    header: Header
    withdraw_hash: bytes
    sealed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_width("withdraw hash", self.withdraw_hash, WITHDRAW_HASH_BYTES)
        _check_width("sealed", self.sealed, self.header.class_.sealed_bytes)

    def pack(self) -> bytes:
        """Write the record.

        Returns:
            2,629 bytes for flash, 8,069 for case.
        """
        return self.header.pack() + self.withdraw_hash + self.sealed


def unpack_records(body: bytes) -> list[SubmissionRecord]:
    """Read a batch: 1 to 128 records, of either class, with nothing before, between or after.

    Raises:
        EnvelopeError: No record, too many, one cut short, or one with a wrong header; `index`
            says which.
    """
    if not body:
        raise EnvelopeError("record", "is missing: the batch is empty")
    records: list[SubmissionRecord] = []
    start = 0
    while start < len(body):
        if len(records) == MOST_RECORDS:
            raise EnvelopeError("record", f"is one more than {MOST_RECORDS}", index=MOST_RECORDS)
        try:
            record = _unpack_record(body, start)
        except EnvelopeError as refused:
            raise EnvelopeError(refused.field, refused.reason, index=len(records)) from None
        records.append(record)
        start += record.header.class_.record_bytes
    return records


def read_class(code: int) -> EnvelopeClass:
    """Turn the byte on the wire into a class.

    Raises:
        EnvelopeError: There is no such class.
    """
    if code not in _CLASSES:
        raise EnvelopeError("class", "is neither flash nor case")
    return _CLASSES[code]


def _unpack_record(body: bytes, start: int) -> SubmissionRecord:
    sealed_at = start + HEADER_BYTES + WITHDRAW_HASH_BYTES
    header = Header.unpack(body[start : start + HEADER_BYTES])
    end = start + header.class_.record_bytes
    return SubmissionRecord(header, body[start + HEADER_BYTES : sealed_at], body[sealed_at:end])


def _check_width(field: str, value: bytes, width: int) -> None:
    if type(value) is not bytes or len(value) != width:
        raise EnvelopeError(field, f"does not have {width} bytes")


def _check_range(field: str, value: int, most: int, *, least: int = 0) -> int:
    if not least <= value <= most:
        raise EnvelopeError(field, f"is not between {least} and {most}")
    return value
