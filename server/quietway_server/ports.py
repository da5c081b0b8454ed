"""What the relay's services need from outside, as interfaces.

The store is reached through one `Transaction` at a time for writing and any number for reading.
What a transaction read and wrote becomes true together, durably, when it ends well, and not at all
when it ends with an error. What it takes and gives stands in `rows`. Where there is nothing, a
method returns None or an empty sequence; it raises only `StoreError`.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from quietway_schemas.wake import WAKE_TEXT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_schemas.instants import Instant
    from quietway_server.core.holds import Ladder
    from quietway_server.rows import (
        Arrival,
        BlobRow,
        BookEntry,
        DeviceRow,
        DueHold,
        DueWake,
        EpochBatchRow,
        FeedRow,
        Held,
        HeldAlert,
        LaneRow,
        LeafRow,
        LogHead,
        MailboxRow,
        ManifestRow,
        OpenLane,
        StoredEnvelope,
        Swept,
        Waiting,
        WeekRow,
    )


BLOB_PIECE_ROWS: Final = 64
"""How many rows of blobs' bytes one piece of a sweep takes away: 4 MiB to overwrite."""


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

    def remember(self, arrivals: Sequence[Arrival]) -> None:
        """Remember that envelopes came, and no more; their numbers mean nothing."""
        ...

    def deliver(self, arrivals: Sequence[Arrival]) -> None:
        """Keep envelopes that are remembered already, and move their mailboxes."""
        ...

    def envelopes_after(self, mailbox: bytes, after: int, limit: int) -> list[StoredEnvelope]:
        """Give the oldest envelopes with a number above `after`, in order, at most `limit`."""
        ...

    def acknowledge(self, mailbox: bytes, *, through: int | None, seqs: Sequence[int]) -> None:
        """Delete envelopes up to a number, or exactly these, and raise `acknowledged`."""
        ...

    def find_numbers(
        self, wanted: Collection[tuple[bytes, bytes]]
    ) -> dict[tuple[bytes, bytes], int]:
        """Give the numbers of envelopes that wait, by (mailbox, envelope id)."""
        ...

    def withdraw(self, held: Held) -> bool:
        """Delete an envelope if it stands there with that id and hash; tell whether it did.

        That it came stays known, and its number is not given again.
        """
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
        """Tell whether another agency bears this code, or bore it when it was removed."""
        ...

    def find_devices(self, wanted: Collection[bytes]) -> dict[bytes, DeviceRow]:
        """Give the certified devices among these, by id."""
        ...

    def replace_manifest(self, row: ManifestRow, certified: Sequence[DeviceRow]) -> list[bytes]:
        """Put a manifest and its devices in the place of those before.

        Mailboxes of new devices are opened. What belonged to devices that are gone is deleted:
        batches, mailbox, envelopes; also where another device takes the mailbox over. Batches go
        with the identity key that signed them.

        Returns:
            The mailboxes of devices that are gone or have changed: whoever reads there must go.
        """
        ...

    def find_epoch_batches(self, device: bytes) -> list[EpochBatchRow]:
        """Give a device's epoch batches, oldest first."""
        ...

    def add_epoch_batch(self, row: EpochBatchRow, *, dropping: Collection[Instant]) -> None:
        """Put an epoch batch beside the others of its device, without those issued then."""
        ...

    def feed_after(self, after: int, limit: int, *, soft_bytes: int) -> list[FeedRow]:
        """Give the entries that changed after a number, in order of change.

        Args:
            after: The number.
            limit: The most entries.
            soft_bytes: The list ends with the entry by which its payloads come to so much.
        """
        ...

    def find_by_code(self, agency_code: str) -> bytes | None:
        """Give the agency that bears a code now, or None."""
        ...

    def remove_agency(self, agency: bytes) -> list[bytes]:
        """End an agency's place, for good.

        Its devices, mailboxes, envelopes, batches and lanes go. Its id, its code and the ids and
        identity keys of its devices stay, so that nobody takes its place; the feed says so.

        Returns:
            The mailboxes that must be left. Nothing happens where there is no such agency.
        """
        ...

    def count_devices(self, agency: bytes) -> int:
        """Count an agency's certified devices."""
        ...

    def latest_removal(self) -> int:
        """Give the number of the last removal in the order of changes, 0 where there was none."""
        ...

    def is_agency_removed(self, agency: bytes) -> bool:
        """Tell whether an agency was removed."""
        ...

    def find_removed_devices(self, wanted: Collection[bytes]) -> dict[bytes, bytes]:
        """Give the identity keys of those among these devices whose agency was removed."""
        ...

    def add_enrolment(self, digest: bytes, expires: Instant) -> None:
        """Keep the hash of an enrolment code."""
        ...

    def is_enrolment_open(self, digest: bytes, *, now: Instant) -> bool:
        """Tell whether an enrolment code is there and has not expired."""
        ...

    def spend_enrolment(self, digest: bytes, *, now: Instant) -> bool:
        """Delete an enrolment code; tell whether it was there and had not expired."""
        ...


