"""A relay in memory, for tests of programs that use quietway: the real rules, without a network.

It checks what a real relay checks (lanes, signatures, versions, duplicates, numbers, the witness)
and is held to the same contract suite. What it adds are faults to order: `offline`, and
`losing_answers`, where everything arrives and no answer comes back. It may be used from several
threads and loops at once, as blocking clients do.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from quietway.errors import RelayUnreachable
from quietway.testing.relay_blobs import RelayBlobs
from quietway.testing.relay_directory import RelayDirectory
from quietway.testing.relay_holds import RelayHolds
from quietway.testing.relay_log import LOG_SEED
from quietway.testing.relay_mailbox import HeldMailbox, Listener, Mailboxes, tell_all
from quietway.testing.relay_refusal import make_refusal
from quietway_crypto.encoding import encode_base32
from quietway_crypto.lanes import hash_capability
from quietway_protocol.session import WINDOW
from quietway_schemas.envelope import unpack_records
from quietway_schemas.errors import EnvelopeError
from quietway_schemas.frames import MOST_SEQS
from quietway_schemas.ids import DeviceId
from quietway_schemas.wake import WEBHOOK, read_url
from quietway_schemas.withdrawal import MOST_SLIPS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Sequence

    from quietway.ports import (
        Arrival,
        BlobPart,
        BlobStored,
        Clock,
        Mailbox,
        Relay,
        Welcome,
    )
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.directory import DirectoryPage, SignedObject
    from quietway_schemas.envelope import SubmissionRecord
    from quietway_schemas.holds import Claim, Ladder
    from quietway_schemas.ids import AgencyId, EnvelopeId, MailboxId
    from quietway_schemas.instants import Instant
    from quietway_schemas.log import LogLeaves
    from quietway_schemas.wake import WakeEndpoints
    from quietway_schemas.withdrawal import Slip

MOST_RECORDS: Final = 128
MAX_BATCH_BYTES: Final = 1_048_576
LANE_ENVELOPES: Final = {"normal": 20_000, "crisis": 2_000}
_CODE_CHARACTERS: Final = 26


class InMemoryRelay:
    """A relay that many clients of one process share.

    Attributes:
        lane_envelopes: How many envelopes one lane carries in its week, by its kind.
        wake_origins: Where webhooks may lead, as `https://push.example:443`. It sends no mail.
        wakes: What devices left, by mailbox. Nobody is woken.

    Args:
        clock: The relay's own; give it another than a client's to see how clock errors look.
        log_seed: 32 bytes: give it another than a second relay's to have logs of two keys.
    """

    def __init__(self, clock: Clock, *, log_seed: bytes = LOG_SEED) -> None:
        self.clock = clock
        self.books = RelayDirectory(log_seed)
        self.blobs = RelayBlobs()
        self.holds = RelayHolds()
        self.losing_answers = False
        self.lane_envelopes = dict(LANE_ENVELOPES)
        self.wake_origins: set[str] = set()
        self.wakes: dict[MailboxId, WakeEndpoints] = {}
        self._lock = threading.RLock()
        self._mailboxes: Mailboxes = {}
        self._spent: dict[bytes, int] = {}
        self._codes_given = 0
        self._offline = False

    @property
    def offline(self) -> bool:
        """While True every request fails and every open mailbox breaks."""
        return self._offline

    @offline.setter
    def offline(self, offline: bool) -> None:
        with self._lock:
            self._offline = offline
            tell_all(self._mailboxes.values())

    def enrolment_code(self) -> str:
        """Return a new one-time code, as a relay's operator would hand out."""
        with self._lock:
            self._codes_given += 1
            digest = hashlib.sha256(b"enrolment %d" % self._codes_given).digest()
            code = encode_base32(digest)[:_CODE_CHARACTERS]
            self.books.add_code(code)
        return code

    def remove(self, agency: AgencyId) -> None:
        """End an agency's place, as `quietway-relay remove` does."""
        with self._lock:
            self.books.remove(agency)
            self.drop_orphans()

    def connect(self, identity: SigningKey, who: DeviceId | AgencyId) -> Relay:
        """Return the relay as one device sees it, or as the root key of an agency does."""
        return _Connection(self, identity.public, who)

    def envelopes_held(self) -> tuple[bytes, ...]:
        """Return every stored envelope (header || sealed): all that could be shown of them."""
        with self._lock:
            mailboxes = tuple(self._mailboxes.values())
            return tuple(held.envelope for mailbox in mailboxes for held in mailbox.after(0))

    @contextmanager
    def answering(self) -> Iterator[Instant]:
        """Serve one request at a time, or fail it as the faults of the hour ask."""
        with self._lock:
            if self._offline:
                raise RelayUnreachable
            now = self.clock.now()
            for mailbox in self._mailboxes.values():
                mailbox.sweep(now=now)
            self.blobs.sweep(now=now)
            self._deliver(self.holds.look(now=now), now=now)
            yield now
            if self.losing_answers:
                raise RelayUnreachable

    def check_reader(self, who: DeviceId | AgencyId, key: bytes) -> None:
        """Demand a certified device, one of a removed agency, or an agency's root key.

        Raises:
            RelayRefused: `not_authenticated`.
        """
        if isinstance(who, DeviceId):
            if not self.books.is_of_removed(who, key):
                self.mailbox_of(who, key)
        elif self.books.root_key_of(who) != key:
            raise make_refusal("not_authenticated")

    def mailbox_of(self, who: DeviceId | AgencyId, identity_key: bytes) -> HeldMailbox:
        """Return the mailbox of an authenticated device.

        Raises:
            RelayRefused: `not_authenticated`: no manifest certifies it.
        """
        certificate = None
        if isinstance(who, DeviceId):
            certificate = self.books.find_device(who, identity_key)
        if certificate is None:
            raise make_refusal("not_authenticated")
        return self._mailbox(certificate.mailbox)

    def put_wake(
        self, who: DeviceId | AgencyId, identity_key: bytes, endpoints: WakeEndpoints
    ) -> None:
        """Keep where a device is woken, as far as this relay would send there.

        Raises:
            RelayRefused: `not_authenticated` or `invalid_field`.
        """
        certificate = None
        if isinstance(who, DeviceId):
            certificate = self.books.find_device(who, identity_key)
        if certificate is None:
            raise make_refusal("not_authenticated")
        for each in endpoints.endpoints:
            if each.kind != WEBHOOK or read_url(each.target).origin not in self.wake_origins:
                raise make_refusal("invalid_field")
        self.wakes.pop(certificate.mailbox, None)
        if endpoints.endpoints:
            self.wakes[certificate.mailbox] = endpoints

    def mailbox_of_listener(self, device: DeviceId | AgencyId, listen_key: bytes) -> HeldMailbox:
        """Return the mailbox of a device that shows its listen key, which may not read it.

        Raises:
            RelayRefused: `not_authenticated`: no manifest certifies it.
        """
        certificate = self.books.find_listener(device, listen_key)
        if certificate is None:
            raise make_refusal("not_authenticated")
        return self._mailbox(certificate.mailbox)

    def drop_orphans(self) -> None:
        """Delete the mailboxes of devices that no manifest certifies any more."""
        for mailbox in [held for held in self._mailboxes if self.books.agency_of(held) is None]:
            self._mailboxes.pop(mailbox).tell()
            self.wakes.pop(mailbox, None)
            self._deliver(self.holds.close(mailbox), now=self.clock.now())

    def store(self, capability: bytes, records: Sequence[bytes], *, now: Instant) -> None:
        """Store a batch whole, or nothing of it."""
        new = self._admit(capability, _read_batch(records), now=now)
        for record in new:
            self._mailbox(record.header.mailbox).add(record, now=now)
        tell_all(self._mailbox(record.header.mailbox) for record in new)

    def place_hold(
        self, capability: bytes, hold_id: bytes, ladder: Ladder, *, now: Instant
    ) -> None:
        """Store a ladder whole, or nothing of it; deliver what is due at once."""
        if self.holds.is_known(hold_id, ladder):
            return
        new = self._admit(capability, [place.record for place in ladder.places], now=now)
        self.holds.place(hold_id, ladder, new, now=now)
        for record in new:
            mailbox = self._mailbox(record.header.mailbox)
            mailbox.remember(record, now=now)
            mailbox.promised += 1
        self._deliver(self.holds.look(now=now), now=now)

    def claim_hold(self, hold_id: bytes, claim: Claim, *, now: Instant) -> bool:
        """Deliver a claim's words, and behind them all that is held; tell whether it is first."""
        is_repeated, addressed = self.holds.find_claimed(hold_id, claim)
        new = [
            record
            for index, record in enumerate(claim.records)
            if record.header.mailbox in addressed
            and self._mailbox(record.header.mailbox).is_new(record, index=index)
        ]
        for record in () if is_repeated else new:
            self._mailbox(record.header.mailbox).add(record, now=now)
        tell_all(self._mailbox(record.header.mailbox) for record in new)
        first, held = self.holds.claim(hold_id, claim)
        self._deliver(held, now=now)
        return first

    def look(self) -> None:
        """Release what is due by now. A real relay does so each second, by itself."""
        with self.answering():
            pass

    def _deliver(self, released: Sequence[SubmissionRecord], *, now: Instant) -> None:
        for record in released:
            mailbox = self._mailbox(record.header.mailbox)
            mailbox.promised -= 1
            mailbox.deliver(record, now=now)
            mailbox.tell()

    def _admit(
        self, capability: bytes, batch: Sequence[SubmissionRecord], *, now: Instant
    ) -> list[SubmissionRecord]:
        """Decide on a batch and charge its lane; give what is new of it."""
        opening = hash_capability(capability)
        new: dict[tuple[MailboxId, EnvelopeId], SubmissionRecord] = {}
        where: list[int] = []
        kind = ""
        for index, record in enumerate(batch):
            kind = self._check_addressed(record, opening, index=index, now=now)
            place = (record.header.mailbox, record.header.envelope_id)
            if new.get(place, record) != record:
                raise make_refusal("conflict", index=index)
            if place not in new and self._mailbox(place[0]).is_new(record, index=index):
                new[place] = record
                where.append(index)
        self._check_limits(opening, new.values(), kind=kind, where=where)
        return list(new.values())

    def take_back(self, slips: Sequence[Slip]) -> list[bool]:
        """Delete what is held under these slips; tell for each whether it was."""
        if not 1 <= len(slips) <= MOST_SLIPS:
            raise make_refusal("malformed_record")
        return [
            slip.mailbox in self._mailboxes and self._mailboxes[slip.mailbox].take_back(slip)
            for slip in slips
        ]

    def store_part(self, capability: bytes, part: BlobPart, *, now: Instant) -> BlobStored:
        """Store a part of a blob for whoever shows an open lane, whoever's it is."""
        opening = hash_capability(capability)
        if not self.books.is_open_lane(opening, now=now):
            raise make_refusal("not_found")
        return self.blobs.put(opening, part, now=now)

    def _check_addressed(
        self, record: SubmissionRecord, opening: bytes, *, index: int, now: Instant
    ) -> str:
        agency = self.books.agency_of(record.header.mailbox)
        kind = None if agency is None else self.books.opens_lane(agency, opening, now=now)
        if kind is None:
            raise make_refusal("not_found", index=index)
        return kind

    def _check_limits(
        self, opening: bytes, new: Collection[SubmissionRecord], *, kind: str, where: Sequence[int]
    ) -> None:
        spent = self._spent.get(opening, 0) + len(new)
        if new and spent > self.lane_envelopes[kind]:
            room = max(0, self.lane_envelopes[kind] - self._spent.get(opening, 0))
            raise make_refusal("over_quota", index=where[room])
        for mailbox, more in Counter(record.header.mailbox for record in new).items():
            self._mailbox(mailbox).check_room(more)
        self._spent[opening] = spent

    def _mailbox(self, mailbox: MailboxId) -> HeldMailbox:
        return self._mailboxes.setdefault(mailbox, HeldMailbox())


