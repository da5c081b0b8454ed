"""The store in memory: the same promises, except that nothing outlives the process.

Rules: a writing transaction works on a copy, which takes the place of the whole when it ends well.
So a reader always sees one moment, and a failed transaction leaves nothing behind. Rows are frozen,
so copying the dictionaries copies enough.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from quietway_schemas.instants import MINUTE
from quietway_schemas.log import MANIFEST_LEAF
from quietway_server.core.quota import CRISIS
from quietway_server.ports import BLOB_PIECE_ROWS
from quietway_server.rows import (
    Arrival,
    DeviceRow,
    EpochBatchRow,
    FeedRow,
    LaneRow,
    LeafRow,
    LogHead,
    MailboxRow,
    ManifestRow,
    StoredEnvelope,
    Swept,
    WeekRow,
)
from quietway_server.store.memory_blobs import BlobState, MemoryBlobs
from quietway_server.store.memory_holds import HoldState, MemoryHolds
from quietway_server.store.memory_operating import MemoryOperating
from quietway_server.store.memory_wakes import MemoryWakes, WakeState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from quietway_schemas.instants import Instant
    from quietway_server.rows import BookEntry, Held

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _State:
    mailboxes: dict[bytes, MailboxRow] = field(default_factory=dict)
    envelopes: dict[tuple[bytes, int], Arrival] = field(default_factory=dict)
    seen: dict[tuple[bytes, bytes], tuple[bytes, Instant]] = field(default_factory=dict)
    manifests: dict[bytes, tuple[int, ManifestRow]] = field(default_factory=dict)
    devices: dict[bytes, DeviceRow] = field(default_factory=dict)
    batches: dict[bytes, tuple[tuple[int, EpochBatchRow], ...]] = field(default_factory=dict)
    removed: dict[bytes, tuple[int, str]] = field(default_factory=dict)
    removed_devices: dict[bytes, bytes] = field(default_factory=dict)
    change: int = 0
    weeks: dict[tuple[bytes, str], WeekRow] = field(default_factory=dict)
    lanes: dict[tuple[bytes, str, bytes], LaneRow] = field(default_factory=dict)
    enrolments: dict[bytes, Instant] = field(default_factory=dict)
    blobs: BlobState = field(default_factory=BlobState)
    holds: HoldState = field(default_factory=HoldState)
    leaves: list[LeafRow] = field(default_factory=list)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    head: LogHead | None = None
    wakes: WakeState = field(default_factory=WakeState)

    def copy(self) -> _State:
        return _State(
            dict(self.mailboxes),
            dict(self.envelopes),
            dict(self.seen),
            dict(self.manifests),
            dict(self.devices),
            dict(self.batches),
            dict(self.removed),
            dict(self.removed_devices),
            self.change,
            dict(self.weeks),
            dict(self.lanes),
            dict(self.enrolments),
            self.blobs.copy(),
            self.holds.copy(),
            list(self.leaves),
            dict(self.nodes),
            self.head,
            self.wakes.copy(),
        )


class MemoryStore:
    """The rows of a relay in memory."""

    def __init__(self) -> None:
        self._state = _State()
        self._one_writer = threading.Lock()

    @contextlib.contextmanager
    def writing(self) -> Iterator[MemoryTransaction]:
        """Open the writing transaction; an exception undoes it."""
        with self._one_writer:
            state = self._state.copy()
            yield MemoryTransaction(state)
            self._state = state

    @contextlib.contextmanager
    def reading(self) -> Iterator[MemoryTransaction]:
        """Open a consistent view for reading."""
        yield MemoryTransaction(self._state)

    def take_nonce(self, digest: bytes, *, expires: Instant) -> bool:
        """Take any nonce: only one relay serves these rows, and it remembers by itself."""
        del digest, expires
        return True

    def read_book(self, first: int) -> tuple[int, list[BookEntry]]:
        """Say that no book is kept."""
        return first, []

    def replace_book(self, entries: Iterable[BookEntry]) -> None:
        """Keep no book."""

    def tidy(self) -> None:
        """Nothing deleted is left in memory that could be reached."""

    def make_room(self, *, for_alarms: bool = False) -> bool:  # noqa: ARG002, as the port says
        """Say that there is no reserve in memory."""
        return False

    def restore_reserve(self) -> bool:
        """Say that nothing is missing."""
        return True

    def close(self) -> None:
        """Forget everything."""
        self._state = _State()


class MemoryTransaction(MemoryBlobs, MemoryHolds, MemoryWakes, MemoryOperating):
    """One transaction on a state."""

    _state: _State

    def __init__(self, state: _State) -> None:
        MemoryBlobs.__init__(self, state.blobs, state.lanes)
        MemoryWakes.__init__(self, state.wakes, state.mailboxes)
        self._state = state
        self._holds = state.holds

    def all_mailboxes(self) -> Iterable[MailboxRow]:
        """Give all mailboxes."""
        return self._state.mailboxes.values()

    def find_mailboxes(self, wanted: Collection[bytes]) -> dict[bytes, MailboxRow]:
        """Give the mailboxes that exist, by id."""
        return _pick(self._state.mailboxes, wanted)

    def find_seen(
        self, wanted: Collection[tuple[bytes, bytes]]
    ) -> dict[tuple[bytes, bytes], bytes]:
        """Give the record hashes of what came before, by (mailbox, envelope id)."""
        return {key: held[0] for key, held in _pick(self._state.seen, wanted).items()}

    def append(self, arrivals: Sequence[Arrival]) -> None:
        """Keep new envelopes, remember that they came, and move their mailboxes."""
        self.remember(arrivals)
        self.deliver(arrivals)

    def remember(self, arrivals: Sequence[Arrival]) -> None:
        """Remember that envelopes came, and no more."""
        for arrival in arrivals:
            header = arrival.record.header
            key = (header.mailbox.value, header.envelope_id.value)
            self._state.seen[key] = (arrival.record_hash, arrival.expires)

    def deliver(self, arrivals: Sequence[Arrival]) -> None:
        """Keep envelopes that are remembered already, and move their mailboxes."""
        for arrival in arrivals:
            of = arrival.record.header.mailbox.value
            self._state.envelopes[of, arrival.seq] = arrival
            row = self._state.mailboxes[of]
            self._state.mailboxes[of] = replace(row, latest=arrival.seq, waiting=row.waiting + 1)

    def envelopes_after(self, mailbox: bytes, after: int, limit: int) -> list[StoredEnvelope]:
        """Give the oldest envelopes with a number above `after`, in order, at most `limit`."""
        found = sorted(seq for of, seq in self._state.envelopes if of == mailbox and seq > after)
        records = ((seq, self._state.envelopes[mailbox, seq].record) for seq in found[:limit])
        return [
            StoredEnvelope(seq, record.header, record.sealed, record.withdraw_hash)
            for seq, record in records
        ]

    def acknowledge(self, mailbox: bytes, *, through: int | None, seqs: Sequence[int]) -> None:
        """Delete envelopes up to a number, or exactly these, and raise `acknowledged`."""
        row = self._state.mailboxes.get(mailbox)
        if row is None:
            return
        wanted = set(seqs)
        self._drop(
            key
            for key in self._state.envelopes
            if key[0] == mailbox and (key[1] in wanted or key[1] <= (through or 0))
        )
        highest = min(row.latest, max([through or 0, *seqs]))
        row = self._state.mailboxes[mailbox]
        self._state.mailboxes[mailbox] = replace(row, acknowledged=max(row.acknowledged, highest))

    def find_numbers(
        self, wanted: Collection[tuple[bytes, bytes]]
    ) -> dict[tuple[bytes, bytes], int]:
        """Give the numbers of envelopes that wait, by (mailbox, envelope id)."""
        known = self.find_seen(wanted)
        named = {
            (of, arrival.record.header.envelope_id.value): seq
            for (of, seq), arrival in (self._state.envelopes.items() if known else ())
        }
        return _pick(named, known)

    def withdraw(self, held: Held) -> bool:
        """Delete an envelope if it stands there with that id and hash; tell whether it did."""
        arrival = self._state.envelopes.get((held.mailbox, held.seq))
        if arrival is None:
            return False
        record = arrival.record
        stands = (record.header.envelope_id.value, record.withdraw_hash)
        if stands != (held.envelope_id, held.withdraw_hash):
            return False
        self._drop([(held.mailbox, held.seq)])
        return True

    def keep_witness(self, mailbox: bytes, witness: bytes, *, changed: bool) -> None:
        """Replace the witness of a mailbox, and what its hello was answered."""
        if mailbox in self._state.mailboxes:
            row = self._state.mailboxes[mailbox]
            told = replace(row, witness=witness, witness_changed=changed)
            self._state.mailboxes[mailbox] = told

    def find_manifest(self, agency: bytes) -> ManifestRow | None:
        """Give an agency's newest manifest."""
        found = self._state.manifests.get(agency)
        return None if found is None else found[1]

    def is_code_taken(self, agency_code: str, *, by_other_than: bytes) -> bool:
        """Tell whether another agency bears this code, or bore it when it was removed."""
        bearers = {row.agency: row.agency_code for _, row in self._state.manifests.values()}
        bearers |= {agency: code for agency, (_, code) in self._state.removed.items()}
        return any(code == agency_code and of != by_other_than for of, code in bearers.items())

    def find_by_code(self, agency_code: str) -> bytes | None:
        """Give the agency that bears a code now, or None."""
        held = self._state.manifests.items()
        return next((of for of, (_, row) in held if row.agency_code == agency_code), None)

    def find_devices(self, wanted: Collection[bytes]) -> dict[bytes, DeviceRow]:
        """Give the certified devices among these, by id."""
        return _pick(self._state.devices, wanted)

    def replace_manifest(self, row: ManifestRow, certified: Sequence[DeviceRow]) -> list[bytes]:
        """Put a manifest and its devices in place; give the mailboxes that must be left."""
        state = self._state
        state.manifests[row.agency] = (self._next_change(), row)
        held = [device for device in state.devices.values() if device.agency == row.agency]
        keys = {(device.device, device.identity_key) for device in certified}
        for device in held:
            del state.devices[device.device]
            if (device.device, device.identity_key) not in keys:
                state.batches.pop(device.device, None)
                # Whoever held the former key may have chosen where it is woken.
                self.replace_endpoints(device.mailbox, None)
        state.devices.update({device.device: device for device in certified})
        self._replace_mailboxes(row.agency, held, certified)
        return sorted(device.mailbox for device in set(held) - set(certified))

    def find_epoch_batches(self, device: bytes) -> list[EpochBatchRow]:
        """Give a device's epoch batches, oldest first."""
        return [row for _, row in self._state.batches.get(device, ())]

    def add_epoch_batch(self, row: EpochBatchRow, *, dropping: Collection[Instant]) -> None:
        """Put an epoch batch beside the others of its device, without those issued then."""
        held = self._state.batches.get(row.device, ())
        kept = tuple(each for each in held if each[1].issued not in dropping)
        self._state.batches[row.device] = (*kept, (self._next_change(), row))

    def feed_after(self, after: int, limit: int, *, soft_bytes: int) -> list[FeedRow]:
        """Give the entries that changed after a number, in order of change."""
        state = self._state
        found = [
            FeedRow(change, "manifest", row.agency, row.payload, row.signature)
            for change, row in state.manifests.values()
        ]
        found += [
            FeedRow(change, "epochs", batch.agency, batch.payload, batch.signature)
            for batches in state.batches.values()
            for change, batch in batches
        ]
        found += [FeedRow(at, "removed", of, b"", b"") for of, (at, _) in state.removed.items()]
        newer = [entry for entry in found if entry.change > after]
        taken: list[FeedRow] = []
        for entry in sorted(newer, key=lambda each: each.change)[:limit]:
            if sum(len(each.payload) for each in taken) >= soft_bytes and taken:
                break
            taken.append(entry)
        return taken

    def remove_agency(self, agency: bytes) -> list[bytes]:
        """End an agency's place, for good."""
        state = self._state
        if agency not in state.manifests:
            return []
        _, manifest = state.manifests[agency]
        held = [device for device in state.devices.values() if device.agency == agency]
        state.removed[agency] = (self._next_change(), manifest.agency_code)
        state.removed_devices.update({each.device: each.identity_key for each in held})
        for device in held:
            del state.devices[device.device]
            state.batches.pop(device.device, None)
        self._replace_mailboxes(agency, held, [])
        del state.manifests[agency]
        _remove(state.lanes, [key for key in state.lanes if key[0] == agency])
        _remove(state.weeks, [key for key in state.weeks if key[0] == agency])
        return sorted(device.mailbox for device in held)

    def find_closing(self, agency: bytes, certified: Sequence[DeviceRow]) -> frozenset[bytes]:
        """Give the mailboxes of an agency that are closed when it certifies these devices alone."""
        held = [device for device in self._state.devices.values() if device.agency == agency]
        kept = {(device.device, device.mailbox) for device in certified}
        return frozenset(d.mailbox for d in held if (d.device, d.mailbox) not in kept)

    def count_devices(self, agency: bytes) -> int:
        """Count an agency's certified devices."""
        return sum(device.agency == agency for device in self._state.devices.values())

    def latest_removal(self) -> int:
        """Give the number of the last removal in the order of changes, 0 where there was none."""
        return max((change for change, _ in self._state.removed.values()), default=0)

    def is_agency_removed(self, agency: bytes) -> bool:
        """Tell whether an agency was removed."""
        return agency in self._state.removed

    def find_removed_devices(self, wanted: Collection[bytes]) -> dict[bytes, bytes]:
        """Give the identity keys of those among these devices whose agency was removed."""
        return _pick(self._state.removed_devices, wanted)

    def add_enrolment(self, digest: bytes, expires: Instant) -> None:
        """Keep the hash of an enrolment code."""
        self._state.enrolments[digest] = expires

    def is_enrolment_open(self, digest: bytes, *, now: Instant) -> bool:
        """Tell whether an enrolment code is there and has not expired."""
        return self._state.enrolments.get(digest, 0) > now

    def spend_enrolment(self, digest: bytes, *, now: Instant) -> bool:
        """Delete an enrolment code; tell whether it was there and had not expired."""
        expires = self._state.enrolments.pop(digest, 0)
        return expires > now

    def find_lanes(self, wanted: Collection[tuple[bytes, str, bytes]]) -> list[LaneRow]:
        """Give the lanes that exist among these, by (agency, week, hash of a capability)."""
        return list(_pick(self._state.lanes, wanted).values())

    def find_crisis_lanes(
        self, digests: Collection[bytes], weeks: Collection[str]
    ) -> dict[bytes, bytes]:
        """Give whose lane each of these hashes opens, where it is of kind crisis in these weeks."""
        return {
            lane.digest: lane.agency
            for lane in self._state.lanes.values()
            if lane.digest in digests and lane.week in weeks and lane.kind == CRISIS
        }

    def count_uses(self, uses: Mapping[LaneRow, int]) -> None:
        """Add to the counters of lanes, in envelopes."""
        for lane, envelopes in uses.items():
            key = (lane.agency, lane.week, lane.digest)
            held = self._state.lanes[key]
            self._state.lanes[key] = replace(held, used=held.used + envelopes)

    def find_week(self, agency: bytes, week: str) -> WeekRow | None:
        """Tell which version of an agency's week is held."""
        return self._state.weeks.get((agency, week))

    def replace_week(
        self, agency: bytes, week: str, held: WeekRow, published: Sequence[tuple[bytes, str]]
    ) -> None:
        """Put an agency's lanes for a week in the place of those before; the counters stay."""
        lanes = self._state.lanes
        before = [key for key in lanes if key[:2] == (agency, week)]
        used = {key[2]: lanes.pop(key).used for key in before}
        for digest, kind in published:
            lanes[agency, week, digest] = LaneRow(agency, week, digest, used.get(digest, 0), kind)
        self._state.weeks[agency, week] = held

    def find_log_head(self) -> LogHead | None:
        """Give the head of the log; None where there never was one."""
        return self._state.head

    def replace_log_head(self, head: LogHead) -> None:
        """Put a head in the place of the one before."""
        self._state.head = head

    def append_leaf(self, leaf: LeafRow, nodes: Mapping[tuple[int, int], bytes]) -> None:
        """Keep a leaf, and the hashes of the subtrees that it completes, by (level, position)."""
        self._state.leaves.append(leaf)
        self._state.nodes.update({**nodes, (0, leaf.position): leaf.leaf_hash})

    def find_nodes(self, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Give hashes of complete subtrees, by (level, position)."""
        return _pick(self._state.nodes, wanted)

    def leaves_from(self, position: int, limit: int) -> list[LeafRow]:
        """Give the leaves from a place on, in order, at most `limit`."""
        return self._state.leaves[position : position + limit]

    def find_manifest_leaves(self, agencies: Collection[bytes]) -> dict[bytes, LeafRow]:
        """Give the leaf of the newest manifest of each of these agencies, by agency."""
        return {
            leaf.agency: leaf
            for leaf in self._state.leaves
            if leaf.kind == MANIFEST_LEAF and leaf.agency in agencies
        }

    def sweep(self, *, now: Instant, oldest_week: str, limit: int) -> Swept:
        """Remove what has expired, at most `limit` envelopes, and of what came."""
        state = self._state
        expired = [key for key, arrival in state.envelopes.items() if arrival.expires <= now]
        self._drop(expired[:limit])
        others = _remove(
            state.seen, [k for k, held in state.seen.items() if held[1] <= now][:limit]
        )
        others += _remove(
            state.enrolments, [k for k, when in state.enrolments.items() if when <= now]
        )
        others += self._sweep_batches(now)
        others += _remove(state.lanes, [key for key in state.lanes if key[1] < oldest_week])
        others += _remove(state.weeks, [key for key in state.weeks if key[1] < oldest_week])
        minute = now // MINUTE
        swept = self.sweep_blobs(minute=minute, oldest_week=oldest_week, limit=BLOB_PIECE_ROWS)
        return Swept(len(expired[:limit]), others, swept)

    def mix(self, *, now: Instant | None, limit: int) -> int:
        """Do nothing: there is no file whose order could tell anything."""
        del now, limit
        return 0

    def _sweep_batches(self, now: Instant) -> int:
        gone = 0
        for device, held in list(self._state.batches.items()):
            newest = held[-1:]
            kept = tuple(each for each in held[:-1] if each[1].over_at > now) + newest
            self._state.batches[device] = kept
            gone += len(held) - len(kept)
        return gone

    def _drop(self, keys: Iterator[tuple[bytes, int]] | list[tuple[bytes, int]]) -> None:
        for key in list(keys):
            del self._state.envelopes[key]
            row = self._state.mailboxes[key[0]]
            self._state.mailboxes[key[0]] = replace(row, waiting=row.waiting - 1)

    def _next_change(self) -> int:
        self._state.change += 1
        return self._state.change

    def _replace_mailboxes(
        self, agency: bytes, held: Sequence[DeviceRow], certified: Sequence[DeviceRow]
    ) -> None:
        state = self._state
        read = {(device.device, device.mailbox) for device in held}
        wanted = {(device.device, device.mailbox) for device in certified}
        gone = {mailbox for _, mailbox in read - wanted}
        _remove(state.envelopes, [key for key in state.envelopes if key[0] in gone])
        _remove(state.seen, [key for key in state.seen if key[0] in gone])
        _remove(state.mailboxes, list(gone))
        for of in gone:
            self.replace_endpoints(of, None)
        for _, of in wanted - read:
            state.mailboxes[of] = MailboxRow(of, agency, 0, 0, 0, None, witness_changed=False)


def _pick(held: dict[K, V], wanted: Collection[K]) -> dict[K, V]:
    return {key: held[key] for key in wanted if key in held}


def _remove(held: dict[K, V], keys: Sequence[K]) -> int:
    for key in keys:
        del held[key]
    return len(keys)
