"""What the SDK asks of the world, as small `Protocol`s: a clock, randomness, a store, a relay.

The agent is written against these and nothing else. Adapters are wired in one place
(`AsyncClient`); the memory ones in `quietway.testing` are first-class and held to the same contract
suites as the real ones.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from quietway_crypto.secret import Secret
    from quietway_schemas.directory import DirectoryPage, SignedObject
    from quietway_schemas.holds import Claim, Ladder
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, ReferralRef
    from quietway_schemas.instants import Instant
    from quietway_schemas.log import LogLeaves
    from quietway_schemas.wake import WakeEndpoints
    from quietway_schemas.withdrawal import Slip


class Clock(Protocol):
    """Tells the time, and waits."""

    def now(self) -> Instant:
        """Return milliseconds since 1970-01-01T00:00:00Z."""
        ...

    def steady(self) -> int:
        """Return milliseconds since some moment, on a clock that nobody can set.

        It goes on while the machine sleeps, where the system offers that.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have passed on this clock."""
        ...

    async def rest(self, seconds: float) -> None:
        """Let a few seconds pass that nobody waits for; a test's clock notes them and goes on."""
        ...


class Entropy(Protocol):
    """Gives unpredictable bytes."""

    def draw(self, size: int) -> bytes:
        """Return `size` bytes, each draw independent of every other."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One stored row.

    Attributes:
        position: Grows by the order of first writing within its kind; overwriting keeps it.
        key: What the row is found by.
        value: Its bytes, as given.
    """

    position: int
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a row of content belongs, so that its key can die in its time, and what it is found by.

    Attributes:
        conversation: Where it was said.
        case_ref: The case that it speaks of, as it stands in the content; None where it names none.
        agency: Who said it, or to whom it was said: each has its own reference for a case.
        until: When its retention ends.
        referral_ref: The referral that it speaks of; None where it names none.
        tags: What else it is found by.
    """

    conversation: ConversationId
    case_ref: CaseRef | None
    agency: AgencyId
    until: Instant
    referral_ref: ReferralRef | None = None
    tags: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row: new, or over the one of the same kind and key.

    Attributes:
        kind: Which entity of the engine it is.
        key: What it is found by.
        value: Its bytes.
        place: Where it is put away, for the kinds that hold content; None for the others.
    """

    kind: str
    key: bytes
    value: bytes
    place: Shelf | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row; nothing happens where there is none."""

    kind: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Tag:
    """Let a row be found by a tag, until it is deleted; nothing happens where there is no row.

    Attributes:
        kind: The row's.
        key: The row's.
        tag: 1 to 64 bytes: an id behind a byte that says of what. Never anything that was said.
    """

    kind: str
    key: bytes
    tag: bytes


@dataclass(frozen=True, slots=True)
class Untag:
    """Let a row be found by a tag no more; nothing happens where it was not."""

    kind: str
    key: bytes
    tag: bytes


Write: TypeAlias = Put | Delete | Tag | Untag


class Store(Protocol):
    """The device's durable memory: kinds of rows, written in transactions."""

    async def read(self, kind: str, key: bytes) -> bytes | None:
        """Return the value, or None where there is no such row."""
        ...

    async def scan(self, kind: str, *, after: int = 0, limit: int | None = None) -> Sequence[Row]:
        """Return the rows of a kind with a position greater than `after`, in order of position."""
        ...

    async def scan_back(self, kind: str, *, before: int | None = None, limit: int) -> Sequence[Row]:
        """Return the newest rows of a kind, those with a position below `before`, newest first."""
        ...

    async def scan_tagged(
        self, kind: str, tag: bytes, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Row]:
        """Return the rows of a kind that bear a tag, as `scan` does, and read no others."""
        ...

    async def kinds(self) -> Sequence[str]:
        """Return the kinds of which there is a row, sorted."""
        ...

    async def commit(self, writes: Sequence[Write]) -> None:
        """Write all of it durably, in this order, or none. A row's tags go with it.

        Raises:
            StorageFull: There is no room. Nothing was written, and the store is as it was.
        """
        ...

    async def drop_copies(self) -> None:
        """Remove the copies that upgrades left, and what the journal still has of former rows."""
        ...

    async def aclose(self) -> None:
        """Let go of the store; closing twice is fine."""
        ...


class RecordKeys(Protocol):
    """The keys that content is put away under, as a keyring holds them.

    A name is 16 random bytes and tells nothing; `erase_after` is an instant, 0 for never.
    """

    def record_key(self, name: bytes) -> Secret | None:
        """Return the key of that name, 32 bytes; None where it is not here, or not any more."""
        ...

    def record_names(self) -> Mapping[bytes, Instant]:
        """Return when each key dies."""
        ...

    def add_record_keys(self, keys: Mapping[bytes, tuple[bytes, Instant]]) -> None:
        """Keep new keys, each with the time at which it dies. They are on the disk on return.

        Raises:
            StorageFull: There is no room. None was written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the relay says when a mailbox opens.

    Attributes:
        latest: The newest sequence number of the mailbox, 0 when nothing ever came.
        acknowledged: The highest one that this device ever acknowledged.
        now: The relay's clock.
        witness_kept: False when the relay last saw another copy of this store.
    """

    latest: int
    acknowledged: int
    now: Instant
    witness_kept: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """One envelope (header || sealed) with its sequence number in the mailbox."""

    seq: int
    envelope: bytes


@dataclass(frozen=True, slots=True)
class BlobPart:
    """A part of a sealed file on its way to the relay.

    Attributes:
        blob_id: 16 bytes.
        opening_hash: The hash of the secret that fetches it.
        writer: The secret that goes on writing it.
        first: Where the part begins: a multiple of 64 KiB.
        total: How large the whole will be, in bytes.
        body: At most 1 MiB, ending at a multiple of 64 KiB or at the end.
    """

    blob_id: bytes
    opening_hash: bytes
    writer: bytes
    first: int
    total: int
    body: bytes


