"""What passes over the sockets: control frames, envelopes, the poll page, answers to batches.

Text frames are control, binary frames are envelopes. Each direction and each `frame` name has
exactly one shape; what does not fit is refused as a whole. The poll page always has the same size,
so that who looks on from outside can't count what was waiting.

Spec: docs/spec/relay-protocol.md, "The mailbox".
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, TypeAlias, TypeVar

from pydantic import Field, model_validator

from quietway_schemas.canonical import decode_strict
from quietway_schemas.envelope import HEADER_BYTES, MOST_RECORDS, Header
from quietway_schemas.errors import ContentError, EnvelopeError
from quietway_schemas.fields import Bytes16, Count, Moment, WireModel
from quietway_schemas.instants import Instant

MAX_FRAME_BYTES: Final = 16_384
PAGE_BYTES: Final = 16_384
MOST_SEQS: Final = 256
ERA_NUMBERS: Final = 2**24
"""A mailbox's number over this is its era: it grows when the relay's store was put back."""
ENVELOPE_FRAME: Final = b"\x01"

_SEQ: Final = struct.Struct(">Q")
_PAGE_HEAD: Final = struct.Struct(">QQH")
_U32: Final = 2**32 - 1
_U64: Final = 2**64 - 1


BatchNumber = Annotated[int, Field(ge=1, le=_U32)]


class Hello(WireModel):
    """Client: everything after `after`, please.

    The witnesses show whether the store was copied back in time.
    """

    frame: Literal["hello"] = "hello"
    after: Count
    witness_now: Bytes16
    witness_was: Bytes16 | None = None


class Welcome(WireModel):
    """Relay: what the mailbox holds, what it ever acknowledged, and the relay's clock."""

    frame: Literal["welcome"] = "welcome"
    latest: Count
    acknowledged: Count
    now: Moment
    witness: Literal["kept", "changed"]


class Ack(WireModel):
    """Client: these are safe in my own store.

    Either all up to `through`, or the single ones of `seqs`, ascending.
    """

    frame: Literal["ack"] = "ack"
    through: Count | None = None
    seqs: Annotated[tuple[Count, ...], Field(min_length=1, max_length=MOST_SEQS)] | None = None

    @model_validator(mode="after")
    def _check_one_of_two(self) -> Self:
        if (self.through is None) == (self.seqs is None):
            raise ContentError("through", "or 'seqs' stands in an ack, and never both")
        if self.seqs is not None and list(self.seqs) != sorted(set(self.seqs)):
            raise ContentError("seqs", "is not sorted, or names something twice")
        return self


class Latest(WireModel):
    """Relay, to a listening device: the newest number, and nothing else."""

    frame: Literal["latest"] = "latest"
    latest: Count


class Closing(WireModel):
    """Either side: why the socket closes. `problem` is a code of `quietway_schemas.problems`."""

    frame: Literal["closing"] = "closing"
    problem: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    detail: Annotated[str, Field(max_length=400)]


class Accepted(WireModel):
    """Relay, to a submitter: all batches through this one that were not refused are durable."""

    frame: Literal["accepted"] = "accepted"
    through: BatchNumber


class Refused(WireModel):
    """Relay, to a submitter: this batch has changed nothing.

    `problem` is a code of `quietway_schemas.problems`; `index` says which record of the batch.
    """

    frame: Literal["refused"] = "refused"
    at: BatchNumber
    problem: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    index: Annotated[int, Field(ge=0, le=MOST_RECORDS)] | None = None
    retry_after: Annotated[int, Field(ge=1, le=86_400)] | None = None


ControlFrame: TypeAlias = Hello | Welcome | Ack | Latest | Closing
AnswerFrame: TypeAlias = Accepted | Refused | Closing

Frame = TypeVar("Frame", bound=WireModel)

_CONTROL: Final = MappingProxyType[str, type[ControlFrame]](
    {"hello": Hello, "welcome": Welcome, "ack": Ack, "latest": Latest, "closing": Closing}
)
_ANSWERS: Final = MappingProxyType[str, type[AnswerFrame]](
    {"accepted": Accepted, "refused": Refused, "closing": Closing}
)


def encode_control(frame: ControlFrame | AnswerFrame) -> str:
    """Write a control frame as the text of a websocket frame or the body of a request."""
    return frame.to_canonical().decode("utf-8")


def encode_accepted(through: int) -> str:
    """Write `Accepted`, the one frame that a busy relay says all the time, as quickly as can be."""
    return f'{{"frame":"accepted","through":{through}}}'


def decode_control(text: str | bytes) -> ControlFrame:
    """Read a control frame of a mailbox session.

    Raises:
        JsonError: Not JSON as we accept it, or longer than 16 KiB.
        ContentError: No such frame, or a field that does not fit it.
    """
    return _decode(_to_bytes(text), _CONTROL)


