"""Ladders and claims: what a relay is given to release by itself, and what stops it.

A ladder is one to four tiers, each with the devices that are called and when. A claim shows the
secret that lay inside one of the alerts, and carries its claimant's words. Both have one form:
whole, with nothing before, between or after. An instance that exists is well-formed. Nothing here
hashes, opens, or looks at a clock.

Spec: docs/spec/holds.md, "The ladder", "Claim".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from quietway_schemas.envelope import (
    HEADER_BYTES,
    WITHDRAW_HASH_BYTES,
    EnvelopeClass,
    Header,
    SubmissionRecord,
)
from quietway_schemas.errors import EnvelopeError

if TYPE_CHECKING:
    from collections.abc import Iterable

HOLDS_VERSION: Final = 1
HOLD_ID_BYTES: Final = 16
MOST_TIERS: Final = 4
MOST_PLACES: Final = 50
MOST_CLAIM_RECORDS: Final = MOST_TIERS * MOST_PLACES
HORIZON_SECONDS: Final = 4 * 60 * 60
CANCEL_SECRET_BYTES: Final = 32
CANCEL_HASH_BYTES: Final = 32
RECORD_BYTES: Final = EnvelopeClass.FLASH.record_bytes
PLACE_BYTES: Final = CANCEL_HASH_BYTES + RECORD_BYTES
_TIER: Final = struct.Struct(">HB")
_CLAIM_HEAD_BYTES: Final = 1 + CANCEL_SECRET_BYTES
MOST_LADDER_BYTES: Final = 2 + MOST_TIERS * (_TIER.size + MOST_PLACES * PLACE_BYTES)
MOST_CLAIM_BYTES: Final = _CLAIM_HEAD_BYTES + MOST_CLAIM_RECORDS * RECORD_BYTES


@dataclass(frozen=True, slots=True)
class Place:
    """One device on a tier: what it is sent, and by which hash its secret is known.

    Attributes:
        cancel_hash: 32 bytes; whoever shows its preimage claims the ladder.
        record: The alert, sealed to this device, of class flash.
    """

    cancel_hash: bytes
    record: SubmissionRecord

    def __post_init__(self) -> None:
        _check_width("cancel hash", self.cancel_hash, CANCEL_HASH_BYTES)
        _check_flash(self.record)

    def pack(self) -> bytes:
        """Write the place: 2,661 bytes."""
        return self.cancel_hash + self.record.pack()


@dataclass(frozen=True, slots=True)
class Tier:
    """Who is called, and when.

    Attributes:
        due: Seconds after the ladder was accepted; 0 means with it.
        places: 1 to 50, each with another mailbox.
    """

    due: int
    places: tuple[Place, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.due <= HORIZON_SECONDS:
            raise EnvelopeError("due", f"is not between 0 and {HORIZON_SECONDS} seconds")
        if not 1 <= len(self.places) <= MOST_PLACES:
            raise EnvelopeError("places", f"are not 1 to {MOST_PLACES}")
        _check_mailboxes(place.record for place in self.places)

    def pack(self) -> bytes:
        """Write the tier: 3 bytes, then its places."""
        places = b"".join(place.pack() for place in self.places)
        return _TIER.pack(self.due, len(self.places)) + places


@dataclass(frozen=True, slots=True)
class Ladder:
    """Who is called one after the other, until somebody claims.

    Attributes:
        tiers: 1 to 4, each due after the one before.
    """

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.tiers) <= MOST_TIERS:
            raise EnvelopeError("tiers", f"are not 1 to {MOST_TIERS}")
        if any(later.due <= tier.due for tier, later in pairwise(self.tiers)):
            raise EnvelopeError("due", "is not after that of the tier before")
        seen: set[tuple[bytes, bytes]] = set()
        owners: dict[bytes, bytes] = {}
        for index, place in enumerate(self.places):
            header = place.record.header
            mailbox = header.mailbox.value
            key = (mailbox, header.envelope_id.value)
            if key in seen:
                raise EnvelopeError("envelope id", "stands twice for its mailbox", index=index)
            if owners.setdefault(place.cancel_hash, mailbox) != mailbox:
                raise EnvelopeError("cancel hash", "stands with two mailboxes", index=index)
            seen.add(key)

    @property
    def places(self) -> tuple[Place, ...]:
        """All places, from the first tier to the last: an `index` counts through these."""
        return tuple(place for tier in self.tiers for place in tier.places)

    def pack(self) -> bytes:
        """Write the ladder: 2 bytes, then its tiers; at most 532,214."""
        tiers = b"".join(tier.pack() for tier in self.tiers)
        return bytes((HOLDS_VERSION, len(self.tiers))) + tiers

    @classmethod
    def unpack(cls, raw: bytes) -> Ladder:
        """Read a ladder, whole.

        Raises:
            EnvelopeError: Anything but the one form; `index` says which place, where it is one.
        """
        _check_version(raw)
        tiers: list[Tier] = []
        at, read = 2, 0
        for _ in range(raw[1] if len(raw) > 1 else 0):
            if len(raw) < at + _TIER.size:
                raise EnvelopeError("tier", "is cut short")
            due, count = _TIER.unpack_from(raw, at)
            at += _TIER.size
            ends = range(at + PLACE_BYTES, at + count * PLACE_BYTES + 1, PLACE_BYTES)
            places = (_unpack_place(raw, end, index=read + n) for n, end in enumerate(ends))
            tiers.append(Tier(due, tuple(places)))
            at, read = at + count * PLACE_BYTES, read + count
        if at != len(raw):
            raise EnvelopeError("ladder", "does not end with its last place")
        return cls(tuple(tiers))


@dataclass(frozen=True, slots=True)
class Claim:
    """What stops a ladder, together with its claimant's words.

    Attributes:
        secret: 32 bytes, out of one of the alerts.
        records: 1 to 200 of class flash, each for another mailbox.
    """

    secret: bytes = field(repr=False)
    records: tuple[SubmissionRecord, ...]

    def __post_init__(self) -> None:
        _check_width("cancel secret", self.secret, CANCEL_SECRET_BYTES)
        if not 1 <= len(self.records) <= MOST_CLAIM_RECORDS:
            raise EnvelopeError("records", f"are not 1 to {MOST_CLAIM_RECORDS}")
        for index, record in enumerate(self.records):
            _check_flash(record, index=index)
        _check_mailboxes(self.records)

    def pack(self) -> bytes:
        """Write the claim: 33 bytes, then its records; at most 525,833."""
        records = b"".join(record.pack() for record in self.records)
        return bytes((HOLDS_VERSION,)) + self.secret + records

    @classmethod
    def unpack(cls, raw: bytes) -> Claim:
        """Read a claim, whole.

        Raises:
            EnvelopeError: Anything but the one form; `index` says which record, where it is one.
        """
        _check_version(raw)
        count, over = divmod(len(raw) - _CLAIM_HEAD_BYTES, RECORD_BYTES)
        if over or not 1 <= count <= MOST_CLAIM_RECORDS:
            raise EnvelopeError("claim", "does not have the length that its table gives")
        starts = range(_CLAIM_HEAD_BYTES, len(raw), RECORD_BYTES)
        records = tuple(_unpack_record(raw, start, index=n) for n, start in enumerate(starts))
        return cls(raw[1:_CLAIM_HEAD_BYTES], records)


def _unpack_place(raw: bytes, end: int, *, index: int) -> Place:
    if len(raw) < end:
        raise EnvelopeError("place", "is cut short", index=index)
    start = end - RECORD_BYTES
    return Place(raw[start - CANCEL_HASH_BYTES : start], _unpack_record(raw, start, index=index))


def _unpack_record(raw: bytes, start: int, *, index: int) -> SubmissionRecord:
    sealed_at = start + HEADER_BYTES + WITHDRAW_HASH_BYTES
    try:
        header = Header.unpack(raw[start : start + HEADER_BYTES])
    except EnvelopeError as refused:
        raise EnvelopeError(refused.field, refused.reason, index=index) from None
    # A record of the other class is longer: its width would be wrong too, and that says less.
    if header.class_ is not EnvelopeClass.FLASH:
        raise EnvelopeError("class", "is not flash", index=index)
    withdraw_hash = raw[start + HEADER_BYTES : sealed_at]
    return SubmissionRecord(header, withdraw_hash, raw[sealed_at : start + RECORD_BYTES])


def _check_version(raw: bytes) -> None:
    if raw[:1] != bytes((HOLDS_VERSION,)):
        raise EnvelopeError("version", "is not the version that this program speaks")


def _check_flash(record: SubmissionRecord, *, index: int | None = None) -> None:
    if record.header.class_ is not EnvelopeClass.FLASH:
        raise EnvelopeError("class", "is not flash", index=index)


def _check_mailboxes(records: Iterable[SubmissionRecord]) -> None:
    mailboxes = [record.header.mailbox for record in records]
    if len(set(mailboxes)) != len(mailboxes):
        raise EnvelopeError("mailbox", "stands twice")


def _check_width(name: str, value: bytes, width: int) -> None:
    if type(value) is not bytes or len(value) != width:
        raise EnvelopeError(name, f"does not have {width} bytes")
