"""What the relay's services need from outside, as interfaces.

The store is reached through one `Transaction` at a time for writing and any number for reading.
What a transaction read and wrote becomes true together, durably, when it ends well, and not at all
when it ends with an error. Rows are frozen. Where there is nothing, a method returns None or an
empty sequence; it raises only `StoreError`.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from quietway_schemas.envelope import Header, SubmissionRecord
    from quietway_schemas.instants import Instant


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
class StoredEnvelope:
    """An envelope as it goes out: number, header, sealed bytes."""

    seq: int
    header: Header
    sealed: bytes


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
    """The newest epoch batch of a device, as it was signed."""

    device: bytes
    agency: bytes
    issued: Instant
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One entry of the directory: `change` is its number in the order of changes."""

    change: int
    kind: str
    agency: bytes
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One lane of an agency for a week, and how many envelopes it carried."""

    agency: bytes
    week: str
    digest: bytes
    used: int


@dataclass(frozen=True, slots=True)
class WeekRow:
    """Which version of an agency's lanes for a week is held, and the hash of its bytes."""

    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Swept:
    """How many rows a sweep removed."""

    envelopes: int
    others: int


class EnvelopeStore(Protocol):
    """Envelopes in their mailboxes."""

    def find_mailboxes(self, wanted: Collection[bytes]) -> dict[bytes, MailboxRow]:
        """Give the mailboxes that exist, by id."""
        ...

    def find_seen(
        self, wanted: Collection[tuple[bytes, bytes]]
    ) -> dict[tuple[bytes, bytes], bytes]:
        """Give the record hashes of what came before, by (mailbox, envelope id)."""
        ...

    def append(self, arrivals: Sequence[Arrival]) -> None:
        """Keep new envelopes, remember that they came, and move their mailboxes."""
        ...

    def envelopes_after(self, mailbox: bytes, after: int, limit: int) -> list[StoredEnvelope]:
        """Give the oldest envelopes with a number above `after`, in order, at most `limit`."""
        ...

    def acknowledge(self, mailbox: bytes, *, through: int | None, seqs: Sequence[int]) -> None:
        """Delete envelopes up to a number, or exactly these, and raise `acknowledged`."""
        ...

    def keep_witness(self, mailbox: bytes, witness: bytes, *, changed: bool) -> None:
        """Replace the witness of a mailbox, and what its hello was answered."""
        ...


class DirectoryStore(Protocol):
    """What agencies signed, and the keys in it."""

    def find_manifest(self, agency: bytes) -> ManifestRow | None:
        """Give an agency's newest manifest."""
        ...

    def is_code_taken(self, agency_code: str, *, by_other_than: bytes) -> bool:
        """Tell whether another agency bears this code."""
        ...

    def find_devices(self, wanted: Collection[bytes]) -> dict[bytes, DeviceRow]:
        """Give the certified devices among these, by id."""
        ...

    def replace_manifest(self, row: ManifestRow, certified: Sequence[DeviceRow]) -> list[bytes]:
        """Put a manifest and its devices in the place of those before.

        Mailboxes of new devices are opened. What belonged to devices that are gone is deleted:
        batch, mailbox, envelopes; also where another device takes the mailbox over. A batch goes
        with the identity key that signed it.

        Returns:
            The mailboxes of devices that are gone or have changed: whoever reads there must go.
        """
        ...

    def find_epoch_batch(self, device: bytes) -> EpochBatchRow | None:
        """Give a device's newest epoch batch."""
        ...

    def replace_epoch_batch(self, row: EpochBatchRow) -> None:
        """Put an epoch batch in the place of the one before."""
        ...

    def feed_after(self, after: int, limit: int) -> list[FeedRow]:
        """Give the entries that changed after a number, in order of change, at most `limit`."""
        ...

    def add_enrolment(self, digest: bytes, expires: Instant) -> None:
        """Keep the hash of an enrolment code."""
        ...

    def spend_enrolment(self, digest: bytes, *, now: Instant) -> bool:
        """Delete an enrolment code; tell whether it was there and had not expired."""
        ...


class LaneStore(Protocol):
    """Who may send: hashes of capabilities and counters."""

    def find_lanes(self, wanted: Collection[tuple[bytes, str, bytes]]) -> list[LaneRow]:
        """Give the lanes that exist among these, by (agency, week, hash of a capability)."""
        ...

    def count_uses(self, uses: Mapping[LaneRow, int]) -> None:
        """Add to the counters of lanes, in envelopes."""
        ...

    def find_week(self, agency: bytes, week: str) -> WeekRow | None:
        """Tell which version of an agency's week is held."""
        ...

    def replace_week(
        self, agency: bytes, week: str, held: WeekRow, published: Sequence[tuple[bytes, str]]
    ) -> None:
        """Put an agency's lanes (hash, kind) in the place of those before; counters stay."""
        ...


class Transaction(EnvelopeStore, DirectoryStore, LaneStore, Protocol):
    """All of the store at one moment."""

    def sweep(self, *, now: Instant, oldest_week: str, limit: int) -> Swept:
        """Remove what has expired, at most `limit` rows of each kind."""
        ...


class Store(Protocol):
    """Where rows are kept."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """Open the one writing transaction; ending well commits, an exception undoes it."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a consistent view for reading."""
        ...

    def tidy(self) -> None:
        """Leave no trace of what was deleted in the files."""
        ...

    def make_room(self) -> bool:
        """Give up the reserve, so that a full disk takes acknowledgements; False if it is spent."""
        ...

    def restore_reserve(self) -> bool:
        """Set the reserve aside again; tell whether it stands."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class Clock(Protocol):
    """The time."""

    def now(self) -> Instant:
        """Give the time in milliseconds since 1970, UTC."""
        ...


class Subscription(Protocol):
    """One listener for one mailbox."""

    async def changed(self) -> None:
        """Wait until the mailbox may have grown since the last call."""
        ...

    def wake(self) -> None:
        """Let this listener look once more."""
        ...


class Delivery(Protocol):
    """A bus of hints that carries only (mailbox, latest). Losing one costs latency alone."""

    def wake(self, mailbox: bytes, latest: int) -> None:
        """Tell whoever listens that a mailbox has come to a number."""
        ...

    def listen(self, mailbox: bytes) -> AbstractContextManager[Subscription]:
        """Subscribe to one mailbox until the context ends."""
        ...

    def listeners(self, mailbox: bytes) -> int:
        """Count who listens to a mailbox."""
        ...