def decode_answer(text: str | bytes) -> AnswerFrame:
    """Read what the relay says on a submitting socket.

    Raises:
        JsonError: Not JSON as we accept it, or longer than 16 KiB.
        ContentError: No such frame, or a field that does not fit it.
    """
    return _decode(_to_bytes(text), _ANSWERS)


def _decode(raw: bytes, kinds: Mapping[str, type[Frame]]) -> Frame:
    found = decode_strict(raw, max_bytes=MAX_FRAME_BYTES)
    name = found.get("frame")
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ContentError("frame", "names no frame of this version")
    return kind.from_object(found)


def _to_bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    # A lone surrogate becomes bytes that the decoder refuses as bad UTF-8.
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class EnvelopeFrame:
    """An envelope in a mailbox, with its number there.

    Attributes:
        seq: Number in this mailbox, from 1.
        header: The envelope's header.
        sealed: As many bytes as the class asks.
    """

    seq: int
    header: Header
    sealed: bytes

    def __post_init__(self) -> None:
        if not 1 <= self.seq <= _U64:
            raise EnvelopeError("seq", "does not fit its width, or is zero")
        if len(self.sealed) != self.header.class_.sealed_bytes:
            raise EnvelopeError("sealed", "does not have the size of its class")

    def pack(self) -> bytes:
        """Write the binary frame: 0x01 || u64 seq || header || sealed."""
        return ENVELOPE_FRAME + self.pack_item()

    def pack_item(self) -> bytes:
        """Write what stands in a page: u64 seq || header || sealed."""
        return _SEQ.pack(self.seq) + self.header.pack() + self.sealed

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """Read a binary frame.

        Raises:
            EnvelopeError: Another kind of frame, cut short, or bytes left over.
        """
        if raw[:1] != ENVELOPE_FRAME:
            raise EnvelopeError("frame", "is not of a kind that this version knows")
        frame, end = cls.unpack_item(raw, 1)
        if end != len(raw):
            raise EnvelopeError("frame", "has bytes after its end")
        return frame

    @classmethod
    def unpack_item(cls, raw: bytes, start: int) -> tuple[Self, int]:
        """Read one item of a page.

        Returns:
            The envelope, and where the next item starts.

        Raises:
            EnvelopeError: Cut short, or a wrong header.
        """
        header_at = start + _SEQ.size
        sealed_at = header_at + HEADER_BYTES
        header = Header.unpack(raw[header_at:sealed_at])
        end = sealed_at + header.class_.sealed_bytes
        (seq,) = _SEQ.unpack_from(raw, start)
        return cls(seq, header, raw[sealed_at:end]), end


@dataclass(frozen=True, slots=True)
class MailboxPage:
    """The answer to a poll: always 16,384 bytes, with as many envelopes as fit.

    That is 2 of case or 6 of flash.

    Attributes:
        latest: The newest number in the mailbox.
        now: The relay's clock.
        entries: Envelopes, by ascending number.
    """

    latest: int
    now: Instant
    entries: tuple[EnvelopeFrame, ...] = ()

    def __post_init__(self) -> None:
        if not (0 <= self.latest <= _U64 and 0 <= self.now <= _U64):
            raise EnvelopeError("page", "has a number that does not fit its width")
        seqs = [entry.seq for entry in self.entries]
        if seqs != sorted(set(seqs)):
            raise EnvelopeError("page", "is not in ascending order")
        if sum(len(entry.pack_item()) for entry in self.entries) > PAGE_BYTES - _PAGE_HEAD.size:
            raise EnvelopeError("page", "holds more than fits")

    @classmethod
    def fill(cls, latest: int, now: Instant, waiting: Sequence[EnvelopeFrame]) -> Self:
        """Take from the front of what is waiting as much as fits."""
        room = PAGE_BYTES - _PAGE_HEAD.size
        taken: list[EnvelopeFrame] = []
        for entry in waiting:
            room -= len(entry.pack_item())
            if room < 0:
                break
            taken.append(entry)
        return cls(latest, now, tuple(taken))

    def pack(self) -> bytes:
        """Write the page.

        Returns:
            16,384 bytes.
        """
        head = _PAGE_HEAD.pack(self.latest, self.now, len(self.entries))
        body = b"".join(entry.pack_item() for entry in self.entries)
        return (head + body).ljust(PAGE_BYTES, b"\0")

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """Read a page.

        Raises:
            EnvelopeError: Another size, an item cut short, or padding that is not zero.
        """
        if len(raw) != PAGE_BYTES:
            raise EnvelopeError("page", "does not have 16,384 bytes")
        latest, now, count = _PAGE_HEAD.unpack_from(raw)
        at = _PAGE_HEAD.size
        entries: list[EnvelopeFrame] = []
        for _ in range(count):
            entry, at = EnvelopeFrame.unpack_item(raw, at)
            entries.append(entry)
        if raw[at:].strip(b"\0"):
            raise EnvelopeError("padding", "is not zero")
        return cls(latest, now, tuple(entries))