class _Connection:
    """The `Relay` port of one device."""

    def __init__(self, relay: InMemoryRelay, identity_key: bytes, who: DeviceId | AgencyId) -> None:
        self._relay = relay
        self._identity_key = identity_key
        self._who = who

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        with self._relay.answering() as now:
            self._relay.store(capability, records, now=now)

    async def withdraw(self, slips: Sequence[Slip]) -> list[bool]:
        with self._relay.answering():
            return self._relay.take_back(slips)

    async def place_hold(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        with self._relay.answering() as now:
            self._relay.place_hold(capability, hold_id, ladder, now=now)

    async def claim_hold(self, hold_id: bytes, claim: Claim) -> bool:
        with self._relay.answering() as now:
            return self._relay.claim_hold(hold_id, claim, now=now)

    async def open_mailbox(
        self, *, after: int, witness_now: bytes, witness_was: bytes | None, live: bool
    ) -> Mailbox:
        with self._relay.answering() as now:
            held = self._relay.mailbox_of(self._who, self._identity_key)
            welcome = held.greet(now=now, witness_now=witness_now, witness_was=witness_was)
        return _OpenMailbox(self._relay, held, welcome, after=after, live=live)

    async def listen(self) -> AsyncGenerator[int, None]:
        told = -1
        with self._relay.answering():
            held = self._relay.mailbox_of_listener(self._who, self._identity_key)
        listener = Listener(asyncio.get_running_loop())
        held.listeners.append(listener)
        try:
            while True:
                listener.news.clear()
                with self._relay.answering():
                    latest = held.latest
                if latest != told:
                    told = latest
                    yield latest
                else:
                    await listener.news.wait()
        finally:
            held.listeners.remove(listener)

    async def put_manifest(
        self, agency: AgencyId, signed: SignedObject, *, enrolment_code: str | None = None
    ) -> None:
        with self._relay.answering() as now:
            self._relay.books.put_manifest(agency, signed, enrolment_code, now=now)
            self._relay.drop_orphans()

    async def put_epochs(self, agency: AgencyId, signed: SignedObject) -> None:
        with self._relay.answering() as now:
            self._relay.books.put_epochs(agency, signed, now=now)

    async def put_lanes(self, week: str, signed: SignedObject) -> None:
        with self._relay.answering() as now:
            self._relay.books.put_lanes(week, signed, now=now)

    async def put_wake(self, endpoints: WakeEndpoints) -> None:
        with self._relay.answering():
            self._relay.put_wake(self._who, self._identity_key, endpoints)

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        with self._relay.answering():
            self._relay.check_reader(self._who, self._identity_key)
            return self._relay.books.page(after, log_size=log_size)

    async def log_checkpoint(self) -> str:
        with self._relay.answering():
            self._relay.check_reader(self._who, self._identity_key)
            return self._relay.books.log.checkpoint().note

    async def log_consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        with self._relay.answering():
            self._relay.check_reader(self._who, self._identity_key)
            return self._relay.books.log.consistency(old, new)

    async def log_leaves(self, after: int) -> LogLeaves:
        with self._relay.answering():
            self._relay.check_reader(self._who, self._identity_key)
            return self._relay.books.log.leaves_after(after)

    async def put_blob_part(self, capability: bytes, part: BlobPart) -> BlobStored:
        with self._relay.answering() as now:
            return self._relay.store_part(capability, part, now=now)

    async def blob_status(self, blob_id: bytes, writer: bytes) -> BlobStored | None:
        with self._relay.answering():
            held = self._relay.blobs.find_written(blob_id, writer)
            return None if held is None else held.stored

    async def get_blob(self, blob_id: bytes, opening: bytes, *, first: int, last: int) -> bytes:
        with self._relay.answering():
            return self._relay.blobs.fetch(blob_id, opening, first=first, last=last)

    async def delete_blob(self, blob_id: bytes, writer: bytes) -> None:
        with self._relay.answering():
            self._relay.blobs.delete(blob_id, writer)

    async def read_clock(self) -> Instant:
        with self._relay.answering() as now:
            return now - now % 1_000

    async def aclose(self) -> None:
        """Close nothing: there is no connection."""


class _OpenMailbox:
    """The `Mailbox` port over one held mailbox."""

    def __init__(
        self,
        relay: InMemoryRelay,
        held: HeldMailbox,
        welcome: Welcome,
        *,
        after: int,
        live: bool,
    ) -> None:
        self._relay = relay
        self._held = held
        self._welcome = welcome
        self._shown = after
        self._live = live
        self._open = True
        self._unacknowledged: set[int] = set()
        self._listener = Listener(asyncio.get_running_loop())
        held.listeners.append(self._listener)

    @property
    def welcome(self) -> Welcome:
        return self._welcome

    async def arrivals(self) -> AsyncIterator[Arrival]:
        while self._open:
            self._listener.news.clear()
            waiting = self._take()
            for arrival in waiting:
                self._shown = arrival.seq
                self._unacknowledged.add(arrival.seq)
                yield arrival
            if not waiting and not self._live:
                return
            if not waiting:
                await self._listener.news.wait()

    async def acknowledge(self, seqs: Sequence[int]) -> None:
        if not 1 <= len(seqs) <= MOST_SEQS:
            raise make_refusal("invalid_field")
        with self._relay.answering():
            self._held.acknowledge(seqs)
        self._unacknowledged.difference_update(seqs)
        self._listener.news.set()

    async def aclose(self) -> None:
        self._open = False
        if self._listener in self._held.listeners:
            self._held.listeners.remove(self._listener)
        self._listener.news.set()

    def _take(self) -> tuple[Arrival, ...]:
        # Only a socket has a window; a look without one gets page after page.
        room = WINDOW - len(self._unacknowledged) if self._live else None
        with self._relay.answering():
            return self._held.after(self._shown)[:room]


def _read_batch(records: Sequence[bytes]) -> list[SubmissionRecord]:
    body = b"".join(records)
    if len(body) > MAX_BATCH_BYTES:
        raise make_refusal("too_large")
    try:
        batch = unpack_records(body)
    except EnvelopeError as refused:
        raise make_refusal("malformed_record", index=refused.index) from None
    if len(batch) > MOST_RECORDS:
        raise make_refusal("malformed_record")
    return batch
