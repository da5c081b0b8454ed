"""What a store takes and gives: one frozen class for each kind of row.

Rules: a row holds what is kept, opaque, and does nothing; ids and hashes are bytes as they are on
the wire, times are milliseconds since 1970. Which of these is kept, and for how long, is said with
the tables. Nothing here reads or writes.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quietway_schemas.envelope import Header, SubmissionRecord
    from quietway_schemas.instants import Instant
    from quietway_server.core.holds import Ladder


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """One mailbox.

    Attributes:
        mailbox: Its id.
        agency: Whose it is.
        latest: The last number given.
        acknowledged: The highest number acknowledged.
        waiting: How many envelopes wait.
        witness: What the last hello showed as `witness_now`.
        witness_changed: Whether that hello was answered `changed`.
    """

    mailbox: bytes
    agency: bytes
    latest: int
    acknowledged: int
    waiting: int
    witness: bytes | None
    witness_changed: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """An accepted envelope, its number in its mailbox, and the minute at which it is dropped."""

    record: SubmissionRecord
    seq: int
    record_hash: bytes
    expires: Instant


@dataclass(frozen=True, slots=True)
class Held:
    """An envelope that is to be taken back: where it stands, and by which hash."""

    mailbox: bytes
    seq: int
    envelope_id: bytes
    withdraw_hash: bytes


@dataclass(frozen=True, slots=True)
class StoredEnvelope:
    """An envelope as it goes out, and what tells whether it is still what came.

    Attributes:
        seq: Its number in its mailbox.
        header: Its header.
        sealed: Its sealed bytes.
        withdraw_hash: What came with it, and does not go out.
        record_hash: The hash of all three as they came; None where it is no longer known.
    """

    seq: int
    header: Header
    sealed: bytes
    withdraw_hash: bytes = b""
    record_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device that a current manifest certifies."""

    device: bytes
    agency: bytes
    mailbox: bytes
    identity_key: bytes
    listen_key: bytes


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """The newest manifest of an agency, as it was signed. `digest` is its hash in the chain."""

    agency: bytes
    agency_code: str
    version: int
    digest: bytes
    root_key: bytes
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class EpochBatchRow:
    """One epoch batch of a device, as it was signed; `over_at` is when its last epoch is over."""

    device: bytes
    agency: bytes
    issued: Instant
    over_at: Instant
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One entry of the directory: `change` is its number in the order of changes.

    Of an agency that was removed, payload and signature are empty.
    """

    change: int
    kind: str
    agency: bytes
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One lane of an agency for a week and kind, and how many envelopes it carried."""

    agency: bytes
    week: str
    digest: bytes
    used: int
    kind: str


@dataclass(frozen=True, slots=True)
class WeekRow:
    """Which version of an agency's lanes for a week is held, and the hash of its bytes."""

    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class BlobRow:
    """A sealed file, without its bytes.

    Attributes:
        blob: Its id.
        opening_hash: Of the secret that fetches.
        writer_hash: Of the secret that writes and deletes.
        total: Its size when it is whole, in bytes.
        stored: How many bytes are here.
        expires: When it is dropped; what was deleted has 0.
    """

    blob: bytes
    opening_hash: bytes
    writer_hash: bytes
    total: int
    stored: int
    expires: Instant

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here."""
        return self.stored == self.total


@dataclass(frozen=True, slots=True)
class OpenLane:
    """A lane that a capability opens, and what it was charged for blobs in its week, in bytes."""

    week: str
    digest: bytes
    charged: int


@dataclass(frozen=True, slots=True)
class LeafRow:
    """One leaf of the transparency log, opened, at its place in the order, from 0."""

    position: int
    kind: int
    nonce: bytes
    agency: bytes
    manifest_hash: bytes
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class BookEntry:
    """One line of the log's book.

    Attributes:
        leaf: The leaf, opened.
        checkpoint: The signed note of the head that it made; empty within a group, but for its end.
        payload: The manifest that it stands for, as it was signed; empty where it is not kept.
        signature: Its signature, likewise.
    """

    leaf: LeafRow
    checkpoint: str
    payload: bytes = b""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class LogHead:
    """The head of the transparency log: how many leaves, their root, and the signed note."""

    size: int
    root: bytes
    checkpoint: str


@dataclass(frozen=True, slots=True)
class DueHold:
    """A ladder at which somebody must look.

    Attributes:
        hold: Its id.
        ladder: Its state, without tiers and claims.
        due_ms: When its next tier is due, or its life is over, counted from its acceptance.
    """

    hold: bytes
    ladder: Ladder
    due_ms: int


@dataclass(frozen=True, slots=True)
class HeldAlert:
    """An alert that waits for its tier's time, from 0 the lowest."""

    tier: int
    record: SubmissionRecord


@dataclass(frozen=True, slots=True)
class DueWake:
    """A wake-up whose time has come.

    Attributes:
        mailbox: Whose reader is to be woken.
        wake_id: What providers know it by.
        attempt: How many endpoints were tried.
        taken: Whether one of them took it.
        sealed: The mailbox's endpoints.
        until: Until when it is claimed.
    """

    mailbox: bytes
    wake_id: bytes
    attempt: int
    taken: bool
    sealed: bytes
    until: Instant


@dataclass(frozen=True, slots=True)
class Swept:
    """How many rows a sweep removed."""

    envelopes: int
    others: int
    blobs: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many envelopes wait: in all mailboxes together, and in the one that has most."""

    envelopes: int
    fullest: int