class LaneStore(Protocol):
    """Who may send: hashes of capabilities and counters."""

    def find_lanes(self, wanted: Collection[tuple[bytes, str, bytes]]) -> list[LaneRow]:
        """Give the lanes that exist among these, by (agency, week, hash of a capability)."""
        ...

    def find_crisis_lanes(
        self, digests: Collection[bytes], weeks: Collection[str]
    ) -> dict[bytes, bytes]:
        """Give whose lane each of these hashes opens, where it is of kind crisis in these weeks."""
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


class BlobStore(Protocol):
    """Sealed files, in rows of 64 KiB."""

    def find_open_lane(self, digest: bytes, weeks: Collection[str]) -> OpenLane | None:
        """Give the lane that a capability opens in one of these weeks, whoever published it."""
        ...

    def charge_lane(self, lane: OpenLane, more: int) -> None:
        """Add to what a lane was charged for blobs in its week, in bytes."""
        ...

    def find_blob(self, blob: bytes) -> BlobRow | None:
        """Give a blob, without its bytes."""
        ...

    def keep_blob(self, row: BlobRow) -> None:
        """Keep a new blob, or how far one has come and when it ends."""
        ...

    def add_blob_chunks(self, blob: bytes, first: int, chunks: Sequence[bytes]) -> None:
        """Add bytes at a blob's end, in rows numbered from `first`."""
        ...

    def blob_chunk(self, blob: bytes, number: int) -> bytes | None:
        """Give one row of a blob's bytes."""
        ...

    def blob_bytes(self) -> int:
        """Count what all blobs take, or will take when they are whole, in bytes."""
        ...


class HoldStore(Protocol):
    """Ladders, and the alerts that are held for them.

    What a transaction has read of a ladder in order to write stays as it is until it ends.
    """

    def find_hold(self, hold: bytes) -> Ladder | None:
        """Give a ladder's state, each tier's places in the order of their mailboxes."""
        ...

    def keep_hold(self, hold: bytes, ladder: Ladder, *, due_ms: int) -> None:
        """Keep a new ladder, or what one has become.

        Of one that is kept already its age, what was released and new claims count; its places go
        by `drop_places` alone.

        Args:
            hold: Its id.
            ladder: Its state.
            due_ms: When somebody must look, counted from its acceptance.
        """
        ...

    def due_holds(self, *, limit: int) -> list[DueHold]:
        """Give the ladders at which somebody must look first, by wall time, at most `limit`."""
        ...

    def hold_alerts(self, hold: bytes, alerts: Sequence[HeldAlert]) -> None:
        """Keep alerts until their tiers' time."""
        ...

    def take_alerts(self, hold: bytes, tier: int) -> list[SubmissionRecord]:
        """Give the alerts that are held for a tier, in no order, and delete them."""
        ...

    def count_held(self, wanted: Collection[bytes]) -> dict[bytes, int]:
        """Count the alerts that are held for mailboxes; those without one are left out."""
        ...

    def find_holds_of(self, mailboxes: Collection[bytes]) -> list[bytes]:
        """Give the ladders that address one of these mailboxes."""
        ...

    def drop_places(self, hold: bytes, mailboxes: Collection[bytes]) -> None:
        """Delete a ladder's places of these mailboxes, and what is held for them."""
        ...

    def forget_hold(self, hold: bytes) -> None:
        """Delete all that is left of a ladder."""
        ...

    def find_closing(self, agency: bytes, certified: Sequence[DeviceRow]) -> frozenset[bytes]:
        """Give the mailboxes of an agency that are closed when it certifies these devices alone.

        One that another of its devices takes over is closed, and opened empty.
        """
        ...