@dataclass(frozen=True, slots=True)
class BlobStored:
    """How many bytes of a blob are durable at the relay, and when it drops them."""

    stored: int
    expires: Instant


class Mailbox(Protocol):
    """One open connection for reading this device's mailbox."""

    @property
    def welcome(self) -> Welcome:
        """What the relay said at the opening."""
        ...

    def arrivals(self) -> AsyncIterator[Arrival]:
        """Yield envelopes in order; ends after the last one unless the mailbox was opened `live`.

        Raises:
            RelayUnreachable: The connection is gone. What was not acknowledged comes again.
        """
        ...

    async def acknowledge(self, seqs: Sequence[int]) -> None:
        """Tell the relay that these are in the device's own durable store (1 to 256 numbers)."""
        ...

    async def aclose(self) -> None:
        """Close the connection; closing twice is fine."""
        ...


class Relay(Protocol):
    """Everything the SDK asks of a relay.

    Every method may raise RelayUnreachable (nothing is known of the outcome; asking again is
    harmless), RelayRefused (the relay's problem, with its code) or ClockError.
    """

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        """Hand over records for one agency's mailboxes; returns when they are durable there.

        Raises:
            RelayRefused: Nothing of the batch was stored; `index` names the record, where one is to
                blame.
        """
        ...

    async def withdraw(self, slips: Sequence[Slip]) -> list[bool]:
        """Take envelopes back, 1 to 128, all of one agency; gone durably there on return.

        Returns:
            For each, whether the relay still had it, unacknowledged, and has it no more. False says
            nothing of why; and asked again, it is False for what was taken back before.
        """
        ...

    async def place_hold(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        """Hand over a ladder of alerts for one agency's mailboxes; returns when it is durable.

        What is due at once is in its mailboxes then; the rest goes in its time, unless somebody
        claims. The same ladder again does nothing again.

        Args:
            capability: Opens a lane of kind crisis, or of kind normal where that is spent.
            hold_id: 16 random bytes, new for each ladder.
            ladder: The alerts, and when each is due.

        Raises:
            RelayRefused: Nothing was stored; `index` names the place, where one is to blame.
        """
        ...

    async def claim_hold(self, hold_id: bytes, claim: Claim) -> bool:
        """Say who has an alert; what is held is delivered behind these words, and nobody woken.

        Returns:
            Whether this claim is the first one; asked again, the same.

        Raises:
            RelayRefused: `not_found`: no such ladder, or not by this secret.
        """
        ...

    async def open_mailbox(
        self, *, after: int, witness_now: bytes, witness_was: bytes | None, live: bool
    ) -> Mailbox:
        """Open this device's mailbox after a cursor; polls where websockets do not pass."""
        ...

    def listen(self) -> AsyncGenerator[int, None]:
        """Yield the newest number of this device's mailbox, at once and after each arrival.

        For a relay that was connected to with the device's listen key, which may do only this.

        Raises:
            RelayUnreachable: The connection is gone; what was missed is told at the next one.
        """
        ...

    async def put_manifest(
        self, agency: AgencyId, signed: SignedObject, *, enrolment_code: str | None = None
    ) -> None:
        """Publish a manifest; the first one needs the operator's one-time code."""
        ...

    async def put_epochs(self, agency: AgencyId, signed: SignedObject) -> None:
        """Publish this device's epoch batch."""
        ...

    async def put_lanes(self, week: str, signed: SignedObject) -> None:
        """Publish the hashes of the agency's lanes for an ISO week."""
        ...

    async def put_wake(self, endpoints: WakeEndpoints) -> None:
        """Leave where this device's human is told that there is something; an empty list deletes.

        Raises:
            RelayRefused: `invalid_field`: the relay would not send to one of them.
        """
        ...

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        """Return the next page of the directory after a cursor.

        Args:
            after: The cursor.
            log_size: Of the reader's verified checkpoint; 0 where it has none. The page's
                `consistency` leads from there to its checkpoint. Nothing of it is verified here.
        """
        ...

    async def log_checkpoint(self) -> str:
        """Return the note of the log's newest checkpoint, unverified."""
        ...

    async def log_consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the consistency path between two sizes of the log, unverified.

        Raises:
            RelayRefused: `invalid_field`: the relay's log has no such sizes.
        """
        ...

    async def log_leaves(self, after: int) -> LogLeaves:
        """Return the openings of the log's leaves from index `after` on, unverified.

        Empty, without `more`, where there are no further ones.
        """
        ...

    async def put_blob_part(self, capability: bytes, part: BlobPart) -> BlobStored:
        """Upload the next part of a sealed file; it is durable on return.

        Raises:
            RelayRefused: Nothing of the part was stored.
        """
        ...

    async def blob_status(self, blob_id: bytes, writer: bytes) -> BlobStored | None:
        """Return how much of a sealed file the relay has; None where it has nothing of it."""
        ...

    async def get_blob(self, blob_id: bytes, opening: bytes, *, first: int, last: int) -> bytes:
        """Return the bytes of a sealed file from `first` to `last`, both included.

        Raises:
            RelayRefused: `not_found`: it is not there, not whole, dropped, or not for this secret.
        """
        ...

    async def delete_blob(self, blob_id: bytes, writer: bytes) -> None:
        """Have a sealed file dropped; one that is not there is dropped already."""
        ...

    async def read_clock(self) -> Instant:
        """Return the relay's clock, to the second."""
        ...

    async def aclose(self) -> None:
        """Close every connection; closing twice is fine."""
        ...