class LogStore(Protocol):
    """The transparency log. What stands in it stays."""

    def find_log_head(self) -> LogHead | None:
        """Give the head; None where there never was a log."""
        ...

    def replace_log_head(self, head: LogHead) -> None:
        """Put a head in the place of the one before."""
        ...

    def append_leaf(self, leaf: LeafRow, nodes: Mapping[tuple[int, int], bytes]) -> None:
        """Keep a leaf, and the hashes of the subtrees that it completes, by (level, position)."""
        ...

    def find_nodes(self, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Give hashes of complete subtrees, by (level, position); level 0 are the leaves'."""
        ...

    def leaves_from(self, position: int, limit: int) -> list[LeafRow]:
        """Give the leaves from a place on, in order, at most `limit`."""
        ...

    def find_manifest_leaves(self, agencies: Collection[bytes]) -> dict[bytes, LeafRow]:
        """Give the leaf of the newest manifest of each of these agencies, by agency."""
        ...


class WakeStore(Protocol):
    """Where devices are woken, and who is to be woken when. Due times are whole seconds."""

    def replace_endpoints(self, mailbox: bytes, sealed: bytes | None) -> None:
        """Put a mailbox's endpoints in the place of those before.

        None takes them away, and with them the wake-up that was pending.
        """
        ...

    def find_wakeable(self, wanted: Collection[bytes]) -> set[bytes]:
        """Tell which of these mailboxes have endpoints."""
        ...

    def find_any_endpoints(self) -> tuple[bytes, bytes] | None:
        """Give a mailbox that has endpoints, and these; None where none has."""
        ...

    def forget_endpoints(self) -> int:
        """Take away all endpoints and all pending wake-ups; tell how many mailboxes had some."""
        ...

    def queue_wakes(
        self, mailboxes: Collection[bytes], *, due: Instant, emptied: Collection[bytes] = ()
    ) -> None:
        """Let mailboxes be woken at a time, rounded up to the second.

        There is one pending wake-up a mailbox at most, and the earlier time counts. Mailboxes
        without endpoints are passed over.

        Args:
            mailboxes: Whose readers.
            due: When.
            emptied: Those in which nothing waited before: a wake-up that is pending there is over,
                and another one begins, with the first endpoint.
        """
        ...

    def claim_wakes(self, *, now: Instant, until: Instant, limit: int) -> list[DueWake]:
        """Take wake-ups that are due, so that nobody else takes them before `until`.

        Those of mailboxes in which nothing waits are dropped instead.
        """
        ...

    def settle_wake(self, wake: DueWake, *, due: Instant | None) -> None:
        """Write down what became of a wake-up that was claimed.

        One that became due anew meanwhile stays so: it comes again, under another id where it would
        have been over. One that somebody else claimed meanwhile, or that is gone, is left alone.

        Args:
            wake: As it was claimed, with its new attempt.
            due: When it comes again; None where it is over.
        """
        ...

    def count_due_wakes(self, *, now: Instant) -> int:
        """Count the wake-ups whose time has come."""
        ...


class OperatingStore(Protocol):
    """What an operator is told, as counts."""

    def probe(self) -> None:
        """Write what stands there already: a store that takes nothing raises."""
        ...

    def is_current(self) -> bool:
        """Tell whether the tables are of this program's version."""
        ...

    def count_waiting(self) -> Waiting:
        """Count what waits."""
        ...

    def count_rows(self) -> dict[str, int]:
        """Count the rows of each table, by its name; empty where there are no tables."""
        ...


class Transaction(
    EnvelopeStore,
    DirectoryStore,
    LaneStore,
    BlobStore,
    HoldStore,
    LogStore,
    WakeStore,
    OperatingStore,
    Protocol,
):
    """All of the store at one moment."""

    def sweep(self, *, now: Instant, oldest_week: str, limit: int) -> Swept:
        """Remove what has expired.

        Args:
            now: The time.
            oldest_week: The oldest week whose lanes stay.
            limit: How many envelopes of a class go at most, and how many are forgotten that came;
                of blobs' rows it is `BLOB_PIECE_ROWS`.
        """
        ...

    def mix(self, *, now: Instant | None, limit: int) -> int:
        """Put rows into a random order whose minute of arrival is over.

        Args:
            now: The time; None for all rows, also of the minute that goes on.
            limit: The most rows of each kind.

        Returns:
            How many were moved, of the kind of which there were most; less than `limit` where none
            is left.
        """
        ...


class Store(Protocol):
    """Where rows are kept."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """Open the one writing transaction; ending well commits, an exception undoes it."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a consistent view for reading."""
        ...

    def take_nonce(self, digest: bytes, *, expires: Instant) -> bool:
        """Take a nonce for all relays that share the rows; tell whether it was there to be taken.

        A store that one process alone serves takes all: that process remembers by itself.

        Args:
            digest: Its SHA-256.
            expires: When it may be forgotten: a whole hour, so that it tells little.
        """
        ...

    def read_book(self, first: int) -> tuple[int, list[BookEntry]]:
        """Give how long the log's book is, and its entries from a place on, in order.

        Where none is kept, none is missing: it is as long as is asked.

        Raises:
            StartError: It is damaged.
        """
        ...

    def replace_book(self, entries: Iterable[BookEntry]) -> None:
        """Write the log's book anew, where one is kept."""
        ...

    def tidy(self) -> None:
        """Leave no trace of what was deleted in the files."""
        ...

    def make_room(self, *, for_alarms: bool = False) -> bool:
        """Give up the reserve, so that a full disk takes acknowledgements; False if it is spent.

        Args:
            for_alarms: Give up only the half that alarms may have.
        """
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


class Notifier(Protocol):
    """One way of telling somebody that there is something: webhooks, or mail."""

    def check(self, target: str) -> None:
        """Make sure that this relay would send there at all.

        Raises:
            NotTakenError: It would not.
        """
        ...

    async def notify(self, target: str, *, key: bytes, text: str = WAKE_TEXT) -> None:
        """Send a text, within ten seconds. Coming back means that the provider said it took it.

        Args:
            target: An address of this kind.
            key: 16 bytes by which the provider knows a repeated one.
            text: What is said.

        Raises:
            NotTakenError: It was not taken.
        """
        ...


class Delivery(Protocol):
    """A bus of hints that carries only (mailbox, latest). Losing one costs latency alone."""

    def wake(self, mailbox: bytes, latest: int) -> None:
        """Tell whoever listens that a mailbox has come to a number."""
        ...

    def wake_all(self) -> None:
        """Let everybody who listens look once more."""
        ...

    def listen(self, mailbox: bytes) -> AbstractContextManager[Subscription]:
        """Subscribe to one mailbox until the context ends."""
        ...

    async def run(self) -> None:
        """Keep the bus going, for ever."""
        ...

    def listeners(self, mailbox: bytes) -> int:
        """Count who listens to a mailbox."""
        ...
